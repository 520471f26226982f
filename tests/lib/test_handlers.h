/* SPDX-License-Identifier: MIT */
/* test_handlers.h - job types that do what the real families will do, in small.
 *
 * A test that compiles jobs of these types defines the registry itself:
 *
 *   const struct handler *const handlers[] = {TEST_HANDLERS, NULL};
 *   const struct handler *handler_find(const char *name) { return test_handler(name); }
 */
#ifndef TESTS_LIB_TEST_HANDLERS_H
#define TESTS_LIB_TEST_HANDLERS_H

#include "handlers/handler.h"

#include <stdatomic.h>
#include <stdint.h>

extern const struct handler handler_noop;     /* one lane, one step, a summary */
extern const struct handler handler_context;  /* its summary is what run_context() says */
extern const struct handler handler_frontier; /* parts that find parts, many twice */
extern const struct handler handler_ordered;  /* four lanes, parts of uneven length, in order */
extern const struct handler handler_merge;    /* lanes add up with checkpoints, then one merges */
extern const struct handler handler_half;     /* each part fails half way, once */
extern const struct handler handler_flaky;    /* the first `failures` attempts fail */
extern const struct handler handler_failing;  /* the first `failures` parts have a failed item */
extern const struct handler handler_endless;  /* "spin", "wait" or "hold" until it is stopped */
extern const struct handler handler_timers;   /* lanes that wake each other and wait on timers */

#define TEST_HANDLERS                                                                              \
	&handler_context, &handler_endless, &handler_failing, &handler_flaky, &handler_frontier,   \
		&handler_half, &handler_merge, &handler_noop, &handler_ordered, &handler_timers

const struct handler *test_handler(const char *name);

/* How often each part was worked on, by its number; NULL: not counted.  Shared memory in
 * the crash test. */
extern _Atomic unsigned *test_part_runs;
extern _Atomic unsigned test_steps; /* of endless: so that a test can wait for it to run */
extern _Atomic unsigned test_opens; /* attempts that were opened, of any type */

#endif
