/* SPDX-License-Identifier: MIT */
/* words.c - cutting a text into words, and the table that counts them.
 *
 * A text is looked at 64 bytes at a time: one bit a byte says where white space is, and where
 * that changes a word begins or ends.
 *
 * The table is open-addressed with linear probing, slots of 32 bytes.  A slot has the word
 * itself, padded with zeros, and its length; of a longer word a hash of 128 bits under a key of
 * the process's own chance, and where it stands among the long ones.
 */
#include "handlers/mapreduce/words.h"

#include "base/compiler.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
	WORD_INLINE = 24,
	BATCH = 128,	       /* words hashed before the first is looked up */
	SLOTS_FIRST = 1 << 10, /* 32 KiB */
	HUGE_BYTES = 2 << 20,  /* from here on, pages of that size are asked for */
	LENGTH_MASK = 0xff,    /* the length stands below the count */
	LENGTH_LONG = 0xff,    /* of a slot whose word is elsewhere */
	COUNT_SHIFT = 8,
	WINDOW = 64,
};

struct slot {
	uint64_t key[3]; /* a long word: its place among the long ones, its length, its hash */
	uint64_t meta;	 /* count << 8 | length; 0: empty */
};

struct words {
	struct words_options options;
	struct slot *slots;
	size_t slots_count; /* a power of two */
	size_t used;
	char *longs; /* long words, end to end */
	size_t longs_len, longs_room;
	uint64_t key[3]; /* of the hash */
};

/* A word as the table compares it. */
struct token {
	uint64_t key[3];
	uint64_t len;
	uint64_t hash;
};

/* Words of a text that are not counted yet. */
struct batch {
	const char *text, *end;
	size_t count;
	uint32_t at[BATCH], len[BATCH];
	struct token tokens[BATCH];
};

/* ---- memory ---- */

static struct slot *slots_new(size_t count)
{
	size_t bytes = count * sizeof(struct slot);
	struct slot *slots;

	if (bytes < HUGE_BYTES)
		return calloc(count, sizeof(struct slot));
	slots = aligned_alloc(HUGE_BYTES, bytes);
	if (!slots)
		return NULL;
	madvise(slots, bytes, MADV_HUGEPAGE);
	memset(slots, 0, bytes);
	return slots;
}

struct words *words_new(const struct words_options *options, struct err *err)
{
	struct words *words = calloc(1, sizeof(*words));

	if (words)
		words->slots = slots_new(SLOTS_FIRST);
	if (!words || !words->slots) {
		words_free(words);
		err_set(err, ERR_NO_MEMORY, "no memory for a table of words");
		return NULL;
	}
	words->options = *options;
	words->slots_count = SLOTS_FIRST;
	for (int i = 0; i < 3; i++)
		words->key[i] =
			(options->seed + (uint64_t)i + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
	return words;
}

void words_free(struct words *words)
{
	if (!words)
		return;
	free(words->slots);
	free(words->longs);
	free(words);
}

size_t words_count(const struct words *words)
{
	return words->used;
}

int64_t words_bytes_held(const struct words *words)
{
	return (int64_t)(words->slots_count * sizeof(*words->slots) + words->longs_room);
}

void words_clear(struct words *words)
{
	memset(words->slots, 0, words->slots_count * sizeof(*words->slots));
	words->used = 0;
	words->longs_len = 0;
}

/* ---- hashing ---- */

static uint64_t fold_multiply(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t token_hash(const struct words *words, const uint64_t key[3])
{
	return fold_multiply(key[0] ^ words->key[0], key[1] ^ words->key[1]) ^
	       fold_multiply(key[2] ^ words->key[2], words->key[0]);
}

/* Of any length, for words that do not fit a slot. */
static uint64_t long_hash(const struct words *words, const char *word, size_t len)
{
	uint64_t hash = len, part[2];

	for (; len > 0; word += MIN(len, sizeof(part)), len -= MIN(len, sizeof(part))) {
		part[0] = part[1] = 0;
		memcpy(part, word, MIN(len, sizeof(part)));
		hash = fold_multiply(hash ^ part[0] ^ words->key[0], part[1] ^ words->key[2]);
	}
	return hash;
}

/* A to Z of eight bytes at once (bytes beyond 127 stay). */
static uint64_t folded(uint64_t eight)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t low = eight & (0x7f * ones);
	uint64_t from_a = low + (0x80 - 'A') * ones, beyond_z = low + (0x80 - 'Z' - 1) * ones;
	uint64_t letters = from_a & ~beyond_z & ~eight & (0x80 * ones);

	return eight | letters >> 2; /* 0x80 becomes 0x20 */
}

/* ---- the table ---- */

/* The slot of a word that fits one, or the empty one where it belongs. */
static struct slot *slot_find(const struct words *words, const struct token *token)
{
	size_t mask = words->slots_count - 1;

	for (size_t at = token->hash & mask;; at = (at + 1) & mask) {
		struct slot *slot = &words->slots[at];
		uint64_t differs = (slot->key[0] ^ token->key[0]) | (slot->key[1] ^ token->key[1]) |
				   (slot->key[2] ^ token->key[2]) |
				   ((slot->meta & LENGTH_MASK) ^ token->len);

		if (differs == 0 || slot->meta == 0)
			return slot;
	}
}

/* The same of a longer one. */
static struct slot *slot_find_long(const struct words *words, const char *word, size_t len,
				   uint64_t hash)
{
	size_t mask = words->slots_count - 1;

	for (size_t at = hash & mask;; at = (at + 1) & mask) {
		struct slot *slot = &words->slots[at];

		if (slot->meta == 0 ||
		    ((slot->meta & LENGTH_MASK) == LENGTH_LONG && slot->key[2] == hash &&
		     slot->key[1] == len && memcmp(words->longs + slot->key[0], word, len) == 0))
			return slot;
	}
}

static size_t slot_hash(const struct words *words, const struct slot *slot)
{
	return (size_t)((slot->meta & LENGTH_MASK) == LENGTH_LONG ? slot->key[2]
								  : token_hash(words, slot->key));
}

/* Twice as many slots.  False: not within the limit, or no memory. */
static bool slots_grow(struct words *words)
{
	size_t count = 2 * words->slots_count, mask = count - 1;
	struct slot *grown;

	if ((int64_t)(count * sizeof(*grown)) > words->options.bytes_max)
		return false;
	grown = slots_new(count);
	if (!grown)
		return false;
	for (size_t i = 0; i < words->slots_count; i++) {
		size_t at;

		if (words->slots[i].meta == 0)
			continue;
		at = slot_hash(words, &words->slots[i]) & mask;
		while (grown[at].meta != 0)
			at = (at + 1) & mask;
		grown[at] = words->slots[i];
	}
	free(words->slots);
	words->slots = grown;
	words->slots_count = count;
	return true;
}

/* Is there room for so many more words, all of them new? */
static bool slots_room(struct words *words, size_t more)
{
	while (words->used + more > words->slots_count / 2)
		if (!slots_grow(words))
			return false;
	return true;
}

static bool longs_room(struct words *words, size_t len)
{
	size_t room = MAX(2 * words->longs_room, words->longs_len + len);
	char *grown;

	if (words->longs_len + len <= words->longs_room)
		return true;
	if ((int64_t)room > words->options.bytes_max && words->longs_len > 0)
		return false;
	grown = realloc(words->longs, room);
	if (!grown)
		return false;
	words->longs = grown;
	words->longs_room = room;
	return true;
}

static void token_count(struct words *words, const struct token *token, uint64_t count)
{
	struct slot *slot = slot_find(words, token);

	if (slot->meta == 0) {
		memcpy(slot->key, token->key, sizeof(slot->key));
		slot->meta = token->len;
		words->used++;
	}
	slot->meta += count << COUNT_SHIFT;
}

/* ---- words ---- */

/* The first `len` of eight bytes, of which the word has the rest of 0 … 24. */
#define FIRST(len) ((len) >= 8 ? UINT64_MAX : (len) <= 0 ? 0 : (UINT64_C(1) << (8 * ((len)&7))) - 1)
#define KEEP(len)                                                                                  \
	{                                                                                          \
		FIRST(len), FIRST((len)-8), FIRST((len)-16)                                        \
	}
static const uint64_t keep[WORD_INLINE + 1][3] = {
	KEEP(0),  KEEP(1),  KEEP(2),  KEEP(3),	KEEP(4),  KEEP(5),  KEEP(6),  KEEP(7),	KEEP(8),
	KEEP(9),  KEEP(10), KEEP(11), KEEP(12), KEEP(13), KEEP(14), KEEP(15), KEEP(16), KEEP(17),
	KEEP(18), KEEP(19), KEEP(20), KEEP(21), KEEP(22), KEEP(23), KEEP(24),
};

/* The word's `len` bytes; WORD_INLINE of them can be read. */
static void token_load(const struct words *words, const char *at, size_t len, struct token *token)
{
	memcpy(token->key, at, sizeof(token->key));
	for (int i = 0; i < 3; i++)
		token->key[i] &= keep[len][i];
	if (words->options.fold)
		for (int i = 0; i < 3; i++)
			token->key[i] = folded(token->key[i]);
	token->len = len;
	token->hash = token_hash(words, token->key);
}

/* There are as many slots as are needed.  False: no room for its bytes. */
static bool long_count(struct words *words, const char *word, size_t len, uint64_t count)
{
	struct slot *slot;
	uint64_t hash;
	char *copy;

	if (!longs_room(words, len))
		return false;
	copy = words->longs + words->longs_len;
	memcpy(copy, word, len);
	for (size_t i = 0; words->options.fold && i < len; i++)
		if (copy[i] >= 'A' && copy[i] <= 'Z')
			copy[i] = (char)(copy[i] + ('a' - 'A'));
	hash = long_hash(words, copy, len);
	slot = slot_find_long(words, copy, len, hash);
	if (slot->meta == 0) {
		*slot = (struct slot){.key = {words->longs_len, len, hash}, .meta = LENGTH_LONG};
		words->longs_len += len;
		words->used++;
	}
	slot->meta += count << COUNT_SHIFT;
	return true;
}

bool words_add_one(struct words *words, const char *word, size_t len, uint64_t count)
{
	char padded[WORD_INLINE] = {0};
	struct token token;

	if (!slots_room(words, 1))
		return false;
	if (len > WORD_INLINE)
		return long_count(words, word, len, count);
	memcpy(padded, word, len);
	token_load(words, padded, len, &token);
	token_count(words, &token, count);
	return true;
}

int words_each(const struct words *words,
	       int (*each)(void *ctx, const char *word, size_t len, uint64_t count), void *ctx)
{
	for (size_t i = 0; i < words->slots_count; i++) {
		const struct slot *slot = &words->slots[i];
		bool is_long = (slot->meta & LENGTH_MASK) == LENGTH_LONG;
		const char *word = is_long ? words->longs + slot->key[0] : (const char *)slot->key;
		size_t len = is_long ? slot->key[1] : slot->meta & LENGTH_MASK;

		if (slot->meta != 0 && each(ctx, word, len, slot->meta >> COUNT_SHIFT))
			return -1;
	}
	return 0;
}

/* ---- texts ---- */

/* One bit a byte of WINDOW: is it white space? */
static uint64_t spaces(const char *at)
{
	uint64_t mask = 0;

#ifdef __SSE2__
	for (int i = 0; i < WINDOW / 16; i++) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(at + 16 * i));
		__m128i control = _mm_sub_epi8(bytes, _mm_set1_epi8('\t'));
		__m128i white = _mm_or_si128(
			_mm_cmpeq_epi8(bytes, _mm_set1_epi8(' ')),
			_mm_cmpeq_epi8(_mm_min_epu8(control, _mm_set1_epi8('\r' - '\t')), control));

		mask |= (uint64_t)(unsigned)_mm_movemask_epi8(white) << (16 * i);
	}
#else
	for (int i = 0; i < WINDOW; i++)
		mask |= (uint64_t)(at[i] == ' ' || (unsigned char)(at[i] - '\t') <= '\r' - '\t')
			<< i;
#endif
	return mask;
}

/* Counts what the batch has, all short words at once. */
static void batch_count(struct words *words, struct batch *batch)
{
	size_t mask = words->slots_count - 1;

	for (size_t i = 0; i < batch->count; i++) {
		const char *word = batch->text + batch->at[i];
		char padded[WORD_INLINE] = {0};

		if (batch->end - word < WORD_INLINE) {
			memcpy(padded, word, batch->len[i]);
			word = padded;
		}
		token_load(words, word, batch->len[i], &batch->tokens[i]);
		__builtin_prefetch(&words->slots[batch->tokens[i].hash & mask], 1);
	}
	for (size_t i = 0; i < batch->count; i++)
		token_count(words, &batch->tokens[i], 1);
	batch->count = 0;
}

/* A window's bits; behind the text there is white space. */
static uint64_t window_spaces(const char *at, size_t len)
{
	char padded[WINDOW];

	if (len >= WINDOW)
		return spaces(at);
	memset(padded, ' ', sizeof(padded));
	memcpy(padded, at, len);
	return spaces(padded);
}

static bool word_end(struct words *words, struct batch *batch, size_t begin, size_t end)
{
	if (end - begin > WORD_INLINE)
		return slots_room(words, BATCH + WINDOW) &&
		       long_count(words, batch->text + begin, end - begin, 1);
	batch->at[batch->count] = (uint32_t)begin;
	batch->len[batch->count++] = (uint32_t)(end - begin);
	return true;
}

size_t words_add(struct words *words, const char *text, size_t len)
{
	struct batch batch = {.text = text, .end = text + len};
	size_t begin = 0; /* of the word that is under way */
	uint64_t inside = 0;

	/* A window more than the text, so that a word at its end comes to one. */
	for (size_t at = 0; at < len + 1; at += WINDOW) {
		uint64_t bytes = ~window_spaces(text + at, at < len ? len - at : 0);
		uint64_t changes = bytes ^ (bytes << 1 | inside);

		if (batch.count + WINDOW / 2 >= BATCH || at == 0) {
			batch_count(words, &batch);
			if (!slots_room(words, BATCH + WINDOW))
				return inside ? begin : at;
		}
		for (; changes; changes &= changes - 1) {
			size_t place = at + (size_t)__builtin_ctzll(changes);

			if (!inside) {
				begin = place;
			} else if (!word_end(words, &batch, begin, place)) {
				batch_count(words, &batch);
				return begin;
			}
			inside = !inside;
		}
	}
	batch_count(words, &batch);
	return len;
}
