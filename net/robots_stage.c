/* SPDX-License-Identifier: MIT */
/* robots_stage.c - holds hops, fetches robots.txt, lets them go on.
 *
 *   robots_admit ─▶ known: allowed or not
 *        │  ▲
 *        ▼  └────────────── each hop in its line ───────────────┐
 *   load_start ─▶ fetch_start_own ─▶ on_text … ─▶ load_done ─▶ robots_file_end
 *
 * Failure modes: no answer, or one that says nothing (the file is silent, robots_cache.h);
 * no memory for the load (the hop is refused with that), or no place (it waits); the fetcher stops
 * (the hops stay held, the fetcher cancels them next).
 */
#include "net/robots_stage.h"

#include "base/limits.h"
#include "net/attempt.h"
#include "net/robots.h"
#include "net/robots_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROBOTS_ATTEMPTS = 4, ROBOTS_BASE_MS = 500, ROBOTS_DELAY_MS_MAX = 30 * 1000 };

/* One robots.txt on its way. */
struct load {
	struct fetcher *fetcher;
	struct robots_file *file;
	struct fetch *fetch;
	struct ring waiting; /* of struct fetch: robots_link */
	struct buf text;     /* at most what is read of it, and one octet */
	struct buf head;     /* of the answer, when `text` had enough */
	bool enough;
	int64_t asked_wall_ms;
};

static int load_start(struct fetch *fetch, struct robots_file *file, struct err *err);

static const char *path_of(const char *url)
{
	return strchr(strstr(url, "://") + 3, '/'); /* a serialised URL of http has one */
}

/* ---- one hop ---- */

/* The host may have been forgotten since, and the file may have changed: it is told with
 * each hop. */
static void tell_delay(struct fetch *fetch, const struct robots_file *file)
{
	struct hosts *hosts = fetch->fetcher->hosts;
	int64_t delay_ms = robots_file_delay_ms(file);
	struct err err;

	hosts_crawl_delay(hosts, fetch->request.key, MAX(delay_ms, 0), clock_ms(), &err);
}

static enum admit judge(struct fetch *fetch, struct robots_file *file)
{
	const char *path = path_of(fetch->request.url);
	struct err *err = &fetch->result->err;
	struct robots *robots;
	bool allowed;

	if (robots_file_rules(fetch->fetcher->robots, file, fetch->request.robots, &robots, err))
		return ADMIT_REFUSED;
	allowed = robots_allowed(robots, path, strlen(path));
	robots_free(robots);
	tell_delay(fetch, file);
	if (allowed)
		return ADMIT_GO;
	err_set(err, ERR_FETCH_ROBOTS, "robots.txt disallows %.300s", path);
	return ADMIT_REFUSED;
}

/* Its breaker is open, and it said that it would not wait. */
static bool will_not_wait(const struct fetch *fetch)
{
	struct host_view view;
	struct err err;

	return fetch->item.on_open == HOSTS_FAIL &&
	       hosts_get(fetch->fetcher->hosts, fetch->request.key, clock_ms(), &view, NULL,
			 &err) == 0 &&
	       view.state == BREAKER_OPEN && view.open_left_ms > 0;
}

static enum admit hold(struct fetch *fetch, struct load *load)
{
	if (will_not_wait(fetch)) {
		err_set(&fetch->result->err, ERR_FETCH_CIRCUIT_OPEN, "the breaker of %s is open",
			fetch->request.key);
		return ADMIT_REFUSED;
	}
	ring_add(&load->waiting, &fetch->robots_link);
	lock_take(&fetch->fetcher->lock);
	fetch->waits_for = load->fetch;
	lock_drop(&fetch->fetcher->lock);
	return ADMIT_HELD;
}

/* All files that are known are on their way: no place for another one. */
static bool full(struct err *err)
{
	bool is_full = err->code == ERR_LIMIT;

	if (is_full)
		err->code = ERR_NONE;
	return is_full;
}

enum admit robots_admit(struct fetch *fetch)
{
	struct err *err = &fetch->result->err;
	struct robots_file *file;

	if (!fetch->request.robots || strcmp(path_of(fetch->request.url), "/robots.txt") == 0)
		return ADMIT_GO;
	file = robots_file_make(fetch->fetcher->robots, fetch->request.key, fetch->insecure, err);
	if (!file)
		return full(err) ? ADMIT_FULL : ADMIT_REFUSED;
	switch (robots_file_state(file, clock_ms())) {
	case ROBOTS_KNOWN:
		return judge(fetch, file);
	case ROBOTS_SILENT:
		robots_file_refuse(file, err);
		return ADMIT_REFUSED;
	case ROBOTS_UNKNOWN:
		if (load_start(fetch, file, err))
			return ADMIT_REFUSED;
		break;
	case ROBOTS_LOADING:
		break;
	}
	return hold(fetch, robots_file_load(file));
}

void robots_let_go(struct fetch *fetch)
{
	ring_drop(&fetch->robots_link);
	lock_take(&fetch->fetcher->lock);
	fetch->waits_for = NULL;
	lock_drop(&fetch->fetcher->lock);
}

/* ---- the load ---- */

static void load_free(struct load *load)
{
	fetch_drop(load->fetch);
	buf_done(&load->text);
	buf_done(&load->head);
	free(load);
}

/* The text up to what is read of it; the rest is not waited for. */
static enum fetch_flow on_text(void *ctx, const struct fetch_answer *answer, const char *bytes,
			       size_t len)
{
	struct load *load = ctx;
	size_t room = load->text.max - load->text.len;

	buf_add(&load->text, bytes, MIN(len, room));
	if (load->text.len == load->text.max && !load->enough) {
		load->enough = true;
		buf_add(&load->head, answer->head, answer->head_len);
		fetch_cancel(load->fetch);
	}
	return FETCH_GO_ON;
}

/* Those that waited for it ask again; when the fetcher stops, they are cancelled next. */
static void load_release(struct load *load, bool stopping)
{
	struct ring waiting;

	ring_init(&waiting);
	while (!ring_empty(&load->waiting)) {
		struct fetch *fetch = CONTAINER_OF(load->waiting.next, struct fetch, robots_link);

		robots_let_go(fetch);
		if (!stopping)
			ring_add(&waiting, &fetch->robots_link);
	}
	load_free(load);
	while (!ring_empty(&waiting)) {
		struct fetch *fetch = CONTAINER_OF(waiting.next, struct fetch, robots_link);

		ring_drop(&fetch->robots_link);
		attempt_admit(fetch);
	}
}

static void load_done(void *ctx, struct fetch_result *result)
{
	struct load *load = ctx;
	bool whole = buf_ok(&load->text) && buf_ok(&load->head);
	bool stopping = result->err.code == ERR_CANCELLED && !load->enough;
	struct robots_answer answer = {
		.err = result->err,
		.status = result->status,
		.head = result->head,
		.head_len = result->head_len,
		.text = buf_text(&load->text),
		.len = load->text.len,
		.asked_wall_ms = load->asked_wall_ms,
		.answered_wall_ms = clock_wall_ms(),
	};

	if (load->enough) {
		answer.err.code = ERR_NONE;
		answer.status = 200;
		answer.head = buf_text(&load->head);
		answer.head_len = load->head.len;
	}
	if (!whole)
		err_set(&answer.err, ERR_NO_MEMORY, "no memory for robots.txt");
	robots_file_end(load->fetcher->robots, load->file, &answer, clock_ms());
	fetch_result_free(result);
	load_release(load, stopping);
}

static struct load *load_new(struct fetcher *fetcher, struct robots_file *file, struct err *err)
{
	struct load *load = calloc(1, sizeof(*load));

	if (!load) {
		err_set(err, ERR_NO_MEMORY, "no memory for robots.txt");
		return NULL;
	}
	load->fetcher = fetcher;
	load->file = file;
	load->asked_wall_ms = clock_wall_ms();
	ring_init(&load->waiting);
	buf_init(&load->text, ROBOTS_BYTES_MAX + 1);
	buf_init(&load->head, FETCH_HEADERS_BYTES_MAX);
	return load;
}

/* What we have already: 304 then. */
static size_t validators(const struct robots_file *file, struct fetch_header headers[2])
{
	size_t count = 0;

	if (robots_file_etag(file))
		headers[count++] = (struct fetch_header){"If-None-Match", robots_file_etag(file)};
	if (robots_file_changed(file))
		headers[count++] =
			(struct fetch_header){"If-Modified-Since", robots_file_changed(file)};
	return count;
}

/* The first hop that asks lends its place in the line and its manners; not its headers,
 * its credentials or its deadline: others will wait too. */
static int load_start(struct fetch *fetch, struct robots_file *file, struct err *err)
{
	const char *key = fetch->request.key, *authority = strchr(key, ':') + 1;
	char url[HOST_KEY_BYTES_MAX + sizeof("///robots.txt")];
	struct fetch_header headers[2];
	struct fetch_request request = {
		.url = url,
		.headers = headers,
		.header_count = validators(file, headers),
		.owner = fetch->item.owner,
		.priority = fetch->item.priority,
		.per_host = fetch->item.per_host,
		.delay_ms = fetch->item.delay_ms,
		.breaker = fetch->item.breaker,
		.connect_ms = fetch->connect_ms,
		.timeout_ms = fetch->timeout_ms,
		.body_bytes_max = SIZE_MAX / 2, /* a long file is read as far as we read */
		.retry = {.attempts_max = ROBOTS_ATTEMPTS,
			  .base_ms = ROBOTS_BASE_MS,
			  .delay_ms_max = ROBOTS_DELAY_MS_MAX},
		.insecure = fetch->insecure,
		.http2 = fetch->http2,
		.on_body = on_text,
	};
	struct load *load = load_new(fetch->fetcher, file, err);

	if (!load)
		return -1;
	snprintf(url, sizeof(url), "%.*s//%s/robots.txt", (int)(authority - key), key, authority);
	if (fetch_start_own(fetch->fetcher, &request, load_done, load, &load->fetch, err)) {
		load_free(load);
		return -1;
	}
	robots_file_begin(fetch->fetcher->robots, file, load);
	return 0;
}
