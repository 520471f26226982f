/* SPDX-License-Identifier: MIT */
/* cache_stage.c - between a fetch and the cache.
 *
 * Failure modes: no memory or no room on the way in is a miss; on the way out, the answer
 * is not stored; a 304 that names another answer than ours ends the fetch, and ours goes.
 */
#include "net/cache_stage.h"

#include "base/limits.h"
#include "net/attempt.h"
#include "net/cache.h"
#include "net/cookies_stage.h"

#include <endian.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct caching {
	struct fetch *fetch;
	enum fetch_cache mode;
	int64_t max_stale_s;

	bool asked;   /* the cache, about the URL of `key` */
	bool looking; /* it was not told yet */
	struct cache_key key;
	struct cache_entry *entry; /* what it found, while the origin is asked */
	size_t held_bytes;
	int64_t asked_wall_ms; /* the origin */

	struct ring link; /* in fetcher->found, under its lock, as is: */
	struct cache_entry *found;
};

struct caching *caching_new(struct fetch *fetch, const struct fetch_request *request)
{
	struct caching *caching = calloc(1, sizeof(*caching));

	if (!caching)
		return NULL;
	caching->fetch = fetch;
	caching->mode = request->cache;
	caching->max_stale_s = request->max_stale_ms / 1000;
	ring_init(&caching->link);
	return caching;
}

void caching_free(struct caching *caching)
{
	if (!caching)
		return;
	cache_entry_free(caching->entry);
	free(caching);
}

/* ---- what takes part ---- */

static bool has_own_ideas(const struct request *request)
{
	static const char *const names[] = {
		"cache-control",
		"pragma",
		"range",
		"if-range",
		"if-match",
		"if-none-match",
		"if-modified-since",
		"if-unmodified-since",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (request_own_header(request, names[i]))
			return true;
	return false;
}

/* A password in the URL has no business on the disk. */
static bool has_userinfo(const char *url)
{
	const char *host = strstr(url, "://") + 3;

	return memchr(host, '@', strcspn(host, "/?#")) != NULL;
}

static bool takes_part(const struct fetch *fetch)
{
	const struct request *request = &fetch->request;

	return fetch->caching && !fetch->on_body && strcmp(request->method, "GET") == 0 &&
	       request->body_len == 0 && !has_own_ideas(request) && !has_userinfo(request->url);
}

/* ---- keys ---- */

static uint64_t digest_end(struct sha256_ctx *sha)
{
	uint64_t number;

	sha256_digest(sha, sizeof(number), (uint8_t *)&number);
	return be64toh(number);
}

static uint64_t url_digest(const char *url)
{
	struct sha256_ctx sha;

	sha256_init(&sha);
	sha256_update(&sha, strlen(url), (const uint8_t *)url);
	return digest_end(&sha);
}

/* Of the credentials as sent now; 0: none.  -1: no memory. */
static int who_digest(struct fetch *fetch, uint64_t *ret_who)
{
	const char *authorization = request_own_header(&fetch->request, "authorization");
	struct buf cookie = BUF(COOKIES_VALUE_BYTES_MAX);
	struct sha256_ctx sha;
	int rc = cookies_value(fetch, &cookie);

	*ret_who = 0;
	if (rc == 0 && (authorization || cookie.len > 0)) {
		sha256_init(&sha);
		if (authorization)
			sha256_update(&sha, strlen(authorization), (const uint8_t *)authorization);
		sha256_update(&sha, 1, (const uint8_t *)"");
		sha256_update(&sha, cookie.len, (const uint8_t *)buf_text(&cookie));
		*ret_who = digest_end(&sha);
	}
	buf_done(&cookie);
	return rc;
}

static const char *sent_field(const void *ctx, const char *name)
{
	const struct fetch *fetch = ctx;
	const char *value = request_own_header(&fetch->request, name);

	if (!value && strcasecmp(name, "user-agent") == 0)
		return fetch->fetcher->user_agent;
	return value;
}

/* ---- what is held ---- */

static void entry_drop(struct fetch *fetch)
{
	struct caching *caching = fetch->caching;

	cache_entry_free(caching->entry);
	caching->entry = NULL;
	fetch->fetcher->cache_held -= caching->held_bytes;
	caching->held_bytes = 0;
}

static void entry_hold(struct fetch *fetch)
{
	struct caching *caching = fetch->caching;
	size_t bytes = cache_entry_bytes(caching->entry);

	if (caching->held_bytes > 0) /* it was asked for before, and found no host then */
		return;
	if (fetch->fetcher->cache_held + bytes > CACHE_HELD_BYTES_MAX) {
		entry_drop(fetch);
		return;
	}
	caching->held_bytes = bytes;
	fetch->fetcher->cache_held += bytes;
}

/* The stored answer becomes the result. */
static void entry_give(struct fetch *fetch, enum fetch_cached how)
{
	struct fetch_result *result = fetch->result;
	struct cache_entry *entry = fetch->caching->entry;

	result->err.code = ERR_NONE;
	result->status = entry->status;
	result->cached = how;
	result_adopt(result, entry->head, entry->head_len, entry->body, entry->body_len);
	entry->head = entry->body = NULL;
	entry_drop(fetch);
}

/* ---- before a hop ---- */

static void on_found(void *ctx, struct cache_entry *entry)
{
	struct caching *caching = ctx;
	struct fetcher *fetcher = caching->fetch->fetcher;

	lock_take(&fetcher->lock);
	caching->found = entry;
	ring_add(&fetcher->found, &caching->link);
	lock_drop(&fetcher->lock);
	loop_wake(&fetcher->loop);
}

void cache_found_take(struct ring *found)
{
	while (!ring_empty(found)) {
		struct caching *caching = CONTAINER_OF(found->next, struct caching, link);
		struct fetch *fetch = caching->fetch;
		struct cache_entry *entry = caching->found;

		ring_drop(&caching->link);
		caching->found = NULL;
		if (caching->looking) {
			caching->looking = false;
			caching->entry = entry;
			attempt_admit(fetch);
		} else {
			cache_entry_free(entry);
		}
		fetch_drop(fetch);
	}
}

void cache_let_go(struct fetch *fetch)
{
	if (fetch->caching)
		fetch->caching->looking = false;
}

/* What the found entry is good for. */
static enum admit entry_judge(struct fetch *fetch)
{
	struct caching *caching = fetch->caching;
	struct cache_asked asked = {sent_field, fetch};
	struct cache_entry *entry = caching->entry;
	struct cache_facts facts = cache_entry_facts(entry);

	if (!cache_vary_match((struct cache_head){entry->vary, entry->vary_len}, &asked)) {
		entry_drop(fetch);
		return ADMIT_GO;
	}
	switch (cache_judge(&facts, caching->max_stale_s, caching->mode == FETCH_CACHE_REFRESH,
			    clock_wall_ms())) {
	case CACHE_FRESH:
		entry_give(fetch, FETCH_HIT);
		return ADMIT_ANSWERED;
	case CACHE_STALE:
		entry_give(fetch, FETCH_STALE);
		return ADMIT_ANSWERED;
	default:
		entry_hold(fetch);
		return ADMIT_GO;
	}
}

enum admit cache_admit(struct fetch *fetch)
{
	struct caching *caching = fetch->caching;
	struct cache *cache = fetch->fetcher->config.cache;
	uint64_t url;

	if (!cache || !takes_part(fetch))
		return ADMIT_GO;
	url = url_digest(fetch->request.url);
	if (caching->asked && caching->key.url == url)
		return caching->entry ? entry_judge(fetch) : ADMIT_GO;
	entry_drop(fetch); /* of the hop before */
	caching->asked = true;
	caching->key.url = url;
	if (who_digest(fetch, &caching->key.who))
		return ADMIT_GO;
	atomic_fetch_add(&fetch->refs, 1); /* the look's, until it was told */
	caching->looking = true;
	if (cache_look(cache, &caching->key, fetch->request.url, on_found, caching))
		return ADMIT_HELD;
	caching->looking = false;
	fetch_drop(fetch);
	return ADMIT_GO;
}

/* ---- around a transfer ---- */

/* 4.3.1: the validators of what is held; -1: no memory. */
static int conditions_add(struct fetch *fetch, const struct cache_entry *entry)
{
	const char *tag = head_find(entry->head, entry->head_len, "etag");
	const char *changed = head_find(entry->head, entry->head_len, "last-modified");

	if (tag && attempt_header(fetch, "If-None-Match", tag))
		return -1;
	return changed ? attempt_header(fetch, "If-Modified-Since", changed) : 0;
}

int cache_headers(struct fetch *fetch)
{
	struct caching *caching = fetch->caching;
	struct cache_key key;

	if (!fetch->fetcher->config.cache || !takes_part(fetch))
		return 0;
	fetch->result->cached = FETCH_MISS;
	caching->asked_wall_ms = clock_wall_ms();
	key.url = url_digest(fetch->request.url);
	if (who_digest(fetch, &key.who))
		return -1;
	/* The jar may have changed while this waited for its turn. */
	if (key.url != caching->key.url || key.who != caching->key.who)
		entry_drop(fetch);
	caching->key = key;
	return caching->entry ? conditions_add(fetch, caching->entry) : 0;
}

static char *copy_of(const char *bytes, size_t len)
{
	char *copy = malloc(len + 1);

	if (copy) {
		memcpy(copy, bytes, len);
		copy[len] = '\0';
	}
	return copy;
}

/* The result as an entry; NULL: no memory. */
static struct cache_entry *entry_make(struct fetch *fetch, struct cache_head head)
{
	const struct fetch_result *result = fetch->result;
	struct cache_asked asked = {sent_field, fetch};
	struct cache_entry *entry = calloc(1, sizeof(*entry));
	struct buf kept = BUF(FETCH_HEADERS_BYTES_MAX), vary = BUF(FETCH_HEADERS_BYTES_MAX);

	if (!entry)
		return NULL;
	cache_head_keep(head, &kept);
	cache_vary_keep(head, &asked, &vary);
	*entry = (struct cache_entry){
		.status = result->status,
		.asked_wall_ms = fetch->caching->asked_wall_ms,
		.answered_wall_ms = clock_wall_ms(),
		.url = strdup(fetch->request.url),
		.vary = copy_of(buf_text(&vary), vary.len),
		.head = copy_of(buf_text(&kept), kept.len),
		.body = copy_of(result->body, result->body_len),
		.vary_len = vary.len,
		.head_len = kept.len,
		.body_len = result->body_len,
	};
	if (!buf_ok(&kept) || !buf_ok(&vary) || !entry->url || !entry->vary || !entry->head ||
	    !entry->body) {
		cache_entry_free(entry);
		entry = NULL;
	}
	buf_done(&kept);
	buf_done(&vary);
	return entry;
}

static void result_keep(struct fetch *fetch)
{
	const struct fetch_result *result = fetch->result;
	struct cache_entry *entry =
		entry_make(fetch, (struct cache_head){result->head, result->head_len});

	if (entry)
		cache_keep(fetch->fetcher->config.cache, &fetch->caching->key, entry);
}

/* Worth its place: fresh for a while, or good for asking again, or taken stale. */
static bool is_useful(const struct fetch *fetch, struct cache_head head)
{
	struct cache_facts facts = {
		.status = fetch->result->status,
		.head = head,
		.asked_wall_ms = fetch->caching->asked_wall_ms,
		.answered_wall_ms = clock_wall_ms(),
	};

	return cache_storable(facts.status, head) &&
	       (cache_lifetime_s(&facts) > 0 || cache_has_validator(head) ||
		fetch->caching->max_stale_s > 0);
}

/* 4.3.4: a 304 to our own question. */
static void answer_confirmed(struct fetch *fetch)
{
	struct fetch_result *result = fetch->result;
	struct cache_head news = {result->head, result->head_len};
	struct cache_entry *entry = fetch->caching->entry;
	struct cache_head stored = {entry->head, entry->head_len};
	struct buf merged = BUF(FETCH_HEADERS_BYTES_MAX);

	if (!cache_confirms(stored, news)) {
		cache_forget(fetch->fetcher->config.cache, fetch->caching->key.url);
		entry_drop(fetch);
		err_set(&result->err, ERR_FETCH_PROTOCOL, "answered 304 for another answer");
		return;
	}
	cache_head_merge(stored, news, &merged);
	if (buf_ok(&merged)) { /* else the old head does */
		free(entry->head);
		entry->head_len = merged.len;
		entry->head = buf_take(&merged, NULL);
	}
	buf_done(&merged);
	entry_give(fetch, FETCH_REVALIDATED);
	result_keep(fetch);
}

static bool method_is_safe(const char *method)
{
	return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 ||
	       strcmp(method, "OPTIONS") == 0 || strcmp(method, "TRACE") == 0;
}

void cache_answer(struct fetch *fetch)
{
	struct cache *cache = fetch->fetcher->config.cache;
	struct fetch_result *result = fetch->result;
	struct cache_head head = {result->head, result->head_len};

	if (!cache)
		return;
	if (!method_is_safe(fetch->request.method)) {
		if (result->status < 400)
			cache_forget(cache, url_digest(fetch->request.url));
		return;
	}
	if (!takes_part(fetch))
		return;
	if (result->status == 304 && fetch->caching->entry) {
		answer_confirmed(fetch);
	} else if (is_useful(fetch, head)) {
		entry_drop(fetch);
		result_keep(fetch);
	} else if (result->status < 400) {
		entry_drop(fetch); /* the origin no longer wants it kept */
		cache_forget(cache, url_digest(fetch->request.url));
	}
}

/* ---- when the origin fails ---- */

static bool origin_failed(const struct fetch_result *result)
{
	switch (result->err.code) {
	case ERR_FETCH_HTTP_5XX: /* those of RFC 5861, section 4 */
		return result->status == 500 || (result->status >= 502 && result->status <= 504);
	case ERR_FETCH_CIRCUIT_OPEN:
	case ERR_FETCH_THROTTLED:
	case ERR_FETCH_DNS:
	case ERR_FETCH_CONNECT:
	case ERR_FETCH_TLS:
	case ERR_FETCH_TIMEOUT:
	case ERR_FETCH_RESET:
	case ERR_FETCH_TRUNCATED:
		return true;
	default:
		return false;
	}
}

bool cache_rescue(struct fetch *fetch)
{
	struct caching *caching = fetch->caching;
	struct cache_facts facts;

	if (!caching || !caching->entry || !origin_failed(fetch->result))
		return false;
	facts = cache_entry_facts(caching->entry);
	if (!cache_may_rescue(&facts, caching->max_stale_s, clock_wall_ms()))
		return false;
	entry_give(fetch, FETCH_STALE);
	return true;
}

void cache_end(struct fetch *fetch)
{
	if (fetch->caching)
		entry_drop(fetch);
}
