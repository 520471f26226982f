/* SPDX-License-Identifier: MIT */
/* buf.h - a growing run of bytes with a limit.
 *
 * A buf is created with the most it may ever hold; an append that would pass
 * that, or that finds no memory, fails, leaves the buf as it was, and is
 * remembered: buf_ok() answers for a whole series of appends, so that code which
 * builds a text checks once at its end.
 *
 * Threads    one at a time.
 * Ownership  the buf owns `data`; buf_take() moves it to the caller (free()).
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/compiler.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *data; /* always NUL-terminated once anything was appended; else NULL */
	size_t len; /* bytes, without the NUL */
	size_t cap;
	size_t max; /* the limit for len */
	bool failed;
};

#define BUF(max_) ((struct buf){.max = (max_)})

void buf_init(struct buf *buf, size_t max);
void buf_done(struct buf *buf);	 /* frees; the buf is as after buf_init */
void buf_clear(struct buf *buf); /* empties and forgets a failure; keeps the memory */

int buf_add(struct buf *buf, const void *bytes, size_t len); /* 0, or -1: no room */
int buf_add_text(struct buf *buf, const char *text);
int buf_add_byte(struct buf *buf, char byte);
int buf_printf(struct buf *buf, const char *fmt, ...) PRINTF(2, 3);
int buf_vprintf(struct buf *buf, const char *fmt, va_list args) PRINTF(2, 0);
int buf_add_int(struct buf *buf, int64_t value);

/* What stands from `from` on becomes one line: a JSON text may be spread over several, and the
 * line feeds in it are white space. */
int buf_end_line(struct buf *buf, size_t from);

/* Is there memory for `more` bytes and the NUL?  cap is at most max + 1: what fits the
 * memory fits the limit. */
static inline bool buf_fits(const struct buf *buf, size_t more)
{
	return !buf->failed && more < buf->cap - buf->len;
}

char *buf_room_grow(struct buf *buf, size_t len); /* buf_room() when it does not fit yet */

/* Room for `len` more bytes to be written at the returned place, then counted
 * with buf_grown(); NULL when there is none. */
static inline char *buf_room(struct buf *buf, size_t len)
{
	return buf_fits(buf, len) ? buf->data + buf->len : buf_room_grow(buf, len);
}

static inline void buf_grown(struct buf *buf, size_t len)
{
	assert(len < buf->cap - buf->len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void buf_drop_front(struct buf *buf, size_t len); /* removes the first len bytes */
void buf_cut(struct buf *buf, size_t len);	  /* keeps the first len bytes */
static inline bool buf_ok(const struct buf *buf)
{
	return !buf->failed;
}
const char *buf_text(const struct buf *buf);	  /* borrows; "" when empty */
char *buf_take(struct buf *buf, size_t *ret_len); /* moves; NULL when failed; ret_len may be NULL */

#endif
