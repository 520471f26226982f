/* SPDX-License-Identifier: MIT */
/* reading.h - an input read as a text that a test can compare.
 *
 * A row is a line: "@12 {"a":1} | 1", where it begins, what it is as JSON, and the values of
 * the paths; or "@12 +3 detail" when something is wrong 3 bytes from its beginning ("+3t" when
 * it is a type).
 *
 * Ownership  the texts are the caller's (free).
 * Errors     "error: detail" at the end of the text; the program ends when a spec has mistakes.
 */
#ifndef TESTS_LIB_READING_H
#define TESTS_LIB_READING_H

#include "base/mistakes.h"
#include "handlers/input/format.h"

#include <stddef.h>

/* From the members of an input as JSON; NULL: there are mistakes. */
struct format *format_from(const char *spec, struct mistakes *mistakes);

/* `step` bytes come at once, and as many more as long as nothing is used; 0: all. */
char *input_read(const char *spec, const char *const *paths, const char *text, size_t len,
		 size_t step);
/* The same in portions, each by a reader that knows nothing of the others: as many as
 * format_cut() finds in blocks of `piece` bytes. */
char *input_read_cut(const char *spec, const char *const *paths, const char *text, size_t len,
		     size_t piece);

#endif
