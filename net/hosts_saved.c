/* SPDX-License-Identifier: MIT */
/* hosts_saved.c - what of a host outlives the process.
 *
 * A host that changed is dirty; hosts_save() hands the state of each to save(), as one
 * flat record, about once a second; hosts_save_one() does not wait for that.  Instants become
 * durations, because the monotonic clock does not outlive the machine.  A host about which there is
 * nothing to remember is forgotten; so is one that has been well for a week, when it is read.
 */
#include "net/host.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
	SAVED_VERSION = 2,
	HISTORY_KEEP_MS = 7 * 24 * 3600 * 1000, /* of a host that is well since */
};

struct move_saved {
	int64_t ago_ms;
	uint8_t from, to, reason;
	uint8_t unused[5];
};

struct host_saved {
	uint32_t version;
	uint32_t incidents;
	struct breaker_saved breaker;
	int64_t throttled_left_ms;
	struct hosts_limits limits;
	uint64_t moves_count;
	struct move_saved moves[HOST_MOVES_MAX]; /* as many are saved as there are */
};
_Static_assert(sizeof(struct host_saved) <= HOST_STATE_BYTES_MAX, "fits what save() promises");

void host_dirty(struct hosts *hosts, struct host *host)
{
	if (hosts->save && ring_empty(&host->dirty))
		ring_add(&hosts->dirty, &host->dirty);
}

static size_t saved_len(uint64_t moves_count)
{
	return offsetof(struct host_saved, moves) + moves_count * sizeof(struct move_saved);
}

/* 0: nothing about it need be remembered. */
static size_t host_export(const struct host *host, int64_t now_ms, struct host_saved *ret_saved)
{
	unsigned count = host->history ? host->history->count : 0;

	if (host->gone || (count == 0 && host_healthy(host, now_ms)))
		return 0;
	/* Stored as bytes: no padding may be left to chance. */
	memset(ret_saved, 0, sizeof(*ret_saved));
	ret_saved->version = SAVED_VERSION;
	ret_saved->incidents = host->throttle.incidents;
	ret_saved->throttled_left_ms = MAX(host->throttle.until_ms - now_ms, 0);
	ret_saved->limits = host->limits;
	breaker_export(&host->breaker, now_ms, &ret_saved->breaker);
	ret_saved->moves_count = count;
	for (unsigned i = 0; i < count; i++) {
		const struct host_move *move = &host->history->moves[i];

		ret_saved->moves[i].ago_ms = now_ms - move->at_ms;
		ret_saved->moves[i].from = (uint8_t)move->from;
		ret_saved->moves[i].to = (uint8_t)move->to;
		ret_saved->moves[i].reason = (uint8_t)move->reason;
	}
	return saved_len(count);
}

/* Without the lock, but one after the other, in the order in which the states were read:
 * an earlier one never comes after a later one. */
static void saving_await(struct hosts *hosts) REQUIRES(hosts->lock)
{
	while (hosts->saving)
		cond_wait(&hosts->saved, &hosts->lock);
}

static void state_save(struct hosts *hosts, const struct hosts_saver *saver, const char *key,
		       const struct host_saved *saved, size_t len) REQUIRES(hosts->lock)
{
	hosts->saving = true;
	lock_drop(&hosts->lock);
	saver->save(saver->ctx, key, saved, len);
	lock_take(&hosts->lock);
	hosts->saving = false;
	cond_broadcast(&hosts->saved);
}

void hosts_save(struct hosts *hosts, int64_t now_ms)
{
	const struct hosts_saver saver = {.save = hosts->save, .ctx = hosts->ctx};

	if (!hosts->save)
		return;
	lock_take(&hosts->lock);
	saving_await(hosts);
	while (!ring_empty(&hosts->dirty)) {
		struct host *host = CONTAINER_OF(hosts->dirty.next, struct host, dirty);
		struct host_saved saved;
		char key[HOST_KEY_BYTES_MAX + 1];
		size_t len;

		ring_drop(&host->dirty);
		memcpy(key, host->key, strlen(host->key) + 1);
		len = host_export(host, now_ms, &saved);
		if (host->gone)
			host_free(host);
		state_save(hosts, &saver, key, &saved, len);
		saving_await(hosts);
	}
	lock_drop(&hosts->lock);
}

/* One of the same key that went before need not be forgotten by the store any more, and
 * must not be forgotten later. */
static void gone_drop(struct hosts *hosts, const char *key) REQUIRES(hosts->lock)
{
	struct ring *link = hosts->dirty.next;

	while (link != &hosts->dirty) {
		struct host *host = CONTAINER_OF(link, struct host, dirty);

		link = link->next;
		if (host->gone && strcmp(host->key, key) == 0) {
			ring_drop(&host->dirty);
			host_free(host);
		}
	}
}

void hosts_save_one(struct hosts *hosts, const char *key, int64_t now_ms,
		    const struct hosts_saver *saver)
{
	struct host_saved saved;
	const struct host *host;
	size_t len;

	lock_take(&hosts->lock);
	saving_await(hosts);
	gone_drop(hosts, key);
	host = host_find(hosts, key);
	len = host ? host_export(host, now_ms, &saved) : 0;
	state_save(hosts, saver, key, &saved, len);
	lock_drop(&hosts->lock);
}

/* --- and back --- */

static bool saved_is_ours(const void *state, size_t len, struct host_saved *ret_saved)
{
	memset(ret_saved, 0, sizeof(*ret_saved));
	if (len < saved_len(0) || len > sizeof(*ret_saved))
		return false;
	memcpy(ret_saved, state, len);
	return ret_saved->version == SAVED_VERSION && ret_saved->moves_count <= HOST_MOVES_MAX &&
	       len == saved_len(ret_saved->moves_count) && ret_saved->throttled_left_ms >= 0 &&
	       ret_saved->throttled_left_ms <= THROTTLE_MS_MAX && ret_saved->limits.delay_ms >= 0 &&
	       isfinite(ret_saved->limits.rate_per_s);
}

static void history_import(struct host *host, const struct host_saved *saved, int64_t away_ms,
			   int64_t now_ms)
{
	struct host_history *history;

	if (saved->moves_count == 0)
		return;
	history = host->history = calloc(1, sizeof(*history));
	for (uint64_t i = 0; history && i < saved->moves_count; i++) {
		const struct move_saved *move = &saved->moves[i];

		if (move->from > BREAKER_HALF_OPEN || move->to > BREAKER_HALF_OPEN ||
		    move->reason >= BREAKER_REASONS || move->ago_ms < 0)
			continue;
		history->moves[history->count++] =
			(struct host_move){.at_ms = now_ms - away_ms - move->ago_ms,
					   .from = (enum breaker_state)move->from,
					   .to = (enum breaker_state)move->to,
					   .reason = (enum breaker_reason)move->reason};
	}
}

static bool host_is_stale(const struct host *host, int64_t now_ms)
{
	const struct host_history *history = host->history;

	return history && history->count > 0 && host_healthy(host, now_ms) &&
	       now_ms - history->moves[history->count - 1].at_ms >= HISTORY_KEEP_MS;
}

void hosts_import(struct hosts *hosts, const char *key, const void *state, size_t len,
		  int64_t away_ms, int64_t now_ms)
{
	struct host_saved saved;
	struct host *host;
	struct err err;

	if (!saved_is_ours(state, len, &saved) || away_ms < 0)
		return;
	lock_take(&hosts->lock);
	host = host_make(hosts, key, now_ms, &err);
	if (host && !host->history &&
	    breaker_import(&host->breaker, &saved.breaker, away_ms, now_ms) == 0) {
		host->throttle.incidents = saved.incidents;
		host->throttle.until_ms = now_ms + MAX(saved.throttled_left_ms - away_ms, 0);
		host->limits = saved.limits;
		history_import(host, &saved, away_ms, now_ms);
		if (host_is_stale(host, now_ms))
			host_forget(hosts, host);
	}
	lock_drop(&hosts->lock);
}
