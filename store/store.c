/* SPDX-License-Identifier: MIT */
/* store.c - opening and closing, and small things of the whole: backup, figures, kv.
 *
 * Opening: the directory → its lock → the database, migrated → what a crash left →
 * counts → the threads.  Closing goes back the same way.
 */
#include "store/room.h"

#include "store/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the lock ---- */

static int lock_refuse(const char *dir, int fd, struct err *err)
{
	char text[32];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	long pid;

	text[MAX(n, 0)] = '\0';
	pid = strtol(text, NULL, 10);
	return err_set(err, ERR_CONFLICT, "data directory %s is in use by pid %ld", dir, pid);
}

int lock_directory(const char *dir, int *ret_fd, struct err *err)
{
	char path[RESULTS_PATH_MAX], text[32];
	int fd, len;

	snprintf(path, sizeof(path), "%s/lock", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set_errno(err, ERR_STORE, errno, "cannot open %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno == EWOULDBLOCK)
			lock_refuse(dir, fd, err);
		else
			err_set_errno(err, ERR_STORE, errno, "cannot lock %s", path);
		close(fd);
		return -1;
	}
	len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) || pwrite(fd, text, (size_t)len, 0) != len) {
		err_set_errno(err, ERR_STORE, errno, "cannot write %s", path);
		close(fd);
		return -1;
	}
	*ret_fd = fd;
	return 0;
}

/* ---- opening ---- */

int store_db_open(struct store *store, struct db *db, enum db_mode mode, struct err *err)
{
	struct db_config config = {
		.path = store->path,
		.vfs = store->vfs,
		.mode = mode,
		.sync = store->config.sync,
	};

	if (db_open(db, &config, err))
		return -1;
	if (mode == DB_WRITER)
		sqlite3_wal_hook(db->handle, writer_wal_hook, store);
	return 0;
}

static int directory_make(const char *path, struct err *err)
{
	if (mkdir(path, 0700) && errno != EEXIST)
		return err_set_errno(err, ERR_STORE, errno, "cannot make %s", path);
	return 0;
}

static struct store *store_new(const struct store_config *config, struct err *err)
{
	struct store *store = calloc(1, sizeof(*store));

	if (!store || !(store->dir = strdup(config->dir)) ||
	    asprintf(&store->path, "%s/jobmill.db", config->dir) < 0 ||
	    asprintf(&store->results_dir, "%s/results", config->dir) < 0 ||
	    (config->vfs && !(store->vfs = strdup(config->vfs)))) {
		err_set(err, ERR_NO_MEMORY, "no memory for the store");
		if (store)
			free(store->dir);
		free(store);
		return NULL;
	}
	store->config = *config;
	store->config.dir = store->dir;
	store->config.vfs = store->vfs;
	if (store->config.events_kept_max == 0)
		store->config.events_kept_max = EVENTS_KEPT_MAX;
	store->lock_fd = store->bodies_fd = -1;
	op_list_init(&store->queue);
	lock_init(&store->queue_lock, LOCK_STORE_QUEUE);
	lock_init(&store->read_lock, LOCK_STORE_READ);
	cond_init(&store->queue_filled);
	cond_init(&store->reader_free);
	return store;
}

static int threads_start(struct store *store, struct err *err)
{
	if (results_open(store, err))
		return -1;
	if (pthread_create(&store->writer, NULL, writer_main, store))
		return err_set(err, ERR_NO_MEMORY, "no thread for the store");
	store->writer_runs = true;
	return 0;
}

static int store_start(struct store *store, struct err *err)
{
	if (directory_make(store->dir, err) || directory_make(store->results_dir, err) ||
	    lock_directory(store->dir, &store->lock_fd, err) ||
	    store_db_open(store, &store->db, DB_WRITER, err) ||
	    schema_migrate(&store->db, store->path, schema_steps, schema_steps_count, err) ||
	    store_count(store, err) || recover_mark_take(store, err) || store_recover(store, err) ||
	    results_recover(store, err) || bodies_open(store, err) || leftovers_find(store, err))
		return -1;
	return threads_start(store, err);
}

int store_open(const struct store_config *config, struct store **ret_store, struct err *err)
{
	struct store *store = store_new(config, err);

	if (!store)
		return -1;
	if (store_start(store, err)) {
		store_close(store);
		return -1;
	}
	*ret_store = store;
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	lock_take(&store->queue_lock);
	store->closing = true;
	lock_drop(&store->queue_lock);
	cond_signal(&store->queue_filled);
	if (store->writer_runs) {
		pthread_join(store->writer, NULL);
		recover_mark_leave(store);
	}
	results_close(store);
	readers_close(store);
	db_close(&store->db);
	if (store->bodies_fd >= 0)
		close(store->bodies_fd);
	if (store->lock_fd >= 0)
		close(store->lock_fd);
	cond_done(&store->queue_filled);
	cond_done(&store->reader_free);
	lock_done(&store->queue_lock);
	lock_done(&store->read_lock);
	free(store->dir);
	free(store->path);
	free(store->results_dir);
	free(store->vfs);
	free(store);
}

/* ---- of the whole ---- */

int store_backup(struct store *store, const char *path, struct err *err)
{
	struct db db;
	int rc;

	/* A connection of its own: it takes as long as the database is big. */
	if (store_db_open(store, &db, DB_READER, err))
		return -1;
	rc = db_exec(&db, "PRAGMA query_only = 0", err);
	if (rc == 0)
		rc = db_copy(&db, path, err);
	db_close(&db);
	return rc;
}

static int us_compare(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

static int64_t file_bytes(const char *path)
{
	struct stat stat_now;

	return stat(path, &stat_now) ? 0 : stat_now.st_size;
}

void store_stats(struct store *store, struct store_stats *ret)
{
	struct published published;
	size_t times, middle, last;

	*ret = (struct store_stats){0};
	lock_take(&store->queue_lock);
	published = store->published;
	ret->queued_ops = (int64_t)(store->queued_ops + store->away_ops);
	ret->queued_bytes = (int64_t)store->queued_bytes;
	lock_drop(&store->queue_lock);
	ret->commits = published.commits;
	ret->operations = published.operations;
	ret->wal_bytes = published.wal_bytes;
	ret->disk_free_bytes = published.disk_free_bytes;
	ret->db_bytes = file_bytes(store->path);
	ret->writable = published.broken == ERR_NONE;
	times = (size_t)MIN(published.commits, COMMIT_TIMES);
	if (times == 0)
		return;
	qsort(published.commit_us, times, sizeof(published.commit_us[0]), us_compare);
	middle = times / 2;
	last = times * 99 / 100;
	ret->commit_us_p50 = published.commit_us[middle];
	ret->commit_us_p99 = published.commit_us[last];
}

int store_kv_each(struct store *store, const char *space,
		  int (*each)(void *ctx, const char *key, const void *value, size_t len), void *ctx,
		  struct err *err)
{
	struct db *db = db_reader_begin(store, err);
	struct statement s;
	int rc;

	if (!db)
		return -1;
	s = db_statement(db, SQL_KV_LIST);
	put_text(&s, space);
	while ((rc = statement_next(&s, err)) == 1) {
		const char *key = get_text(&s);
		size_t len;
		const void *value = get_blob(&s, &len);

		if (each(ctx, key, value, len)) {
			rc = err_set(err, ERR_NO_MEMORY, "no memory for what is kept in %s", space);
			break;
		}
	}
	statement_end(&s);
	db_reader_end(store, db);
	return rc;
}
