/* SPDX-License-Identifier: MIT */
/* join_table.c - see join_table.h.
 *
 *   read     each row of the sample: its JSON text, the hash of its key
 *   index    from the last row to the first, so that rows of a key follow in their order
 */
#include "handlers/pipeline/join_table.h"

#include "base/limits.h"
#include "base/record/walk.h"
#include "handlers/aggregate/order.h"
#include "handlers/input/sample.h"

#include <stdlib.h>
#include <xxhash.h>

enum { SLOTS_FIRST = 64 };

struct table_row {
	XXH128_hash_t hash;
	size_t at; /* in the texts */
	uint32_t len;
	uint32_t next, matches; /* of its key: the number of the next row, and how many follow */
};

struct join_table {
	int64_t bytes_max;
	struct buf texts, scratch;
	struct table_row *rows; /* row n is rows[n - 1] */
	size_t count, room;
	uint32_t *slots; /* [slots_room]: the first row of a key; 0: none */
	size_t slots_room;
};

/* False: it is no key. */
static bool key_hash(const struct join_key *key, const struct value *values, struct buf *scratch,
		     XXH128_hash_t *ret_hash)
{
	struct buf decoded = BUF(RECORD_BYTES_MAX);
	bool good = true;

	buf_clear(scratch);
	for (size_t i = 0; i < key->count && good; i++) {
		struct value value = order_key_value(&values[key->fields[i]]);

		good = value.kind > VALUE_NULL && order_add(scratch, &value, false, &decoded) == 0;
	}
	buf_done(&decoded);
	if (good)
		*ret_hash = XXH3_128bits_withSeed(buf_text(scratch), scratch->len, key->seed);
	return good;
}

/* ---- reading ---- */

static int too_large(const struct join_table *table, struct err *err)
{
	return err_set(err, ERR_LIMIT, "a table of more than %lld bytes in memory",
		       (long long)table->bytes_max);
}

static int rows_room(struct join_table *table, struct err *err)
{
	size_t room = table->room ? table->room * 2 : SLOTS_FIRST;
	struct table_row *larger;

	if ((int64_t)(table->texts.len + table->count * sizeof(*table->rows)) > table->bytes_max)
		return too_large(table, err);
	if (table->count < table->room)
		return 0;
	larger = realloc(table->rows, room * sizeof(*larger));
	if (!larger)
		return err_set(err, ERR_NO_MEMORY, "no memory for a table");
	table->rows = larger;
	table->room = room;
	return 0;
}

static int row_take(struct join_table *table, const struct join_key *key, struct portion *portion,
		    const struct rows *rows, size_t i, struct err *err)
{
	struct table_row row = {.at = table->texts.len};

	if (!key_hash(key, row_values(rows, i), &table->scratch, &row.hash))
		return 0;
	if (rows_room(table, err))
		return -1;
	input_row_json(portion, rows, i, &table->texts);
	if (!buf_ok(&table->texts))
		return too_large(table, err);
	row.len = (uint32_t)(table->texts.len - row.at);
	for (size_t at = row.at; at < table->texts.len; at++) /* stand between tokens of JSON */
		if (table->texts.data[at] == '\n' || table->texts.data[at] == '\r')
			table->texts.data[at] = ' ';
	table->rows[table->count++] = row;
	return 0;
}

/* What is said of texts that are not of their type counts; any other mistake fails. */
static int row_wrong(struct portion *portion, const struct rows *rows, size_t i, struct err *err)
{
	const struct row_mistake *mistake = &rows->mistakes[rows->row[i].mistake - 1];
	enum type_error type_error = format_type_error(portion_format(portion));
	struct portion_place place = {.line = -1};

	if (mistake->type &&
	    (type_error == TYPE_ERROR_SKIP || type_error == TYPE_ERROR_DEAD_LETTER))
		return 0;
	portion_place(portion, row_offset(rows, i), &place);
	return err_set(err, ERR_INVALID_RECORD, "line %lld of the table: %s", (long long)place.line,
		       mistake->detail);
}

static int rows_read(struct join_table *table, const struct join_key *key, struct portion *portion,
		     struct err *err)
{
	enum run_answer answer;
	struct rows rows;

	while ((answer = input_rows(portion, &rows, err)) == RUN_OK)
		for (size_t i = 0; i < rows.count; i++)
			if (rows.row[i].mistake ? row_wrong(portion, &rows, i, err)
						: row_take(table, key, portion, &rows, i, err))
				return -1;
	return answer == RUN_END ? 0 : -1;
}

/* ---- finding ---- */

/* The slot of a key, or the free one where it belongs. */
static uint32_t *slot_of_key(const struct join_table *table, XXH128_hash_t hash)
{
	size_t i = hash.low64 & (table->slots_room - 1);

	while (table->slots[i] && !XXH128_isEqual(table->rows[table->slots[i] - 1].hash, hash))
		i = (i + 1) & (table->slots_room - 1);
	return &table->slots[i];
}

static int rows_index(struct join_table *table, struct err *err)
{
	table->slots_room = SLOTS_FIRST;
	while (table->slots_room < 2 * table->count)
		table->slots_room *= 2;
	table->slots = calloc(table->slots_room, sizeof(*table->slots));
	if (!table->slots)
		return err_set(err, ERR_NO_MEMORY, "no memory for a table");
	for (size_t i = table->count; i > 0; i--) {
		struct table_row *row = &table->rows[i - 1];
		uint32_t *slot = slot_of_key(table, row->hash);

		row->next = *slot;
		row->matches = 1 + (*slot ? table->rows[*slot - 1].matches : 0);
		*slot = (uint32_t)i;
		if (row->matches > PIPELINE_TABLE_ROWS_MAX)
			return err_set(err, ERR_LIMIT,
				       "a table with more than %d rows of one key: %.*s, …",
				       PIPELINE_TABLE_ROWS_MAX, (int)MIN(row->len, 100),
				       table->texts.data + row->at);
	}
	return 0;
}

int join_table_new(const struct sample *sample, const struct fields *fields,
		   const struct join_key *key, int64_t bytes_max, struct join_table **ret_table,
		   struct err *err)
{
	struct join_table *table = calloc(1, sizeof(*table));
	struct portion *portion;
	struct input *input;
	int rc;

	if (!table)
		return err_set(err, ERR_NO_MEMORY, "no memory for a table");
	table->bytes_max = bytes_max;
	buf_init(&table->texts, (size_t)bytes_max);
	buf_init(&table->scratch, 2 * RECORD_BYTES_MAX);
	rc = sample_open(sample, fields, &input, &portion, err);
	if (rc == 0) {
		rc = rows_read(table, key, portion, err) || rows_index(table, err) ? -1 : 0;
		portion_close(portion);
		input_free(input);
	}
	if (rc)
		join_table_free(table);
	else
		*ret_table = table;
	return rc;
}

void join_table_free(struct join_table *table)
{
	if (!table)
		return;
	buf_done(&table->texts);
	buf_done(&table->scratch);
	free(table->rows);
	free(table->slots);
	free(table);
}

uint32_t join_table_find(const struct join_table *table, const struct join_key *key,
			 const struct value *values, struct buf *scratch)
{
	XXH128_hash_t hash;

	return key_hash(key, values, scratch, &hash) ? *slot_of_key(table, hash) : 0;
}

uint32_t join_table_next(const struct join_table *table, uint32_t row)
{
	return table->rows[row - 1].next;
}

uint32_t join_table_matches(const struct join_table *table, uint32_t row)
{
	return table->rows[row - 1].matches;
}

struct value join_table_row(const struct join_table *table, uint32_t row)
{
	const struct table_row *at = &table->rows[row - 1];
	struct value value;

	value_read(table->texts.data + at->at, at->len, &value);
	return value;
}
