/* SPDX-License-Identifier: MIT */
/* file.h - reading one file, piece by piece.
 *
 *   file_view.c     a lane's view: open, sniffed, its header; its bytes, decompressed
 *   file_cut.c      from a range of bytes to the records that begin in it
 *   file_portion.c  what sources of files have in common
 *
 * Threads    a view is its lane's; cuts are shared by all lanes.
 * Ownership  a view owns its descriptor.
 * Errors     -1 or RUN_ERROR, and *err, which names the file.
 */
#ifndef HANDLERS_INPUT_FILE_H
#define HANDLERS_INPUT_FILE_H

#include "base/lock.h"
#include "handlers/input/codec.h"
#include "handlers/input/source.h"

struct file_view {
	struct run *run;
	int64_t index; /* the file's in its source; -1: none is open */
	int fd;
	const char *name; /* borrowed */
	int64_t size;	  /* -1: it grows, and is looked at again when its header is not whole */
	enum codec codec;
	const struct format *format; /* the plan's, or … */
	struct format *sniffed;	     /* … this one */
	struct buf header;
	struct buf head; /* the first bytes, decoded */
	bool head_whole; /* there are no more */

	/* compressed: it goes on behind `head` */
	struct decoder *decoder;
	struct codec_in in;
	struct buf raw;	    /* what `in` points into */
	int64_t raw_offset; /* of what comes behind `raw` */
	int64_t lines;	    /* line ends in all that was decoded */

	/* plain: line ends before an offset */
	int64_t counted_to, counted;
};

/* Opens the view: takes `fd`, looks at the first bytes for codec, format and header.  After
 * a failure it is closed. */
int file_view_open(struct file_view *view, const struct format *format, int fd, const char *name,
		   int64_t size, struct err *err);
void file_view_close(struct file_view *view); /* also one that was never opened: fd -1 */

/* Appends up to `room` bytes of the file from `offset` on; 0: its end.  -1: *err.  A read that
 * must wait for the disk lends the worker. */
int64_t file_append(const struct file_view *view, struct buf *into, size_t room, int64_t offset,
		    struct err *err);
/* The same, decoded, behind those before; 0: the end. */
int64_t file_decode(struct file_view *view, struct buf *into, size_t room, struct err *err);
/* ERR_CONFLICT: it is not what it was. */
int file_changed(const struct file_view *view, struct err *err);
/* Line ends before `offset` of a plain file. */
int file_lines(struct file_view *view, int64_t offset, int64_t *ret_lines, struct err *err);

/* ---- portions ---- */

struct file_view *file_view_of(struct portion *portion); /* made at first; NULL: no memory */
void file_view_free(struct portion *portion);		 /* source->view_free */
struct source_head file_view_head(const struct file_view *view);
/* Begins a portion that is a whole file. */
enum run_answer file_whole_begin(struct portion *portion, int64_t size, struct err *err);
enum run_answer file_read(struct portion *portion, size_t room, struct err *err);
/* The line of an offset. */
void file_place(struct portion *portion, int64_t offset, struct portion_place *ret_place);

/* ---- cuts ---- */

/* What is known of the cuts of CSV with quotes: of each range, what it makes of the state at its
 * beginning (file_cut.c).  All zero at first. */
struct file_cuts {
	struct lock *lock;
	uint8_t *maps GUARDED_BY(lock); /* NULL: of none */
	int64_t known GUARDED_BY(lock); /* the first cut behind those whose map is known … */
	bool quoted GUARDED_BY(lock);	/* … and the state there */
};

/* Ranges of how many bytes?  0: the file is one portion. */
int64_t file_step(const struct file_view *view, int64_t chunk_bytes);

/* Turns portion->from and `to` into where its records begin and end: a portion has those that
 * begin behind the first line end in its range, up to the first one behind its range.  What was
 * read for that is in its block then.  RUN_OK, RUN_LATER (call again) or RUN_ERROR. */
enum run_answer file_cut(const struct file_view *view, struct file_cuts *cuts, int64_t step,
			 struct portion *portion, struct err *err);

#endif
