/* SPDX-License-Identifier: MIT */
/* ready.c - the window over the pending jobs of one priority.
 *
 * The index job_ready holds them by (fair key, ready time).  The window is shared
 * evenly between the fair keys, in rounds: each key may give its share, what some do
 * not use goes round again.  The next load begins with the key after the last one
 * served, so that more keys than places do not starve anybody.
 */
#include "store/room.h"

#include <stdlib.h>
#include <string.h>

enum { KEYS_MAX = 256 }; /* fair keys in one load */

struct source {
	char *key;
	int64_t ready_ms, num; /* how far it was read */
	bool dry;
};

struct window {
	struct db *db;
	enum job_priority priority;
	bool (*except)(void *ctx, const struct id *id);
	void *ctx;
	struct job *jobs;
	size_t count, limit;
	struct source sources[KEYS_MAX];
	size_t sources_count;
};

/* The first key from (or after) `key`; *ret_key NULL: none. */
static int key_next(struct window *w, const char *key, bool after, char **ret_key, struct err *err)
{
	struct statement s = db_statement(w->db, after ? SQL_READY_KEY_NEXT : SQL_READY_KEYS);
	bool failed = false;
	int rc;

	*ret_key = NULL;
	put_int(&s, w->priority);
	put_text(&s, key);
	rc = statement_next(&s, err);
	if (rc == 1)
		*ret_key = text_copy(get_text(&s), &failed);
	statement_end(&s);
	if (failed)
		return err_set(err, ERR_NO_MEMORY, "no memory for a fair key");
	return rc < 0 ? -1 : 0;
}

static bool keys_full(const struct window *w)
{
	return w->sources_count == KEYS_MAX || w->sources_count == w->limit;
}

/* Keys after `from` up to the last one, then from the first one up to it. */
static int sources_find(struct window *w, const char *from, struct err *err)
{
	bool wrapped = false, after = true;
	const char *at = from;

	while (!keys_full(w)) {
		char *key;

		if (key_next(w, at, after, &key, err))
			return -1;
		if (key && wrapped && strcmp(key, from) > 0) {
			free(key);
			return 0;
		}
		if (!key && wrapped)
			return 0;
		if (!key) { /* round the corner; the empty key comes first */
			wrapped = true;
			after = false;
			at = "";
			continue;
		}
		w->sources[w->sources_count++] = (struct source){.key = key, .num = -1};
		at = key;
		after = true;
	}
	return 0;
}

/* The full row; false: it was not pending any more (not possible in a snapshot). */
static int job_take(struct window *w, const struct id *id, struct err *err)
{
	if (job_load(w->db, id, true, &w->jobs[w->count], err))
		return -1;
	w->count++;
	return 0;
}

/* Up to `share` more jobs of one key. */
static int source_read(struct window *w, struct source *source, size_t share, struct err *err)
{
	struct statement s = db_statement(w->db, SQL_READY_LIST);
	int rc = 0;

	put_int(&s, w->priority);
	put_text(&s, source->key);
	put_int(&s, source->ready_ms);
	put_int(&s, source->num);
	while (share > 0 && w->count < w->limit && (rc = statement_next(&s, err)) == 1) {
		struct id id;

		source->num = get_int(&s);
		if (!get_id(&s, &id))
			continue;
		source->ready_ms = get_int(&s);
		if (w->except && w->except(w->ctx, &id))
			continue;
		rc = job_take(w, &id, err);
		if (rc)
			break;
		share--;
	}
	source->dry = rc == 0 && share > 0 && w->count < w->limit;
	statement_end(&s);
	return rc < 0 ? -1 : 0;
}

static size_t sources_wet(const struct window *w)
{
	size_t wet = 0;

	for (size_t i = 0; i < w->sources_count; i++)
		wet += !w->sources[i].dry;
	return wet;
}

static int window_fill(struct window *w, struct err *err)
{
	size_t wet;

	while (w->count < w->limit && (wet = sources_wet(w)) > 0) {
		size_t share = (w->limit - w->count + wet - 1) / wet;

		for (size_t i = 0; i < w->sources_count; i++)
			if (!w->sources[i].dry && source_read(w, &w->sources[i], share, err))
				return -1;
	}
	return 0;
}

static void turn_get(struct store *store, enum job_priority priority, char *key)
{
	lock_take(&store->read_lock);
	memcpy(key, store->ready_turn[priority], NAME_BYTES_MAX + 1);
	lock_drop(&store->read_lock);
}

static void turn_set(struct store *store, enum job_priority priority, const char *key)
{
	lock_take(&store->read_lock);
	strncpy(store->ready_turn[priority], key, NAME_BYTES_MAX);
	lock_drop(&store->read_lock);
}

int store_ready_load(struct store *store, enum job_priority priority, size_t limit,
		     bool (*except)(void *ctx, const struct id *id), void *ctx,
		     struct job *ret_jobs, size_t *ret_count, struct err *err)
{
	struct window *w = calloc(1, sizeof(*w));
	char from[NAME_BYTES_MAX + 1];
	int rc = -1;

	*ret_count = 0;
	if (!w)
		return err_set(err, ERR_NO_MEMORY, "no memory for the ready set");
	w->priority = priority;
	w->except = except;
	w->ctx = ctx;
	w->jobs = ret_jobs;
	w->limit = limit;
	w->db = db_reader_begin(store, err);
	if (w->db) {
		turn_get(store, priority, from);
		rc = sources_find(w, from, err);
		if (rc == 0)
			rc = window_fill(w, err);
		db_reader_end(store, w->db);
	}
	if (rc == 0 && w->sources_count > 0)
		turn_set(store, priority, w->sources[w->sources_count - 1].key);
	for (size_t i = 0; i < w->sources_count; i++)
		free(w->sources[i].key);
	for (size_t i = 0; rc && i < w->count; i++)
		job_done(&ret_jobs[i]);
	*ret_count = rc ? 0 : w->count;
	free(w);
	return rc;
}
