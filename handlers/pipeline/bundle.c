/* SPDX-License-Identifier: MIT */
/* bundle.c - rows in, rows added, and the lists of those that go on. */
#include "handlers/pipeline/bundle.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS_FIRST = 64 };

static int no_memory(struct err *err)
{
	return err_set(err, ERR_NO_MEMORY, "no memory for records");
}

int bundle_init(struct bundle *bundle, const struct stretch *stretch, struct err *err)
{
	*bundle = (struct bundle){.stretch = stretch};
	arena_init(&bundle->arena, PIPELINE_BUNDLE_BYTES_MAX);
	buf_init(&bundle->text, RECORD_BYTES_MAX);
	bundle->scanner = scanner_new(&stretch->fields);
	bundle->found = calloc(stretch->fields.count + 1, sizeof(*bundle->found));
	if (bundle->scanner && bundle->found)
		return 0;
	bundle_done(bundle);
	return no_memory(err);
}

void bundle_done(struct bundle *bundle)
{
	if (!bundle->stretch)
		return;
	scanner_free(bundle->scanner);
	free(bundle->records);
	free(bundle->made);
	free(bundle->before);
	free(bundle->found);
	arena_done(&bundle->arena);
	buf_done(&bundle->text);
	*bundle = (struct bundle){0};
}

void bundle_clear(struct bundle *bundle)
{
	bundle->base = bundle->count = 0;
	bundle->values = NULL;
	if (bundle->arena.used > 0)
		arena_clear(&bundle->arena);
}

static bool grown(void **array, size_t count, size_t size)
{
	void *larger = realloc(*array, MAX(count * size, 1));

	if (larger)
		*array = larger;
	return larger != NULL;
}

/* Room for `count` rows in all, of which `base` have their values elsewhere. */
static int rows_room(struct bundle *bundle, size_t count, struct err *err)
{
	const struct stretch *stretch = bundle->stretch;
	size_t room = MAX(bundle->room, ROWS_FIRST);

	if (count <= bundle->room)
		return 0;
	while (room < count)
		room *= 2;
	if (!grown((void **)&bundle->records, room, sizeof(*bundle->records)) ||
	    !grown((void **)&bundle->before, room * stretch->written_count,
		   sizeof(*bundle->before)) ||
	    !grown((void **)&bundle->made, room * stretch->fields.count, sizeof(*bundle->made)))
		return no_memory(err);
	bundle->room = room;
	return 0;
}

int bundle_fill(struct bundle *bundle, const struct rows *rows, bool json, struct picks *picks,
		struct err *err)
{
	bundle_clear(bundle);
	if (rows_room(bundle, rows->count, err) || picks_room(picks, rows->count, err))
		return -1;
	bundle->base = bundle->count = rows->count;
	bundle->values = rows->values;
	for (uint32_t i = 0; i < rows->count; i++) {
		const struct row *row = &rows->row[i];

		bundle->records[i] = (struct record){json ? row->raw : NULL, row->len, i, 0};
		if (!row->mistake)
			picks->rows[picks->count++] = i;
	}
	return 0;
}

int bundle_add(struct bundle *bundle, const char *text, size_t len, uint32_t order,
	       uint32_t *ret_row, struct err *err)
{
	struct scan_mistake mistake;
	uint32_t row = (uint32_t)bundle->count;

	if (rows_room(bundle, bundle->count + 1, err))
		return -1;
	if (scan(bundle->scanner, text, len, bundle_values(bundle, row), &mistake))
		return err_set(err, ERR_FAILED, "%s, at byte %zu of what was made of the record",
			       mistake.detail, mistake.offset);
	bundle->records[row] = (struct record){text, (uint32_t)len, order, 0};
	bundle->count++;
	*ret_row = row;
	return 0;
}

int bundle_copy(struct bundle *bundle, uint32_t row, uint32_t *ret_row, struct err *err)
{
	unsigned written = bundle->stretch->written_count;
	uint32_t copy = (uint32_t)bundle->count;

	if (rows_room(bundle, bundle->count + 1, err))
		return -1;
	bundle->count++;
	memcpy(bundle_values(bundle, copy), bundle_values(bundle, row),
	       bundle->stretch->fields.count * sizeof(*bundle->values));
	memcpy(bundle->before + (size_t)copy * written, bundle->before + (size_t)row * written,
	       written * sizeof(*bundle->before));
	bundle->records[copy] = bundle->records[row];
	*ret_row = copy;
	return 0;
}

int bundle_keep(struct bundle *bundle, struct value *value, struct err *err)
{
	char *copy;

	if (value->kind <= VALUE_TRUE || !value->at)
		return 0;
	copy = arena_take(&bundle->arena, value->len + 2);
	if (!copy)
		return err_set(err, ERR_LIMIT,
			       "what was computed of some hundred records has more "
			       "than %d bytes",
			       PIPELINE_BUNDLE_BYTES_MAX);
	memcpy(copy, value->at, value->len);
	value->at = copy;
	return 0;
}

/* ---- picks ---- */

int picks_room(struct picks *picks, size_t more, struct err *err)
{
	size_t room = MAX(picks->room, ROWS_FIRST);

	if (picks->count + more <= picks->room)
		return 0;
	while (room < picks->count + more)
		room *= 2;
	if (!grown((void **)&picks->rows, room, sizeof(*picks->rows)))
		return no_memory(err);
	picks->room = room;
	return 0;
}

void picks_drop(struct picks *picks, size_t count)
{
	if (count == 0)
		return;
	picks->count -= count;
	memmove(picks->rows, picks->rows + count, picks->count * sizeof(*picks->rows));
}

void picks_done(struct picks *picks)
{
	free(picks->rows);
	*picks = (struct picks){0};
}

/* Which of two rows comes first? */
static bool row_before(const struct bundle *bundle, uint32_t a, uint32_t b)
{
	uint32_t order_a = bundle->records[a].order, order_b = bundle->records[b].order;

	return order_a != order_b ? order_a < order_b : a < b;
}

/* From the end on, so that nothing is moved twice. */
int picks_merge(struct picks *into, const struct picks *from, const struct bundle *bundle,
		struct err *err)
{
	size_t a = into->count, b = from->count, at = a + b;

	if (picks_room(into, b, err))
		return -1;
	while (b > 0) {
		if (a > 0 && row_before(bundle, from->rows[b - 1], into->rows[a - 1]))
			into->rows[--at] = into->rows[--a];
		else
			into->rows[--at] = from->rows[--b];
	}
	into->count += from->count;
	return 0;
}
