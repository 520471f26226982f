/* SPDX-License-Identifier: MIT */
/* spec.h - the members of a JSON object as a table.
 *
 * One table of `struct param` validates an object, documents it (GET
 * /v1/handlers shows it as JSON Schema) and is what the contract test holds
 * against openapi.yaml.  The envelope of a job and the spec of every handler are
 * such tables, so that all of them report unknown members, wrong types and values
 * out of range in the same words, all at once.
 *
 * Threads    tables are constant; every function from any thread.
 * Units      bounds and values: durations in ms, sizes in bytes, instants in
 *            wall-clock ms, texts in bytes, arrays and maps in elements.
 */
#ifndef BASE_SPEC_H
#define BASE_SPEC_H

#include "base/json.h"
#include "base/mistakes.h"

enum param_kind {
	PARAM_END = 0, /* closes a table */
	PARAM_BOOL,
	PARAM_INT, /* a whole number within ±2^53 */
	PARAM_NUMBER,
	PARAM_TEXT,
	PARAM_DURATION, /* "30s" */
	PARAM_SIZE,	/* "4MB" */
	PARAM_INSTANT,	/* RFC 3339 */
	PARAM_CHOICE,	/* one of `choices` */
	PARAM_OBJECT,	/* `members` are its members; NULL: any */
	PARAM_ARRAY,	/* `members` is one unnamed param: the element */
	PARAM_MAP,	/* an object with free names; `members` as for an array */
	PARAM_ANY,
	PARAM_LATER, /* of the contract, not built yet: not-implemented */
};

struct param {
	const char *name; /* NULL for an element */
	enum param_kind kind;
	const char *summary; /* one sentence for people */
	bool required;
	double min, max;	       /* both 0: unbounded (texts: up to JSON_STRING_BYTES_MAX) */
	const char *preset;	       /* the default, as JSON text, for people; NULL: none */
	const char *const *choices;    /* ended by NULL */
	const struct param *members;   /* ended by {0} */
	const struct param *otherwise; /* another form that the value may take (one param) */
	/* An object whose members the handler's plan checks (by spec_check()): their mistakes are
	 * told together with those that only planning finds. */
	bool by_plan;
};

/* Checks `value` against the table; adds every mistake.  `pointer` is where the
 * value stands ("/spec").  0, or -1 when it added any. */
int spec_check(const struct param *params, const struct json *value, const char *pointer,
	       struct mistakes *mistakes);
/* The same, where members have a name of their own: "no stage verb 'fliter'". */
int spec_check_noun(const struct param *params, const char *noun, const struct json *value,
		    const char *pointer, struct mistakes *mistakes);

/* The table as JSON Schema (draft 2020-12) of an object. */
void spec_schema(const struct param *params, struct json_out *out, const char *name);

/* Values of a member of a checked object; the fallback when it is absent or null. */
int64_t spec_int(const struct json *object, const char *name, int64_t fallback);
double spec_number(const struct json *object, const char *name, double fallback);
bool spec_bool(const struct json *object, const char *name, bool fallback);
const char *spec_text(const struct json *object, const char *name, const char *fallback);
int64_t spec_duration(const struct json *object, const char *name, int64_t fallback_ms);
int64_t spec_size(const struct json *object, const char *name, int64_t fallback_bytes);
int64_t spec_instant(const struct json *object, const char *name, int64_t fallback_wall_ms);
/* The place of the value among `choices` (ended by NULL), or the fallback. */
int spec_choice(const struct json *object, const char *name, const char *const *choices,
		int fallback);

#endif
