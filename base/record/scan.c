/* SPDX-License-Identifier: MIT */
/* scan.c - recursive descent, which RECORD_DEPTH_MAX bounds.
 *
 * Records of a file look alike.  The scanner remembers the names of the last good
 * record in the order of their coming (its shape), each with the number of its object
 * and the field that it led to.  While a record repeats the shape, one comparison a
 * name finds its field and proves that it is not there twice, since it was not in the
 * record before.  At the first difference both are looked up: the field among the
 * children of its node, the name among those of its object, one by one while they are
 * few, in a hash table (json_names.h) beyond NAMES_PLAIN.
 *
 * The shape has its names with their quotes and colon, so that the comparison is one of bytes
 * that were not yet looked at, the first sixteen at once.
 */
#include "base/record/scan.h"

#include "base/json_names.h"
#include "base/limits.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { SHAPE_NAMES = 64, SHAPE_BYTES = 1024, NAMES_PLAIN = 16, TOKEN_BYTES = 16 };

/* A name of the last good record. */
struct shape_name {
	const char *text; /* in shape_text, between quotes, with a colon behind them */
	uint32_t len;
	uint32_t object; /* the how manieth of its record */
	bool escaped;	 /* it is not written like that */
	const struct field_node *parent, *node;
};

struct open_name {
	const char *text; /* decoded */
	size_t len;
};

/* An object in hand. */
struct object {
	uint32_t number;       /* the how manieth of its record */
	uint32_t hashed_below; /* in the hash table: names of the objects around it */
	size_t open_below;     /* in the list of open names: likewise */
	const struct field_node *node;
};

struct scanner {
	const struct fields *fields;
	bool by_line;

	/* of the record in hand */
	const char *text, *at, *end;
	struct value *values;
	unsigned depth;
	uint32_t objects, name_count;
	bool in_shape;
	struct scan_mistake *mistake;
	struct arena decoded; /* names with escapes */

	/* names of the open objects, for those that are not as in the shape */
	struct open_name *open;
	size_t open_count, open_max;
	struct names hashed;
	bool hashing;

	struct shape_name shape[SHAPE_NAMES];
	uint32_t shape_count;
	bool shape_cut; /* the record had more names */
	char shape_text[SHAPE_BYTES + TOKEN_BYTES];
	/* of the record in hand, texts in it; while it repeats the shape, they are the shape's */
	struct shape_name next[SHAPE_NAMES];
};

static bool value_scan(struct scanner *scanner, const struct field_node *node);

/* ---- mistakes ---- */

static bool mistake_at(struct scanner *scanner, const char *at, const char *fmt, ...) PRINTF(3, 4);
static bool mistake_at(struct scanner *scanner, const char *at, const char *fmt, ...)
{
	struct scan_mistake *mistake = scanner->mistake;
	va_list args;

	mistake->offset = (size_t)(at - scanner->text);
	va_start(args, fmt);
	vsnprintf(mistake->detail, sizeof(mistake->detail), fmt, args);
	va_end(args);
	return false;
}

static bool at_end(const struct scanner *scanner, const char *at)
{
	if (at == scanner->end)
		return true;
	at += *at == '\r' && at + 1 < scanner->end;
	return scanner->by_line && *at == '\n';
}

static bool expected(struct scanner *scanner, const char *what)
{
	const char *at = scanner->at;
	unsigned char found = at < scanner->end ? (unsigned char)*at : 0;

	if (at_end(scanner, at))
		return mistake_at(scanner, at, "expected %s but the record ends", what);
	if (found > ' ' && found < 0x7F)
		return mistake_at(scanner, at, "expected %s but found '%c'", what, found);
	return mistake_at(scanner, at, "expected %s but found byte 0x%02X", what, found);
}

/* ---- strings ---- */

/* The first byte from `at` on that is not plain: below 0x20, '"', '\\', or above 0x7F. */
static const char *plain_skip(const char *at, const char *end)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');
	const __m128i blank = _mm_set1_epi8(' ');

	for (; end - at >= 16; at += 16) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
		/* signed: what is above 0x7F is below ' ' too */
		__m128i special = _mm_or_si128(
			_mm_cmplt_epi8(bytes, blank),
			_mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, slash)));
		int mask = _mm_movemask_epi8(special);

		if (mask)
			return at + __builtin_ctz((unsigned)mask);
	}
#endif
	while (at < end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '"' &&
	       *at != '\\')
		at++;
	return at;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* The escape at scanner->at. */
static bool escape_scan(struct scanner *scanner)
{
	const char *at = scanner->at + 1;

	if (at == scanner->end || *at == '\0' || !strchr("\"\\/bfnrtu", *at)) {
		scanner->at = at;
		return expected(scanner, "one of \" \\ / b f n r t u after '\\'");
	}
	if (*at++ == 'u') {
		for (const char *stop = at + 4; at < stop; at++) {
			if (at >= scanner->end || !is_hex(*at)) {
				scanner->at = MIN(at, scanner->end);
				return expected(scanner, "a hexadecimal digit");
			}
		}
	}
	scanner->at = at;
	return true;
}

/* What is not plain: an escape, or a sequence of UTF-8. */
static bool special_scan(struct scanner *scanner)
{
	size_t span;

	if (at_end(scanner, scanner->at))
		return expected(scanner, "'\"'");
	if (*scanner->at == '\\')
		return escape_scan(scanner);
	span = utf8_span(scanner->at, scanner->end);
	if (span == 0)
		return mistake_at(scanner, scanner->at, "byte 0x%02X is not UTF-8",
				  (unsigned char)*scanner->at);
	if (span == 1)
		return mistake_at(scanner, scanner->at,
				  "control character 0x%02X in a string must be escaped",
				  (unsigned char)*scanner->at);
	scanner->at += span;
	return true;
}

/* From the opening quote to behind the closing one. */
static bool string_scan(struct scanner *scanner, struct value *ret)
{
	ret->kind = VALUE_TEXT;
	ret->form = TEXT_PLAIN;
	ret->at = ++scanner->at;
	for (;;) {
		scanner->at = plain_skip(scanner->at, scanner->end);
		if (scanner->at < scanner->end && *scanner->at == '"')
			break;
		if (scanner->at < scanner->end && *scanner->at == '\\')
			ret->form = TEXT_ESCAPED;
		if (!special_scan(scanner))
			return false;
	}
	ret->len = (size_t)(scanner->at - ret->at);
	scanner->at++;
	return true;
}

/* ---- numbers and words ---- */

static bool digits_scan(struct scanner *scanner)
{
	const char *start = scanner->at;

	while (scanner->at < scanner->end && *scanner->at >= '0' && *scanner->at <= '9')
		scanner->at++;
	return scanner->at > start || expected(scanner, "a digit");
}

static bool at_byte(const struct scanner *scanner, char byte)
{
	return scanner->at < scanner->end && *scanner->at == byte;
}

/* `ret` NULL: it is looked over only.  What is wrong is found by looking over, too. */
static bool number_scan(struct scanner *scanner, struct value *ret)
{
	const char *end = ret ? value_number_scan(scanner->at, scanner->end, ret) : NULL;

	if (end) {
		scanner->at = end;
		return true;
	}
	scanner->at += *scanner->at == '-';
	if (at_byte(scanner, '0'))
		scanner->at++;
	else if (!digits_scan(scanner))
		return false;
	if (at_byte(scanner, '.')) {
		scanner->at++;
		if (!digits_scan(scanner))
			return false;
	}
	if (at_byte(scanner, 'e') || at_byte(scanner, 'E')) {
		scanner->at++;
		scanner->at += at_byte(scanner, '-') || at_byte(scanner, '+');
		if (!digits_scan(scanner))
			return false;
	}
	return true;
}

static bool word_scan(struct scanner *scanner, struct value *ret)
{
	static const struct {
		const char *text;
		enum value_kind kind;
	} words[] = {{"true", VALUE_TRUE}, {"false", VALUE_FALSE}, {"null", VALUE_NULL}};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t len = strlen(words[i].text);

		if ((size_t)(scanner->end - scanner->at) < len ||
		    memcmp(scanner->at, words[i].text, len) != 0)
			continue;
		*ret = (struct value){.kind = words[i].kind, .at = scanner->at, .len = len};
		scanner->at += len;
		return true;
	}
	return expected(scanner, "a value");
}

/* ---- names ---- */

static bool name_known(const struct scanner *scanner, size_t from, const char *text, size_t len)
{
	for (size_t i = from; i < scanner->open_count; i++)
		if (scanner->open[i].len == len && memcmp(scanner->open[i].text, text, len) == 0)
			return true;
	return false;
}

/* Is the name among those of its object?  When they become many they go to the hash
 * table, those that nobody had to look at too. */
static enum name_outcome name_look(struct scanner *scanner, const struct object *object,
				   const char *text, size_t len)
{
	struct names *names = &scanner->hashed;
	enum name_outcome outcome = NAME_NEW;
	size_t next;

	if (scanner->open_count - object->open_below < NAMES_PLAIN)
		return name_known(scanner, object->open_below, text, len) ? NAME_KNOWN : NAME_NEW;
	if (!scanner->hashing) {
		names_init(names, 0);
		scanner->hashing = true;
	}
	next = object->open_below + (names->count - object->hashed_below);
	for (; next < scanner->open_count && outcome == NAME_NEW; next++)
		outcome = names_add(names, scanner->depth, scanner->open[next].text,
				    scanner->open[next].len, false);
	return outcome == NAME_NEW ? names_add(names, scanner->depth, text, len, false) : outcome;
}

static bool open_grow(struct scanner *scanner)
{
	size_t max = MAX(scanner->open_max * 2, 64);
	struct open_name *open = realloc(scanner->open, max * sizeof(*open));

	if (!open)
		return false;
	scanner->open = open;
	scanner->open_max = max;
	return true;
}

static inline bool name_open(struct scanner *scanner, const char *text, size_t len)
{
	if (scanner->open_count == scanner->open_max && !open_grow(scanner))
		return false;
	scanner->open[scanner->open_count++] = (struct open_name){text, len};
	return true;
}

/* The record is not as the one before, from here on. */
static void shape_leave(struct scanner *scanner)
{
	if (scanner->in_shape)
		memcpy(scanner->next, scanner->shape,
		       MIN(scanner->name_count, scanner->shape_count) * sizeof(*scanner->next));
	scanner->in_shape = false;
}

static const struct shape_name *shape_at(const struct scanner *scanner, uint32_t object)
{
	const struct shape_name *name;

	if (!scanner->in_shape || scanner->name_count >= scanner->shape_count)
		return NULL;
	name = &scanner->shape[scanner->name_count];
	return name->object == object ? name : NULL;
}

/* The name of the shape that stands where this one does, when it is this one. */
static const struct shape_name *shape_same(struct scanner *scanner, uint32_t object,
					   const char *text, size_t len)
{
	const struct shape_name *name = shape_at(scanner, object);

	if (name && name->len == len && memcmp(name->text, text, len) == 0)
		return name;
	if (scanner->name_count < scanner->shape_count)
		shape_leave(scanner);
	return NULL;
}

/* Do these bytes begin with the name, its quotes and its colon?  Both have TOKEN_BYTES. */
static inline bool token_same(const struct shape_name *name, const char *at)
{
	size_t len = name->len + 3;

#ifdef __SSE2__
	__m128i theirs = _mm_loadu_si128((const __m128i *)(const void *)(name->text - 1));
	__m128i ours = _mm_loadu_si128((const __m128i *)(const void *)at);
	unsigned same = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(theirs, ours));

	if (len <= TOKEN_BYTES)
		return (~same << (TOKEN_BYTES - len) & 0xFFFF) == 0;
	if (same != 0xFFFF)
		return false;
#endif
	return memcmp(name->text - 1, at, len) == 0;
}

static const char *name_text(struct scanner *scanner, const struct value *name, size_t *ret_len)
{
	char *text;

	*ret_len = name->len;
	if (name->form != TEXT_ESCAPED)
		return name->at;
	text = arena_alloc(&scanner->decoded, name->len);
	if (text)
		*ret_len = name_decode(name->at, name->len, text);
	return text;
}

/* Takes a name of an object and finds its node. */
static bool name_take(struct scanner *scanner, const struct object *object,
		      const struct value *name, const struct field_node **ret_node)
{
	const struct field_node *parent = object->node;
	const struct shape_name *same;
	enum name_outcome outcome;
	size_t len;
	const char *text = name_text(scanner, name, &len);

	if (!text)
		return mistake_at(scanner, name->at, "no memory for a name");
	same = shape_same(scanner, object->number, text, len);
	outcome = same ? NAME_NEW : name_look(scanner, object, text, len);
	if (outcome == NAME_KNOWN)
		return mistake_at(scanner, name->at - 1, "the name stands twice in its object");
	if (outcome == NAME_NO_MEMORY || !name_open(scanner, text, len))
		return mistake_at(scanner, name->at, "no memory for the names of an object");
	if (same && same->parent == parent)
		*ret_node = same->node;
	else
		*ret_node = parent ? field_child(parent, text, len) : NULL;
	if (!same && scanner->name_count < SHAPE_NAMES)
		scanner->next[scanner->name_count] =
			(struct shape_name){.text = text,
					    .len = (uint32_t)len,
					    .object = object->number,
					    .escaped = name->form == TEXT_ESCAPED,
					    .parent = parent,
					    .node = *ret_node};
	scanner->name_count++;
	return true;
}

/* A name that is the shape's, its colon and all: the way of most names.  False: it is not. */
static inline bool name_repeats(struct scanner *scanner, const struct object *object,
				const struct field_node **ret_node)
{
	const struct shape_name *name = shape_at(scanner, object->number);

	if (!name || name->escaped || name->parent != object->node ||
	    (size_t)(scanner->end - scanner->at) < MAX(name->len + 3, TOKEN_BYTES) ||
	    !token_same(name, scanner->at) || !name_open(scanner, name->text, name->len))
		return false;
	scanner->at += name->len + 3;
	scanner->name_count++;
	*ret_node = name->node;
	return true;
}

/* The names of a good record, as many as there is room for, are the next one's shape. */
static void shape_learn(struct scanner *scanner)
{
	uint32_t count = MIN(scanner->name_count, SHAPE_NAMES);
	size_t used = 0;

	shape_leave(scanner);
	scanner->shape_cut = scanner->name_count > SHAPE_NAMES;
	scanner->shape_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct shape_name *name = &scanner->shape[i];

		*name = scanner->next[i];
		if (name->len + 3 > SHAPE_BYTES - used) {
			scanner->shape_cut = true;
			return;
		}
		/* where it is already, when it is a name of the shape before */
		memmove(scanner->shape_text + used + 1, name->text, name->len);
		name->text = scanner->shape_text + used + 1;
		scanner->shape_text[used] = '"';
		memcpy(scanner->shape_text + used + 1 + name->len, "\":", 2);
		used += name->len + 3;
		scanner->shape_count++;
	}
}

/* ---- containers ---- */

static void blanks_pass(struct scanner *scanner)
{
	while (scanner->at < scanner->end &&
	       (*scanner->at == ' ' || *scanner->at == '\t' || *scanner->at == '\r' ||
		(*scanner->at == '\n' && !scanner->by_line)))
		scanner->at++;
}

/* Most texts have none. */
static inline void blanks_skip(struct scanner *scanner)
{
	if (scanner->at < scanner->end && (unsigned char)*scanner->at <= ' ')
		blanks_pass(scanner);
}

/* Behind a member or element: true with *ret_more, or a mistake. */
static bool comma_scan(struct scanner *scanner, char bracket, bool *ret_more)
{
	blanks_skip(scanner);
	*ret_more = at_byte(scanner, ',');
	if (!*ret_more && !at_byte(scanner, bracket))
		return expected(scanner, bracket == '}' ? "',' or '}'" : "',' or ']'");
	scanner->at++;
	if (*ret_more)
		blanks_skip(scanner);
	return true;
}

static bool member_scan(struct scanner *scanner, const struct object *object)
{
	const struct field_node *node = NULL;
	struct value name;

	if (name_repeats(scanner, object, &node)) {
		blanks_skip(scanner);
		return value_scan(scanner, node);
	}
	if (!at_byte(scanner, '"'))
		return expected(scanner, "a name in quotes");
	if (!string_scan(scanner, &name) || !name_take(scanner, object, &name, &node))
		return false;
	blanks_skip(scanner);
	if (!at_byte(scanner, ':'))
		return expected(scanner, "':'");
	scanner->at++;
	blanks_skip(scanner);
	return value_scan(scanner, node);
}

static bool object_scan(struct scanner *scanner, const struct field_node *node)
{
	struct object object = {
		.number = scanner->objects++,
		.hashed_below = scanner->hashed.count,
		.open_below = scanner->open_count,
		.node = node,
	};
	bool more = true;

	scanner->at++;
	blanks_skip(scanner);
	if (at_byte(scanner, '}')) {
		scanner->at++;
		return true;
	}
	while (more)
		if (!member_scan(scanner, &object) || !comma_scan(scanner, '}', &more))
			return false;
	scanner->open_count = object.open_below;
	if (scanner->hashing)
		names_drop(&scanner->hashed, object.hashed_below);
	return true;
}

static const struct field_node *element_node(const struct field_node *node, int64_t element)
{
	const struct field_node *child = node ? node->first : NULL;

	while (child && child->element != element)
		child = child->sibling;
	return child;
}

static bool array_scan(struct scanner *scanner, const struct field_node *node)
{
	bool more = true;

	scanner->at++;
	blanks_skip(scanner);
	if (at_byte(scanner, ']')) {
		scanner->at++;
		return true;
	}
	for (int64_t element = 0; more; element++)
		if (!value_scan(scanner, element_node(node, element)) ||
		    !comma_scan(scanner, ']', &more))
			return false;
	return true;
}

static bool container_scan(struct scanner *scanner, const struct field_node *node,
			   struct value *ret)
{
	bool object = *scanner->at == '{', good;

	ret->kind = object ? VALUE_OBJECT : VALUE_ARRAY;
	ret->at = scanner->at;
	if (scanner->depth == RECORD_DEPTH_MAX)
		return mistake_at(scanner, scanner->at, "nested deeper than %d levels",
				  RECORD_DEPTH_MAX);
	scanner->depth++;
	good = object ? object_scan(scanner, node) : array_scan(scanner, node);
	scanner->depth--;
	ret->len = (size_t)(scanner->at - ret->at);
	return good;
}

static bool value_scan(struct scanner *scanner, const struct field_node *node)
{
	bool wanted = node && node->index >= 0, good;
	struct value value = {0};

	if (scanner->at == scanner->end)
		return expected(scanner, "a value");
	switch (*scanner->at) {
	case '{':
	case '[':
		good = container_scan(scanner, node, &value);
		break;
	case '"':
		good = string_scan(scanner, &value);
		break;
	case '-':
	case '0' ... '9':
		good = number_scan(scanner, wanted ? &value : NULL);
		break;
	default:
		good = word_scan(scanner, &value);
	}
	if (good && wanted)
		scanner->values[node->index] = value;
	return good;
}

/* ---- the record ---- */

static const struct fields no_fields = {.root = {.index = -1, .element = -1}};

struct scanner *scanner_new(const struct fields *fields)
{
	struct scanner *scanner = calloc(1, sizeof(*scanner));

	if (!scanner)
		return NULL;
	scanner->fields = fields ? fields : &no_fields;
	arena_init(&scanner->decoded, RECORD_BYTES_MAX * 2);
	return scanner;
}

void scanner_free(struct scanner *scanner)
{
	if (!scanner)
		return;
	if (scanner->hashing)
		names_done(&scanner->hashed);
	arena_done(&scanner->decoded);
	free(scanner->open);
	free(scanner);
}

void scanner_by_line(struct scanner *scanner)
{
	scanner->by_line = true;
}

static void scan_begin(struct scanner *scanner, const char *text, size_t len)
{
	scanner->text = scanner->at = text;
	scanner->end = text + len;
	scanner->depth = 0;
	scanner->objects = 0;
	scanner->name_count = 0;
	scanner->open_count = 0;
	scanner->in_shape = true;
	if (scanner->decoded.used > 0)
		arena_clear(&scanner->decoded);
	if (scanner->hashing)
		names_drop(&scanner->hashed, 0);
}

/* A record was good. */
static void scan_end(struct scanner *scanner)
{
	if (!scanner->in_shape ||
	    (scanner->name_count > scanner->shape_count && !scanner->shape_cut))
		shape_learn(scanner);
}

int scan(struct scanner *scanner, const char *text, size_t len, struct value *values,
	 struct scan_mistake *ret_mistake)
{
	scan_begin(scanner, text, len);
	scanner->values = values;
	scanner->mistake = ret_mistake;
	if (scanner->fields->count > 0)
		memset(values, 0, scanner->fields->count * sizeof(*values));
	blanks_skip(scanner);
	if (!value_scan(scanner, &scanner->fields->root))
		return -1;
	blanks_skip(scanner);
	if (scanner->at < scanner->end) {
		expected(scanner, "the end of the record");
		return -1;
	}
	scan_end(scanner);
	return 0;
}

int scan_first(struct scanner *scanner, const char *text, size_t len, struct value *values,
	       size_t *ret_len, struct scan_mistake *ret_mistake)
{
	scan_begin(scanner, text, len);
	scanner->values = values;
	scanner->mistake = ret_mistake;
	if (!value_scan(scanner, &scanner->fields->root))
		return -1;
	*ret_len = (size_t)(scanner->at - text);
	scan_end(scanner);
	return 0;
}
