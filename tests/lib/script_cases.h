/* SPDX-License-Identifier: MIT */
/* script_cases.h - scripts, the records they see, and what they give.
 *
 * What a call gives is written as one text: what it emitted (`key=value` for pairs), then
 * what it returned, each in its own pair of blanks; "skipped"; true or false of a test.
 *
 * Errors     a case that differs fails the test with its source.
 */
#ifndef TESTS_LIB_SCRIPT_CASES_H
#define TESTS_LIB_SCRIPT_CASES_H

#include "base/limits.h"
#include "handlers/script/script.h"

#include <stddef.h>

struct buf;
struct mistakes;

struct script_case {
	const char *source;
	const char *record; /* JSON; NULL: {} */
	const char *result; /* as above; of a mistake a part of the detail … */
	enum err_code code; /* … with this code */
};

void script_cases_run(enum script_kind kind, const struct script_case *cases, size_t count);

/* One script in a vm of its own, for several calls. */
struct script_desk {
	struct fields fields;
	struct script *script;
	struct script_vm *vm;
	unsigned slot;
	struct scanner *scanner;
	struct value values[SCRIPT_FIELDS_MAX + 1]; /* and the record */
	struct script_result result;
	struct script_mistake mistake;
};

/* `source` is Lua; a source that does not compile fails the test. */
void desk_open(struct script_desk *desk, enum script_kind kind, const char *source,
	       const struct script_options *options);
void desk_close(struct script_desk *desk);
/* Calls it with a record (JSON) and its number; as script_call(). */
int desk_call(struct script_desk *desk, const char *record, int64_t number);
/* The same with other arguments: `extra` is JSON, one line each. */
int desk_call_with(struct script_desk *desk, const char *extra);
void desk_result_print(const struct script_desk *desk, struct buf *into);

/* Compiles a source given as JSON (a string or an array); 0 when it is right. */
int source_compile(const char *json, enum script_kind kind, struct mistakes *mistakes);

#endif
