/* SPDX-License-Identifier: MIT */
/* range.c - Range and If-Range: one range of bytes, or none. */
#include "service/http/range.h"

#include "base/compiler.h"
#include "service/http/reply.h"
#include "service/http/request.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Digits; what is beyond any size counts as INT64_MAX. */
static bool position_read(const char **at, int64_t *ret)
{
	char *end;

	if (**at < '0' || **at > '9')
		return false;
	*ret = strtoll(*at, &end, 10);
	*at = end;
	return true;
}

/* `bytes=a-b`, `a-`, `-n` within `size`.  1: a range; 0: none, or one to ignore
 * (several, or not bytes); -1: not satisfiable. */
static int range_read(const char *header, int64_t size, int64_t *ret_from, int64_t *ret_to)
{
	int64_t from = 0, last = INT64_MAX;
	bool has_from, has_last;

	if (!header || strncmp(header, "bytes=", 6) != 0)
		return 0;
	header += 6;
	has_from = position_read(&header, &from);
	if (*header++ != '-')
		return 0;
	has_last = position_read(&header, &last);
	if (*header || (!has_from && !has_last) || (has_from && last < from))
		return 0;
	if (!has_from) {
		from = last > 0 ? MAX(0, size - last) : size;
		last = INT64_MAX;
	}
	if (from >= size)
		return -1;
	*ret_from = from;
	*ret_to = MIN(last, size - 1) + 1;
	return 1;
}

int range_answer(struct request *request, const char *etag, int64_t size, int64_t *ret_from,
		 int64_t *ret_to)
{
	const char *if_range = request_header(request, "If-Range");
	int ranged = 0;

	*ret_from = 0;
	*ret_to = size;
	reply_header(request, "ETag", etag);
	reply_header(request, "Accept-Ranges", "bytes");
	if (!if_range || strcmp(if_range, etag) == 0)
		ranged = range_read(request_header(request, "Range"), size, ret_from, ret_to);
	if (ranged == 0)
		return 200;
	if (ranged < 0) {
		reply_headerf(request, "Content-Range", "bytes */%" PRId64, size);
		reply_problemf(request, ERR_BAD_RANGE, "there are %" PRId64 " bytes", size);
		return 416;
	}
	reply_headerf(request, "Content-Range", "bytes %" PRId64 "-%" PRId64 "/%" PRId64, *ret_from,
		      *ret_to - 1, size);
	return 206;
}
