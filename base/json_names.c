/* SPDX-License-Identifier: MIT */
/* json_names.c - open addressing without tombstones: names leave in the reverse
 * order of their coming, which restores each probe chain exactly.
 */
#include "base/json_names.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_once_t secret_once = PTHREAD_ONCE_INIT;
static uint64_t secret[2]; /* written once, before the first read */

static void secret_make(void)
{
	random_bytes(secret, sizeof(secret));
	secret[0] |= 1;
	secret[1] |= 1;
}

void names_init(struct names *names, size_t text_len)
{
	pthread_once(&secret_once, secret_make);
	names->stack = names->few_names;
	names->count = 0;
	names->stack_max = NAMES_FEW;
	names->slots = names->few_slots;
	names->slot_mask = SLOTS_FEW - 1;
	memset(names->few_slots, 0, sizeof(names->few_slots));
	/* the shortest decoded name takes 16 bytes of the arena for 8 of the text */
	arena_init(&names->decoded, 4 * text_len + 4096);
}

void names_done(struct names *names)
{
	if (names->stack != names->few_names)
		free(names->stack);
	if (names->slots != names->few_slots)
		free(names->slots);
	arena_done(&names->decoded);
}

/* 64 x 64 to 128 bits, folded. */
static uint64_t mix(uint64_t a, uint64_t b)
{
	__uint128_t product = (__uint128_t)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t name_hash(const char *text, size_t len, uint32_t depth)
{
	uint64_t hash = secret[0] ^ depth;
	uint64_t word = 0;

	for (; len > 8; len -= 8, text += 8) {
		memcpy(&word, text, 8);
		hash = mix(hash ^ word, secret[1]);
	}
	word = 0;
	memcpy(&word, text, len);
	hash = mix(hash ^ word, secret[1] ^ ((uint64_t)len << 56));
	return mix(hash, secret[0]);
}

static bool name_same(const struct name *a, const struct name *b)
{
	return a->hash == b->hash && a->depth == b->depth && a->len == b->len &&
	       memcmp(a->text, b->text, a->len) == 0;
}

/* The slot of an equal name, or the free one where it would go. */
static uint32_t slot_find(const struct names *names, const struct name *name)
{
	uint32_t at = (uint32_t)name->hash & names->slot_mask;

	while (names->slots[at] && !name_same(&names->stack[names->slots[at] - 1], name))
		at = (at + 1) & names->slot_mask;
	return at;
}

/* Twice the stack, at least two slots for each name; filled in stack order again, which
 * names_drop relies on. */
static int names_grow(struct names *names)
{
	uint32_t max = names->stack_max * 2, slots_count = 2 * SLOTS_FEW;
	struct name *stack = calloc(max, sizeof(*stack));
	uint32_t *slots;

	while (slots_count < max * 2)
		slots_count *= 2;
	slots = calloc(slots_count, sizeof(*slots));
	if (!stack || !slots) {
		free(stack);
		free(slots);
		return -1;
	}
	memcpy(stack, names->stack, names->count * sizeof(*stack));
	if (names->stack != names->few_names)
		free(names->stack);
	if (names->slots != names->few_slots)
		free(names->slots);
	names->stack = stack;
	names->stack_max = max;
	names->slots = slots;
	names->slot_mask = slots_count - 1;
	for (uint32_t i = 0; i < names->count; i++)
		slots[slot_find(names, &stack[i])] = i + 1;
	return 0;
}

enum name_outcome names_add(struct names *names, uint32_t depth, const char *raw, size_t raw_len,
			    bool escaped)
{
	struct name name = {.text = raw, .len = (uint32_t)raw_len, .depth = depth};
	uint32_t slot;

	if (escaped) {
		char *text = arena_alloc(&names->decoded, raw_len);
		if (!text)
			return NAME_NO_MEMORY;
		name.len = (uint32_t)name_decode(raw, raw_len, text);
		name.text = text;
	}
	if (names->count == names->stack_max && names_grow(names))
		return NAME_NO_MEMORY;
	name.hash = name_hash(name.text, name.len, depth);
	slot = slot_find(names, &name);
	if (names->slots[slot])
		return NAME_KNOWN;
	names->stack[names->count] = name;
	names->slots[slot] = ++names->count;
	return NAME_NEW;
}

void names_drop(struct names *names, uint32_t count)
{
	while (names->count > count) {
		uint32_t place = names->count--;
		uint32_t at = (uint32_t)names->stack[place - 1].hash & names->slot_mask;

		while (names->slots[at] != place)
			at = (at + 1) & names->slot_mask;
		names->slots[at] = 0;
	}
}

/* ---- escapes ---- */

static unsigned hex_digit(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

static unsigned hex4(const char *at)
{
	return hex_digit(at[0]) << 12 | hex_digit(at[1]) << 8 | hex_digit(at[2]) << 4 |
	       hex_digit(at[3]);
}

static char *utf8_put(char *into, unsigned code)
{
	if (code < 0x80) {
		*into++ = (char)code;
		return into;
	}
	if (code < 0x800) {
		*into++ = (char)(0xC0 | code >> 6);
	} else {
		if (code < 0x10000) {
			*into++ = (char)(0xE0 | code >> 12);
		} else {
			*into++ = (char)(0xF0 | code >> 18);
			*into++ = (char)(0x80 | (code >> 12 & 0x3F));
		}
		*into++ = (char)(0x80 | (code >> 6 & 0x3F));
	}
	*into++ = (char)(0x80 | (code & 0x3F));
	return into;
}

/* The code point of the \uXXXX at *at, which moves to its last digit. */
static unsigned escape_decode(const char **at, const char *end)
{
	unsigned code = hex4(*at + 1), low;

	*at += 4;
	if (code < 0xD800 || code > 0xDFFF)
		return code;
	if (code < 0xDC00 && end - *at > 6 && (*at)[1] == '\\' && (*at)[2] == 'u') {
		low = hex4(*at + 3);
		if (low >= 0xDC00 && low <= 0xDFFF) {
			*at += 6;
			return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
		}
	}
	return 0xFFFD;
}

size_t name_decode(const char *raw, size_t len, char *into)
{
	static const char short_from[] = "bfnrt", short_to[] = "\b\f\n\r\t";
	const char *end = raw + len;
	char *start = into;

	for (const char *at = raw; at < end; at++) {
		const char *found;

		if (*at != '\\') {
			*into++ = *at;
			continue;
		}
		at++;
		found = strchr(short_from, *at);
		if (*at == 'u')
			into = utf8_put(into, escape_decode(&at, end));
		else
			*into++ = found ? short_to[found - short_from] : *at;
	}
	return (size_t)(into - start);
}
