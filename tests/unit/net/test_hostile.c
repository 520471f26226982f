/* SPDX-License-Identifier: MIT */
/* Whatever a server sends costs that fetch at most, with a reason of the fixed list. */
#include "net/charset.h"
#include "tests/lib/fetch_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* An answer of the origin, and how the fetch must end. */
static const struct {
	const char *target;
	enum err_code code;
} answers[] = {
	{"/a?raw=nothing", ERR_FETCH_RESET},
	{"/a?raw=ssh", ERR_FETCH_PROTOCOL},
	{"/a?raw=tls_alert", ERR_FETCH_PROTOCOL},
	{"/a?raw=status_text", ERR_FETCH_PROTOCOL},
	{"/a?raw=status_five_digits", ERR_FETCH_PROTOCOL},
	{"/a?raw=version_9", ERR_FETCH_PROTOCOL},
	{"/a?raw=head_cut", ERR_FETCH_TRUNCATED},
	{"/a?raw=header_without_colon", ERR_FETCH_PROTOCOL},
	{"/a?raw=header_with_nul", ERR_FETCH_PROTOCOL},
	{"/a?raw=header_folded", ERR_NONE},
	{"/a?raw=length_negative", ERR_FETCH_PROTOCOL},
	{"/a?raw=length_huge", ERR_FETCH_TOO_LARGE},
	{"/a?raw=length_text", ERR_FETCH_PROTOCOL},
	{"/a?raw=length_twice", ERR_FETCH_PROTOCOL},
	{"/a?raw=chunk_text", ERR_FETCH_RESET},
	{"/a?raw=chunk_huge", ERR_FETCH_RESET},
	{"/a?raw=chunk_cut", ERR_FETCH_TRUNCATED},
	{"/a?raw=chunk_without_end", ERR_FETCH_TRUNCATED},
	{"/a?raw=gzip_that_is_none", ERR_FETCH_PROTOCOL},
	{"/a?raw=gzip_cut", ERR_NONE}, /* whole by its length: libcurl asks no more */
	{"/a?raw=encoding_unknown", ERR_FETCH_PROTOCOL},
	{"/a?raw=encodings_many", ERR_FETCH_PROTOCOL},
	{"/a?raw=upgrade", ERR_FETCH_RESET},
	{"/a?raw=interims", ERR_FETCH_TOO_LARGE},
	{"/a?raw=location_bad", ERR_FETCH_URL},
	{"/a?raw=location_gopher", ERR_FETCH_URL},
	{"/a?raw=location_inner", ERR_FETCH_GUARD},
	{"/a?raw=charset_bad", ERR_NONE},
};

static void each_hostile_answer_costs_that_fetch_only(void **state)
{
	/* Each has its reason, and the next fetch from the same origin finds all well. */
	struct fetch_request request = {.retry = {.attempts_max = 1}, .timeout_ms = 2000};
	unsigned wrong = 0;
	struct world world;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		const struct fetch_result *result;

		world_open(&world, "127.0.0.0/8", 0);
		result = world_get(&world, answers[i].target, &request);
		if (result->err.code != answers[i].code) {
			print_error("%s: %s (%s), not %s\n", answers[i].target,
				    err_name(result->err.code), result->err.detail,
				    err_name(answers[i].code));
			wrong++;
		}
		assert_int_equal(world_get(&world, "/b", &request)->err.code, ERR_NONE);
		world_close(&world);
	}
	assert_int_equal(wrong, 0);
}

static void a_flapping_host_is_given_up_and_taken_back(void **state)
{
	/* Six good answers, six bad ones, and so on: the breaker opens and closes, and all 40
	 * fetches come to an end of their own. */
	struct fetch_request request = {.per_host = 1,
					.retry = {.attempts_max = 2, .base_ms = 1},
					.breaker = {.open_ms = 50}};
	unsigned good = 0, bad = 0;
	struct world world;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	for (int i = 0; i < 40; i++)
		fetch_drop(world_start(&world, "/a?flap=6", &request));
	world_wait(&world, &world.count, 40);
	for (unsigned i = 0; i < 40; i++) {
		good += world.results[i]->err.code == ERR_NONE;
		bad += world.results[i]->err.code == ERR_FETCH_HTTP_5XX;
	}
	assert_int_equal(good + bad, 40);
	assert_true(good >= 12);
	assert_true(world.changes >= 3); /* open, half-open, closed */
	world_close(&world);
}

static void a_body_of_unknown_charset_is_read_as_it_can_be(void **state)
{
	/* A label that is none and octets that are no UTF-8: windows-1252, and U+FFFD never. */
	const struct fetch_result *result;
	enum charset_source source;
	struct world world;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	result = world_get(&world, "/a?raw=charset_bad", NULL);
	assert_int_equal(result->err.code, ERR_NONE);
	assert_string_equal(
		charset_detect(result->body, result->body_len, result->content_type, NULL, &source),
		"windows-1252");
	assert_int_equal(source, CHARSET_FROM_DEFAULT);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_hostile_answer_costs_that_fetch_only),
		cmocka_unit_test(a_flapping_host_is_given_up_and_taken_back),
		cmocka_unit_test(a_body_of_unknown_charset_is_read_as_it_can_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
