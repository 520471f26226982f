/* SPDX-License-Identifier: MIT */
/* fake_run.h - run.h in memory: tries a handler without threads, store or engine.
 *
 *   struct fake_run *fake = fake_run_new(&(struct fake_options){0});
 *
 *   assert_int_equal(fake_run_drive(fake, &handler_text, "{\"op\":…}"), FAKE_COMPLETED);
 *   assert_string_equal(fake_run_seen(fake)->summary, "{\"value\":6}");
 *   fake_run_free(fake);
 *
 * It checks and plans the spec, opens the run, steps the lanes in turn, each only
 * when something woke it, and keeps what became visible.  Time is virtual: when all
 * lanes wait, it goes on at the next timer.  Driving the same fake again is the
 * next attempt of the same job: finished parts, saved parts and checkpoints stay.
 *
 * Threads    one.
 * Ownership  fake_run_seen() and all in it belong to the fake.
 * Units      _ms of a clock that starts at FAKE_START_MS.
 */
#ifndef TESTS_LIB_FAKE_RUN_H
#define TESTS_LIB_FAKE_RUN_H

#include "handlers/handler.h"
#include "handlers/run.h"

enum { FAKE_START_MS = 1000000 };

struct fake_run;

struct fake_options {
	unsigned lanes_for_cpu;	 /* 0: 1 */
	unsigned steps_max;	 /* then FAKE_STOPPED, as a pause or a crash would; 0: a million */
	unsigned cancel_at_step; /* run_cancelled() from this step on; 0: never */
	unsigned full_every;	 /* each so many-th bounded verb answers RUN_FULL; 0: never */
	bool disk_full;		 /* for bodies */
	int64_t memory_max;	 /* for run_memory(); 0: no bound */
	const struct permits *permits;
	const char *context;	   /* for run_context(); NULL: {"params":{}} */
	struct files *files;	   /* for run_files(); a handler that has none must not ask */
	const char *other_results; /* of any other job; NULL: there is none */
	size_t other_grows; /* it shows so many bytes more when all were read; 0: it is over */
	bool other_fails;   /* when it has shown all */
	/* Serves run_fetch(): the result (fake_answer(), fake_refusal()).  NULL: all fetches
	 * end with ERR_FETCH_CONNECT. */
	struct fetch_result *(*fetch)(void *ctx, const struct fetch_request *request);
	void *ctx;
	size_t stream_bytes; /* of a body, at each run_stream_read(); 0: all comes at the end */
};

enum fake_end {
	FAKE_COMPLETED,
	FAKE_FAILED,  /* seen->err: a step, phase or open failed */
	FAKE_INVALID, /* the spec has mistakes: seen->mistakes */
	FAKE_STOPPED, /* steps_max were made */
	FAKE_STALLED, /* every lane waits and nothing will wake one: a bug of the handler */
};

struct fake_item {
	char *text;
	size_t len;
	int64_t part; /* -1: of none */
};

struct fake_failure {
	char *key, *stage; /* NULL: none */
	int64_t part, line, offset;
	unsigned attempts;
	struct err err;
};

struct fake_log {
	enum log_level level;
	char *text;
};

struct fake_body {
	char *name, *bytes;
	size_t len;
};

/* All that became visible, over all attempts; err, mistakes, steps: of the last. */
struct fake_seen {
	struct fake_item *items;
	size_t items_count;
	struct fake_failure *failures;
	size_t failures_count;
	int64_t failures_unlisted;
	struct fake_log *logs;
	size_t logs_count;
	struct fake_body *bodies;
	size_t bodies_count;
	char *summary; /* NULL: none */
	int64_t done, total;
	const char *stage;
	size_t parts, parts_done, parts_failed;
	unsigned fetches, steps, phases;
	int64_t now_ms;
	struct err err;
	struct mistakes mistakes;
};

struct fake_run *fake_run_new(const struct fake_options *options); /* aborts without memory */
void fake_run_free(struct fake_run *fake);
struct fake_options *fake_run_options(struct fake_run *fake); /* to change between drives */

enum fake_end fake_run_drive(struct fake_run *fake, const struct handler *handler,
			     const char *spec_json);
const struct fake_seen *fake_run_seen(const struct fake_run *fake);

/* All visible items, each followed by a newline; borrowed until the next call. */
const char *fake_run_ndjson(struct fake_run *fake);

/* What a fetch ends with: an answer, or a reason (ERR_FETCH_TIMEOUT, …). */
struct fetch_result *fake_answer(const struct fetch_request *request, int status,
				 const char *content_type, const char *body);
void fake_header(struct fetch_result *result, const char *name, const char *value); /* one more */
struct fetch_result *fake_refusal(const struct fetch_request *request, enum err_code code);

#endif
