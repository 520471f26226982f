/* SPDX-License-Identifier: MIT */
/* cookies.h - the cookie jar of one job (RFC 6265bis).
 *
 * Every hop of a fetch asks the jar for its own URL and gives it every Set-Cookie line
 * of the answer; the jar alone decides what goes where.  We are no browser with a page
 * around the request, so every request counts as same-site (section 5.2: it has no
 * client): SameSite is kept, but withholds nothing.  "Secure" means https.
 *
 * A jar lives as long as its job's attempt.  To keep it over a crash, save it into a
 * checkpoint when cookies_version() has moved and load it when the job goes on:
 *
 *   if (cookies_version(jar) != saved && cookies_save(jar, now_wall_s, &blob) == 0)
 *           run_checkpoint(run, lane, blob.data, blob.len, NULL, 0);
 *
 * Threads    every function from any thread.
 * Ownership  cookies_new() and cookies_share() each give a reference that cookies_free()
 *            takes back; the last one frees.  Texts passed in are copied.
 * Errors     0, or -1 and *err.
 * Units      wall-clock seconds since 1970.
 * Locks      LOCK_LEAF.
 */
#ifndef NET_COOKIES_H
#define NET_COOKIES_H

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

#include <stddef.h>
#include <stdint.h>

struct cookies;
struct url;

struct cookies *cookies_new(void); /* NULL: no memory */
struct cookies *cookies_share(struct cookies *jar);
void cookies_free(struct cookies *jar);

/* One Set-Cookie line of an answer from `url` (sections 5.6 and 5.7).  What the RFC wants
 * ignored is, and so is what finds no memory. */
void cookies_receive(struct cookies *jar, const struct url *url, const char *line, size_t len,
		     int64_t now_wall_s);

/* A cookie of the user: for the host of `url` alone and all its paths, only over https
 * when the URL is https and no http URL of that host was put before. */
int cookies_put(struct cookies *jar, const struct url *url, const char *name, const char *value,
		struct err *err);

/* May it be put: ERR_INVALID_SPEC says what a cookie cannot have. */
int cookies_check(const char *name, const char *value, struct err *err);

/* Adds the value of the Cookie header for a request to `url` (section 5.8.3), at most
 * COOKIE_HEADER_BYTES_MAX; nothing when there is none to send.  `own` is the Cookie header
 * that the user wrote, or NULL: it comes first, and of the jar only names follow that
 * it does not have. */
void cookies_send(struct cookies *jar, const struct url *url, const char *own, int64_t now_wall_s,
		  struct buf *into);

size_t cookies_count(struct cookies *jar);

/* Another number each time a cookie was set or went. */
uint64_t cookies_version(struct cookies *jar);

enum { COOKIES_BLOB_BYTES_MAX = COOKIES_BYTES_MAX + 64 };

/* All cookies as bytes, at most COOKIES_BLOB_BYTES_MAX.  -1: no room in the buf. */
int cookies_save(struct cookies *jar, int64_t now_wall_s, struct buf *into);

/* Puts what was saved into an empty jar.  -1 and ERR_IO: damaged, or of another version;
 * the jar is empty then. */
int cookies_load(struct cookies *jar, const void *blob, size_t len, struct err *err);

#endif
