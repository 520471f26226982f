/* SPDX-License-Identifier: MIT */
/* fuzz_extract.c - scrape/field*: fields of every kind over any body, and any fields.
 *
 * The input: a letter that says what the body is (j: JSON, t: text, else HTML), then the
 * JSON of `extract` up to the first line feed, then the body.  What is written is JSON.
 */
#include "base/arena.h"
#include "handlers/scrape/field.h"
#include "handlers/scrape/page.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void page_ask(const struct field_list *list, const struct page_source *source,
		     struct arena *arena)
{
	struct buf text = BUF(1 << 20);
	struct json_out out = JSON_OUT(&text);
	struct json_place place;
	struct page page;
	struct err err;

	if (page_open(&page, source, arena, &err) == 0) {
		json_out_object(&out, NULL);
		if (fields_extract(list, &page, &out, &err) == 0) {
			json_out_end(&out, '}');
			/* What JSON answers hold may be too deep or too odd for our own reader, */
			/* but is never malformed. */
			assert(!buf_ok(&text) ||
			       json_check(text.data, text.len, &place, &err) == 0 ||
			       err.code != ERR_INVALID_JSON || list->count == 0 ||
			       page.kind == PAGE_JSON || page.linked_count > 0);
		}
	}
	page_close(&page);
	buf_done(&text);
}

static void extract_ask(const struct json *extract, const struct page_source *source)
{
	static const struct param params[] = {
		{.name = "f", .kind = PARAM_MAP, .members = field_element, .max = 20},
		{0},
	};
	struct arena arena = ARENA(1 << 24);
	struct field_list list = {0};
	struct mistakes mistakes;

	mistakes_init(&mistakes);
	if (spec_check(params, extract, "", &mistakes) == 0 &&
	    fields_plan(json_get(extract, "f"), "/f", &arena, &list, &mistakes) == 0 &&
	    mistakes.count == 0)
		page_ask(&list, source, &arena);
	fields_free(&list);
	mistakes_done(&mistakes);
	arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *line = memchr(data, '\n', size);
	struct page_source source = {.url = "http://a.example/b/"};
	struct json_place place;
	struct json *extract;
	struct err err;
	char *body;

	if (size < 2 || !line || line == data)
		return 0;
	source.len = size - (size_t)(line + 1 - data);
	source.content_type = *data == 'j'   ? "application/json"
			      : *data == 't' ? "text/plain"
					     : "text/html";
	body = malloc(source.len + 1);
	assert(body);
	memcpy(body, line + 1, source.len);
	body[source.len] = '\0';
	source.bytes = body;
	if (json_parse((const char *)data + 1, (size_t)(line - data) - 1, &extract, &place, &err) ==
	    0) {
		extract_ask(extract, &source);
		json_free(extract);
	}
	free(body);
	return 0;
}
