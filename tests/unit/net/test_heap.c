/* SPDX-License-Identifier: MIT */
/* The heap gives the smallest key, whatever was moved or dropped before. */
#include "net/heap.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

#include <cmocka.h>

enum { NODES = 500 };

static void keys_come_out_in_order(void **state)
{
	/* Put, moved and dropped at random: what is left comes out sorted, and all of it. */
	struct heap_node nodes[NODES] = {0}, *first;
	struct heap heap = {0};
	struct rng rng;
	size_t left = 0;
	int64_t last = -1;

	(void)state;
	rng_seed(&rng, 42);
	for (int round = 0; round < 4 * NODES; round++) {
		struct heap_node *node = &nodes[rng_between(&rng, 0, NODES - 1)];

		if (rng_between(&rng, 0, 3) == 0)
			heap_drop(&heap, node);
		else
			assert_int_equal(heap_put(&heap, node, rng_between(&rng, 0, 999)), 0);
	}
	for (int i = 0; i < NODES; i++)
		left += nodes[i].place != 0;
	assert_int_equal(heap.count, left);
	assert_true(left > 100);
	while ((first = heap_first(&heap))) {
		assert_true(first->key >= last);
		last = first->key;
		heap_drop(&heap, first);
		assert_int_equal(first->place, 0);
		left--;
	}
	assert_int_equal(left, 0);
	heap_done(&heap);
}

static void a_node_that_is_not_in_can_be_dropped(void **state)
{
	/* Dropping twice, or what never was in, changes nothing. */
	struct heap_node a = {0}, b = {0};
	struct heap heap = {0};

	(void)state;
	heap_drop(&heap, &a);
	assert_int_equal(heap_put(&heap, &a, 5), 0);
	assert_int_equal(heap_put(&heap, &b, 3), 0);
	assert_ptr_equal(heap_first(&heap), &b);
	assert_int_equal(heap_put(&heap, &b, 7), 0);
	assert_ptr_equal(heap_first(&heap), &a);
	heap_drop(&heap, &a);
	heap_drop(&heap, &a);
	assert_ptr_equal(heap_first(&heap), &b);
	heap_done(&heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_come_out_in_order),
		cmocka_unit_test(a_node_that_is_not_in_can_be_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
