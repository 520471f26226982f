/* SPDX-License-Identifier: MIT */
/* cache_stage.h - each hop of a fetch asks the cache, and tells it.
 *
 *   cache_admit ─▶ cache_look, held ─▶ fresh: answered, no transfer
 *                        │          ─▶ stale: goes on, with what it found
 *                        └ nothing  ─▶ goes on
 *   cache_headers   asks for what has changed since
 *   cache_answer    304: the stored answer, brought up to date; else stores what came
 *   cache_rescue    the stored answer for an origin that fails
 *
 * Called by stages.c for fetches that ask for it (fetch_request.cache).  Only a GET without
 * a body that gathers its answer in the result takes part, and none whose headers have
 * conditions, ranges or Cache-Control of their own, or whose URL has a password: those
 * neither read nor write.  Answers are kept apart by Authorization and Cookie as sent.
 * What is held while its origin is asked is bounded (CACHE_HELD_BYTES_MAX); beyond, the
 * origin is asked as if there were nothing.
 *
 * Whatever asks for it or not: an unsafe request that succeeds makes the cache forget its
 * URL (RFC 9111, section 4.4).
 *
 * Threads    the fetcher's; cache_stage_take() is told by the cache's.
 * Ownership  a fetch owns its struct caching and what that found.
 */
#ifndef NET_CACHE_STAGE_H
#define NET_CACHE_STAGE_H

#include "net/stages.h"

struct caching;
struct cookies;
struct fetch_request;
struct fetcher;
struct ring;

/* What a fetch needs for it; NULL: no memory. */
struct caching *caching_new(struct fetch *fetch, const struct fetch_request *request);
void caching_free(struct caching *caching);

enum admit cache_admit(struct fetch *fetch);
void cache_let_go(struct fetch *fetch); /* fine when it is not held here */
int cache_headers(struct fetch *fetch); /* -1: no memory */
void cache_answer(struct fetch *fetch);
bool cache_rescue(struct fetch *fetch);
void cache_end(struct fetch *fetch);

/* What the cache's thread has found since, in fetcher->found taken as `found`. */
void cache_found_take(struct ring *found);

#endif
