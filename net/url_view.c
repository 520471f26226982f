/* SPDX-License-Identifier: MIT */
/* url_view.c - questions about a parsed URL: whose is it, may it be fetched. */
#include "net/url.h"

#include "base/arena.h"
#include "base/limits.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static bool part_same(struct url_part a, struct url_part b)
{
	return a.len == b.len && (a.len == 0 || !memcmp(a.at, b.at, a.len));
}

int url_check_fetch(const struct url *url, struct err *err)
{
	if (url->kind != URL_HTTP && url->kind != URL_HTTPS)
		return err_set(err, ERR_FETCH_URL, "scheme %.*s: is not http: or https:",
			       (int)(url->scheme.len < 40 ? url->scheme.len : 40), url->scheme.at);
	if (url->len > URL_BYTES_MAX)
		return err_set(err, ERR_FETCH_URL, "URL has %zu bytes, more than %d", url->len,
			       URL_BYTES_MAX);
	return 0;
}

int url_check_crawl(const struct url *url, struct err *err)
{
	struct url_part last = {"", 0}, segment;
	const char *at = url->path.at, *end = at + url->path.len;
	int depth = 0, repeats = 0;

	if (url_check_fetch(url, err))
		return -1;
	while (at < end) {
		const char *slash = memchr(at + 1, '/', (size_t)(end - at - 1));

		segment = (struct url_part){at + 1, (size_t)((slash ? slash : end) - at - 1)};
		repeats = part_same(segment, last) ? repeats + 1 : 1;
		if (++depth > URL_DEPTH_MAX)
			return err_set(err, ERR_FETCH_URL, "path is deeper than %d segments",
				       URL_DEPTH_MAX);
		if (repeats > URL_REPEAT_MAX)
			return err_set(err, ERR_FETCH_URL,
				       "path repeats a segment more than %d times", URL_REPEAT_MAX);
		last = segment;
		at = slash ? slash : end;
	}
	return 0;
}

/* file: and schemes unknown to us have an origin that equals no other. */
static bool has_origin(const struct url *url)
{
	return url->kind != URL_OTHER && url->kind != URL_FILE;
}

bool url_same_origin(const struct url *a, const struct url *b)
{
	return has_origin(a) && a->kind == b->kind && part_same(a->host, b->host) &&
	       url_port(a) == url_port(b);
}

/* A blob: URL has the origin of the http(s) URL that is its path. */
static const char *blob_origin(const struct url *url, struct arena *arena)
{
	struct url inner;
	struct err err;

	if (url_parse(url->path.at, url->path.len, NULL, arena, &inner, &err))
		return err.code == ERR_NO_MEMORY ? NULL : arena_text(arena, "null");
	if (inner.kind != URL_HTTP && inner.kind != URL_HTTPS)
		return arena_text(arena, "null");
	return url_origin(&inner, arena);
}

const char *url_origin(const struct url *url, struct arena *arena)
{
	if (url->scheme.len == 4 && !memcmp(url->scheme.at, "blob", 4))
		return blob_origin(url, arena);
	if (!has_origin(url))
		return arena_text(arena, "null");
	if (url->port < 0)
		return arena_printf(arena, "%.*s://%.*s", (int)url->scheme.len, url->scheme.at,
				    (int)url->host.len, url->host.at);
	return arena_printf(arena, "%.*s://%.*s:%d", (int)url->scheme.len, url->scheme.at,
			    (int)url->host.len, url->host.at, url->port);
}

const char *url_host_key(const struct url *url, struct arena *arena)
{
	return arena_printf(arena, "%.*s:%.*s:%d", (int)url->scheme.len, url->scheme.at,
			    (int)url->host.len, url->host.at ? url->host.at : "", url_port(url));
}

bool url_address(const struct url *url, struct sockaddr_storage *ret_address)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)url_port(url))};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = v4.sin_port};
	char text[INET6_ADDRSTRLEN];
	struct url_part host = url->host;
	bool brackets = host.len > 2 && host.at[0] == '[';

	if (brackets)
		host = (struct url_part){host.at + 1, host.len - 2};
	if (!host.at || host.len == 0 || host.len >= sizeof(text))
		return false;
	memcpy(text, host.at, host.len);
	text[host.len] = '\0';
	if (brackets ? inet_pton(AF_INET6, text, &v6.sin6_addr) != 1
		     : inet_pton(AF_INET, text, &v4.sin_addr) != 1)
		return false;
	memset(ret_address, 0, sizeof(*ret_address));
	if (brackets)
		memcpy(ret_address, &v6, sizeof(v6));
	else
		memcpy(ret_address, &v4, sizeof(v4));
	return true;
}
