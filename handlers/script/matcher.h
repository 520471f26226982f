/* SPDX-License-Identifier: MIT */
/* matcher.h - Lua patterns (reference manual, section 6.4.1), each step counted.
 *
 * Lua's own matcher takes exponential time on some patterns and runs where no hook looks.
 *
 * Threads    one lane at a time.
 * Errors     raised in Lua: a malformed pattern, too many captures, or the vm's limits.
 */
#ifndef HANDLERS_SCRIPT_MATCHER_H
#define HANDLERS_SCRIPT_MATCHER_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

enum { CAPTURES_MAX = 32 };

struct capture {
	const char *start;
	ptrdiff_t len; /* CAPTURE_OPEN, CAPTURE_PLACE, or the bytes */
};

enum { CAPTURE_OPEN = -1, CAPTURE_PLACE = -2 };

struct matcher {
	lua_State *L;
	const char *text, *text_end, *pattern_end;
	int depth;
	unsigned steps; /* not yet charged */
	int count;	/* of captures */
	struct capture captures[CAPTURES_MAX];
};

void matcher_init(struct matcher *matcher, lua_State *L, const char *text, size_t len,
		  const char *pattern, size_t pattern_len);

/* Matches `pattern` at `at`; where the match ends, or NULL. */
const char *matcher_try(struct matcher *matcher, const char *at, const char *pattern);

/* Pushes capture `i`; the whole match when there are no captures and i is 0. */
void matcher_push(struct matcher *matcher, int i, const char *start, const char *end);
/* Pushes all; `whole` if there are none.  How many. */
int matcher_push_all(struct matcher *matcher, const char *start, const char *end);

#endif
