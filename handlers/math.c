/* SPDX-License-Identifier: MIT */
/* math.c - sum, product, factorial, fibonacci: exact at any size.
 *
 * The smallest whole example of a handler: a table of members, a plan, one step.
 *
 * Numbers are taken as the decimals that they are written as, so that 0.1 + 0.2 is
 * 0.3: a decimal is a GMP integer and a count of places.  JSON numbers beyond 2^53
 * lose digits on the way here, so those are written as strings, and so are results
 * that a JSON reader would round: {"value": 120} but {"value": "2432…0000"}.
 */
#include "base/limits.h"
#include "handlers/handler.h"
#include "handlers/run.h"
#include "handlers/value.h"

#include <ctype.h>
#include <gmp.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FACTORIAL_MAX = 200000,	 /* 973,351 digits: the summary still holds them */
	FIBONACCI_MAX = 5000000, /* 1,044,938 digits */
	NUMBERS_MAX = 100000,
	NUMBER_DIGITS_MAX = 10000,
	EXACT_DIGITS = 15, /* decimals of this many digits survive a double (DBL_DIG) */
};

enum op { OP_SUM, OP_PRODUCT, OP_FACTORIAL, OP_FIBONACCI };

static const double two_to_53 = 9007199254740992.0;
static const char *const ops[] = {"sum", "product", "factorial", "fibonacci", NULL};

/* unscaled · 10^-places */
struct decimal {
	mpz_t unscaled;
	unsigned long places;
};

struct plan {
	enum op op;
	unsigned long n;
	struct decimal *numbers;
	size_t count;
};

/* ---- decimals ---- */

static void decimal_rescale(struct decimal *decimal, unsigned long places)
{
	mpz_t factor;

	if (decimal->places >= places)
		return;
	mpz_init(factor);
	mpz_ui_pow_ui(factor, 10, places - decimal->places);
	mpz_mul(decimal->unscaled, decimal->unscaled, factor);
	mpz_clear(factor);
	decimal->places = places;
}

/* "-12.5e3": [-]digits[.digits][e[±]digits], as JSON writes numbers.  -1: not that. */
static int decimal_parse(const char *text, struct decimal *ret)
{
	char digits[NUMBER_DIGITS_MAX + 2];
	size_t len = 0;
	long places = 0, exponent = 0;
	bool point = false;
	const char *at = text;

	if (*at == '-')
		digits[len++] = *at++;
	if (!isdigit((unsigned char)*at))
		return -1;
	for (; isdigit((unsigned char)*at) || (*at == '.' && !point); at++) {
		if (*at == '.') {
			point = true;
			continue;
		}
		if (len > NUMBER_DIGITS_MAX)
			return -1;
		digits[len++] = *at;
		places += point;
	}
	digits[len] = '\0';
	if (*at == 'e' || *at == 'E') {
		char *end;
		exponent = strtol(at + 1, &end, 10);
		if (end == at + 1)
			return -1;
		at = end;
	}
	if (*at != '\0' || at[-1] == '.' || labs(exponent) > NUMBER_DIGITS_MAX)
		return -1;
	if (mpz_set_str(ret->unscaled, digits, 10))
		return -1;
	places -= exponent;
	ret->places = places > 0 ? (unsigned long)places : 0;
	if (places < 0) {
		ret->places = 0;
		mpz_t factor;
		mpz_init(factor);
		mpz_ui_pow_ui(factor, 10, (unsigned long)-places);
		mpz_mul(ret->unscaled, ret->unscaled, factor);
		mpz_clear(factor);
	}
	return 0;
}

/* Without trailing zeros behind the point: 1.50 is 1.5. */
static void decimal_trim(struct decimal *decimal)
{
	while (decimal->places > 0 && mpz_divisible_ui_p(decimal->unscaled, 10)) {
		mpz_divexact_ui(decimal->unscaled, decimal->unscaled, 10);
		decimal->places--;
	}
}

static bool decimal_survives_double(const struct decimal *decimal)
{
	if (decimal->places == 0)
		return mpz_cmpabs_d(decimal->unscaled, two_to_53) <= 0;
	return mpz_sizeinbase(decimal->unscaled, 10) <= EXACT_DIGITS;
}

/* Digits with a point; allocated (free()), NULL without memory. */
static char *decimal_text(const struct decimal *decimal)
{
	size_t room = mpz_sizeinbase(decimal->unscaled, 10) + decimal->places + 4;
	char *text = malloc(room);
	char *digits;
	size_t len;

	if (!text)
		return NULL;
	mpz_get_str(text, 10, decimal->unscaled);
	if (decimal->places == 0)
		return text;
	digits = text + (*text == '-');
	len = strlen(digits);
	if (len <= decimal->places) {
		size_t zeros = decimal->places + 1 - len;
		memmove(digits + zeros, digits, len + 1);
		memset(digits, '0', zeros);
		len += zeros;
	}
	memmove(digits + len - decimal->places + 1, digits + len - decimal->places,
		decimal->places + 1);
	digits[len - decimal->places] = '.';
	return text;
}

/* ---- the plan ---- */

static const struct param number_text = {
	.kind = PARAM_TEXT,
	.min = 1,
	.max = NUMBER_DIGITS_MAX,
	.summary = "A number of any size, as digits",
};

static const struct param number_param[] = {
	{.kind = PARAM_NUMBER, .otherwise = &number_text, .summary = "A number"},
	{0},
};

static const struct param params[] = {
	{.name = "op",
	 .kind = PARAM_CHOICE,
	 .required = true,
	 .choices = ops,
	 .summary = "What to compute"},
	{.name = "numbers",
	 .kind = PARAM_ARRAY,
	 .members = number_param,
	 .max = NUMBERS_MAX,
	 .summary = "For sum and product: numbers, those beyond 2^53 as strings"},
	{.name = "n",
	 .kind = PARAM_INT,
	 .min = 0,
	 .max = FIBONACCI_MAX,
	 .summary = "For factorial (at most 200,000) and fibonacci (at most 5,000,000)"},
	{0},
};

static bool is_too_large(const struct json *value)
{
	return fabs(json_number(value, 0)) > two_to_53;
}

/* A string, or a JSON number within 2^53.  -1: not a number. */
static int number_read(const struct json *value, struct decimal *ret)
{
	struct buf text = BUF(64);
	struct json_out out = JSON_OUT(&text);
	int64_t whole;
	int rc;

	if (json_kind(value) == JSON_TEXT)
		return decimal_parse(json_text(value, ""), ret);
	if (json_int(value, &whole)) {
		mpz_set_si(ret->unscaled, whole);
		return 0;
	}
	json_out_double(&out, NULL, json_number(value, 0));
	rc = decimal_parse(buf_text(&text), ret);
	buf_done(&text);
	return rc;
}

static void number_mistake(const struct json *value, size_t index, struct mistakes *mistakes)
{
	const char *pointer = mistakes_pointer_index(mistakes, "/spec/numbers", index);

	if (json_kind(value) == JSON_TEXT)
		mistake_add(mistakes, pointer, "bad-number",
			    "'%.40s' is not a number of at most %d digits", json_text(value, "?"),
			    NUMBER_DIGITS_MAX);
	else
		mistake_hint(mistakes,
			     mistake_add(mistakes, pointer, "out-of-range",
					 "a JSON number beyond 2^53 loses digits"),
			     "write it as a string");
}

static void numbers_read(const struct json *numbers, struct plan *plan, struct mistakes *mistakes)
{
	const struct json *value;

	if (!numbers) {
		mistake_add(mistakes, "/spec/numbers", "missing-member", "%s needs numbers",
			    ops[plan->op]);
		return;
	}
	plan->numbers = calloc(MAX(json_count(numbers), 1), sizeof(*plan->numbers));
	if (!plan->numbers)
		return;
	for (value = json_first(numbers); value; value = json_next(value)) {
		size_t index = plan->count++;

		mpz_init(plan->numbers[index].unscaled);
		if (is_too_large(value) || number_read(value, &plan->numbers[index]))
			number_mistake(value, index, mistakes);
	}
}

static void n_read(const struct json *spec, struct plan *plan, struct mistakes *mistakes)
{
	if (!json_get(spec, "n")) {
		mistake_add(mistakes, "/spec/n", "missing-member", "%s needs n", ops[plan->op]);
		return;
	}
	plan->n = (unsigned long)spec_int(spec, "n", 0);
	if (plan->op == OP_FACTORIAL && plan->n > FACTORIAL_MAX)
		mistake_add(mistakes, "/spec/n", "out-of-range", "n is at most %d for factorial",
			    FACTORIAL_MAX);
}

static void math_plan_free(struct plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->count; i++)
		mpz_clear(plan->numbers[i].unscaled);
	free(plan->numbers);
	free(plan);
}

static int math_plan(const struct json *spec, struct planner *planner, struct plan **ret_plan)
{
	struct mistakes *mistakes = planner->mistakes;
	struct plan *plan = calloc(1, sizeof(*plan));
	const char *stray;

	if (!plan)
		return -1;
	plan->op = (enum op)spec_choice(spec, "op", ops, OP_SUM);
	if (plan->op == OP_SUM || plan->op == OP_PRODUCT) {
		numbers_read(json_get(spec, "numbers"), plan, mistakes);
		stray = "n";
	} else {
		n_read(spec, plan, mistakes);
		stray = "numbers";
	}
	if (json_get(spec, stray))
		mistake_add(mistakes, mistakes_pointer(mistakes, "/spec", stray), "unknown-member",
			    "%s takes no %s", ops[plan->op], stray);
	if (mistakes->count > 0) {
		math_plan_free(plan);
		return -1;
	}
	*ret_plan = plan;
	return 0;
}

/* ---- the step ---- */

static void sum(const struct plan *plan, struct decimal *result)
{
	struct decimal term = {.places = 0};

	mpz_init(term.unscaled);
	for (size_t i = 0; i < plan->count; i++)
		result->places = MAX(result->places, plan->numbers[i].places);
	for (size_t i = 0; i < plan->count; i++) {
		mpz_set(term.unscaled, plan->numbers[i].unscaled);
		term.places = plan->numbers[i].places;
		decimal_rescale(&term, result->places);
		mpz_add(result->unscaled, result->unscaled, term.unscaled);
	}
	mpz_clear(term.unscaled);
}

/* By halves, so that large factors meet large ones (and GMP's fast products). */
static void product_range(const struct decimal *numbers, size_t count, mpz_t result)
{
	mpz_t left, right;

	if (count == 1) {
		mpz_set(result, numbers->unscaled);
		return;
	}
	mpz_inits(left, right, NULL);
	product_range(numbers, count / 2, left);
	product_range(numbers + count / 2, count - count / 2, right);
	mpz_mul(result, left, right);
	mpz_clears(left, right, NULL);
}

/* -1 when the product would not fit the summary. */
static int product(const struct plan *plan, struct decimal *result)
{
	size_t digits = 0;

	for (size_t i = 0; i < plan->count; i++) {
		result->places += plan->numbers[i].places;
		digits += mpz_sizeinbase(plan->numbers[i].unscaled, 10);
	}
	if (digits > VALUE_BYTES_MAX || result->places > VALUE_BYTES_MAX)
		return -1;
	if (plan->count == 0)
		mpz_set_ui(result->unscaled, 1);
	else
		product_range(plan->numbers, plan->count, result->unscaled);
	return 0;
}

static int compute(const struct plan *plan, struct decimal *result)
{
	switch (plan->op) {
	case OP_SUM:
		sum(plan, result);
		return 0;
	case OP_PRODUCT:
		return product(plan, result);
	case OP_FACTORIAL:
		mpz_fac_ui(result->unscaled, plan->n);
		return 0;
	case OP_FIBONACCI:
		mpz_fib_ui(result->unscaled, plan->n);
		return 0;
	}
	return -1;
}

static int result_tell(struct run *run, struct decimal *result, struct err *err)
{
	char *text;
	int rc;

	decimal_trim(result);
	text = decimal_text(result);
	if (!text)
		return err_set(err, ERR_NO_MEMORY, "no memory for the result");
	if (decimal_survives_double(result))
		rc = value_summary_raw(run, text, strlen(text), err);
	else
		rc = value_summary_text(run, text, strlen(text), err);
	free(text);
	return rc;
}

static enum step math_step(struct run *run, void *state, unsigned phase, unsigned lane,
			   struct err *err)
{
	struct decimal result = {.places = 0};
	int rc;

	(void)state;
	(void)phase;
	(void)lane;
	mpz_init(result.unscaled);
	if (compute(run_plan(run), &result))
		rc = err_set(err, ERR_OVERFLOW, "the product has more than %d digits",
			     VALUE_BYTES_MAX);
	else
		rc = result_tell(run, &result, err);
	mpz_clear(result.unscaled);
	return rc ? STEP_FAIL : STEP_DONE;
}

const struct handler math_handler = {
	.name = "math",
	.summary = "Sum, product, factorial and Fibonacci numbers, exact at any size",
	.params = params,
	.plan = math_plan,
	.plan_free = math_plan_free,
	.step = math_step,
};
