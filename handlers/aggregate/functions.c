/* SPDX-License-Identifier: MIT */
/* functions.c - the one list of aggregate functions: what each reads, keeps and gives.
 *
 * Functions share states: sum(x), mean(x) and variance(x) read one exact sum.
 */
#include "base/record/walk.h"
#include "handlers/aggregate/exact_round.h"
#include "handlers/aggregate/plan.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static int give_null(struct value *ret)
{
	*ret = (struct value){.kind = VALUE_NULL};
	return 0;
}

/* Beyond doubles: null. */
static int give_number(struct value *ret, double number)
{
	if (!isfinite(number))
		return give_null(ret);
	*ret = (struct value){.kind = VALUE_DOUBLE, .number = number};
	return 0;
}

static int give_count(struct value *ret, uint64_t count)
{
	*ret = (struct value){.kind = VALUE_INT, .integer = (int64_t)count};
	return 0;
}

static uint64_t count_of(struct finish *finish)
{
	return *(const uint64_t *)finish_state(finish, 0);
}

/* ---- counts and sums; the state 0 is a count ---- */

static int count_finish(struct finish *finish, struct value *ret)
{
	return give_count(ret, count_of(finish));
}

static int power_finish(const struct exact_shape *shape, struct finish *finish, struct value *ret)
{
	const uint64_t *state = finish_state(finish, 1);
	int64_t integer;

	if (count_of(finish) == 0)
		return give_null(ret);
	if (exact_mode(shape, state) != EXACT_INTEGERS)
		return give_number(ret, exact_double(shape, state));
	*ret = (struct value){.kind = VALUE_INT};
	if (exact_int(shape, state, &integer)) {
		ret->integer = integer;
		return 0;
	}
	if (exact_digits(shape, state, finish->text))
		return -1;
	*ret = (struct value){
		.kind = VALUE_BIG, .at = finish->text->data, .len = finish->text->len};
	return 0;
}

static int sum_finish(struct finish *finish, struct value *ret)
{
	return power_finish(&exact_shapes[1], finish, ret);
}

static int squares_finish(struct finish *finish, struct value *ret)
{
	return power_finish(&exact_shapes[2], finish, ret);
}

static int mean_finish(struct finish *finish, struct value *ret)
{
	uint64_t count = count_of(finish);

	return count ? give_number(ret, exact_mean(finish_state(finish, 1), count))
		     : give_null(ret);
}

/* ---- moments; the states are count, sum, squares, cubes ---- */

static struct exact_powers powers_of(struct finish *finish)
{
	return (struct exact_powers){.sum = finish_state(finish, 1),
				     .squares = finish_state(finish, 2),
				     .count = count_of(finish)};
}

static int sample_finish(struct finish *finish, struct value *ret)
{
	struct exact_powers powers = powers_of(finish);

	return powers.count > 1 ? give_number(ret, exact_spread(&powers, powers.count - 1))
				: give_null(ret);
}

static int population_finish(struct finish *finish, struct value *ret)
{
	struct exact_powers powers = powers_of(finish);

	return powers.count > 0 ? give_number(ret, exact_spread(&powers, powers.count))
				: give_null(ret);
}

static int root(int rc, struct value *ret)
{
	if (rc == 0 && ret->kind == VALUE_DOUBLE)
		ret->number = sqrt(ret->number);
	return rc;
}

static int sample_root_finish(struct finish *finish, struct value *ret)
{
	return root(sample_finish(finish, ret), ret);
}

static int population_root_finish(struct finish *finish, struct value *ret)
{
	return root(population_finish(finish, ret), ret);
}

static int skew_finish(struct finish *finish, struct value *ret)
{
	struct exact_powers powers = powers_of(finish);
	double n = (double)powers.count, second, third;

	if (powers.count < 3)
		return give_null(ret);
	powers.cubes = finish_state(finish, 3);
	second = exact_spread(&powers, powers.count);
	third = exact_third_moment(&powers);
	if (second == 0)
		return give_null(ret);
	return give_number(ret, sqrt(n * (n - 1)) / (n - 2) * (third / (second * sqrt(second))));
}

/* ---- values ---- */

static int extreme_finish(struct finish *finish, struct value *ret)
{
	*ret = extreme_value(finish_state(finish, 0));
	return 0;
}

static int quantile_finish(struct finish *finish, struct value *ret)
{
	struct quantile *quantile = finish_state(finish, 0);

	if (quantile->count == 0)
		return give_null(ret);
	finish->approximate = !quantile_is_exact(quantile);
	return give_number(ret, quantile_at(quantile, finish->member->q));
}

static int distinct_finish(struct finish *finish, struct value *ret)
{
	const struct distinct *distinct = finish_state(finish, 0);

	finish->approximate = !distinct_is_exact(distinct);
	return give_count(ret, distinct_count(distinct));
}

static void entry_text(const struct best_entry *entry, struct buf *into)
{
	buf_add(into, entry->bytes + entry->rank_len, entry->text_len);
}

/* Its JSON text: what printing a value copies. */
static int one_finish(struct finish *finish, struct value *ret)
{
	const struct best *best = finish_state(finish, 0);

	if (best->count == 0)
		return give_null(ret);
	entry_text(best->heap[0], finish->text);
	if (!buf_ok(finish->text))
		return -1;
	value_read(finish->text->data, finish->text->len, ret);
	return 0;
}

static int many_finish(struct finish *finish, struct value *ret)
{
	struct best *best = finish_state(finish, 0);

	best_sort(best);
	buf_add_byte(finish->text, '[');
	for (uint32_t i = 0; i < best->count; i++) {
		if (i > 0)
			buf_add_byte(finish->text, ',');
		entry_text(best->heap[i], finish->text);
	}
	if (buf_add_byte(finish->text, ']'))
		return -1;
	*ret = (struct value){
		.kind = VALUE_ARRAY, .at = finish->text->data, .len = finish->text->len};
	return 0;
}

/* ---- the list ---- */

#define COUNTED(...)                                                                               \
	{                                                                                          \
		&state_count, __VA_ARGS__                                                          \
	}
#define MOMENTS COUNTED(&state_sum, &state_squares)

/* clang-format off */
/* Sorted by name. */
#define AGGREGATE_TABLE(X) \
	X("avg", "avg(number)", WANT_NUMBER, 1, COUNTED(&state_sum), .finish = mean_finish) \
	X("bottom", "bottom(value, n)", WANT_ORDER, 2, {&state_top}, .keep = KEEP_MANY, .finish = many_finish) \
	X("collect", "collect(value, n)", WANT_ANY, 2, {&state_first}, .keep = KEEP_MANY, .finish = many_finish) \
	X("count", "count", WANT_ANY, 0, {&state_count}, .finish = count_finish) \
	X("count_if", "count_if(condition)", WANT_TRUTH, 1, {&state_count}, .finish = count_finish) \
	X("count_of", "count_of(number)", WANT_NUMBER, 1, {&state_count}, .finish = count_finish) \
	X("distinct", "distinct(value)", WANT_ANY, 1, {&state_distinct}, .keep = KEEP_DISTINCT, .finish = distinct_finish) \
	X("first", "first(value)", WANT_ANY, 1, {&state_first}, .keep = KEEP_ONE, .finish = one_finish) \
	X("last", "last(value)", WANT_ANY, 1, {&state_first}, .descending = true, .keep = KEEP_ONE, .finish = one_finish) \
	X("max", "max(value)", WANT_ORDER, 1, {&state_extreme}, .descending = true, .finish = extreme_finish) \
	X("mean", "mean(number)", WANT_NUMBER, 1, COUNTED(&state_sum), .finish = mean_finish) \
	X("median", "median(number)", WANT_NUMBER, 1, {&state_quantile}, .keep = KEEP_VALUES, .q = 0.5, .finish = quantile_finish) \
	X("min", "min(value)", WANT_ORDER, 1, {&state_extreme}, .finish = extreme_finish) \
	X("p50", "p50(number)", WANT_NUMBER, 1, {&state_quantile}, .keep = KEEP_VALUES, .q = 0.5, .finish = quantile_finish) \
	X("quantile", "quantile(number, q)", WANT_NUMBER, 2, {&state_quantile}, .keep = KEEP_VALUES, .q = -1, .finish = quantile_finish) \
	X("skew", "skew(number)", WANT_NUMBER, 1, COUNTED(&state_sum, &state_squares, &state_cubes), .finish = skew_finish) \
	X("stddev", "stddev(number)", WANT_NUMBER, 1, MOMENTS, .finish = sample_root_finish) \
	X("stddev_pop", "stddev_pop(number)", WANT_NUMBER, 1, MOMENTS, .finish = population_root_finish) \
	X("stddev_samp", "stddev_samp(number)", WANT_NUMBER, 1, MOMENTS, .finish = sample_root_finish) \
	X("sum", "sum(number)", WANT_NUMBER, 1, COUNTED(&state_sum), .finish = sum_finish) \
	X("sum_of_squares", "sum_of_squares(number)", WANT_NUMBER, 1, COUNTED(&state_squares), .finish = squares_finish) \
	X("top", "top(value, n)", WANT_ORDER, 2, {&state_top}, .descending = true, .keep = KEEP_MANY, .finish = many_finish) \
	X("var_pop", "var_pop(number)", WANT_NUMBER, 1, MOMENTS, .finish = population_finish) \
	X("var_samp", "var_samp(number)", WANT_NUMBER, 1, MOMENTS, .finish = sample_finish) \
	X("variance", "variance(number)", WANT_NUMBER, 1, MOMENTS, .finish = sample_finish)
/* clang-format on */

static const struct aggregate_function functions[] = {
#define X(name, ...) {name, __VA_ARGS__},
	AGGREGATE_TABLE(X)
#undef X
};

const char *const *aggregate_names(void)
{
	static const char *const names[] = {
#define X(name, ...) name,
		AGGREGATE_TABLE(X)
#undef X
			NULL};

	return names;
}

/* "p50", "p99.9": a percentile from 0 to 100. */
static bool percentile_read(const char *name, size_t len, double *ret_q)
{
	char text[32];
	double q;

	if (len < 2 || len > 16 || (*name != 'p' && *name != 'P') ||
	    !isdigit((unsigned char)name[1]) || strspn(name + 1, "0123456789.") < len - 1)
		return false;
	snprintf(text, sizeof(text), "%.*se-2", (int)len - 1, name + 1);
	q = strtod(text, NULL); /* of the decimals, rounded once: p99.9 is 0.999 */
	if (memchr(name + len - 1, '.', 1) || q > 1)
		return false;
	*ret_q = q;
	return true;
}

const struct aggregate_function *aggregate_find(const char *name, size_t len, double *ret_q)
{
	double q = -1;

	if (percentile_read(name, len, &q)) {
		name = "p50";
		len = strlen(name);
	}
	for (size_t i = 0; i < ARRAY_LEN(functions); i++)
		if (strlen(functions[i].name) == len &&
		    strncasecmp(functions[i].name, name, len) == 0) {
			*ret_q = q >= 0 ? q : functions[i].q;
			return &functions[i];
		}
	return NULL;
}
