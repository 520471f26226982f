/* SPDX-License-Identifier: MIT */
/* test_id.c - base/id against RFC 9562. */
#include "base/id.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>

enum { THREADS = 4, IDS_EACH = 250000 };

static void version_and_variant_are_those_of_section_5_7(void **state)
{
	/* Version 7 in the high half of octet 6, variant 10 in the top bits of octet 8. */
	struct id id;
	(void)state;

	for (int i = 0; i < 10000; i++) {
		id_new(&id);
		assert_int_equal(id.bytes[6] >> 4, 7);
		assert_int_equal(id.bytes[8] >> 6, 2);
	}
}

static void reads_and_writes_the_example_of_the_rfc(void **state)
{
	/* Appendix A.6: 2022-02-22T14:22:22-05:00 is 0x017F22E279B0 ms. */
	static const char example[] = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
	char text[ID_TEXT_LEN + 1];
	struct id id, upper;
	(void)state;

	assert_int_equal(id_parse(example, &id), 0);
	assert_true(id_wall_ms(&id) == 0x017F22E279B0);
	id_format(&id, text);
	assert_string_equal(text, example);
	assert_int_equal(id_parse("017F22E2-79B0-7CC3-98C4-DC0C0C07398F", &upper), 0);
	assert_true(id_equal(&id, &upper));
	assert_int_equal(id_compare(&id, &upper), 0);
	assert_true(id_hash(&id) == id_hash(&upper));
}

static void refuses_what_is_no_id(void **state)
{
	/* Wrong length, dash, digit; the result stays as it was. */
	static const char *const texts[] = {
		"",
		"017f22e2",
		"017f22e279b07cc398c4dc0c0c07398f",
		"017f22e2-79b0-7cc3-98c4-dc0c0c07398",
		"017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
		"017f22e2-79b0-7cc3-98c4_dc0c0c07398f",
		"017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
		"017f22e2-79b0-7cc3-98c4-dc0c0c0739 f",
		"-17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
	};
	struct id id = {{1, 2, 3}};
	(void)state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(id_parse(texts[i], &id), -1);
	assert_int_equal(id.bytes[2], 3);
}

static void carries_the_wall_clock(void **state)
{
	/* Not before the call; ahead only as far as a full counter may push it. */
	int64_t before = clock_wall_ms();
	struct id id;
	(void)state;

	id_new(&id);
	assert_true(id_wall_ms(&id) >= before);
	assert_true(id_wall_ms(&id) <= clock_wall_ms() + 1);
}

static void *ids_make(void *argument)
{
	struct id *ids = argument;

	for (int i = 0; i < IDS_EACH; i++)
		id_new(&ids[i]);
	return NULL;
}

static int ids_order(const void *a, const void *b)
{
	return id_compare(a, b);
}

static void a_million_ids_grow_and_never_repeat(void **state)
{
	/* Four threads at once: strictly growing in each, no two alike in all. */
	struct id *ids = calloc((size_t)THREADS * IDS_EACH, sizeof(*ids));
	pthread_t threads[THREADS];
	(void)state;

	assert_non_null(ids);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, ids_make, ids + (size_t)i * IDS_EACH), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < THREADS; i++)
		for (int k = 1; k < IDS_EACH; k++)
			if (id_compare(&ids[(size_t)i * IDS_EACH + k - 1],
				       &ids[(size_t)i * IDS_EACH + k]) >= 0)
				fail_msg("id %d of thread %d does not grow", k, i);
	qsort(ids, (size_t)THREADS * IDS_EACH, sizeof(*ids), ids_order);
	for (size_t i = 1; i < (size_t)THREADS * IDS_EACH; i++)
		if (id_equal(&ids[i - 1], &ids[i]))
			fail_msg("an id was made twice");
	free(ids);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_and_variant_are_those_of_section_5_7),
		cmocka_unit_test(reads_and_writes_the_example_of_the_rfc),
		cmocka_unit_test(refuses_what_is_no_id),
		cmocka_unit_test(carries_the_wall_clock),
		cmocka_unit_test(a_million_ids_grow_and_never_repeat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
