/* SPDX-License-Identifier: MIT */
/* result.c - what a fetch hands over.  Texts are never NULL, so that receivers need not ask. */
#include "net/attempt.h"

#include <stdlib.h>
#include <string.h>

static const char nothing[] = "";

struct fetch_result *result_new(void)
{
	struct fetch_result *result = calloc(1, sizeof(*result));

	if (!result)
		return NULL;
	result->body = calloc(1, 1);
	result->content_type = nothing;
	if (!result->body) {
		free(result);
		return NULL;
	}
	return result;
}

void fetch_result_free(struct fetch_result *result)
{
	if (!result)
		return;
	free((char *)result->final_url);
	free((char *)result->host_key);
	free(result->body);
	free(result->head);
	free(result);
}

void result_adopt(struct fetch_result *result, char *head, size_t head_len, char *body,
		  size_t body_len)
{
	const char *content_type;

	free(result->body);
	free(result->head);
	result->body = body;
	result->body_len = body_len;
	result->head = head;
	result->head_len = head_len;
	content_type = fetch_result_header(result, "content-type");
	result->content_type = content_type ? content_type : nothing;
}

const char *fetch_cached_name(enum fetch_cached cached)
{
	static const char *const names[] = {
		[FETCH_HIT] = "hit",
		[FETCH_REVALIDATED] = "revalidated",
		[FETCH_MISS] = "miss",
		[FETCH_STALE] = "stale",
	};

	return names[cached];
}

int result_set(struct fetch_result *result, struct transfer *transfer)
{
	size_t body_len = 0, head_len = 0;
	char *body = buf_take(&transfer->body, &body_len);
	char *head = buf_take(&transfer->head, &head_len);

	if (!body || !head) {
		free(body);
		free(head);
		return -1;
	}
	result_adopt(result, head, head_len, body, body_len);
	return 0;
}

const char *fetch_result_header(const struct fetch_result *result, const char *name)
{
	return head_find(result->head, result->head_len, name);
}

bool fetch_result_headers(const struct fetch_result *result, size_t *at, const char **ret_name,
			  const char **ret_value)
{
	if (*at >= result->head_len)
		return false;
	*ret_name = result->head + *at;
	*ret_value = *ret_name + strlen(*ret_name) + 1;
	*at = (size_t)(*ret_value + strlen(*ret_value) + 1 - result->head);
	return true;
}

const char *fetch_answer_header(const struct fetch_answer *answer, const char *name)
{
	return head_find(answer->head, answer->head_len, name);
}

char *fetch_result_take_body(struct fetch_result *result, size_t *ret_len)
{
	char *empty = calloc(1, 1);
	char *body = result->body;

	if (!empty)
		return NULL;
	if (ret_len)
		*ret_len = result->body_len;
	result->body = empty;
	result->body_len = 0;
	return body;
}
