/* SPDX-License-Identifier: MIT */
/* json_out.c - the writer: text into a buf, nothing in between.
 *
 * Most of what the daemon answers goes through here, so plain runs of a string are
 * copied whole and integers never meet printf.
 */
#include "base/json.h"

#include "base/units.h"
#include "base/utf8.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHOLE_MAX 9007199254740992.0 /* 2^53 */

static size_t plain_span(const char *text, const char *end);

/* What a value begins with: its comma, and its name in an object.  Nearly all names
 * are plain: one reservation. */
static void value_begin(struct json_out *out, const char *name)
{
	uint64_t level = (uint64_t)1 << out->depth;
	size_t len = name ? strlen(name) : 0;
	bool plain = name && plain_span(name, name + len) == len;
	char *start = buf_room(out->buf, len + strlen(",\"\":"));
	char *at = start;

	if (!start)
		return;
	if (out->comma & level)
		*at++ = ',';
	if (out->depth > 0)
		out->comma |= level;
	if (plain) {
		*at++ = '"';
		at = mempcpy(at, name, len);
		*at++ = '"';
		*at++ = ':';
	}
	buf_grown(out->buf, (size_t)(at - start));
	if (name && !plain) {
		json_quote(out->buf, name, len);
		buf_add_byte(out->buf, ':');
	}
}

static void container_begin(struct json_out *out, const char *name, char bracket)
{
	value_begin(out, name);
	buf_add_byte(out->buf, bracket);
	assert(out->depth < 63);
	out->depth++;
	out->comma &= ~((uint64_t)1 << out->depth);
}

void json_out_object(struct json_out *out, const char *name)
{
	container_begin(out, name, '{');
}

void json_out_array(struct json_out *out, const char *name)
{
	container_begin(out, name, '[');
}

void json_out_end(struct json_out *out, char bracket)
{
	assert(out->depth > 0);
	out->depth--;
	buf_add_byte(out->buf, bracket);
}

void json_out_text(struct json_out *out, const char *name, const char *text)
{
	if (text)
		json_out_text_len(out, name, text, strlen(text));
	else
		json_out_null(out, name);
}

void json_out_text_len(struct json_out *out, const char *name, const char *text, size_t len)
{
	value_begin(out, name);
	json_quote(out->buf, text, len);
}

void json_out_printf(struct json_out *out, const char *name, const char *fmt, ...)
{
	struct buf text = BUF(out->buf->max);
	va_list args;

	va_start(args, fmt);
	buf_vprintf(&text, fmt, args);
	va_end(args);
	if (!buf_ok(&text))
		out->buf->failed = true;
	json_out_text_len(out, name, buf_text(&text), text.len);
	buf_done(&text);
}

void json_out_int(struct json_out *out, const char *name, int64_t value)
{
	value_begin(out, name);
	buf_add_int(out->buf, value);
}

void json_out_double(struct json_out *out, const char *name, double value)
{
	char text[40];

	if (!isfinite(value)) {
		json_out_null(out, name);
		return;
	}
	if (value == trunc(value) && fabs(value) <= WHOLE_MAX && !(value == 0 && signbit(value))) {
		json_out_int(out, name, (int64_t)value);
		return;
	}
	/* 15 digits always survive in a normal double, fewer in one near zero */
	for (int digits = isnormal(value) ? 15 : 1; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	json_out_raw(out, name, text, strlen(text));
}

void json_out_bool(struct json_out *out, const char *name, bool value)
{
	json_out_raw(out, name, value ? "true" : "false", value ? 4 : 5);
}

void json_out_null(struct json_out *out, const char *name)
{
	json_out_raw(out, name, "null", 4);
}

void json_out_raw(struct json_out *out, const char *name, const char *text, size_t len)
{
	value_begin(out, name);
	buf_add(out->buf, text, len);
}

void json_out_instant(struct json_out *out, const char *name, int64_t wall_ms)
{
	char text[INSTANT_TEXT_LEN + 1];

	if (wall_ms == 0) {
		json_out_null(out, name);
		return;
	}
	instant_format(wall_ms, text);
	json_out_text_len(out, name, text, strlen(text));
}

/* ---- strings ---- */

static const bool plain_bytes[256] = {
	[0x20 ... 0x21] = true, [0x23 ... 0x5B] = true, [0x5D ... 0x7F] = true};

/* Writes the byte or sequence at `at` that cannot be copied unseen; its length. */
static size_t special_quote(struct buf *into, const char *at, const char *end)
{
	static const char short_from[] = "\"\\\b\f\n\r\t", short_to[] = "\"\\bfnrt";
	const char *found;
	size_t span;

	if ((unsigned char)*at >= 0x80) {
		span = utf8_span(at, end);
		if (span)
			buf_add(into, at, span);
		else
			buf_add(into, "\xEF\xBF\xBD", 3); /* U+FFFD */
		return span ? span : 1;
	}
	found = *at ? strchr(short_from, *at) : NULL;
	if (found) {
		char escape[] = {'\\', short_to[found - short_from]};
		buf_add(into, escape, sizeof(escape));
	} else {
		buf_printf(into, "\\u%04x", (unsigned char)*at);
	}
	return 1;
}

/* Eight bytes at once.  In a plain one no term below has its highest bit set; a borrow
 * comes only from a byte that is not plain itself. */
static bool word_plain(const char *at)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t word, not_quote, not_backslash;

	memcpy(&word, at, sizeof(word));
	not_quote = word ^ ones * '"';
	not_backslash = word ^ ones * '\\';
	return !((word | (word - ones * ' ') | (not_quote - ones) | (not_backslash - ones)) &
		 ones * 0x80);
}

static size_t plain_span(const char *text, const char *end)
{
	const char *at = text;

	while (end - at >= (ptrdiff_t)sizeof(uint64_t) && word_plain(at))
		at += sizeof(uint64_t);
	while (at < end && plain_bytes[(unsigned char)*at])
		at++;
	return (size_t)(at - text);
}

/* Most strings are plain as a whole: one reservation, one copy. */
static void plain_quote(struct buf *into, const char *text, size_t len)
{
	char *at = buf_room(into, len + 2);

	if (!at)
		return;
	at[0] = '"';
	memcpy(at + 1, text, len);
	at[len + 1] = '"';
	buf_grown(into, len + 2);
}

void json_quote(struct buf *into, const char *text, size_t len)
{
	const char *end = text + len;
	size_t plain = plain_span(text, end);

	if (plain == len) {
		plain_quote(into, text, len);
		return;
	}
	buf_add_byte(into, '"');
	while (text < end) {
		buf_add(into, text, plain);
		text += plain;
		if (text < end)
			text += special_quote(into, text, end);
		plain = plain_span(text, end);
	}
	buf_add_byte(into, '"');
}
