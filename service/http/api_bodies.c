/* SPDX-License-Identifier: MIT */
/* api_bodies.c - /v1/jobs/{id}/bodies/{sha256}: a page as a job kept it.
 *
 * What is in it came from anywhere: it is served as bytes to be saved, so that no browser
 * takes it for a page of ours.  Its name is its hash, so it never changes.
 */
#include "service/http/api.h"
#include "service/http/api_query.h"
#include "service/http/range.h"

#include <stdio.h>
#include <unistd.h>

static void body_headers(struct request *request, const char *name)
{
	reply_header(request, "X-Content-Type-Options", "nosniff");
	reply_header(request, "Content-Security-Policy", "sandbox; default-src 'none'");
	reply_headerf(request, "Content-Disposition", "attachment; filename=\"%s\"", name);
}

/* Owns fd. */
static void body_reply(struct request *request, const char *name, int fd, int64_t size)
{
	char etag[BODY_NAME_LEN + 3];
	int64_t from, to;
	int status;

	snprintf(etag, sizeof(etag), "\"%s\"", name);
	status = range_answer(request, etag, size, &from, &to);
	if (status == 416) {
		close(fd);
		return;
	}
	body_headers(request, name);
	reply_file(request, status, "application/octet-stream",
		   &(struct file_bytes){fd, from, to - from, .steady = true});
}

void job_body(struct request *request)
{
	static const char *const known[] = {NULL};
	const char *name = request_param(request, "sha256");
	int64_t size;
	struct err err;
	struct id id;
	int fd;

	if (request_query_check(request, known, &err) || path_id(request, &id, &err) ||
	    store_body_open(api_of(request)->store, &id, name, &fd, &size, &err)) {
		reply_problem(request, &err);
		return;
	}
	body_reply(request, name, fd, size);
}
