/* SPDX-License-Identifier: MIT */
/* job_named.h - a job that a spec names.
 *
 * Threads    every function from any thread.
 */
#ifndef HANDLERS_JOB_NAMED_H
#define HANDLERS_JOB_NAMED_H

#include "base/id.h"
#include "handlers/handler.h"

/* Reads its id; adds a mistake at the pointer when it is none, or when there is no such job. */
void job_named(const char *text, const char *pointer, struct planner *planner, struct id *ret);

#endif
