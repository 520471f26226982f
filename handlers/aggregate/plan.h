/* SPDX-License-Identifier: MIT */
/* plan.h - what the files of aggregate share of a plan: inputs, states, members.
 *
 *   plan.c        the spec → inputs, states, members
 *   functions.c   the table of functions: what each reads and keeps, and what it gives
 *   columns.c     rows → a column for each input
 *   states*.c     columns → states
 */
#ifndef HANDLERS_AGGREGATE_PLAN_H
#define HANDLERS_AGGREGATE_PLAN_H

#include "base/arena.h"
#include "base/expr/expr.h"
#include "handlers/aggregate/aggregates.h"
#include "handlers/aggregate/states.h"

enum { FUNCTION_STATES_MAX = 4 };

/* What the values of an input are made into, and what is an error of the record. */
enum input_want {
	WANT_KEY,    /* any value; equal numbers are one */
	WANT_ANY,    /* any value */
	WANT_ORDER,  /* texts that are written like numbers are numbers; no arrays and objects */
	WANT_NUMBER, /* and nothing but numbers */
	WANT_TRUTH,  /* null unless it is true */
};

struct input {
	const char *source;
	const char *shown; /* the function, or the key: for mistakes of records */
	enum input_want want;
	struct expr *expr; /* NULL: a field */
	unsigned field;
};

struct finish;
struct member;

struct aggregate_function {
	const char *name, *form; /* "top(value, n)" */
	enum input_want want;
	unsigned args; /* 0 (or 1), 1, 2: the second is a number */
	const struct state_ops *states[FUNCTION_STATES_MAX];
	bool descending;
	/* How much its states keep: exactly before a sketch, or at all. */
	enum { KEEP_NOTHING, KEEP_VALUES, KEEP_DISTINCT, KEEP_ONE, KEEP_MANY } keep;
	double q; /* of quantiles; -1: the second argument */
	int (*finish)(struct finish *finish, struct value *ret); /* -1: no memory */
};

/* A member of the result that is no key. */
struct member {
	const char *name;
	const struct aggregate_function *function;
	unsigned states[FUNCTION_STATES_MAX]; /* of the plan's */
	double q;
};

struct aggregates {
	struct arena arena;
	unsigned keys, inputs_count, states_count, members_count;
	struct input *inputs; /* the keys first */
	struct state_plan *states;
	struct member *members;
	const char **key_names;
	size_t states_bytes;
	uint64_t values_max, distinct_max; /* kept exactly */
	uint64_t fingerprint;		   /* of all that makes saved groups readable */
	bool computes;			   /* some input is an expression */
	bool places;			   /* some state asks where a record stands */
};

struct group_sort {
	unsigned count;
	struct sort_by {
		unsigned member; /* keys first */
		bool descending;
	} by[];
};

/* functions.c: any case.  "p99.9" is the quantile function and *ret_q. */
const struct aggregate_function *aggregate_find(const char *name, size_t len, double *ret_q);

/* A group's states become a value, which lives in them or in `text` until the next. */
struct finish {
	const struct aggregates *plan;
	const struct member *member;
	uint8_t *states;
	struct buf *text;
	bool approximate; /* set when it is */
};

static inline void *finish_state(const struct finish *finish, unsigned i)
{
	return finish->states + finish->plan->states[finish->member->states[i]].offset;
}

#endif
