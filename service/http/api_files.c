/* SPDX-License-Identifier: MIT */
/* api_files.c - /v1/files/{file...}: download and delete; api_uploads.c has PUT, api_files_list.c
 * the list.
 *
 * What is in a file came from anywhere: it is served as something to be saved, so that no
 * browser takes it for a page of ours.
 */
#include "service/http/api_files.h"

#include "base/limits.h"
#include "base/upload.h"
#include "net/http_date.h"
#include "service/http/api.h"
#include "service/http/api_query.h"
#include "service/http/desk.h"
#include "service/http/digest.h"
#include "service/http/range.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum { NS_A_SECOND = 1000000000, NS_A_MS = 1000000 };

const char *path_file(const struct request *request, struct err *err)
{
	const char *name = request_rest(request, "file");

	if (!name)
		err_set(err, ERR_NO_MEMORY, "no memory for the name");
	else if (files_name_check(name, strlen(name), err))
		return NULL;
	return name;
}

static const char *header_copy(struct request *request, const char *name, struct err *err)
{
	const char *value = request_header(request, name);
	const char *copy = value ? arena_text(request_arena(request), value) : NULL;

	if (value && !copy)
		err_set(err, ERR_NO_MEMORY, "no memory for %s", name);
	return copy;
}

int condition_read(struct request *request, struct file_condition *ret, struct err *err)
{
	err->code = ERR_NONE;
	ret->match = header_copy(request, "If-Match", err);
	ret->none_match = header_copy(request, "If-None-Match", err);
	return err->code == ERR_NONE ? 0 : -1;
}

void file_out(struct json_out *out, const char *name, const struct file_version *version,
	      const uint8_t *sha256)
{
	char tag[FILE_TAG_MAX], hex[2 * FILE_SUM_BYTES + 1];

	file_version_tag(version, tag);
	json_out_text(out, "name", name);
	json_out_int(out, "size", version->size);
	json_out_text(out, "etag", tag);
	for (size_t i = 0; sha256 && i < FILE_SUM_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", sha256[i]);
	if (sha256)
		json_out_text(out, "sha256", hex);
	json_out_instant(out, "modified_at", version->mtime_ns / NS_A_MS);
}

void file_headers(struct request *request, const struct file_version *version,
		  const uint8_t *sha256)
{
	char text[MAX((int)FILE_TAG_MAX, (int)DIGEST_TEXT_MAX)];

	file_version_tag(version, text);
	reply_header(request, "ETag", text);
	if (sha256) {
		digest_format(sha256, text);
		reply_header(request, "Repr-Digest", text);
	}
}

/* ---- GET /v1/files/{file...} ---- */

static const char *type_of(const char *name)
{
	static const struct {
		const char *ending, *type;
	} types[] = {
		{".ndjson", "application/x-ndjson"},
		{".jsonl", "application/x-ndjson"},
		{".json", "application/json"},
		{".csv", "text/csv; charset=utf-8"},
		{".tsv", "text/tab-separated-values; charset=utf-8"},
		{".txt", "text/plain; charset=utf-8"},
		{".log", "text/plain; charset=utf-8"},
		{".md", "text/markdown; charset=utf-8"},
		{".html", "text/html"},
		{".xml", "application/xml"},
		{".pdf", "application/pdf"},
		{".png", "image/png"},
		{".jpg", "image/jpeg"},
		{".gz", "application/gzip"},
		{".zst", "application/zstd"},
		{".zip", "application/zip"},
		{".parquet", "application/vnd.apache.parquet"},
	};
	const char *ending = strrchr(name, '.');

	for (size_t i = 0; ending && i < ARRAY_LEN(types); i++)
		if (strcasecmp(types[i].ending, ending) == 0)
			return types[i].type;
	return "application/octet-stream";
}

/* RFC 6266; names are UTF-8, so all but plain ones go as RFC 8187 says. */
static void disposition_header(struct request *request, const char *name)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789!#$&+-.^_`|~";
	const char *slash = strrchr(name, '/');
	const char *base = slash ? slash + 1 : name;
	struct buf coded = BUF(3 * FILE_SEGMENT_BYTES_MAX);

	for (const char *at = base; *at; at++) {
		if (strchr(plain, *at))
			buf_add_byte(&coded, *at);
		else
			buf_printf(&coded, "%%%02X", (unsigned char)*at);
	}
	if (buf_ok(&coded) && coded.len == strlen(base))
		reply_headerf(request, "Content-Disposition", "attachment; filename=\"%s\"", base);
	else if (buf_ok(&coded))
		reply_headerf(request, "Content-Disposition", "attachment; filename*=UTF-8''%s",
			      coded.data);
	buf_done(&coded);
}

static void modified_header(struct request *request, const struct file_version *version)
{
	time_t seconds = version->mtime_ns / NS_A_SECOND;
	char text[40];
	struct tm tm;

	if (gmtime_r(&seconds, &tm) &&
	    strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0)
		reply_header(request, "Last-Modified", text);
}

/* RFC 9110, section 13.1.3: only where If-None-Match is absent. */
static bool not_modified_since(struct request *request, const struct file_version *version)
{
	const char *since = request_header(request, "If-Modified-Since");
	int64_t since_s;

	return since && !request_header(request, "If-None-Match") &&
	       http_date_parse(since, time(NULL), &since_s) == 0 &&
	       version->mtime_ns / NS_A_SECOND <= since_s;
}

/* True: answered, 304 or 412. */
static bool condition_answered(struct request *request, const struct file_version *version)
{
	struct file_condition condition;
	struct err err;

	if (condition_read(request, &condition, &err) == 0 &&
	    file_condition_check(&condition, version, &err) == 0 &&
	    !not_modified_since(request, version))
		return false;
	if (condition.match &&
	    file_condition_check(&(struct file_condition){condition.match, NULL}, version, &err)) {
		reply_problem(request, &err);
	} else {
		file_headers(request, version, NULL);
		reply_empty(request, 304);
	}
	return true;
}

/* Owns fd. */
static void file_reply(struct request *request, const char *name, int fd,
		       const struct file_version *version)
{
	uint8_t sha256[FILE_SUM_BYTES];
	char tag[FILE_TAG_MAX], digest[DIGEST_TEXT_MAX];
	int64_t from, to;
	int status;

	file_version_tag(version, tag);
	status = range_answer(request, tag, version->size, &from, &to);
	if (status == 416) {
		close(fd);
		return;
	}
	if (file_sum_read(fd, version, sha256)) {
		digest_format(sha256, digest);
		reply_header(request, "Repr-Digest", digest);
	}
	modified_header(request, version);
	disposition_header(request, name);
	reply_header(request, "X-Content-Type-Options", "nosniff");
	reply_header(request, "Content-Security-Policy", "sandbox; default-src 'none'");
	reply_file(request, status, type_of(name),
		   &(struct file_bytes){fd, from, to - from,
					.steady = !files_mapped(api_of(request)->files, name)});
}

/* ?upload: how far one is that is not finished. */
static void upload_show(struct request *request, const char *name)
{
	struct buf body = BUF(REPLY_BYTES_MAX);
	struct json_out out = JSON_OUT(&body);
	int64_t offset;
	struct err err;

	if (upload_left(api_of(request)->files, name, &offset, &err)) {
		reply_problem(request, &err);
		return;
	}
	json_out_object(&out, NULL);
	json_out_text(&out, "name", name);
	json_out_int(&out, "offset", offset);
	json_out_end(&out, '}');
	reply_headerf(request, "Upload-Offset", "%" PRId64, offset);
	reply_json(request, 200, &body);
}

void file_show(struct request *request)
{
	static const char *const known[] = {"upload", NULL};
	struct file_version version;
	const char *name;
	struct err err;
	bool upload;
	int fd;

	if (request_query_check(request, known, &err) ||
	    query_bool(request, "upload", &upload, &err) || !(name = path_file(request, &err))) {
		reply_problem(request, &err);
		return;
	}
	if (upload) {
		upload_show(request, name);
		return;
	}
	if (files_open(api_of(request)->files, name, &fd, &version, &err)) {
		reply_problem(request, &err);
		return;
	}
	if (condition_answered(request, &version))
		close(fd);
	else
		file_reply(request, name, fd, &version);
}

/* ---- DELETE /v1/files/{file...} ---- */

/* Stands in the request's arena. */
struct removal {
	struct desk_work work;
	struct files *files;
	const char *name;
	struct file_condition condition;
	bool upload;
	struct later *later;
	struct err err; /* code ERR_NONE: done */
};

static void removal_run(struct desk_work *work, bool stopping)
{
	struct removal *removal = (struct removal *)work;

	if (stopping)
		err_set(&removal->err, ERR_DRAINING, "the daemon is shutting down");
	else if (removal->upload)
		upload_forget(removal->files, removal->name, &removal->err);
	else
		files_delete(removal->files, removal->name, &removal->condition, &removal->err);
	later_done(removal->later);
}

static void removal_answer(struct request *request, void *ctx)
{
	const struct removal *removal = ctx;

	if (removal->err.code != ERR_NONE)
		reply_problem(request, &removal->err);
	else
		reply_empty(request, 204);
}

static void removal_release(void *ctx)
{
	(void)ctx; /* it goes with the arena */
}

static int removal_read(struct request *request, struct removal *removal, struct err *err)
{
	static const char *const known[] = {"upload", NULL};

	if (!removal)
		return err_set(err, ERR_NO_MEMORY, "no memory for the request");
	removal->files = api_of(request)->files;
	removal->work.run = removal_run;
	if (request_query_check(request, known, err) ||
	    query_bool(request, "upload", &removal->upload, err) ||
	    condition_read(request, &removal->condition, err))
		return -1;
	removal->name = path_file(request, err);
	return removal->name ? 0 : -1;
}

void file_delete(struct request *request)
{
	struct removal *removal = arena_alloc(request_arena(request), sizeof(*removal));
	struct err err;

	if (removal_read(request, removal, &err)) {
		reply_problem(request, &err);
		return;
	}
	removal->later = reply_later(request, removal_answer, removal_release, removal);
	if (!removal->later || desk_add(api_of(request)->files_desk, &removal->work))
		return;
	err_set(&removal->err, ERR_TOO_MANY_REQUESTS, "too many requests wait for the disk");
	later_done(removal->later);
}
