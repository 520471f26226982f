/* SPDX-License-Identifier: MIT */
/* readers.c - a few read-only connections, opened when they are first needed. */
#include "store/room.h"

#include <stdlib.h>
#include <string.h>

/* The place of a free connection, open ones first; -1: all are busy. */
static int slot_free(const struct store *store) REQUIRES(store->read_lock)
{
	int free_slot = -1;

	for (int i = 0; i < STORE_READERS_MAX; i++) {
		if (store->reader_busy[i])
			continue;
		if (store->reader_open[i])
			return i;
		if (free_slot < 0)
			free_slot = i;
	}
	return free_slot;
}

static void slot_give(struct store *store, int slot, bool open)
{
	lock_take(&store->read_lock);
	store->reader_busy[slot] = false;
	store->reader_open[slot] = open;
	lock_drop(&store->read_lock);
	cond_signal(&store->reader_free);
}

struct db *db_reader_begin(struct store *store, struct err *err)
{
	struct db *db;
	bool open;
	int slot;

	lock_take(&store->read_lock);
	while ((slot = slot_free(store)) < 0)
		cond_wait(&store->reader_free, &store->read_lock);
	store->reader_busy[slot] = true;
	open = store->reader_open[slot];
	lock_drop(&store->read_lock);

	db = &store->readers[slot];
	if (!open && store_db_open(store, db, DB_READER, err)) {
		slot_give(store, slot, false);
		return NULL;
	}
	if (db_run(db, SQL_SNAPSHOT, err)) {
		db_close(db);
		slot_give(store, slot, false);
		return NULL;
	}
	return db;
}

void db_reader_end(struct store *store, struct db *db)
{
	int slot = (int)(db - store->readers);
	struct err ignored;
	bool ended = db_run(db, SQL_COMMIT, &ignored) == 0;

	if (!ended)
		db_close(db);
	slot_give(store, slot, ended);
}

void readers_close(struct store *store)
{
	for (int i = 0; i < STORE_READERS_MAX; i++)
		db_close(&store->readers[i]);
}

char *text_copy(const char *text, bool *failed)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		*failed = true;
	return copy;
}

int job_number(struct db *db, const struct id *id, int64_t *ret_num, struct err *err)
{
	struct statement s = db_statement(db, SQL_JOB_NUM);
	int rc;

	put_id(&s, id);
	rc = statement_next(&s, err);
	if (rc == 1)
		*ret_num = get_int(&s);
	statement_end(&s);
	if (rc == 0)
		return err_set(err, ERR_NOT_FOUND, "no such job");
	return rc < 0 ? -1 : 0;
}

struct db *db_reader_of_job(struct store *store, const struct id *id, int64_t *ret_num,
			    struct err *err)
{
	struct db *db = db_reader_begin(store, err);

	if (db && job_number(db, id, ret_num, err)) {
		db_reader_end(store, db);
		return NULL;
	}
	return db;
}
