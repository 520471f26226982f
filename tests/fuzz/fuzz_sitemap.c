/* SPDX-License-Identifier: MIT */
/* fuzz_sitemap.c - any bytes, whole and in two pieces: the same entries and the same end,
 * all within the limits. */
#include "net/sitemap.h"

#include "base/err.h"
#include "base/limits.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sum {
	unsigned count;
	uint64_t sum;
};

static bool on_found(void *ctx, const struct sitemap_entry *entry)
{
	struct sum *sum = ctx;

	assert(entry->url_len > 0 && entry->url_len <= URL_BYTES_MAX);
	assert(entry->priority >= -1 && entry->priority <= 1);
	for (size_t i = 0; i < entry->url_len; i++)
		sum->sum = sum->sum * 31 + (uint8_t)entry->url[i];
	sum->sum = sum->sum * 31 + strlen(entry->changed);
	return ++sum->count < SITEMAP_URLS_MAX + 1;
}

static enum err_code read_in(const uint8_t *data, size_t size, size_t first, struct sum *sum)
{
	struct err err = {.code = ERR_NONE};
	struct sitemap *sitemap = sitemap_new(on_found, sum, &err);

	assert(sitemap);
	if (sitemap_push(sitemap, data, first, &err) == 0 &&
	    sitemap_push(sitemap, data + first, size - first, &err) == 0 &&
	    sitemap_end(sitemap, &err) == 0)
		assert(err.code == ERR_NONE);
	sitemap_free(sitemap);
	return err.code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t first = size ? data[0] % size : 0;
	struct sum whole = {0}, pieces = {0};
	enum err_code ended = read_in(data, size, 0, &whole);

	assert(whole.count <= SITEMAP_URLS_MAX);
	/* What ends with an error may be told a little earlier or later. */
	if (read_in(data, size, first, &pieces) == ERR_NONE && ended == ERR_NONE)
		assert(whole.count == pieces.count && whole.sum == pieces.sum);
	return 0;
}
