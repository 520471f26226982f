/* SPDX-License-Identifier: MIT */
/* robots_cache.h - the robots.txt of each origin: what it says, and for how long that holds.
 *
 *   unknown ── robots_file_begin ─▶ loading ── robots_file_end ─▶ known
 *      ▲                                │                           │
 *      │                                └────────────────────────▶ silent
 *      └──────────────── its time is over ──────────────────────────┘
 *
 * known   An answer of 2xx is read, up to ROBOTS_BYTES_MAX; 4xx, and more redirects than
 *         are followed, allow everything (RFC 9309, 2.3.1.2 and 2.3.1.3).  It holds as
 *         long as Cache-Control and Expires say, within ROBOTS_FRESH_MS_MIN and _MAX, and
 *         _MAX when they say nothing; then it is asked for again with its validators.
 * silent  5xx, and no answer at all: nothing is allowed (2.3.1.4), and nobody asks again
 *         for ROBOTS_SILENT_MS_MIN, twice that each time, at most _MAX.  But if the file
 *         was read before, what it said holds for so long instead (2.4).
 *
 * A file is kept as text, and read once for each product token that asks.  Bounded in
 * origins and in bytes: the one that nobody asked for the longest goes first.  Nothing
 * outlives the process.  It fetches nothing itself: robots_stage.h does.
 *
 * Threads    a struct robots_file is for the fetcher's thread only, and so is all that
 *            takes one; the rest may be called from any thread.
 * Ownership  a file is the cache's.  One that is loading stays; any other may be gone
 *            after the next robots_file_make() or robots_file_rules().
 * Errors     0, or -1 and *err: ERR_NO_MEMORY, ERR_LIMIT.
 * Units      now_ms of a monotonic clock, given by the caller; …_wall_ms since 1970.
 * Locks      LOCK_ROBOTS; no callback is made.
 */
#ifndef NET_ROBOTS_CACHE_H
#define NET_ROBOTS_CACHE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct robots;
struct robots_cache;
struct robots_file;

/* NULL: no memory.  0: ROBOTS_ORIGINS_MAX, ROBOTS_CACHE_BYTES_MAX. */
struct robots_cache *robots_cache_new(size_t origins_max, size_t bytes_max);
void robots_cache_free(struct robots_cache *cache);

/* --- for the fetcher --- */

enum robots_state { ROBOTS_UNKNOWN, ROBOTS_LOADING, ROBOTS_KNOWN, ROBOTS_SILENT };

/* The file of an origin (a key of hosts.h), from now on the one asked for last.  What was
 * had without verifying TLS (`insecure`) is a file of its own.  NULL and *err. */
struct robots_file *robots_file_make(struct robots_cache *cache, const char *key, bool insecure,
				     struct err *err);
enum robots_state robots_file_state(const struct robots_file *file, int64_t now_ms);

/* Somebody fetches it: `load` is his, and not NULL. */
void robots_file_begin(struct robots_cache *cache, struct robots_file *file, void *load);
void *robots_file_load(const struct robots_file *file); /* NULL: nobody */

/* What a request for it may carry, or NULL. */
const char *robots_file_etag(const struct robots_file *file);
const char *robots_file_changed(const struct robots_file *file); /* Last-Modified */

/* How it went. */
struct robots_answer {
	struct err err; /* ERR_NONE: an answer of `status` came whole, or as far as is read */
	int status;
	const char *head; /* "name\0value\0" of each header, as a transfer gathers it */
	size_t head_len;
	const char *text; /* copied, up to ROBOTS_BYTES_MAX */
	size_t len;
	int64_t asked_wall_ms, answered_wall_ms;
};
void robots_file_end(struct robots_cache *cache, struct robots_file *file,
		     const struct robots_answer *answer, int64_t now_ms);

/* Of a known file: its rules for a product token, to be given up with robots_free(). */
int robots_file_rules(struct robots_cache *cache, struct robots_file *file, const char *token,
		      struct robots **ret_robots, struct err *err);
/* The longest Crawl-delay of the tokens that asked, at most PACE_CRAWL_DELAY_MS_MAX;
 * -1: none. */
int64_t robots_file_delay_ms(const struct robots_file *file);
/* Of a silent file: why a fetch is refused. */
void robots_file_refuse(const struct robots_file *file, struct err *err);

/* --- for all --- */

/* The rules of a token at an origin, if they are known now and somebody asked for that
 * token before; to be given up with robots_free().  NULL: not known. */
struct robots *robots_cache_rules(struct robots_cache *cache, const char *key, const char *token,
				  int64_t now_ms);

struct robots_view {
	enum robots_state state;
	bool missing;		 /* known: there is none, everything is allowed */
	int status;		 /* of the last answer; 0: there was none */
	int64_t fetched_wall_ms; /* the last answer; 0: never */
	int64_t left_ms;	 /* known, silent: for how long */
	int64_t delay_ms;	 /* -1: none */
	size_t sitemaps;
};
/* False: the origin is not in the cache. */
bool robots_cache_look(struct robots_cache *cache, const char *key, int64_t now_ms,
		       struct robots_view *ret_view);

#endif
