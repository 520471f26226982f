/* SPDX-License-Identifier: MIT */
/* api_query.c - query parameters: strict, because a filter that is misread matches
 * the wrong jobs.
 */
#include "service/http/api_query.h"

#include "base/limits.h"
#include "base/units.h"
#include "service/http/reply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const priorities[] = {"critical", "high", "normal", "low", NULL};

int number_read(const char *name, const char *text, uint64_t *ret, struct err *err)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	if (errno || *ret > INT64_MAX || *text < '0' || *text > '9' || *end != '\0')
		return err_set(err, ERR_BAD_PARAMETER, "%s '%.40s' is not a whole number", name,
			       text);
	return 0;
}

int query_number(struct request *request, const char *name, uint64_t fallback, uint64_t *ret,
		 struct err *err)
{
	const char *text = request_query(request, name);

	*ret = fallback;
	return text ? number_read(name, text, ret, err) : 0;
}

int query_limit(struct request *request, unsigned *ret_limit, struct err *err)
{
	uint64_t limit;

	if (query_number(request, "limit", LIST_ITEMS_DEFAULT, &limit, err))
		return -1;
	if (limit < 1 || limit > LIST_ITEMS_MAX)
		return err_set(err, ERR_BAD_PARAMETER, "limit is from 1 to %d", LIST_ITEMS_MAX);
	*ret_limit = (unsigned)limit;
	return 0;
}

int query_bool(struct request *request, const char *name, bool *ret, struct err *err)
{
	const char *text = request_query(request, name);

	*ret = text && (*text == '\0' || strcmp(text, "true") == 0 || strcmp(text, "1") == 0);
	if (!text || *ret || strcmp(text, "false") == 0 || strcmp(text, "0") == 0)
		return 0;
	return err_set(err, ERR_BAD_PARAMETER, "%s='%.40s' is neither true nor false", name, text);
}

void query_next_link(struct request *request, const char *path, const char *cursor)
{
	size_t count;
	const struct query_pair *pairs = request_queries(request, &count);
	struct buf query = BUF(HTTP_URI_BYTES_MAX);

	for (size_t i = 0; i < count; i++) {
		if (strcmp(pairs[i].name, "cursor") == 0)
			continue;
		buf_printf(&query, "%s=", pairs[i].name);
		for (const char *at = pairs[i].value; *at; at++) {
			if (strchr("&#+%<>\"", *at) || (unsigned char)*at <= ' ' ||
			    (unsigned char)*at > '~')
				buf_printf(&query, "%%%02X", (unsigned char)*at);
			else
				buf_add_byte(&query, *at);
		}
		buf_add_byte(&query, '&');
	}
	if (buf_ok(&query))
		reply_headerf(request, "Link", "<%s?%scursor=%s>; rel=\"next\"", path,
			      buf_text(&query), cursor);
	buf_done(&query);
}

/* ---- the filter ---- */

static int state_add(struct job_filter *filter, const char *value, struct err *err)
{
	enum job_state state;

	if (!state_parse(value, &state))
		return err_set(err, ERR_BAD_PARAMETER,
			       "state '%.40s' is not one of scheduled, pending, running, retrying, "
			       "paused, completed, failed, cancelled",
			       value);
	filter->states |= 1U << state;
	return 0;
}

static int priority_add(struct job_filter *filter, const char *value, struct err *err)
{
	for (unsigned i = 0; priorities[i]; i++) {
		if (strcmp(priorities[i], value) == 0) {
			filter->priorities |= 1U << i;
			return 0;
		}
	}
	return err_set(err, ERR_BAD_PARAMETER,
		       "priority '%.40s' is not one of critical, high, normal, low", value);
}

static int tag_check(const char *value, struct err *err)
{
	const char *colon = strchr(value, ':');

	if (!colon || colon == value)
		return err_set(err, ERR_BAD_PARAMETER, "tag '%.40s' is not key:value", value);
	return 0;
}

/* All values of one name as a list ended by NULL; NULL when there is none. */
static int values_of(struct request *request, const char *name, const char *const **ret,
		     struct err *err)
{
	size_t count, found = 0;
	const struct query_pair *pairs = request_queries(request, &count);
	const char **values;

	*ret = NULL;
	for (size_t i = 0; i < count; i++)
		found += strcmp(pairs[i].name, name) == 0;
	if (found == 0)
		return 0;
	values = arena_array(request_arena(request), found + 1, sizeof(*values));
	if (!values)
		return err_set(err, ERR_NO_MEMORY, "no memory for the filter");
	found = 0;
	for (size_t i = 0; i < count; i++)
		if (strcmp(pairs[i].name, name) == 0)
			values[found++] = pairs[i].value;
	*ret = values;
	return 0;
}

static int each_value(struct request *request, const char *name, struct job_filter *filter,
		      int (*add)(struct job_filter *, const char *, struct err *), struct err *err)
{
	const char *const *values;

	if (values_of(request, name, &values, err))
		return -1;
	for (; values && *values; values++)
		if (add(filter, *values, err))
			return -1;
	return 0;
}

static int instant_of(struct request *request, const char *name, int64_t *ret, struct err *err)
{
	const char *text = request_query(request, name);

	if (!text)
		return 0;
	if (instant_parse(text, ret, err)) {
		err->code = ERR_BAD_PARAMETER;
		return err_wrap(err, "%s", name);
	}
	return 0;
}

int query_filter(struct request *request, struct job_filter *filter, struct err *err)
{
	if (each_value(request, "state", filter, state_add, err) ||
	    each_value(request, "priority", filter, priority_add, err) ||
	    values_of(request, "type", &filter->types, err) ||
	    values_of(request, "name", &filter->names, err) ||
	    values_of(request, "tag", &filter->tags, err) ||
	    instant_of(request, "since", &filter->since_ms, err) ||
	    instant_of(request, "until", &filter->until_ms, err))
		return -1;
	for (const char *const *tag = filter->tags; tag && *tag; tag++)
		if (tag_check(*tag, err))
			return -1;
	filter->q = request_query(request, "q");
	return 0;
}

bool query_filter_given(struct request *request)
{
	static const char *const names[] = {QUERY_FILTER_NAMES};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (request_query(request, names[i]))
			return true;
	return false;
}

int path_id(struct request *request, struct id *ret_id, struct err *err)
{
	const char *text = request_param(request, "id");

	if (id_parse(text, ret_id))
		return err_set(err, ERR_NOT_FOUND, "no job has the id '%.80s'", text);
	return 0;
}
