/* SPDX-License-Identifier: MIT */
/* script.h - scripts of specs: Lua 5.4 in a box that they cannot leave.
 *
 * A script is compiled once, when its spec is planned; its mistakes become those of the
 * spec.  Each lane has a vm, loads the scripts into it and calls them, once for each
 * record.  What a script sees depends on its kind; all see `ctx`, log(), fail(), null,
 * array{} and the library of docs/SCRIPTS.md.
 *
 *   script_compile(&spec, mistakes, &script);      plan; fields of `r` go to spec.fields
 *   script_vm_new(&options, &vm, err);             open, for each lane
 *   script_vm_load(vm, script, &slot, err);
 *   scan(scanner, text, len, values, &wrong);      step, for each record
 *   script_call(vm, slot, &args, &result, &mistake);
 *
 * A record comes as the values that one scan (base/record/scan.h) has found for all
 * expressions and scripts of a plan.  A script that only names fields (r.a, r["b"]) gets
 * those alone, one that does anything else with `r` gets all of it; members that it leaves
 * alone come out byte for byte, in their place, new ones behind them in the order in which
 * the script names them first.
 *
 * Nothing of one call is seen by the next: globals are fixed, `ctx` is made anew.
 *
 * Threads    script_compile() any; a script is constant, shared by all lanes; a vm belongs
 *            to one lane.
 * Ownership  scripts outlive the vms that loaded them.  A result is borrowed from the vm and
 *            from the arguments: until the next call, and as long as the record's text.
 * Errors     0, or -1 and *err; of script_call() *ret_mistake.
 */
#ifndef HANDLERS_SCRIPT_SCRIPT_H
#define HANDLERS_SCRIPT_SCRIPT_H

#include "base/err.h"
#include "base/record/fields.h"
#include "base/record/value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json;
struct mistakes;
struct script;
struct script_vm;

/* What a script is for: what it sees (its parameters), and what comes out. */
enum script_kind {
	SCRIPT_RECORD,	 /* r, i      a record: what it returns, or the changed r; emit(record) */
	SCRIPT_TEST,	 /* r, i      true or not (false, nil) */
	SCRIPT_VALUE,	 /* r, i      one value; nil is VALUE_MISSING */
	SCRIPT_PAIRS,	 /* r, i      nothing but emit(key, value) */
	SCRIPT_REPLACE,	 /* r, err    the record in place of one that failed; nil: none */
	SCRIPT_GENERATE, /* i         a record; nil: none; emit(record) */
	SCRIPT_REDUCE,	 /* key, values   one value; `for v in values do` */
	SCRIPT_COMBINE,	 /* a, b, key     one value that stands for both */
	SCRIPT_FINISH,	 /* key, value    a record; nil: none; emit(record) */
};

/* ---- plan ---- */

struct script_spec {
	const struct json *source; /* a string, or an array of strings: its lines */
	const char *pointer;	   /* of the source: "/spec/stages/2/map" */
	enum script_kind kind;
	struct fields *fields; /* gets what the script reads of r; NULL for kinds without r */
};

/* Compiles an expression, or else statements.  -1: mistakes were added (type "script", with
 * line, column and source), or there is no memory.  Outlives neither `fields` nor anything. */
int script_compile(const struct script_spec *spec, struct mistakes *mistakes,
		   struct script **ret_script);
void script_free(struct script *script); /* NULL is fine */

/* ---- lanes ---- */

struct script_options {
	const char *ctx; /* the object `ctx`, valid JSON; NULL: {} */
	size_t ctx_len;
	uint64_t seed; /* of math.random and uuid.v4, with each record's number */
	bool exact;    /* work counts each instruction, for tests: several times slower */
	/* What log(…) says; NULL: nobody listens.  `text` is UTF-8, at most SCRIPT_LOG_BYTES_MAX.
	 */
	void (*log)(void *to, const char *text, size_t len);
	void *log_to;
};

/* ERR_NO_MEMORY, ERR_INTERNAL. */
int script_vm_new(const struct script_options *options, struct script_vm **ret_vm, struct err *err);
void script_vm_free(struct script_vm *vm); /* NULL is fine */

/* Several scripts may live in one vm; the slot says which is called.  ERR_LIMIT
 * (SCRIPTS_MAX), ERR_NO_MEMORY. */
int script_vm_load(struct script_vm *vm, const struct script *script, unsigned *ret_slot,
		   struct err *err);

struct script_args {
	int64_t number;		    /* of the record: i; seeds math.random too, … */
	uint64_t part;		    /* … with what numbers are counted in */
	const struct value *values; /* kinds with r: what scan() found; else NULL */
	const struct value *extra;  /* err; key; a, b, key; key, value */
	/* SCRIPT_REDUCE: the next value, valid until it is asked again; false: no more. */
	bool (*next)(void *from, struct value *ret_value);
	void *next_from;
};

struct script_item {
	struct value key; /* VALUE_MISSING but for SCRIPT_PAIRS */
	struct value value;
};

struct script_result {
	/* What was returned (SCRIPT_RECORD without a returned value: the record as it is
	 * now); VALUE_MISSING: nothing, or skip(). */
	struct value value;
	bool truth;			 /* SCRIPT_TEST */
	bool skipped;			 /* skip() was called */
	const struct script_item *items; /* what was emitted, in that order */
	size_t count;
	uint64_t work; /* instructions, and what the library did in units of about one */
};

struct script_mistake {
	struct err err;	    /* ERR_SCRIPT; ERR_LIMIT: a limit that it cannot move; ERR_NO_MEMORY */
	int line;	    /* of the source, from 1; 0: not known */
	const char *source; /* that line, borrowed from the script; NULL: not known */
	uint64_t work;	    /* until then */
};

/* -1 and *ret_mistake: this record fails, the vm goes on with the next. */
int script_call(struct script_vm *vm, unsigned slot, const struct script_args *args,
		struct script_result *ret_result, struct script_mistake *ret_mistake);

#endif
