/* SPDX-License-Identifier: MIT */
/* extract.c - a field of a page as a member of its item.
 *
 * One value is the first find that has one; all values are an array; a field with fields
 * inside is an object for each find.  What is missing is the default, else null; a
 * required field that is missing fails the whole page.
 */
#include "handlers/scrape/field.h"
#include "handlers/scrape/page.h"

#include "base/arena.h"
#include "base/limits.h"

#include <string.h>

static void missing_out(const struct field *field, struct page *page, struct json_out *out)
{
	if (field->required && !page->missing)
		page->missing = field->name;
	if (field->preset)
		json_out_json(out, field->name, field->preset);
	else if (field->all)
		json_out_raw(out, field->name, "[]", 2);
	else
		json_out_null(out, field->name);
}

/* ---- values ---- */

struct values {
	const struct field *field;
	struct page *page;
	struct json_out *out;
	unsigned count;
	bool open; /* the array has begun */
	struct err *err;
	bool failed;
};

static bool value_found(void *ctx, const struct find *find)
{
	struct values *values = ctx;
	const struct field *field = values->field;
	struct value_place place = {values->out, field->all ? NULL : field->name};
	unsigned count;

	if (field->all && !values->open) {
		json_out_array(values->out, field->name);
		values->open = true;
	}
	values->failed = value_write(field, values->page, find, &place, &count, values->err) != 0;
	values->count += count;
	if (count == 0 && field->all && !field->pattern)
		json_out_null(values->out, NULL); /* lists of one page stay aligned */
	return !values->failed && buf_ok(values->out->buf) && (field->all || count == 0);
}

static int values_extract(const struct field *field, struct page *page, const struct find *scope,
			  struct json_out *out, unsigned *ret_count, struct err *err)
{
	struct values values = {.field = field, .page = page, .out = out, .err = err};

	if (field_find(field, page, scope, value_found, &values, err) || values.failed)
		return -1;
	if (values.open)
		json_out_end(out, ']');
	if (!values.open && values.count == 0)
		missing_out(field, page, out);
	else if (values.count == 0 && field->required && !page->missing)
		page->missing = field->name;
	*ret_count = values.count;
	return 0;
}

/* ---- objects ---- */

/* Finds are gathered first: what is inside is searched by the same means. */
struct gathering {
	struct arena *arena;
	struct find *finds;
	size_t count, cap;
	bool single;
};

static bool find_gather(void *ctx, const struct find *find)
{
	struct gathering *gathering = ctx;

	if (gathering->count == gathering->cap) {
		size_t cap = gathering->cap ? gathering->cap * 2 : 16;
		struct find *finds = arena_array(gathering->arena, cap, sizeof(*finds));

		if (!finds)
			return false;
		if (gathering->count)
			memcpy(finds, gathering->finds, gathering->count * sizeof(*finds));
		gathering->finds = finds;
		gathering->cap = cap;
	}
	if (find->kind == FOUND_TEXT)
		return true; /* nothing is inside a text */
	gathering->finds[gathering->count++] = *find;
	return !gathering->single && gathering->count < FIELD_OBJECTS_MAX;
}

static int object_out(const struct field *field, struct page *page, const struct find *scope,
		      const char *name, struct json_out *out, struct err *err)
{
	json_out_object(out, name);
	for (size_t i = 0; i < field->fields_count; i++)
		if (field_extract(&field->fields[i], page, scope, out, NULL, err))
			return -1;
	json_out_end(out, '}');
	return 0;
}

static int objects_extract(const struct field *field, struct page *page, const struct find *scope,
			   struct json_out *out, unsigned *ret_count, struct err *err)
{
	struct gathering gathering = {.arena = page->arena, .single = !field->all};

	if (field_find(field, page, scope, find_gather, &gathering, err))
		return -1;
	if (arena_failed(page->arena))
		return err_set(err, ERR_LIMIT, "the page has too many objects");
	*ret_count = (unsigned)gathering.count;
	if (gathering.count == 0) {
		missing_out(field, page, out);
		return 0;
	}
	if (!field->all)
		return object_out(field, page, &gathering.finds[0], field->name, out, err);
	json_out_array(out, field->name);
	for (size_t i = 0; i < gathering.count && buf_ok(out->buf); i++)
		if (object_out(field, page, &gathering.finds[i], NULL, out, err))
			return -1;
	json_out_end(out, ']');
	return 0;
}

int field_extract(const struct field *field, struct page *page, const struct find *scope,
		  struct json_out *out, unsigned *ret_count, struct err *err)
{
	unsigned count = 0;
	int rc = field->fields ? objects_extract(field, page, scope, out, &count, err)
			       : values_extract(field, page, scope, out, &count, err);

	if (ret_count)
		*ret_count = count;
	return rc ? err_wrap(err, "%s", field->name) : 0;
}

int fields_extract(const struct field_list *list, struct page *page, struct json_out *out,
		   struct err *err)
{
	for (size_t i = 0; i < list->count; i++)
		if (field_extract(&list->at[i], page, NULL, out, NULL, err))
			return -1;
	if (page->missing)
		return err_set(err, ERR_FIELD_MISSING, "the required field '%s' is not there",
			       page->missing);
	return 0;
}
