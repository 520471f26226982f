/* SPDX-License-Identifier: MIT */
/* sorter.c - gathering and saving; sort_merge.c has the merge.
 *
 *	an entry in a run, or in a blob = length of the key, of the text; key; text
 */
#include "handlers/pipeline/sorter.h"

#include "base/limits.h"
#include "handlers/run.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	CHUNK_BYTES = 1024 * 1024,
	ENTRIES_FIRST = 256,
	INLINE_BYTES = 64 * 1024, /* a blob holds no more of them */
	WRITE_BYTES = 1024 * 1024,
	RUNS_MAX = 4096,
	LIMIT_SLACK = 1024,
};

struct sort_chunk {
	struct sort_chunk *next;
	size_t used, size;
	char bytes[];
};

struct sort_head {
	int64_t runs, file_len;
};

void sorter_init(struct sorter *sorter, const char *name, int64_t bytes_max, size_t limit)
{
	*sorter = (struct sorter){.name = name, .bytes_max = bytes_max, .limit = limit, .file = -1};
}

static void chunks_free(struct sort_chunk *chunk)
{
	while (chunk) {
		struct sort_chunk *next = chunk->next;

		free(chunk);
		chunk = next;
	}
}

static void entries_drop(struct sorter *sorter)
{
	chunks_free(sorter->chunks);
	sorter->chunks = NULL;
	sorter->count = 0;
	sorter->bytes = 0;
}

void sorter_done(struct sorter *sorter)
{
	chunks_free(sorter->chunks);
	free(sorter->entries);
	free(sorter->runs);
	if (sorter->file >= 0)
		close(sorter->file);
}

/* ---- order ---- */

static int entry_compare(const void *a_, const void *b_)
{
	const struct sort_entry *a = a_, *b = b_;
	int order;

	if (a->prefix != b->prefix)
		return a->prefix < b->prefix ? -1 : 1;
	order = memcmp(a->bytes, b->bytes, MIN(a->key_len, b->key_len));
	return order ? order : (a->key_len > b->key_len) - (a->key_len < b->key_len);
}

static uint64_t prefix_of(const char *key, size_t len)
{
	uint64_t prefix = 0;

	memcpy(&prefix, key, MIN(len, sizeof(prefix)));
	return be64toh(prefix);
}

int sorter_sort(struct sorter *sorter, struct err *err)
{
	(void)err;
	if (!sorter->sorted && sorter->count > 1)
		qsort(sorter->entries, sorter->count, sizeof(*sorter->entries), entry_compare);
	sorter->sorted = true;
	if (sorter->limit && sorter->count > sorter->limit)
		sorter->count = sorter->limit;
	return 0;
}

/* ---- gathering ---- */

static char *bytes_room(struct sorter *sorter, size_t len)
{
	struct sort_chunk *chunk = sorter->chunks;
	size_t size = MAX((size_t)CHUNK_BYTES, len);
	char *at;

	if (sorter->count == 0 && len < 4096)
		size = 4096; /* small stays small */
	if (!chunk || chunk->size - chunk->used < len) {
		chunk = malloc(sizeof(*chunk) + size);
		if (!chunk)
			return NULL;
		*chunk = (struct sort_chunk){.next = sorter->chunks, .size = size};
		sorter->chunks = chunk;
	}
	at = chunk->bytes + chunk->used;
	chunk->used += len;
	return at;
}

static int entry_add(struct sorter *sorter, const struct sort_record *record, struct err *err)
{
	size_t len = record->key_len + record->text_len;
	size_t room = sorter->room ? sorter->room * 2 : ENTRIES_FIRST;
	struct sort_entry *larger;
	char *bytes;

	if (sorter->count == sorter->room) {
		larger = realloc(sorter->entries, room * sizeof(*larger));
		if (!larger)
			return err_set(err, ERR_NO_MEMORY, "no memory for sorting");
		sorter->entries = larger;
		sorter->room = room;
	}
	bytes = bytes_room(sorter, len);
	if (!bytes)
		return err_set(err, ERR_NO_MEMORY, "no memory for sorting");
	memcpy(bytes, record->key, record->key_len);
	if (record->text_len)
		memcpy(bytes + record->key_len, record->text, record->text_len);
	sorter->entries[sorter->count++] = (struct sort_entry){
		.prefix = prefix_of(record->key, record->key_len),
		.key_len = (uint32_t)record->key_len,
		.text_len = (uint32_t)record->text_len,
		.bytes = bytes,
	};
	sorter->bytes += (int64_t)(len + sizeof(struct sort_entry));
	sorter->sorted = false;
	return 0;
}

/* Only the first so many are wanted: the others give their memory back. */
static int limit_apply(struct sorter *sorter, struct err *err)
{
	struct sort_chunk *old = sorter->chunks;
	size_t count;
	int rc = 0;

	if (!sorter->limit || sorter->count < 2 * sorter->limit + LIMIT_SLACK)
		return 0;
	sorter_sort(sorter, err);
	count = sorter->count;
	sorter->chunks = NULL;
	sorter->count = 0;
	sorter->bytes = 0;
	for (size_t i = 0; i < count && rc == 0; i++) {
		struct sort_entry entry = sorter->entries[i];

		rc = entry_add(sorter,
			       &(struct sort_record){entry.bytes, entry.bytes + entry.key_len,
						     entry.key_len, entry.text_len},
			       err);
	}
	chunks_free(old);
	return rc;
}

static int run_write(struct sorter *sorter, struct run *run, struct err *err);

int sorter_add(struct sorter *sorter, struct run *run, const struct sort_record *record,
	       struct err *err)
{
	if (entry_add(sorter, record, err) || limit_apply(sorter, err))
		return -1;
	if (sorter->bytes <= sorter->bytes_max)
		return 0;
	return run ? run_write(sorter, run, err)
		   : err_set(err, ERR_LIMIT, "a test sorts at most %lld bytes",
			     (long long)sorter->bytes_max);
}

/* ---- the file ---- */

static int failed_io(struct err *err, const char *what)
{
	return err_set_errno(err, errno == ENOSPC ? ERR_DISK_FULL : ERR_IO, errno,
			     "cannot %s what is sorted", what);
}

static int file_open(struct sorter *sorter, struct run *run, struct err *err)
{
	char path[4096];
	const char *dir;

	if (sorter->file >= 0)
		return 0;
	if (run_scratch(run, &dir, err))
		return -1;
	snprintf(path, sizeof(path), "%s/%s", dir, sorter->name);
	sorter->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return sorter->file >= 0 ? 0 : failed_io(err, "open");
}

static int file_write(struct sorter *sorter, struct buf *block, struct err *err)
{
	const char *at = block->data;
	size_t left = block->len;

	while (left > 0) {
		ssize_t n = pwrite(sorter->file, at, left, sorter->file_len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failed_io(err, "write");
		at += n;
		left -= (size_t)n;
		sorter->file_len += n;
	}
	buf_clear(block);
	return 0;
}

static void entry_print(const struct sort_entry *entry, struct buf *into)
{
	buf_add(into, &entry->key_len, sizeof(entry->key_len));
	buf_add(into, &entry->text_len, sizeof(entry->text_len));
	buf_add(into, entry->bytes, (size_t)entry->key_len + entry->text_len);
}

static int entries_write(struct sorter *sorter, struct err *err)
{
	struct buf block = BUF((size_t)4 * RECORD_BYTES_MAX + WRITE_BYTES);
	int rc = 0;

	for (size_t i = 0; i < sorter->count && rc == 0; i++) {
		entry_print(&sorter->entries[i], &block);
		if (!buf_ok(&block))
			rc = err_set(err, ERR_NO_MEMORY, "no memory for sorting");
		else if (block.len > WRITE_BYTES)
			rc = file_write(sorter, &block, err);
	}
	if (rc == 0)
		rc = file_write(sorter, &block, err);
	buf_done(&block);
	return rc;
}

/* All that is in memory becomes a run of the file. */
static int run_write(struct sorter *sorter, struct run *run, struct err *err)
{
	struct sort_run *larger;
	int64_t offset = sorter->file_len;
	int rc;

	if (sorter->count == 0)
		return 0;
	if (sorter->runs_count == RUNS_MAX)
		return err_set(err, ERR_LIMIT, "too much to sort: give the job more `memory`");
	larger = realloc(sorter->runs, (sorter->runs_count + 1) * sizeof(*larger));
	if (!larger)
		return err_set(err, ERR_NO_MEMORY, "no memory for sorting");
	sorter->runs = larger;
	sorter_sort(sorter, err);
	run_block_begin(run);
	rc = file_open(sorter, run, err) || entries_write(sorter, err) ? -1 : 0;
	run_block_end(run);
	if (rc)
		return -1;
	sorter->runs[sorter->runs_count++] =
		(struct sort_run){.offset = offset, .len = sorter->file_len - offset};
	entries_drop(sorter);
	return 0;
}

/* ---- state ---- */

int64_t sorter_unsaved(const struct sorter *sorter)
{
	return sorter->bytes <= INLINE_BYTES ? 0 : sorter->bytes;
}

int sorter_save(struct sorter *sorter, struct run *run, struct buf *blob, struct err *err)
{
	struct sort_head head;
	int rc = 0;

	if (sorter->bytes > INLINE_BYTES && run_write(sorter, run, err))
		return -1;
	if (sorter->file >= 0) {
		run_block_begin(run);
		rc = fdatasync(sorter->file) ? failed_io(err, "write") : 0;
		run_block_end(run);
	}
	head = (struct sort_head){(int64_t)sorter->runs_count, sorter->file_len};
	buf_add(blob, &head, sizeof(head));
	if (head.runs > 0)
		buf_add(blob, sorter->runs, sorter->runs_count * sizeof(*sorter->runs));
	for (size_t i = 0; i < sorter->count; i++)
		entry_print(&sorter->entries[i], blob);
	return rc;
}

static int entries_load(struct sorter *sorter, const char *at, const char *end, struct err *err)
{
	uint32_t lens[2];

	while (at < end) {
		if ((size_t)(end - at) < sizeof(lens))
			return err_set(err, ERR_INTERNAL, "what was sorted ends early");
		memcpy(lens, at, sizeof(lens));
		at += sizeof(lens);
		if ((size_t)(end - at) < (size_t)lens[0] + lens[1])
			return err_set(err, ERR_INTERNAL, "what was sorted ends early");
		if (entry_add(sorter, &(struct sort_record){at, at + lens[0], lens[0], lens[1]},
			      err))
			return -1;
		at += (size_t)lens[0] + lens[1];
	}
	return 0;
}

int sorter_load(struct sorter *sorter, struct run *run, const void *blob, size_t len,
		struct err *err)
{
	const char *at = blob, *end = at + len;
	struct sort_head head;
	size_t bytes;

	if (len < sizeof(head))
		return err_set(err, ERR_INTERNAL, "what was sorted ends early");
	memcpy(&head, at, sizeof(head));
	at += sizeof(head);
	bytes = (size_t)head.runs * sizeof(*sorter->runs);
	if (head.runs < 0 || head.runs > RUNS_MAX || (size_t)(end - at) < bytes)
		return err_set(err, ERR_INTERNAL, "what was sorted ends early");
	if (head.runs > 0) {
		sorter->runs = malloc(bytes);
		if (!sorter->runs)
			return err_set(err, ERR_NO_MEMORY, "no memory for sorting");
		memcpy(sorter->runs, at, bytes);
		sorter->runs_count = (size_t)head.runs;
		sorter->file_len = head.file_len;
		if (file_open(sorter, run, err))
			return -1;
	}
	return entries_load(sorter, at + bytes, end, err);
}
