/* SPDX-License-Identifier: MIT */
/* schema.h - is a record what a JSON Schema (draft 2020-12) says?
 *
 * The keywords of the core, applicator, validation and meta-data vocabularies but $id,
 * $dynamicRef, $vocabulary and unevaluated…; `format` asserts.  $ref names something inside
 * the same schema: "#", "#/$defs/…" or "#anchor".  A keyword that is not known is a mistake
 * at submit, and so is a $ref that leads back to itself without going into the record.
 *
 * Values are compared by what they are: 1, 1.0 and 1e0 are one number, integers beyond 2^53
 * keep their digits.  Patterns are PCRE2's (base/pattern.h) and found anywhere in a text.
 *
 * Threads    a schema is constant once its fields were added: shared by all lanes, each with
 *            a scratch of its own.
 * Ownership  nothing of the JSON is kept.
 * Errors     said at each function.
 */
#ifndef HANDLERS_SCHEMA_SCHEMA_H
#define HANDLERS_SCHEMA_SCHEMA_H

#include "base/err.h"
#include "base/mistakes.h"
#include "base/record/fields.h"
#include "base/record/value.h"

#include <stdbool.h>

struct json;
struct schema;
struct schema_scratch;

/* Compiles a schema that stands at `pointer` in its spec; every mistake is added.  NULL: there
 * were some, or no memory (a mistake too). */
struct schema *schema_new(const struct json *json, const char *pointer, struct mistakes *mistakes);
void schema_free(struct schema *schema); /* NULL is fine */

/* Adds the paths by which schema_check() finds its values.  -1: as fields_add(). */
int schema_fields(struct schema *schema, struct fields *fields, struct err *err);

/* Does it look at named members only?  Then values that were computed since the scan count;
 * else the record is looked into as it was scanned. */
bool schema_is_flat(const struct schema *schema);

struct schema_scratch *schema_scratch_new(void); /* NULL: no memory */
void schema_scratch_free(struct schema_scratch *scratch);

/* `values`: of the fields.  0, or -1 and *err: ERR_INVALID_RECORD, whose detail names each
 * violation with its JSON pointer, as many as fit; ERR_LIMIT: more than SCHEMA_WORK_MAX steps or
 * SCHEMA_DEPTH_MAX deep; ERR_NO_MEMORY. */
int schema_check(const struct schema *schema, struct schema_scratch *scratch,
		 const struct value *values, struct err *err);

#endif
