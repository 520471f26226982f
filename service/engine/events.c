/* SPDX-License-Identifier: MIT */
/* events.c - a ring, topics, and one thread that wakes.
 *
 *   writer ─ events_publish ▶ ring (copies), dirty topics ─┬─ few: wake ─────────────────────▶
 *                                                          └─ many ▶ fan-out thread ─ wake ─▶
 *   subscriber ─ events_read ▶ ring or store
 *
 * A topic is a job that somebody follows (and one more, `all`): its subscribers,
 * and the chain of its events through the ring, so that a read costs what it
 * returns and not the length of the ring.  Publishing marks topics dirty, which is
 * all it does for them, unless few wakes come of it: those cost less than to wake a
 * thread for them, and a client that waits for a job's end hears of it sooner.  So ten
 * thousand subscribers of one job cost the writer as much as four.  The fan-out thread
 * goes round a dirty topic in batches; a new event meanwhile makes the topic dirty
 * again, so that wakes coalesce.
 *
 * Positions count events since the start; position p stands at ring[p % size].
 * The ring is complete from `floor_seq` on: it has every event above that.  A topic
 * knows better for its job: dropped_seq is the last event of that job which is not
 * in the ring any more, so that a follower of a quiet job need not ask the store.
 */
#include "service/engine/events.h"

#include "base/compiler.h"
#include "base/limits.h"
#include "base/lock.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
	TOPIC_BUCKETS = 16384, /* about one topic each at SUBSCRIBERS_MAX */
	RING_BUCKETS = 2 * EVENT_RING_MAX,
	WAKE_BATCH = 64,      /* wakes between two looks at the lock */
	NEAR_TOPICS_MAX = 16, /* that the writer itself goes round after a commit … */
	NEAR_USERS_MAX = 4,   /* … each with so many subscribers at most */
	NO_POSITION = 0,      /* positions count from 1 */
};

struct slot {
	struct event event;
	uint64_t prev, next; /* positions in the chain of the job's topic */
	uint64_t older;	     /* position in the chain of its bucket */
};

struct subscriber {
	struct topic *topic;
	void (*wake)(void *ctx);
	void *ctx;
	struct subscriber *prev, *next; /* in the topic */
	uint64_t round;			/* of the topic: woken in it */
	bool end_only;			/* nothing but the job's end wakes it */
	bool waking;			/* wake is under way */
};

struct topic {
	struct id job;
	struct topic *chain; /* of the hash */
	struct subscriber *first, *last;
	size_t users; /* subscribers, with those that wait in events_unsubscribe() */
	uint64_t round;
	bool dirty;  /* in the list of those */
	bool ended;  /* the job's end is among the news */
	bool waking; /* somebody goes round it */
	struct topic *next_dirty;
	uint64_t newest; /* position of its last event in the ring */
	uint64_t dropped_seq;
};

struct events {
	pthread_t thread;
	/* The writer thread's: copies made before the lock, what they replace after. */
	struct slot incoming[STORE_BATCH_OPS_MAX];

	struct lock lock;
	struct cond news;  /* for the fan-out thread: a dirty topic, or stopping */
	struct cond woken; /* for events_unsubscribe(): a batch of wakes is over */
	struct store *store GUARDED_BY(lock);
	struct slot ring[EVENT_RING_MAX] GUARDED_BY(lock);
	uint64_t head GUARDED_BY(lock), tail GUARDED_BY(lock); /* positions: tail … head - 1 */
	uint64_t newest[RING_BUCKETS] GUARDED_BY(lock);	       /* by the hash of the job */
	uint64_t floor_seq GUARDED_BY(lock), last_seq GUARDED_BY(lock);
	struct topic all GUARDED_BY(lock);
	struct topic *buckets[TOPIC_BUCKETS] GUARDED_BY(lock);
	size_t topics GUARDED_BY(lock), subscribers GUARDED_BY(lock);
	struct topic *dirty_first GUARDED_BY(lock), *dirty_last GUARDED_BY(lock);
	unsigned waiting GUARDED_BY(lock); /* in events_unsubscribe() */
	bool stopping GUARDED_BY(lock);
};

static void *fan_out_main(void *arg);
static struct slot *slot_at(struct events *events, uint64_t position) REQUIRES(events->lock);
static void slot_add(struct events *events, struct slot *incoming) REQUIRES(events->lock);
static char *slot_drop(struct events *events) REQUIRES(events->lock);
static struct topic *topic_find(struct events *events, const struct id *job) REQUIRES(events->lock);
static void topic_begin(struct events *events, struct topic *topic, const struct id *job)
	REQUIRES(events->lock);
static void topic_mark(struct events *events, struct topic *topic) REQUIRES(events->lock);
static void topic_end_if_unused(struct events *events, struct topic *topic) REQUIRES(events->lock);
static void near_wake(struct events *events) REQUIRES(events->lock);
static int ring_read(struct events *events, const struct topic *topic, const struct id *job,
		     uint64_t after_seq, unsigned limit, struct event *ret, size_t *ret_count,
		     struct err *err) REQUIRES(events->lock);

int events_new(struct store *store_or_null, struct events **ret_events, struct err *err)
{
	struct events *events = calloc(1, sizeof(*events));
	int rc;

	if (!events)
		return err_set(err, ERR_NO_MEMORY, "events");
	lock_init(&events->lock, LOCK_EVENTS);
	cond_init(&events->news);
	cond_init(&events->woken);
	lock_take(&events->lock);
	events->head = events->tail = 1;
	lock_drop(&events->lock);
	if (store_or_null)
		events_set_store(events, store_or_null);
	rc = pthread_create(&events->thread, NULL, fan_out_main, events);
	if (rc != 0) {
		cond_done(&events->woken);
		cond_done(&events->news);
		lock_done(&events->lock);
		free(events);
		return err_set_errno(err, ERR_IO, rc, "cannot start the events thread");
	}
	*ret_events = events;
	return 0;
}

void events_set_store(struct events *events, struct store *store)
{
	uint64_t last_seq = store_events_last_seq(store);

	lock_take(&events->lock);
	events->store = store;
	if (events->head == events->tail && last_seq > events->last_seq)
		events->floor_seq = events->last_seq = last_seq;
	lock_drop(&events->lock);
}

void events_free(struct events *events) NO_LOCK_ANALYSIS /* alone, after the join */
{
	if (!events)
		return;
	lock_take(&events->lock);
	assert(events->subscribers == 0);
	events->stopping = true;
	cond_signal(&events->news);
	lock_drop(&events->lock);
	pthread_join(events->thread, NULL);
	while (events->dirty_first) { /* topics without users that the thread did not come to */
		struct topic *topic = events->dirty_first;

		events->dirty_first = topic->next_dirty;
		topic->dirty = false;
		topic_end_if_unused(events, topic);
	}
	for (uint64_t at = events->tail; at < events->head; at++)
		free(slot_at(events, at)->event.data);
	cond_done(&events->woken);
	cond_done(&events->news);
	lock_done(&events->lock);
	free(events);
}

/* ---- publishing ---- */

/* The copies and the frees are made without the lock, in one go for a whole commit. */
void events_publish(void *ctx, const struct event *published, size_t count)
{
	struct events *events = ctx;

	while (count > 0) {
		size_t batch = MIN(count, ARRAY_LEN(events->incoming));

		for (size_t i = 0; i < batch; i++) {
			events->incoming[i] = (struct slot){.event = published[i]};
			if (published[i].data)
				events->incoming[i].event.data = strdup(published[i].data);
		}
		lock_take(&events->lock);
		for (size_t i = 0; i < batch; i++) {
			bool lost = published[i].data && !events->incoming[i].event.data;

			slot_add(events, &events->incoming[i]);
			while (lost && events->tail < events->head) /* the store has it */
				free(slot_drop(events));
		}
		near_wake(events);
		lock_drop(&events->lock);
		for (size_t i = 0; i < batch; i++)
			free(events->incoming[i].event.data);
		published += batch;
		count -= batch;
	}
}

static struct slot *slot_at(struct events *events, uint64_t position)
{
	return &events->ring[position % EVENT_RING_MAX];
}

static uint64_t *ring_bucket(struct events *events, const struct id *job) REQUIRES(events->lock)
{
	return &events->newest[id_hash(job) % RING_BUCKETS];
}

/* Takes the oldest out; its data is the caller's to free. */
static char *slot_drop(struct events *events)
{
	struct slot *slot = slot_at(events, events->tail);
	struct topic *topic = events->topics > 0 ? topic_find(events, &slot->event.job) : NULL;

	if (topic) {
		topic->dropped_seq = slot->event.seq;
		if (topic->newest == events->tail)
			topic->newest = NO_POSITION;
	}
	events->floor_seq = slot->event.seq;
	events->tail++;
	return slot->event.data;
}

/* The last of the topic's chain; what is before it may have left the ring. */
static void chain_add(struct events *events, struct topic *topic, uint64_t position)
	REQUIRES(events->lock)
{
	struct slot *slot = slot_at(events, position);

	slot->prev = topic->newest;
	slot->next = NO_POSITION;
	if (topic->newest != NO_POSITION)
		slot_at(events, topic->newest)->next = position;
	topic->newest = position;
}

/* Moves it in; the data that it replaces comes back in its place. */
static void slot_add(struct events *events, struct slot *incoming)
{
	const struct event *event = &incoming->event;
	char *replaced = NULL;
	struct topic *topic;
	uint64_t *newest;

	if (events->head - events->tail == EVENT_RING_MAX)
		replaced = slot_drop(events);
	if (events->last_seq == 0)
		events->floor_seq = event->seq - 1; /* what came before is not known */
	events->last_seq = event->seq;
	*slot_at(events, events->head) = *incoming;
	newest = ring_bucket(events, &event->job);
	slot_at(events, events->head)->older = *newest;
	*newest = events->head;
	topic = events->topics > 0 ? topic_find(events, &event->job) : NULL;
	if (topic) {
		chain_add(events, topic, events->head);
		topic->ended |= event->type == EVENT_END;
		topic_mark(events, topic);
	}
	if (events->all.first)
		topic_mark(events, &events->all);
	events->head++;
	incoming->event.data = replaced;
}

/* ---- subscribers ---- */

/* Takes the subscriber over; NULL: there was no memory for it. */
static int subscribe(struct events *events, const struct id *job, struct subscriber *subscriber,
		     struct err *err)
{
	struct topic *spare = job ? calloc(1, sizeof(*spare)) : NULL;
	struct topic *topic;
	bool full;

	if (!subscriber || (job && !spare)) {
		free(subscriber);
		free(spare);
		return err_set(err, ERR_NO_MEMORY, "subscriber");
	}
	lock_take(&events->lock);
	full = events->subscribers == SUBSCRIBERS_MAX;
	if (!full) {
		topic = job ? topic_find(events, job) : &events->all;
		if (!topic) {
			topic = spare;
			spare = NULL;
			topic_begin(events, topic, job);
		}
		subscriber->topic = topic;
		subscriber->round = topic->round;
		subscriber->prev = topic->last;
		if (topic->last)
			topic->last->next = subscriber;
		else
			topic->first = subscriber;
		topic->last = subscriber;
		topic->users++;
		events->subscribers++;
	}
	lock_drop(&events->lock);
	free(spare);
	if (full) {
		free(subscriber);
		return err_set(err, ERR_TOO_MANY_CONNECTIONS, "%d event streams are open",
			       SUBSCRIBERS_MAX);
	}
	return 0;
}

static struct subscriber *subscriber_new(void (*wake)(void *ctx), void *ctx, bool end_only)
{
	struct subscriber *subscriber = malloc(sizeof(*subscriber));

	if (subscriber)
		*subscriber = (struct subscriber){.wake = wake, .ctx = ctx, .end_only = end_only};
	return subscriber;
}

int events_subscribe(struct events *events, const struct id *job, void (*wake)(void *ctx),
		     void *ctx, struct subscriber **ret, struct err *err)
{
	*ret = subscriber_new(wake, ctx, false);
	return subscribe(events, job, *ret, err);
}

int events_subscribe_end(struct events *events, const struct id *job, void (*wake)(void *ctx),
			 void *ctx, struct subscriber **ret, struct err *err)
{
	*ret = subscriber_new(wake, ctx, true);
	return subscribe(events, job, *ret, err);
}

static void subscriber_unlink(struct subscriber *subscriber)
{
	struct topic *topic = subscriber->topic;

	if (subscriber->prev)
		subscriber->prev->next = subscriber->next;
	else
		topic->first = subscriber->next;
	if (subscriber->next)
		subscriber->next->prev = subscriber->prev;
	else
		topic->last = subscriber->prev;
}

void events_unsubscribe(struct events *events, struct subscriber *subscriber)
{
	if (!subscriber)
		return;
	assert(!pthread_equal(events->thread, pthread_self()));
	lock_take(&events->lock);
	subscriber_unlink(subscriber);
	events->subscribers--;
	events->waiting++;
	while (subscriber->waking)
		cond_wait(&events->woken, &events->lock);
	events->waiting--;
	subscriber->topic->users--;
	topic_end_if_unused(events, subscriber->topic);
	lock_drop(&events->lock);
	free(subscriber);
}

/* ---- topics ---- */

static struct topic **topic_bucket(struct events *events, const struct id *job)
	REQUIRES(events->lock)
{
	return &events->buckets[id_hash(job) % TOPIC_BUCKETS];
}

static struct topic *topic_find(struct events *events, const struct id *job)
{
	struct topic *topic = *topic_bucket(events, job);

	while (topic && !id_equal(&topic->job, job))
		topic = topic->chain;
	return topic;
}

/* Finds the job's events in the ring, newest first: once, so that reads need not. */
static void topic_begin(struct events *events, struct topic *topic, const struct id *job)
{
	struct topic **bucket = topic_bucket(events, job);
	uint64_t at = *ring_bucket(events, job), later = NO_POSITION;

	topic->job = *job;
	topic->dropped_seq = events->floor_seq;
	topic->chain = *bucket;
	*bucket = topic;
	events->topics++;
	for (; at >= events->tail; at = slot_at(events, at)->older) {
		struct slot *slot = slot_at(events, at);

		if (!id_equal(&slot->event.job, job))
			continue;
		slot->next = later;
		slot->prev = NO_POSITION;
		if (later == NO_POSITION)
			topic->newest = at;
		else
			slot_at(events, later)->prev = at;
		later = at;
	}
}

static void topic_mark(struct events *events, struct topic *topic)
{
	if (topic->dirty)
		return;
	topic->dirty = true;
	topic->next_dirty = NULL;
	if (events->dirty_last)
		events->dirty_last->next_dirty = topic;
	else
		events->dirty_first = topic;
	events->dirty_last = topic;
}

static void topic_end_if_unused(struct events *events, struct topic *topic)
{
	struct topic **at;

	if (topic == &events->all || topic->users > 0 || topic->dirty || topic->waking)
		return;
	at = topic_bucket(events, &topic->job);
	while (*at != topic)
		at = &(*at)->chain;
	*at = topic->chain;
	events->topics--;
	free(topic);
}

/* ---- waking ---- */

/* The next subscribers that were not come to in this round, which go to the end. */
static size_t batch_take(struct topic *topic, bool ended, struct subscriber *batch[WAKE_BATCH])
{
	size_t count = 0;

	while (count < WAKE_BATCH && topic->first && topic->first->round != topic->round) {
		struct subscriber *subscriber = topic->first;

		subscriber_unlink(subscriber);
		subscriber->prev = topic->last;
		subscriber->next = NULL;
		if (topic->last)
			topic->last->next = subscriber;
		else
			topic->first = subscriber;
		topic->last = subscriber;
		subscriber->round = topic->round;
		if (subscriber->end_only && !ended)
			continue;
		subscriber->waking = true;
		batch[count++] = subscriber;
	}
	return count;
}

static void topic_wake(struct events *events, struct topic *topic) REQUIRES(events->lock)
{
	struct subscriber *batch[WAKE_BATCH];
	bool ended = topic->ended;
	size_t count;

	topic->ended = false;
	topic->round++;
	while ((count = batch_take(topic, ended, batch)) > 0) {
		lock_drop(&events->lock);
		for (size_t i = 0; i < count; i++)
			batch[i]->wake(batch[i]->ctx);
		lock_take(&events->lock);
		for (size_t i = 0; i < count; i++)
			batch[i]->waking = false;
		if (events->waiting > 0)
			cond_broadcast(&events->woken);
	}
}

/* Takes the first dirty topic and goes round it.  Another thread may be at another. */
static void dirty_wake(struct events *events) REQUIRES(events->lock)
{
	struct topic *topic = events->dirty_first;

	events->dirty_first = topic->next_dirty;
	if (!events->dirty_first)
		events->dirty_last = NULL;
	topic->dirty = false;
	topic->waking = true;
	topic_wake(events, topic);
	topic->waking = false;
	topic_end_if_unused(events, topic);
}

/* The writer's: goes round what few follow, and leaves the rest to the other thread.
 * So it does with a topic that the other is at. */
static void near_wake(struct events *events)
{
	for (int i = 0;
	     i < NEAR_TOPICS_MAX && events->dirty_first &&
	     events->dirty_first->users <= NEAR_USERS_MAX && !events->dirty_first->waking;
	     i++)
		dirty_wake(events);
	if (events->dirty_first)
		cond_signal(&events->news);
}

static void *fan_out_main(void *arg)
{
	struct events *events = arg;

	pthread_setname_np(pthread_self(), "events");
	lock_take(&events->lock);
	while (!events->stopping) {
		if (events->dirty_first)
			dirty_wake(events);
		else
			cond_wait(&events->news, &events->lock);
	}
	lock_drop(&events->lock);
	return NULL;
}

/* ---- reading ---- */

int events_read(struct events *events, const struct id *job, uint64_t after_seq, unsigned limit,
		struct event *ret, size_t *ret_count, struct err *err)
{
	const struct topic *topic;
	struct store *store;
	bool complete;
	int rc = 0;

	*ret_count = 0;
	lock_take(&events->lock);
	topic = job ? topic_find(events, job) : NULL;
	complete = after_seq >= (topic ? topic->dropped_seq : events->floor_seq);
	if (complete)
		rc = ring_read(events, topic, job, after_seq, limit, ret, ret_count, err);
	store = events->store;
	lock_drop(&events->lock);
	if (complete)
		return rc;
	if (!store)
		return err_set(err, ERR_GONE, "events after %" PRIu64 " are no longer kept",
			       after_seq);
	return store_events_read(store, job, after_seq, limit, ret, ret_count, err);
}

/* The position of the first event after `after_seq`, by bisection. */
static uint64_t ring_find(struct events *events, uint64_t after_seq) REQUIRES(events->lock)
{
	uint64_t lo = events->tail, hi = events->head;

	while (lo < hi) {
		uint64_t middle = lo + (hi - lo) / 2;

		if (slot_at(events, middle)->event.seq > after_seq)
			hi = middle;
		else
			lo = middle + 1;
	}
	return lo;
}

/* The same in a topic's chain, from its newest back; NO_POSITION: there is none. */
static uint64_t chain_find(struct events *events, const struct topic *topic, uint64_t after_seq)
	REQUIRES(events->lock)
{
	uint64_t found = NO_POSITION;

	for (uint64_t at = topic->newest;
	     at >= events->tail && slot_at(events, at)->event.seq > after_seq;
	     at = slot_at(events, at)->prev)
		found = at;
	return found;
}

static int ring_read(struct events *events, const struct topic *topic, const struct id *job,
		     uint64_t after_seq, unsigned limit, struct event *ret, size_t *ret_count,
		     struct err *err)
{
	uint64_t at = topic ? chain_find(events, topic, after_seq) : ring_find(events, after_seq);
	size_t count = 0;

	while (at != NO_POSITION && at < events->head && count < limit) {
		const struct slot *slot = slot_at(events, at);

		if (topic || !job || id_equal(&slot->event.job, job)) {
			ret[count] = slot->event;
			if (slot->event.data && !(ret[count].data = strdup(slot->event.data)))
				break;
			count++;
		}
		at = topic ? slot->next : at + 1;
	}
	*ret_count = count;
	if (count == 0 && at != NO_POSITION && at < events->head && limit > 0)
		return err_set(err, ERR_NO_MEMORY, "event data");
	return 0;
}

uint64_t events_last_seq(struct events *events)
{
	uint64_t last_seq;

	lock_take(&events->lock);
	last_seq = events->last_seq;
	lock_drop(&events->lock);
	return last_seq;
}
