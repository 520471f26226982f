/* SPDX-License-Identifier: MIT */
/* sitemap.h - the URLs in a sitemap: bytes in as they come, URLs out as they are read.
 *
 * Read are sitemaps and sitemap indexes (sitemaps.org), lists of URLs as text, RSS and
 * Atom; plain or as gzip, whoever decompressed them.  What it is shows in the bytes, not
 * in a name or a type.  A broken file gives what stood before the mistake.
 *
 * Hostile files: no entity is ever declared or fetched, a run of XML without an event
 * ends at SITEMAP_TOKEN_BYTES_MAX, decoded bytes end at SITEMAP_BYTES_MAX, entries at
 * SITEMAP_URLS_MAX, gzip at FETCH_RATIO_MAX to 1 beyond 1 MiB.  How deep indexes lead
 * (SITEMAP_DEPTH_MAX) and how many files that may be (SITEMAP_FILES_MAX) is for the
 * caller to count: one struct sitemap is one file.
 *
 * Threads    one at a time.
 * Ownership  an entry and its texts are borrowed until found() returns.
 * Errors     0, or -1 and *err: ERR_FETCH_PROTOCOL (not what it should be), …_BOMB,
 *            …_TOO_LARGE, ERR_LIMIT (too many entries), ERR_NO_MEMORY.  After the first
 *            one every call fails with it.
 * Units      lengths in octets.
 */
#ifndef NET_SITEMAP_H
#define NET_SITEMAP_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

struct err;
struct sitemap;

struct sitemap_entry {
	const char *url; /* as written, trimmed; at most URL_BYTES_MAX, UTF-8, maybe relative */
	size_t url_len;
	const char *changed; /* lastmod, pubDate or updated, as written; "": not said */
	double priority;     /* 0 to 1; -1: not said */
	bool index;	     /* another sitemap, not a page */
};

/* Called for each entry; false: enough, the rest is not read. */
typedef bool sitemap_found_fn(void *ctx, const struct sitemap_entry *entry);

struct sitemap *sitemap_new(sitemap_found_fn *found, void *ctx, struct err *err);
void sitemap_free(struct sitemap *sitemap);

int sitemap_push(struct sitemap *sitemap, const void *bytes, size_t len, struct err *err) MUST_USE;
/* Nothing more comes. */
int sitemap_end(struct sitemap *sitemap, struct err *err) MUST_USE;

#endif
