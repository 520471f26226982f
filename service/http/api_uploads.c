/* SPDX-License-Identifier: MIT */
/* api_uploads.c - PUT /v1/files/{file...}: straight to the disk.
 *
 *   1. file_put(), when the head is there: all that can be refused without the body is;
 *   2. put_take(), on the HTTP thread: each piece is written and summed up;
 *   3. put_end(): the rest, which waits for the disk, is done at the desk (put_run).
 *
 * A large upload that breaks off is kept for a day (base/upload.h).  GET ?upload tells how
 * far it came, and a PUT with Content-Range goes on from there (RFC 9110, section 14.5), or
 * adds a part: curl -C <offset> -T does just that.
 */
#include "base/limits.h"
#include "base/upload.h"
#include "service/http/api.h"
#include "service/http/api_files.h"
#include "service/http/desk.h"
#include "service/http/digest.h"
#include "service/http/intake.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Stands in the request's arena. */
struct put {
	struct desk_work work;
	struct upload_order order;
	struct upload *upload;
	struct digest part, whole;
	struct upload_check check; /* borrows from the two */
	struct later *later;
	struct upload_done done;
	struct err err; /* code ERR_NONE: done */
};

/* ---- the head ---- */

static bool number_take(const char **at, int64_t *ret)
{
	char *end;

	if (**at < '0' || **at > '9')
		return false;
	errno = 0;
	*ret = strtoll(*at, &end, 10);
	*at = end;
	return errno == 0;
}

/* `bytes a-b/total`, or `*` for a total that is not known yet (RFC 9110, section 14.4). */
static bool range_take(const char *text, int64_t *ret_first, int64_t *ret_last, int64_t *ret_total)
{
	if (strncmp(text, "bytes ", 6) != 0)
		return false;
	text += 6;
	if (!number_take(&text, ret_first) || *text++ != '-' || !number_take(&text, ret_last) ||
	    *text++ != '/')
		return false;
	if (strcmp(text, "*") == 0) {
		*ret_total = -1;
		return *ret_first <= *ret_last && *ret_last < INT64_MAX;
	}
	return number_take(&text, ret_total) && *text == '\0' && *ret_first <= *ret_last &&
	       *ret_last < *ret_total;
}

static int range_read(struct request *request, struct upload_order *order, struct err *err)
{
	const char *text = request_header(request, "Content-Range");
	int64_t last;

	if (!text)
		return 0;
	order->ranged = true;
	if (!range_take(text, &order->offset, &last, &order->total))
		return err_set(err, ERR_BAD_REQUEST,
			       "Content-Range '%.60s' must read like bytes 0-999/5000 or "
			       "bytes 0-999/*",
			       text);
	if (order->bytes != last - order->offset + 1)
		return err_set(err, ERR_BAD_REQUEST,
			       "Content-Range names %" PRId64 " bytes, Content-Length %s",
			       last - order->offset + 1,
			       order->bytes < 0 ? "is missing" : "others");
	return 0;
}

static int digests_read(struct request *request, struct put *put, struct err *err)
{
	struct upload_check *check = &put->check;

	if (digest_read("Content-Digest", request_header(request, "Content-Digest"), &put->part,
			err) ||
	    digest_read("Repr-Digest", request_header(request, "Repr-Digest"), &put->whole, err))
		return -1;
	check->part_sha256 = put->part.has_sha256 ? put->part.sha256 : NULL;
	check->part_sha512 = put->part.has_sha512 ? put->part.sha512 : NULL;
	check->whole_sha256 = put->whole.has_sha256 ? put->whole.sha256 : NULL;
	check->whole_sha512 = put->whole.has_sha512 ? put->whole.sha512 : NULL;
	put->order.sha512 = put->part.has_sha512 || put->whole.has_sha512;
	return 0;
}

/* What is known now to fail later is not worth its bytes. */
static int condition_now(struct request *request, const struct put *put, struct err *err)
{
	struct file_version version;
	bool is_there = files_look(api_of(request)->files, put->order.name, &version);

	return file_condition_check(&put->check.condition, is_there ? &version : NULL, err);
}

static int put_read(struct request *request, struct put *put, struct err *err)
{
	static const char *const known[] = {NULL};
	struct upload_order *order = &put->order;

	order->name = path_file(request, err);
	if (!order->name || request_query_check(request, known, err))
		return -1;
	if (request_header(request, "Content-Encoding"))
		return err_set(err, ERR_BAD_REQUEST,
			       "Content-Encoding is not kept; a file is stored as it is sent");
	order->bytes = request_length(request);
	if (order->bytes == 0 && !request_header(request, "Content-Length"))
		return err_set(err, ERR_BAD_REQUEST,
			       "neither Content-Length nor Transfer-Encoding says what comes");
	order->total = -1;
	order->resumable = order->bytes >= FILES_RESUME_BYTES_MIN;
	if (range_read(request, order, err) || digests_read(request, put, err) ||
	    condition_read(request, &put->check.condition, err))
		return -1;
	return condition_now(request, put, err);
}

/* ---- the body ---- */

static int put_take(void *ctx, const char *bytes, size_t len, struct err *err)
{
	return upload_write(((struct put *)ctx)->upload, bytes, len, err);
}

static void put_close(void *ctx)
{
	upload_free(((struct put *)ctx)->upload);
}

/* ---- the end ---- */

static void put_run(struct desk_work *work, bool stopping)
{
	struct put *put = (struct put *)work;

	if (stopping)
		err_set(&put->err, ERR_DRAINING, "the daemon is shutting down");
	else
		upload_finish(put->upload, &put->check, &put->done, &put->err);
	upload_free(put->upload); /* here: it may remove much */
	put->upload = NULL;
	later_done(put->later);
}

static void put_answer(struct request *request, void *ctx)
{
	const struct put *put = ctx;
	struct buf body = BUF(REPLY_BYTES_MAX);
	struct json_out out = JSON_OUT(&body);

	if (put->err.code != ERR_NONE) {
		reply_problem(request, &put->err);
		return;
	}
	json_out_object(&out, NULL);
	if (put->done.whole) {
		file_out(&out, put->order.name, &put->done.version, put->done.sha256);
		file_headers(request, &put->done.version, put->done.sha256);
	} else {
		json_out_text(&out, "name", put->order.name);
		json_out_int(&out, "offset", put->done.offset);
		reply_headerf(request, "Upload-Offset", "%" PRId64, put->done.offset);
	}
	json_out_end(&out, '}');
	if (put->done.created)
		reply_header(request, "Location", request_path(request));
	reply_json(request, !put->done.whole ? 202 : put->done.created ? 201 : 200, &body);
}

/* The desk may have had no room for it. */
static void put_release(void *ctx)
{
	put_close(ctx);
}

static void put_end(struct request *request, void *ctx)
{
	struct put *put = ctx;

	put->later = reply_later(request, put_answer, put_release, put);
	if (!put->later || desk_add(api_of(request)->files_desk, &put->work))
		return;
	err_set(&put->err, ERR_TOO_MANY_REQUESTS, "too many requests wait for the disk");
	later_done(put->later);
}

/* ---- the route ---- */

static void put_refuse(struct request *request, const struct put *put, const struct err *err)
{
	char offset_text[24];
	struct err ignored;
	int64_t offset = 0;

	if (put && err->code == ERR_CONFLICT && put->order.ranged) {
		(void)upload_left(api_of(request)->files, put->order.name, &offset, &ignored);
		snprintf(offset_text, sizeof(offset_text), "%" PRId64, offset);
		problem_member(request, "offset", offset_text);
		reply_header(request, "Upload-Offset", offset_text);
	}
	reply_problem(request, err);
}

void file_put(struct request *request)
{
	static const struct intake intake = {.take = put_take, .end = put_end, .close = put_close};
	struct put *put = arena_alloc(request_arena(request), sizeof(*put));
	struct err err;

	if (!put) {
		reply_problemf(request, ERR_NO_MEMORY, "no memory for the request");
		return;
	}
	put->work.run = put_run;
	if (put_read(request, put, &err) ||
	    upload_begin(api_of(request)->files, &put->order, &put->upload, &err))
		put_refuse(request, put, &err);
	else
		request_intake(request, &intake, put);
}
