/* SPDX-License-Identifier: MIT */
/* pattern.h - regular expressions (PCRE2) that hostile patterns and texts cannot abuse.
 *
 * Patterns and texts are UTF-8; \w, \d, \s, \b and case are Unicode's.  A search is
 * bounded in steps, memory and CPU time (PATTERN_MATCH_STEPS_MAX and kin in limits.h);
 * one that would cost more is ERR_LIMIT, never a stall.
 *
 * Threads    a pattern is constant once compiled: searched by many threads at once,
 *            each with a scratch of its own.
 * Ownership  said at each function; found spans point into the caller's text.
 */
#ifndef BASE_PATTERN_H
#define BASE_PATTERN_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct pattern;
struct pattern_scratch;

struct pattern_mistake {
	size_t offset;	  /* in bytes, into the pattern */
	char detail[160]; /* what is wrong there */
};

enum pattern_flags { PATTERN_CASELESS = 1, PATTERN_ANCHORED = 2 /* the whole text */ };

/* 0 and the pattern, or -1: *mistake (the pattern is wrong or longer than
 * PATTERN_BYTES_MAX) and *err (ERR_INVALID_SPEC or ERR_NO_MEMORY). */
int pattern_compile(const char *source, unsigned flags, struct pattern **ret_pattern,
		    struct pattern_mistake *mistake, struct err *err);
void pattern_free(struct pattern *pattern); /* NULL is fine */

unsigned pattern_groups(const struct pattern *pattern); /* without the whole match */
/* The number of a named group; -1: there is none. */
int pattern_group(const struct pattern *pattern, const char *name);

/* What one thread needs to search; for any pattern. */
struct pattern_scratch *pattern_scratch_new(void); /* NULL: no memory */
void pattern_scratch_free(struct pattern_scratch *scratch);

struct span {
	size_t start, end; /* end < start: this group took no part */
};

/* Looks from `start` on; with start > 0 it goes on in the text that this scratch searched
 * last, whose bytes have not changed since.  1: found, *ret_spans borrowed from the scratch until
 * its next use, [0] the whole match, [1…groups] the groups; 0: not found; -1 and *err: ERR_LIMIT,
 * ERR_NO_MEMORY, ERR_INVALID_SPEC when the text is no UTF-8. */
int pattern_search(const struct pattern *pattern, struct pattern_scratch *scratch, const char *text,
		   size_t len, size_t start, const struct span **ret_spans, struct err *err);

#endif
