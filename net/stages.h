/* SPDX-License-Identifier: MIT */
/* stages.h - what a fetch passes besides its host's queue: robots.txt, cookies, the cache.
 *
 *   stage_admit ─▶ its host's queue ─▶ stage_headers ─▶ transfer ─▶ stage_head ─▶ stage_answer
 *        │              ▲                                                              │
 *        └── ANSWERED   └────────────── retries pass stage_headers only ◀──────────────┤
 *            (stage_answer is skipped)                           redirects: stage_admit ┘
 *
 * One function for each place, which asks the neighbours in turn; attempt.c calls them.
 *
 * Threads    the fetcher's; none may block.
 * Ownership  a stage may read and change fetch->result and fetch->request; what it keeps
 *            of a fetch that it holds ends with stage_let_go().
 */
#ifndef NET_STAGES_H
#define NET_STAGES_H

#include <stdbool.h>

struct fetch;

enum admit {
	ADMIT_GO,	/* into the queue of its host */
	ADMIT_HELD,	/* a stage holds it, and calls attempt_admit() when it knows more */
	ADMIT_FULL,	/* there is no place to hold it: asked for again when there may be */
	ADMIT_ANSWERED, /* the result has status, head and body: no transfer is needed */
	ADMIT_REFUSED,	/* the result's err says why */
};

/* Before each hop: the first one, and each redirect.  A fetch that was held is asked for
 * again from the first stage on. */
enum admit stage_admit(struct fetch *fetch);

/* A fetch that is held was cancelled, or its deadline has passed: forget it. */
void stage_let_go(struct fetch *fetch);

/* Just before a transfer: headers besides those of the request, or in place of those that
 * have the same name, each with attempt_header(fetch, name, value).  -1: no memory. */
int stage_headers(struct fetch *fetch);

/* The head of an answer is complete (status 200 or above), its body has not come yet:
 * attempt_head(fetch, name, nth) reads it. */
void stage_head(struct fetch *fetch, int status);

/* An answer arrived whole, of whatever status; a redirect is not followed yet. */
void stage_answer(struct fetch *fetch);

/* It ended without an answer and will not be tried again.  True: the result has another
 * answer now. */
bool stage_rescue(struct fetch *fetch);

/* It ends. */
void stage_end(struct fetch *fetch);

#endif
