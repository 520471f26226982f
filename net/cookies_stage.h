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

struct fetch;

int cookies_headers(struct fetch *fetch); /* -1: no memory */
void cookies_head(struct fetch *fetch);	  /* each Set-Cookie of the answer */

#endif
