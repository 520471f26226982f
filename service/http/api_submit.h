/* SPDX-License-Identifier: MIT */
/* api_submit.h - what submitting one job and submitting many have in common.
 *
 * Threads    the request's.
 */
#ifndef SERVICE_HTTP_API_SUBMIT_H
#define SERVICE_HTTP_API_SUBMIT_H

#include "service/http/api.h"

/* The Idempotency-Key of a request: the same key with the same body is answered with
 * the job of the first time. */
struct idempotency {
	const char *key;  /* NULL: none; scoped by token; the request's memory */
	uint8_t hash[32]; /* of path and body */
};
int idempotency_read(struct request *request, struct idempotency *ret, struct err *err);

/* The task of the body; NULL: answered. */
struct task *task_of_body(struct request *request);

/* api_dry_run.c: what ?dry_run says, true or how many records; -1: not at all, or 0. */
int dry_run_read(struct request *request, int64_t *ret_records, struct err *err);
/* Answers with the plan, and what the first records become.  Takes the task over. */
void dry_run_reply(struct request *request, struct task *task, int64_t records);

/* 429 with the numbers, and when to come again. */
void queue_full_reply(struct request *request);

#endif
