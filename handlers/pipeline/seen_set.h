/* SPDX-License-Identifier: MIT */
/* seen_set.h - hashes that were seen before: the memory of distinct.
 *
 * 128 bits each, in a table of open addressing.  A save writes those that are new since the last
 * one behind a file, so that it costs what is new; the blob says how much of the file counts.  A
 * small set is in the blob itself.
 *
 * Threads    one lane's.
 * Errors     0, or -1 and *err: ERR_LIMIT, ERR_NO_MEMORY, ERR_IO, ERR_DISK_FULL.
 */
#ifndef HANDLERS_PIPELINE_SEEN_SET_H
#define HANDLERS_PIPELINE_SEEN_SET_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct run;

struct seen_hash {
	uint64_t low, high; /* both 0: a free place */
};

struct seen_set {
	struct seen_hash *slots;
	size_t count, room; /* room: a power of two */
	int64_t bytes_max;
	const char *name;      /* of its file in the scratch folder of the run */
	struct seen_hash *new; /* since the last save */
	size_t new_count, new_room;
	int file; /* -1: none yet */
	int64_t file_len;
};

void seen_set_init(struct seen_set *set, const char *name, int64_t bytes_max);
void seen_set_done(struct seen_set *set); /* the file stays */

/* *ret_new: it was not there. */
int seen_set_add(struct seen_set *set, struct seen_hash hash, bool *ret_new, struct err *err);

/* May block on the disk. */
int seen_set_save(struct seen_set *set, struct run *run, struct buf *blob, struct err *err);
int seen_set_load(struct seen_set *set, struct run *run, const void *blob, size_t len,
		  struct err *err);

#endif
