/* SPDX-License-Identifier: MIT */
/* bench_kernels.c - what hand-written C makes of two of bench_data's files, on two threads.
 *
 *	bench_kernels words FILE     prints {"ms":…,"words":…,"distinct":…}
 *	bench_kernels rows FILE      prints {"ms":…,"rows":…,"names":…,"tenths":…}
 *
 * Each is for its file alone: words and names have at most 16 bytes, numbers one decimal place;
 * nothing is checked, nothing is kept.  What a general path needs more than this is its price.
 * Bytes come by pread into a buffer of the thread; a chunk owns what begins in it.  Words are
 * hashed by batches, so that their slots are fetched while others are counted.
 */
#include "base/clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
	THREADS = 2,
	CHUNK = 1 << 20,
	BEHIND = 128, /* what a word or row that begins in a chunk may have behind it */
	BATCH = 64,
	WORD_SLOTS = 1 << 18,
	NAME_SLOTS = 1 << 12,
};

struct slot {
	uint64_t low, high;
	uint64_t count;
	int64_t sum;
	int32_t min, max;
};

struct lane {
	pthread_t thread;
	char *bytes; /* one before the chunk, the chunk, BEHIND, and room to read over */
	struct slot *slots;
	size_t mask;
};

typedef void chunk_fn(struct lane *lane, const char *at, const char *end);

static int file;
static int64_t file_bytes;
static chunk_fn *chunk_take;
static char before;		/* the file; of rows what makes the header the rest of one */
static _Atomic int64_t next_at; /* of the file; lanes take chunks from here, in any order */

static uint64_t word_read(const char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

/* The first `len` of 16 bytes, zeros behind. */
static void key_read(const char *at, size_t len, uint64_t *ret_low, uint64_t *ret_high)
{
	uint64_t low = word_read(at), high = word_read(at + 8);

	*ret_low = len < 8 ? low & ((UINT64_C(1) << 8 * len) - 1) : low;
	*ret_high = len <= 8 ? 0 : len < 16 ? high & ((UINT64_C(1) << 8 * (len - 8)) - 1) : high;
}

static uint64_t key_mix(uint64_t low, uint64_t high)
{
	uint64_t hash = (low ^ high * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xd6e8feb86659fd93);

	return hash ^ hash >> 32;
}

static struct slot *slot_of(const struct lane *lane, uint64_t low, uint64_t high, uint64_t hash)
{
	size_t at = hash & lane->mask;

	while (lane->slots[at].count > 0 &&
	       (lane->slots[at].low != low || lane->slots[at].high != high))
		at = (at + 1) & lane->mask;
	lane->slots[at].low = low;
	lane->slots[at].high = high;
	return &lane->slots[at];
}

/* Which of 64 bytes are `byte`, or at most that. */
#ifdef __SSE2__
static inline uint64_t bytes_mask(const char *at, char byte, bool at_most)
{
	const __m128i like = _mm_set1_epi8(byte);
	uint64_t mask = 0;

	for (int i = 0; i < 64; i += 16) {
		__m128i part = _mm_loadu_si128((const __m128i *)(const void *)(at + i));
		__m128i found = _mm_cmpeq_epi8(part, at_most ? _mm_min_epu8(part, like) : like);

		mask |= (uint64_t)(unsigned)_mm_movemask_epi8(found) << i;
	}
	return mask;
}
#else
static inline uint64_t bytes_mask(const char *at, char byte, bool at_most)
{
	uint64_t mask = 0;

	for (int i = 0; i < 64; i++)
		mask |= (uint64_t)(at_most ? (uint8_t)at[i] <= (uint8_t)byte : at[i] == byte) << i;
	return mask;
}
#endif

/* ---- words ---- */

struct batch {
	uint64_t low[BATCH], high[BATCH], hash[BATCH];
	unsigned count;
};

static void batch_count(struct lane *lane, struct batch *batch)
{
	for (unsigned i = 0; i < batch->count; i++)
		slot_of(lane, batch->low[i], batch->high[i], batch->hash[i])->count++;
	batch->count = 0;
}

static void words_take(struct lane *lane, const char *at, const char *end)
{
	struct batch batch = {.count = 0};
	const char *start = at;

	while (start < end && start[-1] > ' ')
		start++; /* one that began before */
	for (at = start; start < end; at += 64) {
		for (uint64_t blanks = bytes_mask(at, ' ', true); blanks; blanks &= blanks - 1) {
			const char *blank = at + __builtin_ctzll(blanks);
			unsigned i = batch.count;

			if (blank > start && start < end) {
				key_read(start, (size_t)(blank - start), &batch.low[i],
					 &batch.high[i]);
				batch.hash[i] = key_mix(batch.low[i], batch.high[i]);
				__builtin_prefetch(&lane->slots[batch.hash[i] & lane->mask]);
				batch.count++;
			}
			start = blank + 1;
			if (batch.count == BATCH)
				batch_count(lane, &batch);
		}
	}
	batch_count(lane, &batch);
}

/* ---- rows ---- */

/* [-]d.d or [-]dd.d; *at: behind it. */
static inline int32_t tenths_read(const char **at)
{
	int32_t minus = **at == '-';
	const char *digits = *at + minus;
	int32_t two = digits[2] == '.';
	int32_t number = (digits[0] - '0') * (two ? 100 : 10) + (digits[1] - '0') * 10 * two +
			 digits[2 + two] - '0';

	*at = digits + 3 + two;
	return minus ? -number : number;
}

static void rows_take(struct lane *lane, const char *at, const char *end)
{
	const char *start = at;

	while (start < end && start[-1] != '\n')
		start++;
	for (at = start; start < end; at += 64) {
		for (uint64_t marks = bytes_mask(at, ';', false); marks; marks &= marks - 1) {
			const char *mark = at + __builtin_ctzll(marks);
			struct slot *slot;
			uint64_t low, high;
			int32_t tenths;

			if (start >= end)
				break;
			key_read(start, (size_t)(mark - start), &low, &high);
			start = mark + 1;
			tenths = tenths_read(&start);
			start++;
			slot = slot_of(lane, low, high, key_mix(low, high));
			if (slot->count++ == 0)
				slot->min = slot->max = tenths;
			slot->sum += tenths;
			slot->min = tenths < slot->min ? tenths : slot->min;
			slot->max = tenths > slot->max ? tenths : slot->max;
		}
	}
}

/* ---- lanes ---- */

static void *lane_run(void *ctx)
{
	struct lane *lane = ctx;
	int64_t from;

	while ((from = atomic_fetch_add_explicit(&next_at, CHUNK, memory_order_relaxed)) <
	       file_bytes) {
		int64_t len = file_bytes - from < CHUNK ? file_bytes - from : CHUNK;
		char *at = lane->bytes + 1;
		ssize_t got = pread(file, at, (size_t)len + BEHIND, from);

		if (pread(file, lane->bytes, 1, from - 1) < 1)
			*lane->bytes = before;
		if (got < len)
			abort();
		memset(at + got, '\n', 2 * BEHIND);
		chunk_take(lane, at, at + len);
	}
	return NULL;
}

static void lane_start(struct lane *lane, size_t slots)
{
	size_t bytes = (slots * sizeof(struct slot) + (2 << 20)) & ~(size_t)((2 << 20) - 1);

	lane->bytes = malloc(CHUNK + 4 * BEHIND);
	lane->slots = aligned_alloc(2 << 20, bytes);
	if (!lane->bytes || !lane->slots)
		abort();
	madvise(lane->slots, bytes, MADV_HUGEPAGE);
	memset(lane->slots, 0, bytes);
	lane->mask = slots - 1;
	if (pthread_create(&lane->thread, NULL, lane_run, lane))
		abort();
}

static void slots_add(struct lane *into, const struct lane *from)
{
	for (size_t i = 0; i <= from->mask; i++) {
		const struct slot *other = &from->slots[i];
		struct slot *slot;

		if (other->count == 0)
			continue;
		slot = slot_of(into, other->low, other->high, key_mix(other->low, other->high));
		slot->sum += other->sum;
		slot->min = slot->count == 0 || other->min < slot->min ? other->min : slot->min;
		slot->max = slot->count == 0 || other->max > slot->max ? other->max : slot->max;
		slot->count += other->count;
	}
}

int main(int argc, char **argv)
{
	struct lane lanes[THREADS];
	uint64_t count = 0, distinct = 0;
	int64_t start_us, sum = 0;
	struct stat stat;
	bool words;

	if (argc != 3 || (file = open(argv[2], O_RDONLY | O_CLOEXEC)) < 0 || fstat(file, &stat))
		return 2;
	words = strcmp(argv[1], "words") == 0;
	before = words ? ' ' : ';';
	chunk_take = words ? words_take : rows_take;
	start_us = clock_us();
	file_bytes = stat.st_size;
	for (int i = 0; i < THREADS; i++)
		lane_start(&lanes[i], words ? WORD_SLOTS : NAME_SLOTS);
	for (int i = 0; i < THREADS; i++)
		pthread_join(lanes[i].thread, NULL);
	for (int i = 1; i < THREADS; i++)
		slots_add(&lanes[0], &lanes[i]);
	for (size_t i = 0; i <= lanes[0].mask; i++) {
		distinct += lanes[0].slots[i].count > 0;
		count += lanes[0].slots[i].count;
		sum += lanes[0].slots[i].sum;
	}
	printf(words ? "{\"ms\":%.1f,\"words\":%llu,\"distinct\":%llu}\n"
		     : "{\"ms\":%.1f,\"rows\":%llu,\"names\":%llu,\"tenths\":%lld}\n",
	       (double)(clock_us() - start_us) / 1e3, (unsigned long long)count,
	       (unsigned long long)distinct, (long long)sum);
	return 0;
}
