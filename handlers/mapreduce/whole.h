/* SPDX-License-Identifier: MIT */
/* whole.h - a sum of integers that cannot overflow: 256 bits, two's complement.
 *
 * 2^53 squares of 2^53 are 2^159; there is room for all that a job could ever add.
 *
 * Threads    one at a time.
 */
#ifndef HANDLERS_MAPREDUCE_WHOLE_H
#define HANDLERS_MAPREDUCE_WHOLE_H

#include "base/json.h"

#include <stdint.h>

struct whole {
	uint64_t limb[4]; /* the lowest first */
};

void whole_add(struct whole *sum, __int128 term);
void whole_merge(struct whole *sum, const struct whole *term);

/* A JSON number while readers of JSON keep all its digits (2^53), else a string. */
void whole_out(const struct whole *sum, struct json_out *out, const char *name);

#endif
