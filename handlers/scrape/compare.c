/* SPDX-License-Identifier: MIT */
/* compare.c - what has changed on a page.
 *
 * Both items were written by us, so equal values are equal texts.
 */
#include "handlers/scrape/compare.h"

#include "base/arena.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/record/walk.h"
#include "handlers/handler.h"
#include "handlers/job_named.h"
#include "handlers/scrape/field.h"

#include <string.h>

/* clang-format off */
static const struct param name_element[] = {
	{.kind = PARAM_TEXT, .min = 1, .max = NAME_BYTES_MAX, .summary = "A field of extract, title or body_sha256"},
	{0},
};

const struct param compare_params[] = {
	{.name = "job", .kind = PARAM_TEXT, .required = true, .min = 1, .max = ID_TEXT_LEN,
	 .summary = "Whose results are what was"},
	{.name = "fields", .kind = PARAM_ARRAY, .members = name_element, .min = 1, .max = FIELDS_MAX,
	 .summary = "What is compared; by default all of extract, without it body_sha256"},
	{0},
};
/* clang-format on */

static bool name_known(const char *name, const struct field_list *extract)
{
	static const char *const facts[] = {"title", "body_sha256", "content_length", "link_count",
					    "links"};

	for (size_t i = 0; i < ARRAY_LEN(facts); i++)
		if (strcmp(facts[i], name) == 0)
			return true;
	for (size_t i = 0; i < extract->count; i++)
		if (strcmp(extract->at[i].name, name) == 0)
			return true;
	return false;
}

static void names_read(const struct json *names, const struct field_list *extract,
		       struct comparison *ret, struct mistakes *mistakes)
{
	for (const struct json *name = json_first(names); name; name = json_next(name)) {
		const char *text = json_text(name, "");

		if (!name_known(text, extract))
			mistake_add(mistakes,
				    mistakes_pointer_index(mistakes,
							   "/spec/if_changed_since/fields",
							   ret->fields_count),
				    "unknown-field", "extract has no '%s'", text);
		ret->fields[ret->fields_count++] = text;
	}
}

int compare_read(const struct json *spec, const struct field_list *extract, struct arena *arena,
		 struct comparison *ret, struct planner *planner)
{
	const struct json *since = json_get(spec, "if_changed_since");
	const struct json *names = since ? json_get(since, "fields") : NULL;
	size_t room = names ? json_count(names) : extract->count;

	if (!since || json_kind(since) == JSON_NULL)
		return 0;
	job_named(spec_text(since, "job", ""), "/spec/if_changed_since/job", planner, &ret->job);
	ret->fields = arena_array(arena, room + 1, sizeof(*ret->fields));
	if (!ret->fields)
		return -1;
	if (names)
		names_read(names, extract, ret, planner->mistakes);
	for (size_t i = 0; !names && i < extract->count; i++)
		ret->fields[ret->fields_count++] = extract->at[i].name;
	if (ret->fields_count == 0)
		ret->fields[ret->fields_count++] = "body_sha256";
	return 0;
}

/* ---- one page ---- */

static struct value member_of(const char *item, size_t len, const char *name)
{
	struct value root = {.kind = VALUE_MISSING};

	if (len == 0)
		return root;
	value_read(item, len, &root);
	return walk_member(&root, name);
}

static bool same(const struct value *a, const struct value *b)
{
	return a->kind == b->kind && a->len == b->len &&
	       (a->len == 0 || memcmp(a->at, b->at, a->len) == 0);
}

/* Adds the member `side` with the values of `data` for all fields that differ. */
static void side_out(const struct comparison *c, const struct value *before,
		     const struct value *after, const struct value *data, const char *side,
		     struct json_out *out)
{
	json_out_object(out, side);
	for (size_t i = 0; i < c->fields_count; i++) {
		struct value was = walk_member(before, c->fields[i]);
		struct value is = walk_member(after, c->fields[i]);
		struct value value = walk_member(data, c->fields[i]);
		struct buf text = BUF(ITEM_BYTES_MAX);

		if (same(&was, &is))
			continue;
		value_print(&value, &text);
		json_out_raw(out, c->fields[i], buf_text(&text), text.len);
		buf_done(&text);
	}
	json_out_end(out, '}');
}

static bool all_same(const struct comparison *c, const struct value *before,
		     const struct value *after)
{
	for (size_t i = 0; i < c->fields_count; i++) {
		struct value was = walk_member(before, c->fields[i]);
		struct value is = walk_member(after, c->fields[i]);

		if (!same(&was, &is))
			return false;
	}
	return true;
}

/* A redirect has no data: it is what it was when it leads where it led. */
static bool redirect_changed(const char *before, size_t before_len, const struct buf *item)
{
	struct value data = member_of(before, before_len, "data");
	struct value was = member_of(before, before_len, "final_url");
	struct value is = member_of(item->data, item->len, "final_url");

	return data.kind != VALUE_NULL || !same(&was, &is);
}

bool compare_item(const struct comparison *comparison, const char *before, size_t before_len,
		  struct buf *item)
{
	struct value was = member_of(before, before_len, "data");
	struct value is = member_of(item->data, item->len, "data");
	struct buf change = BUF(ITEM_BYTES_MAX);
	struct json_out out = JSON_OUT(&change);
	bool known = was.kind == VALUE_OBJECT;

	if (is.kind != VALUE_OBJECT)
		return redirect_changed(before, before_len, item);
	if (known && all_same(comparison, &was, &is))
		return false;
	json_out_object(&out, NULL);
	json_out_text(&out, "kind", known ? "changed" : "new");
	if (known)
		side_out(comparison, &was, &is, &was, "before", &out);
	else
		json_out_null(&out, "before");
	side_out(comparison, &was, &is, &is, "after", &out);
	json_out_end(&out, '}');
	buf_cut(item, item->len - 1); /* the bracket */
	buf_add_text(item, ",\"change\":");
	buf_add(item, buf_text(&change), change.len);
	buf_add_byte(item, '}');
	buf_done(&change);
	return true;
}
