/* SPDX-License-Identifier: MIT */
/* cache_entry.c - bytes from an entry, and an entry from whatever bytes a disk gives. */
#include "net/cache_entry.h"

#include "base/limits.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static const char magic[4] = "jmc1";

struct fixed {
	char magic[4];
	uint32_t status;
	uint64_t asked_wall_ms, answered_wall_ms;
	uint32_t url_len, vary_len, head_len;
	uint64_t body_len;
} __attribute__((packed));

void cache_entry_free(struct cache_entry *entry)
{
	if (!entry)
		return;
	free(entry->url);
	free(entry->vary);
	free(entry->head);
	free(entry->body);
	free(entry);
}

struct cache_facts cache_entry_facts(const struct cache_entry *entry)
{
	return (struct cache_facts){
		.status = entry->status,
		.head = {entry->head, entry->head_len},
		.asked_wall_ms = entry->asked_wall_ms,
		.answered_wall_ms = entry->answered_wall_ms,
	};
}

size_t cache_entry_bytes(const struct cache_entry *entry)
{
	return sizeof(struct fixed) + strlen(entry->url) + entry->vary_len + entry->head_len +
	       entry->body_len + sizeof(uint64_t);
}

int cache_entry_write(const struct cache_entry *entry, struct buf *into)
{
	size_t url_len = strlen(entry->url), start = into->len;
	struct fixed fixed = {
		.status = htole32((uint32_t)entry->status),
		.asked_wall_ms = htole64((uint64_t)entry->asked_wall_ms),
		.answered_wall_ms = htole64((uint64_t)entry->answered_wall_ms),
		.url_len = htole32((uint32_t)url_len),
		.vary_len = htole32((uint32_t)entry->vary_len),
		.head_len = htole32((uint32_t)entry->head_len),
		.body_len = htole64(entry->body_len),
	};
	uint64_t sum;

	memcpy(fixed.magic, magic, sizeof(magic));
	if (!buf_room(into, cache_entry_bytes(entry)))
		return -1;
	buf_add(into, &fixed, sizeof(fixed));
	buf_add(into, entry->url, url_len);
	buf_add(into, entry->vary, entry->vary_len);
	buf_add(into, entry->head, entry->head_len);
	buf_add(into, entry->body, entry->body_len);
	sum = buf_ok(into) ? htole64(XXH3_64bits(into->data + start, into->len - start)) : 0;
	return buf_add(into, &sum, sizeof(sum));
}

/* Texts in pairs, each ended by a NUL. */
static bool pairs_sound(const char *at, size_t len)
{
	size_t texts = 0;

	for (size_t i = 0; i < len; i++)
		texts += at[i] == '\0';
	return texts % 2 == 0 && (len == 0 || at[len - 1] == '\0');
}

static bool fixed_sound(const struct fixed *fixed, size_t len)
{
	uint64_t texts = (uint64_t)le32toh(fixed->url_len) + le32toh(fixed->vary_len) +
			 le32toh(fixed->head_len);
	uint64_t rest = len - sizeof(*fixed) - sizeof(uint64_t);

	return memcmp(fixed->magic, magic, sizeof(magic)) == 0 && le32toh(fixed->status) >= 200 &&
	       le32toh(fixed->status) <= 599 && le32toh(fixed->url_len) <= URL_BYTES_MAX &&
	       le32toh(fixed->head_len) <= FETCH_HEADERS_BYTES_MAX && texts <= rest &&
	       le64toh(fixed->body_len) == rest - texts;
}

static char *text_copy(const char **at, size_t len)
{
	char *copy = malloc(len + 1);

	if (copy) {
		memcpy(copy, *at, len);
		copy[len] = '\0';
	}
	*at += len;
	return copy;
}

struct cache_entry *cache_entry_read(const void *bytes, size_t len)
{
	const char *at = bytes;
	struct cache_entry *entry;
	struct fixed fixed;
	uint64_t sum;

	if (len < sizeof(fixed) + sizeof(sum))
		return NULL;
	memcpy(&fixed, at, sizeof(fixed));
	memcpy(&sum, at + len - sizeof(sum), sizeof(sum));
	if (!fixed_sound(&fixed, len) || le64toh(sum) != XXH3_64bits(at, len - sizeof(sum)))
		return NULL;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->status = (int)le32toh(fixed.status);
	entry->asked_wall_ms = (int64_t)le64toh(fixed.asked_wall_ms);
	entry->answered_wall_ms = (int64_t)le64toh(fixed.answered_wall_ms);
	entry->vary_len = le32toh(fixed.vary_len);
	entry->head_len = le32toh(fixed.head_len);
	entry->body_len = le64toh(fixed.body_len);
	at += sizeof(fixed);
	entry->url = text_copy(&at, le32toh(fixed.url_len));
	entry->vary = text_copy(&at, entry->vary_len);
	entry->head = text_copy(&at, entry->head_len);
	entry->body = text_copy(&at, entry->body_len);
	if (entry->url && entry->vary && entry->head && entry->body &&
	    strlen(entry->url) == le32toh(fixed.url_len) &&
	    pairs_sound(entry->vary, entry->vary_len) && pairs_sound(entry->head, entry->head_len))
		return entry;
	cache_entry_free(entry);
	return NULL;
}
