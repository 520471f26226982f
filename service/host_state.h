/* SPDX-License-Identifier: MIT */
/* host_state.h - what the store is told of hosts, and what it gives back.
 *
 * Threads    every function from any thread.
 * Ownership  everything given is copied.
 * Errors     0, or -1 and *err; what is told lazily and finds no memory or no store is lost.
 */
#ifndef SERVICE_HOST_STATE_H
#define SERVICE_HOST_STATE_H

#include "base/err.h"

#include <stddef.h>

struct host_view;
struct hosts;
struct store;

/* Once, at start: all that was saved. */
int host_states_load(struct store *store, struct hosts *hosts, struct err *err);
/* A host's state (hosts.h, save()), lazily; store NULL: not open yet. */
void host_state_save(struct store *store, const char *key, const void *state, size_t len);
/* What is known of a host now, to the disk: kept(ctx, &err) tells how that ended, on the
 * writer's thread.  -1: it is not called. */
typedef void host_kept_fn(void *ctx, const struct err *err);
int host_state_keep(struct store *store, struct hosts *hosts, const char *key, host_kept_fn *kept,
		    void *ctx, struct err *err);
/* The move of a breaker (hosts.h, changed()) as an event, lazily; likewise. */
void host_move_tell(struct store *store, const struct host_view *host);

#endif
