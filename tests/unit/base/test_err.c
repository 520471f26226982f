/* SPDX-License-Identifier: MIT */
/* test_err.c - base/err: the table, and details that are cut with care. */
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

static void the_table_says_status_name_and_retry(void **state)
{
	/* Some lines of the contract, one of each kind. */
	(void)state;
	assert_int_equal(err_status(ERR_INVALID_JSON), 400);
	assert_int_equal(err_status(ERR_INVALID_SPEC), 422);
	assert_int_equal(err_status(ERR_QUEUE_FULL), 429);
	assert_int_equal(err_status(ERR_DISK_FULL), 507);
	assert_string_equal(err_name(ERR_QUEUE_FULL), "queue-full");
	assert_string_equal(err_title(ERR_INVALID_JSON), "Body is not JSON");
	assert_true(err_retryable(ERR_QUEUE_FULL));
	assert_false(err_retryable(ERR_INVALID_SPEC));
	assert_string_equal(err_name(ERR_CODES), "internal");
}

static void public_names_lead_back_to_their_code(void **state)
{
	/* No two failures share a public name. */
	(void)state;
	for (unsigned code = ERR_NONE + 1; code < ERR_CODES; code++)
		assert_int_equal(err_by_name(err_name((enum err_code)code)), code);
	assert_int_equal(err_by_name("none"), ERR_NONE);
	assert_int_equal(err_by_name("no-such-failure"), ERR_NONE);
}

static void upper_layers_prefix_and_keep_the_code(void **state)
{
	/* "prefix: detail", twice. */
	struct err err;
	(void)state;

	assert_int_equal(err_set(&err, ERR_FETCH_DNS, "no such name '%s'", "x.test"), -1);
	assert_int_equal(err_wrap(&err, "url %d", 3), -1);
	assert_int_equal(err_wrap(&err, "page"), -1);
	assert_int_equal(err.code, ERR_FETCH_DNS);
	assert_string_equal(err.detail, "page: url 3: no such name 'x.test'");
	assert_int_equal(err_set_errno(&err, ERR_STORE, ENOENT, "open %s", "a.db"), -1);
	assert_string_equal(err.detail, "open a.db: No such file or directory");
}

static void long_details_are_cut_at_a_code_point(void **state)
{
	/* 399 bytes fit.  With one letter before them 199 two-byte letters do, and with two
	 * 198 and a half: the half one goes. */
	char letters[801];
	struct err err;
	(void)state;

	for (int i = 0; i < 400; i++)
		memcpy(letters + (size_t)2 * i, "\xc3\xa4", 3);
	err_set(&err, ERR_FAILED, "a%s", letters);
	assert_int_equal(strlen(err.detail), 399);
	assert_memory_equal(err.detail + 397, "\xc3\xa4", 3);
	err_set(&err, ERR_FAILED, "ab%s", letters);
	assert_int_equal(strlen(err.detail), 398);
	assert_memory_equal(err.detail + 396, "\xc3\xa4", 3);
}

static void a_prefix_pushes_the_end_out_at_a_code_point(void **state)
{
	/* 399 bytes of detail behind "p: " and "pq: ". */
	char letters[400];
	struct err err, other;
	(void)state;

	letters[0] = 'a';
	for (int i = 0; i < 199; i++)
		memcpy(letters + 1 + (size_t)2 * i, "\xc3\xa4", 3);
	err_set(&err, ERR_FAILED, "%s", letters);
	other = err;
	err_wrap(&err, "p");
	assert_int_equal(strlen(err.detail), 398);
	assert_memory_equal(err.detail + 396, "\xc3\xa4", 3);
	err_wrap(&other, "pq");
	assert_int_equal(strlen(other.detail), 399);
	assert_memory_equal(other.detail, "pq: a", 5);
	assert_memory_equal(other.detail + 397, "\xc3\xa4", 3);
}

static void a_prefix_of_any_length_is_safe(void **state)
{
	/* Nothing of the old detail is left, nothing runs over. */
	char prefix[1000];
	struct err err;
	(void)state;

	memset(prefix, 'p', sizeof(prefix) - 1);
	prefix[sizeof(prefix) - 1] = '\0';
	err_set(&err, ERR_FAILED, "old");
	err_wrap(&err, "%s", prefix);
	assert_int_equal(strlen(err.detail), 399);
	assert_int_equal(strspn(err.detail, "p"), 399);
	err_set_errno(&err, ERR_FAILED, EIO, "%s", prefix);
	assert_int_equal(strspn(err.detail, "p"), 399);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_says_status_name_and_retry),
		cmocka_unit_test(public_names_lead_back_to_their_code),
		cmocka_unit_test(upper_layers_prefix_and_keep_the_code),
		cmocka_unit_test(long_details_are_cut_at_a_code_point),
		cmocka_unit_test(a_prefix_pushes_the_end_out_at_a_code_point),
		cmocka_unit_test(a_prefix_of_any_length_is_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
