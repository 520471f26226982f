/* SPDX-License-Identifier: MIT */
/* states_kept.c - the states that keep values: quantiles, distinct, first, last, collect, top.
 *
 * What they keep is elsewhere in memory, so each tells how that has grown.
 */
#include "handlers/aggregate/order.h"
#include "handlers/aggregate/states.h"

static bool is_null(const struct value *value)
{
	return value->kind <= VALUE_NULL;
}

static void *state_at(const struct state_plan *plan, const struct state_rows *rows, size_t i)
{
	return rows->groups[i] + plan->offset;
}

/* ---- quantiles ---- */

static size_t quantile_state_extra(const struct state_plan *plan, const void *state)
{
	(void)plan;
	return quantile_extra_bytes(state);
}

static int quantile_state_add(const struct state_plan *plan, const struct state_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		const struct value *value = rows->column->at[i];
		struct quantile *state = state_at(plan, rows, i);
		double number;
		size_t before;

		if (is_null(value))
			continue;
		number = value->kind == VALUE_INT ? (double)value->integer : value->number;
		if (state->count < state->capacity && quantile_is_exact(state)) {
			state->values[state->count++] = number + 0.0;
			continue;
		}
		before = quantile_extra_bytes(state);
		if (quantile_add(state, number, plan->max))
			return -1;
		*rows->extra += (int64_t)(quantile_extra_bytes(state) - before);
	}
	return 0;
}

static void quantile_state_save(const struct state_plan *plan, const void *state, struct buf *into)
{
	(void)plan;
	quantile_save(state, into);
}

static int quantile_state_absorb(const struct state_plan *plan, void *state, struct bytes *bytes)
{
	return quantile_absorb(state, bytes, plan->max);
}

static void quantile_state_done(const struct state_plan *plan, void *state)
{
	(void)plan;
	quantile_done(state);
}

const struct state_ops state_quantile = {
	.bytes = sizeof(struct quantile),
	.add = quantile_state_add,
	.save = quantile_state_save,
	.absorb = quantile_state_absorb,
	.done = quantile_state_done,
	.extra_bytes = quantile_state_extra,
};

/* ---- distinct ---- */

static size_t distinct_state_extra(const struct state_plan *plan, const void *state)
{
	(void)plan;
	return distinct_extra_bytes(state);
}

static int distinct_state_add(const struct state_plan *plan, const struct state_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		struct distinct *state = state_at(plan, rows, i);
		struct value value;
		size_t before;

		if (is_null(rows->column->at[i]))
			continue;
		value = order_key_value(rows->column->at[i]);
		buf_clear(rows->rank);
		if (order_add(rows->rank, &value, true, rows->scratch))
			return -1;
		before = distinct_extra_bytes(state);
		if (distinct_add(state, distinct_print_of(rows->rank->data, rows->rank->len),
				 plan->max))
			return -1;
		*rows->extra += (int64_t)(distinct_extra_bytes(state) - before);
	}
	return 0;
}

static void distinct_state_save(const struct state_plan *plan, const void *state, struct buf *into)
{
	(void)plan;
	distinct_save(state, into);
}

static int distinct_state_absorb(const struct state_plan *plan, void *state, struct bytes *bytes)
{
	return distinct_absorb(state, bytes, plan->max);
}

static void distinct_state_done(const struct state_plan *plan, void *state)
{
	(void)plan;
	distinct_done(state);
}

const struct state_ops state_distinct = {
	.bytes = sizeof(struct distinct),
	.add = distinct_state_add,
	.save = distinct_state_save,
	.absorb = distinct_state_absorb,
	.done = distinct_state_done,
	.extra_bytes = distinct_state_extra,
};

/* ---- first, last, collect, top, bottom ---- */

static size_t best_state_extra(const struct state_plan *plan, const void *state)
{
	(void)plan;
	return best_extra_bytes(state);
}

/* By the rank in rows->rank, turned round when the largest comes first. */
static int best_row_add(const struct state_plan *plan, const struct state_rows *rows, size_t i)
{
	struct best *best = state_at(plan, rows, i);
	struct buf *rank = rows->rank;
	size_t before = best_extra_bytes(best);
	struct best_like like;

	for (size_t j = 0; plan->descending && j < rank->len; j++)
		rank->data[j] = (char)~rank->data[j];
	if (!best_wants(best, rank->data, rank->len, (uint32_t)plan->max))
		return 0;
	buf_clear(rows->text);
	if (value_print(rows->column->at[i], rows->text))
		return -1;
	like = (struct best_like){
		.rank = rank->data,
		.rank_len = rank->len,
		.text = rows->text->data,
		.text_len = rows->text->len,
	};
	if (best_add(best, &like, (uint32_t)plan->max))
		return -1;
	*rows->extra += (int64_t)(best_extra_bytes(best) - before);
	return 0;
}

static int first_add(const struct state_plan *plan, const struct state_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		uint64_t place = htobe64(rows->sequence[i]);

		if (is_null(rows->column->at[i]))
			continue;
		buf_clear(rows->rank);
		if (buf_add(rows->rank, &place, sizeof(place)) || best_row_add(plan, rows, i))
			return -1;
	}
	return 0;
}

static int top_add(const struct state_plan *plan, const struct state_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		if (is_null(rows->column->at[i]))
			continue;
		buf_clear(rows->rank);
		if (order_add(rows->rank, rows->column->at[i], false, rows->scratch) ||
		    best_row_add(plan, rows, i))
			return -1;
	}
	return 0;
}

static void best_state_save(const struct state_plan *plan, const void *state, struct buf *into)
{
	(void)plan;
	best_save(state, into);
}

static int best_state_absorb(const struct state_plan *plan, void *state, struct bytes *bytes)
{
	return best_absorb(state, bytes, (uint32_t)plan->max);
}

static void best_state_done(const struct state_plan *plan, void *state)
{
	(void)plan;
	best_done(state);
}

const struct state_ops state_first = {
	.bytes = sizeof(struct best),
	.add = first_add,
	.save = best_state_save,
	.absorb = best_state_absorb,
	.done = best_state_done,
	.extra_bytes = best_state_extra,
};

const struct state_ops state_top = {
	.bytes = sizeof(struct best),
	.add = top_add,
	.save = best_state_save,
	.absorb = best_state_absorb,
	.done = best_state_done,
	.extra_bytes = best_state_extra,
};
