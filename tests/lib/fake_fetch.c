/* SPDX-License-Identifier: MIT */
/* fake_fetch.c - results of fetches that were never made. */
#include "tests/lib/fake_run.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *copy(const char *text)
{
	char *own = strdup(text);

	assert(own);
	return own;
}

/* "https:example.com:443" of a URL that has no credentials. */
static char *host_key(const char *url)
{
	const char *host = strstr(url, "://");
	const char *port;
	char *key = NULL;
	int len;

	assert(host);
	port = host[-1] == 's' ? ":443" : ":80";
	host += 3;
	len = (int)strcspn(host, "/?#");
	if (memchr(host, ':', (size_t)len))
		port = "";
	if (asprintf(&key, "%.*s:%.*s%s", (int)(host - 3 - url), url, len, host, port) < 0)
		abort();
	return key;
}

struct fetch_result *fake_answer(const struct fetch_request *request, int status,
				 const char *content_type, const char *body)
{
	static const char name[] = "content-type";
	struct fetch_result *result = calloc(1, sizeof(*result));

	assert(result);
	result->status = status;
	result->final_url = copy(request->url);
	result->host_key = host_key(request->url);
	result->body = copy(body);
	result->body_len = strlen(body);
	/* The head as net/ keeps it: names and values in turn, each with its NUL. */
	result->head_len = sizeof(name) + strlen(content_type) + 1;
	result->head = calloc(1, result->head_len);
	assert(result->head);
	memcpy(result->head, name, sizeof(name));
	memcpy(result->head + sizeof(name), content_type, strlen(content_type));
	result->content_type = result->head + sizeof(name);
	result->attempts = 1;
	result->total_us = 1000;
	result->wire_bytes = result->decoded_bytes = result->body_len;
	if (status >= 400)
		err_set(&result->err, status >= 500 ? ERR_FETCH_HTTP_5XX : ERR_FETCH_HTTP_4XX,
			"answered %d", status);
	return result;
}

void fake_header(struct fetch_result *result, const char *name, const char *value)
{
	size_t name_size = strlen(name) + 1, value_size = strlen(value) + 1;
	size_t type_at = (size_t)(result->content_type - result->head);
	char *head = realloc(result->head, result->head_len + name_size + value_size);

	assert(head);
	memcpy(head + result->head_len, name, name_size);
	memcpy(head + result->head_len + name_size, value, value_size);
	result->head = head;
	result->head_len += name_size + value_size;
	result->content_type = head + type_at;
}

struct fetch_result *fake_refusal(const struct fetch_request *request, enum err_code code)
{
	struct fetch_result *result = fake_answer(request, 0, "", "");

	err_set(&result->err, code, "no answer");
	return result;
}
