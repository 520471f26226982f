/* SPDX-License-Identifier: MIT */
/* set_cookie.h - one Set-Cookie line taken apart (RFC 6265bis, section 5.6).
 *
 * What the line says, not yet whether this host may say it: that is the jar's
 * (cookies.h).
 *
 * Threads    every function from any thread.
 * Ownership  the parts borrow from the line.
 * Units      wall-clock seconds since 1970.
 */
#ifndef NET_SET_COOKIE_H
#define NET_SET_COOKIE_H

#include "net/url.h"

#include <stdbool.h>
#include <stdint.h>

#define COOKIE_NEVER INT64_MAX /* a cookie of the session: it ends with the jar */

enum same_site { SAME_SITE_DEFAULT, SAME_SITE_NONE, SAME_SITE_LAX, SAME_SITE_STRICT };

struct set_cookie {
	struct url_part name, value;
	struct url_part domain; /* as written, without a dot at its front; len 0: none */
	struct url_part path;	/* len 0: the default path of the request */
	bool path_said;		/* there was a Path, of whatever value */
	bool secure, http_only;
	enum same_site same_site;
	int64_t expires_wall_s; /* Max-Age and Expires in one; COOKIE_NEVER: neither */
};

/* 0, or -1: to be ignored as a whole. */
int set_cookie_parse(const char *line, size_t len, int64_t now_wall_s, struct set_cookie *ret);

/* Control characters other than a tab, which no name and no value may have. */
bool cookie_has_control(const char *text, size_t len);

#endif
