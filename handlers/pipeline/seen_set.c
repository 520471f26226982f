/* SPDX-License-Identifier: MIT */
/* seen_set.c - see seen_set.h. */
#include "handlers/pipeline/seen_set.h"

#include "handlers/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SLOTS_FIRST = 64, INLINE_MAX = 2048, READ_HASHES = 4096 };

/* A blob: this, then the hashes when there is no file. */
struct seen_head {
	int64_t count, file_len;
};

void seen_set_init(struct seen_set *set, const char *name, int64_t bytes_max)
{
	*set = (struct seen_set){.name = name, .bytes_max = bytes_max, .file = -1};
}

void seen_set_done(struct seen_set *set)
{
	free(set->slots);
	free(set->new);
	if (set->file >= 0)
		close(set->file);
}

static bool is_free(const struct seen_hash *hash)
{
	return !hash->low && !hash->high;
}

/* The slot of a hash, or the free one where it belongs. */
static struct seen_hash *slot_of(struct seen_hash *slots, size_t room, struct seen_hash hash)
{
	size_t i = hash.low & (room - 1);

	while (!is_free(&slots[i]) && (slots[i].low != hash.low || slots[i].high != hash.high))
		i = (i + 1) & (room - 1);
	return &slots[i];
}

static int slots_grow(struct seen_set *set, struct err *err)
{
	size_t room = set->room ? set->room * 2 : SLOTS_FIRST;
	struct seen_hash *larger;

	if ((set->count + 1) * 2 <= set->room)
		return 0;
	if ((int64_t)(room * sizeof(*larger)) > set->bytes_max)
		return err_set(err, ERR_LIMIT, "%zu different ones: `memory` has no room for more",
			       set->count);
	larger = calloc(room, sizeof(*larger));
	if (!larger)
		return err_set(err, ERR_NO_MEMORY, "no memory for what was seen");
	for (size_t i = 0; i < set->room; i++)
		if (!is_free(&set->slots[i]))
			*slot_of(larger, room, set->slots[i]) = set->slots[i];
	free(set->slots);
	set->slots = larger;
	set->room = room;
	return 0;
}

static int new_room(struct seen_set *set, struct err *err)
{
	size_t room = set->new_room ? set->new_room * 2 : SLOTS_FIRST;
	struct seen_hash *larger;

	if (set->new_count < set->new_room)
		return 0;
	larger = realloc(set->new, room * sizeof(*larger));
	if (!larger)
		return err_set(err, ERR_NO_MEMORY, "no memory for what was seen");
	set->new = larger;
	set->new_room = room;
	return 0;
}

int seen_set_add(struct seen_set *set, struct seen_hash hash, bool *ret_new, struct err *err)
{
	struct seen_hash *slot;

	if (slots_grow(set, err) || new_room(set, err))
		return -1;
	slot = slot_of(set->slots, set->room, hash);
	*ret_new = is_free(slot);
	if (*ret_new) {
		*slot = hash;
		set->count++;
		set->new[set->new_count++] = hash;
	}
	return 0;
}

/* ---- saving ---- */

static int failed_io(struct err *err, const char *what)
{
	return err_set_errno(err, errno == ENOSPC ? ERR_DISK_FULL : ERR_IO, errno,
			     "cannot %s what distinct has seen", what);
}

static int file_open(struct seen_set *set, struct run *run, struct err *err)
{
	char path[4096];
	const char *dir;

	if (set->file >= 0)
		return 0;
	if (run_scratch(run, &dir, err))
		return -1;
	snprintf(path, sizeof(path), "%s/%s", dir, set->name);
	set->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return set->file >= 0 ? 0 : failed_io(err, "open");
}

/* All that is new, behind what counts already. */
static int file_append(struct seen_set *set, struct err *err)
{
	const char *at = (const char *)set->new;
	size_t left = set->new_count * sizeof(*set->new);

	while (left > 0) {
		ssize_t n = pwrite(set->file, at, left, set->file_len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failed_io(err, "write");
		at += n;
		left -= (size_t)n;
		set->file_len += n;
	}
	set->new_count = 0;
	return fdatasync(set->file) ? failed_io(err, "write") : 0;
}

int seen_set_save(struct seen_set *set, struct run *run, struct buf *blob, struct err *err)
{
	struct seen_head head = {.count = (int64_t)set->count};
	bool small = set->count <= INLINE_MAX && set->file < 0;
	int rc = 0;

	if (!small) {
		run_block_begin(run);
		rc = file_open(set, run, err) || file_append(set, err) ? -1 : 0;
		run_block_end(run);
	}
	head.file_len = set->file_len;
	buf_add(blob, &head, sizeof(head));
	if (small && set->new_count > 0) /* nothing was written yet: all are new */
		buf_add(blob, set->new, set->new_count * sizeof(*set->new));
	return rc;
}

static int hashes_add(struct seen_set *set, const void *bytes, size_t len, struct err *err)
{
	struct seen_hash hash;
	bool fresh;

	for (size_t i = 0; i + sizeof(hash) <= len; i += sizeof(hash)) {
		memcpy(&hash, (const char *)bytes + i, sizeof(hash));
		if (seen_set_add(set, hash, &fresh, err))
			return -1;
	}
	return 0;
}

static int file_read(struct seen_set *set, int64_t len, struct err *err)
{
	struct seen_hash hashes[READ_HASHES];

	while (set->file_len < len) {
		size_t want = (size_t)MIN((int64_t)sizeof(hashes), len - set->file_len);
		ssize_t n = pread(set->file, hashes, want, set->file_len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n != (ssize_t)want)
			return err_set(err, ERR_IO, "what distinct has seen ends early");
		if (hashes_add(set, hashes, want, err))
			return -1;
		set->file_len += n;
		set->new_count = 0;
	}
	return 0;
}

int seen_set_load(struct seen_set *set, struct run *run, const void *blob, size_t len,
		  struct err *err)
{
	struct seen_head head;

	if (len < sizeof(head))
		return err_set(err, ERR_INTERNAL, "a saved set of %zu bytes", len);
	memcpy(&head, blob, sizeof(head));
	if (head.file_len > 0 && (file_open(set, run, err) || file_read(set, head.file_len, err)))
		return -1;
	if (hashes_add(set, (const char *)blob + sizeof(head), len - sizeof(head), err))
		return -1;
	return (int64_t)set->count == head.count
		       ? 0
		       : err_set(err, ERR_IO, "what distinct has seen is damaged");
}
