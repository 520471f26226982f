/* SPDX-License-Identifier: MIT */
/* state.c - the diagram of state.h as a table: for each move the state it leads to
 * from each state, NONE where there is no such edge.
 */
#include "store/state.h"

#include "base/compiler.h"

#include <string.h>

enum { NONE = 0 };
#define TO(state) ((state) + 1) /* so that 0, what the table does not mention, is NONE */

/* clang-format off */
static const unsigned char moves[JOB_MOVES][JOB_STATES] = {
	[JOB_MOVE_DUE]      = {[JOB_SCHEDULED] = TO(JOB_PENDING),   [JOB_RETRYING] = TO(JOB_PENDING)},
	[JOB_MOVE_EXPIRE]   = {[JOB_SCHEDULED] = TO(JOB_FAILED),    [JOB_PENDING]  = TO(JOB_FAILED),
	                       [JOB_RETRYING]  = TO(JOB_FAILED),    [JOB_PAUSED]   = TO(JOB_FAILED)},
	[JOB_MOVE_START]    = {[JOB_PENDING]   = TO(JOB_RUNNING)},
	/* A run that was paused may still end by itself, or fall short of it. */
	[JOB_MOVE_COMPLETE] = {[JOB_RUNNING]   = TO(JOB_COMPLETED), [JOB_PAUSED]   = TO(JOB_COMPLETED)},
	[JOB_MOVE_FAIL]     = {[JOB_RUNNING]   = TO(JOB_FAILED),    [JOB_PAUSED]   = TO(JOB_FAILED)},
	[JOB_MOVE_RETRY]    = {[JOB_RUNNING]   = TO(JOB_RETRYING),  [JOB_PAUSED]   = TO(JOB_PAUSED)},
	[JOB_MOVE_YIELD]    = {[JOB_RUNNING]   = TO(JOB_PENDING),   [JOB_PAUSED]   = TO(JOB_PAUSED)},
	[JOB_MOVE_CRASH]    = {[JOB_RUNNING]   = TO(JOB_PENDING)},
	[JOB_MOVE_CANCEL]   = {[JOB_SCHEDULED] = TO(JOB_CANCELLED), [JOB_PENDING]  = TO(JOB_CANCELLED),
	                       [JOB_RUNNING]   = TO(JOB_CANCELLED), [JOB_RETRYING] = TO(JOB_CANCELLED),
	                       [JOB_PAUSED]    = TO(JOB_CANCELLED)},
	[JOB_MOVE_PAUSE]    = {[JOB_PENDING]   = TO(JOB_PAUSED),    [JOB_RUNNING]  = TO(JOB_PAUSED)},
	[JOB_MOVE_RESUME]   = {[JOB_PAUSED]    = TO(JOB_PENDING)},
	[JOB_MOVE_AGAIN]    = {[JOB_FAILED]    = TO(JOB_PENDING),   [JOB_CANCELLED] = TO(JOB_PENDING)},
	[JOB_MOVE_MEND]     = {[JOB_COMPLETED] = TO(JOB_PENDING),   [JOB_FAILED]   = TO(JOB_PENDING)},
};

static const char *const state_names[JOB_STATES] = {
	[JOB_SCHEDULED] = "scheduled", [JOB_PENDING] = "pending",     [JOB_RUNNING] = "running",
	[JOB_RETRYING]  = "retrying",  [JOB_PAUSED]  = "paused",      [JOB_COMPLETED] = "completed",
	[JOB_FAILED]    = "failed",    [JOB_CANCELLED] = "cancelled",
};

static const char *const move_names[JOB_MOVES] = {
	[JOB_MOVE_DUE]   = "due",   [JOB_MOVE_START]  = "start",  [JOB_MOVE_COMPLETE] = "complete",
	[JOB_MOVE_FAIL]  = "fail",  [JOB_MOVE_RETRY]  = "retry",  [JOB_MOVE_YIELD]    = "yield",
	[JOB_MOVE_CRASH] = "crash", [JOB_MOVE_CANCEL] = "cancel", [JOB_MOVE_PAUSE]    = "pause",
	[JOB_MOVE_RESUME] = "resume", [JOB_MOVE_AGAIN] = "again", [JOB_MOVE_EXPIRE] = "expire",
	[JOB_MOVE_MEND]  = "mend",
};
/* clang-format on */

bool state_move(enum job_state from, enum job_move move, enum job_state *ret_to)
{
	unsigned char to = moves[move][from];

	if (to == NONE)
		return false;
	*ret_to = (enum job_state)(to - 1);
	return true;
}

uint32_t state_sources(enum job_move move)
{
	uint32_t sources = 0;

	for (unsigned from = 0; from < JOB_STATES; from++)
		if (moves[move][from] != NONE)
			sources |= 1U << from;
	return sources;
}

bool state_is_final(enum job_state state)
{
	return state == JOB_COMPLETED || state == JOB_FAILED || state == JOB_CANCELLED;
}

const char *state_name(enum job_state state)
{
	return state_names[state];
}

bool state_parse(const char *name, enum job_state *ret_state)
{
	for (unsigned state = 0; state < JOB_STATES; state++) {
		if (strcmp(name, state_names[state]) == 0) {
			*ret_state = (enum job_state)state;
			return true;
		}
	}
	return false;
}

const char *move_name(enum job_move move)
{
	return move_names[move];
}
