/* SPDX-License-Identifier: MIT */
/* sort_merge.c - the least of what several sorters have, again and again.
 *
 * A source is a run in a file, read block by block, or what a sorter has in memory.  Sources are
 * in a heap by their next entry.
 */
#include "handlers/pipeline/sorter.h"

#include "base/compiler.h"
#include "base/limits.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK_BYTES = 256 * 1024 };

struct sort_source {
	const struct sorter *sorter;
	struct sort_entry now;
	size_t next;	     /* in memory: the entry behind */
	int64_t offset, end; /* in the file: not read yet */
	struct buf block;
	size_t at; /* in the block: behind `now` */
};

struct sort_merge {
	struct sort_source *sources;
	struct sort_source **heap;
	size_t count, left; /* sources; those in the heap */
	size_t given, limit;
};

/* More bytes behind those that are left. */
static int block_read(struct sort_source *source, size_t need, struct err *err)
{
	size_t want;

	buf_drop_front(&source->block, source->at);
	source->at = 0;
	while (source->block.len < need) {
		char *room;
		ssize_t n;

		want = MAX((size_t)BLOCK_BYTES, need - source->block.len);
		want = (size_t)MIN((int64_t)want, source->end - source->offset);
		room = want > 0 ? buf_room(&source->block, want) : NULL;
		if (!room)
			return err_set(err, ERR_IO, "what was sorted ends early");
		n = pread(source->sorter->file, room, want, source->offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set_errno(err, ERR_IO, errno, "cannot read what was sorted");
		buf_grown(&source->block, (size_t)n);
		source->offset += n;
	}
	return 0;
}

/* 1: `now` is the next entry, 0: there is none. */
static int file_next(struct sort_source *source, struct err *err)
{
	uint32_t lens[2];
	size_t len;

	if (source->at == source->block.len && source->offset == source->end)
		return 0;
	if (source->block.len - source->at < sizeof(lens) && block_read(source, sizeof(lens), err))
		return -1;
	memcpy(lens, source->block.data + source->at, sizeof(lens));
	len = sizeof(lens) + lens[0] + lens[1];
	if (source->block.len - source->at < len && block_read(source, len, err))
		return -1;
	source->now = (struct sort_entry){
		.key_len = lens[0],
		.text_len = lens[1],
		.bytes = source->block.data + source->at + sizeof(lens),
	};
	source->at += len;
	return 1;
}

static int source_next(struct sort_source *source, struct err *err)
{
	if (source->end > 0)
		return file_next(source, err);
	if (source->next == source->sorter->count)
		return 0;
	source->now = source->sorter->entries[source->next++];
	return 1;
}

static bool comes_before(const struct sort_source *a, const struct sort_source *b)
{
	int order;

	assert(a->now.bytes && b->now.bytes);
	order = memcmp(a->now.bytes, b->now.bytes, MIN(a->now.key_len, b->now.key_len));

	return order ? order < 0 : a->now.key_len < b->now.key_len;
}

/* The source at `i` sinks to where it belongs. */
static void heap_sink(struct sort_merge *merge, size_t i)
{
	struct sort_source *source = merge->heap[i];

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= merge->left)
			break;
		if (child + 1 < merge->left &&
		    comes_before(merge->heap[child + 1], merge->heap[child]))
			child++;
		if (!comes_before(merge->heap[child], source))
			break;
		merge->heap[i] = merge->heap[child];
		i = child;
	}
	merge->heap[i] = source;
}

static int sources_begin(struct sort_merge *merge, struct err *err)
{
	for (size_t i = 0; i < merge->count; i++) {
		int rc = source_next(&merge->sources[i], err);

		if (rc < 0)
			return -1;
		if (rc > 0)
			merge->heap[merge->left++] = &merge->sources[i];
	}
	for (size_t i = merge->left / 2; i-- > 0;)
		heap_sink(merge, i);
	return 0;
}

int sort_merge_new(struct sorter *const *sorters, size_t count, struct sort_merge **ret_merge,
		   struct err *err)
{
	struct sort_merge *merge = calloc(1, sizeof(*merge));
	size_t sources = count, n = 0;

	for (size_t i = 0; i < count; i++)
		sources += sorters[i]->runs_count;
	if (merge) {
		merge->sources = calloc(sources + 1, sizeof(*merge->sources));
		merge->heap = calloc(sources + 1, sizeof(struct sort_source *));
	}
	if (!merge || !merge->sources || !merge->heap) {
		sort_merge_free(merge);
		return err_set(err, ERR_NO_MEMORY, "no memory for sorting");
	}
	for (size_t i = 0; i < count; i++) {
		merge->limit = sorters[i]->limit;
		merge->sources[n++].sorter = sorters[i];
		for (size_t r = 0; r < sorters[i]->runs_count; r++) {
			const struct sort_run *run = &sorters[i]->runs[r];

			merge->sources[n] = (struct sort_source){.sorter = sorters[i],
								 .offset = run->offset,
								 .end = run->offset + run->len};
			buf_init(&merge->sources[n++].block,
				 (size_t)4 * RECORD_BYTES_MAX + BLOCK_BYTES);
		}
	}
	merge->count = n;
	if (sources_begin(merge, err)) {
		sort_merge_free(merge);
		return -1;
	}
	*ret_merge = merge;
	return 0;
}

void sort_merge_free(struct sort_merge *merge)
{
	if (!merge)
		return;
	for (size_t i = 0; merge->sources && i < merge->count; i++)
		buf_done(&merge->sources[i].block);
	free(merge->sources);
	free(merge->heap);
	free(merge);
}

int sort_merge_next(struct sort_merge *merge, struct buf *into, struct err *err)
{
	struct sort_source *first = merge->left > 0 ? merge->heap[0] : NULL;
	int rc;

	if (!first || (merge->limit && merge->given == merge->limit))
		return 0;
	buf_add(into, first->now.bytes + first->now.key_len, first->now.text_len);
	merge->given++;
	rc = source_next(first, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		merge->heap[0] = merge->heap[--merge->left];
	if (merge->left > 0)
		heap_sink(merge, 0);
	return 1;
}
