/* SPDX-License-Identifier: MIT */
/* api_jobs.c - /v1/jobs and /v1/jobs/{id}: list, show, change, delete. */
#include "base/limits.h"
#include "base/units.h"
#include "service/http/api_job.h"
#include "service/http/api_query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- GET /v1/jobs ---- */

static int cursor_read(struct request *request, struct job_filter *filter, struct err *err)
{
	const char *cursor = request_query(request, "cursor");

	if (cursor && id_parse(cursor, &filter->after))
		return err_set(err, ERR_BAD_CURSOR, "'%.60s' came from no list of jobs", cursor);
	return 0;
}

static void list_reply(struct request *request, const struct job *jobs, size_t count,
		       const struct id *after)
{
	struct buf body = BUF(REPLY_BYTES_MAX);
	struct json_out out = JSON_OUT(&body);
	char cursor[ID_TEXT_LEN + 1];

	json_out_object(&out, NULL);
	json_out_array(&out, "items");
	for (size_t i = 0; i < count; i++)
		job_out(&jobs[i], NULL, &out);
	json_out_end(&out, ']');
	if (after) {
		id_format(after, cursor);
		query_next_link(request, "/v1/jobs", cursor);
	}
	json_out_text(&out, "next_cursor", after ? cursor : NULL);
	json_out_end(&out, '}');
	reply_json(request, 200, &body);
}

void job_list(struct request *request)
{
	static const char *const known[] = {QUERY_FILTER_NAMES, "limit", "cursor", NULL};
	struct job_filter filter = {0};
	struct job *jobs;
	struct id after;
	struct err err;
	size_t count = 0;
	bool more;

	if (request_query_check(request, known, &err) || query_filter(request, &filter, &err) ||
	    query_limit(request, &filter.limit, &err) || cursor_read(request, &filter, &err)) {
		reply_problem(request, &err);
		return;
	}
	jobs = calloc(filter.limit, sizeof(*jobs));
	if (!jobs) {
		reply_problemf(request, ERR_NO_MEMORY, "no memory for %u jobs", filter.limit);
		return;
	}
	if (store_job_list(api_of(request)->store, &filter, jobs, &count, &more, &after, &err))
		reply_problem(request, &err);
	else
		list_reply(request, jobs, count, more ? &after : NULL);
	for (size_t i = 0; i < count; i++)
		job_done(&jobs[i]);
	free(jobs);
}

/* ---- GET /v1/jobs/{id} ---- */

static bool etag_matches(const char *header, uint64_t version)
{
	char etag[32];

	snprintf(etag, sizeof(etag), "\"%llu\"", (unsigned long long)version);
	return header && (strcmp(header, "*") == 0 || strstr(header, etag));
}

void job_show(struct request *request)
{
	static const char *const known[] = {"wait", "expect", "include", NULL};
	struct wait_wish wish;
	struct job job;
	struct err err;
	struct id id;

	if (request_query_check(request, known, &err) || path_id(request, &id, &err) ||
	    wait_wish_read(request, &wish, &err) ||
	    store_job_get(api_of(request)->store, &id, false, &job, &err)) {
		reply_problem(request, &err);
		return;
	}
	if (job.state != JOB_RUNNING &&
	    etag_matches(request_header(request, "If-None-Match"), job.version)) {
		reply_headerf(request, "ETag", "\"%llu\"", (unsigned long long)job.version);
		reply_empty(request, 304);
	} else {
		job_reply_wait(request, &id, &wish, 200);
	}
	job_done(&job);
}

/* ---- PATCH /v1/jobs/{id} ---- */

static const char *const priorities[] = {"critical", "high", "normal", "low", NULL};

static const struct param tag_value[] = {
	{.kind = PARAM_TEXT, .max = NAME_BYTES_MAX, .summary = "Any label"},
	{0},
};

static const struct param patch_params[] = {
	{.name = "priority",
	 .kind = PARAM_CHOICE,
	 .choices = priorities,
	 .summary = "Which jobs go first"},
	{.name = "run_at", .kind = PARAM_INSTANT, .summary = "Not before this instant"},
	{.name = "tags",
	 .kind = PARAM_MAP,
	 .members = tag_value,
	 .max = JOB_TAGS_MAX,
	 .summary = "Replace all tags"},
	{0},
};

/* The patch of the body; -1: answered. */
static int patch_read(struct request *request, struct json **ret_json)
{
	struct json_place place = {0};
	struct mistakes mistakes;
	struct err err;
	size_t len;
	const char *body = request_body(request, &len);
	int rc = -1;

	if (json_parse(body, len, ret_json, &place, &err)) {
		reply_json_error(request, &err, &place);
		return -1;
	}
	mistakes_init(&mistakes);
	if (json_kind(*ret_json) != JSON_OBJECT || json_count(*ret_json) == 0)
		mistake_hint(&mistakes,
			     mistake_add(&mistakes, "", "wrong-type", "a patch is an object"),
			     "{\"priority\":\"high\"}; priority, run_at and tags can be changed");
	else
		spec_check(patch_params, *ret_json, "", &mistakes);
	if (mistakes.count > 0)
		reply_mistakes(request, &mistakes);
	else
		rc = 0;
	mistakes_done(&mistakes);
	if (rc)
		json_free(*ret_json);
	return rc;
}

static int patch_fill(const struct json *json, struct arena *arena, struct engine_patch *patch)
{
	const struct json *tags = json_get(json, "tags");
	struct buf text = BUF(JOB_TAGS_MAX * 16 * NAME_BYTES_MAX);

	patch->set_priority = json_get(json, "priority") != NULL;
	patch->priority =
		(enum job_priority)spec_choice(json, "priority", priorities, PRIORITY_NORMAL);
	patch->set_ready = json_get(json, "run_at") != NULL;
	patch->ready_ms = spec_instant(json, "run_at", 0);
	if (tags && json_print(tags, &text) == 0)
		patch->tags = arena_copy(arena, text.data, text.len);
	patch->set_tags = patch->tags != NULL;
	buf_done(&text);
	return tags && !patch->tags ? -1 : 0;
}

/* If-Match: one strong ETag of ours, or '*'. */
static int if_match_read(struct request *request, uint64_t *ret_version, struct err *err)
{
	const char *header = request_header(request, "If-Match");
	char *end;

	*ret_version = 0;
	if (!header || strcmp(header, "*") == 0)
		return 0;
	*ret_version = *header == '"' ? strtoull(header + 1, &end, 10) : 0;
	if (*ret_version == 0 || strcmp(end, "\"") != 0)
		return err_set(err, ERR_PRECONDITION_FAILED,
			       "If-Match %.40s is no ETag of this job", header);
	return 0;
}

void job_patch(struct request *request)
{
	static const char *const known[] = {NULL};
	struct engine_patch patch = {0};
	struct change *change;
	struct json *json;
	struct err err;
	struct id id;
	int rc;

	if (request_query_check(request, known, &err) || path_id(request, &id, &err) ||
	    if_match_read(request, &patch.if_version, &err)) {
		reply_problem(request, &err);
		return;
	}
	if (patch_read(request, &json))
		return;
	rc = patch_fill(json, request_arena(request), &patch);
	json_free(json);
	if (rc) {
		reply_problemf(request, ERR_NO_MEMORY, "no memory for the tags");
		return;
	}
	change = change_new(request);
	if (change && engine_patch(api_of(request)->engine, &id, &patch, change_done, change, &err))
		change_done(change, NULL, &err);
}

/* ---- DELETE /v1/jobs/{id} ---- */

struct deletion {
	struct op_delete delete;
	struct later *later;
	struct err err;
};

static void deleted(struct store_op *op)
{
	struct deletion *deletion = op->ctx;

	deletion->err = op->err;
	later_done(deletion->later);
}

static void deletion_answer(struct request *request, void *ctx)
{
	struct deletion *deletion = ctx;

	if (deletion->err.code != ERR_NONE)
		reply_problem(request, &deletion->err);
	else
		reply_empty(request, 204);
}

void job_delete(struct request *request)
{
	static const char *const known[] = {NULL};
	struct deletion *deletion;
	struct err err;
	struct id id;

	if (request_query_check(request, known, &err) || path_id(request, &id, &err)) {
		reply_problem(request, &err);
		return;
	}
	deletion = calloc(1, sizeof(*deletion));
	if (!deletion) {
		reply_problemf(request, ERR_NO_MEMORY, "no memory for the deletion");
		return;
	}
	deletion->delete = (struct op_delete){
		.op = {.kind = OP_DELETE, .done = deleted, .ctx = deletion},
		.id = id,
	};
	deletion->later = reply_later(request, deletion_answer, free, deletion);
	if (deletion->later && store_put(api_of(request)->store, &deletion->delete.op, &err)) {
		deletion->delete.op.err = err;
		deleted(&deletion->delete.op);
	}
}
