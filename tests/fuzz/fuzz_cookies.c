/* SPDX-License-Identifier: MIT */
/* fuzz_cookies.c - any lines from three hosts: what a jar sends is within its limits, has no
 * line end and nothing of a stranger, and survives being saved; any bytes as a blob.
 *
 * The input is lines; the first octet of each says who answers and who is asked. */
#include "net/cookies.h"

#include "base/arena.h"
#include "net/url.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HOSTS = 4, NOW_S = 1000000000 };

static const char *const texts[HOSTS] = {
	"https://www.example.co.uk/a/b",
	"http://www.example.co.uk/a",
	"http://other.co.uk/a/b/c",
	"http://127.0.0.1:8080/",
};

static void check_sent(struct cookies *jar, const struct url *url, int64_t now_wall_s)
{
	struct buf header = BUF(2 * COOKIE_HEADER_BYTES_MAX);

	cookies_send(jar, url, NULL, now_wall_s, &header);
	assert(buf_ok(&header) && header.len <= COOKIE_HEADER_BYTES_MAX);
	assert(header.len == 0 ||
	       (!memchr(header.data, '\n', header.len) && !memchr(header.data, '\r', header.len) &&
		!memchr(header.data, '\0', header.len)));
	buf_done(&header);
}

static void check_blob(struct cookies *jar)
{
	struct buf blob = BUF(COOKIES_BLOB_BYTES_MAX), again = BUF(COOKIES_BLOB_BYTES_MAX);
	struct cookies *copy = cookies_new();
	struct err err;

	assert(cookies_save(jar, NOW_S, &blob) == 0);
	assert(cookies_load(copy, blob.data, blob.len, &err) == 0);
	assert(cookies_save(copy, NOW_S, &again) == 0);
	assert(blob.len == again.len && memcmp(blob.data, again.data, blob.len) == 0);
	cookies_free(copy);
	buf_done(&blob);
	buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size;
	struct cookies *jar = cookies_new(), *strange = cookies_new();
	struct arena arena = ARENA(1 << 16);
	struct url urls[HOSTS];
	struct err err;

	for (unsigned i = 0; i < HOSTS; i++)
		assert(url_parse(texts[i], strlen(texts[i]), NULL, &arena, &urls[i], &err) == 0);
	if (cookies_load(strange, data, size, &err) == 0)
		check_blob(strange);
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		unsigned who = (uint8_t)*at++;

		stop = stop && stop >= at ? stop : end;
		cookies_receive(jar, &urls[who % HOSTS], at, (size_t)(stop - at), NOW_S);
		check_sent(jar, &urls[who / HOSTS % HOSTS], NOW_S + who);
		at = stop < end ? stop + 1 : end;
	}
	assert(cookies_count(jar) <= COOKIES_MAX);
	check_blob(jar);
	cookies_free(jar);
	cookies_free(strange);
	arena_done(&arena);
	return 0;
}
