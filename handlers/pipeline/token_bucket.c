/* SPDX-License-Identifier: MIT */
/* token_bucket.c - it fills with time, up to its brim. */
#include "handlers/pipeline/token_bucket.h"

#include "base/compiler.h"

#include <math.h>

/* Sums of small steps miss a whole token by a rounding error. */
static const double nearly = 1e-6;

void token_bucket_init(struct token_bucket *bucket, double per_second, double burst, int64_t now_us)
{
	*bucket = (struct token_bucket){
		.per_us = per_second / 1e6,
		.burst = MAX(burst, 1.0),
		.tokens = MAX(burst, 1.0),
		.at_us = now_us,
	};
}

size_t token_bucket_take(struct token_bucket *bucket, size_t want, int64_t now_us)
{
	double more = (double)(now_us - bucket->at_us) * bucket->per_us;
	size_t took;

	bucket->tokens = MIN(bucket->tokens + more, bucket->burst);
	bucket->at_us = now_us;
	took = (size_t)MIN(bucket->tokens + nearly, (double)want);
	bucket->tokens -= (double)took;
	return took;
}

int64_t token_bucket_wait_us(const struct token_bucket *bucket)
{
	return (int64_t)ceil(MAX(1 - bucket->tokens, 0.0) / bucket->per_us);
}
