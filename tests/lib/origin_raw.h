/* SPDX-License-Identifier: MIT */
/* origin_raw.h - answers that no server should give, by name.
 *
 * Threads    every function from any thread.
 * Errors     an unknown name ends the test.
 */
#ifndef TESTS_LIB_ORIGIN_RAW_H
#define TESTS_LIB_ORIGIN_RAW_H

struct buf;

/* Appends the answer of that name; the connection is then to be closed. */
void origin_raw(const char *name, struct buf *out);

#endif
