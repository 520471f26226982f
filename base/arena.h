/* SPDX-License-Identifier: MIT */
/* arena.h - memory that is given back all at once.
 *
 * One arena for a request, a plan, a page: allocate, never free singly, then
 * arena_done().  An arena has a limit in bytes; past it, or without memory,
 * arena_alloc() returns NULL and arena_failed() stays true.
 *
 * Threads    one at a time.
 * Ownership  what it hands out lives until arena_done() or arena_clear().
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/compiler.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *blocks; /* newest first */
	char *at, *end;		    /* the free rest of the newest block */
	size_t used;		    /* bytes taken from malloc */
	size_t max;
	bool failed;
};

#define ARENA(max_) ((struct arena){.max = (max_)})

void arena_init(struct arena *arena, size_t max);
void arena_done(struct arena *arena);
void arena_clear(struct arena *arena); /* empty again; keeps one block */

void *arena_alloc(struct arena *arena, size_t size); /* zeroed, aligned for any type */
void *arena_take(struct arena *arena, size_t size);  /* the same, but not zeroed */
void *arena_array(struct arena *arena, size_t count, size_t size);    /* overflow-checked */
char *arena_copy(struct arena *arena, const void *bytes, size_t len); /* NUL appended */
char *arena_text(struct arena *arena, const char *text);
char *arena_printf(struct arena *arena, const char *fmt, ...) PRINTF(2, 3);
char *arena_vprintf(struct arena *arena, const char *fmt, va_list args) PRINTF(2, 0);

static inline bool arena_failed(const struct arena *arena)
{
	return arena->failed;
}

#endif
