/* SPDX-License-Identifier: MIT */
/* desk.c - a queue and its threads. */
#include "service/http/desk.h"

#include "base/lock.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct desk {
	unsigned waiting_max;
	unsigned threads_count;
	pthread_t threads[DESK_THREADS_MAX];
	struct lock lock; /* LOCK_LEAF */
	struct cond some; /* there is work, or the end */
	struct desk_work *first GUARDED_BY(lock), **last GUARDED_BY(lock);
	unsigned waiting GUARDED_BY(lock);
	bool stopping GUARDED_BY(lock);
};

/* The next piece; NULL: the end. */
static struct desk_work *work_take(struct desk *desk, bool *ret_stopping)
{
	struct desk_work *work;

	lock_take(&desk->lock);
	while (!desk->first && !desk->stopping)
		cond_wait(&desk->some, &desk->lock);
	work = desk->first;
	if (work) {
		desk->first = work->next;
		if (!desk->first)
			desk->last = &desk->first;
		desk->waiting--;
	}
	*ret_stopping = desk->stopping;
	lock_drop(&desk->lock);
	return work;
}

static void *desk_main(void *ctx)
{
	struct desk *desk = ctx;
	struct desk_work *work;
	bool stopping;

	while ((work = work_take(desk, &stopping)) != NULL)
		work->run(work, stopping);
	return NULL;
}

static int desk_start(struct desk *desk, struct err *err)
{
	int rc = pthread_create(&desk->threads[desk->threads_count], NULL, desk_main, desk);

	if (rc)
		return err_set_errno(err, ERR_NO_MEMORY, rc, "no thread for the desk");
	desk->threads_count++;
	return 0;
}

int desk_new(unsigned threads, unsigned waiting_max, struct desk **ret_desk, struct err *err)
{
	struct desk *desk = calloc(1, sizeof(*desk));

	assert(threads <= DESK_THREADS_MAX);
	if (!desk)
		return err_set(err, ERR_NO_MEMORY, "no memory for the desk");
	lock_init(&desk->lock, LOCK_LEAF);
	cond_init(&desk->some);
	lock_take(&desk->lock);
	desk->last = &desk->first;
	lock_drop(&desk->lock);
	desk->waiting_max = waiting_max;
	while (desk->threads_count < threads) {
		if (desk_start(desk, err)) {
			desk_free(desk);
			return -1;
		}
	}
	*ret_desk = desk;
	return 0;
}

void desk_stop(struct desk *desk)
{
	if (!desk)
		return;
	lock_take(&desk->lock);
	desk->stopping = true;
	cond_broadcast(&desk->some);
	lock_drop(&desk->lock);
	while (desk->threads_count > 0)
		pthread_join(desk->threads[--desk->threads_count], NULL);
}

void desk_free(struct desk *desk)
{
	if (!desk)
		return;
	desk_stop(desk);
	cond_done(&desk->some);
	lock_done(&desk->lock);
	free(desk);
}

bool desk_add(struct desk *desk, struct desk_work *work)
{
	bool room;

	lock_take(&desk->lock);
	room = desk->waiting < desk->waiting_max && !desk->stopping;
	if (room) {
		work->next = NULL;
		*desk->last = work;
		desk->last = &work->next;
		desk->waiting++;
		cond_signal(&desk->some);
	}
	lock_drop(&desk->lock);
	return room;
}
