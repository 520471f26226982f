/* SPDX-License-Identifier: MIT */
/* api_hosts_list.c - GET /v1/hosts: filtered, sorted, page by page.
 *
 * A cursor is where the page before ended: the order, what its last host was sorted by,
 * that host's key, and a sum over these, spelled in hexadecimal digits.  The sum finds
 * cursors that were cut or made up; it is no secret, for there is nothing to protect.
 */
#include "service/http/api_host.h"
#include "service/http/api_query.h"

#include "base/clock.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const sort_names[] = {
	[HOSTS_BY_KEY] = "key",		  [HOSTS_BY_LAST_ERROR] = "last_error_at",
	[HOSTS_BY_OPENS] = "opens",	  [HOSTS_BY_IN_FLIGHT] = "in_flight",
	[HOSTS_BY_QUEUED] = "queued",	  [HOSTS_BY_CALLS] = "calls",
	[HOSTS_BY_FAILURES] = "failures",
};

/* ---- cursors ---- */

struct cursor {
	uint32_t sum; /* of what follows */
	uint32_t sort;
	int64_t value;
	char key[HOST_KEY_BYTES_MAX + 1];
};

enum { CURSOR_HEAD_BYTES = offsetof(struct cursor, key) };

/* FNV-1a (Fowler, Noll, Vo), of all but the sum itself. */
static uint32_t cursor_sum(const struct cursor *cursor, size_t len)
{
	const unsigned char *bytes = (const unsigned char *)cursor;
	uint32_t sum = 2166136261U;

	for (size_t i = sizeof(cursor->sum); i < len; i++)
		sum = (sum ^ bytes[i]) * 16777619U;
	return sum;
}

static const char *cursor_text(struct arena *arena, enum hosts_sort sort, int64_t value,
			       const char *key)
{
	const unsigned char *bytes;
	struct cursor cursor;
	size_t key_len = strlen(key), len = CURSOR_HEAD_BYTES + key_len;
	char *text = arena_alloc(arena, 2 * len + 1);

	if (!text)
		return NULL;
	memset(&cursor, 0, sizeof(cursor));
	cursor.sort = sort;
	cursor.value = value;
	memcpy(cursor.key, key, key_len);
	bytes = (const unsigned char *)&cursor;
	cursor.sum = cursor_sum(&cursor, len);
	for (size_t i = 0; i < len; i++) {
		text[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
		text[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
	}
	text[2 * len] = '\0';
	return text;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* True when it is one of ours, for this order. */
static bool cursor_parse(const char *text, enum hosts_sort sort, struct cursor *ret_cursor)
{
	unsigned char *bytes = (unsigned char *)ret_cursor;
	size_t len = strlen(text) / 2;

	memset(ret_cursor, 0, sizeof(*ret_cursor));
	if (strlen(text) % 2 || len <= CURSOR_HEAD_BYTES ||
	    len > CURSOR_HEAD_BYTES + HOST_KEY_BYTES_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes[i] = (unsigned char)(high << 4 | low);
	}
	return ret_cursor->sum == cursor_sum(ret_cursor, len) && ret_cursor->sort == sort &&
	       strlen(ret_cursor->key) == len - CURSOR_HEAD_BYTES;
}

/* ---- the query ---- */

static int state_read(struct request *request, int *ret_state, struct err *err)
{
	const char *name = request_query(request, "state");

	*ret_state = -1;
	if (!name)
		return 0;
	for (int state = BREAKER_CLOSED; state <= BREAKER_HALF_OPEN; state++) {
		if (strcmp(breaker_state_name((enum breaker_state)state), name) == 0) {
			*ret_state = state;
			return 0;
		}
	}
	problem_hint(request, "closed, open or half-open");
	return err_set(err, ERR_BAD_PARAMETER, "state '%.40s' is not a breaker's", name);
}

static int sort_read(struct request *request, enum hosts_sort *ret_sort, struct err *err)
{
	const char *name = request_query(request, "sort");

	*ret_sort = HOSTS_BY_KEY;
	if (!name)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(sort_names); i++) {
		if (strcmp(sort_names[i], name) == 0) {
			*ret_sort = (enum hosts_sort)i;
			return 0;
		}
	}
	problem_hint(request, "key, last_error_at, opens, in_flight, queued, calls or failures");
	return err_set(err, ERR_BAD_PARAMETER, "hosts cannot be sorted by '%.40s'", name);
}

static int error_read(struct request *request, enum err_code *ret_code, struct err *err)
{
	const char *name = request_query(request, "last_error");

	*ret_code = name ? err_by_name(name) : ERR_NONE;
	if (!name || *ret_code != ERR_NONE)
		return 0;
	problem_hint(request, "connect, dns, timeout, http-5xx, throttled, blocked, …");
	return err_set(err, ERR_BAD_PARAMETER, "'%.40s' is no reason of a failed fetch", name);
}

static int filter_read(struct request *request, struct hosts_filter *filter, struct cursor *cursor,
		       struct err *err)
{
	const char *text = request_query(request, "cursor");

	if (state_read(request, &filter->state, err) || sort_read(request, &filter->sort, err) ||
	    error_read(request, &filter->last_err, err))
		return -1;
	filter->contains = request_query(request, "q");
	if (!text)
		return 0;
	if (!cursor_parse(text, filter->sort, cursor))
		return err_set(err, ERR_BAD_CURSOR, "'%.60s' came from no list of hosts by %s",
			       text, sort_names[filter->sort]);
	filter->after_key = cursor->key;
	filter->after_value = cursor->value;
	return 0;
}

/* ---- the answer ---- */

static void page_reply(struct request *request, const struct host_view *views, size_t count,
		       const char *cursor)
{
	struct buf body = BUF(REPLY_BYTES_MAX);
	struct json_out out = JSON_OUT(&body);

	json_out_object(&out, NULL);
	json_out_array(&out, "items");
	for (size_t i = 0; i < count; i++)
		host_out(&views[i], NULL, clock_ms(), &out);
	json_out_end(&out, ']');
	json_out_text(&out, "next_cursor", cursor);
	json_out_end(&out, '}');
	reply_json(request, 200, &body);
}

void host_list(struct request *request)
{
	static const char *const known[] = {"state", "last_error", "q", "sort",
					    "limit", "cursor",	   NULL};
	struct hosts_filter filter = {0};
	const char *next = NULL;
	struct host_view *views;
	struct cursor cursor;
	unsigned limit;
	ssize_t count;
	struct err err;

	if (request_query_check(request, known, &err) || query_limit(request, &limit, &err) ||
	    filter_read(request, &filter, &cursor, &err)) {
		reply_problem(request, &err);
		return;
	}
	/* One more than is shown tells whether there is a page after this one. */
	views = calloc(limit + 1, sizeof(*views));
	count = views ? hosts_list(hosts_of(request), &filter, clock_ms(), views, limit + 1) : -1;
	if (count > (ssize_t)limit)
		next = cursor_text(request_arena(request), filter.sort, views[limit - 1].sorted_by,
				   views[limit - 1].key);
	if (count < 0 || (count > (ssize_t)limit && !next))
		reply_problemf(request, ERR_NO_MEMORY, "no memory for %u hosts", limit);
	else
		page_reply(request, views, MIN((size_t)count, limit), next);
	free(views);
}
