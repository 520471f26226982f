/* SPDX-License-Identifier: MIT */
/* token_bucket.h - so many in a second, some of them at once.
 *
 * Threads    one at a time: pure, no clock inside.
 * Units      _us of one clock, given by the caller; it never goes back.
 */
#ifndef HANDLERS_PIPELINE_TOKEN_BUCKET_H
#define HANDLERS_PIPELINE_TOKEN_BUCKET_H

#include <stddef.h>
#include <stdint.h>

struct token_bucket {
	double per_us, burst; /* burst >= 1: what it holds */
	double tokens;
	int64_t at_us; /* when it was last looked at */
};

/* Full. */
void token_bucket_init(struct token_bucket *bucket, double per_second, double burst,
		       int64_t now_us);
/* Takes up to `want`; how many it had. */
size_t token_bucket_take(struct token_bucket *bucket, size_t want, int64_t now_us);
/* How long, after a take that got too few, until it has one. */
int64_t token_bucket_wait_us(const struct token_bucket *bucket);

#endif
