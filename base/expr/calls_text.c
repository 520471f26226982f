/* SPDX-License-Identifier: MIT */
/* calls_text.c - functions of texts.  They count code points; lower, upper and trim are
 * Unicode's.  What is a part of an argument is borrowed from it. */
#include "base/clock.h"
#include "base/expr/calls.h"
#include "base/limits.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <unistr.h>

struct text {
	const char *at;
	size_t len;
};

static int arg_take(const struct call *call, unsigned i, struct text *ret)
{
	return arg_text(call, i, &ret->at, &ret->len);
}

static int give(struct value *ret, struct text text)
{
	return give_text(ret, text.at, text.len);
}

/* ---- case ---- */

static bool is_ascii(struct text text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.at[i] >= 0x80)
			return false;
	return true;
}

typedef uint8_t *case_map(const uint8_t *text, size_t len, const char *language,
			  uninorm_t normalization, uint8_t *into, size_t *ret_len);

/* `first` to `first` + 25 are the letters that ASCII changes. */
static int case_change(const struct call *call, char first, case_map *map, struct value *ret)
{
	struct text text;
	uint8_t *mapped;
	size_t len = 0;
	char *into;

	if (arg_take(call, 0, &text))
		return -1;
	if (is_ascii(text)) {
		into = call_room(call, text.len);
		for (size_t i = 0; into && i < text.len; i++)
			into[i] = text.at[i] >= first && text.at[i] < first + 26
					  ? (char)(text.at[i] ^ 0x20)
					  : text.at[i];
		return into ? give_text(ret, into, text.len) : -1;
	}
	mapped = map((const uint8_t *)text.at, text.len, NULL, NULL, NULL, &len);
	into = mapped ? arena_copy(&call->scratch->arena, mapped, len) : NULL;
	free(mapped);
	return into ? give_text(ret, into, len) : call_too_large(call);
}

int call_lower(const struct call *call, struct value *ret)
{
	return case_change(call, 'A', u8_tolower, ret);
}

int call_upper(const struct call *call, struct value *ret)
{
	return case_change(call, 'a', u8_toupper, ret);
}

/* ---- by code points ---- */

static int64_t points_count(struct text text)
{
	int64_t count = 0;

	for (size_t i = 0; i < text.len; i++)
		count += !utf8_continues((unsigned char)text.at[i]);
	return count;
}

/* The bytes of the first `count` code points. */
static size_t points_bytes(struct text text, int64_t count)
{
	size_t i = 0;

	for (; i < text.len; i++)
		if (!utf8_continues((unsigned char)text.at[i]) && count-- <= 0)
			break;
	return i;
}

int call_length(const struct call *call, struct value *ret)
{
	struct text text;

	return arg_take(call, 0, &text) ? -1 : give_int(ret, points_count(text));
}

int call_substr(const struct call *call, struct value *ret)
{
	int64_t from, count = INT64_MAX;
	struct text text;
	size_t skipped;

	if (arg_take(call, 0, &text) || arg_int(call, 1, &from) ||
	    (call->count == 3 && arg_int(call, 2, &count)))
		return -1;
	if (from < 1 || count < 0)
		return err_set(call->err, ERR_FAILED,
			       "the first character is 1, a count is not "
			       "negative");
	skipped = points_bytes(text, from - 1);
	text = (struct text){text.at + skipped, text.len - skipped};
	text.len = points_bytes(text, count);
	return give(ret, text);
}

/* `fill` as often as it takes, its last time perhaps a part of it. */
static void fill_put(char *into, size_t len, struct text fill)
{
	for (size_t part; len > 0; into += part, len -= part) {
		part = MIN(len, fill.len);
		memcpy(into, fill.at, part);
	}
}

static int pad(const struct call *call, bool left, struct value *ret)
{
	struct text text, fill = {" ", 1};
	int64_t wanted, missing, fill_points;
	size_t len;
	char *into;

	if (arg_take(call, 0, &text) || arg_int(call, 1, &wanted) ||
	    (call->count == 3 && arg_take(call, 2, &fill)))
		return -1;
	missing = wanted < 0 ? 0 : wanted - points_count(text);
	if (missing <= 0)
		return give(ret, text);
	if (missing > EXPR_SCRATCH_BYTES_MAX)
		return call_too_large(call);
	fill_points = points_count(fill);
	if (fill_points == 0)
		return err_set(call->err, ERR_FAILED, "the text to fill with is empty");
	len = (size_t)(missing / fill_points) * fill.len +
	      points_bytes(fill, missing % fill_points);
	into = call_room(call, len + text.len);
	if (!into)
		return -1;
	fill_put(into + (left ? 0 : text.len), len, fill);
	memcpy(into + (left ? len : 0), text.at, text.len);
	return give_text(ret, into, len + text.len);
}

int call_pad_left(const struct call *call, struct value *ret)
{
	return pad(call, true, ret);
}

int call_pad_right(const struct call *call, struct value *ret)
{
	return pad(call, false, ret);
}

/* ---- blanks ---- */

static struct text left_trimmed(struct text text)
{
	while (text.len > 0) {
		ucs4_t c;
		int span = u8_mbtouc(&c, (const uint8_t *)text.at, text.len);

		if (!uc_is_property_white_space(c))
			break;
		text.at += span;
		text.len -= (size_t)span;
	}
	return text;
}

static struct text right_trimmed(struct text text)
{
	const uint8_t *start = (const uint8_t *)text.at, *end = start + text.len, *before;
	ucs4_t c;

	while ((before = u8_prev(&c, end, start)) && uc_is_property_white_space(c))
		end = before;
	text.len = (size_t)(end - start);
	return text;
}

int call_trim(const struct call *call, struct value *ret)
{
	struct text text;

	return arg_take(call, 0, &text) ? -1 : give(ret, right_trimmed(left_trimmed(text)));
}

int call_ltrim(const struct call *call, struct value *ret)
{
	struct text text;

	return arg_take(call, 0, &text) ? -1 : give(ret, left_trimmed(text));
}

int call_rtrim(const struct call *call, struct value *ret)
{
	struct text text;

	return arg_take(call, 0, &text) ? -1 : give(ret, right_trimmed(text));
}

/* ---- parts ---- */

/* The text up to the next `part`, which is not empty; *text becomes what is behind it.
 * False: there is none, and *ret is all the rest. */
static bool part_next(struct text *text, struct text part, struct text *ret)
{
	const char *found = memmem(text->at, text->len, part.at, part.len);

	*ret = *text;
	if (!found)
		return false;
	ret->len = (size_t)(found - text->at);
	text->at += ret->len + part.len;
	text->len -= ret->len + part.len;
	return true;
}

/* No part is replaced in what was put for another. */
int call_replace(const struct call *call, struct value *ret)
{
	struct text text, part, other, rest, piece;
	size_t count = 0;
	char *into, *at;

	if (arg_take(call, 0, &text) || arg_take(call, 1, &part) || arg_take(call, 2, &other))
		return -1;
	rest = text;
	while (part.len > 0 && part_next(&rest, part, &piece))
		count++;
	if (count == 0)
		return give(ret, text);
	into = at = call_room(call, text.len - count * part.len + count * other.len);
	if (!into)
		return -1;
	while (part_next(&text, part, &piece)) {
		memcpy(at, piece.at, piece.len);
		memcpy(at + piece.len, other.at, other.len);
		at += piece.len + other.len;
	}
	memcpy(at, piece.at, piece.len);
	return give_text(ret, into, (size_t)(at - into) + piece.len);
}

/* "" when there are fewer parts. */
int call_split_part(const struct call *call, struct value *ret)
{
	struct text text, by, part;
	int64_t number;

	if (arg_take(call, 0, &text) || arg_take(call, 1, &by) || arg_int(call, 2, &number))
		return -1;
	if (number < 1 || by.len == 0)
		return err_set(call->err, ERR_FAILED,
			       "the first part is 1, and what splits is "
			       "not empty");
	while (part_next(&text, by, &part)) {
		if (--number == 0)
			return give(ret, part);
	}
	return number == 1 ? give(ret, part) : give_text(ret, "", 0);
}

int call_contains(const struct call *call, struct value *ret)
{
	struct text text, part;

	if (arg_take(call, 0, &text) || arg_take(call, 1, &part))
		return -1;
	*ret = value_of_bool(part.len == 0 || memmem(text.at, text.len, part.at, part.len));
	return 0;
}

/* Is the second argument what the first has at one of its ends? */
static int end_is(const struct call *call, bool start, struct value *ret)
{
	struct text text, end;

	if (arg_take(call, 0, &text) || arg_take(call, 1, &end))
		return -1;
	*ret = value_of_bool(end.len <= text.len &&
			     memcmp(text.at + (start ? 0 : text.len - end.len), end.at, end.len) ==
				     0);
	return 0;
}

int call_starts_with(const struct call *call, struct value *ret)
{
	return end_is(call, true, ret);
}

int call_ends_with(const struct call *call, struct value *ret)
{
	return end_is(call, false, ret);
}

/* ---- patterns ---- */

/* Steps of a search cannot be counted, so its CPU time is; that of a few bytes is short. */
static int pattern_timed(const struct call *call, const struct text *text,
			 const struct span **ret_spans)
{
	enum { BRIEF_BYTES = 64, BYTES_PER_US = 500 };
	bool brief = text->len <= BRIEF_BYTES;
	int64_t start_us = brief ? 0 : clock_thread_cpu_us();
	int found = pattern_search(call->node->pattern, call->scratch->patterns, text->at,
				   text->len, 0, ret_spans, call->err);

	if (found < 0 || brief)
		return found;
	if (scratch_work(call->scratch, (size_t)(clock_thread_cpu_us() - start_us) * BYTES_PER_US,
			 call->err))
		return -1;
	return found;
}

static int pattern_run(const struct call *call, struct text *ret_text,
		       const struct span **ret_spans)
{
	struct expr_scratch *scratch = call->scratch;

	if (arg_take(call, 0, ret_text))
		return -1;
	if (!scratch->patterns)
		scratch->patterns = pattern_scratch_new();
	if (!scratch->patterns)
		return err_set(call->err, ERR_NO_MEMORY, "no memory for a search");
	return pattern_timed(call, ret_text, ret_spans);
}

int call_matches(const struct call *call, struct value *ret)
{
	const struct span *spans;
	struct text text;
	int found = pattern_run(call, &text, &spans);

	*ret = value_of_bool(found > 0);
	return found < 0 ? -1 : 0;
}

/* The first group, or without groups the whole match; null when it is not there. */
int call_extract(const struct call *call, struct value *ret)
{
	const struct span *spans = NULL;
	struct text text;
	int found = pattern_run(call, &text, &spans);

	*ret = (struct value){.kind = VALUE_NULL};
	if (found <= 0 || !spans)
		return found;
	spans += pattern_groups(call->node->pattern) > 0;
	if (spans->end < spans->start)
		return 0;
	return give_text(ret, text.at + spans->start, spans->end - spans->start);
}

/* ---- any value as a text ---- */

/* Texts as they are, all else as its JSON. */
static int arg_print(const struct call *call, unsigned i, struct text *ret)
{
	const struct value *value = &call->args[i];
	struct buf *printed = &call->scratch->decoded;

	if (value->kind == VALUE_TEXT)
		return arg_take(call, i, ret);
	if (value->at) {
		*ret = (struct text){value->at, value->len};
		return 0;
	}
	buf_clear(printed);
	if (value_print(value, printed))
		return call_too_large(call);
	ret->at = arena_copy(&call->scratch->arena, printed->data, printed->len);
	ret->len = printed->len;
	return ret->at ? 0 : call_too_large(call);
}

int call_text(const struct call *call, struct value *ret)
{
	struct text text = {0};

	return arg_print(call, 0, &text) ? -1 : give(ret, text);
}

int call_concat(const struct call *call, struct value *ret)
{
	struct text *texts = (void *)call_room(call, call->count * sizeof(*texts));
	size_t len = 0;
	char *into, *at;

	for (unsigned i = 0; texts && i < call->count; i++) {
		if (arg_print(call, i, &texts[i]))
			return -1;
		len += texts[i].len;
	}
	into = at = texts ? call_room(call, len) : NULL;
	if (!into)
		return -1;
	for (unsigned i = 0; i < call->count; i++) {
		memcpy(at, texts[i].at, texts[i].len);
		at += texts[i].len;
	}
	return give_text(ret, into, len);
}
