/* SPDX-License-Identifier: MIT */
/* hosts_list.c - the first so many hosts in some order, out of a hundred thousand.
 *
 * One pass over the table with a heap of the best so far, whose root is the last of
 * them: a host costs a comparison, and a few more when it gets in.  The lock is dropped
 * every few hundred buckets, so that the fetcher never waits for a list.  When the table
 * was enlarged meanwhile the pass begins anew.
 */
#include "net/host.h"

#include <stdlib.h>
#include <string.h>

enum { SLICE_BUCKETS = 512 };

struct pick {
	int64_t value; /* what it is sorted by */
	struct host_view *view;
};

struct picks {
	const struct hosts_filter *filter;
	int64_t now_ms;
	size_t limit, count;
	struct pick *heap;	 /* the last in order is the first here */
	struct host_view *views; /* `limit` of them, as they came */
};

static int64_t sort_value(const struct host *host, enum hosts_sort sort)
{
	switch (sort) {
	case HOSTS_BY_KEY:
		return 0;
	case HOSTS_BY_LAST_ERROR:
		return host->last_err ? host->last_err_ms : 0;
	case HOSTS_BY_OPENS:
		return (int64_t)host->total.opens;
	case HOSTS_BY_IN_FLIGHT:
		return host->in_flight;
	case HOSTS_BY_QUEUED:
		return host->queued;
	case HOSTS_BY_CALLS:
		return (int64_t)host->total.calls;
	case HOSTS_BY_FAILURES:
		return (int64_t)host->total.failures;
	}
	return 0;
}

/* Below 0: the first goes before the second. */
static int order(int64_t a_value, const char *a_key, int64_t b_value, const char *b_key)
{
	if (a_value != b_value)
		return a_value > b_value ? -1 : 1;
	return strcmp(a_key, b_key);
}

static int pick_order(const struct pick *a, const struct pick *b)
{
	return order(a->value, a->view->key, b->value, b->view->key);
}

static int pick_compare(const void *a, const void *b)
{
	return pick_order(a, b);
}

static bool filter_takes(const struct hosts_filter *filter, const struct host *host, int64_t value)
{
	return (filter->state < 0 || filter->state == (int)host->breaker.state) &&
	       (filter->last_err == ERR_NONE || filter->last_err == host->last_err) &&
	       (!filter->contains || strstr(host->key, filter->contains)) &&
	       (!filter->after_key ||
		order(filter->after_value, filter->after_key, value, host->key) < 0);
}

static void sift_up(struct pick *heap, size_t at)
{
	struct pick pick = heap[at];

	for (; at > 0 && pick_order(&heap[(at - 1) / 2], &pick) < 0; at = (at - 1) / 2)
		heap[at] = heap[(at - 1) / 2];
	heap[at] = pick;
}

static void sift_down(struct pick *heap, size_t count)
{
	struct pick pick = heap[0];
	size_t at = 0, child;

	while ((child = 2 * at + 1) < count) {
		if (child + 1 < count && pick_order(&heap[child], &heap[child + 1]) < 0)
			child++;
		if (pick_order(&heap[child], &pick) < 0)
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = pick;
}

/* Takes it in, in the place of the last one when there is no other. */
static void picks_add(struct picks *picks, const struct host *host)
{
	int64_t value = sort_value(host, picks->filter->sort);
	struct pick *last = &picks->heap[0];

	if (!filter_takes(picks->filter, host, value))
		return;
	if (picks->count < picks->limit) {
		picks->heap[picks->count] = (struct pick){value, &picks->views[picks->count]};
		host_view_fill(host, picks->now_ms, picks->heap[picks->count].view);
		sift_up(picks->heap, picks->count++);
	} else if (order(value, host->key, last->value, last->view->key) < 0) {
		last->value = value;
		host_view_fill(host, picks->now_ms, last->view);
		sift_down(picks->heap, picks->count);
	}
}

static void table_walk(struct hosts *hosts, struct picks *picks)
{
	size_t at = 0, bucket_count;

	lock_take(&hosts->lock);
	bucket_count = hosts->bucket_count;
	while (at < bucket_count) {
		for (size_t end = at + SLICE_BUCKETS; at < MIN(end, bucket_count); at++)
			for (const struct host *host = hosts->buckets[at]; host; host = host->chain)
				picks_add(picks, host);
		lock_drop(&hosts->lock);
		lock_take(&hosts->lock);
		if (bucket_count != hosts->bucket_count) {
			bucket_count = hosts->bucket_count;
			picks->count = at = 0;
		}
	}
	lock_drop(&hosts->lock);
}

ssize_t hosts_list(struct hosts *hosts, const struct hosts_filter *filter, int64_t now_ms,
		   struct host_view *views, size_t limit)
{
	struct picks picks = {.filter = filter, .now_ms = now_ms, .limit = limit};

	if (limit == 0)
		return 0;
	picks.heap = calloc(limit, sizeof(*picks.heap));
	picks.views = calloc(limit, sizeof(*picks.views));
	if (!picks.heap || !picks.views) {
		free(picks.heap);
		free(picks.views);
		return -1;
	}
	table_walk(hosts, &picks);
	qsort(picks.heap, picks.count, sizeof(*picks.heap), pick_compare);
	for (size_t i = 0; i < picks.count; i++) {
		views[i] = *picks.heap[i].view;
		views[i].sorted_by = picks.heap[i].value;
	}
	free(picks.heap);
	free(picks.views);
	return (ssize_t)picks.count;
}
