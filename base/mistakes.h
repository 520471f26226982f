/* SPDX-License-Identifier: MIT */
/* mistakes.h - everything that is wrong with a spec, told at once.
 *
 * Validation never stops at the first mistake: each is added with the JSON
 * pointer (RFC 6901) of the value that is wrong, what is wrong, and what would be
 * right.  The door turns the list into one RFC 9457 problem with `errors`.
 *
 * Threads    one at a time.
 * Ownership  the list owns copies of all texts; mistakes_done() frees them.  A
 *            struct mistakes points into itself: it is not to be copied.
 */
#ifndef BASE_MISTAKES_H
#define BASE_MISTAKES_H

#include "base/arena.h"
#include "base/err.h"

struct mistake {
	const char *pointer; /* "/spec/urls/0" */
	const char *type;    /* "unknown-member", "wrong-type", "out-of-range", … */
	const char *detail;  /* what is wrong, in a sentence without a full stop */
	const char *hint;    /* what would be right; NULL: none */
	const char *source;  /* the line of a script or selector; NULL: none */
	int line, column;    /* inside the source; 0: none */
	struct mistake *next;
};

struct mistakes {
	struct arena arena;
	struct mistake *first, **last;
	struct mistake spare; /* what mistake_add() returns beyond the kept ones */
	unsigned count;	      /* all; at most SPEC_MISTAKES_MAX are kept */
	enum err_code code;   /* the code all share, else ERR_INVALID_SPEC; ERR_NONE: no mistake */
};

void mistakes_init(struct mistakes *mistakes);
void mistakes_done(struct mistakes *mistakes);

/* Adds one of ERR_INVALID_SPEC; returns it so that hint, source and place can be set,
 * never NULL.  Pointers and texts beyond a sane length are cut. */
struct mistake *mistake_add(struct mistakes *mistakes, const char *pointer, const char *type,
			    const char *fmt, ...) PRINTF(4, 5);

/* The same with a code of its own (ERR_ADDRESS_DENIED, ERR_NOT_IMPLEMENTED); its
 * public name is the type. */
struct mistake *mistake_add_code(struct mistakes *mistakes, enum err_code code, const char *pointer,
				 const char *fmt, ...) PRINTF(4, 5);

void mistake_hint(struct mistakes *mistakes, struct mistake *mistake, const char *fmt, ...)
	PRINTF(3, 4);

/* "pointer/name" with ~ and / escaped, in the mistakes' arena: for mistakes only, not
 * for every value looked at.  Too long a one is `pointer` itself. */
const char *mistakes_pointer(struct mistakes *mistakes, const char *pointer, const char *name);
const char *mistakes_pointer_index(struct mistakes *mistakes, const char *pointer, size_t index);

/* The candidate nearest to `name`, or NULL: Damerau-Levenshtein distance (restricted:
 * no part is edited twice) at most a third of its length, rounded up, and less than
 * the length.  Upper and lower case, '-' and '_' count as the same.  `candidates` ends
 * with NULL; of equals the first wins. */
const char *nearest_name(const char *name, const char *const *candidates);

#endif
