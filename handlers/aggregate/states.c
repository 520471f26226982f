/* SPDX-License-Identifier: MIT */
/* states.c - one vtable for each kind of state.
 *
 * add() is a loop over a batch, so what kind of state and of column it is is asked once for
 * all its rows.  Nulls add nothing; all other kinds were checked when the column was filled.
 */
#include "handlers/aggregate/states.h"

#include "handlers/aggregate/order.h"

#include <stdlib.h>

static bool is_null(const struct value *value)
{
	return value->kind <= VALUE_NULL;
}

static void *state_at(const struct state_plan *plan, const struct state_rows *rows, size_t i)
{
	return rows->groups[i] + plan->offset;
}

/* ---- counts ---- */

static int rows_count_add(const struct state_plan *plan, const struct state_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		++*(uint64_t *)state_at(plan, rows, i);
	return 0;
}

static int count_add(const struct state_plan *plan, const struct state_rows *rows)
{
	if (rows->column->kind != COLUMN_MIXED)
		return rows_count_add(plan, rows);
	for (size_t i = 0; i < rows->count; i++)
		*(uint64_t *)state_at(plan, rows, i) += !is_null(rows->column->at[i]);
	return 0;
}

static void count_save(const struct state_plan *plan, const void *state, struct buf *into)
{
	(void)plan;
	bytes_add_uint(into, *(const uint64_t *)state);
}

static int count_absorb(const struct state_plan *plan, void *state, struct bytes *bytes)
{
	(void)plan;
	*(uint64_t *)state += bytes_uint(bytes);
	return 0;
}

const struct state_ops state_rows_count = {
	.bytes = sizeof(uint64_t),
	.add = rows_count_add,
	.save = count_save,
	.absorb = count_absorb,
};

const struct state_ops state_count = {
	.bytes = sizeof(uint64_t),
	.add = count_add,
	.save = count_save,
	.absorb = count_absorb,
};

/* ---- sums of powers ---- */

static int sum_mixed_add(const struct state_plan *plan, const struct state_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		const struct value *value = rows->column->at[i];
		uint64_t *state = state_at(plan, rows, i);

		if (value->kind == VALUE_INT
			    ? sum_add_int(state, value->integer)
			    : value->kind == VALUE_DOUBLE && sum_add_double(state, value->number))
			return -1;
	}
	return 0;
}

static int sum_add(const struct state_plan *plan, const struct state_rows *rows)
{
	const struct column *column = rows->column;

	if (column->kind == COLUMN_DOUBLES) {
		for (size_t i = 0; i < rows->count; i++)
			if (sum_add_double(state_at(plan, rows, i), column->at[i]->number))
				return -1;
		return 0;
	}
	return sum_mixed_add(plan, rows);
}

/* Called with a constant power. */
__attribute__((always_inline)) static inline int
power_add(unsigned power, const struct state_plan *plan, const struct state_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		const struct value *value = rows->column->at[i];
		uint64_t *state = state_at(plan, rows, i);

		if (value->kind == VALUE_INT
			    ? power_add_int(state, power, value->integer)
			    : value->kind == VALUE_DOUBLE &&
				      power_add_double(state, power, value->number))
			return -1;
	}
	return 0;
}

#define POWER_STATE(name, n, add_)                                                                 \
	static void name##_save(const struct state_plan *plan, const void *state,                  \
				struct buf *into)                                                  \
	{                                                                                          \
		(void)plan;                                                                        \
		exact_save(&exact_shapes[n], state, into);                                         \
	}                                                                                          \
	static int name##_absorb(const struct state_plan *plan, void *state, struct bytes *bytes)  \
	{                                                                                          \
		(void)plan;                                                                        \
		return exact_absorb(&exact_shapes[n], state, bytes);                               \
	}                                                                                          \
	static void name##_done(const struct state_plan *plan, void *state)                        \
	{                                                                                          \
		(void)plan;                                                                        \
		exact_done(&exact_shapes[n], state);                                               \
	}                                                                                          \
	static size_t name##_extra_bytes(const struct state_plan *plan, const void *state)         \
	{                                                                                          \
		(void)plan;                                                                        \
		return exact_extra_bytes(&exact_shapes[n], state);                                 \
	}                                                                                          \
	const struct state_ops state_##name = {                                                    \
		.bytes = (2 * (n) + 1) * sizeof(uint64_t),                                         \
		.add = add_,                                                                       \
		.save = name##_save,                                                               \
		.absorb = name##_absorb,                                                           \
		.done = name##_done,                                                               \
		.extra_bytes = name##_extra_bytes,                                                 \
	};

static int squares_add(const struct state_plan *plan, const struct state_rows *rows)
{
	return power_add(2, plan, rows);
}

static int cubes_add(const struct state_plan *plan, const struct state_rows *rows)
{
	return power_add(3, plan, rows);
}

POWER_STATE(sum, 1, sum_add)
POWER_STATE(squares, 2, squares_add)
POWER_STATE(cubes, 3, cubes_add)

/* ---- extremes ---- */

/* Bytes of a text elsewhere. */
struct kept_text {
	uint32_t len;
	char bytes[];
};

static struct kept_text *extreme_text(const struct extreme *extreme)
{
	return extreme->tag == ORDER_TEXT ? (struct kept_text *)(uintptr_t)extreme->high : NULL;
}

static struct extreme extreme_of(const struct value *value)
{
	struct extreme extreme = {.tag = (uint8_t)order_tag(value->kind)};

	if (value_is_number(value)) {
		struct number_order order = number_order(value);

		extreme.high = order.high;
		extreme.low = order.low;
	}
	return extreme;
}

static int extreme_set_text(struct extreme *extreme, const char *text, size_t len)
{
	struct kept_text *kept = malloc(sizeof(*kept) + len);

	if (!kept)
		return -1;
	kept->len = (uint32_t)len;
	memcpy(kept->bytes, text, len);
	free(extreme_text(extreme));
	*extreme = (struct extreme){.high = (uintptr_t)kept, .tag = ORDER_TEXT};
	return 0;
}

/* Is `value` before the extreme?  `text` is what a TEXT is, decoded. */
static int extreme_order(const struct extreme *value, const char *text, size_t len,
			 const struct extreme *extreme)
{
	const struct kept_text *kept;
	int order;

	if (value->tag != extreme->tag)
		return value->tag < extreme->tag ? -1 : 1;
	if (value->tag == ORDER_TEXT) {
		kept = extreme_text(extreme);
		order = memcmp(text, kept->bytes, MIN(len, kept->len));
		return order ? order : (len > kept->len) - (len < kept->len);
	}
	if (value->high != extreme->high)
		return value->high < extreme->high ? -1 : 1;
	return (value->low > extreme->low) - (value->low < extreme->low);
}

static int extreme_take(bool most, struct extreme *extreme, const struct extreme *value,
			const char *text, size_t len)
{
	if (extreme->tag != ORDER_NONE) {
		int order = extreme_order(value, text, len, extreme);

		if (most ? order <= 0 : order >= 0)
			return 0;
	}
	if (value->tag == ORDER_TEXT)
		return extreme_set_text(extreme, text, len);
	free(extreme_text(extreme));
	*extreme = *value;
	return 0;
}

static size_t extreme_extra_bytes(const struct state_plan *plan, const void *state)
{
	const struct kept_text *kept = extreme_text(state);

	(void)plan;
	return kept ? sizeof(*kept) + kept->len : 0;
}

static int extreme_mixed_add(const struct state_plan *plan, const struct state_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		const struct value *value = rows->column->at[i];
		struct extreme *state = state_at(plan, rows, i), like;
		const char *text = "";
		size_t len = 0, before;

		if (is_null(value))
			continue;
		like = extreme_of(value);
		buf_clear(rows->scratch);
		if (value->kind == VALUE_TEXT && !(text = value_text(value, rows->scratch, &len)))
			return -1;
		before = extreme_extra_bytes(plan, state);
		if (extreme_take(plan->descending, state, &like, text, len))
			return -1;
		*rows->extra += (int64_t)(extreme_extra_bytes(plan, state) - before);
	}
	return 0;
}

/* Is it known at once that this number changes nothing?  So it is of most. */
static inline bool extreme_stays(const struct extreme *state, uint64_t high, uint64_t turn)
{
	return state->tag == ORDER_NUMBER && (high ^ turn) > (state->high ^ turn);
}

static int extreme_add(const struct state_plan *plan, const struct state_rows *rows)
{
	const struct value *const *values = rows->column->at;
	uint64_t turn = plan->descending ? UINT64_MAX : 0;
	bool ints = rows->column->kind == COLUMN_INTS;

	if (rows->column->kind == COLUMN_MIXED)
		return extreme_mixed_add(plan, rows);
	for (size_t i = 0, count = rows->count; i < count; i++) {
		struct extreme *state = state_at(plan, rows, i), like;

		if (extreme_stays(state,
				  ints ? int_order(values[i]->integer).high
				       : double_order(values[i]->number),
				  turn))
			continue;
		like = extreme_of(values[i]);
		if (extreme_take(plan->descending, state, &like, "", 0))
			return -1;
	}
	return 0;
}

struct value extreme_value(const struct extreme *extreme)
{
	const struct kept_text *kept = extreme_text(extreme);
	struct value value = {.kind = VALUE_NULL};

	if (kept)
		return (struct value){.kind = VALUE_TEXT,
				      .form = TEXT_DECODED,
				      .at = kept->bytes,
				      .len = kept->len};
	if (extreme->tag == ORDER_NUMBER)
		order_number((struct number_order){extreme->high, extreme->low}, &value);
	else if (extreme->tag == ORDER_FALSE || extreme->tag == ORDER_TRUE)
		value.kind = extreme->tag == ORDER_TRUE ? VALUE_TRUE : VALUE_FALSE;
	return value;
}

static void extreme_save(const struct state_plan *plan, const void *state, struct buf *into)
{
	const struct extreme *extreme = state;
	const struct kept_text *kept = extreme_text(extreme);

	(void)plan;
	buf_add_byte(into, (char)extreme->tag);
	if (kept) {
		bytes_add_uint(into, kept->len);
		buf_add(into, kept->bytes, kept->len);
	} else if (extreme->tag == ORDER_NUMBER) {
		bytes_add_u64(into, extreme->high);
		bytes_add_uint(into, extreme->low);
	}
}

static int extreme_absorb(const struct state_plan *plan, void *state, struct bytes *bytes)
{
	const uint8_t *tag = bytes_take(bytes, 1);
	struct extreme like = {.tag = tag ? *tag : ORDER_NONE};
	const char *text = "";
	uint64_t len = 0, low;
	struct value value;

	if (like.tag == ORDER_NONE)
		return 0;
	if (like.tag == ORDER_TEXT) {
		len = bytes_uint(bytes);
		text = (const char *)bytes_take(bytes, len);
	} else if (like.tag == ORDER_NUMBER) {
		like.high = bytes_u64(bytes);
		low = bytes_uint(bytes);
		like.low = (uint16_t)low;
		if (low > UINT16_MAX ||
		    !order_number((struct number_order){like.high, like.low}, &value))
			bytes->damaged = true;
	} else if (like.tag != ORDER_FALSE && like.tag != ORDER_TRUE) {
		bytes->damaged = true;
	}
	return bytes->damaged ? 0 : extreme_take(plan->descending, state, &like, text, len);
}

static void extreme_done(const struct state_plan *plan, void *state)
{
	(void)plan;
	free(extreme_text(state));
}

const struct state_ops state_extreme = {
	.bytes = sizeof(struct extreme),
	.add = extreme_add,
	.save = extreme_save,
	.absorb = extreme_absorb,
	.done = extreme_done,
	.extra_bytes = extreme_extra_bytes,
};
