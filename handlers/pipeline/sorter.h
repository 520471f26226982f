/* SPDX-License-Identifier: MIT */
/* sorter.h - records in the order of their keys, more of them than memory holds.
 *
 * A sorter gathers what one lane brings: keys whose order is that of memcmp() (order.h), no two
 * alike, and texts.  Beyond its budget it sorts what it has and writes it behind its file, as a
 * run; a merge then takes the least of all runs of all sorters.  With a limit only the first so
 * many are kept.
 *
 * Saved is what is in the file, and the rest as it is, when it is little.
 *
 * Threads    one lane's; a merge reads several, to which nothing is added any more.
 * Ownership  keys and texts are copied.
 * Errors     0, or -1 and *err: ERR_NO_MEMORY, ERR_LIMIT, ERR_IO, ERR_DISK_FULL.
 */
#ifndef HANDLERS_PIPELINE_SORTER_H
#define HANDLERS_PIPELINE_SORTER_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct run;

struct sort_entry {
	uint64_t prefix; /* of the key, so that most comparisons look no further */
	uint32_t key_len, text_len;
	const char *bytes; /* the key, then the text */
};

/* Sorted entries in the file. */
struct sort_run {
	int64_t offset, len;
};

struct sorter {
	struct sort_entry *entries;
	size_t count, room;
	struct sort_chunk *chunks; /* what entries point into, newest first */
	int64_t bytes, bytes_max;
	size_t limit;	  /* 0: none */
	const char *name; /* of its file in the scratch folder of the run */
	int file;	  /* -1: none yet */
	int64_t file_len;
	struct sort_run *runs;
	size_t runs_count;
	bool sorted;
};

void sorter_init(struct sorter *sorter, const char *name, int64_t bytes_max, size_t limit);
void sorter_done(struct sorter *sorter); /* the file stays */

struct sort_record {
	const char *key, *text;
	size_t key_len, text_len;
};

/* May write to the disk. */
int sorter_add(struct sorter *sorter, struct run *run, const struct sort_record *record,
	       struct err *err);
int64_t sorter_unsaved(const struct sorter *sorter); /* bytes that a save would write to a file */
int sorter_save(struct sorter *sorter, struct run *run, struct buf *blob, struct err *err);
int sorter_load(struct sorter *sorter, struct run *run, const void *blob, size_t len,
		struct err *err);

/* Sorts what is in memory, before a merge. */
int sorter_sort(struct sorter *sorter, struct err *err);

struct sort_merge;

/* Over sorters that are sorted, and outlive it. */
int sort_merge_new(struct sorter *const *sorters, size_t count, struct sort_merge **ret_merge,
		   struct err *err);
void sort_merge_free(struct sort_merge *merge); /* NULL is fine */
/* 1: the next text was added to `into`; 0: there are no more; -1. */
int sort_merge_next(struct sort_merge *merge, struct buf *into, struct err *err);

#endif
