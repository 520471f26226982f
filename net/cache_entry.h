/* SPDX-License-Identifier: MIT */
/* cache_entry.h - a stored answer, in memory and as the bytes of its file.
 *
 *   "jmc1" status (4) asked (8) answered (8) lengths of url, vary, head (3 × 4) body (8)
 *   url  vary  head  body  XXH3 of all before (8)            integers little-endian
 *
 * A file is written whole under another name and renamed; the sum at its end says whether
 * a crash of the machine tore it.
 *
 * Threads    one at a time.
 * Ownership  an entry owns its texts.
 * Errors     0, or -1: no memory, or no entry.
 */
#ifndef NET_CACHE_ENTRY_H
#define NET_CACHE_ENTRY_H

#include "net/cache_rules.h"

struct cache_entry {
	int status;
	int64_t asked_wall_ms, answered_wall_ms;
	char *url;
	char *vary, *head, *body; /* head and vary: "name\0value\0" …; all end with a NUL more */
	size_t vary_len, head_len, body_len;
};

void cache_entry_free(struct cache_entry *entry);
struct cache_facts cache_entry_facts(const struct cache_entry *entry); /* borrows */
size_t cache_entry_bytes(const struct cache_entry *entry);	       /* of its file */

int cache_entry_write(const struct cache_entry *entry, struct buf *into);
/* NULL: what is no entry to the last byte, or no memory. */
struct cache_entry *cache_entry_read(const void *bytes, size_t len);

#endif
