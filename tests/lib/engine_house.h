/* SPDX-License-Identifier: MIT */
/* engine_house.h - an engine over a real store in a temporary directory, for tests.
 *
 * Threads    one test at a time.
 */
#ifndef TESTS_LIB_ENGINE_HOUSE_H
#define TESTS_LIB_ENGINE_HOUSE_H

#include "base/id.h"
#include "base/lock.h"
#include "service/engine/engine.h"

enum { HOUSE_WAIT_MS_MAX = 120 * 1000 }; /* for what must happen, on a loaded machine too */

struct house {
	char dir[64];
	struct store *store;
	struct engine *engine;
	unsigned workers;
	const char *vfs; /* of the store; NULL: the system's */
	/* Called on the writer thread with each event; NULL: none. */
	void (*on_event)(void *ctx, const struct event *event);
	void *ctx;

	struct lock lock;
	struct cond news;
	uint64_t events; /* seen */
	uint64_t told;	 /* commits */
};

/* In a new directory; house_open() again after house_close() finds what was left.  All of
 * these abort when they fail. */
void house_make(struct house *house, unsigned workers);
void house_open(struct house *house);
void house_close(struct house *house);	/* drains */
void house_remove(struct house *house); /* after the last close */

/* store_config.on_told of a store that the test opens itself; ctx: the house. */
void house_told(void *house);

/* Submits one job and waits until it is committed and may run. */
struct id house_submit(struct house *house, const char *json);
/* A move, waited for: its error's code, ERR_NONE when it was made. */
enum err_code house_move(struct house *house, const struct id *id, enum job_move move);
/* Waits until the job is in one of the states (a bit each); the row, without texts but
 * summary and error_detail, which job_done() frees. */
struct job house_wait(struct house *house, const struct id *id, uint32_t states);
struct job house_wait_end(struct house *house, const struct id *id);
/* Waits for the next events, a second at most. */
void house_news(struct house *house);
/* All committed results; the caller frees. */
char *house_results(struct house *house, const struct id *id, size_t *ret_len);

#endif
