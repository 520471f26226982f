/* SPDX-License-Identifier: MIT */
/* api_job.h - a job as the API shows it, and waiting for its end.
 *
 * Threads    the request's.
 */
#ifndef SERVICE_HTTP_API_JOB_H
#define SERVICE_HTTP_API_JOB_H

#include "base/json.h"
#include "service/http/api.h"

/* Adds the job as an object.  Its spec, with secrets as "***", is `spec` if that is known,
 * else what the row's body says; rows of lists have none. */
void job_out(const struct job *job, const struct json *spec, struct json_out *out);

/* Answers with the job: ETag, and Location when `located`. */
void job_reply(struct request *request, int status, const struct job *job, bool located);

/* What a client wants to know of the end: Prefer: wait=N or ?wait=10s, ?expect=,
 * ?include=results. */
struct wait_wish {
	int64_t wait_ms; /* 0: no waiting */
	bool preferred;	 /* by Prefer: Preference-Applied is owed */
	bool expect_completed;
	bool include_results;
	uint64_t after_seq; /* of a job just submitted: all its events come after; 0: any job */
};
int wait_wish_read(struct request *request, struct wait_wish *ret_wish, struct err *err);

/* Answers with the job as soon as it is final (200) or when the time is over
 * (`status_late`: 202 of a submit, 200 of a GET); without a wait at once. */
void job_reply_wait(struct request *request, const struct id *id, const struct wait_wish *wish,
		    int status_late);

/* The same in two steps, for a job about to be submitted: from the first on its end wakes
 * the request.  NULL: answered. */
struct wait;
struct wait *job_wait_new(struct request *request, const struct id *id,
			  const struct wait_wish *wish);
void job_wait_reply(struct request *request, struct wait *wait, int status_late); /* takes it */
void job_wait_free(struct wait *wait);						  /* NULL is fine */

/* A change of one job that is under way: the answer is the job as of the commit.
 * NULL: answered.  change_done() is an engine_move_done; also call it, with the error,
 * when the engine refuses at once. */
struct change;
struct change *change_new(struct request *request);
void change_done(void *change, struct job *job, const struct err *err);

/* A spec with credentials hidden: values of members such as "authorization" or
 * "password", and user:password@ in URLs. */
void spec_out_redacted(struct json_out *out, const char *name, const struct json *spec);

#endif
