/* SPDX-License-Identifier: MIT */
/* buf.c - growth by doubling, up to the limit that the maker named. */
#include "base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_FIRST = 64 };

void buf_init(struct buf *buf, size_t max)
{
	*buf = BUF(max);
}

void buf_done(struct buf *buf)
{
	free(buf->data);
	buf_init(buf, buf->max);
}

void buf_clear(struct buf *buf)
{
	buf->len = 0;
	buf->failed = false;
	if (buf->data)
		buf->data[0] = '\0';
}

static int buf_fail(struct buf *buf)
{
	buf->failed = true;
	return -1;
}

/* Makes room for `more` bytes and the NUL. */
static int buf_reserve(struct buf *buf, size_t more)
{
	size_t need;
	size_t cap = buf->cap ? buf->cap : BUF_FIRST;
	char *data;

	if (buf_fits(buf, more))
		return 0;
	if (buf->failed || more > buf->max || buf->len > buf->max - more)
		return buf_fail(buf);
	if (more > PTRDIFF_MAX / 2 - buf->len) /* a limit of SIZE_MAX is none */
		return buf_fail(buf);
	need = buf->len + more + 1;
	while (cap < need)
		cap *= 2;
	cap = MIN(cap - 1, buf->max) + 1;
	data = realloc(buf->data, cap);
	if (!data)
		return buf_fail(buf);
	buf->data = data;
	buf->cap = cap;
	return 0;
}

int buf_add(struct buf *buf, const void *bytes, size_t len)
{
	char *at = buf_room(buf, len);

	if (!at)
		return -1;
	if (len)
		memcpy(at, bytes, len);
	buf_grown(buf, len);
	return 0;
}

int buf_add_text(struct buf *buf, const char *text)
{
	return buf_add(buf, text, strlen(text));
}

int buf_add_byte(struct buf *buf, char byte)
{
	char *at = buf_room(buf, 1);

	if (!at)
		return -1;
	*at = byte;
	buf_grown(buf, 1);
	return 0;
}

int buf_vprintf(struct buf *buf, const char *fmt, va_list args)
{
	va_list again;
	size_t room;
	int n;

	if (buf_reserve(buf, 0))
		return -1;
	room = buf->cap - buf->len;
	va_copy(again, args);
	n = vsnprintf(buf->data + buf->len, room, fmt, args);
	if (n >= 0 && (size_t)n >= room) {
		buf->data[buf->len] = '\0';
		if (buf_reserve(buf, (size_t)n))
			n = -1;
		else
			n = vsnprintf(buf->data + buf->len, buf->cap - buf->len, fmt, again);
	}
	va_end(again);
	if (n < 0)
		return buf_fail(buf);
	buf_grown(buf, (size_t)n);
	return 0;
}

int buf_printf(struct buf *buf, const char *fmt, ...)
{
	va_list args;
	int rc;

	va_start(args, fmt);
	rc = buf_vprintf(buf, fmt, args);
	va_end(args);
	return rc;
}

int buf_end_line(struct buf *buf, size_t from)
{
	while (from < buf->len) {
		char *at = memchr(buf->data + from, '\n', buf->len - from);

		if (!at)
			break;
		*at = ' ';
		from = (size_t)(at - buf->data);
	}
	return buf_add_byte(buf, '\n');
}

int buf_add_int(struct buf *buf, int64_t value)
{
	char digits[24];
	char *at = digits + sizeof(digits);
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

	do {
		*--at = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (value < 0)
		*--at = '-';
	return buf_add(buf, at, (size_t)(digits + sizeof(digits) - at));
}

char *buf_room_grow(struct buf *buf, size_t len)
{
	return buf_reserve(buf, len) ? NULL : buf->data + buf->len;
}

void buf_drop_front(struct buf *buf, size_t len)
{
	len = MIN(len, buf->len);
	if (len == 0)
		return;
	buf->len -= len;
	memmove(buf->data, buf->data + len, buf->len + 1);
}

void buf_cut(struct buf *buf, size_t len)
{
	if (len >= buf->len)
		return;
	buf->len = len;
	buf->data[len] = '\0';
}

const char *buf_text(const struct buf *buf)
{
	return buf->data ? buf->data : "";
}

char *buf_take(struct buf *buf, size_t *ret_len)
{
	char *data;

	if (buf->failed || (!buf->data && buf_reserve(buf, 0)))
		return NULL;
	data = buf->data;
	assert(data);
	data[buf->len] = '\0';
	if (ret_len)
		*ret_len = buf->len;
	buf_init(buf, buf->max);
	return data;
}
