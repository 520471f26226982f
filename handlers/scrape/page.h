/* SPDX-License-Identifier: MIT */
/* page.h - the body of an answer, ready to be read: a tree, JSON, a text, or bytes.
 *
 * Threads    the lane that opened it.
 * Ownership  borrows the bytes, the URL and the arena until page_close().
 * Errors     ERR_LIMIT: one of the parser's limits, or PAGE_CPU_US_MAX in all.
 */
#ifndef SCRAPE_PAGE_H
#define SCRAPE_PAGE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/record/value.h"
#include "net/url.h"

#include <stdint.h>

struct arena;
struct html;
struct html_node;
struct json_out;
struct pattern_scratch;
struct xpath_page;

enum page_kind { PAGE_BYTES, PAGE_TEXT, PAGE_HTML, PAGE_JSON };

enum { PAGE_HASH_LEN = 64 };

/* The SHA-256 of bytes, in lower-case hex. */
void page_hash(const char *bytes, size_t len, char hex[PAGE_HASH_LEN + 1]);

struct page_source {
	const char *bytes;
	size_t len;
	const char *content_type; /* "" when the answer had none */
	const char *url;	  /* where it was found, absolute */
	const char *sha256;	  /* of bytes, in hex; NULL: not known yet */
};

struct page {
	struct page_source source;
	enum page_kind kind;
	const char *charset; /* NULL: bytes */
	const char *text;    /* in UTF-8; NULL: bytes */
	size_t len;
	struct html *html; /* NULL: no HTML */
	struct value json; /* VALUE_MISSING: no JSON */
	struct url final;
	const struct url *base; /* what links are relative to */
	struct url base_own;
	uint64_t work;	     /* what selectors may still cost */
	int64_t cpu_end_us;  /* of this thread */
	struct arena *arena; /* of this page */
	struct buf decoded, scratch, words;
	const char *missing; /* the first required field that was not found; NULL: none */
	/* Made when a field asks first. */
	struct xpath_page *xpath;
	struct pattern_scratch *patterns;
	struct value *linked; /* the objects of its JSON-LD blocks */
	size_t linked_count;
	bool linked_read;
};

int page_open(struct page *page, const struct page_source *source, struct arena *arena,
	      struct err *err);
void page_close(struct page *page);

/* A link that stands in the page, as browsers read it: relative to its base, and its query in the
 * page's encoding.  As url_parse(). */
int page_url(const struct page *page, const char *text, size_t len, struct arena *arena,
	     struct url *ret_url, struct err *err);

/* ERR_LIMIT when the page has cost too much CPU; asked before each field. */
int page_check(const struct page *page, struct err *err);

/* What every item says of its page: content_length, content_type, body_sha256, charset,
 * and of HTML title, links and link_count. */
int page_facts_out(struct page *page, struct json_out *out, struct err *err);

/* linked.c: the objects of all JSON-LD blocks, in order, @graph opened. */
int linked_read(struct page *page, struct err *err);
bool linked_is(const struct value *object, const char *type);

#endif
