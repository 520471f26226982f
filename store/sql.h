/* SPDX-License-Identifier: MIT */
/* sql.h - every statement that is kept prepared, as one table.
 *
 * A connection prepares a statement at its first use and keeps it (db.c).  The
 * order of the parameters is the order in which the code puts them; shared lists
 * of columns stand on top, so that reading and writing cannot drift apart.
 */
#ifndef STORE_SQL_H
#define STORE_SQL_H

/* What struct head (room.h) holds, in head_read()'s order. */
#define HEAD_COLUMNS                                                                               \
	"num, state, priority, ready_ms, started_ms, attempt_ms, finished_ms, keep_for_ms, "       \
	"attempt, attempts_free, crashes, version, done, total, items, items_failed, "             \
	"result_bytes, result_filed, created_seq, started_seq, finished_seq, deadline_ms"

/* What struct job holds, in job_read()'s order. */
#define JOB_COLUMNS                                                                                \
	"job.num, id, state, priority, ready_ms, created_ms, started_ms, finished_ms, "            \
	"deadline_ms, keep_for_ms, attempt, max_attempts, attempts_free, crashes, version, done, " \
	"total, items, items_failed, result_bytes, created_seq, started_seq, finished_seq, type, " \
	"name, fair_key, tags, request_id, unique_key, stage, summary, error, error_detail"

#define PART_COLUMNS                                                                               \
	"number, key, input, resume, state, priority, grp, not_before_ms, attempts, "              \
	"result_offset, result_len, result_items"

/* The first rows of a job in a table whose key is (job, `column`). */
#define SLICE_DROP(table, column)                                                                  \
	"DELETE FROM " table " WHERE (job, " column ") IN (SELECT job, " column " FROM " table     \
	" WHERE job = ? ORDER BY " column " LIMIT ?)"

/* clang-format off */
#define SQL_TABLE(X) \
	X(SQL_BEGIN,     "BEGIN IMMEDIATE") \
	X(SQL_COMMIT,    "COMMIT") \
	X(SQL_ROLLBACK,  "ROLLBACK") \
	X(SQL_SAVEPOINT, "SAVEPOINT op") \
	X(SQL_RELEASE,   "RELEASE op") \
	X(SQL_UNDO,      "ROLLBACK TO op") \
	X(SQL_SNAPSHOT,  "BEGIN") /* a reader's: several statements see one commit */ \
	\
	/* jobs */ \
	X(SQL_JOB_INSERT, \
	  "INSERT INTO job (num, id, state, priority, ready_ms, created_ms, started_ms, attempt_ms, " \
	  " finished_ms, deadline_ms, keep_for_ms, expire_ms, attempt, max_attempts, attempts_free, " \
	  " crashes, version, done, total, items, items_failed, result_bytes, result_filed, " \
	  " created_seq, started_seq, finished_seq, type, fair_key, name, tags, request_id, " \
	  " unique_key, body) " \
	  "VALUES (?, ?, ?, ?, ?, ?, 0, 0, 0, ?, ?, 0, 0, ?, 0, 0, 1, 0, -1, 0, 0, 0, 0, ?, 0, 0, " \
	  " ?, ?, ?, ?, ?, ?, ?)") \
	X(SQL_JOB_HEAD, "SELECT " HEAD_COLUMNS " FROM job WHERE id = ?") \
	/* Every move of a job's state but its birth; ?1: bit per state it may come from. */ \
	X(SQL_JOB_MOVE, \
	  "UPDATE job SET state = ?3, ready_ms = ?4, started_ms = ?5, attempt_ms = ?6, " \
	  " finished_ms = ?7, expire_ms = ?8, attempt = ?9, attempts_free = ?10, crashes = ?11, " \
	  " version = ?12, done = ?13, total = ?14, items = ?15, items_failed = ?16, " \
	  " result_bytes = ?17, result_filed = ?18, started_seq = ?19, finished_seq = ?20, " \
	  " summary = ?21, error = ?22, error_detail = ?23, stage = NULL " \
	  "WHERE num = ?2 AND (1 << state) & ?1") \
	X(SQL_JOB_PROGRESS, \
	  "UPDATE job SET crashes = ?2, version = ?3, done = ?4, total = ?5, items = ?6, " \
	  " items_failed = ?7, result_bytes = ?8, result_filed = ?9 WHERE num = ?1") \
	X(SQL_JOB_STAGE, "UPDATE job SET stage = ?2 WHERE num = ?1") \
	X(SQL_JOB_PATCH, \
	  "UPDATE job SET priority = ?2, ready_ms = ?3, version = ?4 WHERE num = ?1") \
	X(SQL_JOB_TAGS, "UPDATE job SET tags = ?2 WHERE num = ?1") \
	X(SQL_JOB_DELETE, "DELETE FROM job WHERE num = ?") \
	X(SQL_LEFTOVER_PUT, "INSERT INTO leftover (job) VALUES (?)") \
	X(SQL_LEFTOVER_FIRST, "SELECT min(job) FROM leftover") \
	X(SQL_LEFTOVER_DROP, "DELETE FROM leftover WHERE job = ?") \
	X(SQL_JOB_NUM_NEXT, \
	  "SELECT 1 + max(coalesce((SELECT max(num) FROM job), 0), " \
	  " coalesce((SELECT max(job) FROM leftover), 0))") \
	X(SQL_JOB_GET, \
	  "SELECT " JOB_COLUMNS ", NULL FROM job WHERE id = ?") \
	X(SQL_JOB_GET_BODY, \
	  "SELECT " JOB_COLUMNS ", coalesce(job.body, job_body.body) FROM job " \
	  "LEFT JOIN job_body ON job_body.job = job.num WHERE id = ?") \
	X(SQL_JOB_NUM, "SELECT num FROM job WHERE id = ?") \
	X(SQL_JOB_ID, "SELECT id FROM job WHERE num = ?") \
	X(SQL_JOB_NUM_BEFORE, "SELECT num FROM job WHERE id < ? ORDER BY id DESC LIMIT 1") \
	X(SQL_JOB_NUM_LAST, "SELECT max(num) FROM job") \
	X(SQL_JOB_ID_FROM, "SELECT id FROM job WHERE num >= ? ORDER BY num LIMIT 1") \
	X(SQL_JOB_UNIQUE, \
	  "SELECT id FROM job WHERE unique_key = ? AND unique_key IS NOT NULL AND state < 6") \
	X(SQL_BODY_INSERT, "INSERT INTO job_body (job, body) VALUES (?, ?)") \
	X(SQL_BODY_DELETE, "DELETE FROM job_body WHERE job = ?") \
	X(SQL_TAG_INSERT, \
	  "INSERT OR IGNORE INTO job_tag (tag, job) SELECT key || ':' || value, ?1 " \
	  "FROM json_each(CASE WHEN json_valid(?2) THEN ?2 ELSE '{}' END)") \
	X(SQL_TAG_DELETE, \
	  "DELETE FROM job_tag WHERE (tag, job) IN (SELECT key || ':' || value, ?1 " \
	  "FROM job, json_each(CASE WHEN json_valid(tags) THEN tags ELSE '{}' END) WHERE num = ?1)") \
	X(SQL_IDEMPOTENCY_GET, "SELECT hash, ids FROM idempotency WHERE key = ?") \
	X(SQL_IDEMPOTENCY_PUT, \
	  "INSERT INTO idempotency (key, hash, ids, created_ms) VALUES (?, ?, ?, ?)") \
	X(SQL_IDEMPOTENCY_PRUNE, "DELETE FROM idempotency WHERE created_ms < ?") \
	X(SQL_ATTEMPT_PUT, \
	  "INSERT OR REPLACE INTO attempt (job, attempt, state, started_ms, finished_ms, error, " \
	  " error_detail) VALUES (?, ?, ?, ?, ?, ?, ?)") \
	X(SQL_ATTEMPT_LIST, \
	  "SELECT attempt, state, started_ms, finished_ms, error, error_detail FROM attempt " \
	  "WHERE job = ? ORDER BY attempt") \
	X(SQL_ATTEMPT_SLICE, SLICE_DROP("attempt", "attempt")) \
	\
	/* which jobs are next */ \
	X(SQL_COUNT_PENDING, "SELECT count(*) FROM job INDEXED BY job_ready WHERE state = 1") \
	X(SQL_COUNT_OTHERS, \
	  "SELECT state, count(*) FROM job INDEXED BY job_state WHERE state NOT IN (1, 5) GROUP BY state") \
	X(SQL_COUNT_ALL, "SELECT count(*) FROM job") \
	X(SQL_DUE_NEXT, "SELECT min(ready_ms) FROM job INDEXED BY job_due WHERE state IN (0, 3)") \
	X(SQL_DEADLINE_NEXT, \
	  "SELECT min(deadline_ms) FROM job INDEXED BY job_deadline " \
	  "WHERE deadline_ms > 0 AND state IN (0, 1, 3, 4)") \
	X(SQL_DEADLINE_LIST, \
	  "SELECT id FROM job INDEXED BY job_deadline " \
	  "WHERE deadline_ms > 0 AND state IN (0, 1, 3, 4) AND deadline_ms <= ? " \
	  "ORDER BY deadline_ms LIMIT ?") \
	X(SQL_DUE_LIST, \
	  "SELECT id FROM job INDEXED BY job_due WHERE state IN (0, 3) AND ready_ms <= ? " \
	  "ORDER BY ready_ms LIMIT ?") \
	X(SQL_EXPIRED_LIST, \
	  "SELECT id FROM job INDEXED BY job_expire WHERE expire_ms > 0 AND expire_ms <= ? " \
	  "ORDER BY expire_ms LIMIT ?") \
	X(SQL_OPEN_ATTEMPTS, \
	  "SELECT id FROM job INDEXED BY job_state WHERE state NOT IN (1, 5) AND state IN (2, 4) " \
	  "AND attempt_ms <> 0") \
	X(SQL_READY_KEYS, \
	  "SELECT fair_key FROM job INDEXED BY job_ready WHERE state = 1 AND priority = ? " \
	  "AND fair_key >= ? ORDER BY fair_key LIMIT 1") \
	X(SQL_READY_KEY_NEXT, \
	  "SELECT fair_key FROM job INDEXED BY job_ready WHERE state = 1 AND priority = ? " \
	  "AND fair_key > ? ORDER BY fair_key LIMIT 1") \
	X(SQL_READY_LIST, \
	  "SELECT num, id, ready_ms FROM job INDEXED BY job_ready WHERE state = 1 AND priority = ? " \
	  "AND fair_key = ? AND (ready_ms, num) > (?, ?) ORDER BY ready_ms, num") \
	\
	/* runs */ \
	X(SQL_PART_INSERT, \
	  "INSERT OR IGNORE INTO part (job, " PART_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)") \
	X(SQL_PART_UPDATE, \
	  "UPDATE part SET resume = ?, state = ?, not_before_ms = ?, attempts = ?, " \
	  " result_offset = ?, result_len = ?, result_items = ? WHERE job = ? AND number = ?") \
	X(SQL_PART_AGAIN, \
	  "UPDATE part INDEXED BY part_failed SET state = 0, attempts = 0, not_before_ms = 0, " \
	  " result_offset = -1, result_len = 0, result_items = 0 WHERE job = ? AND state = 2") \
	X(SQL_PART_FAILED, /* how many, and what they told: items, and in how many pieces too many */ \
	  "SELECT count(*), coalesce(sum(iif(result_offset < 0, 0, result_items)), 0), " \
	  " coalesce(sum(result_offset < 0 AND result_len > 0), 0) " \
	  "FROM part INDEXED BY part_failed WHERE job = ? AND state = 2") \
	X(SQL_HOLE_MAKE, \
	  "INSERT OR REPLACE INTO result_hole (job, offset, len) " \
	  "SELECT job, result_offset, result_len FROM part INDEXED BY part_failed " \
	  "WHERE job = ? AND state = 2 AND result_offset >= 0 AND result_len > 0") \
	X(SQL_HOLE_AT, \
	  "SELECT offset, len FROM result_hole WHERE job = ? AND offset <= ? " \
	  "ORDER BY offset DESC LIMIT 1") \
	X(SQL_HOLE_FROM, \
	  "SELECT offset, len FROM result_hole WHERE job = ? AND offset >= ? ORDER BY offset") \
	X(SQL_HOLE_BYTES, "SELECT coalesce(sum(len), 0) FROM result_hole WHERE job = ?") \
	X(SQL_HOLE_SLICE, SLICE_DROP("result_hole", "offset")) \
	X(SQL_PART_LIST, \
	  "SELECT " PART_COLUMNS " FROM part WHERE job = ? AND number >= ? AND state = ? " \
	  "ORDER BY number LIMIT ?") \
	X(SQL_PART_PRIORITY, \
	  "SELECT priority FROM part INDEXED BY part_pending WHERE state = 0 AND job = ? " \
	  "AND priority < ? ORDER BY priority DESC LIMIT 1") \
	X(SQL_PART_GROUP, \
	  "SELECT grp FROM part INDEXED BY part_pending WHERE state = 0 AND job = ? " \
	  "AND priority = ? AND grp >= ? ORDER BY grp LIMIT 1") \
	X(SQL_PART_WINDOW, \
	  "SELECT " PART_COLUMNS " FROM part INDEXED BY part_pending WHERE state = 0 AND job = ? " \
	  "AND priority = ? AND grp = ? AND number > ? AND not_before_ms <= ? " \
	  "ORDER BY number LIMIT ?") \
	X(SQL_PART_COUNTS, \
	  "SELECT coalesce(max(number) + 1, 0), total(state = 0), total(state = 1), total(state = 2), " \
	  " min(CASE WHEN state = 0 THEN not_before_ms END) FROM part WHERE job = ?") \
	X(SQL_PART_RESULT, "SELECT result_offset, result_len FROM part WHERE job = ? AND key = ?") \
	X(SQL_PART_KEYS, "SELECT number, key FROM part WHERE job = ? ORDER BY number") \
	X(SQL_PART_SLICE, SLICE_DROP("part", "number")) \
	X(SQL_CHECKPOINT_PUT, \
	  "INSERT OR REPLACE INTO checkpoint (job, lane, state) VALUES (?, ?, ?)") \
	X(SQL_CHECKPOINT_DROP, "DELETE FROM checkpoint WHERE job = ? AND lane = ?") \
	X(SQL_CHECKPOINT_LIST, "SELECT lane, state FROM checkpoint WHERE job = ? ORDER BY lane") \
	X(SQL_CHECKPOINT_SLICE, SLICE_DROP("checkpoint", "lane")) \
	\
	/* results and what went wrong in them */ \
	X(SQL_RESULT_HEAD, "SELECT num, result_bytes, result_filed FROM job WHERE id = ?") \
	X(SQL_CHUNK_INSERT, "INSERT INTO result_chunk (job, offset, lines) VALUES (?, ?, ?)") \
	X(SQL_CHUNK_LIST, \
	  "SELECT offset, lines FROM result_chunk WHERE job = ?1 AND offset >= coalesce((SELECT " \
	  " max(offset) FROM result_chunk WHERE job = ?1 AND offset <= ?2), 0) ORDER BY offset") \
	X(SQL_CHUNK_DELETE, "DELETE FROM result_chunk WHERE job = ?") \
	X(SQL_CHUNK_SLICE, SLICE_DROP("result_chunk", "offset")) \
	X(SQL_ERROR_INSERT, \
	  "INSERT INTO item_error (job, seq, key, stage, line, offset, error, detail, attempts, " \
	  " resolved) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)") \
	X(SQL_ERROR_LIST, \
	  "SELECT seq, key, stage, line, offset, error, detail, attempts, resolved FROM item_error " \
	  "WHERE job = ? AND seq > ? ORDER BY seq LIMIT ?") \
	X(SQL_ERROR_COUNTS, \
	  "SELECT error, count(*) FROM item_error WHERE job = ? AND resolved = 0 GROUP BY error") \
	X(SQL_ERROR_RESOLVE, "UPDATE item_error SET resolved = 1 WHERE job = ? AND resolved = 0") \
	X(SQL_ERROR_SLICE, SLICE_DROP("item_error", "seq")) \
	\
	/* events */ \
	X(SQL_EVENT_INSERT, \
	  "INSERT INTO event (job, seq, at_ms, type, state, attempt, data) " \
	  "VALUES (?, ?, ?, ?, ?, ?, ?)") \
	X(SQL_EVENT_LIST, \
	  "SELECT seq, at_ms, type, state, attempt, data FROM event " \
	  "WHERE job = ? AND seq > ? ORDER BY seq LIMIT ?") \
	X(SQL_EVENT_LOGS, \
	  "SELECT seq, at_ms, type, state, attempt, data FROM event " \
	  "WHERE job = ? AND seq > ? AND type = 2 ORDER BY seq LIMIT ?") \
	X(SQL_EVENT_DATA, "SELECT data FROM event WHERE job = ? AND seq = ?") \
	X(SQL_EVENT_DROP, \
	  "DELETE FROM event WHERE job = coalesce((SELECT num FROM job WHERE id = ?), 0) " \
	  "AND seq = ?") \
	X(SQL_EVENT_SLICE, SLICE_DROP("event", "seq")) \
	X(SQL_EVENT_JOB, \
	  "SELECT num, state, attempt, created_ms, started_ms, finished_ms, created_seq, " \
	  " started_seq, finished_seq FROM job WHERE id = ?") \
	X(SQL_BATCH_INSERT, \
	  "INSERT INTO event_batch (last_seq, first_seq, records) VALUES (?, ?, ?)") \
	X(SQL_BATCH_LIST, \
	  "SELECT first_seq, records FROM event_batch WHERE last_seq > ? ORDER BY last_seq") \
	X(SQL_BATCH_OLDEST, \
	  "SELECT last_seq, first_seq, records FROM event_batch ORDER BY last_seq LIMIT 1") \
	X(SQL_BATCH_FIRST_SEQ, "SELECT first_seq FROM event_batch ORDER BY last_seq LIMIT 1") \
	X(SQL_BATCH_LAST_SEQ, "SELECT max(last_seq) FROM event_batch") \
	X(SQL_BATCH_DELETE, "DELETE FROM event_batch WHERE last_seq = ?") \
	\
	/* key-value */ \
	X(SQL_KV_PUT, "INSERT OR REPLACE INTO kv (space, key, value) VALUES (?, ?, ?)") \
	X(SQL_KV_DROP, "DELETE FROM kv WHERE space = ? AND key = ?") \
	X(SQL_KV_LIST, "SELECT key, value FROM kv WHERE space = ? ORDER BY key")
/* clang-format on */

enum sql {
#define X(name, text) name,
	SQL_TABLE(X)
#undef X
		SQL_STATEMENTS
};

#endif
