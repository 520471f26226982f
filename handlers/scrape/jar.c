/* SPDX-License-Identifier: MIT */
/* jar.c - between a crawl and the cookies of net/cookies.h. */
#include "handlers/scrape/jar.h"

#include "base/arena.h"
#include "base/clock.h"
#include "handlers/run.h"
#include "handlers/scrape/scrape.h"
#include "net/cookies.h"

#include <string.h>

enum {
	NAMES_MAX = COOKIES_PER_DOMAIN_MAX,
	/* A jar of a mebibyte is saved four times a second, one of a page's size always. */
	SAVE_BYTES_PER_MS = 4096,
	URL_ARENA_BYTES_MAX = 64 * 1024,
};

/* clang-format off */
static const struct param cookie_element[] = {
	{.kind = PARAM_TEXT, .max = COOKIE_BYTES_MAX, .summary = "The value of the cookie"},
	{0},
};

const struct param jar_form = {
	.kind = PARAM_MAP, .members = cookie_element, .max = NAMES_MAX,
	.summary = "Cookies to begin with, sent to the hosts of urls",
};
/* clang-format on */

/* ---- the plan ---- */

static void names_check(const struct json *cookies, struct mistakes *mistakes)
{
	const struct json *value;
	struct err err;

	for (value = json_first(cookies); value; value = json_next(value))
		if (cookies_check(json_name(value), json_text(value, ""), &err))
			mistake_add(mistakes,
				    mistakes_pointer(mistakes, "/spec/cookies", json_name(value)),
				    "bad-cookie", "%s", err.detail);
}

/* One host's cookies; -1 and *err: the jar is full, or no memory. */
static int host_put(struct cookies *jar, const struct json *cookies, const char *text,
		    struct err *err)
{
	struct arena arena = ARENA(URL_ARENA_BYTES_MAX);
	const struct json *value;
	struct url url;
	int rc = url_parse(text, strlen(text), NULL, &arena, &url, err);

	for (value = json_first(cookies); value && rc == 0; value = json_next(value))
		rc = cookies_put(jar, &url, json_name(value), json_text(value, ""), err);
	arena_done(&arena);
	return rc;
}

int jar_plan(const struct json *spec, const struct plan *plan, struct mistakes *mistakes,
	     struct cookies **ret_jar)
{
	const struct json *cookies = json_get(spec, "cookies");
	struct err err;

	if (!cookies || (json_kind(cookies) == JSON_BOOL && !json_bool(cookies, false)))
		return 0;
	*ret_jar = cookies_new();
	if (!*ret_jar)
		return -1;
	if (json_kind(cookies) != JSON_OBJECT)
		return 0;
	names_check(cookies, mistakes);
	if (plan->urls_count == 0)
		mistake_add(mistakes, "/spec/cookies", "conflict",
			    "these cookies are for the hosts of urls, and there are none");
	for (size_t i = 0; i < plan->urls_count && mistakes->count == 0; i++) {
		if (host_put(*ret_jar, cookies, plan->urls[i], &err) == 0)
			continue;
		if (err.code == ERR_NO_MEMORY)
			return -1;
		mistake_add(mistakes, "/spec/cookies", "too-many", "%s", err.detail);
	}
	return 0;
}

/* ---- the crawl ---- */

/* What an earlier attempt saved; a damaged one is as good as none. */
static bool jar_left(struct cookies *into, struct run *run)
{
	struct run_left left;

	run_left(run, &left);
	for (unsigned i = 0; i < left.checkpoints; i++) {
		const void *blob;
		unsigned lane;
		struct err err;
		size_t len;

		run_left_checkpoint(run, i, &lane, &blob, &len);
		if (lane == JAR_LANE)
			return cookies_load(into, blob, len, &err) == 0;
	}
	return false;
}

static int jar_copy(struct cookies *into, struct cookies *from, struct err *err)
{
	struct buf blob = BUF(COOKIES_BLOB_BYTES_MAX);
	int rc;

	if (cookies_save(from, clock_wall_ms() / 1000, &blob))
		rc = err_set(err, ERR_NO_MEMORY, "no memory for cookies");
	else
		rc = cookies_load(into, blob.data, blob.len, err);
	buf_done(&blob);
	return rc;
}

int crawl_jar_open(struct crawl_jar *jar, struct run *run, const struct plan *plan, struct err *err)
{
	if (!plan->jar)
		return 0;
	jar->cookies = cookies_new();
	if (!jar->cookies)
		return err_set(err, ERR_NO_MEMORY, "no memory for cookies");
	if (!jar_left(jar->cookies, run) && jar_copy(jar->cookies, plan->jar, err))
		return -1;
	atomic_init(&jar->version, cookies_version(jar->cookies));
	return 0;
}

/* A house that is full, or no memory: the next page asks again. */
void crawl_jar_save(struct crawl_jar *jar, struct run *run)
{
	struct buf blob = BUF(COOKIES_BLOB_BYTES_MAX);
	int64_t now_ms = clock_ms();
	uint64_t version;

	if (!jar->cookies || now_ms < atomic_load(&jar->due_ms))
		return;
	version = cookies_version(jar->cookies);
	if (version != atomic_load(&jar->version) &&
	    cookies_save(jar->cookies, clock_wall_ms() / 1000, &blob) == 0 &&
	    run_checkpoint(run, JAR_LANE, blob.data, blob.len, NULL, 0) == RUN_OK) {
		atomic_store(&jar->version, version);
		atomic_store(&jar->due_ms, now_ms + (int64_t)blob.len / SAVE_BYTES_PER_MS);
	}
	buf_done(&blob);
}

void crawl_jar_close(struct crawl_jar *jar)
{
	cookies_free(jar->cookies);
}
