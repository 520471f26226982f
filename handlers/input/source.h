/* SPDX-License-Identifier: MIT */
/* source.h - what an input is made of, for the files of this room: where records come from.
 *
 *   input_plan.c    the members of a spec      input.c    feeding, claiming, the life of a portion
 *   portion.c       bytes into rows            from_*.c   one source each
 *
 * A source gives bytes of one format, piece by piece.  Whatever it reads, portion.c keeps
 * what is no whole record yet and counts offsets.
 *
 * Threads    as input.h says: feed on one lane at a time, a portion on its lane.
 * Ownership  an input owns what its source keeps (`state`), a portion what the source keeps in
 *            it (`view`), also from one portion of a lane to the next.
 */
#ifndef HANDLERS_INPUT_SOURCE_H
#define HANDLERS_INPUT_SOURCE_H

#include "base/arena.h"
#include "base/buf.h"
#include "handlers/input/input.h"

#include <stdatomic.h>

struct source;

/* ---- the plan ---- */

struct range {
	int64_t from, step, count;
};

struct input_plan {
	struct arena arena; /* of the lists */
	const struct source *source;
	struct format *format; /* what the spec says */
	struct format *ndjson; /* of sources that say what they give */
	struct buf items;      /* the items as lines */
	struct range range;    /* of `generate` the count alone */
	struct script *script; /* of `generate` */
	const char **names;    /* files: names or patterns; urls: as they are sent */
	size_t names_count;
	struct fetch_header *headers; /* of urls */
	size_t headers_count;
	bool patterns;
	struct id job;
	char job_text[ID_TEXT_LEN + 1];
};

/* ---- the input ---- */

struct input {
	struct run *run;
	const struct input_plan *plan;
	const struct fields *fields;
	const struct source *source;
	int64_t chunk_bytes;		  /* 0: the source decides */
	void *state;			  /* the source's */
	struct portion *spare[LANES_MAX]; /* of each lane: what its next portion is made of */

	/* Bits of lanes that found no part, set before they look: whoever adds one, or ends the
	 * feed, takes them all and wakes them.  Sequentially consistent, as is `fed`. */
	_Atomic uint64_t waiting;
	_Atomic bool fed;
	_Atomic int64_t bytes_known; /* by the feed; read for progress */
	_Atomic bool bytes_all;
	_Atomic int64_t bytes_read; /* by all lanes; likewise */
};

/* ---- a portion ---- */

struct portion {
	struct input *input;
	unsigned lane;
	struct part *part;

	/* From the part's input; what they count is the source's: bytes, or records. */
	int64_t index;	  /* among the source's files or urls */
	int64_t from, to; /* `to` -1: to its end */

	bool begun, over; /* over: the source has no more bytes */
	struct buf block;
	size_t at;	 /* of the block: given and done with */
	int64_t offset;	 /* of the block's first byte, in the source */
	int64_t seek;	 /* nothing before this mark is given; -1: all is */
	int64_t records; /* given since `from` or `seek`, of a source that counts them */
	struct cut cut;	 /* for input_bytes(): behind the first … */
	size_t cut_seen; /* … so many bytes of the block … */
	size_t cut_end;	 /* … of which these are whole records */
	const struct format *format;
	struct reader *reader; /* of `reader_format`; the lane keeps it for its next portion */
	const struct format *reader_format;
	void *view; /* the source's */
};

/* What begin() says. */
struct source_head {
	const struct format *format; /* never SNIFF; the view's or the plan's */
	const char *header;	     /* what reader_header() found; NULL: nothing */
	size_t header_len;
};

struct source {
	bool bytes;   /* whose format is the spec's to say */
	bool records; /* from, to and marks are numbers of records, not offsets */
	int (*open)(struct input *input, struct err *err);
	void (*close)(struct input *input); /* also after an open that failed */

	/* As input_feed(); it calls source_part_add(). */
	enum run_answer (*feed)(struct input *input, unsigned lane, struct err *err);
	void (*completion)(struct input *input, const struct completion *completion);

	/* Makes ready, and sets portion->offset: at `from` or anywhere up to `seek`.  RUN_OK,
	 * RUN_LATER (the lane is woken) or RUN_ERROR. */
	enum run_answer (*begin)(struct portion *portion, struct source_head *ret_head,
				 struct err *err);
	/* Appends about `room` bytes to portion->block.  RUN_OK, RUN_LATER, RUN_END (none are
	 * left) or RUN_ERROR. */
	enum run_answer (*read)(struct portion *portion, size_t room, struct err *err);
	void (*view_free)(struct portion *portion);

	/* NULL: nothing is known but the offset. */
	void (*place)(struct portion *portion, int64_t offset, struct portion_place *ret_place);
};

extern const struct source source_items, source_range, source_files, source_urls, source_job,
	source_generate;

/* Adds the part of a portion, and wakes lanes that wait for one.  As run_part_add(). */
enum run_answer source_part_add(struct input *input, unsigned lane, const char *key,
				const struct portion *portion, struct err *err);

/* The checkpoint of INPUT_LANE that an earlier attempt left, in open; false: none. */
bool source_left(struct input *input, const char **ret_blob, size_t *ret_len);

/* Wakes the lanes whose bits are in input->waiting. */
void source_wake(struct input *input);

/* For progress: so many bytes of what input->bytes_known counts were read. */
static inline void source_read_count(struct input *input, int64_t bytes)
{
	atomic_fetch_add_explicit(&input->bytes_read, bytes, memory_order_relaxed);
}

int64_t lines_count(const char *bytes, size_t len); /* line ends in them */

/* ---- portion.c ---- */

/* A portion of a part, for input_next(): what the lane kept, or a new one.  NULL: no memory. */
struct portion *portion_take(struct input *input, unsigned lane, struct part *part);
void portion_free(struct portion *portion); /* NULL is fine */
/* Before the format of its reader goes. */
void portion_reader_drop(struct portion *portion);

enum { INPUT_BLOCK_BYTES = 256 * 1024 }; /* stays in the second cache; larger ones gain nothing */

#endif
