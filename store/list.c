/* SPDX-License-Identifier: MIT */
/* list.c - pages of jobs, newest first.
 *
 * The query is made of the filter.  One index may drive it (tags, names, one state
 * that is rare); otherwise, and whenever something must be looked at row by row, it
 * runs over a range of LIST_SCAN_ROWS_MAX row numbers, and a page may be short
 * rather than slow.  Row numbers grow with each commit, so `num` is the order.
 */
#include "store/room.h"

#include <stdlib.h>
#include <string.h>

enum { VALUES_MAX = 128, QUERY_BYTES_MAX = 64 * 1024 };

struct query {
	struct buf sql;
	const char *texts[VALUES_MAX]; /* values, in order; NULL: the integer beside */
	int64_t ints[VALUES_MAX];
	size_t values;
};

static void value_add(struct query *q, const char *text, int64_t number)
{
	if (q->values == VALUES_MAX) {
		q->sql.failed = true;
		return;
	}
	q->texts[q->values] = text;
	q->ints[q->values++] = number;
}

static void int_add(struct query *q, const char *condition, int64_t number)
{
	buf_printf(&q->sql, " AND %s ?", condition);
	value_add(q, NULL, number);
}

/* " AND column IN (?, …)" */
static void list_add(struct query *q, const char *column, const char *const *texts)
{
	if (!texts || !texts[0])
		return;
	buf_printf(&q->sql, " AND %s IN (", column);
	for (size_t i = 0; texts[i]; i++) {
		buf_add_text(&q->sql, i ? ", ?" : "?");
		value_add(q, texts[i], 0);
	}
	buf_add_byte(&q->sql, ')');
}

/* " AND state IN (0, 3)", as literals: a partial index wants them. */
static void bits_add(struct query *q, const char *column, uint32_t bits, unsigned count)
{
	bool first = true;

	if (!bits)
		return;
	buf_printf(&q->sql, " AND %s IN (", column);
	for (unsigned i = 0; i < count; i++) {
		if (bits & (1U << i)) {
			buf_printf(&q->sql, first ? "%u" : ", %u", i);
			first = false;
		}
	}
	buf_add_text(&q->sql, first ? "-1)" : ")");
}

static bool given(const char *const *texts)
{
	return texts && texts[0];
}

/* Few enough that their index is read whole. */
static bool states_rare(struct store *store, uint32_t states)
{
	int64_t counts[JOB_STATES], sum = 0;

	if (!states || states & (1U << JOB_COMPLETED))
		return false;
	store_job_counts(store, counts);
	for (unsigned state = 0; state < JOB_STATES; state++)
		if (states & (1U << state))
			sum += counts[state];
	return sum <= LIST_SCAN_ROWS_MAX;
}

/* FROM …, with the index that should drive; *ret_driven: there is one. */
static void from_add(struct query *q, struct store *store, const struct job_filter *f,
		     bool *ret_driven)
{
	uint32_t pending = 1U << JOB_PENDING;

	*ret_driven = true;
	if (given(f->tags)) {
		buf_add_text(&q->sql, "FROM job WHERE num IN (SELECT job FROM job_tag WHERE 1");
		list_add(q, "tag", f->tags);
		buf_add_byte(&q->sql, ')');
	} else if (given(f->names)) {
		buf_add_text(&q->sql, "FROM job INDEXED BY job_name WHERE name IS NOT NULL");
	} else if (states_rare(store, f->states) && f->states == pending) {
		buf_add_text(&q->sql, "FROM job INDEXED BY job_ready WHERE state = 1");
	} else if (states_rare(store, f->states) && !(f->states & pending)) {
		buf_add_text(&q->sql, "FROM job INDEXED BY job_state WHERE state NOT IN (1, 5)");
	} else {
		buf_add_text(&q->sql, "FROM job NOT INDEXED WHERE 1");
		*ret_driven = false;
	}
}

/* LIKE's own signs in a text that is meant literally. */
static char *like_pattern(const char *text)
{
	struct buf buf = BUF(NAME_BYTES_MAX * 2 + 2);
	char *pattern;

	buf_add_byte(&buf, '%');
	for (; *text; text++) {
		if (strchr("%_\\", *text))
			buf_add_byte(&buf, '\\');
		buf_add_byte(&buf, *text);
	}
	buf_add_byte(&buf, '%');
	pattern = buf_take(&buf, NULL);
	buf_done(&buf);
	return pattern;
}

static void query_make(struct query *q, struct store *store, const struct job_filter *f,
		       const char *pattern, int64_t below, int64_t *ret_from)
{
	bool driven;

	buf_add_text(&q->sql, "SELECT " JOB_COLUMNS ", NULL ");
	from_add(q, store, f, &driven);
	bits_add(q, "state", f->states, JOB_STATES);
	bits_add(q, "priority", f->priorities, PRIORITIES);
	list_add(q, "name", f->names);
	list_add(q, "type", f->types);
	if (f->since_ms)
		int_add(q, "created_ms >=", f->since_ms);
	if (f->until_ms)
		int_add(q, "created_ms <", f->until_ms);
	if (pattern) {
		buf_add_text(&q->sql, " AND name LIKE ? ESCAPE '\\'");
		value_add(q, pattern, 0);
	}
	int_add(q, "num <", below);
	*ret_from = 0;
	if (!driven) {
		*ret_from = MAX(below - LIST_SCAN_ROWS_MAX, 0);
		int_add(q, "num >=", *ret_from);
	}
	buf_add_text(&q->sql, " ORDER BY num DESC LIMIT ?");
	value_add(q, NULL, (int64_t)f->limit + 1);
}

/* The number below which the page begins. */
static int below_find(struct db *db, const struct id *after, int64_t *ret_below, struct err *err)
{
	static const struct id newest;
	struct statement s;
	int rc;

	if (id_equal(after, &newest)) {
		s = db_statement(db, SQL_JOB_NUM_LAST);
	} else if (job_number(db, after, ret_below, err) == 0) {
		return 0;
	} else if (err->code != ERR_NOT_FOUND) {
		return -1;
	} else { /* it was deleted: go on at its older neighbour */
		s = db_statement(db, SQL_JOB_NUM_BEFORE);
		put_id(&s, after);
	}
	rc = statement_next(&s, err);
	*ret_below = rc == 1 ? get_int(&s) + 1 : 0;
	statement_end(&s);
	return rc < 0 ? -1 : 0;
}

static int rows_read(struct statement *s, const struct job_filter *f, struct job *jobs,
		     size_t *count, bool *ret_more, struct err *err)
{
	int rc;

	while ((rc = statement_next(s, err)) == 1) {
		int64_t num;

		if (*count == f->limit) {
			*ret_more = true;
			return 0;
		}
		if (job_read(s, &jobs[*count], &num, err))
			return -1;
		(*count)++;
	}
	return rc;
}

/* A short page because its range of rows ended: it continues below that. */
static int range_end(struct db *db, int64_t from, bool *ret_more, struct id *ret_after,
		     struct err *err)
{
	struct statement s = db_statement(db, SQL_JOB_ID_FROM);
	int rc;

	put_int(&s, from);
	rc = statement_next(&s, err);
	if (rc == 1)
		*ret_more = get_id(&s, ret_after);
	statement_end(&s);
	return rc < 0 ? -1 : 0;
}

static int query_run(struct db *db, struct query *q, const struct job_filter *f, struct job *jobs,
		     size_t *count, bool *ret_more, struct err *err)
{
	struct statement s = statement_of(db, NULL);
	int rc;

	if (!buf_ok(&q->sql))
		return err_set(err, ERR_LIMIT, "too many values in a filter");
	if (sqlite3_prepare_v2(db->handle, buf_text(&q->sql), -1, &s.stmt, NULL) != SQLITE_OK)
		return db_fail(db, err);
	for (size_t i = 0; i < q->values; i++) {
		if (q->texts[i])
			put_text(&s, q->texts[i]);
		else
			put_int(&s, q->ints[i]);
	}
	rc = rows_read(&s, f, jobs, count, ret_more, err);
	sqlite3_finalize(s.stmt);
	return rc;
}

static int page_read(struct store *store, struct db *db, const struct job_filter *f,
		     const char *pattern, struct job *jobs, size_t *count, bool *ret_more,
		     struct id *ret_after, struct err *err)
{
	struct query q = {.sql = BUF(QUERY_BYTES_MAX)};
	int64_t below, from;
	int rc;

	if (below_find(db, &f->after, &below, err))
		return -1;
	query_make(&q, store, f, pattern, below, &from);
	rc = query_run(db, &q, f, jobs, count, ret_more, err);
	buf_done(&q.sql);
	if (rc)
		return -1;
	if (*ret_more)
		*ret_after = jobs[*count - 1].id;
	else if (from > 1)
		return range_end(db, from, ret_more, ret_after, err);
	return 0;
}

int store_job_list(struct store *store, const struct job_filter *filter, struct job *ret_jobs,
		   size_t *ret_count, bool *ret_more, struct id *ret_after, struct err *err)
{
	char *pattern = filter->q ? like_pattern(filter->q) : NULL;
	struct db *db;
	int rc = -1;

	*ret_count = 0;
	*ret_more = false;
	if (filter->q && !pattern)
		return err_set(err, ERR_BAD_PARAMETER, "q is too long");
	db = db_reader_begin(store, err);
	if (db) {
		rc = page_read(store, db, filter, pattern, ret_jobs, ret_count, ret_more, ret_after,
			       err);
		db_reader_end(store, db);
	}
	free(pattern);
	while (rc && *ret_count > 0)
		job_done(&ret_jobs[--*ret_count]);
	return rc;
}
