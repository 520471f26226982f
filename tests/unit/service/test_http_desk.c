/* SPDX-License-Identifier: MIT */
/* test_http_desk.c - http/desk: order, the bound, and the end. */
#include "service/http/desk.h"

#include "base/limits.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Written by the desk's thread, read after desk_free() joined it. */
struct piece {
	struct desk_work work;
	sem_t *begun, *go; /* NULL: does not wait */
	unsigned *next;	   /* the number that the next piece gets */
	unsigned number;   /* from 1; 0: was not run */
	bool stopping;
};

static void piece_run(struct desk_work *work, bool stopping)
{
	struct piece *piece = (struct piece *)work;

	if (piece->begun)
		sem_post(piece->begun);
	if (piece->go)
		sem_wait(piece->go);
	piece->number = ++*piece->next;
	piece->stopping = stopping;
}

static void work_is_done_in_order_each_once(void **state)
{
	/* Three pieces; what still waits at the end is run, and told that it is the end. */
	struct piece pieces[3] = {0};
	unsigned next = 0;
	struct desk *desk;
	sem_t begun, go;
	struct err err;
	(void)state;

	sem_init(&begun, 0, 0);
	sem_init(&go, 0, 0);
	assert_int_equal(desk_new(1, DESK_WAITING_MAX, &desk, &err), 0);
	for (int i = 0; i < 3; i++) {
		pieces[i].work.run = piece_run;
		pieces[i].next = &next;
	}
	pieces[0].begun = &begun;
	pieces[0].go = &go;
	for (int i = 0; i < 3; i++)
		assert_true(desk_add(desk, &pieces[i].work));
	sem_wait(&begun);
	sem_post(&go);
	desk_free(desk);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pieces[i].number, i + 1);
	assert_false(pieces[0].stopping);
	sem_destroy(&begun);
	sem_destroy(&go);
}

static void too_much_is_refused(void **state)
{
	/* One piece is under way, DESK_WAITING_MAX wait, the next one is refused. */
	static struct piece pieces[DESK_WAITING_MAX + 2];
	unsigned next = 0;
	struct desk *desk;
	sem_t begun, go;
	struct err err;
	(void)state;

	sem_init(&begun, 0, 0);
	sem_init(&go, 0, 0);
	assert_int_equal(desk_new(1, DESK_WAITING_MAX, &desk, &err), 0);
	for (int i = 0; i < DESK_WAITING_MAX + 2; i++) {
		pieces[i].work.run = piece_run;
		pieces[i].next = &next;
	}
	pieces[0].begun = &begun;
	pieces[0].go = &go;
	assert_true(desk_add(desk, &pieces[0].work));
	sem_wait(&begun);
	for (int i = 1; i <= DESK_WAITING_MAX; i++)
		assert_true(desk_add(desk, &pieces[i].work));
	assert_false(desk_add(desk, &pieces[DESK_WAITING_MAX + 1].work));
	sem_post(&go);
	desk_free(desk);
	assert_int_equal(next, DESK_WAITING_MAX + 1);
	assert_int_equal(pieces[DESK_WAITING_MAX + 1].number, 0);
	sem_destroy(&begun);
	sem_destroy(&go);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(work_is_done_in_order_each_once),
		cmocka_unit_test(too_much_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
