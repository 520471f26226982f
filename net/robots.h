/* SPDX-License-Identifier: MIT */
/* robots.h - the Robots Exclusion Protocol (RFC 9309): bytes in, rules out.
 *
 * Fetching, caching and what a status code means are the caller's.  A crawler that has
 * no file may use robots_all(): 4xx allows all, 5xx and silence disallow all.
 *
 * Threads    a struct robots may be read by any number of threads, and each of them may
 *            give up its hold.
 * Ownership  robots_parse(), robots_all() and robots_share() each give a hold, to be given
 *            up with robots_free(); the file is not kept.
 * Errors     0, or -1 and ERR_NO_MEMORY: every file parses.
 * Units      _ms; lengths in octets.
 */
#ifndef NET_ROBOTS_H
#define NET_ROBOTS_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct robots;

/* Keeps the rules of `agent`, our product token: those of the groups named so (without
 * regard to case); else of those named with the longest beginning of it that ends at
 * a '-' or '_' ("bot" for "bot-news"); else those of "*".  ROBOTS_BYTES_MAX are read. */
int robots_parse(const char *text, size_t len, const char *agent, struct robots **ret_robots,
		 struct err *err) MUST_USE;
struct robots *robots_all(bool allowed);	    /* NULL: no memory */
struct robots *robots_share(struct robots *robots); /* one more hold of the same */
void robots_free(struct robots *robots);
size_t robots_bytes(const struct robots *robots); /* what it takes of the memory */

/* The product token of a User-Agent: "bot" of "bot/1.0 (+https://bot.example/)" and of
 * "Mozilla/5.0 (compatible; bot/1.0)".  In `token` (ROBOTS_TOKEN_BYTES_MAX and the NUL);
 * "" when there is none: then the groups of "*" are ours. */
void robots_token(const char *user_agent, char *ret_token);

/* May the path, with its query, as it stands in the serialised URL, be fetched?  Time
 * is linear in the path and the rules.  Without memory: no. */
bool robots_allowed(const struct robots *robots, const char *path, size_t len);

int64_t robots_delay_ms(const struct robots *robots); /* Crawl-delay; -1: none */

/* Sitemap lines, as written, of the whole file; at most ROBOTS_SITEMAPS_MAX. */
size_t robots_sitemaps(const struct robots *robots);
const char *robots_sitemap(const struct robots *robots, size_t index);

#endif
