/* SPDX-License-Identifier: MIT */
/* request.c - checks at the door, and the rules of redirects.  Called by fetch.c. */
#include "net/request.h"

#include "base/arena.h"
#include "base/compiler.h"
#include "base/limits.h"
#include "net/fetch.h"
#include "net/guard.h"
#include "net/url.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum { URL_ARENA_BYTES_MAX = 64 * 1024 };

/* Octets of a token (RFC 9110, section 5.6.2). */
static bool is_token(const char *text)
{
	size_t len = strspn(text, "!#$%&'*+-.^_`|~0123456789"
				  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

	return len > 0 && text[len] == '\0';
}

static bool is_credential(const char *header)
{
	static const char *const names[] = {"authorization", "cookie", "proxy-authorization"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		size_t len = strlen(names[i]);

		if (strncasecmp(header, names[i], len) == 0 &&
		    (header[len] == ':' || header[len] == ';' || header[len] == '\0'))
			return true;
	}
	return false;
}

/* The host by its name, or by its address when the name is one. */
static int check_host(struct request *request, const struct url *url, const struct guard *guard,
		      struct err *err)
{
	struct sockaddr_storage address;

	request->inside = false;
	if (!url_address(url, &address))
		return guard_check_name(guard, url->host.at, url->host.len, err);
	if (guard_check(guard, (const struct sockaddr *)&address, err))
		return -1;
	request->inside = guard_inside(guard, (const struct sockaddr *)&address);
	return 0;
}

/* libcurl reads the URL itself: it must see the same host as our parser and guard. */
static int check_same_host(const char *href, const struct url *url, struct err *err)
{
	CURLUcode code = CURLUE_OUT_OF_MEMORY;
	CURLU *theirs = curl_url();
	char *host = NULL;
	bool same;

	if (theirs)
		code = curl_url_set(theirs, CURLUPART_URL, href, 0);
	if (code == CURLUE_OK)
		code = curl_url_get(theirs, CURLUPART_HOST, &host, 0);
	same = code == CURLUE_OK && strlen(host) == url->host.len &&
	       memcmp(host, url->host.at, url->host.len) == 0;
	curl_free(host);
	curl_url_cleanup(theirs);
	if (code == CURLUE_OUT_OF_MEMORY)
		return err_set(err, ERR_NO_MEMORY, "no memory for a URL");
	return same ? 0 : err_set(err, ERR_FETCH_URL, "host of the URL is ambiguous");
}

static int set_url(struct request *request, const struct url *url, const struct guard *guard,
		   struct arena *arena, struct err *err)
{
	size_t len = url->len - (url->fragment.at ? url->fragment.len + 1 : 0);
	const char *key = url_host_key(url, arena);
	char *href = strndup(url->href, len);
	char *own_key = key ? strdup(key) : NULL;

	if (!href || !own_key) {
		err_set(err, ERR_NO_MEMORY, "no memory for a URL");
		goto fail;
	}
	if (url_check_fetch(url, err) || check_host(request, url, guard, err) ||
	    check_same_host(href, url, err))
		goto fail;
	free(request->url);
	request->url = href;
	request->key = own_key;
	request->credentials |= url->username.len > 0 || url->password.len > 0;
	return 0;
fail:
	free(href);
	free(own_key);
	return -1;
}

/* "Name: value", or "Name;" which is how libcurl spells an empty value. */
int headers_add(struct curl_slist **headers, const char *name, const char *value, struct err *err)
{
	size_t name_len = strlen(name), value_len = strlen(value);
	struct curl_slist *list;
	char *line;

	if (!is_token(name))
		return err_set(err, ERR_FETCH_URL, "'%.40s' is not a header name", name);
	if (strpbrk(value, "\r\n"))
		return err_set(err, ERR_FETCH_URL, "value of header '%.40s' has a line end", name);
	line = malloc(name_len + value_len + 3);
	if (!line)
		return err_set(err, ERR_NO_MEMORY, "no memory for headers");
	memcpy(line, name, name_len);
	memcpy(line + name_len, value_len ? ": " : ";", value_len ? 3 : 2);
	if (value_len)
		memcpy(line + name_len + 2, value, value_len + 1);
	list = curl_slist_append(*headers, line);
	free(line);
	if (!list)
		return err_set(err, ERR_NO_MEMORY, "no memory for headers");
	*headers = list;
	return 0;
}

static int add_header(struct request *request, const struct fetch_header *header, struct err *err)
{
	request->credentials |= is_credential(header->name);
	return headers_add(&request->headers, header->name, header->value, err);
}

const char *request_own_header(const struct request *request, const char *name)
{
	size_t len = strlen(name);

	for (const struct curl_slist *at = request->headers; at; at = at->next) {
		const char *end = at->data + len;

		if (strncasecmp(at->data, name, len) == 0 && (*end == ':' || *end == ';'))
			return *end == ':' ? end + 1 + strspn(end + 1, " ") : end + 1;
	}
	return NULL;
}

int request_init(struct request *request, const struct fetch_request *from,
		 const struct guard *guard, struct err *err)
{
	const char *method = from->method ? from->method : "GET";
	struct arena arena = ARENA(URL_ARENA_BYTES_MAX);
	struct url url;
	int rc = -1;

	*request = (struct request){.body_len = from->body_len};
	if (!is_token(method) || strlen(method) > METHOD_BYTES_MAX) {
		err_set(err, ERR_FETCH_URL, "'%.40s' is not a method", method);
		goto out;
	}
	memcpy(request->method, method, strlen(method) + 1);
	if (url_parse(from->url, strlen(from->url), NULL, &arena, &url, err) ||
	    set_url(request, &url, guard, &arena, err))
		goto out;
	for (size_t i = 0; i < from->header_count; i++)
		if (add_header(request, &from->headers[i], err))
			goto out;
	if (from->robots) {
		request->robots = strndup(from->robots, ROBOTS_TOKEN_BYTES_MAX);
		if (!request->robots) {
			err_set(err, ERR_NO_MEMORY, "no memory for a request");
			goto out;
		}
	}
	if (from->body_len > 0) {
		request->body = malloc(from->body_len);
		if (!request->body) {
			err_set(err, ERR_NO_MEMORY, "no memory for the body");
			goto out;
		}
		memcpy(request->body, from->body, from->body_len);
	}
	rc = 0;
out:
	arena_done(&arena);
	if (rc)
		request_done(request);
	return rc;
}

void request_done(struct request *request)
{
	free(request->url);
	free(request->key);
	free(request->body);
	free(request->robots);
	curl_slist_free_all(request->headers);
	*request = (struct request){0};
}

bool status_is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static void drop_headers(struct request *request, bool (*which)(const char *header))
{
	struct curl_slist **at = &request->headers;

	while (*at) {
		struct curl_slist *header = *at;

		if (!which(header->data)) {
			at = &header->next;
			continue;
		}
		*at = header->next;
		header->next = NULL;
		curl_slist_free_all(header);
	}
}

static bool is_about_body(const char *header)
{
	return strncasecmp(header, "content-", 8) == 0;
}

static void turn_method(struct request *request, int status)
{
	bool post = strcmp(request->method, "POST") == 0;
	bool get = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;

	if (!((status == 301 || status == 302) && post) && !(status == 303 && !get))
		return;
	memcpy(request->method, "GET", sizeof("GET"));
	free(request->body);
	request->body = NULL;
	request->body_len = 0;
	drop_headers(request, is_about_body);
}

int request_redirect(struct request *request, int status, const char *location,
		     const struct guard *guard, char **ret_old_key, struct err *err)
{
	struct arena arena = ARENA(URL_ARENA_BYTES_MAX);
	char *old_key = request->key;
	bool had_credentials = request->credentials;
	struct url from, to;
	int rc = -1;

	if (url_parse(request->url, strlen(request->url), NULL, &arena, &from, err) ||
	    url_parse(location, strlen(location), &from, &arena, &to, err)) {
		err_wrap(err, "redirect");
		goto out;
	}
	if (had_credentials && from.kind == URL_HTTPS && to.kind == URL_HTTP) {
		err_set(err, ERR_FETCH_REDIRECTS, "from https to http with credentials");
		goto out;
	}
	if (!url_same_origin(&from, &to))
		request->credentials = false;
	if (set_url(request, &to, guard, &arena, err)) {
		request->credentials = had_credentials;
		err_wrap(err, "redirect");
		goto out;
	}
	if (!url_same_origin(&from, &to))
		drop_headers(request, is_credential);
	turn_method(request, status);
	*ret_old_key = old_key;
	rc = 0;
out:
	arena_done(&arena);
	return rc;
}
