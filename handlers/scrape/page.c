/* SPDX-License-Identifier: MIT */
/* page.c - what became of one URL, as a result item.
 *
 * A success: url, final_url, status, http_status, data, processing_time, attempts, depth
 * and from.  A failure: the same with an error instead of data.  A page that breaks a
 * limit of the parser fails alone.  When links are followed a redirect has no data, and
 * final_url is where it leads.
 */
#include "handlers/scrape/scrape.h"

#include "base/clock.h"
#include "base/limits.h"
#include "handlers/html/meta.h"
#include "net/charset.h"
#include "net/url_mask.h"

#include <math.h>
#include <string.h>
#include <strings.h>

enum { PAGE_ARENA_BYTES_MAX = 32 * 1024 * 1024 };

static bool is_html(const struct fetch_result *result)
{
	const char *type = result->content_type;

	if (*type)
		return strncasecmp(type, "text/html", 9) == 0 ||
		       strncasecmp(type, "application/xhtml+xml", 21) == 0;
	return result->body_len > 0 && memchr(result->body, '<', MIN(result->body_len, 512));
}

/* <base href> (WHATWG HTML 4.2.3): the first one with an href, relative to the page. */
static void base_find(const struct html *html, const struct url *final, struct arena *arena,
		      struct url *ret_base)
{
	const struct html_node *root = html_root(html), *node = root;
	struct err err;

	*ret_base = *final;
	while ((node = html_next_element(node, root)) != NULL) {
		const struct html_attr *href;

		if (html_is(node, HTML_TAG_BODY))
			return;
		if (!html_is(node, HTML_TAG_BASE))
			continue;
		href = html_attr(node, "href");
		if (href &&
		    url_parse(href->value, href->value_len, final, arena, ret_base, &err) == 0)
			return;
		*ret_base = *final;
	}
}

/* One answer on its way to its item. */
struct making {
	const struct plan *plan;
	const struct visit *visit;
	const struct fetch_result *result;
	struct links *links;
	const char *target; /* where a redirect leads; NULL: it is none */
};

static int html_data_out(struct making *making, struct page *page, struct json_out *out,
			 struct err *err)
{
	const struct plan *plan = making->plan;

	html_title(page->html, &page->text);
	json_out_text_len(out, "title", buf_text(&page->text), page->text.len);
	if (links_extract(page, out, err))
		return -1;
	for (size_t i = 0; i < plan->fields_count; i++)
		if (field_extract(&plan->fields[i], page, out, err))
			return err_wrap(err, "%s", plan->fields[i].name);
	if (plan->follow &&
	    links_collect(plan->follow, making->visit, page, making->result, making->links, err))
		return -1;
	return arena_failed(page->arena) ? err_set(err, ERR_LIMIT, "the page has too many links")
					 : 0;
}

static int html_parse_and_out(struct making *making, const struct url *final, struct arena *arena,
			      struct json_out *out, struct err *err)
{
	const struct fetch_result *result = making->result;
	struct page page = {.arena = arena, .work = CSS_WORK_DEFAULT};
	struct buf decoded = BUF(HTML_BYTES_MAX * 2);
	const char *charset, *text;
	struct url base;
	size_t len;
	int rc = -1;

	buf_init(&page.text, HTML_BYTES_MAX);
	charset = charset_detect(result->body, result->body_len, result->content_type, meta_charset,
				 NULL);
	json_out_text(out, "charset", charset);
	if (charset_decode(charset, result->body, result->body_len, &decoded, &text, &len, err) ==
		    0 &&
	    html_parse(text, len, HTML_DEFAULTS, &page.html, err) == 0) {
		base_find(page.html, final, arena, &base);
		page.base = &base;
		rc = html_data_out(making, &page, out, err);
		html_free(page.html);
	}
	buf_done(&page.text);
	buf_done(&decoded);
	return rc;
}

static int data_out(struct making *making, struct json_out *out, struct err *err)
{
	const struct fetch_result *result = making->result;
	struct arena arena = ARENA(PAGE_ARENA_BYTES_MAX);
	struct url final;
	int rc = 0;

	json_out_object(out, "data");
	json_out_int(out, "content_length", (int64_t)result->body_len);
	json_out_text(out, "content_type", *result->content_type ? result->content_type : NULL);
	if (is_html(result))
		rc = url_parse(result->final_url, strlen(result->final_url), NULL, &arena, &final,
			       err) ||
				     html_parse_and_out(making, &final, &arena, out, err)
			     ? -1
			     : 0;
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

/* processing_time: milliseconds from the start of the last attempt's transfer on,
 * waiting for the host not counted. */
static void tail_out(const struct making *making, int64_t parse_us, struct json_out *out)
{
	const struct fetch_result *result = making->result;
	int64_t us = MAX(0, result->total_us - result->queue_us) + parse_us;

	json_out_double(out, "processing_time", round((double)us / 10) / 100);
	json_out_int(out, "attempts", result->attempts);
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
	      struct links *links, struct buf *into, struct err *ret_failure)
{
	struct making making = {.plan = plan, .visit = visit, .result = result, .links = links};
	int64_t start_us = clock_us();

	*ret_failure = result->err;
	if (result->err.code == ERR_NONE && success_make(&making, start_us, into, ret_failure) == 0)
		return 0;
	links->count = 0; /* of a page that failed, nothing is followed */
	failure_make(&making, clock_us() - start_us, ret_failure, into);
	return buf_ok(into) ? 0 : -1;
}
