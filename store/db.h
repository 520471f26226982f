/* SPDX-License-Identifier: MIT */
/* db.h - one connection to the database and its prepared statements.
 *
 * The idiom: take a statement, put its parameters in order, step it.
 *
 *	struct statement s = db_statement(db, SQL_BODY_INSERT);
 *	put_int(&s, job);
 *	put_text(&s, body);
 *	return statement_run(&s, err);
 *
 *	struct statement s = db_statement(db, SQL_JOB_NUM);
 *	put_id(&s, id);
 *	while ((rc = statement_next(&s, err)) == 1)
 *		num = get_int(&s);
 *
 * What went wrong on the way (no memory for a bind) is told by the step.
 *
 * Threads    a connection and its statements belong to one thread at a time.
 * Ownership  put bytes are borrowed until the step that ends the statement; got
 *            bytes live until the next step.
 * Errors     0, or -1 and *err: ERR_STORE, ERR_DISK_FULL, ERR_NO_MEMORY.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "base/err.h"
#include "base/id.h"
#include "store/sql.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db {
	sqlite3 *handle;
	sqlite3_stmt *statements[SQL_STATEMENTS];
	int failed; /* SQLite's code of the last failure */
};

enum db_mode { DB_WRITER, DB_READER };

struct db_config {
	const char *path;
	const char *vfs; /* NULL: the system's */
	enum db_mode mode;
	bool sync;
};

int db_open(struct db *db, const struct db_config *config, struct err *err);
void db_close(struct db *db); /* a zeroed or half-open one is fine */

int db_exec(struct db *db, const char *sql, struct err *err);
int db_number(struct db *db, const char *sql, int64_t *ret, struct err *err); /* NULL: 0 */
int db_copy(struct db *db, const char *path, struct err *err);		      /* VACUUM INTO */

struct statement {
	struct db *db;
	sqlite3_stmt *stmt; /* NULL: it could not be prepared */
	int put, got;	    /* parameters put, columns got so far */
	int rc;		    /* the first failure of a put */
};

struct statement db_statement(struct db *db, enum sql sql);
struct statement statement_of(struct db *db, sqlite3_stmt *stmt); /* one of the caller's own */

void put_int(struct statement *s, int64_t value);
void put_text(struct statement *s, const char *text);		   /* NULL: NULL */
void put_blob(struct statement *s, const void *bytes, size_t len); /* bytes NULL: NULL */
void put_id(struct statement *s, const struct id *id);

/* 1: a row; 0: done, and the statement is reset; -1: failed and reset. */
int statement_next(struct statement *s, struct err *err);
int statement_run(struct statement *s, struct err *err); /* to the end; rows are skipped */
/* The same, but a violated constraint is an answer: *ret_conflict, and 0. */
int statement_try(struct statement *s, bool *ret_conflict, struct err *err);
void statement_end(struct statement *s);	  /* gives up the rest of the rows */
int statement_changes(const struct statement *s); /* rows that the last run changed */

int64_t get_int(struct statement *s);
const char *get_text(struct statement *s); /* NULL: NULL */
const void *get_blob(struct statement *s, size_t *ret_len);
bool get_id(struct statement *s, struct id *ret_id);
/* Runs a statement whose rows are ids, up to `room` of them. */
int statement_ids(struct statement *s, struct id *ret_ids, size_t room, size_t *ret_count,
		  struct err *err);

int db_run(struct db *db, enum sql sql, struct err *err); /* a statement without parameters */
/* Of the whole connection: the reason of its last failure, as an err. */
int db_fail(struct db *db, struct err *err);
/* Was it the fault of what was asked, and not that of the disk or of memory? */
bool db_refused(const struct db *db);
void db_reset(struct db *db); /* all statements, after one that failed half-way */

#endif
