/* SPDX-License-Identifier: MIT */
/* id.c - UUIDv7: a counter of 54 bits and 20 random ones.
 *
 * rand_a (12 bits) and the first 42 bits of rand_b are the counter: seeded anew
 * each millisecond with its top bit clear, then stepped by a random amount.  The
 * last 20 bits are random in each id.
 */
#include "base/id.h"

#include "base/clock.h"

#include <pthread.h>
#include <string.h>

enum { COUNTER_BITS = 54, STEP_MAX = 1 << 16, RANDOM_BATCH = 512 };

static struct {
	pthread_mutex_t mutex; /* innermost by construction: nothing is called under it */
	int64_t wall_ms;
	uint64_t counter;
	/* getrandom(2) in batches: a system call is dearer than an id */
	uint64_t random[RANDOM_BATCH];
	unsigned random_left;
} maker = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static uint64_t random_word(void)
{
	if (maker.random_left == 0) {
		random_bytes(maker.random, sizeof(maker.random));
		maker.random_left = RANDOM_BATCH;
	}
	return maker.random[--maker.random_left];
}

static void put_bits(uint8_t *bytes, int64_t wall_ms, uint64_t counter, uint64_t random)
{
	uint64_t hi = ((uint64_t)wall_ms << 16) | 0x7000 | (counter >> 42);
	uint64_t lo = 0x8000000000000000 | ((counter & 0x3FFFFFFFFFF) << 20) | (random & 0xFFFFF);

	for (int i = 0; i < 8; i++) {
		bytes[i] = (uint8_t)(hi >> (56 - 8 * i));
		bytes[8 + i] = (uint8_t)(lo >> (56 - 8 * i));
	}
}

void id_new(struct id *ret_id)
{
	int64_t now_ms = clock_wall_ms();
	uint64_t random;

	pthread_mutex_lock(&maker.mutex);
	random = random_word();
	if (now_ms > maker.wall_ms) {
		maker.wall_ms = now_ms;
		maker.counter = random >> (64 - COUNTER_BITS + 1);
	} else {
		maker.counter += 1 + (random >> 32) % STEP_MAX;
		if (maker.counter >> COUNTER_BITS) {
			maker.wall_ms++;
			maker.counter = 0;
		}
	}
	put_bits(ret_id->bytes, maker.wall_ms, maker.counter, random);
	pthread_mutex_unlock(&maker.mutex);
}

void id_format(const struct id *id, char text[ID_TEXT_LEN + 1])
{
	static const char digits[] = "0123456789abcdef";
	char *at = text;

	for (int i = 0; i < ID_BYTES; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		*at++ = digits[id->bytes[i] >> 4];
		*at++ = digits[id->bytes[i] & 15];
	}
	*at = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int id_parse(const char *text, struct id *ret_id)
{
	struct id id;

	if (strnlen(text, ID_TEXT_LEN + 1) != ID_TEXT_LEN)
		return -1;
	for (int i = 0; i < ID_BYTES; i++) {
		int hi, lo;

		if ((i == 4 || i == 6 || i == 8 || i == 10) && *text++ != '-')
			return -1;
		hi = hex_value(text[0]);
		lo = hex_value(text[1]);
		if (hi < 0 || lo < 0)
			return -1;
		id.bytes[i] = (uint8_t)(hi << 4 | lo);
		text += 2;
	}
	*ret_id = id;
	return 0;
}

int id_compare(const struct id *a, const struct id *b)
{
	return memcmp(a->bytes, b->bytes, ID_BYTES);
}

bool id_equal(const struct id *a, const struct id *b)
{
	return id_compare(a, b) == 0;
}

int64_t id_wall_ms(const struct id *id)
{
	int64_t wall_ms = 0;

	for (int i = 0; i < 6; i++)
		wall_ms = wall_ms << 8 | id->bytes[i];
	return wall_ms;
}

uint64_t id_hash(const struct id *id)
{
	uint64_t word;

	/* Ids of one millisecond differ in the last bytes only, the high bits of the word;
	 * folding brings them down, where tables look. */
	memcpy(&word, id->bytes + 8, sizeof(word));
	word = (word ^ word >> 32) * 0x9E3779B97F4A7C15;
	return word ^ word >> 32;
}
