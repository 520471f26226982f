/* SPDX-License-Identifier: MIT */
/* request_named.h - what a spec names that requests are made of: URLs and header fields.
 *
 * Mistakes are told at submit, those of addresses too: a literal one that the guard denies
 * would fail each fetch.
 *
 * Threads    every function from any thread.
 */
#ifndef HANDLERS_REQUEST_NAMED_H
#define HANDLERS_REQUEST_NAMED_H

#include "handlers/handler.h"
#include "net/url.h"

struct fetch_header;

struct named_url {
	const char *text;
	const char *pointer; /* of the value, or of the array that it is in … */
	int64_t index;	     /* … at this place; -1: of the value */
};

/* 0 and the URL, in the arena; or -1: a mistake was added.  A denied address is a mistake
 * beside a URL. */
int url_named(const struct named_url *named, struct planner *planner, struct arena *arena,
	      struct url *ret_url);

/* A member of the object at `pointer`: is it a field that a spec may set? */
void header_named(const struct fetch_header *header, const char *pointer,
		  struct mistakes *mistakes);

#endif
