/* SPDX-License-Identifier: MIT */
/* json_check.c - RFC 8259 in one pass, with a stack of its own instead of recursion.
 *
 * Two kinds of mistake.  One against the grammar ends the walk at once: 400.  One
 * against our own rules (a duplicate name, \u0000, a lone surrogate, a number
 * beyond a double) is remembered, the first of them, and the walk goes on, since a
 * text that also breaks the grammar further down is not JSON at all.
 */
#include "base/json_check.h"

#include "base/json_names.h"
#include "base/limits.h"
#include "base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What may stand next. */
enum due { DUE_VALUE, DUE_FIRST, DUE_NAME, DUE_AFTER, DUE_NOTHING };

struct frame {
	bool object;
	uint32_t names_before; /* names of the objects around it */
	uint32_t index;	       /* arrays: of the element being read */
	const char *name;      /* objects: of the member being read, raw; NULL: none yet */
	size_t name_len;
};

struct checker {
	const char *text, *at, *end;
	struct frame frames[JSON_DEPTH_MAX];
	unsigned depth;
	unsigned nodes;
	bool against_rules; /* *place and *err hold the first such mistake */
	struct json_facts facts;
	struct json_place *place;
	struct err *err;
	struct names names;
};

static int text_walk(struct checker *c);

int json_check_facts(const char *text, size_t len, struct json_facts *ret_facts,
		     struct json_place *ret_place, struct err *err)
{
	struct checker c;
	int rc;

	if (len > INT32_MAX) {
		*ret_place = (struct json_place){.line = 1, .column = 1};
		return err_set(err, ERR_BODY_TOO_LARGE, "a text of %zu bytes is too long", len);
	}
	c.text = c.at = text;
	c.end = text + len;
	c.depth = c.nodes = 0;
	c.against_rules = false;
	c.facts = (struct json_facts){0};
	c.place = ret_place;
	c.err = err;
	names_init(&c.names, len);
	rc = text_walk(&c);
	names_done(&c.names);
	if (rc || c.against_rules)
		return -1;
	*ret_facts = c.facts;
	return 0;
}

int json_check(const char *text, size_t len, struct json_place *ret_place, struct err *err)
{
	struct json_facts facts;

	return json_check_facts(text, len, &facts, ret_place, err);
}

/* ---- telling a mistake ---- */

/* Adds "/name" or "/3"; false when it does not fit: pointers end at a whole token. */
static bool token_add(const struct frame *frame, char *pointer, size_t max)
{
	char token[2 * sizeof(((struct json_place *)NULL)->pointer)];
	char name[6 * sizeof(((struct json_place *)NULL)->pointer)];
	size_t used = strlen(pointer), at = 0, len;

	if (!frame->object)
		return snprintf(pointer + used, max - used, "/%u", frame->index) <
		       (int)(max - used);
	if (!frame->name || frame->name_len > sizeof(name))
		return false;
	len = name_decode(frame->name, frame->name_len, name);
	for (size_t i = 0; i < len; i++) {
		if (at + 3 > sizeof(token))
			return false;
		if (name[i] == '~' || name[i] == '/') {
			token[at++] = '~';
			token[at++] = name[i] == '~' ? '0' : '1';
		} else {
			token[at++] = name[i] ? name[i] : '?'; /* U+0000 cannot be shown */
		}
	}
	if (used + 1 + at >= max)
		return false;
	pointer[used] = '/';
	memcpy(pointer + used + 1, token, at);
	pointer[used + 1 + at] = '\0';
	return true;
}

/* `tokens`: how many frames lead to the value that the mistake belongs to. */
static void place_set(const struct checker *c, const char *at, unsigned tokens)
{
	struct json_place *place = c->place;

	*place = (struct json_place){.offset = (size_t)(at - c->text), .line = 1, .column = 1};
	for (const char *seen = c->text; seen < at; seen++) {
		if (*seen == '\n') {
			place->line++;
			place->column = 1;
		} else if (!utf8_continues((unsigned char)*seen)) {
			place->column++;
		}
	}
	for (unsigned i = 0; i < tokens; i++) {
		size_t used = strlen(place->pointer);

		if (!token_add(&c->frames[i], place->pointer, sizeof(place->pointer))) {
			place->pointer[used] = '\0';
			break;
		}
	}
}

/* What stands at `at`, for people: 'x', byte 0x07, the end of the text. */
static const char *found_text(const struct checker *c, const char *at, char into[32])
{
	size_t span = utf8_span(at, c->end);
	unsigned char byte;

	if (at >= c->end)
		return "the end of the text";
	if (span == 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0)
		return "a byte order mark";
	byte = (unsigned char)*at;
	if (span == 0 || byte < 0x20 || byte == 0x7F)
		snprintf(into, 32, "byte 0x%02X", byte);
	else
		snprintf(into, 32, "'%.*s'", (int)span, at);
	return into;
}

static void grammar_place(const struct checker *c, const char *at)
{
	place_set(c, at, c->depth ? c->depth - 1 : 0);
}

static int expected(struct checker *c, const char *at, const char *what)
{
	char found[32];

	grammar_place(c, at);
	return err_set(c->err, ERR_INVALID_JSON, "expected %s but found %s", what,
		       found_text(c, at, found));
}

/* Remembers the first mistake against our rules; the walk goes on. */
static void rule_broken(struct checker *c, const char *at, const char *detail)
{
	if (c->against_rules)
		return;
	c->against_rules = true;
	place_set(c, at, c->depth);
	err_set(c->err, ERR_INVALID_SPEC, "%s", detail);
}

static int too_large(struct checker *c, const char *at, const char *what, size_t max)
{
	grammar_place(c, at);
	return err_set(c->err, ERR_BODY_TOO_LARGE, "%s: at most %zu are taken", what, max);
}

/* ---- strings ---- */

static const bool plain_bytes[256] = {
	[0x20 ... 0x21] = true, [0x23 ... 0x5B] = true, [0x5D ... 0x7F] = true};

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* \uXXXX at `at`, the backslash: the code unit, or -1 with the mistake told. */
static int unit_check(struct checker *c, const char *at)
{
	char digits[5] = "";

	for (int i = 0; i < 4; i++) {
		if (at + 2 + i >= c->end || !is_hex(at[2 + i]))
			return expected(c, at + 2 + i, "a hexadecimal digit");
		digits[i] = at[2 + i];
	}
	return (int)strtol(digits, NULL, 16);
}

/* The escape at c->at, a surrogate pair as one. */
static int escape_check(struct checker *c)
{
	const char *start = c->at;
	int unit, low;

	if (start + 1 >= c->end || start[1] == '\0' || !strchr("\"\\/bfnrtu", start[1]))
		return expected(c, start + 1, "one of \" \\ / b f n r t u after '\\'");
	if (start[1] != 'u') {
		c->at += 2;
		return 0;
	}
	unit = unit_check(c, start);
	if (unit < 0)
		return -1;
	c->at += 6;
	if (unit == 0)
		rule_broken(c, start, "\\u0000 is not taken: strings cannot hold a NUL");
	if (unit < 0xD800 || unit > 0xDFFF)
		return 0;
	if (unit < 0xDC00 && c->end - c->at > 1 && c->at[0] == '\\' && c->at[1] == 'u') {
		low = unit_check(c, c->at);
		if (low < 0)
			return -1;
		if (low >= 0xDC00 && low <= 0xDFFF) {
			c->at += 6;
			return 0;
		}
	}
	rule_broken(c, start, "half of a surrogate pair stands alone");
	return 0;
}

/* One byte that is not plain: an escape, or the start of a longer UTF-8 sequence. */
static int special_check(struct checker *c, const char *start)
{
	size_t span;

	if (c->at == c->end) {
		c->at = start;
		return expected(c, c->end, "'\"'");
	}
	if (*c->at == '\\')
		return escape_check(c);
	span = utf8_span(c->at, c->end);
	if (span > 1) {
		c->at += span;
		return 0;
	}
	grammar_place(c, c->at);
	return err_set(c->err, ERR_INVALID_JSON,
		       span == 0 ? "byte 0x%02X is not UTF-8"
				 : "control character 0x%02X in a string must be escaped",
		       (unsigned char)*c->at);
}

/* The string whose opening quote is at c->at; behind its closing one afterwards. */
static int string_check(struct checker *c, size_t *ret_len, bool *ret_escaped)
{
	const char *start = ++c->at;
	bool escaped = false;

	for (;;) {
		while (c->at < c->end && plain_bytes[(unsigned char)*c->at])
			c->at++;
		if (c->at < c->end && *c->at == '"')
			break;
		escaped = escaped || (c->at < c->end && *c->at == '\\');
		if (special_check(c, start))
			return -1;
	}
	*ret_len = (size_t)(c->at - start);
	*ret_escaped = escaped;
	c->at++;
	if (*ret_len > JSON_STRING_BYTES_MAX)
		return too_large(c, start - 1, "bytes of a string", JSON_STRING_BYTES_MAX);
	return 0;
}

/* ---- numbers ---- */

static bool at_digit(const struct checker *c)
{
	return c->at < c->end && *c->at >= '0' && *c->at <= '9';
}

static int digits_check(struct checker *c)
{
	if (!at_digit(c))
		return expected(c, c->at, "a digit");
	while (at_digit(c))
		c->at++;
	return 0;
}

/* Only for numbers of 10^308 and more.  The largest double plus half a unit is an
 * integer of 309 digits, so 320 significant digits decide exactly. */
static bool beyond_double(const char *digits, const char *end)
{
	char number[340];
	size_t used = 0;

	for (; digits < end && used < 321 && *digits != 'e' && *digits != 'E'; digits++) {
		if (*digits == '.' || (used == 0 && (*digits == '0' || *digits == '-')))
			continue;
		number[used++] = *digits;
		if (used == 1)
			number[used++] = '.';
	}
	memcpy(number + used, "e308", 5);
	return isinf(strtod(number, NULL));
}

/* The power of ten of the first digit that is not 0, without the exponent part. */
static bool leading_power(const char *number, const char *end, long *ret_power)
{
	const char *point = number;
	const char *lead;

	while (point < end && *point != '.' && *point != 'e' && *point != 'E')
		point++;
	for (lead = number; lead < end && *lead != 'e' && *lead != 'E'; lead++) {
		if (*lead >= '1' && *lead <= '9') {
			*ret_power = lead < point ? point - lead - 1 : point - lead;
			return true;
		}
	}
	return false; /* zero */
}

static void range_check(struct checker *c, const char *start, long exponent)
{
	long power;

	if (!leading_power(start, c->at, &power))
		return;
	power += exponent;
	if (power > 308 || (power == 308 && beyond_double(start, c->at)))
		rule_broken(c, start, "the number is beyond the range of a double");
}

static int exponent_check(struct checker *c, long *ret_exponent)
{
	const long enough = 1L << 40; /* more than any text has digits */
	bool negative = false;
	long exponent = 0;

	c->at++;
	if (c->at < c->end && (*c->at == '+' || *c->at == '-'))
		negative = *c->at++ == '-';
	for (const char *digit = c->at; digit < c->end && *digit >= '0' && *digit <= '9'; digit++)
		if (exponent < enough)
			exponent = exponent * 10 + (*digit - '0');
	*ret_exponent = negative ? -exponent : exponent;
	return digits_check(c);
}

static int number_check(struct checker *c)
{
	const char *start = c->at;
	long exponent = 0;
	size_t len, integer;

	if (*c->at == '-')
		c->at++;
	if (c->at < c->end && *c->at == '0')
		c->at++;
	else if (digits_check(c))
		return -1;
	integer = (size_t)(c->at - start);
	if (c->at < c->end && *c->at == '.') {
		c->at++;
		if (digits_check(c))
			return -1;
	}
	if (c->at < c->end && (*c->at == 'e' || *c->at == 'E') && exponent_check(c, &exponent))
		return -1;
	len = (size_t)(c->at - start);
	c->facts.long_numbers = c->facts.long_numbers || len > JSON_NUMBER_PLAIN_MAX;
	c->facts.spelled_numbers =
		c->facts.spelled_numbers || len > integer || len > JSON_NUMBER_DIGITS;
	if (exponent > 0 || len > 300)
		range_check(c, start, exponent);
	return 0;
}

/* ---- the walk ---- */

static void blanks_skip(struct checker *c)
{
	while (c->at < c->end &&
	       (*c->at == ' ' || *c->at == '\n' || *c->at == '\r' || *c->at == '\t'))
		c->at++;
}

static int literal_check(struct checker *c, const char *word)
{
	for (; *word; word++, c->at++) {
		char what[] = {'\'', *word, '\'', '\0'};

		if (c->at == c->end || *c->at != *word)
			return expected(c, c->at, what);
	}
	return 0;
}

static int container_open(struct checker *c)
{
	if (c->depth == JSON_DEPTH_MAX) {
		grammar_place(c, c->at);
		return err_set(c->err, ERR_INVALID_JSON, "nested deeper than %d levels",
			       JSON_DEPTH_MAX);
	}
	c->frames[c->depth++] = (struct frame){
		.object = *c->at == '{',
		.names_before = c->names.count,
	};
	c->at++;
	return 0;
}

static int value_check(struct checker *c, enum due *due)
{
	char first = c->at < c->end ? *c->at : '\0';
	bool escaped;
	size_t len;

	if (++c->nodes > JSON_NODES_MAX)
		return too_large(c, c->at, "values", JSON_NODES_MAX);
	*due = DUE_AFTER;
	switch (first) {
	case '{':
	case '[':
		*due = DUE_FIRST;
		return container_open(c);
	case '"':
		return string_check(c, &len, &escaped);
	case 't':
		return literal_check(c, "true");
	case 'f':
		return literal_check(c, "false");
	case 'n':
		return literal_check(c, "null");
	default:
		if (first == '-' || at_digit(c))
			return number_check(c);
		return expected(c, c->at, "a value");
	}
}

static int name_check(struct checker *c)
{
	struct frame *frame = &c->frames[c->depth - 1];
	const char *start = c->at;
	enum name_outcome outcome;
	bool escaped;
	size_t len;

	frame->name = NULL;
	if (c->at == c->end || *c->at != '"')
		return expected(c, c->at, "a name in quotes");
	if (string_check(c, &len, &escaped))
		return -1;
	frame->name = start + 1;
	frame->name_len = len;
	outcome = names_add(&c->names, c->depth, start + 1, len, escaped);
	if (outcome == NAME_KNOWN)
		rule_broken(c, start, "the name stands twice in its object");
	if (outcome == NAME_NO_MEMORY) {
		grammar_place(c, start);
		return err_set(c->err, ERR_NO_MEMORY, "no memory to check the text");
	}
	blanks_skip(c);
	if (c->at == c->end || *c->at != ':')
		return expected(c, c->at, "':'");
	c->at++;
	return 0;
}

static void container_close(struct checker *c)
{
	names_drop(&c->names, c->frames[--c->depth].names_before);
	c->at++;
}

/* Behind an opening bracket. */
static int first_check(struct checker *c, enum due *due)
{
	bool object = c->frames[c->depth - 1].object;

	*due = object ? DUE_NAME : DUE_VALUE;
	if (c->at < c->end && *c->at == (object ? '}' : ']')) {
		container_close(c);
		*due = DUE_AFTER;
	} else if (c->at == c->end || (object && *c->at != '"')) {
		return expected(c, c->at, object ? "a name in quotes or '}'" : "a value or ']'");
	}
	return 0;
}

/* Behind a value. */
static int after_check(struct checker *c, enum due *due)
{
	struct frame *frame;

	if (c->depth == 0) {
		*due = DUE_NOTHING;
		return c->at == c->end ? 0 : expected(c, c->at, "the end of the text");
	}
	frame = &c->frames[c->depth - 1];
	if (c->at < c->end && *c->at == ',') {
		c->at++;
		frame->index++;
		*due = frame->object ? DUE_NAME : DUE_VALUE;
		return 0;
	}
	if (c->at < c->end && *c->at == (frame->object ? '}' : ']')) {
		container_close(c);
		return 0;
	}
	return expected(c, c->at, frame->object ? "',' or '}'" : "',' or ']'");
}

static int text_walk(struct checker *c)
{
	enum due due = DUE_VALUE;
	int rc = 0;

	while (rc == 0 && due != DUE_NOTHING) {
		blanks_skip(c);
		switch (due) {
		case DUE_VALUE:
			rc = value_check(c, &due);
			break;
		case DUE_FIRST:
			rc = first_check(c, &due);
			break;
		case DUE_NAME:
			rc = name_check(c);
			due = DUE_VALUE;
			break;
		case DUE_AFTER:
			rc = after_check(c, &due);
			break;
		case DUE_NOTHING:
			break;
		}
	}
	return rc;
}
