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

/* 429 with the numbers, and when to come again. */
void queue_full_reply(struct request *request);

#endif
