/* SPDX-License-Identifier: MIT */
/* trial.c - specs tried on records: `tests` of a spec, and POST /v1/handlers/pipeline/test.
 *
 * A test that does not come out as expected is a mistake of its spec, at submit and at validate.
 */
#include "handlers/pipeline/rehearse.h"

#include "handlers/pipeline/pipeline.h"
#include "handlers/schema/schema.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_RECORDS = 20, DETAIL_BYTES = 120 };

/* ---- tests ---- */

/* Is this line that value?  By what they are: 1 is 1.0, members have no order. */
static bool line_is(const char *line, size_t len, const struct json *expected)
{
	struct buf text = BUF(JOB_SPEC_BYTES_MAX);
	struct schema_scratch *scratch = schema_scratch_new();
	struct mistakes none;
	struct json_place place;
	struct json *json = NULL;
	struct schema *schema = NULL;
	struct scanner *scanner = NULL;
	struct scan_mistake wrong;
	struct fields fields;
	struct value values[2];
	struct err err;
	bool is = false;

	mistakes_init(&none);
	fields_init(&fields);
	buf_add_text(&text, "{\"const\":");
	json_print(expected, &text);
	buf_add_byte(&text, '}');
	if (buf_ok(&text) && json_parse(text.data, text.len, &json, &place, &err) == 0)
		schema = schema_new(json, "", &none);
	if (schema && schema_fields(schema, &fields, &err) == 0)
		scanner = scanner_new(&fields);
	if (scanner && scratch && fields.count <= ARRAY_LEN(values) &&
	    scan(scanner, line, len, values, &wrong) == 0)
		is = schema_check(schema, scratch, values, &err) == 0;
	scanner_free(scanner);
	schema_free(schema);
	schema_scratch_free(scratch);
	fields_done(&fields);
	json_free(json);
	mistakes_done(&none);
	buf_done(&text);
	return is;
}

static void expected_told(const struct json *expected, const char *line, size_t len,
			  const char *pointer, struct mistakes *mistakes)
{
	struct buf text = BUF(JOB_SPEC_BYTES_MAX);
	struct mistake *mistake;

	json_print(expected, &text);
	mistake = mistake_add(mistakes, pointer, "test-failed", "the result is %.*s%s",
			      (int)MIN(len, (size_t)DETAIL_BYTES), line,
			      len > DETAIL_BYTES ? "…" : "");
	mistake_hint(mistakes, mistake, "%.*s", DETAIL_BYTES, buf_text(&text));
	buf_done(&text);
}

static void results_compare(const struct buf *results, const struct json *expect,
			    const char *pointer, struct mistakes *mistakes)
{
	const char *at = buf_text(results), *end;
	const struct json *expected = json_first(expect);
	size_t index = 0;

	for (; *at && expected; at = end + 1, expected = json_next(expected), index++) {
		end = strchr(at, '\n');
		if (!line_is(at, (size_t)(end - at), expected))
			expected_told(expected, at, (size_t)(end - at),
				      mistakes_pointer_index(mistakes, pointer, index), mistakes);
	}
	if (expected)
		mistake_add(mistakes, mistakes_pointer_index(mistakes, pointer, index),
			    "test-failed", "there are %zu results", index);
	else if (*at)
		mistake_add(mistakes, pointer, "test-failed", "there is one more result: %.*s",
			    (int)MIN(strcspn(at, "\n"), (size_t)DETAIL_BYTES), at);
}

static void test_run(const struct plan *plan, const struct json *test, const char *pointer,
		     struct mistakes *mistakes)
{
	struct rehearsal rehearsal = {0};
	struct err err;

	if (rehearse(plan, json_get(test, "input"), &rehearsal, &err))
		mistake_add(mistakes, pointer, err_name(err.code), "%s", err.detail);
	else if (rehearsal.failed.code != ERR_NONE)
		mistake_add(mistakes, pointer, "test-failed", "it fails: %s",
			    rehearsal.failed.detail);
	else
		results_compare(&rehearsal.results, json_get(test, "expect"),
				mistakes_pointer(mistakes, pointer, "expect"), mistakes);
	rehearsal_done(&rehearsal);
}

void tests_run(const struct plan *plan, const struct json *tests, struct mistakes *mistakes)
{
	size_t index = 0;

	for (const struct json *at = tests ? json_first(tests) : NULL; at; at = json_next(at))
		test_run(plan, at, mistakes_pointer_index(mistakes, "/spec/tests", index++),
			 mistakes);
}

/* ---- previews ---- */

/* Lines as the elements of an array. */
static void lines_out(const char *name, const struct buf *lines, unsigned max, struct json_out *out)
{
	const char *at = buf_text(lines), *end;

	json_out_array(out, name);
	for (unsigned i = 0; *at && i < max; i++, at = end + 1) {
		end = strchr(at, '\n');
		json_out_raw(out, NULL, at, (size_t)(end - at));
	}
	json_out_end(out, ']');
}

static void error_out(const struct err *err, struct json_out *out)
{
	json_out_object(out, "error");
	json_out_text(out, "type", err_name(err->code));
	json_out_text(out, "detail", err->detail);
	json_out_end(out, '}');
}

static void stage_preview(const struct rehearsal *rehearsal, unsigned turn, struct json_out *out)
{
	const struct stage_lane *at = &rehearsal->pipeline->lanes[0].stages[turn];

	json_out_object(out, NULL);
	json_out_text(out, "stage", at->stage->name);
	json_out_text(out, "verb", at->stage->kind->verb);
	json_out_int(out, "in", at->counts[COUNT_IN]);
	json_out_int(out, "out", at->counts[COUNT_OUT]);
	json_out_int(out, "failed", at->counts[COUNT_FAILED]);
	json_out_int(out, "filtered", at->counts[COUNT_FILTERED]);
	lines_out("records", &rehearsal->given[turn], SHOWN_RECORDS, out);
	json_out_end(out, '}');
}

static void failures_out(const struct pipe_lane *lane, struct json_out *out)
{
	json_out_array(out, "errors");
	for (size_t i = 0; i < lane->failed_count && i < SHOWN_RECORDS; i++) {
		const struct failed_row *failed = &lane->failed[i];

		json_out_object(out, NULL);
		json_out_text(out, "stage", failed->stage ? failed->stage->name : "input");
		if (failed->offset >= 0)
			json_out_int(out, "record", failed->offset);
		error_out(&failed->err, out);
		json_out_end(out, '}');
	}
	json_out_end(out, ']');
}

int pipeline_preview(const struct plan *plan, const struct fetch_result *sample,
		     struct json_out *out, struct err *err)
{
	struct rehearsal rehearsal = {.given_max = SHOWN_RECORDS};
	int rc = rehearse(plan, plan->sample, &rehearsal, err);

	(void)sample;
	if (rc == 0) {
		json_out_object(out, NULL);
		json_out_array(out, "stages");
		for (unsigned i = 0; i < plan->count; i++)
			stage_preview(&rehearsal, i, out);
		json_out_end(out, ']');
		lines_out("results", &rehearsal.results, UINT_MAX, out);
		failures_out(&rehearsal.pipeline->lanes[0], out);
		if (rehearsal.failed.code != ERR_NONE)
			error_out(&rehearsal.failed, out);
		json_out_end(out, '}');
	}
	rehearsal_done(&rehearsal);
	return rc;
}
