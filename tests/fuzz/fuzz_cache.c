/* SPDX-License-Identifier: MIT */
/* fuzz_cache.c - any bytes as a stored entry, with a sum that fits: what is read is written
 * as it was, and the rules have an answer for every head.
 *
 * The bytes are also taken for a head, so that the rules see more than sound files. */
#include "net/cache_entry.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW_MS = 2000000000 };

static const char *any_field(const void *ctx, const char *name)
{
	return *name == 'x' ? NULL : ctx;
}

static void judge(int status, struct cache_head head)
{
	struct cache_facts facts = {
		.status = status, .head = head, .asked_wall_ms = 1, .answered_wall_ms = 2};
	struct cache_asked asked = {any_field, "value"};
	struct buf news = BUF(1 << 22), kept = BUF(1 << 22), vary = BUF(1 << 22);

	cache_storable(status, head);
	assert(cache_lifetime_s(&facts) >= 0);
	assert(cache_age_s(&facts, NOW_MS) >= 0);
	assert(cache_judge(&facts, 10, true, NOW_MS) == CACHE_ASK);
	cache_judge(&facts, 10, false, NOW_MS);
	cache_may_rescue(&facts, 10, NOW_MS);
	cache_head_keep(head, &kept);
	cache_head_merge(head, head, &news);
	assert(kept.len <= head.len && news.len <= 2 * head.len);
	cache_confirms(head, head);
	if (cache_vary_keep(head, &asked, &vary) && buf_ok(&vary))
		assert(cache_vary_match((struct cache_head){buf_text(&vary), vary.len}, &asked));
	buf_done(&news);
	buf_done(&kept);
	buf_done(&vary);
}

/* As a head: whole pairs, names in lower case are the transfer's doing. */
static void judge_bytes(const uint8_t *data, size_t size)
{
	char *head = malloc(size + 2);
	size_t texts = 0;

	assert(head);
	memcpy(head, data, size);
	for (size_t i = 0; i < size; i++) {
		if (head[i] == '\n')
			head[i] = '\0';
		texts += head[i] == '\0';
	}
	while (size > 0 && (head[size - 1] != '\0' || texts % 2 == 1))
		texts -= head[--size] == '\0';
	judge(200, (struct cache_head){head, size});
	free(head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t sum = htole64(XXH3_64bits(data, size));
	uint8_t *file = malloc(size + sizeof(sum));
	struct cache_entry *entry;

	assert(file);
	memcpy(file, data, size);
	memcpy(file + size, &sum, sizeof(sum));
	entry = cache_entry_read(file, size + sizeof(sum));
	if (entry) {
		struct buf again = BUF(1 << 24);

		assert(cache_entry_write(entry, &again) == 0);
		assert(again.len == size + sizeof(sum));
		assert(memcmp(again.data, file, again.len) == 0);
		judge(entry->status, (struct cache_head){entry->head, entry->head_len});
		buf_done(&again);
		cache_entry_free(entry);
	}
	judge_bytes(data, size);
	free(file);
	return 0;
}
