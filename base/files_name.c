/* SPDX-License-Identifier: MIT */
/* files_name.c - names and patterns as texts: nothing here touches a disk.
 *
 * Both are checked segment by segment before anything else sees them, so that what follows
 * may rely on it.  A pattern is matched by going back to the last star only, within a
 * segment and over segments: no pattern costs more than the product of the two lengths.
 */
#include "base/files_inside.h"
#include "base/utf8.h"

#include <string.h>

enum { SHOWN_BYTES_MAX = 60 }; /* of a name in a message */

/* ---- checking ---- */

static int segment_wrong(struct err *err, const char *segment, size_t len, const char *what)
{
	return err_set(err, ERR_FILE_NAME, "'%.*s%s' %s",
		       (int)utf8_cut(segment, len, SHOWN_BYTES_MAX), segment,
		       len > SHOWN_BYTES_MAX ? "…" : "", what);
}

/* offset: of the segment in the whole, for messages. */
static int bytes_check(const char *segment, size_t len, size_t offset, struct err *err)
{
	for (size_t i = 0; i < len;) {
		unsigned char byte = (unsigned char)segment[i];
		size_t span = utf8_span(segment + i, segment + len);

		if (span == 0)
			return err_set(err, ERR_FILE_NAME, "byte %zu is not UTF-8", offset + i);
		if (byte < ' ' || byte == 0x7F)
			return err_set(err, ERR_FILE_NAME, "byte %zu is a control character (%d)",
				       offset + i, byte);
		if (byte == '\\')
			return err_set(err, ERR_FILE_NAME,
				       "byte %zu is a backslash; folders are separated by '/'",
				       offset + i);
		i += span;
	}
	return 0;
}

static int segment_check(const char *segment, size_t len, size_t offset, struct err *err)
{
	if (len == 0 && offset == 0)
		return err_set(err, ERR_FILE_NAME, "a name does not begin with '/'");
	if (len == 0)
		return err_set(err, ERR_FILE_NAME, "the segment at byte %zu is empty", offset);
	if (bytes_check(segment, len, offset, err))
		return -1;
	if (len > FILE_SEGMENT_BYTES_MAX)
		return err_set(err, ERR_FILE_NAME,
			       "the segment at byte %zu has %zu bytes, %d are allowed", offset, len,
			       FILE_SEGMENT_BYTES_MAX);
	if (segment[0] == '.')
		return segment_wrong(err, segment, len, "begins with a dot, which names may not");
	return 0;
}

typedef int segment_check_fn(const char *segment, size_t len, struct err *err);

/* `also`: what more a segment must be; NULL: nothing. */
static int text_check(const char *text, size_t len, segment_check_fn *also, struct err *err)
{
	unsigned segments = 0;

	if (len == 0)
		return err_set(err, ERR_FILE_NAME, "a name is not empty");
	if (len > FILE_NAME_BYTES_MAX)
		return err_set(err, ERR_FILE_NAME, "a name of %zu bytes, %d are allowed", len,
			       FILE_NAME_BYTES_MAX);
	for (size_t at = 0; at <= len;) {
		const char *segment = text + at;
		const char *slash = memchr(segment, '/', len - at);
		size_t segment_len = slash ? (size_t)(slash - segment) : len - at;

		if (segment_check(segment, segment_len, at, err) ||
		    (also && also(segment, segment_len, err)))
			return -1;
		if (++segments > FILE_DEPTH_MAX)
			return err_set(err, ERR_FILE_NAME, "more than %d segments", FILE_DEPTH_MAX);
		at += segment_len + 1;
	}
	return 0;
}

int files_name_check(const char *name, size_t len, struct err *err)
{
	return text_check(name, len, NULL, err);
}

/* Where a class that begins at `at` ends, behind its ']'; NULL: nowhere before `end`. */
static const char *class_end(const char *at, const char *end)
{
	at++;
	if (at < end && *at == '!')
		at++;
	if (at < end && *at == ']') /* stands for itself where a class begins */
		at++;
	at = at < end ? memchr(at, ']', (size_t)(end - at)) : NULL;
	return at ? at + 1 : NULL;
}

static int pattern_segment_check(const char *segment, size_t len, struct err *err)
{
	const char *end = segment + len;

	for (const char *at = segment; at < end;) {
		if (len > 2 && at + 1 < end && at[0] == '*' && at[1] == '*')
			return segment_wrong(err, segment, len,
					     "has '**' beside something else; it is a segment of "
					     "its own, or it is '*'");
		if (*at != '[') {
			at++;
			continue;
		}
		at = class_end(at, end);
		if (!at)
			return segment_wrong(err, segment, len, "has a '[' without its ']'");
	}
	return 0;
}

int files_pattern_check(const char *pattern, size_t len, struct err *err)
{
	return text_check(pattern, len, pattern_segment_check, err);
}

/* ---- matching ---- */

static unsigned point_read(const char **at, const char *end)
{
	const unsigned char *byte = (const unsigned char *)*at;
	size_t span = utf8_span(*at, end);
	unsigned point = span > 1 ? byte[0] & (0x7FU >> span) : byte[0];

	for (size_t i = 1; i < span; i++)
		point = point << 6 | (byte[i] & 0x3F);
	*at += span ? span : 1; /* names are UTF-8 */
	return point;
}

/* *at moves behind the class. */
static bool class_holds(const char **at, const char *end, unsigned point)
{
	const char *behind = class_end(*at, end);
	const char *item = *at + 1;
	bool not = *item == '!';
	bool held = false;

	*at = behind;
	for (item += not ; item < behind - 1;) {
		unsigned from = point_read(&item, behind - 1);
		unsigned to = from;

		if (item + 1 < behind - 1 && *item == '-') {
			item++;
			to = point_read(&item, behind - 1);
		}
		held |= from <= point && point <= to;
	}
	return held != not ;
}

/* One character of the name against one item of the pattern; both move when it matches. */
static bool item_matches(const char **pattern, const char *pattern_end, const char **name,
			 const char *name_end)
{
	const char *item = *pattern, *at = *name;
	unsigned point;

	if (item == pattern_end || at == name_end)
		return false;
	point = point_read(&at, name_end);
	if (*item == '[') {
		if (!class_holds(&item, pattern_end, point))
			return false;
	} else if (point_read(&item, pattern_end) != point && **pattern != '?') {
		return false;
	}
	*pattern = item;
	*name = at;
	return true;
}

static bool segment_matches(const char *pattern, size_t pattern_len, const char *name,
			    size_t name_len)
{
	const char *pattern_end = pattern + pattern_len, *name_end = name + name_len;
	const char *star = NULL, *star_name = NULL;

	while (name < name_end || pattern < pattern_end) {
		if (pattern < pattern_end && *pattern == '*') {
			star = ++pattern;
			star_name = name;
		} else if (item_matches(&pattern, pattern_end, &name, name_end)) {
			continue;
		} else if (star && star_name < name_end) {
			point_read(&star_name, name_end);
			pattern = star;
			name = star_name;
		} else {
			return false;
		}
	}
	return true;
}

static const char *segment_next(const char *segment, size_t len)
{
	return segment[len] ? segment + len + 1 : NULL;
}

static bool is_any_folders(const char *segment, size_t len)
{
	return len == 2 && segment[0] == '*' && segment[1] == '*';
}

bool files_pattern_matches(const char *pattern, const char *name)
{
	const char *star = NULL, *star_name = NULL;

	while (name) {
		size_t len = strcspn(name, "/");
		size_t pattern_len = pattern ? strcspn(pattern, "/") : 0;

		if (pattern && is_any_folders(pattern, pattern_len)) {
			star = pattern = segment_next(pattern, pattern_len);
			star_name = name;
			if (!pattern)
				return true; /* the last one: all that is below */
		} else if (pattern && segment_matches(pattern, pattern_len, name, len)) {
			pattern = segment_next(pattern, pattern_len);
			name = segment_next(name, len);
		} else if (star) {
			star_name = segment_next(star_name, strcspn(star_name, "/"));
			pattern = star;
			name = star_name;
		} else {
			return false;
		}
	}
	return !pattern;
}

bool files_pattern_reaches(const char *pattern, const char *folder)
{
	while (folder && pattern) {
		size_t len = strcspn(folder, "/");
		size_t pattern_len = strcspn(pattern, "/");

		if (is_any_folders(pattern, pattern_len))
			return true;
		if (!segment_matches(pattern, pattern_len, folder, len))
			return false;
		pattern = segment_next(pattern, pattern_len);
		folder = segment_next(folder, len);
	}
	return pattern != NULL;
}
