/* SPDX-License-Identifier: MIT */
/* api_results.c - /v1/jobs/{id}/results: what a job found.
 *
 * Results are NDJSON in the store, and are sent as they lie there; a JSON array is
 * the same lines with commas; CSV is api_results_csv.c's, and WARC, with the pages that were
 * kept, api_results_warc.c's.  Three ways to read them:
 *
 *   whole     streamed; ?follow=true goes on until the job ends
 *   a range   bytes of a job that has ended (RFC 9110, section 14); when items were
 *             retried, the whole: the old ones are hidden in between
 *   a page    ?limit= items from ?cursor= on, with Link: rel="next"
 */
#include "base/limits.h"
#include "service/engine/events.h"
#include "service/http/api.h"
#include "service/http/api_query.h"
#include "service/http/range.h"
#include "service/http/server.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 64 * 1024, PAGE_BYTES_MAX = 16 * 1024 * 1024 };

static const char ndjson_type[] = "application/x-ndjson", json_type[] = "application/json";

struct results {
	struct api *api;
	struct id job;
	struct subscriber *subscriber; /* following */
	int64_t offset, end; /* of the store's bytes: the next, and where to stop; -1: open */
	char *chunk;
	size_t chunk_at, chunk_len;
	bool array, opened, closed, in_line, any; /* of a JSON array */
};

static void results_close(void *ctx)
{
	struct results *results = ctx;

	if (results->subscriber)
		events_unsubscribe(results->api->events, results->subscriber);
	free(results->chunk);
	free(results);
}

/* ---- reading ---- */

static bool job_is_over(struct results *results, int64_t *ret_bytes)
{
	struct job job;
	struct err err;
	bool over;

	if (store_job_get(results->api->store, &results->job, false, &job, &err)) {
		*ret_bytes = results->offset;
		return true;
	}
	over = state_is_final(job.state);
	*ret_bytes = job.result_bytes;
	job_done(&job);
	return over;
}

/* Fills the chunk.  STREAM_END, STREAM_WAIT, STREAM_FAIL, or 1. */
static ssize_t chunk_fill(struct results *results)
{
	size_t room = CHUNK_BYTES;
	int64_t bytes = 0;
	struct err err;
	bool over;

	if (!results->chunk)
		results->chunk = malloc(CHUNK_BYTES);
	if (!results->chunk)
		return STREAM_FAIL;
	over = results->end >= 0 || job_is_over(results, &bytes);
	if (results->end >= 0)
		room = (size_t)MIN((int64_t)room, MAX(0, results->end - results->offset));
	results->chunk_at = results->chunk_len = 0;
	if (room > 0 && store_results_next(results->api->store, &results->job, &results->offset,
					   results->chunk, room, &results->chunk_len, &err))
		return STREAM_FAIL;
	if (results->chunk_len > 0)
		return 1;
	if (results->end >= 0 && results->offset < results->end)
		return STREAM_FAIL; /* a length was promised */
	free(results->chunk);	    /* a follower that waits keeps no buffer */
	results->chunk = NULL;
	if (over && results->offset >= bytes)
		return STREAM_END;
	/* A drain does not wait for the job, and a proper end would look like the job's. */
	return server_draining(results->api->server) ? STREAM_FAIL : STREAM_WAIT;
}

/* Lines to elements: a comma before each but the first, no newlines. */
static size_t array_copy(struct results *results, char *into, size_t room)
{
	size_t len = 0;

	while (results->chunk_at < results->chunk_len && len + 2 <= room) {
		char byte = results->chunk[results->chunk_at++];

		if (byte == '\n') {
			results->in_line = false;
			continue;
		}
		if (!results->in_line && results->any)
			into[len++] = ',';
		results->in_line = results->any = true;
		into[len++] = byte;
	}
	return len;
}

static ssize_t results_read(void *ctx, char *into, size_t room)
{
	struct results *results = ctx;
	size_t len;

	if (results->array && !results->opened) {
		results->opened = true;
		*into = '[';
		return 1;
	}
	do {
		if (results->closed)
			return STREAM_END;
		if (results->chunk_at == results->chunk_len) {
			ssize_t rc = chunk_fill(results);

			if (rc == STREAM_END && results->array) {
				results->closed = true;
				*into = ']';
				return 1;
			}
			if (rc <= 0)
				return rc;
		}
		if (results->array) {
			len = array_copy(results, into, room);
		} else {
			len = MIN(room, results->chunk_len - results->chunk_at);
			memcpy(into, results->chunk + results->chunk_at, len);
			results->chunk_at += len;
		}
	} while (len == 0);
	return (ssize_t)len;
}

/* ---- what is asked for ---- */

/* From RESULTS_CSV on they are what is there now, as a whole. */
enum results_format { RESULTS_LINES, RESULTS_ARRAY, RESULTS_CSV, RESULTS_WARC, RESULTS_WARC_GZIP };

static int format_named(const char *name, enum results_format *ret, struct err *err)
{
	static const char *const names[] = {"ndjson", "json", "csv", "warc", "warc.gz"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(name, names[i]) == 0) {
			*ret = (enum results_format)i;
			return 0;
		}
	}
	return err_set(err, ERR_BAD_PARAMETER, "format is ndjson, json, csv, warc or warc.gz");
}

static int format_read(struct request *request, enum results_format *ret, struct err *err)
{
	const char *format = request_query(request, "format");
	const char *accept = request_header(request, "Accept");

	*ret = RESULTS_LINES;
	if (format)
		return format_named(format, ret, err);
	if (!accept || strstr(accept, "ndjson") || strstr(accept, "*/*"))
		return 0;
	if (strstr(accept, "application/json"))
		*ret = RESULTS_ARRAY;
	else if (strstr(accept, "text/csv") || strstr(accept, "text/*"))
		*ret = RESULTS_CSV;
	else if (strstr(accept, "application/warc"))
		*ret = RESULTS_WARC;
	else if (!strstr(accept, "application/*"))
		return err_set(err, ERR_NOT_ACCEPTABLE,
			       "results come as application/x-ndjson, application/json, "
			       "text/csv or application/warc");
	return 0;
}

/* ---- a page ---- */

/* The offset where an item begins. */
static int cursor_read(struct request *request, const struct id *id, int64_t *ret_offset,
		       struct err *err)
{
	char before = '\n';
	uint64_t offset;
	size_t len = 1;

	if (query_number(request, "cursor", 0, &offset, err))
		return -1;
	*ret_offset = (int64_t)MIN(offset, (uint64_t)INT64_MAX);
	if (*ret_offset > 0 &&
	    store_results_read(api_of(request)->store, id, *ret_offset - 1, &before, 1, &len, err))
		return -1;
	if (len == 1 && before == '\n')
		return 0;
	return err_set(err, ERR_BAD_CURSOR, "no item of these results begins at '%.40s'",
		       request_query(request, "cursor"));
}

/* Up to `limit` whole lines; fewer when they are long, or the last.  *offset moves behind
 * them. */
static int page_fill(struct store *store, const struct id *id, int64_t *offset, unsigned limit,
		     struct buf *body, bool *ret_more, struct err *err)
{
	unsigned items = 0;
	size_t scanned = 0, whole = 0, len = 1;
	int64_t at = *offset;
	char next;

	while (items < limit && len > 0 && body->max - body->len > CHUNK_BYTES) {
		char *room = buf_room(body, CHUNK_BYTES);

		if (!room)
			return err_set(err, ERR_NO_MEMORY, "no memory for the page");
		if (store_results_next(store, id, &at, room, CHUNK_BYTES, &len, err))
			return -1;
		buf_grown(body, len);
		for (; scanned < body->len && items < limit; scanned++) {
			if (body->data[scanned] != '\n')
				continue;
			items++;
			whole = scanned + 1;
			*offset = at - (int64_t)(body->len - whole);
		}
	}
	/* Exactly at the end of an item: is it the last? */
	if (whole == body->len && len > 0 &&
	    store_results_next(store, id, &at, &next, 1, &len, err))
		return -1;
	*ret_more = len > 0;
	buf_cut(body, whole);
	return 0;
}

/* The same lines as one array. */
static void lines_to_array(const struct buf *lines, struct buf *into)
{
	buf_add_byte(into, '[');
	if (lines->len > 0)
		buf_add(into, lines->data, lines->len);
	for (size_t i = 1; i < into->len; i++)
		if (into->data[i] == '\n')
			into->data[i] = ',';
	if (lines->len > 0)
		buf_cut(into, into->len - 1);
	buf_add_byte(into, ']');
}

static void page_reply(struct request *request, const struct id *id, bool array)
{
	struct buf lines = BUF(PAGE_BYTES_MAX), body = BUF(PAGE_BYTES_MAX + 2);
	char path[ID_TEXT_LEN + 1];
	int64_t offset;
	unsigned limit;
	struct err err;
	bool more = false;

	if (query_limit(request, &limit, &err) || cursor_read(request, id, &offset, &err) ||
	    page_fill(api_of(request)->store, id, &offset, limit, &lines, &more, &err)) {
		buf_done(&lines);
		reply_problem(request, &err);
		return;
	}
	if (more) {
		id_format(id, path);
		reply_headerf(request, "Link",
			      "</v1/jobs/%s/results?limit=%u&cursor=%" PRId64 "%s>; rel=\"next\"",
			      path, limit, offset, array ? "&format=json" : "");
	}
	if (array)
		lines_to_array(&lines, &body);
	reply_bytes(request, 200, array ? json_type : ndjson_type, array ? &body : &lines);
	buf_done(&lines);
}

/* ---- the route ---- */

static void follow_wake(void *ctx)
{
	waker_wake(ctx);
}

static void whole_reply(struct request *request, const struct job *job, bool array, bool follow)
{
	static const struct stream_reader reader = {.read = results_read, .close = results_close};
	struct results *results = calloc(1, sizeof(*results));
	int64_t from = 0, to = job->result_bytes, hidden;
	int status = 200;
	char etag[32];
	struct err err;

	if (!results) {
		reply_problemf(request, ERR_NO_MEMORY, "no memory for a stream");
		return;
	}
	if (store_results_hidden(api_of(request)->store, &job->id, &hidden, &err)) {
		free(results);
		reply_problem(request, &err);
		return;
	}
	*results = (struct results){.api = api_of(request), .job = job->id, .array = array};
	if (state_is_final(job->state) && !array && !follow && hidden == 0) {
		snprintf(etag, sizeof(etag), "\"%" PRIu64 "\"", job->version);
		status = range_answer(request, etag, job->result_bytes, &from, &to);
	}
	if (status == 416) {
		free(results);
		return;
	}
	results->offset = from;
	results->end = follow ? -1 : to;
	if (follow && events_subscribe(results->api->events, &job->id, follow_wake,
				       request_waker(request), &results->subscriber, &err)) {
		free(results);
		reply_problem(request, &err);
		return;
	}
	reply_stream(request, status, array ? json_type : ndjson_type,
		     array || follow ? STREAM_UNKNOWN : to - from - hidden, &reader, results);
}

/* Which words go together. */
static int query_judge(struct request *request, enum results_format format, bool paged, bool follow,
		       struct err *err)
{
	if (paged && follow)
		return err_set(err, ERR_BAD_PARAMETER,
			       "a page ends: no follow with limit or cursor");
	if (format >= RESULTS_CSV && (paged || follow))
		return err_set(err, ERR_BAD_PARAMETER,
			       "%s is what is there now: no follow, limit or cursor",
			       format == RESULTS_CSV ? "CSV" : "WARC");
	if (format != RESULTS_CSV && request_query(request, "columns"))
		return err_set(err, ERR_BAD_PARAMETER, "only CSV has columns");
	return 0;
}

void job_results(struct request *request)
{
	static const char *const known[] = {"format", "follow", "limit", "cursor", "columns", NULL};
	bool paged = request_query(request, "limit") || request_query(request, "cursor");
	enum results_format format;
	struct job job;
	struct err err;
	struct id id;
	bool follow;

	if (request_query_check(request, known, &err) || path_id(request, &id, &err) ||
	    format_read(request, &format, &err) || query_bool(request, "follow", &follow, &err) ||
	    query_judge(request, format, paged, follow, &err) ||
	    store_job_get(api_of(request)->store, &id, false, &job, &err)) {
		reply_problem(request, &err);
		return;
	}
	if (format == RESULTS_CSV)
		results_csv_reply(request, &job);
	else if (format > RESULTS_CSV)
		results_warc_reply(request, &id, format == RESULTS_WARC_GZIP);
	else if (paged)
		page_reply(request, &id, format == RESULTS_ARRAY);
	else
		whole_reply(request, &job, format == RESULTS_ARRAY, follow);
	job_done(&job);
}
