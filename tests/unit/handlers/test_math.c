/* SPDX-License-Identifier: MIT */
/* test_math.c - exact sums, products, factorials and Fibonacci numbers. */
#include "tests/lib/fake_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

extern const struct handler math_handler;

struct example {
	const char *spec, *summary;
};

static void assert_summary(const struct example *example)
{
	struct fake_run *fake = fake_run_new(&(struct fake_options){0});

	assert_int_equal(fake_run_drive(fake, &math_handler, example->spec), FAKE_COMPLETED);
	assert_string_equal(fake_run_seen(fake)->summary, example->summary);
	fake_run_free(fake);
}

static void assert_mistake(const char *spec, const char *pointer, const char *type)
{
	struct fake_run *fake = fake_run_new(&(struct fake_options){0});
	const struct mistake *first;

	assert_int_equal(fake_run_drive(fake, &math_handler, spec), FAKE_INVALID);
	first = fake_run_seen(fake)->mistakes.first;
	assert_string_equal(first->pointer, pointer);
	assert_string_equal(first->type, type);
	fake_run_free(fake);
}

static void sums_take_numbers_as_the_decimals_they_are_written_as(void **state)
{
	/* 0.1 + 0.2 is 0.3, not the nearest doubles' sum. */
	static const struct example examples[] = {
		{"{\"op\":\"sum\",\"numbers\":[1,2,3]}", "{\"value\":6}"},
		{"{\"op\":\"sum\",\"numbers\":[0.1,0.2]}", "{\"value\":0.3}"},
		{"{\"op\":\"sum\",\"numbers\":[]}", "{\"value\":0}"},
		{"{\"op\":\"sum\",\"numbers\":[-1.50,0.5]}", "{\"value\":-1}"},
		{"{\"op\":\"sum\",\"numbers\":[0.05,-0.1]}", "{\"value\":-0.05}"},
		{"{\"op\":\"sum\",\"numbers\":[1e3,\"2E-3\"]}", "{\"value\":1000.002}"},
		{"{\"op\":\"sum\",\"numbers\":[0.1,0.2,0.3,0.4,0.5,0.6,0.7]}", "{\"value\":2.8}"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++)
		assert_summary(&examples[i]);
}

static void values_beyond_2_to_53_are_strings(void **state)
{
	/* 9007199254740992 is 2^53, the last whole number that every JSON reader keeps. */
	static const struct example examples[] = {
		{"{\"op\":\"sum\",\"numbers\":[\"9007199254740991\",1]}",
		 "{\"value\":9007199254740992}"},
		{"{\"op\":\"sum\",\"numbers\":[\"9007199254740992\",1]}",
		 "{\"value\":\"9007199254740993\"}"},
		{"{\"op\":\"sum\",\"numbers\":[\"-9007199254740992\",-1]}",
		 "{\"value\":\"-9007199254740993\"}"},
		{"{\"op\":\"sum\",\"numbers\":[\"123456789.123456789\"]}",
		 "{\"value\":\"123456789.123456789\"}"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++)
		assert_summary(&examples[i]);
}

static void products_are_exact(void **state)
{
	/* By hand; an empty product is 1. */
	static const struct example examples[] = {
		{"{\"op\":\"product\",\"numbers\":[2,3,7]}", "{\"value\":42}"},
		{"{\"op\":\"product\",\"numbers\":[]}", "{\"value\":1}"},
		{"{\"op\":\"product\",\"numbers\":[1.5,-2]}", "{\"value\":-3}"},
		{"{\"op\":\"product\",\"numbers\":[0.1,0.1]}", "{\"value\":0.01}"},
		{"{\"op\":\"product\",\"numbers\":[\"100000000000\",\"100000000000\"]}",
		 "{\"value\":\"10000000000000000000000\"}"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++)
		assert_summary(&examples[i]);
}

static void factorials_and_fibonacci_numbers_are_exact(void **state)
{
	/* OEIS A000142 and A000045. */
	static const struct example examples[] = {
		{"{\"op\":\"factorial\",\"n\":0}", "{\"value\":1}"},
		{"{\"op\":\"factorial\",\"n\":5}", "{\"value\":120}"},
		{"{\"op\":\"factorial\",\"n\":20}", "{\"value\":\"2432902008176640000\"}"},
		{"{\"op\":\"factorial\",\"n\":25}", "{\"value\":\"15511210043330985984000000\"}"},
		{"{\"op\":\"fibonacci\",\"n\":0}", "{\"value\":0}"},
		{"{\"op\":\"fibonacci\",\"n\":10}", "{\"value\":55}"},
		{"{\"op\":\"fibonacci\",\"n\":90}", "{\"value\":\"2880067194370816120\"}"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++)
		assert_summary(&examples[i]);
}

static void the_largest_n_still_fit_the_summary(void **state)
{
	/* Digits by Stirling's and Binet's formulas: 973,351 and 1,044,938. */
	static const struct {
		const char *spec;
		size_t digits;
	} largest[] = {
		{"{\"op\":\"factorial\",\"n\":200000}", 973351},
		{"{\"op\":\"fibonacci\",\"n\":5000000}", 1044938},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(largest); i++) {
		struct fake_run *fake = fake_run_new(&(struct fake_options){0});

		assert_int_equal(fake_run_drive(fake, &math_handler, largest[i].spec),
				 FAKE_COMPLETED);
		assert_int_equal(strlen(fake_run_seen(fake)->summary),
				 strlen("{\"value\":\"\"}") + largest[i].digits);
		fake_run_free(fake);
	}
}

static void a_product_that_is_too_long_fails(void **state)
{
	/* 110 factors of 10,000 digits each: more than the summary holds. */
	struct fake_run *fake = fake_run_new(&(struct fake_options){0});
	struct buf spec = BUF(2000000);

	(void)state;
	buf_add_text(&spec, "{\"op\":\"product\",\"numbers\":[1");
	for (int i = 0; i < 110; i++)
		buf_printf(&spec, ",\"%010000d\"", 9);
	for (char *at = spec.data; (at = strstr(at, "\"0")) != NULL; at++)
		at[1] = '1';
	buf_add_text(&spec, "]}");
	assert_int_equal(fake_run_drive(fake, &math_handler, spec.data), FAKE_FAILED);
	assert_int_equal(fake_run_seen(fake)->err.code, ERR_OVERFLOW);
	buf_done(&spec);
	fake_run_free(fake);
}

static void mistakes_name_their_place(void **state)
{
	/* Each wrong spec with the pointer and the type of its first mistake. */
	(void)state;
	assert_mistake("{\"op\":\"sum\"}", "/spec/numbers", "missing-member");
	assert_mistake("{\"op\":\"mean\",\"numbers\":[]}", "/spec/op", "bad-choice");
	assert_mistake("{\"op\":\"factorial\"}", "/spec/n", "missing-member");
	assert_mistake("{\"op\":\"factorial\",\"n\":-1}", "/spec/n", "out-of-range");
	assert_mistake("{\"op\":\"factorial\",\"n\":200001}", "/spec/n", "out-of-range");
	assert_mistake("{\"op\":\"factorial\",\"n\":1.5}", "/spec/n", "wrong-type");
	assert_mistake("{\"op\":\"factorial\",\"n\":1,\"numbers\":[]}", "/spec/numbers",
		       "unknown-member");
	assert_mistake("{\"op\":\"sum\",\"numbers\":[1,true]}", "/spec/numbers/1", "wrong-type");
	assert_mistake("{\"op\":\"sum\",\"numbers\":[1,\"1x\"]}", "/spec/numbers/1", "bad-number");
	assert_mistake("{\"op\":\"sum\",\"numbers\":[\"1.\"]}", "/spec/numbers/0", "bad-number");
	assert_mistake("{\"op\":\"sum\",\"numbers\":[9007199254740995]}", "/spec/numbers/0",
		       "out-of-range");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_take_numbers_as_the_decimals_they_are_written_as),
		cmocka_unit_test(values_beyond_2_to_53_are_strings),
		cmocka_unit_test(products_are_exact),
		cmocka_unit_test(factorials_and_fibonacci_numbers_are_exact),
		cmocka_unit_test(the_largest_n_still_fit_the_summary),
		cmocka_unit_test(a_product_that_is_too_long_fails),
		cmocka_unit_test(mistakes_name_their_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
