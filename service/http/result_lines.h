/* SPDX-License-Identifier: MIT */
/* result_lines.h - the lines that a job shows now, one after the other.
 *
 * Threads    one at a time.
 * Ownership  a line is borrowed until lines_drop() or lines_read().
 * Errors     0, or -1 and *err: the store's, or ERR_NO_MEMORY.
 */
#ifndef SERVICE_HTTP_RESULT_LINES_H
#define SERVICE_HTTP_RESULT_LINES_H

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"

struct job;
struct store;

struct result_lines {
	struct store *store;
	struct id job;
	int64_t offset, end;
	struct buf read; /* what is held of them */
};

/* Holds at most `held_max` bytes besides the longest line. */
void lines_init(struct result_lines *lines, struct store *store, const struct job *job,
		size_t held_max);
void lines_done(struct result_lines *lines);

/* Reads on.  1: something was added; 0: the end; -1. */
int lines_read(struct result_lines *lines, struct err *err);
/* The next whole line that is held, from *at on, which moves behind it; NULL: there is none. */
const char *lines_next(const struct result_lines *lines, size_t *at, size_t *ret_len);
/* What stands before `at` is not needed any more. */
void lines_drop(struct result_lines *lines, size_t at);

#endif
