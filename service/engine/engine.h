/* SPDX-License-Identifier: MIT */
/* engine.h - takes committed jobs up, runs their handlers, writes what came of it.
 *
 * The life of a job here: submit (the commit comes first) ▶ ready window ▶ a worker
 * takes it ▶ run: open, phases, steps ▶ finish (the commit comes first) ▶ told.
 * sched.h decides, pool.h has the threads, run*.c is one attempt.
 *
 * Threads    every function from any thread, but new, start and free.
 * Errors     0, or -1 and *err.
 * Locks      LOCK_ENGINE for the table of active runs.
 */
#ifndef SERVICE_ENGINE_ENGINE_H
#define SERVICE_ENGINE_ENGINE_H

#include "base/json.h"
#include "service/engine/pool.h"
#include "service/engine/sched.h"
#include "service/engine/task.h"

struct engine;
struct events;
struct files;
struct fetcher;

struct engine_config {
	struct store *store;
	struct fetcher *fetcher;
	const struct permits *permits;
	const char *scratch_dir;
	struct files *files; /* named ones, for run_files() */
	unsigned workers_min, workers_max, active_max;
	int64_t memory_max; /* bytes that runs may reserve */
};

int engine_new(const struct engine_config *config, struct engine **ret_engine, struct err *err);
int engine_start(struct engine *engine, struct err *err); /* loads what is pending */
/* Runs commit and yield, at most for_ms; nothing is started any more.  Returns the
 * number of runs that did not make it: when there are any, leave both store and engine
 * to the end of the process.  Else close the store, then free the engine: what the
 * store still had to commit may call back. */
unsigned engine_drain(struct engine *engine, int64_t for_ms);
void engine_free(struct engine *engine);

/* Hands compiled, stamped tasks to the store and, once committed, to the ready
 * window.  Takes the tasks over in any case.  done(ctx, …) on the writer thread;
 * outcomes, ids (of the existing job where one was found) and `err` are borrowed. */
struct submit_result {
	size_t count;
	const enum submit_outcome *outcomes;
	const struct id *ids;
	const struct err *err; /* NULL: committed */
};
typedef void engine_submit_done(void *ctx, const struct submit_result *result);
int engine_submit(struct engine *engine, struct task **tasks, size_t count, bool atomic,
		  const char *idempotency_key, const uint8_t *idempotency_hash,
		  engine_submit_done *done, void *ctx, struct err *err);

/* A state move from outside: cancel, pause, resume, again.  A resume waits for the run
 * that still yields, so that nothing it did is lost.  done on the writer thread after the
 * commit, or with an error on any; *job is the row as the move left it, without its body: to be
 * borrowed, or taken by leaving an empty one.  NULL on error. */
typedef void engine_move_done(void *ctx, struct job *job, const struct err *err);
int engine_move(struct engine *engine, const struct id *id, enum job_move move,
		engine_move_done *done, void *ctx, struct err *err);

/* PATCH: priority, ready_ms, tags; as op_patch says. */
struct engine_patch {
	bool set_priority, set_ready, set_tags;
	enum job_priority priority;
	int64_t ready_ms;
	const char *tags;
	uint64_t if_version;
};
int engine_patch(struct engine *engine, const struct id *id, const struct engine_patch *patch,
		 engine_move_done *done, void *ctx, struct err *err);

/* The parts of a job that have been found, and what became of those that are over. */
struct engine_parts {
	int64_t found, queued, in_flight, failed; /* found 0: it has none */
	int64_t failed_by[ERR_CODES];		  /* items that failed, by reason */
};

/* Live news of a running job that the store does not have: false when it is not active. */
struct engine_live {
	int64_t done, total;
	double rate;	   /* units/s, of late; 0: unknown */
	double mean_rate;  /* the mean of all: rate.h */
	const char *stage; /* a literal; NULL */
	int64_t items_failed;
	char waiting_reason[32]; /* "circuit-open", "throttled", "memory", "job"; "": not waiting */
	char waiting_host[272];	 /* HOST_KEY_BYTES_MAX, and the NUL */
	int64_t waiting_until_ms; /* wall; 0: unknown */
	struct id waiting_job;	  /* reason "job" */
	struct engine_parts parts;
	const char *handler; /* its name */
	char *details;	     /* of the handler, a JSON object; the caller's: free().  NULL: none */
};
bool engine_live(struct engine *engine, const struct id *id, struct engine_live *ret);

void engine_pool_view(struct engine *engine, struct pool_view *ret);
void engine_sched_view(struct engine *engine, struct sched_view *ret);

/* From the fetcher: starts of fetches that were refused as too many may be tried again. */
void engine_fetch_room(struct engine *engine);

/* Calls from the store: jobs became pending by themselves (due, or found at open). */
void engine_jobs_due(struct engine *engine, const struct event *events, size_t count);
/* The operations of a commit have been told (store_config.on_told): its new jobs may run. */
void engine_jobs_told(struct engine *engine);

#endif
