/* SPDX-License-Identifier: MIT */
/* fuzz_url.c - any text against any base: what parses, reparses to itself; the canonical
 * form is its own canonical form; an ASCII host stays one. */
#include "net/url.h"

#include "base/arena.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct url *url, struct arena *arena)
{
	struct url again;
	struct err err;

	assert(strlen(url->href) == url->len);
	for (size_t i = 0; i < url->len; i++)
		assert(url->href[i] >= ' ' && url->href[i] < 0x7F);
	assert(url_parse(url->href, url->len, NULL, arena, &again, &err) == 0);
	assert(strcmp(again.href, url->href) == 0);
	assert(again.port == url->port && again.kind == url->kind &&
	       again.host.len == url->host.len && again.path.len == url->path.len &&
	       again.query.len == url->query.len && again.fragment.len == url->fragment.len);
}

static void check_canonical(const struct url *url, struct arena *arena)
{
	for (int strip = 0; strip < 2; strip++) {
		const char *canonical = url_canonical(url, strip, arena);
		struct url again;
		struct err err;

		assert(canonical);
		assert(url_parse(canonical, strlen(canonical), NULL, arena, &again, &err) == 0);
		assert(strcmp(url_canonical(&again, strip, arena), canonical) == 0);
		assert(strcmp(again.href, canonical) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *stop = memchr(text, '\0', size); /* base NUL text */
	struct arena arena = ARENA(64 * 1024 * 1024);
	struct sockaddr_storage address;
	struct url base, url;
	struct err err;
	bool has_base = false;

	if (stop) {
		has_base = url_parse(text, (size_t)(stop - text), NULL, &arena, &base, &err) == 0;
		size -= (size_t)(stop + 1 - text);
		text = stop + 1;
	}
	if (url_parse(text, size, has_base ? &base : NULL, &arena, &url, &err) == 0) {
		check_again(&url, &arena);
		check_canonical(&url, &arena);
		assert(url_origin(&url, &arena) && url_host_key(&url, &arena));
		url_address(&url, &address);
		url_check_crawl(&url, &err);
	}
	arena_done(&arena);
	return 0;
}
