/* SPDX-License-Identifier: MIT */
/* cookies_stage.h - each hop of a fetch asks its jar, and tells it.
 *
 * Called by stages.c for a fetch that has one (fetch_request.cookies).  A Cookie header
 * among the request's own comes first, and its names win (cookies_send); across origins
 * that header is dropped (request_redirect), while the jar decides for each hop.
 *
 * Threads    the fetcher's.
 */
#ifndef NET_COOKIES_STAGE_H
#define NET_COOKIES_STAGE_H

struct buf;
struct fetch;

enum { COOKIES_VALUE_BYTES_MAX = 1024 * 1024 }; /* a user's own header may be longer than a jar's */

/* Adds the Cookie header as it would be sent now, with a jar or without; nothing when there
 * is none.  -1: no memory. */
int cookies_value(struct fetch *fetch, struct buf *into);

int cookies_headers(struct fetch *fetch); /* -1: no memory */
void cookies_head(struct fetch *fetch);	  /* each Set-Cookie of the answer */

#endif
