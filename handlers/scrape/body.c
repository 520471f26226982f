/* SPDX-License-Identifier: MIT */
/* body.c - the body of an answer, kept with the job: named, told, kept, counted.
 *
 * What all lanes have kept is one number (crawl.bodies_bytes), so that a job's limit holds
 * whatever its lanes; each lane may pass it by the one body that it writes at that moment.
 * Equal bodies need no room, so they are still kept when it is reached.
 */
#include "handlers/scrape/body.h"

#include "base/json.h"
#include "base/limits.h"
#include "base/mistakes.h"
#include "base/spec.h"
#include "handlers/scrape/crawl.h"

#include <stdio.h>
#include <string.h>

enum { HREF_BYTES_MAX = 160 };

void save_read(const struct json *spec, struct save_plan *ret, struct mistakes *mistakes)
{
	ret->on = spec_text(spec, "save_body", NULL) != NULL;
	ret->bytes_max = spec_size(spec, "save_body_max", (int64_t)SAVE_BODY_GIB_PRESET << 30);
	if (!ret->on && json_get(spec, "save_body_max"))
		mistake_add(mistakes, "/spec/save_body_max", "conflict",
			    "no bodies are kept without save_body");
}

void body_name(const struct run *run, const struct plan *plan, const struct fetch_result *result,
	       struct saved *ret)
{
	*ret = (struct saved){.sha256 = ""};
	if (!plan->save.on || result->err.code != ERR_NONE ||
	    (plan->follow && result->status / 100 == 3))
		return;
	page_hash(result->body, result->body_len, ret->sha256);
	id_format(run_job_id(run), ret->job);
	ret->bytes = result->body_len;
}

void body_out(const struct saved *saved, struct json_out *out)
{
	char href[HREF_BYTES_MAX];

	if (!saved->sha256[0] || saved->err.code != ERR_NONE) {
		json_out_null(out, "body");
		return;
	}
	snprintf(href, sizeof(href), "/v1/jobs/%s/bodies/%s", saved->job, saved->sha256);
	json_out_object(out, "body");
	json_out_text(out, "sha256", saved->sha256);
	json_out_int(out, "bytes", (int64_t)saved->bytes);
	json_out_text(out, "href", href);
	json_out_end(out, '}');
}

void headers_out(const struct fetch_result *result, struct json_out *out)
{
	const char *name, *value;
	size_t at = 0;

	if (result->head_len == 0) {
		json_out_null(out, "headers");
		return;
	}
	json_out_array(out, "headers");
	while (fetch_result_headers(result, &at, &name, &value))
		json_out_printf(out, NULL, "%s: %s", name, value);
	json_out_end(out, ']');
}

int body_keep(struct run *run, struct crawl *crawl, struct lane *lane,
	      const struct fetch_result *result, struct saved *saved, struct err *err)
{
	int64_t room = crawl->plan->save.bytes_max - atomic_load(&crawl->bodies_bytes);
	bool new;

	if (!saved->sha256[0])
		return 0;
	if (run_body_keep(run, saved->sha256, result->body, result->body_len, room, &new, err)) {
		if (err->code != ERR_LIMIT)
			return err_wrap(err, "save_body");
		err_set(&saved->err, ERR_FETCH_TOO_LARGE,
			"the job's bodies are more than save_body_max");
		return 0;
	}
	if (!new)
		return 0;
	atomic_fetch_add(&crawl->bodies_bytes, (int64_t)saved->bytes);
	lane->tally.bodies++;
	lane->tally.bodies_bytes += (int64_t)saved->bytes;
	return 0;
}
