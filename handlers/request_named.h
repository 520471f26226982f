/* SPDX-License-Identifier: MIT */
/* request_named.h - what a spec says of requests: URLs, header fields, how they are made.
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
struct fetch_request;
struct retry_policy;

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

/* Members that specs have in common: of a map `headers`, `retry`, `breaker`, `cache`. */
extern const struct param header_element[], retry_params[], breaker_params[];
extern const struct param cache_form; /* besides true and false */

/* What `retry` says; and of the spec `per_host`, `delay`, `max_body`, `breaker` and `cache`. */
void retry_read(const struct json *retry, struct retry_policy *policy);
void manners_read(const struct json *spec, struct fetch_request *request);

#endif
