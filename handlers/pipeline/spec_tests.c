/* SPDX-License-Identifier: MIT */
/* spec_tests.c - `tests` of a spec: records, and what is to become of them. */
#include "handlers/pipeline/preview.h"

#include "handlers/input/sample.h"
#include "handlers/pipeline/trial.h"
#include "handlers/schema/schema.h"

#include <string.h>

enum { DETAIL_BYTES = 120 };

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

/* Numbers by what they are, the rest as it is written. */
static bool scalars_differ(const struct json *got, const struct json *expected)
{
	struct buf one = BUF(JOB_SPEC_BYTES_MAX), other = BUF(JOB_SPEC_BYTES_MAX);
	bool differ;

	if (json_kind(got) == JSON_NUMBER)
		return json_number(got, 0) != json_number(expected, 0);
	json_print(got, &one);
	json_print(expected, &other);
	differ = strcmp(buf_text(&one), buf_text(&other)) != 0;
	buf_done(&one);
	buf_done(&other);
	return differ;
}

static bool difference_find(const struct json *got, const struct json *expected, struct buf *path);

static bool members_differ(const struct json *got, const struct json *expected, struct buf *path)
{
	size_t before = path->len;

	for (const struct json *at = json_first(expected); at; at = json_next(at)) {
		buf_printf(path, "/%s", json_name(at));
		if (difference_find(json_get(got, json_name(at)), at, path))
			return true;
		buf_cut(path, before);
	}
	for (const struct json *at = json_first(got); at; at = json_next(at)) {
		if (json_get(expected, json_name(at)))
			continue;
		buf_printf(path, "/%s", json_name(at));
		return true;
	}
	return false;
}

static bool elements_differ(const struct json *got, const struct json *expected, struct buf *path)
{
	const struct json *one = json_first(got), *other = json_first(expected);
	size_t before = path->len;

	for (size_t i = 0; one || other; i++) {
		buf_printf(path, "/%zu", i);
		if (difference_find(one, other, path))
			return true;
		buf_cut(path, before);
		one = json_next(one);
		other = json_next(other);
	}
	return false;
}

/* Where two values differ first, as names behind slashes; false: nowhere.  NULL: there is none. */
static bool difference_find(const struct json *got, const struct json *expected, struct buf *path)
{
	if (!got || !expected || json_kind(got) != json_kind(expected))
		return true;
	if (json_kind(got) == JSON_OBJECT)
		return members_differ(got, expected, path);
	if (json_kind(got) == JSON_ARRAY)
		return elements_differ(got, expected, path);
	return scalars_differ(got, expected);
}

static void expected_told(const struct json *expected, const char *line, size_t len,
			  const char *pointer, struct mistakes *mistakes)
{
	struct buf text = BUF(JOB_SPEC_BYTES_MAX), path = BUF(JOB_SPEC_BYTES_MAX);
	struct mistake *mistake;
	struct json_place place;
	struct json *got = NULL;
	struct err err;
	bool nested;

	nested = json_parse(line, len, &got, &place, &err) == 0 &&
		 difference_find(got, expected, &path) && path.len > 0;
	json_print(expected, &text);
	mistake = mistake_add(mistakes, pointer, "test-failed", "the result is %.*s%s%s%.*s",
			      (int)MIN(len, (size_t)DETAIL_BYTES), line,
			      len > DETAIL_BYTES ? "…" : "", nested ? ": it differs at " : "",
			      DETAIL_BYTES, nested ? buf_text(&path) : "");
	mistake_hint(mistakes, mistake, "%.*s", DETAIL_BYTES, buf_text(&text));
	json_free(got);
	buf_done(&path);
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

static void trial_judge(const struct trial *trial, const struct json *expect, const char *pointer,
			struct mistakes *mistakes)
{
	const char *stage;
	const struct err *end = trial_end(trial, &stage);
	bool whole;
	const struct buf *results = trial_results(trial, &whole);

	if (end)
		mistake_add(mistakes, pointer, "test-failed", "it fails: %s%s%s",
			    stage ? stage : "", stage ? ": " : "", end->detail);
	else if (!whole)
		mistake_add(mistakes, pointer, "test-failed",
			    "all tests together have %d s, and it was not done then",
			    TRIAL_US_MAX / 1000000);
	else
		results_compare(results, expect, mistakes_pointer(mistakes, pointer, "expect"),
				mistakes);
}

static void test_run(const struct plan *plan, const struct json *test,
		     struct trial_options *options, const char *pointer, struct mistakes *mistakes)
{
	struct sample *sample = sample_of_records(json_get(test, "input"));
	struct trial *trial = NULL;
	struct err err;

	options->sample = sample;
	err_set(&err, ERR_LIMIT, "more than %d bytes of records", SAMPLE_BYTES_MAX);
	if (sample && trial_run(plan, options, &trial, &err) == 0)
		trial_judge(trial, json_get(test, "expect"), pointer, mistakes);
	else
		mistake_add(mistakes, pointer, err_name(err.code), "%s", err.detail);
	trial_free(trial);
	sample_free(sample);
}

void pipeline_check(const struct plan *plan, const struct rehearsal *rehearsal,
		    struct mistakes *mistakes)
{
	const struct json *tests = plan->tests;
	struct trial_options options = {
		.params = rehearsal->params,
		.files = rehearsal->files,
		.until_us = clock_us() + TRIAL_US_MAX,
	};
	size_t index = 0;

	for (const struct json *at = tests ? json_first(tests) : NULL; at; at = json_next(at))
		test_run(plan, at, &options,
			 mistakes_pointer_index(mistakes, "/spec/tests", index++), mistakes);
}
