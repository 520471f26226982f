/* SPDX-License-Identifier: MIT */
/* id.h - job identifiers: UUID version 7 (RFC 9562, section 5.7).
 *
 * 48 bits of wall-clock milliseconds, then random bits; within one process ids
 * grow strictly (RFC 9562, section 6.2, method 2: the random part is a counter
 * while the millisecond stays), so that ids sort as jobs were made and inserts
 * go to the end of the B-tree.
 *
 * Threads    every function from any thread.
 */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdbool.h>
#include <stdint.h>

enum { ID_BYTES = 16, ID_TEXT_LEN = 36 };

struct id {
	uint8_t bytes[ID_BYTES];
};

void id_new(struct id *ret_id);
void id_format(const struct id *id, char text[ID_TEXT_LEN + 1]); /* lower case, with dashes */
int id_parse(const char *text, struct id *ret_id); /* 0, or -1; either case, dashes required */
int id_compare(const struct id *a, const struct id *b);
bool id_equal(const struct id *a, const struct id *b);
int64_t id_wall_ms(const struct id *id);
uint64_t id_hash(const struct id *id);

#endif
