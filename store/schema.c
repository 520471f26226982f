/* SPDX-License-Identifier: MIT */
/* schema.c - what lies on the disk.
 *
 * Numbers that stand for words: job.state is enum job_state, job.priority enum
 * job_priority, event.type enum event_type, part.state enum part_state.  Errors
 * are kept by name, which outlives a renumbered enum.
 *
 * Costs that shaped it (10 µs a job in batches, insert and final update):
 * a rowid table with an index over the ids beat WITHOUT ROWID by a fifth; each
 * index that a plain job touches costs 0.5 µs; long bodies have a table of their
 * own, so that an update does not rewrite them.
 */
#include "store/schema.h"

#include "store/db.h"

#include <stdio.h>

/* clang-format off */
static const char version_1[] =
"CREATE TABLE job ("
"	num INTEGER PRIMARY KEY," /* in the order of commits; what other tables refer to */
"	id BLOB NOT NULL UNIQUE,"
"	state INTEGER NOT NULL,"
"	priority INTEGER NOT NULL,"
"	ready_ms INTEGER NOT NULL,"
"	created_ms INTEGER NOT NULL,"
"	started_ms INTEGER NOT NULL," /* of the first attempt */
"	attempt_ms INTEGER NOT NULL," /* start of the attempt that is open; 0: none is */
"	finished_ms INTEGER NOT NULL,"
"	deadline_ms INTEGER NOT NULL,"
"	keep_for_ms INTEGER NOT NULL,"
"	expire_ms INTEGER NOT NULL," /* 0: never, or not final yet */
"	attempt INTEGER NOT NULL,"
"	max_attempts INTEGER NOT NULL,"
"	attempts_free INTEGER NOT NULL,"
"	crashes INTEGER NOT NULL,"
"	version INTEGER NOT NULL,"
"	done INTEGER NOT NULL,"
"	total INTEGER NOT NULL,"
"	items INTEGER NOT NULL,"
"	items_failed INTEGER NOT NULL,"
"	result_bytes INTEGER NOT NULL,"
"	result_filed INTEGER NOT NULL," /* 1: in results/<id>.ndjson; 0: in result_chunk */
"	created_seq INTEGER NOT NULL,"
"	started_seq INTEGER NOT NULL,"
"	finished_seq INTEGER NOT NULL,"
"	type TEXT NOT NULL,"
"	fair_key TEXT NOT NULL," /* '': none */
"	name TEXT,"
"	tags TEXT,"
"	request_id TEXT,"
"	unique_key TEXT,"
"	body TEXT," /* NULL: in job_body */
"	stage TEXT,"
"	summary TEXT,"
"	error TEXT,"
"	error_detail TEXT"
") STRICT;"

/* A query uses a partial index only when it repeats the predicate literally. */
"CREATE INDEX job_ready ON job (priority, fair_key, ready_ms) WHERE state = 1;"
"CREATE INDEX job_due ON job (ready_ms) WHERE state IN (0, 3);"
"CREATE INDEX job_deadline ON job (deadline_ms)"
"	WHERE deadline_ms > 0 AND state IN (0, 1, 3, 4);"
"CREATE INDEX job_state ON job (state) WHERE state NOT IN (1, 5);"
"CREATE INDEX job_expire ON job (expire_ms) WHERE expire_ms > 0;"
"CREATE INDEX job_name ON job (name) WHERE name IS NOT NULL;"
/* A key is held until its job failed or was cancelled. */
"CREATE UNIQUE INDEX job_unique ON job (unique_key) WHERE unique_key IS NOT NULL AND state < 6;"

"CREATE TABLE job_body (job INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;"
"CREATE TABLE job_tag (tag TEXT NOT NULL, job INTEGER NOT NULL,"
"	PRIMARY KEY (tag, job)) STRICT, WITHOUT ROWID;"

/* Attempts that ended, but for a first one that completed: the job's row tells it. */
"CREATE TABLE attempt (job INTEGER NOT NULL, attempt INTEGER NOT NULL, state INTEGER NOT NULL,"
"	started_ms INTEGER NOT NULL, finished_ms INTEGER NOT NULL, error TEXT, error_detail TEXT,"
"	PRIMARY KEY (job, attempt)) STRICT, WITHOUT ROWID;"

"CREATE TABLE part ("
"	job INTEGER NOT NULL, number INTEGER NOT NULL,"
"	key BLOB NOT NULL, input BLOB, resume BLOB,"
"	state INTEGER NOT NULL, priority INTEGER NOT NULL, grp INTEGER NOT NULL,"
"	not_before_ms INTEGER NOT NULL, attempts INTEGER NOT NULL,"
"	result_offset INTEGER NOT NULL, result_len INTEGER NOT NULL,"
"	PRIMARY KEY (job, number), UNIQUE (job, key)) STRICT, WITHOUT ROWID;"
"CREATE INDEX part_pending ON part (job, priority DESC, grp, number) WHERE state = 0;"

"CREATE TABLE checkpoint (job INTEGER NOT NULL, lane INTEGER NOT NULL, state BLOB NOT NULL,"
"	PRIMARY KEY (job, lane)) STRICT, WITHOUT ROWID;"

"CREATE TABLE result_chunk (job INTEGER NOT NULL, offset INTEGER NOT NULL, lines BLOB NOT NULL,"
"	PRIMARY KEY (job, offset)) STRICT, WITHOUT ROWID;"

"CREATE TABLE item_error ("
"	job INTEGER NOT NULL, seq INTEGER NOT NULL,"
"	key TEXT, stage TEXT, line INTEGER NOT NULL, offset INTEGER NOT NULL,"
"	error TEXT NOT NULL, detail TEXT, attempts INTEGER NOT NULL, resolved INTEGER NOT NULL,"
"	PRIMARY KEY (job, seq)) STRICT, WITHOUT ROWID;"

/* Events that do not follow from the job's row; an item's data is its item_error. */
"CREATE TABLE event ("
"	job INTEGER NOT NULL, seq INTEGER NOT NULL, at_ms INTEGER NOT NULL,"
"	type INTEGER NOT NULL, state INTEGER NOT NULL, attempt INTEGER NOT NULL, data TEXT,"
"	PRIMARY KEY (job, seq)) STRICT, WITHOUT ROWID;"
/* One row a commit: its events as records of fixed size (events.c), seqs without gaps. */
"CREATE TABLE event_batch (last_seq INTEGER PRIMARY KEY, first_seq INTEGER NOT NULL,"
"	records BLOB NOT NULL) STRICT;"

"CREATE TABLE idempotency (key TEXT PRIMARY KEY, hash BLOB NOT NULL, ids BLOB NOT NULL,"
"	created_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
"CREATE INDEX idempotency_age ON idempotency (created_ms);"

"CREATE TABLE kv (space TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,"
"	PRIMARY KEY (space, key)) STRICT, WITHOUT ROWID;";

/* Failed parts can be done again, and what they have told before is hidden then. */
static const char version_2[] =
"ALTER TABLE part ADD COLUMN result_items INTEGER NOT NULL DEFAULT 0;"
"CREATE INDEX part_failed ON part (job, number) WHERE state = 2;"
"CREATE TABLE result_hole (job INTEGER NOT NULL, offset INTEGER NOT NULL, len INTEGER NOT NULL,"
"	PRIMARY KEY (job, offset)) STRICT, WITHOUT ROWID;";

/* Jobs that are deleted, but not yet all their rows (op_delete.c). */
static const char version_3[] =
"CREATE TABLE leftover (job INTEGER PRIMARY KEY) STRICT;";

const struct schema_step schema_steps[] = {
	{version_1},
	{version_2},
	{version_3},
};
/* clang-format on */

const size_t schema_steps_count = ARRAY_LEN(schema_steps);

static int steps_run(struct db *db, int from, const struct schema_step *steps, size_t count,
		     struct err *err)
{
	char pragma[96];

	for (size_t step = (size_t)from; step < count; step++)
		if (db_exec(db, steps[step].sql, err))
			return err_wrap(err, "migration to version %zu", step + 1);
	snprintf(pragma, sizeof(pragma), "PRAGMA application_id = %d; PRAGMA user_version = %zu",
		 SCHEMA_APPLICATION_ID, count);
	return db_exec(db, pragma, err);
}

/* The copy is made beside and renamed, so that a .bak is always whole. */
static int backup_old(struct db *db, const char *path, int version, struct err *err)
{
	char part[4096], whole[4096];

	if (snprintf(whole, sizeof(whole), "%s.v%d.bak", path, version) >= (int)sizeof(whole) ||
	    snprintf(part, sizeof(part), "%s.part", whole) >= (int)sizeof(part))
		return err_set(err, ERR_STORE, "path of the data directory is too long");
	remove(part);
	if (db_copy(db, part, err))
		return err_wrap(err, "copy before migration");
	if (rename(part, whole))
		return err_set(err, ERR_STORE, "cannot rename %s", part);
	return 0;
}

int schema_migrate(struct db *db, const char *path, const struct schema_step *steps, size_t count,
		   struct err *err)
{
	int64_t version, application, tables;
	struct err ignored;

	if (db_number(db, "PRAGMA user_version", &version, err) ||
	    db_number(db, "PRAGMA application_id", &application, err) ||
	    db_number(db, "SELECT count(*) FROM sqlite_schema", &tables, err))
		return -1;
	if (tables > 0 && application != SCHEMA_APPLICATION_ID)
		return err_set(err, ERR_CONFLICT, "%s is not a jobmill database", path);
	if (version < 0 || version > (int64_t)count)
		return err_set(err, ERR_CONFLICT,
			       "%s has schema version %lld, this jobmill knows up to %zu", path,
			       (long long)version, count);
	if (version == (int64_t)count)
		return 0;
	if (version > 0 && backup_old(db, path, (int)version, err))
		return -1;
	if (db_exec(db, "BEGIN IMMEDIATE", err))
		return -1;
	if (steps_run(db, (int)version, steps, count, err) || db_exec(db, "COMMIT", err)) {
		db_exec(db, "ROLLBACK", &ignored);
		return -1;
	}
	return 0;
}
