/* SPDX-License-Identifier: MIT */
/* read_runs.c - what a run that is opened again finds: parts and checkpoints. */
#include "store/room.h"

#include <string.h>

static int no_memory(struct err *err)
{
	return err_set(err, ERR_NO_MEMORY, "no memory for parts");
}

static int bytes_read(struct statement *s, struct arena *arena, const char **ret, size_t *ret_len)
{
	const void *bytes = get_blob(s, ret_len);

	*ret = bytes || *ret_len ? arena_copy(arena, bytes, *ret_len) : NULL;
	return *ret || *ret_len == 0 ? 0 : -1;
}

static int part_read(struct statement *s, struct part_row *row, struct arena *arena,
		     struct err *err)
{
	*row = (struct part_row){.number = (uint64_t)get_int(s)};
	if (bytes_read(s, arena, &row->key, &row->key_len) ||
	    bytes_read(s, arena, &row->input, &row->input_len) ||
	    bytes_read(s, arena, &row->resume, &row->resume_len))
		return no_memory(err);
	row->state = (enum part_state)get_int(s);
	row->priority = (int)get_int(s);
	row->group = (uint64_t)get_int(s);
	row->not_before_ms = get_int(s);
	row->attempts = (uint16_t)get_int(s);
	row->result_offset = get_int(s);
	row->result_len = get_int(s);
	row->result_items = get_int(s);
	return 0;
}

/* All rows of a statement behind the first `*count`, up to `room`. */
static int parts_read(struct statement *s, struct part_row *rows, size_t *count, size_t room,
		      struct arena *arena, struct err *err)
{
	int rc = 0;

	while (*count < room && (rc = statement_next(s, err)) == 1) {
		rc = part_read(s, &rows[*count], arena, err);
		if (rc)
			break;
		(*count)++;
	}
	statement_end(s);
	return rc < 0 ? -1 : 0;
}

int store_parts_load(struct store *store, const struct id *id, enum part_state state,
		     uint64_t from_number, struct part_row *ret_rows, size_t *ret_count,
		     struct arena *arena, struct err *err)
{
	int64_t num;
	struct db *db = db_reader_of_job(store, id, &num, err);
	size_t room = *ret_count;
	struct statement s;
	int rc;

	*ret_count = 0;
	if (!db)
		return -1;
	s = db_statement(db, SQL_PART_LIST);
	put_int(&s, num);
	put_int(&s, (int64_t)from_number);
	put_int(&s, state);
	put_int(&s, (int64_t)room);
	rc = parts_read(&s, ret_rows, ret_count, room, arena, err);
	db_reader_end(store, db);
	return rc;
}

/* ---- the window: by priority, then in rounds over the groups ---- */

enum { GROUPS_MAX = 512 }; /* groups in one window */

struct group {
	int64_t group;
	int64_t number; /* the last one taken */
	bool dry;
};

struct parts_window {
	struct db *db;
	int64_t num, now_ms;
	struct part_row *rows;
	size_t count, room;
	struct arena *arena;
	struct group groups[GROUPS_MAX];
	size_t groups_count;
};

/* 1: *value is the next; 0: there is none; -1. */
static int value_next(struct statement *s, int64_t *value, struct err *err)
{
	int rc = statement_next(s, err);

	if (rc == 1)
		*value = get_int(s);
	statement_end(s);
	return rc;
}

static int groups_find(struct parts_window *w, int64_t priority, struct err *err)
{
	int64_t group = INT64_MIN;

	w->groups_count = 0;
	while (w->groups_count < GROUPS_MAX && w->groups_count < w->room - w->count) {
		struct statement s = db_statement(w->db, SQL_PART_GROUP);
		int rc;

		put_int(&s, w->num);
		put_int(&s, priority);
		put_int(&s, group);
		rc = value_next(&s, &group, err);
		if (rc <= 0)
			return rc;
		w->groups[w->groups_count++] = (struct group){.group = group, .number = -1};
		if (group == INT64_MAX)
			return 0;
		group++;
	}
	return 0;
}

static int group_read(struct parts_window *w, struct group *group, int64_t priority, size_t share,
		      struct err *err)
{
	struct statement s = db_statement(w->db, SQL_PART_WINDOW);
	size_t before = w->count;
	size_t room = MIN(w->room, w->count + share);

	put_int(&s, w->num);
	put_int(&s, priority);
	put_int(&s, group->group);
	put_int(&s, group->number);
	put_int(&s, w->now_ms);
	put_int(&s, (int64_t)share);
	if (parts_read(&s, w->rows, &w->count, room, w->arena, err))
		return -1;
	if (w->count > before)
		group->number = (int64_t)w->rows[w->count - 1].number;
	group->dry = w->count - before < share;
	return 0;
}

static size_t groups_wet(const struct parts_window *w)
{
	size_t wet = 0;

	for (size_t i = 0; i < w->groups_count; i++)
		wet += !w->groups[i].dry;
	return wet;
}

static int priority_fill(struct parts_window *w, int64_t priority, struct err *err)
{
	size_t wet;

	if (groups_find(w, priority, err))
		return -1;
	while (w->count < w->room && (wet = groups_wet(w)) > 0) {
		size_t share = (w->room - w->count + wet - 1) / wet;

		for (size_t i = 0; i < w->groups_count && w->count < w->room; i++)
			if (!w->groups[i].dry && group_read(w, &w->groups[i], priority, share, err))
				return -1;
	}
	return 0;
}

static int window_fill(struct parts_window *w, struct err *err)
{
	int64_t priority = INT64_MAX;

	while (w->count < w->room) {
		struct statement s = db_statement(w->db, SQL_PART_PRIORITY);
		int rc;

		put_int(&s, w->num);
		put_int(&s, priority);
		rc = value_next(&s, &priority, err);
		if (rc <= 0)
			return rc;
		if (priority_fill(w, priority, err))
			return -1;
	}
	return 0;
}

int store_parts_window(struct store *store, const struct id *id, int64_t now_ms,
		       struct part_row *ret_rows, size_t *ret_count, struct arena *arena,
		       struct err *err)
{
	struct parts_window w = {
		.db = db_reader_begin(store, err),
		.now_ms = now_ms,
		.rows = ret_rows,
		.room = *ret_count,
		.arena = arena,
	};
	int rc;

	*ret_count = 0;
	if (!w.db)
		return -1;
	rc = job_number(w.db, id, &w.num, err);
	if (rc == 0)
		rc = window_fill(&w, err);
	db_reader_end(store, w.db);
	*ret_count = rc ? 0 : w.count;
	return rc;
}

int store_parts_summary(struct store *store, const struct id *id, struct parts_summary *ret,
			struct err *err)
{
	struct db *db = db_reader_begin(store, err);
	struct statement s;
	int64_t num;
	int rc;

	*ret = (struct parts_summary){0};
	if (!db)
		return -1;
	rc = job_number(db, id, &num, err);
	if (rc == 0) {
		s = db_statement(db, SQL_PART_COUNTS);
		put_int(&s, num);
		rc = statement_next(&s, err) == 1 ? 0 : -1;
	}
	if (rc == 0) {
		ret->next_number = (uint64_t)get_int(&s);
		ret->pending = get_int(&s);
		ret->done = get_int(&s);
		ret->failed = get_int(&s);
		ret->next_due_ms = get_int(&s);
		statement_end(&s);
	}
	db_reader_end(store, db);
	return rc;
}

int store_part_result(struct store *store, const struct id *id, const char *key, size_t key_len,
		      int64_t *ret_offset, int64_t *ret_len, struct err *err)
{
	int64_t num;
	struct db *db = db_reader_of_job(store, id, &num, err);
	struct statement s;
	int rc;

	*ret_offset = -1;
	*ret_len = 0;
	if (!db)
		return -1;
	s = db_statement(db, SQL_PART_RESULT);
	put_int(&s, num);
	put_blob(&s, key, key_len);
	rc = statement_next(&s, err);
	if (rc == 1) {
		*ret_offset = get_int(&s);
		*ret_len = get_int(&s);
	}
	statement_end(&s);
	db_reader_end(store, db);
	return rc < 0 ? -1 : 0;
}

int store_parts_keys(struct store *store, const struct id *id,
		     int (*each)(void *ctx, uint64_t number, const char *key, size_t len),
		     void *ctx, struct err *err)
{
	int64_t num;
	struct db *db = db_reader_of_job(store, id, &num, err);
	struct statement s;
	int rc;

	if (!db)
		return -1;
	s = db_statement(db, SQL_PART_KEYS);
	put_int(&s, num);
	while ((rc = statement_next(&s, err)) == 1) {
		uint64_t number = (uint64_t)get_int(&s);
		size_t len;
		const char *key = get_blob(&s, &len);

		if (each(ctx, number, key, len)) {
			rc = no_memory(err);
			break;
		}
	}
	statement_end(&s);
	db_reader_end(store, db);
	return rc;
}

static int checkpoints_count(struct db *db, int64_t num, size_t *ret_count, struct err *err)
{
	struct statement s = db_statement(db, SQL_CHECKPOINT_LIST);
	int rc;

	*ret_count = 0;
	put_int(&s, num);
	while ((rc = statement_next(&s, err)) == 1)
		(*ret_count)++;
	return rc;
}

static int checkpoints_read(struct db *db, int64_t num, struct checkpoint_row **ret_rows,
			    size_t *ret_count, struct arena *arena, struct err *err)
{
	struct checkpoint_row *rows;
	struct statement s;
	size_t room;
	int rc = checkpoints_count(db, num, &room, err);

	if (rc)
		return -1;
	rows = arena_array(arena, room, sizeof(*rows));
	if (!rows)
		return no_memory(err);
	s = db_statement(db, SQL_CHECKPOINT_LIST);
	put_int(&s, num);
	for (*ret_count = 0; *ret_count < room && (rc = statement_next(&s, err)) == 1;
	     (*ret_count)++) {
		struct checkpoint_row *row = &rows[*ret_count];
		const char *blob;

		row->lane = (unsigned)get_int(&s);
		if (bytes_read(&s, arena, &blob, &row->len)) {
			rc = no_memory(err);
			break;
		}
		row->blob = blob ? blob : "";
	}
	statement_end(&s);
	*ret_rows = rows;
	return rc < 0 ? -1 : 0;
}

int store_checkpoints(struct store *store, const struct id *id, struct checkpoint_row **ret_rows,
		      size_t *ret_count, struct arena *arena, struct err *err)
{
	int64_t num;
	struct db *db = db_reader_of_job(store, id, &num, err);
	int rc;

	*ret_count = 0;
	if (!db)
		return -1;
	rc = checkpoints_read(db, num, ret_rows, ret_count, arena, err);
	db_reader_end(store, db);
	return rc;
}
