/* SPDX-License-Identifier: MIT */
/* preview.c - what each field finds in one page, for people who write selectors. */
#include "handlers/scrape/scrape.h"

#include "base/clock.h"
#include "base/limits.h"

#include <stdlib.h>
#include <string.h>

enum { PREVIEW_ARENA_BYTES_MAX = 32 * 1024 * 1024 };

/* clang-format off */
const struct param preview_params[] = {
	{.name = "html", .kind = PARAM_TEXT, .max = JSON_STRING_BYTES_MAX,
	 .summary = "The page itself; url is then only what its links are relative to"},
	{.name = "url", .kind = PARAM_TEXT, .min = 1, .max = URL_BYTES_MAX,
	 .summary = "The page to fetch, when html is absent"},
	{.name = "content_type", .kind = PARAM_TEXT, .min = 1, .max = NAME_BYTES_MAX,
	 .preset = "\"text/html\"", .summary = "What html is: application/json for a JSON answer"},
	{.name = "extract", .kind = PARAM_MAP, .members = field_element, .required = true,
	 .max = FIELDS_MAX, .summary = "As in the spec of a job"},
	{0},
};
/* clang-format on */

static void url_read(const struct json *body, struct plan *plan, struct mistakes *mistakes)
{
	const char *text = json_text(json_get(body, "url"), NULL);
	struct url url;
	struct err err;

	if (!text && !json_get(body, "html"))
		mistake_add(mistakes, "/html", "missing-member", "html or url is required");
	if (text && (url_parse(text, strlen(text), NULL, &plan->arena, &url, &err) ||
		     url_check_fetch(&url, &err)))
		mistake_add(mistakes, "/url", "bad-url", "%s", err.detail);
}

int preview_plan(const struct json *body, struct planner *planner, struct plan **ret_plan)
{
	struct plan *plan = calloc(1, sizeof(*plan));

	if (!plan)
		return -1;
	arena_init(&plan->arena, PREVIEW_ARENA_BYTES_MAX);
	url_read(body, plan, planner->mistakes);
	if (fields_plan(json_get(body, "extract"), "/extract", &plan->arena, &plan->fields,
			planner->mistakes) == 0 &&
	    planner->mistakes->count == 0) {
		*ret_plan = plan;
		return 0;
	}
	scrape_plan_free(plan);
	return -1;
}

/* How many values there are when all are asked for. */
static unsigned matches_count(const struct field *field, struct page *page)
{
	struct field all = *field;
	struct buf scrap = BUF(ITEM_BYTES_MAX);
	struct json_out out = JSON_OUT(&scrap);
	unsigned count = 0;
	struct err err;

	all.all = true;
	json_out_object(&out, NULL);
	if (field_extract(&all, page, NULL, &out, &count, &err))
		count = 0;
	buf_done(&scrap);
	return count;
}

/* The field's value as a member "value"; a field that fails has an error instead. */
static int value_preview(const struct field *field, struct page *page, struct json_out *out,
			 unsigned *ret_count, struct err *err)
{
	struct buf value = BUF(ITEM_BYTES_MAX);
	struct json_out value_out = JSON_OUT(&value);
	struct field alone = *field;
	int rc;

	alone.name = "value";
	json_out_object(&value_out, NULL);
	rc = field_extract(&alone, page, NULL, &value_out, ret_count, err);
	if (rc == 0 && buf_ok(&value)) /* {"value":… */
		json_out_raw(out, "value", value.data + 9, value.len - 9);
	buf_done(&value);
	return rc;
}

static void field_preview(const struct field *field, struct page *page, struct json_out *out,
			  unsigned *ret_matches)
{
	int64_t start_us = clock_us();
	unsigned count = 0;
	struct err err;
	int64_t time_us;
	int rc;

	json_out_object(out, field->name);
	rc = value_preview(field, page, out, &count, &err);
	time_us = clock_us() - start_us;
	*ret_matches = rc || count == 0 ? count : matches_count(field, page);
	json_out_int(out, "matches", *ret_matches);
	json_out_int(out, "time_us", time_us);
	if (rc) {
		json_out_object(out, "error");
		json_out_text(out, "type", err_name(err.code));
		json_out_text(out, "detail", err.detail);
		json_out_end(out, '}');
	}
	json_out_end(out, '}');
}

static void warnings_out(const struct field_list *list, const unsigned *matches,
			 struct json_out *out)
{
	json_out_array(out, "warnings");
	for (size_t i = 0; i < list->count; i++) {
		if (matches[i] > 0)
			continue;
		json_out_object(out, NULL);
		json_out_text(out, "field", list->at[i].name);
		json_out_text(out, "detail",
			      list->at[i].required
				      ? "nothing was found: a page fails as missing-field"
				      : "nothing was found");
		json_out_end(out, '}');
	}
	json_out_end(out, ']');
}

static int page_preview(const struct plan *plan, struct page *page, struct json_out *out,
			struct err *err)
{
	unsigned *matches = arena_array(page->arena, plan->fields.count + 1, sizeof(*matches));

	if (!matches)
		return err_set(err, ERR_NO_MEMORY, "no memory for the test");
	json_out_object(out, "fields");
	for (size_t i = 0; i < plan->fields.count; i++)
		field_preview(&plan->fields.at[i], page, out, &matches[i]);
	json_out_end(out, '}');
	warnings_out(&plan->fields, matches, out);
	json_out_object(out, "page");
	if (page_facts_out(page, out, err))
		return -1;
	json_out_end(out, '}');
	return 0;
}

int scrape_preview(const struct plan *plan, const struct fetch_result *sample, struct json_out *out,
		   struct err *err)
{
	struct arena arena = ARENA(PREVIEW_ARENA_BYTES_MAX);
	struct page_source source = {
		.bytes = sample->body,
		.len = sample->body_len,
		.content_type = sample->content_type,
		.url = sample->final_url,
	};
	int64_t start_us = clock_us();
	struct page page;
	int rc = page_open(&page, &source, &arena, err);

	json_out_object(out, NULL);
	json_out_text(out, "final_url", sample->final_url);
	if (sample->status)
		json_out_int(out, "http_status", sample->status);
	json_out_int(out, "parse_us", clock_us() - start_us);
	if (rc == 0)
		rc = page_preview(plan, &page, out, err);
	json_out_end(out, '}');
	page_close(&page);
	arena_done(&arena);
	return rc;
}
