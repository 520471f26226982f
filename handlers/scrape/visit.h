/* SPDX-License-Identifier: MIT */
/* visit.h - a URL on its way through a crawl: where it stands, and as the input of a part.
 *
 * The key of a part is the URL's canonical form; its input says what the key does not:
 * the URL as it is fetched, and where it was found.  The input of a seed that the spec
 * names is its URL; a seed that was found elsewhere has "-" for `from`.  Any other's is
 *
 *   depth SP hops SP trusted SP url SP from         "2 0 1 31: 24:index.html"
 *
 * where url and from are the number of octets they share with the key, ':' and the rest:
 * a million of them are known, and most differ from their key by little.
 *
 * Ownership  what is unpacked lives in the arena given.
 */
#ifndef HANDLERS_SCRAPE_VISIT_H
#define HANDLERS_SCRAPE_VISIT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct buf;

struct visit {
	const char *url;
	const char *from; /* the page it was found on; NULL: a seed */
	unsigned depth;	  /* links between it and a seed */
	unsigned hops;	  /* redirects in a row that led to it */
	bool trusted;	  /* of the origin of its seed, all the way: sees the job's credentials */
};

/* Fails as buf_ok() says. */
void visit_pack(const struct visit *visit, const char *key, struct buf *into);

/* 0, or -1: ERR_NO_MEMORY, or ERR_INTERNAL for what visit_pack() never wrote. */
int visit_unpack(const char *key, size_t key_len, const char *input, size_t input_len,
		 struct arena *arena, struct visit *ret, struct err *err);

#endif
