/* SPDX-License-Identifier: MIT */
/* warc.h - result items of a crawl as records of WARC 1.1 (ISO 28500:2017).
 *
 * An answer is a `response` record, which is what replay tools and most readers of WARC
 * files look for.  Its head is put together anew from the item's `headers`: the field names
 * are in lower case, and since a body is kept as it is after Content-Encoding, the fields
 * that said how it was sent are there as x-archive-orig-…, as other archives have them.
 * The warcinfo record says so.  A redirect that was followed as a link has a head only, with
 * WARC-Truncated when it had a body.  A failed item is a `metadata` record about its URL;
 * it is beside a response when the page arrived, but could not be used.
 *
 * The identifier of an item's records is made of the job, the URL and the time: two
 * downloads agree.
 *
 * Threads    any; an item is its caller's.
 * Errors     as buf_ok() says.
 */
#ifndef SERVICE_HTTP_WARC_H
#define SERVICE_HTTP_WARC_H

#include "base/buf.h"
#include "store/store.h"

#include <stdint.h>

#define WARC_END "\r\n\r\n" /* behind each record's block (section 5) */

/* The record that a file begins with, whole. */
void warc_info(const struct id *job, const char *file_name, struct buf *into);

struct warc_item {
	struct buf about; /* the metadata record, whole; empty: there is none */
	struct buf head;  /* the response record up to its payload; empty: there is none */
	char body[BODY_NAME_LEN + 1]; /* its payload; "": nothing */
	int64_t body_bytes;
};

void warc_item_init(struct warc_item *item);
void warc_item_done(struct warc_item *item);

/* The records of one line of a crawl's results. */
void warc_item_read(struct warc_item *item, const struct id *job, const char *line, size_t len);

#endif
