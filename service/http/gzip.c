/* SPDX-License-Identifier: MIT */
/* gzip.c - zlib, for what is sent in members of its own (WARC, Annex D). */
#include "service/http/gzip.h"

#include "base/buf.h"

#include <stdlib.h>
#include <zlib.h>

enum { GZIP_WINDOW = 15 + 16, GZIP_MEMORY = 8, ROOM_BYTES = 32 * 1024 };

struct gzip {
	z_stream z;
};

struct gzip *gzip_new(void)
{
	struct gzip *gzip = calloc(1, sizeof(*gzip));

	if (gzip && deflateInit2(&gzip->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW,
				 GZIP_MEMORY, Z_DEFAULT_STRATEGY) == Z_OK)
		return gzip;
	free(gzip);
	return NULL;
}

void gzip_free(struct gzip *gzip)
{
	if (gzip)
		deflateEnd(&gzip->z);
	free(gzip);
}

bool gzip_add(struct gzip *gzip, const void *bytes, size_t len, bool last, struct buf *into)
{
	z_stream *z = &gzip->z;

	z->next_in = (unsigned char *)bytes;
	z->avail_in = (unsigned)len;
	do {
		char *room = buf_room(into, ROOM_BYTES);

		if (!room)
			return false;
		z->next_out = (unsigned char *)room;
		z->avail_out = ROOM_BYTES;
		if (deflate(z, last ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_ERROR)
			return false;
		buf_grown(into, ROOM_BYTES - z->avail_out);
	} while (z->avail_out == 0);
	return !last || deflateReset(z) == Z_OK;
}
