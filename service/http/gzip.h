/* SPDX-License-Identifier: MIT */
/* gzip.h - bytes as gzip members (RFC 1952), one after the other.
 *
 * Threads    one at a time.
 * Errors     those of the buf, and false without memory.
 */
#ifndef SERVICE_HTTP_GZIP_H
#define SERVICE_HTTP_GZIP_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct gzip;

struct gzip *gzip_new(void);	   /* NULL: no memory */
void gzip_free(struct gzip *gzip); /* NULL is fine */

/* Goes on with a member, or begins one; `last`: it ends with these bytes. */
bool gzip_add(struct gzip *gzip, const void *bytes, size_t len, bool last, struct buf *into);

#endif
