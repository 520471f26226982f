/* SPDX-License-Identifier: MIT */
/* api_moves.c - cancel, retry, pause, resume: one job, or all that match a filter.
 *
 * One: POST /v1/jobs/{id}/cancel is answered with the job as the move left it, once that
 * is durable; what happens next (a retried job may run at once) is no part of it.
 * Many: POST /v1/jobs/cancel?state=pending&tag=… moves up to BULK_JOBS_MAX jobs and
 * says whether more are left.
 */
#include "base/limits.h"
#include "service/http/api_job.h"
#include "service/http/api_query.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static void move_one(struct request *request, enum job_move move)
{
	static const char *const none[] = {NULL}, *const items[] = {"items", NULL};
	const char *const *known = move == JOB_MOVE_AGAIN ? items : none;
	struct change *change;
	struct err err;
	struct id id;

	if (request_query_check(request, known, &err) || path_id(request, &id, &err)) {
		reply_problem(request, &err);
		return;
	}
	if (request_query(request, "items")) {
		if (strcmp(request_query(request, "items"), "failed") != 0) {
			reply_problemf(request, ERR_BAD_PARAMETER, "items is failed");
			return;
		}
		move = JOB_MOVE_MEND;
	}
	change = change_new(request);
	if (change && engine_move(api_of(request)->engine, &id, move, change_done, change, &err))
		change_done(change, NULL, &err);
}

void job_cancel(struct request *request)
{
	move_one(request, JOB_MOVE_CANCEL);
}

void job_retry(struct request *request)
{
	move_one(request, JOB_MOVE_AGAIN);
}

void job_pause(struct request *request)
{
	move_one(request, JOB_MOVE_PAUSE);
}

void job_resume(struct request *request)
{
	move_one(request, JOB_MOVE_RESUME);
}

/* ---- many ---- */

struct bulk {
	struct later *later;
	unsigned moved;
	size_t matched;
	bool more;
	/* Written by the writer thread and, for moves refused at once, the request's;
	 * whoever brings it to zero ends the bulk. */
	atomic_uint left;
};

static void bulk_reply(struct request *request, size_t matched, unsigned moved, bool more)
{
	struct buf body = BUF(REPLY_BYTES_MAX);
	struct json_out out = JSON_OUT(&body);

	json_out_object(&out, NULL);
	json_out_int(&out, "matched", (int64_t)matched);
	json_out_int(&out, "moved", moved);
	json_out_bool(&out, "more", more);
	json_out_end(&out, '}');
	reply_json(request, 200, &body);
}

static void bulk_answer(struct request *request, void *ctx)
{
	struct bulk *bulk = ctx;

	bulk_reply(request, bulk->matched, bulk->moved, bulk->more);
}

static void bulk_step(struct bulk *bulk)
{
	if (atomic_fetch_sub(&bulk->left, 1) == 1)
		later_done(bulk->later);
}

/* Moves are made on the writer thread only, so `moved` has one writer; the last step
 * orders it. */
static void bulk_moved(void *ctx, struct job *job, const struct err *err)
{
	struct bulk *bulk = ctx;

	(void)err;
	if (job)
		bulk->moved++;
	bulk_step(bulk);
}

struct matches {
	struct id *ids;
	size_t count;
	bool more;
};

/* The ids of up to BULK_JOBS_MAX matching jobs (ids NULL: counts up to BULK_COUNT_MAX). */
static int matches_read(struct store *store, struct job_filter *filter, struct matches *matches,
			struct err *err)
{
	struct job *page = calloc(LIST_ITEMS_MAX, sizeof(*page));
	size_t room = matches->ids ? BULK_JOBS_MAX : BULK_COUNT_MAX;
	bool more = true;
	int rc = 0;

	if (!page)
		return err_set(err, ERR_NO_MEMORY, "no memory for the list");
	filter->limit = LIST_ITEMS_MAX;
	while (rc == 0 && more && matches->count < room) {
		size_t count = 0;
		struct id after;

		rc = store_job_list(store, filter, page, &count, &more, &after, err);
		for (size_t i = 0; i < count; i++) {
			if (matches->ids && matches->count < room)
				matches->ids[matches->count] = page[i].id;
			matches->count++;
			job_done(&page[i]);
		}
		filter->after = after;
	}
	matches->more = more || matches->count > room;
	matches->count = MIN(matches->count, room);
	free(page);
	return rc;
}

static void bulk_start(struct request *request, const struct matches *matches, enum job_move move)
{
	struct bulk *bulk = calloc(1, sizeof(*bulk));
	struct err err;

	if (!bulk) {
		reply_problemf(request, ERR_NO_MEMORY, "no memory for the moves");
		return;
	}
	bulk->matched = matches->count;
	bulk->more = matches->more;
	atomic_init(&bulk->left, (unsigned)matches->count + 1);
	bulk->later = reply_later(request, bulk_answer, free, bulk);
	if (!bulk->later)
		return;
	for (size_t i = 0; i < matches->count; i++)
		if (engine_move(api_of(request)->engine, &matches->ids[i], move, bulk_moved, bulk,
				&err))
			bulk_step(bulk);
	bulk_step(bulk);
}

/* Only jobs whose state has the move. */
static bool filter_narrow(struct job_filter *filter, enum job_move move)
{
	uint32_t sources = state_sources(move);

	filter->states = filter->states ? filter->states & sources : sources;
	return filter->states != 0;
}

static void move_all(struct request *request, enum job_move move)
{
	static const char *const known[] = {QUERY_FILTER_NAMES, "all", "dry_run", NULL};
	struct job_filter filter = {0};
	struct matches matches = {0};
	bool all, dry_run;
	struct err err;

	if (request_query_check(request, known, &err) || query_filter(request, &filter, &err) ||
	    query_bool(request, "all", &all, &err) ||
	    query_bool(request, "dry_run", &dry_run, &err)) {
		reply_problem(request, &err);
		return;
	}
	if (!all && !query_filter_given(request)) {
		problem_hint(request, "?state=pending, ?tag=team:data, or ?all=true");
		reply_problemf(request, ERR_FILTER_REQUIRED, "this would %s every job",
			       move_name(move));
		return;
	}
	if (!dry_run) {
		matches.ids = calloc(BULK_JOBS_MAX, sizeof(*matches.ids));
		if (!matches.ids) {
			reply_problemf(request, ERR_NO_MEMORY, "no memory for the ids");
			return;
		}
	}
	if (filter_narrow(&filter, move) &&
	    matches_read(api_of(request)->store, &filter, &matches, &err))
		reply_problem(request, &err);
	else if (dry_run || matches.count == 0)
		bulk_reply(request, matches.count, 0, matches.more);
	else
		bulk_start(request, &matches, move);
	free(matches.ids);
}

void jobs_cancel(struct request *request)
{
	move_all(request, JOB_MOVE_CANCEL);
}

void jobs_retry(struct request *request)
{
	move_all(request, JOB_MOVE_AGAIN);
}

void jobs_pause(struct request *request)
{
	move_all(request, JOB_MOVE_PAUSE);
}

void jobs_resume(struct request *request)
{
	move_all(request, JOB_MOVE_RESUME);
}
