/* SPDX-License-Identifier: MIT */
/* walk.c - steps over values of a text that is known to be valid: strings end at the next
 * quote without a backslash before it, containers where their brackets balance. */
#include "base/record/walk.h"

#include "base/buf.h"
#include "base/limits.h"

#include <string.h>

static const char *blanks_skip(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r'))
		at++;
	return at;
}

/* From behind the opening quote to the closing one. */
static const char *string_end(const char *at, const char *end, bool *ret_escapes)
{
	*ret_escapes = false;
	for (; at < end && *at != '"'; at++) {
		if (*at == '\\') {
			*ret_escapes = true;
			if (++at == end)
				break;
		}
	}
	return at;
}

/* Behind a container that begins at `at`. */
static const char *container_end(const char *at, const char *end)
{
	unsigned depth = 0;
	bool escapes;

	for (; at < end; at++) {
		if (*at == '"') {
			at = string_end(at + 1, end, &escapes);
		} else if (*at == '{' || *at == '[') {
			depth++;
		} else if ((*at == '}' || *at == ']') && --depth == 0) {
			return at + 1;
		}
		if (at == end)
			break;
	}
	return end;
}

static const char *string_take(const char *at, const char *end, struct value *ret)
{
	bool escapes;
	const char *stop = string_end(at + 1, end, &escapes);

	*ret = (struct value){.kind = VALUE_TEXT,
			      .form = escapes ? TEXT_ESCAPED : TEXT_PLAIN,
			      .at = at + 1,
			      .len = (size_t)(stop - at - 1)};
	return stop < end ? stop + 1 : end;
}

/* The value that begins at `at`; where it ends. */
static const char *value_take(const char *at, const char *end, struct value *ret)
{
	const char *stop = at;

	*ret = (struct value){.kind = VALUE_MISSING};
	if (at == end)
		return end;
	if (*at == '"')
		return string_take(at, end, ret);
	if (*at == '{' || *at == '[') {
		stop = container_end(at, end);
		*ret = (struct value){.kind = *at == '{' ? VALUE_OBJECT : VALUE_ARRAY,
				      .at = at,
				      .len = (size_t)(stop - at)};
		return stop;
	}
	while (stop < end && !strchr(",]} \n\t\r", *stop))
		stop++;
	if (*at == 'n' || *at == 't' || *at == 'f')
		*ret = (struct value){.kind = *at == 'n'   ? VALUE_NULL
					      : *at == 't' ? VALUE_TRUE
							   : VALUE_FALSE,
				      .at = at,
				      .len = (size_t)(stop - at)};
	else
		value_number_read(ret, at, (size_t)(stop - at));
	return stop;
}

void value_read(const char *text, size_t len, struct value *ret_value)
{
	value_take(blanks_skip(text, text + len), text + len, ret_value);
}

void walk_begin(struct walk *walk, const struct value *container)
{
	bool object = container->kind == VALUE_OBJECT;

	*walk = (struct walk){.object = object};
	if (object || container->kind == VALUE_ARRAY) {
		walk->at = container->at + 1;
		walk->end = container->at + container->len - 1;
	}
}

bool walk_next(struct walk *walk, struct value *ret_name, struct value *ret_child)
{
	const char *at = blanks_skip(walk->at, walk->end);

	if (at < walk->end && *at == ',')
		at = blanks_skip(at + 1, walk->end);
	if (at == walk->end)
		return false;
	*ret_name = (struct value){.kind = VALUE_MISSING};
	if (walk->object) {
		at = blanks_skip(string_take(at, walk->end, ret_name), walk->end);
		if (at < walk->end) /* the colon */
			at = blanks_skip(at + 1, walk->end);
	}
	walk->at = value_take(at, walk->end, ret_child);
	return true;
}

bool value_text_is(const struct value *value, const char *bytes, size_t len)
{
	struct buf scratch = BUF(RECORD_BYTES_MAX);
	const char *text;
	size_t text_len;
	bool same;

	if (value->kind != VALUE_TEXT)
		return false;
	text = value_text(value, &scratch, &text_len);
	same = text && text_len == len && memcmp(text, bytes, len) == 0;
	buf_done(&scratch);
	return same;
}

static struct value member_find(const struct value *object, const char *name, size_t len)
{
	struct value key, child;
	struct walk walk;

	walk_begin(&walk, object);
	while (walk.object && walk_next(&walk, &key, &child))
		if (value_text_is(&key, name, len))
			return child;
	return (struct value){.kind = VALUE_MISSING};
}

struct value walk_member(const struct value *object, const char *name)
{
	return member_find(object, name, strlen(name));
}

/* ---- JSON pointers ---- */

bool pointer_check(const char *text, size_t *ret_offset)
{
	const char *at = text;

	*ret_offset = 0;
	if (*text != '\0' && *text != '/')
		return false;
	while ((at = strchr(at, '~')) != NULL) {
		*ret_offset = (size_t)(at - text);
		if (at[1] != '0' && at[1] != '1')
			return false;
		at += 2;
	}
	return true;
}

/* RFC 6901, section 4: digits without a leading zero. */
static bool index_read(const char *token, size_t len, size_t *ret_index)
{
	*ret_index = 0;
	if (len == 0 || len > 9 || (len > 1 && token[0] == '0'))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (token[i] < '0' || token[i] > '9')
			return false;
		*ret_index = *ret_index * 10 + (size_t)(token[i] - '0');
	}
	return true;
}

static struct value element_find(const struct value *array, const char *token, size_t len)
{
	struct value name, child;
	struct walk walk;
	size_t index;

	walk_begin(&walk, array);
	if (index_read(token, len, &index))
		while (walk_next(&walk, &name, &child))
			if (index-- == 0)
				return child;
	return (struct value){.kind = VALUE_MISSING};
}

/* The token at *at ("/a~1b") without escapes; goes on behind it. */
static size_t token_read(const char **at, char *into, size_t room)
{
	const char *from = *at + 1;
	size_t n = 0;

	for (; *from != '\0' && *from != '/'; from++) {
		char c = *from;

		if (c == '~')
			c = *++from == '1' ? '/' : '~';
		if (n < room)
			into[n++] = c;
	}
	*at = from;
	return n;
}

struct value pointer_find(const char *pointer, const struct value *root)
{
	char token[SPEC_POINTER_BYTES_MAX];
	struct value found = *root;

	while (*pointer == '/' && found.kind != VALUE_MISSING) {
		size_t len = token_read(&pointer, token, sizeof(token));

		found = found.kind == VALUE_ARRAY ? element_find(&found, token, len)
						  : member_find(&found, token, len);
	}
	return found;
}
