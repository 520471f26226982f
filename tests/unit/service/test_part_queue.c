/* SPDX-License-Identifier: MIT */
/* test_part_queue.c - which part next, which by number, which keys are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "service/engine/run.h"

static struct run_part *part(uint64_t number, int priority, uint64_t group)
{
	struct run_part *part = calloc(1, sizeof(*part));

	assert_non_null(part);
	part->part.number = number;
	part->part.priority = priority;
	part->part.group = group;
	return part;
}

static void assert_takes(struct part_queue *queue, const uint64_t *numbers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct run_part *taken = part_queue_take(queue);

		assert_non_null(taken);
		assert_int_equal(taken->part.number, numbers[i]);
		free(taken);
	}
	assert_null(part_queue_take(queue));
}

static void test_higher_priority_goes_first(void **state)
{
	/* Priorities 0, 5, -1, 5 of one group: the fives by number, then 0, then -1. */
	struct part_queue queue = {0};
	const uint64_t order[] = {1, 3, 0, 2};

	(void)state;
	part_queue_add(&queue, part(0, 0, 7));
	part_queue_add(&queue, part(1, 5, 7));
	part_queue_add(&queue, part(2, -1, 7));
	part_queue_add(&queue, part(3, 5, 7));
	assert_takes(&queue, order, 4);
	part_queue_done(&queue);
}

static void test_groups_take_turns(void **state)
{
	/* Four parts of one group and then two of another: the second waits for one each. */
	struct part_queue queue = {0};
	const uint64_t order[] = {0, 4, 1, 5, 2, 3};

	(void)state;
	for (uint64_t i = 0; i < 4; i++)
		part_queue_add(&queue, part(i, 0, 1));
	part_queue_add(&queue, part(4, 0, 2));
	part_queue_add(&queue, part(5, 0, 2));
	assert_takes(&queue, order, 6);
	part_queue_done(&queue);
}

static bool any(const void *ctx, const struct run_part *part)
{
	(void)ctx;
	(void)part;
	return true;
}

static void test_new_group_gets_the_place_of_the_last_of_a_large_one(void **state)
{
	/* Of three parts of one group the last goes; another of that group moves none. */
	struct part_queue queue = {0};
	struct run_part *other = part(3, 0, 2), *same = part(4, 0, 1), *evicted;
	const uint64_t order[] = {0, 1};

	(void)state;
	for (uint64_t i = 0; i < 3; i++)
		part_queue_add(&queue, part(i, 0, 1));
	assert_null(part_queue_evict_for(&queue, same, any, NULL));
	evicted = part_queue_evict_for(&queue, other, any, NULL);
	assert_non_null(evicted);
	assert_int_equal(evicted->part.number, 2);
	assert_takes(&queue, order, 2);
	free(evicted);
	free(other);
	free(same);
	part_queue_done(&queue);
}

static void test_map_finds_what_is_left_after_many_were_dropped(void **state)
{
	/* 10,000 numbers, every third dropped: the others are found, those are not. */
	struct part_map map = {0};
	struct run_part *one = part(0, 0, 0);

	(void)state;
	for (uint64_t i = 0; i < 10000; i++)
		assert_true(part_map_put(&map, i, i % 2 ? one : NULL));
	for (uint64_t i = 0; i < 10000; i += 3)
		part_map_drop(&map, i);
	for (uint64_t i = 0; i < 10000; i++) {
		assert_int_equal(part_map_has(&map, i), i % 3 != 0);
		assert_ptr_equal(part_map_get(&map, i), i % 3 != 0 && i % 2 ? one : NULL);
	}
	assert_int_equal(map.count, 6666);
	part_map_done(&map);
	free(one);
}

static void test_seen_set_knows_each_key_once_and_has_an_end(void **state)
{
	/* 100,000 keys fit; the next new one does not, the known ones are still known. */
	struct seen seen;
	char key[32];

	(void)state;
	seen_init(&seen, 100000);
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 100000; i++) {
			int len = snprintf(key, sizeof(key), "key %d", i);

			assert_int_equal(seen_add(&seen, fingerprint_of(key, (size_t)len)),
					 round == 0 ? SEEN_NEW : SEEN_KNOWN);
		}
	assert_int_equal(seen_add(&seen, fingerprint_of("another", 7)), SEEN_FULL);
	assert_int_equal(seen_look(&seen, fingerprint_of("another", 7)), SEEN_NEW);
	assert_int_equal(seen_look(&seen, fingerprint_of("key 99999", 9)), SEEN_KNOWN);
	seen_done(&seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_higher_priority_goes_first),
		cmocka_unit_test(test_groups_take_turns),
		cmocka_unit_test(test_new_group_gets_the_place_of_the_last_of_a_large_one),
		cmocka_unit_test(test_map_finds_what_is_left_after_many_were_dropped),
		cmocka_unit_test(test_seen_set_knows_each_key_once_and_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
