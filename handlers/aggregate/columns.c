/* SPDX-License-Identifier: MIT */
/* columns.c - rows into columns: fields are borrowed, expressions evaluated, texts read as
 * numbers where numbers are wanted.
 *
 * What is a mistake of a row is found here, before any state has seen the row: a row counts
 * for all functions or for none.
 */
#include "handlers/aggregate/columns.h"

#include "base/expr/node.h"
#include "base/limits.h"
#include "handlers/aggregate/order.h"

#include <math.h>
#include <stdlib.h>

enum { TEXTS_BYTES_MAX = 256 * 1024 * 1024 };

struct columns *columns_new(const struct aggregates *plan)
{
	struct columns *columns =
		calloc(1, sizeof(*columns) + plan->inputs_count * sizeof(columns->column[0]));

	if (!columns)
		return NULL;
	columns->plan = plan;
	arena_init(&columns->texts, TEXTS_BYTES_MAX);
	columns->room = calloc((size_t)plan->inputs_count * BATCH_ROWS + 1, sizeof(struct value));
	columns->scratch = expr_scratch_new();
	if (columns->room && columns->scratch)
		return columns;
	columns_free(columns);
	return NULL;
}

void columns_free(struct columns *columns)
{
	if (!columns)
		return;
	free(columns->room);
	arena_done(&columns->texts);
	expr_scratch_free(columns->scratch);
	free(columns);
}

static size_t row_of(const struct columns *columns, size_t i)
{
	return columns->pick ? columns->pick[i] : columns->first + i;
}

/* ---- one value ---- */

static int check_len(const struct value *value, struct err *err)
{
	if (value->len > GROUP_VALUE_BYTES_MAX && value->at)
		return err_set(err, ERR_LIMIT, "%s of %zu bytes; at most %d are kept",
			       value_kind_name(value->kind), value->len, GROUP_VALUE_BYTES_MAX);
	return 0;
}

/* What is wanted of *value: itself, or made in *room.  NULL: *err. */
static const struct value *value_wanted(enum input_want want, const struct value *value,
					struct value *room, struct err *err)
{
	const struct value *number;

	if (value->kind == VALUE_DOUBLE && !isfinite(value->number)) {
		err_set(err, ERR_FAILED, "%s is not a number to calculate with",
			isnan(value->number) ? "NaN" : "infinity");
		return NULL;
	}
	if (value_is_null(value))
		return value;
	switch (want) {
	case WANT_KEY:
		*room = order_key_value(value);
		return check_len(value, err) ? NULL : room;
	case WANT_ANY:
		return check_len(value, err) ? NULL : value;
	case WANT_TRUTH:
		if (value->kind != VALUE_TRUE && value->kind != VALUE_FALSE) {
			expr_wrong(err, value, "true or false");
			return NULL;
		}
		*room = (struct value){.kind = value->kind == VALUE_TRUE ? VALUE_TRUE : VALUE_NULL};
		return room;
	default:
		break;
	}
	number = value_as_number(value, room);
	if (number)
		return number;
	if (want == WANT_ORDER && (value->kind == VALUE_TEXT || value->kind <= VALUE_TRUE))
		return check_len(value, err) ? NULL : value;
	expr_wrong(err, value, want == WANT_ORDER ? "a number, a string or a truth" : "a number");
	return NULL;
}

/* A computed text lives until the next record: it is copied. */
static int value_keep(struct columns *columns, struct value *value, struct err *err)
{
	if (value->kind != VALUE_TEXT && value->kind != VALUE_BIG)
		return 0;
	if (check_len(value, err))
		return -1;
	value->at = arena_copy(&columns->texts, value->at, value->len);
	return value->at ? 0 : err_set(err, ERR_LIMIT, "the texts of a batch are too large");
}

static int input_eval(struct columns *columns, const struct input *input,
		      const struct value *values, struct value *ret, struct err *err)
{
	expr_scratch_clear(columns->scratch);
	if (expr_eval(input->expr, values, columns->scratch, ret, err))
		return -1;
	return input->want == WANT_NUMBER ? 0 : value_keep(columns, ret, err);
}

/* Is it what is wanted, as most are? */
static inline bool value_is_plain(enum input_want want, const struct value *value)
{
	if (want == WANT_NUMBER || want == WANT_ORDER)
		return value->kind == VALUE_INT ||
		       (value->kind == VALUE_DOUBLE && isfinite(value->number));
	return want != WANT_TRUTH && value->kind == VALUE_TEXT &&
	       value->len <= GROUP_VALUE_BYTES_MAX;
}

/* ---- a column ---- */

static void row_wrong(struct columns *columns, size_t i, const struct input *input,
		      const struct group_failures *failures, struct err *err)
{
	err_wrap(err, "%s", input->shown);
	columns->wrong[i] = true;
	if (columns->wrong_count++ == 0)
		columns->first_wrong = *err;
	if (failures)
		failures->failed(failures->ctx, row_of(columns, i), err);
}

static void column_slow(struct columns *columns, unsigned which, size_t i,
			const struct value *value, const struct group_failures *failures)
{
	const struct input *input = &columns->plan->inputs[which];
	struct value *room = &columns->room[which * BATCH_ROWS + i];
	struct err err;

	columns->column[which].at[i] = value_wanted(input->want, value, room, &err);
	if (!columns->column[which].at[i])
		row_wrong(columns, i, input, failures, &err);
}

/* Those that are not what most are: each is looked at. */
static void column_of_others(struct columns *columns, unsigned which,
			     const struct group_failures *failures)
{
	enum input_want want = columns->plan->inputs[which].want;
	struct column *column = &columns->column[which];

	for (size_t i = 0; i < columns->count; i++) {
		const struct value *value = column->at[i];

		if (!columns->wrong[i] && !value_is_plain(want, value))
			column_slow(columns, which, i, value, failures);
	}
}

/* Are they all plain numbers? */
static bool column_settle(struct column *column, size_t count)
{
	size_t ints = 0, doubles = 0;

	for (size_t i = 0; i < count; i++) {
		ints += column->at[i]->kind == VALUE_INT;
		doubles += column->at[i]->kind == VALUE_DOUBLE && isfinite(column->at[i]->number);
	}
	column->kind = ints == count	  ? COLUMN_INTS
		       : doubles == count ? COLUMN_DOUBLES
					  : COLUMN_MIXED;
	return ints + doubles == count;
}

/* Most numbers are what is wanted as they are; all texts of a CSV may become it. */
static void column_of_numbers(struct columns *columns, unsigned which,
			      const struct group_failures *failures)
{
	struct column *column = &columns->column[which];

	if (column_settle(column, columns->count))
		return;
	column_of_others(columns, which, failures);
	if (columns->wrong_count == 0)
		column_settle(column, columns->count);
}

/* A field is taken as it is. */
static void column_of_field(struct columns *columns, unsigned which, const struct group_rows *rows,
			    const struct group_failures *failures)
{
	const struct input *input = &columns->plan->inputs[which];
	const struct value *values = rows->values + input->field;
	struct column *column = &columns->column[which];

	if (columns->pick) {
		for (size_t i = 0; i < columns->count; i++)
			column->at[i] = values + columns->pick[i] * rows->width;
	} else {
		values += columns->first * rows->width;
		for (size_t i = 0; i < columns->count; i++, values += rows->width)
			column->at[i] = values;
	}
	column->kind = COLUMN_MIXED;
	if (input->want == WANT_NUMBER || input->want == WANT_ORDER)
		column_of_numbers(columns, which, failures);
	else
		column_of_others(columns, which, failures);
}

static void column_of_expression(struct columns *columns, unsigned which,
				 const struct group_rows *rows,
				 const struct group_failures *failures)
{
	const struct input *input = &columns->plan->inputs[which];

	columns->column[which].kind = COLUMN_MIXED;
	for (size_t i = 0; i < columns->count; i++) {
		const struct value *values = rows->values + row_of(columns, i) * rows->width;
		struct value value;
		struct err err;

		if (columns->wrong[i])
			continue;
		if (input_eval(columns, input, values, &value, &err)) {
			row_wrong(columns, i, input, failures, &err);
			continue;
		}
		column_slow(columns, which, i, &value, failures);
		if (columns->column[which].at[i] == &value) {
			columns->room[which * BATCH_ROWS + i] = value;
			columns->column[which].at[i] = &columns->room[which * BATCH_ROWS + i];
		}
	}
}

/* Without the rows that are wrong. */
static void columns_close_up(struct columns *columns)
{
	size_t kept = 0;

	for (size_t i = 0; i < columns->count; i++) {
		if (columns->wrong[i])
			continue;
		columns->sequence[kept] = columns->sequence[i];
		for (unsigned j = 0; j < columns->plan->inputs_count; j++)
			columns->column[j].at[kept] = columns->column[j].at[i];
		kept++;
	}
	columns->count = kept;
	for (unsigned j = 0; j < columns->plan->inputs_count; j++)
		columns->column[j].kind = COLUMN_MIXED;
}

int columns_fill(struct columns *columns, const struct group_rows *rows, size_t from,
		 const struct group_failures *failures, size_t *ret_taken, struct err *err)
{
	const struct aggregates *plan = columns->plan;
	size_t all = rows->pick ? rows->picked : rows->count;

	columns->count = MIN(all - from, BATCH_ROWS);
	columns->first = from;
	columns->pick = rows->pick ? rows->pick + from : NULL;
	columns->wrong_count = 0;
	memset(columns->wrong, 0, sizeof(columns->wrong));
	if (columns->texts.used > 0)
		arena_clear(&columns->texts);
	for (size_t i = 0; plan->places && i < columns->count; i++)
		columns->sequence[i] = rows->sequence + row_of(columns, i);
	*ret_taken = columns->count;
	for (unsigned i = 0; i < plan->inputs_count; i++) {
		if (plan->inputs[i].expr)
			column_of_expression(columns, i, rows, failures);
		else
			column_of_field(columns, i, rows, failures);
	}
	if (arena_failed(&columns->texts))
		return err_set(err, ERR_NO_MEMORY, "no memory for the texts of a batch");
	if (columns->wrong_count > 0 && !failures) {
		*err = columns->first_wrong;
		return -1;
	}
	if (columns->wrong_count > 0)
		columns_close_up(columns);
	return 0;
}
