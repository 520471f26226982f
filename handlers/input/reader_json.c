/* SPDX-License-Identifier: MIT */
/* reader_json.c - one json text: its elements, or the one value that it is.
 *
 * An element is scanned where it stands; only when it reaches to the end of the block it comes
 * again with more bytes.  Behind a mistake the element's end is looked for by its brackets and
 * strings; when they do not match, the rest of the text is lost.
 */
#include "base/limits.h"
#include "handlers/input/reader_inner.h"

#include <stdio.h>

/* So near the end of a block what looks wrong may be cut off: "\u12", "tru", half a character. */
enum { CUT_OFF_BYTES = 8 };

/* A row that stands for a place where no record is, or could be read. */
static const char *json_lost(struct reader *reader, const struct block *block, const char *at,
			     const char *expected)
{
	unsigned char found = at < block->end ? (unsigned char)*at : 0;

	reader_row(reader, at);
	reader->json = JSON_LOST;
	if (at == block->end)
		reader_mistake(reader, 0, "expected %s but the input ends", expected);
	else if (found > ' ' && found < 0x7F)
		reader_mistake(reader, 0, "expected %s but found '%c'; the rest is not read",
			       expected, found);
	else
		reader_mistake(reader, 0, "expected %s but found byte 0x%02X; the rest is not read",
			       expected, found);
	return block->end;
}

/* Behind the string whose inside begins at `at`; NULL: it does not end. */
static const char *string_skip(const char *at, const char *end)
{
	for (; at < end && *at != '"'; at++)
		at += *at == '\\';
	return at < end ? at + 1 : NULL;
}

/* The end of an element that is not JSON: where a comma or bracket stands at its level.  NULL:
 * nowhere. */
static const char *element_skip(const char *at, const char *end)
{
	size_t depth = 0;

	while (at && at < end) {
		switch (*at++) {
		case '"':
			at = string_skip(at, end);
			break;
		case '[':
		case '{':
			depth++;
			break;
		case ',':
			if (depth == 0)
				return at - 1;
			break;
		case ']':
		case '}':
			if (depth == 0)
				return at[-1] == ']' ? at - 1 : NULL;
			depth--;
			break;
		default:
			break;
		}
	}
	return NULL;
}

/* An element with a mistake; its row was begun.  NULL: more bytes are wanted. */
static const char *element_lost(struct reader *reader, const struct block *block,
				const struct scan_mistake *mistake)
{
	struct row *row = reader_newest(reader);
	const char *end = NULL;

	if (reader->json != JSON_BEGIN)
		end = element_skip(row->raw, block->end);
	if (!end && !block->last && block->end - row->raw <= RECORD_BYTES_MAX)
		return NULL;
	row->len = (uint32_t)MIN((end ? end : block->end) - row->raw, RECORD_BYTES_MAX);
	reader_mistake(reader, mistake->offset, "%s%s", mistake->detail,
		       end || block->last ? "" : "; the rest is not read");
	reader->json = end ? JSON_NEXT : JSON_LOST;
	return end ? end : block->end;
}

/* May what a scan of `len` bytes from the end has found change with more bytes? */
static bool cut_off(const struct block *block, const char *at)
{
	return !block->last && block->end - at < CUT_OFF_BYTES;
}

/* The value at `at`: its end; NULL: more bytes are wanted. */
static const char *element_read(struct reader *reader, const struct block *block, const char *at)
{
	struct value *values = reader_row(reader, at);
	struct scan_mistake mistake;
	const char *end;
	size_t len;

	if (scan_first(reader->scanner, at, (size_t)(block->end - at), values, &len, &mistake)) {
		end = cut_off(block, at + mistake.offset) ? NULL
							  : element_lost(reader, block, &mistake);
	} else {
		end = at + len;
		reader_newest(reader)->len = (uint32_t)MIN(len, (size_t)UINT32_MAX);
		if (end == block->end && !block->last)
			end = NULL; /* of a number there may be more */
		else
			reader->json = reader->json == JSON_BEGIN ? JSON_BEHIND : JSON_NEXT;
	}
	if (!end)
		reader->count--;
	return end;
}

/* One step from a byte that is no blank: behind it; NULL: more bytes are wanted. */
static const char *json_step(struct reader *reader, const struct block *block, const char *at)
{
	switch (reader->json) {
	case JSON_BEGIN:
		if (*at != '[')
			return element_read(reader, block, at);
		reader->json = JSON_FIRST;
		return at + 1;
	case JSON_FIRST:
		if (*at != ']')
			return element_read(reader, block, at);
		reader->json = JSON_BEHIND;
		return at + 1;
	case JSON_ELEMENT:
		return element_read(reader, block, at);
	case JSON_NEXT:
		if (*at != ',' && *at != ']')
			return json_lost(reader, block, at, "',' or ']'");
		reader->json = *at == ',' ? JSON_ELEMENT : JSON_BEHIND;
		return at + 1;
	case JSON_BEHIND:
		return json_lost(reader, block, at, "the end of the input");
	case JSON_LOST:
		break;
	}
	return block->end;
}

/* The input ends here. */
static void json_end(struct reader *reader, const struct block *block)
{
	static const char *const wanted[] = {
		[JSON_BEGIN] = "a value",   [JSON_FIRST] = "a value or ']'",
		[JSON_ELEMENT] = "a value", [JSON_NEXT] = "',' or ']'",
		[JSON_BEHIND] = NULL,	    [JSON_LOST] = NULL,
	};

	if (wanted[reader->json])
		json_lost(reader, block, block->end, wanted[reader->json]);
}

const char *json_read(struct reader *reader, const struct block *block)
{
	const char *at = blanks_skip(block->at, block->end), *next;

	while (at < block->end && !reader_full(reader)) {
		next = json_step(reader, block, at);
		if (!next)
			return at;
		at = blanks_skip(next, block->end);
	}
	if (at == block->end && block->last && !reader_full(reader))
		json_end(reader, block);
	return at;
}
