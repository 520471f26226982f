/* SPDX-License-Identifier: MIT */
/* api_files_list.c - GET /v1/files: a page of names.
 *
 * Folders are read at the desk: they may be large, and on a disk that is busy.  A cursor is
 * the last name of the page before, so a page goes on behind it whatever came and went.
 */
#include "base/limits.h"
#include "service/http/api.h"
#include "service/http/api_files.h"
#include "service/http/api_query.h"
#include "service/http/desk.h"

#include <nettle/base64.h>
#include <stdio.h>
#include <string.h>

enum { CURSOR_MAX = BASE64_ENCODE_LENGTH(FILE_NAME_BYTES_MAX) + BASE64_ENCODE_FINAL_LENGTH + 1 };

/* Stands in the request's arena. */
struct listing {
	struct desk_work work;
	const struct files *files;
	const char *prefix;
	char after[FILE_NAME_BYTES_MAX + 1];
	unsigned limit, count;
	bool more;
	char last[FILE_NAME_BYTES_MAX + 1];
	struct buf body;
	struct json_out out;
	struct later *later;
	struct err err; /* code ERR_NONE: done */
};

/* ---- cursors ---- */

/* The name in base64url. */
static int cursor_read(struct request *request, char after[FILE_NAME_BYTES_MAX + 1],
		       struct err *err)
{
	const char *cursor = request_query(request, "cursor");
	struct base64_decode_ctx ctx;
	uint8_t bytes[BASE64_DECODE_LENGTH(CURSOR_MAX)];
	size_t len = sizeof(bytes);
	struct err ignored;

	if (!cursor)
		return 0;
	base64url_decode_init(&ctx);
	if (strlen(cursor) >= CURSOR_MAX ||
	    !base64_decode_update(&ctx, &len, bytes, strlen(cursor), cursor) ||
	    !base64_decode_final(&ctx) || files_name_check((char *)bytes, len, &ignored))
		return err_set(err, ERR_BAD_CURSOR, "'%.60s' came from no list of files", cursor);
	memcpy(after, bytes, len);
	after[len] = '\0';
	return 0;
}

static void cursor_write(const char *name, char cursor[CURSOR_MAX])
{
	struct base64_encode_ctx ctx;
	size_t len;

	base64url_encode_init(&ctx);
	len = base64_encode_update(&ctx, cursor, strlen(name), (const uint8_t *)name);
	len += base64_encode_final(&ctx, cursor + len);
	cursor[len] = '\0';
}

/* ---- at the desk ---- */

static bool listing_add(void *ctx, const char *name, const struct file_version *version)
{
	struct listing *listing = ctx;

	listing->more = listing->count == listing->limit;
	if (listing->more)
		return false;
	listing->count++;
	snprintf(listing->last, sizeof(listing->last), "%s", name);
	json_out_object(&listing->out, NULL);
	file_out(&listing->out, name, version, NULL);
	json_out_end(&listing->out, '}');
	return true;
}

static void listing_run(struct desk_work *work, bool stopping)
{
	struct listing *listing = (struct listing *)work;

	json_out_object(&listing->out, NULL);
	json_out_array(&listing->out, "items");
	if (stopping)
		err_set(&listing->err, ERR_DRAINING, "the daemon is shutting down");
	else
		files_list(listing->files, listing->prefix, listing->after, listing_add, listing,
			   &listing->err);
	json_out_end(&listing->out, ']');
	later_done(listing->later);
}

/* ---- the request ---- */

static void listing_answer(struct request *request, void *ctx)
{
	struct listing *listing = ctx;
	char cursor[CURSOR_MAX];

	if (listing->err.code != ERR_NONE) {
		reply_problem(request, &listing->err);
		return;
	}
	if (listing->more) {
		cursor_write(listing->last, cursor);
		query_next_link(request, "/v1/files", cursor);
	}
	json_out_text(&listing->out, "next_cursor", listing->more ? cursor : NULL);
	json_out_end(&listing->out, '}');
	reply_json(request, 200, &listing->body);
}

static void listing_release(void *ctx)
{
	buf_done(&((struct listing *)ctx)->body);
}

static int listing_read(struct request *request, struct listing *listing, struct err *err)
{
	static const char *const known[] = {"prefix", "limit", "cursor", NULL};

	if (!listing)
		return err_set(err, ERR_NO_MEMORY, "no memory for the request");
	listing->work.run = listing_run;
	listing->files = api_of(request)->files;
	listing->prefix = request_query(request, "prefix");
	if (!listing->prefix)
		listing->prefix = "";
	buf_init(&listing->body, REPLY_BYTES_MAX);
	listing->out = JSON_OUT(&listing->body);
	return request_query_check(request, known, err) ||
			       query_limit(request, &listing->limit, err) ||
			       cursor_read(request, listing->after, err)
		       ? -1
		       : 0;
}

void file_list(struct request *request)
{
	struct listing *listing = arena_alloc(request_arena(request), sizeof(*listing));
	struct err err;

	if (listing_read(request, listing, &err)) {
		reply_problem(request, &err);
		return;
	}
	listing->later = reply_later(request, listing_answer, listing_release, listing);
	if (!listing->later || desk_add(api_of(request)->files_desk, &listing->work))
		return;
	err_set(&listing->err, ERR_TOO_MANY_REQUESTS, "too many requests wait for the disk");
	later_done(listing->later);
}
