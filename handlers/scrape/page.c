/* SPDX-License-Identifier: MIT */
/* page.c - what became of one URL, as a result item.
 *
 * A success: url, final_url, status, http_status, data, fetched_at, processing_time, attempts,
 * depth and from; headers and body, when bodies are kept.  A failure: the same with an error
 * instead of data.  A page that breaks a limit of the parser fails alone.  When links are followed
 * a redirect has no data, and final_url is where it leads.
 */
#include "handlers/scrape/scrape.h"

#include "base/clock.h"
#include "base/limits.h"
#include "net/url_mask.h"

#include <math.h>
#include <string.h>
#include <strings.h>

enum { PAGE_ARENA_BYTES_MAX = 32 * 1024 * 1024 };

/* One answer on its way to its item. */
struct making {
	const struct plan *plan;
	const struct visit *visit;
	const struct fetch_result *result;
	const struct saved *saved;
	struct links *links;
	const char *target; /* where a redirect leads; NULL: it is none */
};

static int page_out(struct making *making, struct page *page, struct json_out *out, struct err *err)
{
	const struct plan *plan = making->plan;

	if (page_facts_out(page, out, err) || fields_extract(&plan->fields, page, out, err))
		return -1;
	if (!plan->follow || !page->html)
		return 0;
	return links_collect(plan->follow, making->visit, page, making->result, making->links, err);
}

static int data_out(struct making *making, struct json_out *out, struct err *err)
{
	const struct fetch_result *result = making->result;
	struct arena arena = ARENA(PAGE_ARENA_BYTES_MAX);
	struct page_source source = {
		.bytes = result->body,
		.len = result->body_len,
		.content_type = result->content_type,
		.url = result->final_url,
		.sha256 = making->saved->sha256[0] ? making->saved->sha256 : NULL,
	};
	struct page page;
	int rc;

	json_out_object(out, "data");
	rc = page_open(&page, &source, &arena, err) || page_out(making, &page, out, err) ? -1 : 0;
	page_close(&page);
	json_out_end(out, '}');
	arena_done(&arena);
	return rc;
}

static void head_out(const struct making *making, bool success, struct json_out *out)
{
	const struct fetch_result *result = making->result;

	url_out_masked(out, "url", making->visit->url);
	url_out_masked(out, "final_url", making->target ? making->target : result->final_url);
	json_out_text(out, "status", success ? "success" : "failed");
	if (result->status)
		json_out_int(out, "http_status", result->status);
	else
		json_out_null(out, "http_status");
}

/* fetched_at: the start of the last attempt's transfer; processing_time: milliseconds from then
 * on, waiting for the host not counted. */
static void tail_out(const struct making *making, int64_t parse_us, struct json_out *out)
{
	const struct fetch_result *result = making->result;
	int64_t us = MAX(0, result->total_us - result->queue_us) + parse_us;

	if (making->plan->save.on) {
		headers_out(result, out);
		body_out(making->saved, out);
	}
	json_out_instant(out, "fetched_at", clock_wall_ms() - us / 1000);
	json_out_double(out, "processing_time", round((double)us / 10) / 100);
	json_out_int(out, "attempts", result->attempts);
	if (result->cached != FETCH_UNCACHED)
		json_out_text(out, "cache", fetch_cached_name(result->cached));
	json_out_int(out, "depth", making->visit->depth);
	if (making->visit->from)
		url_out_masked(out, "from", making->visit->from);
	else
		json_out_null(out, "from");
}

static void failure_make(const struct making *making, int64_t parse_us, const struct err *failure,
			 struct buf *into)
{
	struct json_out out = JSON_OUT(into);

	buf_clear(into);
	json_out_object(&out, NULL);
	head_out(making, false, &out);
	json_out_null(&out, "data");
	tail_out(making, parse_us, &out);
	json_out_object(&out, "error");
	json_out_text(&out, "type", err_name(failure->code));
	json_out_text(&out, "detail", failure->detail);
	json_out_end(&out, '}');
	json_out_end(&out, '}');
}

/* 0: `into` is the item of a success. */
static int success_make(struct making *making, int64_t start_us, struct buf *into, struct err *err)
{
	const struct follow *follow = making->plan->follow;
	struct json_out out = JSON_OUT(into);

	if (follow && making->result->status / 100 == 3 &&
	    links_redirect(follow, making->visit, making->result, making->links, &making->target,
			   err))
		return -1;
	json_out_object(&out, NULL);
	head_out(making, true, &out);
	if (making->target)
		json_out_null(&out, "data");
	else if (data_out(making, &out, err))
		return -1;
	tail_out(making, clock_us() - start_us, &out);
	json_out_null(&out, "error");
	json_out_end(&out, '}');
	if (!buf_ok(into))
		return err_set(err, ERR_FETCH_TOO_LARGE, "the result item is larger than %d bytes",
			       ITEM_BYTES_MAX);
	return 0;
}

int item_make(const struct plan *plan, const struct visit *visit, const struct fetch_result *result,
	      const struct saved *saved, struct links *links, struct buf *into,
	      struct err *ret_failure)
{
	struct making making = {
		.plan = plan, .visit = visit, .result = result, .saved = saved, .links = links};
	int64_t start_us = clock_us();

	*ret_failure = result->err.code != ERR_NONE ? result->err : saved->err;
	if (ret_failure->code == ERR_NONE &&
	    success_make(&making, start_us, into, ret_failure) == 0)
		return 0;
	links->count = 0; /* of a page that failed, nothing is followed */
	failure_make(&making, clock_us() - start_us, ret_failure, into);
	return buf_ok(into) ? 0 : -1;
}
