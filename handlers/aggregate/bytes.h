/* SPDX-License-Identifier: MIT */
/* bytes.h - what is saved, read back without trust: a reader that never passes its end.
 *
 * Integers are little-endian, 7 bits a byte where they are mostly small.
 */
#ifndef HANDLERS_AGGREGATE_BYTES_H
#define HANDLERS_AGGREGATE_BYTES_H

#include "base/buf.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

struct bytes {
	const uint8_t *at, *end;
	bool damaged; /* once it is, all that is read is 0 */
};

static inline size_t bytes_left(const struct bytes *bytes)
{
	return (size_t)(bytes->end - bytes->at);
}

/* The next `len` bytes; NULL: there are not so many. */
static inline const uint8_t *bytes_take(struct bytes *bytes, size_t len)
{
	const uint8_t *at = bytes->at;

	if (bytes->damaged || len > bytes_left(bytes)) {
		bytes->damaged = true;
		return NULL;
	}
	bytes->at += len;
	return at;
}

static inline uint64_t bytes_u64(struct bytes *bytes)
{
	const uint8_t *at = bytes_take(bytes, sizeof(uint64_t));
	uint64_t value = 0;

	if (at)
		memcpy(&value, at, sizeof(value));
	return le64toh(value);
}

static inline uint64_t bytes_uint(struct bytes *bytes)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		const uint8_t *at = bytes_take(bytes, 1);

		if (!at)
			return 0;
		value |= (uint64_t)(*at & 0x7f) << shift;
		if (!(*at & 0x80))
			return value;
	}
	bytes->damaged = true;
	return 0;
}

static inline void bytes_add_u64(struct buf *into, uint64_t value)
{
	value = htole64(value);
	buf_add(into, &value, sizeof(value));
}

static inline void bytes_add_uint(struct buf *into, uint64_t value)
{
	char room[10];
	size_t len = 0;

	for (; value > 0x7f; value >>= 7)
		room[len++] = (char)(value | 0x80);
	room[len++] = (char)value;
	buf_add(into, room, len);
}

#endif
