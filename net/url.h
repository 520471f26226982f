/* SPDX-License-Identifier: MIT */
/* url.h - URLs as browsers read them: the WHATWG URL Standard.
 *
 * url_parse() takes what stands in a page, a header or a spec, resolves it against a
 * base, and gives the serialised URL with its parts.  What it gives reparses to
 * itself.  The document's encoding is taken to be UTF-8 (else: url_query_in()); octets that are not
 * UTF-8 become U+FFFD, as decoding the page would have made them.
 *
 * Threads    any; a struct url may be read by any number.
 * Ownership  all texts live in the arena given; a struct url may be copied.
 * Errors     0, or -1 and ERR_FETCH_URL with what is wrong and where (offsets in
 *            octets of the text, tabs and line ends in it left out), ERR_NO_MEMORY.
 */
#ifndef NET_URL_H
#define NET_URL_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct sockaddr_storage;

enum url_scheme { URL_OTHER, URL_HTTP, URL_HTTPS, URL_WS, URL_WSS, URL_FTP, URL_FILE };

/* A run of `href`; at is NULL when the URL has no such part ("?" has an empty query). */
struct url_part {
	const char *at;
	size_t len;
};

struct url {
	const char *href; /* serialised, all ASCII, NUL-terminated */
	size_t len;
	enum url_scheme kind;
	bool opaque_path;		       /* mailto:, data:, … */
	int port;			       /* -1: the scheme's own, or none */
	struct url_part scheme;		       /* "https" */
	struct url_part username, password;    /* percent-encoded */
	struct url_part host;		       /* "example.com", "[::1]"; may be empty */
	struct url_part path, query, fragment; /* without "?" and "#" */
};

/* `base` may be NULL: the text must be absolute then. */
int url_parse(const char *text, size_t len, const struct url *base, struct arena *arena,
	      struct url *ret_url, struct err *err) MUST_USE;

/* The text of a link in a document of that encoding, its query percent-encoded as the standard's
 * "query state" does for http, https, ftp and file (url_parse() by itself takes UTF-8): `text`
 * when that changes nothing, else in the arena; NULL without memory. */
const char *url_query_in(const char *charset, const char *text, size_t len, struct arena *arena,
			 size_t *ret_len);

/* May we fetch it: http or https, at most URL_BYTES_MAX octets. */
int url_check_fetch(const struct url *url, struct err *err);

/* May a crawl follow it: also at most URL_DEPTH_MAX path segments, none more than
 * URL_REPEAT_MAX times in a row (calendars, links that grow). */
int url_check_crawl(const struct url *url, struct err *err);

bool url_is_special(const struct url *url);
int url_port(const struct url *url); /* as connected to; 0 when the scheme has none */

/* Same scheme, host and port; false for opaque origins. */
bool url_same_origin(const struct url *a, const struct url *b);

/* In the arena; NULL without memory. */
const char *url_origin(const struct url *url,
		       struct arena *arena); /* "https://example.com", "null" */
const char *url_host_key(const struct url *url, struct arena *arena); /* "https:example.com:443" */

/* True and the address (with the port) when the host is a literal address. */
bool url_address(const struct url *url, struct sockaddr_storage *ret_address);

/* What two links to one page have in common, for dedup: fragment dropped, query
 * sorted (blank values kept, empty parameters dropped), %XX in upper case; with
 * `strip_tracking` without utm_* and kin.  In the arena; NULL without memory.
 * Its result has itself as its canonical form. */
const char *url_canonical(const struct url *url, bool strip_tracking, struct arena *arena);

#endif
