/* SPDX-License-Identifier: MIT */
/* read_results.c - results and item errors as clients read them. */
#include "store/room.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int head_read(struct db *db, const struct id *id, struct results_head *ret, struct err *err)
{
	struct statement s = db_statement(db, SQL_RESULT_HEAD);
	int rc;

	put_id(&s, id);
	rc = statement_next(&s, err);
	if (rc == 1) {
		ret->num = get_int(&s);
		ret->bytes = get_int(&s);
		ret->filed = get_int(&s) != 0;
	}
	statement_end(&s);
	if (rc == 0)
		return err_set(err, ERR_NOT_FOUND, "no such job");
	return rc < 0 ? -1 : 0;
}

int results_head(struct store *store, const struct id *id, struct results_head *ret_head,
		 struct err *err)
{
	struct db *db = db_reader_begin(store, err);
	int rc;

	if (!db)
		return -1;
	rc = head_read(db, id, ret_head, err);
	db_reader_end(store, db);
	return rc;
}

/* The part of one chunk that lies in [offset, offset + room). */
static size_t chunk_copy(const char *lines, size_t len, int64_t at, int64_t offset, char *into,
			 size_t room)
{
	size_t skip = offset > at ? (size_t)(offset - at) : 0;
	size_t n;

	if (skip >= len)
		return 0;
	n = MIN(len - skip, room);
	memcpy(into, lines + skip, n);
	return n;
}

static int chunks_read(struct db *db, int64_t num, int64_t offset, char *into, size_t room,
		       size_t *ret_len, struct err *err)
{
	struct statement s = db_statement(db, SQL_CHUNK_LIST);
	int rc = 0;

	put_int(&s, num);
	put_int(&s, offset);
	while (*ret_len < room && (rc = statement_next(&s, err)) == 1) {
		int64_t at = get_int(&s);
		size_t len;
		const char *lines = get_blob(&s, &len);

		*ret_len += chunk_copy(lines, len, at, offset + (int64_t)*ret_len, into + *ret_len,
				       room - *ret_len);
	}
	statement_end(&s);
	return rc < 0 ? -1 : 0;
}

static int file_read(const struct store *store, const struct id *id, int64_t offset, char *into,
		     size_t room, size_t *ret_len, struct err *err)
{
	char path[RESULTS_PATH_MAX];
	int fd, rc = 0;

	if (results_path(store, id, path, sizeof(path)))
		return err_set(err, ERR_STORE, "path of the data directory is too long");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "the job's results are gone");
	if (fd < 0)
		return err_set_errno(err, ERR_STORE, errno, "cannot open %s", path);
	while (*ret_len < room) {
		ssize_t n = pread(fd, into + *ret_len, room - *ret_len, offset + (int64_t)*ret_len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			rc = err_set_errno(err, ERR_STORE, errno, "cannot read %s", path);
		if (n <= 0)
			break;
		*ret_len += (size_t)n;
	}
	close(fd);
	/* What was committed was synced before: a page that ends early must not look whole. */
	if (rc == 0 && *ret_len < room)
		rc = err_set(err, ERR_STORE, "%s ends at %lld, before what was committed", path,
			     (long long)offset + (long long)*ret_len);
	return rc;
}

int store_results_read(struct store *store, const struct id *id, int64_t offset, char *into,
		       size_t room, size_t *ret_len, struct err *err)
{
	struct db *db = db_reader_begin(store, err);
	struct results_head head = {0};
	int rc;

	*ret_len = 0;
	if (!db)
		return -1;
	rc = head_read(db, id, &head, err);
	if (rc == 0 && offset < head.bytes) {
		room = MIN(room, (size_t)(head.bytes - offset));
		if (!head.filed)
			rc = chunks_read(db, head.num, offset, into, room, ret_len, err);
	}
	db_reader_end(store, db);
	if (rc == 0 && offset < head.bytes && head.filed)
		rc = file_read(store, id, offset, into, room, ret_len, err);
	return rc;
}

/* ---- what is shown ---- */

/* The next bytes from `offset` on that are shown: [*ret_from, *ret_to), empty at the end. */
static int shown_find(struct db *db, const struct results_head *head, int64_t offset,
		      int64_t *ret_from, int64_t *ret_to, struct err *err)
{
	struct statement s = db_statement(db, SQL_HOLE_AT);
	int rc;

	put_int(&s, head->num);
	put_int(&s, offset);
	rc = statement_next(&s, err);
	if (rc == 1) {
		int64_t at = get_int(&s);

		offset = MAX(offset, at + get_int(&s));
	}
	statement_end(&s);
	*ret_to = head->bytes;
	if (rc < 0)
		return -1;
	s = db_statement(db, SQL_HOLE_FROM);
	put_int(&s, head->num);
	put_int(&s, offset);
	while ((rc = statement_next(&s, err)) == 1) {
		*ret_to = get_int(&s);
		if (*ret_to > offset)
			break;
		offset += get_int(&s); /* it begins where the last one ended */
		*ret_to = head->bytes;
	}
	statement_end(&s);
	*ret_from = offset;
	return rc < 0 ? -1 : 0;
}

int store_results_next(struct store *store, const struct id *id, int64_t *offset, char *into,
		       size_t room, size_t *ret_len, struct err *err)
{
	struct db *db = db_reader_begin(store, err);
	struct results_head head = {0};
	int64_t from = 0, to = 0;
	int rc;

	*ret_len = 0;
	if (!db)
		return -1;
	rc = head_read(db, id, &head, err);
	if (rc == 0)
		rc = shown_find(db, &head, *offset, &from, &to, err);
	db_reader_end(store, db);
	if (rc)
		return -1;
	*offset = from;
	if (from < to && store_results_read(store, id, from, into,
					    (size_t)MIN((int64_t)room, to - from), ret_len, err))
		return -1;
	*offset += (int64_t)*ret_len;
	return 0;
}

int store_results_hidden(struct store *store, const struct id *id, int64_t *ret_bytes,
			 struct err *err)
{
	int64_t num;
	struct db *db = db_reader_of_job(store, id, &num, err);
	struct statement s;
	int rc;

	*ret_bytes = 0;
	if (!db)
		return -1;
	s = db_statement(db, SQL_HOLE_BYTES);
	put_int(&s, num);
	rc = statement_next(&s, err) == 1 ? 0 : -1;
	if (rc == 0)
		*ret_bytes = get_int(&s);
	statement_end(&s);
	db_reader_end(store, db);
	return rc;
}

/* ---- item errors ---- */

void item_error_read(struct statement *s, struct item_error *ret_item)
{
	const char *error;

	ret_item->seq = (uint64_t)get_int(s);
	ret_item->key = get_text(s);
	ret_item->stage = get_text(s);
	ret_item->line = get_int(s);
	ret_item->offset = get_int(s);
	error = get_text(s);
	ret_item->error = error ? err_by_name(error) : ERR_NONE;
	ret_item->detail = get_text(s);
	ret_item->attempts = (uint16_t)get_int(s);
	ret_item->resolved = get_int(s) != 0;
}

/* The texts of a row that was read, as the arena's own. */
static int item_keep(struct item_error *item, struct arena *arena, struct err *err)
{
	const char **texts[] = {&item->key, &item->stage, &item->detail};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (!*texts[i])
			continue;
		*texts[i] = arena_text(arena, *texts[i]);
		if (!*texts[i])
			return err_set(err, ERR_NO_MEMORY, "no memory for item errors");
	}
	return 0;
}

int store_errors_read(struct store *store, const struct id *id, uint64_t after_seq, unsigned limit,
		      struct item_error *ret_errors, size_t *ret_count, struct arena *arena,
		      struct err *err)
{
	int64_t num;
	struct db *db = db_reader_of_job(store, id, &num, err);
	struct statement s;
	int rc;

	*ret_count = 0;
	if (!db)
		return -1;
	s = db_statement(db, SQL_ERROR_LIST);
	put_int(&s, num);
	put_int(&s, (int64_t)after_seq);
	put_int(&s, limit);
	while ((rc = statement_next(&s, err)) == 1) {
		struct item_error *item = &ret_errors[*ret_count];

		item_error_read(&s, item);
		rc = item_keep(item, arena, err);
		if (rc)
			break;
		(*ret_count)++;
	}
	statement_end(&s);
	db_reader_end(store, db);
	return rc;
}

int store_errors_count(struct store *store, const struct id *id, int64_t ret_counts[ERR_CODES],
		       struct err *err)
{
	int64_t num;
	struct db *db = db_reader_of_job(store, id, &num, err);
	struct statement s;
	int rc;

	memset(ret_counts, 0, ERR_CODES * sizeof(*ret_counts));
	if (!db)
		return -1;
	s = db_statement(db, SQL_ERROR_COUNTS);
	put_int(&s, num);
	while ((rc = statement_next(&s, err)) == 1) {
		const char *name = get_text(&s);

		ret_counts[name ? err_by_name(name) : ERR_NONE] += get_int(&s);
	}
	statement_end(&s);
	db_reader_end(store, db);
	return rc;
}
