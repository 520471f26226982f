/* SPDX-License-Identifier: MIT */
/* handler.h - what a job type is.
 *
 * A handler is one `const struct handler` of designated initialisers at the
 * bottom of its own file, and one line in registry.c.  Only name, summary, params
 * and step are required: without the others a job has one phase of one lane, no
 * state of its own, and its plan is the checked spec.
 *
 * The life of an attempt, as the engine calls it:
 *
 *   plan ─ once at submit (mistakes become a 422), again when a job is taken up
 *   open ─▶ phase(0) = n lanes ─▶ step(0, lane) … until every lane is DONE
 *           phase(1) = m lanes ─▶ step(1, lane) …
 *           phase(k) = 0: finished; the summary was set ─▶ close
 *
 * Threads    plan, check, rehearse, preview: any thread, several at once (they are pure).  open,
 *            phase, close: one worker, no step of the run is under way.  step:
 *            one worker for each lane at a time, lanes in parallel: state of one
 *            lane needs no lock.
 * Ownership  the engine owns plan and state and gives them to plan_free, close.
 * Errors     0, or -1 and *err; STEP_FAIL and *err.  err_retryable(err.code) says
 *            whether another attempt is made.
 */
#ifndef HANDLERS_HANDLER_H
#define HANDLERS_HANDLER_H

#include "base/err.h"
#include "base/spec.h"

#include <stdbool.h>

struct fetch_result;
struct files;
struct guard;
struct id;
struct json_out;
struct run;

/* Each handler defines its own struct plan in its own file; nobody else looks in. */
struct plan;

enum step {
	STEP_MORE, /* more to do on this lane now */
	STEP_WAIT, /* nothing on this lane until a wake: a completion, a timer, room, a part */
	STEP_DONE, /* this lane has nothing left in this phase */
	STEP_FAIL, /* the attempt fails with *err */
};

/* What the operator allows jobs: constant, the same for all plans. */
struct permits {
	const struct guard *guard; /* which addresses */
	bool insecure_tls;	   /* requests that verify no certificate */
	/* Is there such a job?  NULL: nobody knows, or it may have gone since the submit. */
	bool (*job_known)(void *ctx, const struct id *id);
	void *ctx;
};

struct planner {
	struct mistakes *mistakes; /* where mistakes go, with pointers under "/spec" */
	const struct permits *permits;
};

/* What a dry run may use. */
struct rehearsal {
	int64_t records;	   /* so many of the input, the first */
	const struct json *params; /* of the envelope; NULL: none */
	const struct files *files;
};

struct handler {
	const char *name;
	const char *summary;	    /* one sentence for GET /v1/handlers */
	const struct param *params; /* the members of the spec; checked before plan */
	bool io_bound;		    /* waits more than it computes: many may be active at once */
	bool failed_are_items;	    /* a failed item is emitted too (scrape): items counts it */

	/* Compiles a spec that passed `params`.  Adds every mistake it finds; 0 and the
	 * plan, or -1.  The spec outlives the plan. */
	int (*plan)(const struct json *spec, struct planner *planner, struct plan **ret_plan);
	void (*plan_free)(struct plan *plan);

	/* Adds members to the plan that a dry run shows.  Optional. */
	void (*describe)(const struct plan *plan, struct json_out *out);

	/* Tries a plan without a job (dry runs, …/validate), on a thread of its own, bounded to a
	 * few seconds.  Optional, both.  check: the spec's own tests; mistakes are added.
	 * rehearse: adds members that tell what the first records of its input become; -1 and
	 * *err: they cannot be had here. */
	void (*check)(const struct plan *plan, const struct rehearsal *rehearsal,
		      struct mistakes *mistakes);
	int (*rehearse)(const struct plan *plan, const struct rehearsal *rehearsal,
			struct json_out *out, struct err *err);

	int (*open)(struct run *run, const struct plan *plan, void **ret_state, struct err *err);
	/* How many lanes (1 … LANES_MAX) the next phase has; 0: finished. */
	int (*phase)(struct run *run, void *state, unsigned phase, unsigned *ret_lanes,
		     struct err *err);
	/* A bounded slice of work: about 5 ms. */
	enum step (*step)(struct run *run, void *state, unsigned phase, unsigned lane,
			  struct err *err);
	void (*close)(void *state); /* after the last step and the last completion */

	/* Tries a spec on a sample without a job (POST /v1/handlers/{name}/test).  Optional,
	 * all three.  The body has the members `html` (the sample itself), `content_type`
	 * and `url` (fetched when there is no html) and what the handler adds; it outlives
	 * the plan, which plan_free ends.  preview writes one JSON object, bounded to a few
	 * seconds of work, on a thread of its own. */
	const struct param *preview_params;
	int (*preview_plan)(const struct json *body, struct planner *planner,
			    struct plan **ret_plan);
	int (*preview)(const struct plan *plan, const struct fetch_result *sample,
		       struct json_out *out, struct err *err);
};

/* registry.c: all handlers, ended by NULL, sorted by name. */
extern const struct handler *const handlers[];
const struct handler *handler_find(const char *name); /* NULL: unknown */

#endif
