/* SPDX-License-Identifier: MIT */
/* fuzz_robots.c - any file, any path: every file parses, /robots.txt stays allowed, an
 * answer does not depend on how the path spells its unreserved octets. */
#include "net/robots.h"

#include "base/buf.h"
#include "base/err.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The path with its letters percent-encoded. */
static void encode_letters(struct buf *to, const char *path, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool after_percent = (i > 0 && path[i - 1] == '%') || (i > 1 && path[i - 2] == '%');

		if (isalpha((unsigned char)path[i]) && !after_percent)
			buf_printf(to, "%%%02x", (unsigned char)path[i]);
		else
			buf_add_byte(to, path[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *path = (const char *)data;
	const char *stop = memchr(path, '\n', size); /* path LF file */
	size_t len = stop ? (size_t)(stop - path) : 0;
	const char *file = stop ? stop + 1 : path;
	struct buf spelt = BUF(3 * len + 1);
	struct robots *robots;
	struct err err;

	assert(robots_parse(file, size - (size_t)(file - path), "example-bot", &robots, &err) == 0);
	assert(robots_allowed(robots, "/robots.txt", 11));
	encode_letters(&spelt, path, len);
	if (!(len == 11 && !memcmp(path, "/robots.txt", 11)))
		assert(robots_allowed(robots, path, len) ==
		       robots_allowed(robots, buf_text(&spelt), spelt.len));
	assert(robots_delay_ms(robots) >= -1);
	for (size_t i = 0; i < robots_sitemaps(robots); i++)
		assert(robots_sitemap(robots, i));
	robots_free(robots);
	buf_done(&spelt);
	return 0;
}
