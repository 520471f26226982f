/* SPDX-License-Identifier: MIT */
/* json.h - JSON of requests and specs: checked by us, held by cJSON; and a writer.
 *
 * cJSON is not a validator (it accepts malformed texts, invalid UTF-8 and
 * duplicate names, and cuts strings at \u0000), so json_parse() runs our own
 * single pass first (json_check.c) and gives cJSON only what RFC 8259 allows.
 * Numbers are doubles here; what they were written as is kept for printing alone.
 *
 * Threads    a struct json may be read by any number of threads, written by none.
 * Ownership  json_parse() gives a tree that json_free() ends, json_parse_in() one that
 *            lives as long as the arena; everything that the readers below return is
 *            borrowed from it.
 * Errors     0, or -1 and *err.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct json; /* one value */

/* Where a text stopped being JSON, for the members of a problem. */
struct json_place {
	size_t offset;	  /* byte, from 0 */
	int line, column; /* from 1; the column counts code points */
	/* RFC 6901: to the innermost open container for ERR_INVALID_JSON, to the value
	 * itself for ERR_INVALID_SPEC; "" is the whole; cut after a whole token */
	char pointer[256];
};

/* ERR_INVALID_JSON: not JSON by RFC 8259, or not UTF-8, or nested deeper than
 * JSON_DEPTH_MAX.  ERR_INVALID_SPEC: well-formed, but with a duplicate name,
 * \u0000, a lone surrogate or a number beyond a double.  ERR_BODY_TOO_LARGE: more
 * than JSON_NODES_MAX values or JSON_STRING_BYTES_MAX in one string.  ERR_NO_MEMORY.
 * *ret_place is set on every failure. */
int json_parse(const char *text, size_t len, struct json **ret_json, struct json_place *ret_place,
	       struct err *err) MUST_USE;
int json_parse_in(struct arena *arena, const char *text, size_t len, struct json **ret_json,
		  struct json_place *ret_place, struct err *err) MUST_USE;

/* The check alone; `text` stays as it is. */
int json_check(const char *text, size_t len, struct json_place *ret_place, struct err *err);

void json_free(struct json *json);

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_TEXT, JSON_ARRAY, JSON_OBJECT };

enum json_kind json_kind(const struct json *json);
const char *json_kind_name(enum json_kind kind); /* "an object", "a string", … */

const struct json *json_get(const struct json *object, const char *name); /* NULL: absent */
size_t json_count(const struct json *container);
/* for (c = json_first(x); c; c = json_next(c)) */
const struct json *json_first(const struct json *container);
const struct json *json_next(const struct json *element);
const char *json_name(const struct json *member); /* of an object's member */

/* The value when it has that kind, else the fallback. */
const char *json_text(const struct json *json, const char *fallback);
double json_number(const struct json *json, double fallback);
bool json_bool(const struct json *json, bool fallback);
/* True and the value when it is a whole number within ±2^53. */
bool json_int(const struct json *json, int64_t *ret);

/* Takes the value that an RFC 6901 pointer names out of its object; of a value in an array the
 * array, so that no pointer changes its meaning; of one that is not there what would hold it.
 * False: that would be all of `root`, or the pointer leads nowhere. */
bool json_prune(struct json *root, const char *pointer);

/* Compact, members in their order, numbers as they were written. */
int json_print(const struct json *json, struct buf *into);

/* ---- writing: straight into a buf, commas by themselves ---- */

struct json_out {
	struct buf *buf;
	uint64_t comma; /* one bit a level: does the next value need one? */
	unsigned depth;
};

#define JSON_OUT(buf_) ((struct json_out){.buf = (buf_)})

/* `name` is the member's name inside an object, NULL inside an array or at the top. */
void json_out_object(struct json_out *out, const char *name);
void json_out_array(struct json_out *out, const char *name);
void json_out_end(struct json_out *out, char bracket);			      /* '}' or ']' */
void json_out_text(struct json_out *out, const char *name, const char *text); /* NULL: null */
void json_out_text_len(struct json_out *out, const char *name, const char *text, size_t len);
void json_out_printf(struct json_out *out, const char *name, const char *fmt, ...) PRINTF(3, 4);
void json_out_int(struct json_out *out, const char *name, int64_t value);
void json_out_double(struct json_out *out, const char *name,
		     double value); /* shortest round trip; null when not finite */
void json_out_bool(struct json_out *out, const char *name, bool value);
void json_out_null(struct json_out *out, const char *name);
void json_out_raw(struct json_out *out, const char *name, const char *text,
		  size_t len); /* already JSON */
void json_out_json(struct json_out *out, const char *name, const struct json *json);
void json_out_instant(struct json_out *out, const char *name, int64_t wall_ms); /* 0: null */

/* Adds `text` as a JSON string, quotes included; invalid UTF-8 becomes U+FFFD. */
void json_quote(struct buf *into, const char *text, size_t len);

#endif
