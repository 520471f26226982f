/* SPDX-License-Identifier: MIT */
/* page_open.c - bytes and a Content-Type → a page that fields can ask. */
#include "handlers/scrape/page.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/pattern.h"
#include "base/record/scan.h"
#include "base/record/walk.h"
#include "handlers/html/css.h"
#include "handlers/html/html.h"
#include "handlers/html/meta.h"
#include "handlers/html/xpath.h"
#include "net/charset.h"

#include <nettle/sha2.h>
#include <string.h>
#include <strings.h>

/* "text/html; charset=…" without what follows. */
static bool type_is(const char *content_type, const char *type)
{
	size_t len = strlen(type);

	return strncasecmp(content_type, type, len) == 0 &&
	       strchr("; \t,", content_type[len]) != NULL;
}

static bool type_ends(const char *content_type, const char *suffix)
{
	size_t len = strcspn(content_type, "; \t"), want = strlen(suffix);

	return len > want && strncasecmp(content_type + len - want, suffix, want) == 0;
}

static enum page_kind kind_by_type(const char *type)
{
	if (type_is(type, "text/html") || type_is(type, "application/xhtml+xml"))
		return PAGE_HTML;
	if (type_is(type, "application/json") || type_is(type, "text/json") ||
	    type_ends(type, "+json"))
		return PAGE_JSON;
	if (strncasecmp(type, "text/", 5) == 0 || type_is(type, "application/xml") ||
	    type_ends(type, "+xml") || type_is(type, "application/javascript"))
		return PAGE_TEXT;
	return PAGE_BYTES;
}

/* Without a type the first byte tells: no browser would guess JSON, but we ask APIs. */
static enum page_kind kind_of(const struct page_source *source)
{
	size_t blank = 0;

	if (*source->content_type)
		return kind_by_type(source->content_type);
	while (blank < source->len && strchr(" \t\r\n", source->bytes[blank]))
		blank++;
	if (blank < source->len && (source->bytes[blank] == '{' || source->bytes[blank] == '['))
		return PAGE_JSON;
	return source->len > 0 && memchr(source->bytes, '<', MIN(source->len, 512)) ? PAGE_HTML
										    : PAGE_BYTES;
}

int page_url(const struct page *page, const char *text, size_t len, struct arena *arena,
	     struct url *ret_url, struct err *err)
{
	size_t own_len;
	const char *own = url_query_in(page->charset, text, len, arena, &own_len);

	if (!own)
		return err_set(err, ERR_NO_MEMORY, "no memory for a link");
	if (url_parse(own, own_len, page->base, arena, ret_url, err))
		return -1;
	if (own == text ||
	    (url_is_special(ret_url) && ret_url->kind != URL_WS && ret_url->kind != URL_WSS))
		return 0;
	return url_parse(text, len, page->base, arena, ret_url, err); /* always in UTF-8 */
}

/* <base href> (WHATWG HTML 4.2.3): the first one in the tree with an href, relative to the page;
 * if that is no URL, or a data: or javascript: one, the page's own. */
static void base_find(struct page *page)
{
	const struct html_node *root = html_root(page->html), *node = root;
	struct err err;

	while ((node = html_next_element(node, root)) != NULL) {
		const struct html_attr *href =
			html_is(node, HTML_TAG_BASE) ? html_attr(node, "href") : NULL;

		if (!href)
			continue;
		if (page_url(page, href->value, href->value_len, page->arena, &page->base_own,
			     &err) == 0 &&
		    strncmp(page->base_own.href, "data:", 5) != 0 &&
		    strncmp(page->base_own.href, "javascript:", 11) != 0)
			page->base = &page->base_own;
		return;
	}
}

/* A body that says it is JSON and is not stays a text. */
static void json_read(struct page *page)
{
	struct scanner *scanner = scanner_new(NULL);
	struct scan_mistake mistake;
	struct value whole;

	if (scanner && page->len <= RECORD_BYTES_MAX &&
	    scan(scanner, page->text, page->len, &whole, &mistake) == 0)
		value_read(page->text, page->len, &page->json);
	scanner_free(scanner);
}

static int content_read(struct page *page, struct err *err)
{
	const struct page_source *source = &page->source;

	page->charset = charset_detect(source->bytes, source->len, source->content_type,
				       page->kind == PAGE_HTML ? meta_charset : NULL, NULL);
	if (charset_decode(page->charset, source->bytes, source->len, &page->decoded, &page->text,
			   &page->len, err))
		return -1;
	if (page->kind == PAGE_JSON)
		json_read(page);
	if (page->kind != PAGE_HTML)
		return 0;
	if (html_parse(page->text, page->len, HTML_DEFAULTS, &page->html, err))
		return -1;
	base_find(page);
	return 0;
}

int page_open(struct page *page, const struct page_source *source, struct arena *arena,
	      struct err *err)
{
	*page = (struct page){
		.source = *source,
		.kind = kind_of(source),
		.work = CSS_WORK_DEFAULT,
		.cpu_end_us = clock_thread_cpu_us() + PAGE_CPU_US_MAX,
		.arena = arena,
		.decoded = BUF(HTML_BYTES_MAX * 2),
		.scratch = BUF(HTML_BYTES_MAX),
		.words = BUF(HTML_BYTES_MAX),
	};
	page->base = &page->final;
	if (url_parse(source->url, strlen(source->url), NULL, arena, &page->final, err))
		return -1;
	return page->kind == PAGE_BYTES ? 0 : content_read(page, err);
}

void page_close(struct page *page)
{
	xpath_page_free(page->xpath);
	pattern_scratch_free(page->patterns);
	html_free(page->html);
	buf_done(&page->decoded);
	buf_done(&page->scratch);
	buf_done(&page->words);
}

int page_check(const struct page *page, struct err *err)
{
	if (clock_thread_cpu_us() < page->cpu_end_us)
		return 0;
	return err_set(err, ERR_LIMIT, "the page takes more than %d ms of CPU",
		       PAGE_CPU_US_MAX / 1000);
}

/* ---- facts ---- */

void page_hash(const char *bytes, size_t len, char hex[PAGE_HASH_LEN + 1])
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, len, (const uint8_t *)bytes);
	sha256_digest(&ctx, sizeof(digest), digest);
	for (size_t i = 0; i < sizeof(digest); i++) {
		hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
		hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
	}
	hex[PAGE_HASH_LEN] = '\0';
}

static void hash_out(const struct page_source *source, struct json_out *out)
{
	char hex[PAGE_HASH_LEN + 1];

	if (!source->sha256)
		page_hash(source->bytes, source->len, hex);
	json_out_text(out, "body_sha256", source->sha256 ? source->sha256 : hex);
}

/* Beyond PAGE_LINKS_MAX they are counted only, whatever they lead to. */
static void links_out(struct page *page, struct json_out *out)
{
	const struct html_node *root = html_root(page->html), *node = root;
	unsigned count = 0, dropped = 0;
	struct err err;

	json_out_array(out, "links");
	while ((node = html_next_element(node, root)) != NULL) {
		const struct html_attr *href;
		struct url url = {.kind = URL_OTHER};

		if (!html_is(node, HTML_TAG_A) && !html_is(node, HTML_TAG_AREA))
			continue;
		href = html_attr(node, "href");
		if (href && count == PAGE_LINKS_MAX)
			dropped++;
		else if (href &&
			 page_url(page, href->value, href->value_len, page->arena, &url, &err) ==
				 0 &&
			 (url.kind == URL_HTTP || url.kind == URL_HTTPS)) {
			json_out_text_len(out, NULL, url.href, url.len);
			count++;
		}
	}
	json_out_end(out, ']');
	json_out_int(out, "link_count", count);
	if (dropped > 0)
		json_out_int(out, "links_dropped", dropped);
}

int page_facts_out(struct page *page, struct json_out *out, struct err *err)
{
	const char *type = page->source.content_type;

	json_out_int(out, "content_length", (int64_t)page->source.len);
	json_out_text(out, "content_type", *type ? type : NULL);
	hash_out(&page->source, out);
	if (page->charset)
		json_out_text(out, "charset", page->charset);
	if (!page->html)
		return 0;
	buf_clear(&page->scratch);
	html_title(page->html, &page->scratch);
	json_out_text_len(out, "title", buf_text(&page->scratch), page->scratch.len);
	links_out(page, out);
	return arena_failed(page->arena) ? err_set(err, ERR_LIMIT, "the page has too many links")
					 : 0;
}
