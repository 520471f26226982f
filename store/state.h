/* SPDX-License-Identifier: MIT */
/* state.h - the states of a job and every move between them, as one table.
 *
 *                       ┌─────────────── due ────────────────┐
 *   scheduled ── due ─▶ pending ── start ─▶ running ── retry ─▶ retrying
 *                        ▲   ▲ └─ pause ─▶ paused ◀─ pause ┤
 *                        │   └─── resume ──┘               ├─ complete ─▶ completed
 *                        └── crash, yield ─────────────────┤
 *                                                          └─ fail ─────▶ failed
 *   every state that is not final ── cancel ─▶ cancelled
 *   scheduled, pending, retrying, paused ── expire ─▶ failed
 *   failed, cancelled ── again ─▶ pending        (POST …/retry)
 *   completed, failed ── mend ─▶ pending         (POST …/retry?items=failed)
 *
 * due        store/op_moves.c: the clock reached ready_ms
 * expire     store/op_moves.c: the clock reached deadline_ms (a run looks by itself)
 * start      engine: OP_START, or folded into OP_COMMIT and OP_FINISH
 * complete, fail, retry, yield   engine: OP_FINISH
 * crash      store_open: what was running when the daemon died
 * cancel, pause, resume, again, mend   http: OP_MOVE
 *
 * A paused job whose run is still putting its last changes away may yet complete or
 * fail; its retry and yield leave it paused.
 * completed, failed and cancelled are final; mend asks for failed items.  A move that the table
 * does not have is a 409 at the door and an assert inside.
 */
#ifndef STORE_STATE_H
#define STORE_STATE_H

#include <stdbool.h>
#include <stdint.h>

enum job_state {
	JOB_SCHEDULED,
	JOB_PENDING,
	JOB_RUNNING,
	JOB_RETRYING,
	JOB_PAUSED,
	JOB_COMPLETED,
	JOB_FAILED,
	JOB_CANCELLED,
	JOB_STATES
};

enum job_move {
	JOB_MOVE_DUE,
	JOB_MOVE_EXPIRE,
	JOB_MOVE_START,
	JOB_MOVE_COMPLETE,
	JOB_MOVE_FAIL,
	JOB_MOVE_RETRY,
	JOB_MOVE_YIELD, /* a drain: back to pending, the attempt is not consumed */
	JOB_MOVE_CRASH,
	JOB_MOVE_CANCEL,
	JOB_MOVE_PAUSE,
	JOB_MOVE_RESUME,
	JOB_MOVE_AGAIN,
	JOB_MOVE_MEND,
	JOB_MOVES
};

/* True and the new state when the table has the move. */
bool state_move(enum job_state from, enum job_move move, enum job_state *ret_to);
uint32_t state_sources(enum job_move move); /* bit per state that may make the move */
bool state_is_final(enum job_state state);
const char *state_name(enum job_state state);
bool state_parse(const char *name, enum job_state *ret_state);
const char *move_name(enum job_move move);

#endif
