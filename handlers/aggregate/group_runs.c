/* SPDX-License-Identifier: MIT */
/* group_runs.c - groups that were sealed: files of a table.
 *
 *   records, division by division        group_write()
 *   for each division: where it ends (8), XXH3 of its records (8)
 *
 * A file is written once and never changed.  When there are too many, they become one: division
 * by division, each of which fits the memory.
 */
#include "base/limits.h"
#include "handlers/aggregate/table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum {
	WRITE_BYTES = 1024 * 1024,
	SEGMENT_BYTES_MAX = 1024 * 1024 * 1024,
	COMPACT_BYTES = 16 * 1024 * 1024, /* of all runs at once, as they are in the files */
};

struct place {
	uint64_t end, sum; /* little-endian in the file */
};

enum { DIRECTORY_BYTES = DIVISIONS * sizeof(struct place) };

static int io_failed(struct err *err, const char *what, const char *path)
{
	int code = errno;

	return err_set_errno(err, code == ENOSPC || code == EDQUOT ? ERR_DISK_FULL : ERR_IO, code,
			     "%s groups in %s", what, path);
}

static int no_memory(struct err *err)
{
	return err_set(err, ERR_NO_MEMORY, "no memory for groups");
}

/* ---- writing ---- */

struct run_writer {
	struct group_run run;
	int fd;
	struct buf buf;
	struct place *places;
};

static int writer_flush(struct run_writer *writer, struct err *err)
{
	for (size_t at = 0; at < writer->buf.len;) {
		ssize_t written = write(writer->fd, writer->buf.data + at, writer->buf.len - at);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return io_failed(err, "writing", writer->run.path);
		at += (size_t)written;
	}
	buf_clear(&writer->buf);
	return 0;
}

/* A name that no file has: a table that was merged into another has left it its files. */
static int writer_create(struct run_writer *writer, struct group_table *table, struct err *err)
{
	do {
		free(writer->run.path);
		writer->run.path = NULL;
		if (asprintf(&writer->run.path, "%s/%s-%llu.groups", table->dir, table->name,
			     (unsigned long long)table->next_run++) < 0) {
			writer->run.path = NULL;
			return no_memory(err);
		}
		writer->fd = open(writer->run.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	} while (writer->fd < 0 && errno == EEXIST);
	if (writer->fd >= 0)
		return 0;
	io_failed(err, "writing", writer->run.path);
	free(writer->run.path);
	writer->run.path = NULL;
	return -1;
}

static int writer_begin(struct run_writer *writer, struct group_table *table, struct err *err)
{
	*writer = (struct run_writer){.fd = -1, .buf = BUF(SEGMENT_BYTES_MAX + WRITE_BYTES)};
	writer->places = calloc(DIVISIONS, sizeof(*writer->places));
	return writer->places ? writer_create(writer, table, err) : no_memory(err);
}

/* The groups that `from` has in memory of a division. */
static int writer_division(struct run_writer *writer, struct group_table *from, unsigned division,
			   struct err *err)
{
	size_t start = writer->buf.len;
	struct group_walk walk;
	struct group *group;

	group_walk(from, division, division + 1, &walk);
	while ((group = group_next(&walk))) {
		group_write(from->plan, group, &writer->buf);
		writer->run.groups++;
	}
	if (!buf_ok(&writer->buf))
		return no_memory(err);
	writer->run.bytes += (int64_t)(writer->buf.len - start);
	writer->places[division] = (struct place){
		.end = htole64((uint64_t)writer->run.bytes),
		.sum = htole64(XXH3_64bits(writer->buf.data ? writer->buf.data + start : "",
					   writer->buf.len - start)),
	};
	return writer->buf.len < WRITE_BYTES ? 0 : writer_flush(writer, err);
}

/* The run becomes one of the table's. */
static int writer_end(struct run_writer *writer, struct group_table *table, struct err *err)
{
	struct group_run *runs;

	buf_add(&writer->buf, writer->places, DIRECTORY_BYTES);
	if (!buf_ok(&writer->buf))
		return no_memory(err);
	if (writer_flush(writer, err))
		return -1;
	writer->run.sum = XXH3_64bits(writer->places, DIRECTORY_BYTES);
	writer->run.bytes += DIRECTORY_BYTES;
	runs = realloc(table->runs, (table->runs_count + 1) * sizeof(*runs));
	if (!runs)
		return no_memory(err);
	table->runs = runs;
	runs[table->runs_count++] = writer->run;
	writer->run.path = NULL;
	return 0;
}

static void writer_done(struct run_writer *writer)
{
	if (writer->fd >= 0)
		close(writer->fd);
	if (writer->run.path) /* it failed */
		unlink(writer->run.path);
	free(writer->run.path);
	free(writer->places);
	buf_done(&writer->buf);
}

/* ---- reading ---- */

static int read_whole(int fd, void *into, size_t len, int64_t offset)
{
	for (size_t at = 0; at < len;) {
		ssize_t got = pread(fd, (char *)into + at, len - at, offset + (int64_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			errno = got < 0 ? errno : EIO;
			return -1;
		}
		at += (size_t)got;
	}
	return 0;
}

static int damaged(struct err *err, const struct group_run *run)
{
	return err_set(err, ERR_IO, "the saved groups in %s are damaged", run->path);
}

/* The records of one division. */
static int segment_absorb(const struct group_run *run, const uint8_t *at, size_t len,
			  const struct place *place, struct group_table *table, struct err *err)
{
	struct bytes bytes = {.at = at, .end = at + len};

	if (XXH3_64bits(at, len) != le64toh(place->sum))
		return damaged(err, run);
	while (bytes.at < bytes.end)
		if (group_absorb(table, &bytes, err))
			return -1;
	return 0;
}

static int segments_absorb(const struct group_run *run, int fd, unsigned first, unsigned end,
			   struct buf *room, struct group_table *table, struct err *err)
{
	struct place places[DIVISIONS + 1] = {{0}};
	unsigned before = first > 0; /* the place in front says where they begin */
	int64_t directory = run->bytes - DIRECTORY_BYTES;
	uint64_t start, from, to;
	char *at;

	if (read_whole(fd, places + 1 - before, (end - first + before) * sizeof(places[0]),
		       directory + (int64_t)((first - before) * sizeof(places[0]))))
		return io_failed(err, "reading", run->path);
	start = from = le64toh(places[0].end);
	to = le64toh(places[end - first].end);
	if (start > to || to > (uint64_t)directory || to - start > SEGMENT_BYTES_MAX)
		return damaged(err, run);
	buf_clear(room);
	at = buf_room(room, to - start);
	if (!at)
		return no_memory(err);
	if (read_whole(fd, at, to - start, (int64_t)start))
		return io_failed(err, "reading", run->path);
	for (unsigned i = 1; i <= end - first; i++) {
		uint64_t stop = le64toh(places[i].end);

		if (stop < from || stop > to)
			return damaged(err, run);
		if (segment_absorb(run, (const uint8_t *)at + (from - start), stop - from,
				   &places[i], table, err))
			return -1;
		from = stop;
	}
	return 0;
}

int run_absorb(const struct group_run *run, unsigned first, unsigned end, struct buf *room,
	       struct group_table *table, struct err *err)
{
	int fd = open(run->path, O_RDONLY | O_CLOEXEC), rc;

	if (fd < 0)
		return io_failed(err, "reading", run->path);
	rc = segments_absorb(run, fd, first, end, room, table, err);
	close(fd);
	return rc;
}

/* ---- the files of a table ---- */

static int run_check(const struct group_run *run, struct err *err)
{
	int fd = open(run->path, O_RDONLY | O_CLOEXEC);
	char *directory = malloc(DIRECTORY_BYTES);
	struct stat status;
	int rc = -1;

	if (!directory)
		no_memory(err);
	else if (fd < 0 || fstat(fd, &status))
		io_failed(err, "reading", run->path);
	else if (status.st_size != run->bytes || run->bytes < DIRECTORY_BYTES)
		damaged(err, run);
	else if (read_whole(fd, directory, DIRECTORY_BYTES, run->bytes - DIRECTORY_BYTES))
		io_failed(err, "reading", run->path);
	else
		rc = XXH3_64bits(directory, DIRECTORY_BYTES) == run->sum ? 0 : damaged(err, run);
	if (fd >= 0)
		close(fd);
	free(directory);
	return rc;
}

int run_adopt(struct group_table *table, const char *name, size_t name_len,
	      const struct group_run *like, struct err *err)
{
	struct group_run run = *like, *runs = NULL;

	if (!table->dir || memchr(name, '/', name_len) || memchr(name, '\0', name_len) ||
	    asprintf(&run.path, "%s/%.*s", table->dir, (int)name_len, name) < 0)
		return err_set(err, ERR_IO, "saved groups are damaged");
	if (run_check(&run, err) == 0) {
		runs = realloc(table->runs, (table->runs_count + 1) * sizeof(*runs));
		if (!runs)
			no_memory(err);
	}
	if (!runs) {
		free(run.path);
		return -1;
	}
	run.synced = true;
	table->runs = runs;
	runs[table->runs_count++] = run;
	return 0;
}

int runs_sync(struct group_table *table, struct err *err)
{
	bool any = false;
	int fd;

	for (unsigned i = 0; i < table->runs_count; i++) {
		struct group_run *run = &table->runs[i];

		if (run->synced)
			continue;
		fd = open(run->path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || fdatasync(fd)) {
			io_failed(err, "writing", run->path);
			if (fd >= 0)
				close(fd);
			return -1;
		}
		close(fd);
		run->synced = any = true;
	}
	if (!any)
		return 0;
	fd = open(table->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd))
		io_failed(err, "writing", table->dir);
	else
		any = false;
	if (fd >= 0)
		close(fd);
	return any ? -1 : 0;
}

/* One that no blob has named goes at once. */
static void run_drop(struct group_table *table, struct group_run *run)
{
	char **dropped;

	if (!run->synced) {
		unlink(run->path);
		free(run->path);
		return;
	}
	dropped = realloc(table->dropped, (table->dropped_count + 1) * sizeof(*table->dropped));

	if (dropped) {
		table->dropped = dropped;
		dropped[table->dropped_count++] = run->path;
	} else {
		free(run->path); /* the file goes with the job */
	}
}

void group_table_drop(struct group_table *table)
{
	for (unsigned i = 0; i < table->dropped_count; i++) {
		if (i < table->droppable) {
			unlink(table->dropped[i]);
			free(table->dropped[i]);
		} else {
			table->dropped[i - table->droppable] = table->dropped[i];
		}
	}
	table->dropped_count -= table->droppable;
	table->droppable = 0;
}

void runs_forget(struct group_table *table, bool remove)
{
	for (unsigned i = 0; i < table->runs_count; i++) {
		if (remove)
			unlink(table->runs[i].path);
		free(table->runs[i].path);
	}
	for (unsigned i = 0; i < table->dropped_count; i++) {
		if (remove)
			unlink(table->dropped[i]);
		free(table->dropped[i]);
	}
	free(table->runs);
	free(table->dropped);
	table->runs = NULL;
	table->dropped = NULL;
	table->runs_count = table->dropped_count = table->droppable = 0;
}

int runs_move(struct group_table *table, struct group_table *from, struct err *err)
{
	struct group_run *runs;

	if (from->runs_count == 0)
		return 0;
	runs = realloc(table->runs, (table->runs_count + from->runs_count) * sizeof(*runs));
	if (!runs)
		return no_memory(err);
	memcpy(runs + table->runs_count, from->runs, from->runs_count * sizeof(*runs));
	table->runs = runs;
	table->runs_count += from->runs_count;
	from->runs_count = 0;
	return 0;
}

/* ---- sealing ---- */

/* How many turns of as many divisions each: what one has of all runs fits the memory. */
static unsigned compact_turns(const struct group_table *table)
{
	int64_t bytes = 0;
	unsigned turns = 1;

	for (unsigned i = 0; i < table->runs_count; i++)
		bytes += table->runs[i].bytes - DIRECTORY_BYTES;
	while (turns < DIVISIONS && bytes / turns > COMPACT_BYTES)
		turns *= 2;
	return turns;
}

/* The divisions [first, end) of all runs into a new one. */
static int divisions_compact(struct run_writer *writer, struct group_table *table,
			     struct group_table *merged, unsigned first, unsigned end,
			     struct err *err)
{
	struct buf room = BUF(SEGMENT_BYTES_MAX + 1);
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < table->runs_count; i++)
		rc = run_absorb(&table->runs[i], first, end, &room, merged, err);
	for (unsigned i = first; rc == 0 && i < end; i++)
		rc = writer_division(writer, merged, i, err);
	groups_forget(merged);
	buf_done(&room);
	return rc;
}

/* All runs become one. */
static int runs_compact(struct group_table *table, struct err *err)
{
	struct group_table_options options = {
		.plan = table->plan, .bytes_max = INT64_MAX, .seed = table->seed};
	unsigned count = table->runs_count, turns = compact_turns(table);
	unsigned share = DIVISIONS / turns;
	struct group_table *merged = NULL;
	struct run_writer writer;
	int rc = writer_begin(&writer, table, err);

	if (rc == 0)
		rc = group_table_new(&options, &merged, err);
	if (rc == 0)
		merged->same_bits = (unsigned)__builtin_ctz(turns);
	for (unsigned i = 0; rc == 0 && i < turns; i++)
		rc = divisions_compact(&writer, table, merged, i * share, (i + 1) * share, err);
	if (rc == 0)
		rc = writer_end(&writer, table, err);
	if (rc == 0) {
		for (unsigned i = 0; i < count; i++)
			run_drop(table, &table->runs[i]);
		table->runs[0] = table->runs[count];
		table->runs_count = 1;
	}
	writer_done(&writer);
	group_table_free(merged);
	return rc;
}

int group_table_spill(struct group_table *table, struct err *err)
{
	struct run_writer writer;
	int rc;

	if (table->count == 0)
		return 0;
	if (!table->dir)
		return err_set(err, ERR_LIMIT,
			       "the groups need more than %lld bytes of memory: give a larger "
			       "`memory`, or fewer keys",
			       (long long)table->bytes_max);
	rc = writer_begin(&writer, table, err);
	for (unsigned division = 0; rc == 0 && division < DIVISIONS; division++)
		rc = writer_division(&writer, table, division, err);
	if (rc == 0)
		rc = writer_end(&writer, table, err);
	writer_done(&writer);
	if (rc)
		return rc;
	groups_forget(table);
	return table->runs_count < GROUP_RUNS_MAX ? 0 : runs_compact(table, err);
}
