/* SPDX-License-Identifier: MIT */
/* events.h - fan-out of committed events to whoever follows.
 *
 * One ring of the most recent events, shared by all subscribers; each subscriber
 * is a wake callback, and keeps a cursor (the seq it has seen) itself.  It reads at
 * its own pace with events_read(), which takes from the ring while that reaches
 * back far enough, else from the store.  Nothing is queued per subscriber, so a
 * slow reader costs nothing but its own delay.
 *
 * Subscribe, then read, then wait for wakes: nothing is missed.
 *
 * Threads    every function from any thread.  `wake` is called from the fan-out thread,
 *            or the writer's when it wakes few: short, and it may resume a connection.
 * Ownership  the ring owns its copies of event data; events_read() hands out copies.
 * Locks      LOCK_EVENTS; wake is called without it, and never after
 *            events_unsubscribe() has returned.
 */
#ifndef SERVICE_ENGINE_EVENTS_H
#define SERVICE_ENGINE_EVENTS_H

#include "base/buf.h"
#include "store/store.h"

struct events;
struct subscriber;

int events_new(struct store *store_or_null, struct events **ret_events, struct err *err);
/* The store is opened with the events as its listener, so it comes after them. */
void events_set_store(struct events *events, struct store *store);
void events_free(struct events *events); /* nobody subscribes any more */

/* On the writer thread, after a commit: store_config.on_events with ctx = events. */
void events_publish(void *ctx, const struct event *events, size_t count);

/* job NULL: of all jobs.  wake(ctx) whenever something new may be there; several
 * events may share one wake.  ERR_TOO_MANY_CONNECTIONS beyond SUBSCRIBERS_MAX. */
int events_subscribe(struct events *events, const struct id *job, void (*wake)(void *ctx),
		     void *ctx, struct subscriber **ret, struct err *err);
/* The same for who waits for the job's end: nothing else wakes it. */
int events_subscribe_end(struct events *events, const struct id *job, void (*wake)(void *ctx),
			 void *ctx, struct subscriber **ret, struct err *err);
/* Waits for its wake if that is under way: hold no lock that wake takes, and never
 * call it from a wake. */
void events_unsubscribe(struct events *events, struct subscriber *subscriber);

/* Up to `limit` events after after_seq, oldest first, from the ring or the store; the
 * caller frees each data.  ERR_GONE as store_events_read(), and without a store. */
int events_read(struct events *events, const struct id *job, uint64_t after_seq, unsigned limit,
		struct event *ret, size_t *ret_count, struct err *err);

uint64_t events_last_seq(struct events *events);

const char *event_type_name(enum event_type type);
/* {"seq":…,"job":…,"at":…,"type":…,"data":{…}} without a newline. */
void event_format(const struct event *event, struct buf *into);

#endif
