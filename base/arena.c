/* SPDX-License-Identifier: MIT */
/* arena.c - a chain of blocks, each as large as all before it, up to 256 KiB.
 *
 * The first ones are the largest that glibc's malloc still takes for small (chunks
 * below 1 KiB): those it keeps for each thread, and nothing else is tidied for them.
 */
#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arena_block {
	struct arena_block *next;
	size_t size; /* bytes of data */
	_Alignas(max_align_t) char data[];
};

enum {
	BLOCK_FIRST = 1000 - sizeof(struct arena_block),
	BLOCK_LARGEST = 256 * 1024,
	ALIGNMENT = _Alignof(max_align_t)
};

void arena_init(struct arena *arena, size_t max)
{
	*arena = ARENA(max);
}

static void blocks_free(struct arena_block *block)
{
	while (block) {
		struct arena_block *next = block->next;
		free(block);
		block = next;
	}
}

void arena_done(struct arena *arena)
{
	blocks_free(arena->blocks);
	arena_init(arena, arena->max);
}

void arena_clear(struct arena *arena)
{
	struct arena_block *keep = arena->blocks;

	if (!keep)
		return;
	blocks_free(keep->next);
	keep->next = NULL;
	arena->at = keep->data;
	arena->end = keep->data + keep->size;
	arena->used = keep->size;
	arena->failed = false;
}

static int block_add(struct arena *arena, size_t need)
{
	size_t size = MIN(MAX(arena->used, BLOCK_FIRST), BLOCK_LARGEST);
	size_t left = arena->max - MIN(arena->used, arena->max);
	struct arena_block *block;

	size = MIN(MAX(size, need), left);
	block = size >= need ? malloc(sizeof(*block) + size) : NULL;
	if (!block) {
		arena->failed = true;
		return -1;
	}
	block->size = size;
	block->next = arena->blocks;
	arena->blocks = block;
	arena->used += size;
	arena->at = block->data;
	arena->end = block->data + size;
	return 0;
}

void *arena_take(struct arena *arena, size_t size)
{
	size_t whole;
	void *at;

	if (size > PTRDIFF_MAX / 2) { /* room for rounding up and the block's head */
		arena->failed = true;
		return NULL;
	}
	whole = (MAX(size, 1) + ALIGNMENT - 1) & ~((size_t)ALIGNMENT - 1);
	if ((size_t)(arena->end - arena->at) < whole && block_add(arena, whole))
		return NULL;
	at = arena->at;
	arena->at += whole;
	return at;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	void *at = arena_take(arena, size);

	return at ? memset(at, 0, size) : NULL;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes)) {
		arena->failed = true;
		return NULL;
	}
	return arena_alloc(arena, bytes);
}

char *arena_copy(struct arena *arena, const void *bytes, size_t len)
{
	char *copy = len < SIZE_MAX ? arena_take(arena, len + 1) : NULL;

	if (!copy)
		return NULL;
	if (len)
		memcpy(copy, bytes, len);
	copy[len] = '\0';
	return copy;
}

char *arena_text(struct arena *arena, const char *text)
{
	return arena_copy(arena, text, strlen(text));
}

/* Into the free rest of the block, where it stays when there is room. */
char *arena_vprintf(struct arena *arena, const char *fmt, va_list args)
{
	char *first = arena->at, *text = NULL;
	va_list again;
	int n;

	va_copy(again, args);
	n = vsnprintf(first, (size_t)(arena->end - first), fmt, args);
	if (n >= 0)
		text = arena_take(arena, (size_t)n + 1);
	if (text && text != first)
		vsnprintf(text, (size_t)n + 1, fmt, again);
	va_end(again);
	return text;
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = arena_vprintf(arena, fmt, args);
	va_end(args);
	return text;
}
