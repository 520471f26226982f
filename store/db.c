/* SPDX-License-Identifier: MIT */
/* db.c - opening with our pragmas, the statement cache, puts and gets.
 *
 * Traps of SQLite that this file answers for:
 * - versions before 3.51.3 can corrupt a database when two connections write or
 *   checkpoint at once: readers are read-only and never checkpoint, not even at
 *   their close;
 * - Debian's build zeroes deleted content (secure_delete), which costs writes;
 * - the database files are never opened by anything else in this process: closing
 *   any descriptor of them would drop SQLite's locks.
 */
#include "store/db.h"

#include "base/limits.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static const char *const texts[SQL_STATEMENTS] = {
#define X(name, text) [name] = text,
	SQL_TABLE(X)
#undef X
};

int db_fail(struct db *db, struct err *err)
{
	int rc = db->handle ? sqlite3_extended_errcode(db->handle) : SQLITE_NOMEM;
	const char *text = db->handle ? sqlite3_errmsg(db->handle) : "out of memory";
	enum err_code code = ERR_STORE;

	db->failed = rc & 0xFF;
	if ((rc & 0xFF) == SQLITE_FULL)
		code = ERR_DISK_FULL;
	else if ((rc & 0xFF) == SQLITE_NOMEM)
		code = ERR_NO_MEMORY;
	return err_set(err, code, "%s (%d)", text, rc);
}

bool db_refused(const struct db *db)
{
	switch (db->failed) {
	case SQLITE_ERROR:
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_RANGE:
	case SQLITE_TOOBIG:
		return true;
	default:
		return false;
	}
}

void db_reset(struct db *db)
{
	for (size_t i = 0; i < SQL_STATEMENTS; i++)
		sqlite3_reset(db->statements[i]);
}

int db_exec(struct db *db, const char *sql, struct err *err)
{
	return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_fail(db, err);
}

static int pragmas_set(struct db *db, const struct db_config *config, struct err *err)
{
	char sql[512];

	if (config->mode == DB_READER) {
		snprintf(sql, sizeof(sql),
			 "PRAGMA query_only = 1; PRAGMA mmap_size = 0; PRAGMA cache_size = -%d",
			 STORE_READER_CACHE_KIB);
		return db_exec(db, sql, err);
	}
	snprintf(sql, sizeof(sql),
		 "PRAGMA journal_mode = WAL; PRAGMA synchronous = %s; "
		 "PRAGMA wal_autocheckpoint = 0; PRAGMA mmap_size = 0; "
		 "PRAGMA secure_delete = OFF; PRAGMA foreign_keys = OFF; "
		 "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -%d",
		 config->sync ? "FULL" : "OFF", STORE_WRITER_CACHE_KIB);
	return db_exec(db, sql, err);
}

/* Once in a process, before its first connection: no connection is shared between
 * threads and nobody asks for SQLite's memory figures, whose locks cost 7 %. */
static void library_setup(void)
{
	sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int db_open(struct db *db, const struct db_config *config, struct err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;

	pthread_once(&once, library_setup);
	*db = (struct db){0};
	flags |= config->mode == DB_READER ? SQLITE_OPEN_READONLY
					   : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	if (sqlite3_open_v2(config->path, &db->handle, flags, config->vfs) != SQLITE_OK) {
		db_fail(db, err);
		err_wrap(err, "cannot open %s", config->path);
		db_close(db);
		return -1;
	}
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	if (config->mode == DB_READER)
		sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_busy_timeout(db->handle, STORE_BUSY_MS);
	if (pragmas_set(db, config, err)) {
		db_close(db);
		return err_wrap(err, "cannot use %s", config->path);
	}
	return 0;
}

void db_close(struct db *db)
{
	for (size_t i = 0; i < SQL_STATEMENTS; i++)
		sqlite3_finalize(db->statements[i]);
	sqlite3_close(db->handle);
	*db = (struct db){0};
}

int db_number(struct db *db, const char *sql, int64_t *ret, struct err *err)
{
	struct statement s = {.db = db};
	int rc;

	if (sqlite3_prepare_v2(db->handle, sql, -1, &s.stmt, NULL) != SQLITE_OK)
		return db_fail(db, err);
	*ret = 0;
	rc = statement_next(&s, err);
	if (rc == 1)
		*ret = get_int(&s);
	sqlite3_finalize(s.stmt);
	return rc < 0 ? -1 : 0;
}

int db_copy(struct db *db, const char *path, struct err *err)
{
	struct statement s = {.db = db};
	int rc;

	if (sqlite3_prepare_v2(db->handle, "VACUUM INTO ?", -1, &s.stmt, NULL) != SQLITE_OK)
		return db_fail(db, err);
	put_text(&s, path);
	rc = statement_run(&s, err);
	sqlite3_finalize(s.stmt);
	return rc;
}

struct statement db_statement(struct db *db, enum sql sql)
{
	sqlite3_stmt **slot = &db->statements[sql];

	if (!*slot)
		sqlite3_prepare_v3(db->handle, texts[sql], -1, SQLITE_PREPARE_PERSISTENT, slot,
				   NULL);
	return (struct statement){.db = db, .stmt = *slot};
}

struct statement statement_of(struct db *db, sqlite3_stmt *stmt)
{
	return (struct statement){.db = db, .stmt = stmt};
}

static void put_result(struct statement *s, int rc)
{
	if (rc != SQLITE_OK && s->rc == SQLITE_OK)
		s->rc = rc;
}

void put_int(struct statement *s, int64_t value)
{
	put_result(s, sqlite3_bind_int64(s->stmt, ++s->put, value));
}

void put_text(struct statement *s, const char *text)
{
	put_result(s, sqlite3_bind_text(s->stmt, ++s->put, text, -1, SQLITE_STATIC));
}

void put_blob(struct statement *s, const void *bytes, size_t len)
{
	/* A NULL pointer would bind NULL: fine for none, and len 0 of something stays a blob. */
	put_result(s, sqlite3_bind_blob64(s->stmt, ++s->put, bytes, len, SQLITE_STATIC));
}

void put_id(struct statement *s, const struct id *id)
{
	put_blob(s, id->bytes, ID_BYTES);
}

int statement_next(struct statement *s, struct err *err)
{
	int rc = s->stmt && s->rc == SQLITE_OK ? sqlite3_step(s->stmt) : SQLITE_ERROR;

	s->got = 0;
	if (rc == SQLITE_ROW)
		return 1;
	if (rc != SQLITE_DONE)
		db_fail(s->db, err);
	statement_end(s);
	return rc == SQLITE_DONE ? 0 : -1;
}

int statement_run(struct statement *s, struct err *err)
{
	int rc;

	while ((rc = statement_next(s, err)) == 1)
		;
	return rc;
}

int statement_try(struct statement *s, bool *ret_conflict, struct err *err)
{
	*ret_conflict = false;
	if (statement_run(s, err) == 0)
		return 0;
	if ((sqlite3_errcode(s->db->handle) & 0xFF) != SQLITE_CONSTRAINT)
		return -1;
	*ret_conflict = true;
	return 0;
}

void statement_end(struct statement *s)
{
	sqlite3_reset(s->stmt);
}

int statement_changes(const struct statement *s)
{
	return sqlite3_changes(s->db->handle);
}

int64_t get_int(struct statement *s)
{
	return sqlite3_column_int64(s->stmt, s->got++);
}

const char *get_text(struct statement *s)
{
	return (const char *)sqlite3_column_text(s->stmt, s->got++);
}

const void *get_blob(struct statement *s, size_t *ret_len)
{
	const void *bytes = sqlite3_column_blob(s->stmt, s->got);

	*ret_len = (size_t)sqlite3_column_bytes(s->stmt, s->got++);
	return bytes;
}

bool get_id(struct statement *s, struct id *ret_id)
{
	size_t len;
	const void *bytes = get_blob(s, &len);

	if (len != ID_BYTES)
		return false;
	memcpy(ret_id->bytes, bytes, ID_BYTES);
	return true;
}

int statement_ids(struct statement *s, struct id *ret_ids, size_t room, size_t *ret_count,
		  struct err *err)
{
	int rc = 0;

	*ret_count = 0;
	while (*ret_count < room && (rc = statement_next(s, err)) == 1)
		if (get_id(s, &ret_ids[*ret_count]))
			(*ret_count)++;
	statement_end(s);
	return rc < 0 ? -1 : 0;
}

int db_run(struct db *db, enum sql sql, struct err *err)
{
	struct statement s = db_statement(db, sql);

	return statement_run(&s, err);
}
