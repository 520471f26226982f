/* SPDX-License-Identifier: MIT */
/* head.c - line by line: the request line, fields, an empty line. */
#include "service/http/head.h"

#include "base/compiler.h"
#include "base/limits.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum {
	LENGTH_DIGITS_MAX = 18, /* a signed 64-bit number */
	ENTRY_BYTES = 64,	/* libmicrohttpd's list entry for a field, parameter or cookie */
	METHOD_AND_VERSION_MAX = 32, /* of a request line, besides the URI */
	REPLY_BYTES = 4096 + 256,    /* the head of the answer goes into the same memory */
};

struct line {
	const char *text;
	size_t len; /* without CR LF */
};

struct scan {
	const char *at, *end;
	struct head *head;
	unsigned fields;
	struct err *err;
};

static enum head_state refuse(struct scan *scan, const char *detail)
{
	err_set(scan->err, ERR_BAD_REQUEST, "%s", detail);
	return HEAD_REFUSED;
}

/* HEAD_WHOLE: *ret_line is the next line, and behind us. */
static enum head_state next_line(struct scan *scan, struct line *ret_line)
{
	const char *at = scan->at;

	while (at < scan->end && *at != '\r' && *at != '\n' && *at != '\0')
		at++;
	if (at < scan->end && *at == '\0')
		return refuse(scan, "a line holds a NUL");
	if (scan->end - at < 2 && !(at < scan->end && *at == '\n'))
		return HEAD_PARTIAL;
	if (at[0] == '\n' || at[1] != '\n')
		return refuse(scan, "a line must end in CR and LF, not in one of them");
	*ret_line = (struct line){scan->at, (size_t)(at - scan->at)};
	scan->at = at + 2;
	return HEAD_WHOLE;
}

static size_t count(const char *text, size_t len, char c)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += text[i] == c;
	return n;
}

static enum head_state take_request_line(struct scan *scan, const struct line *line)
{
	static const char shape[] = "the request line must be METHOD /path HTTP/1.1";
	struct head *head = scan->head;
	const char *end = line->text + line->len;
	const char *blank = memchr(line->text, ' ', line->len);
	const char *second = blank ? memchr(blank + 1, ' ', (size_t)(end - blank - 1)) : NULL;

	if (!second || second == blank + 1 || blank == line->text)
		return refuse(scan, shape);
	if (end - second != 9 ||
	    (memcmp(second, " HTTP/1.1", 9) != 0 && memcmp(second, " HTTP/1.0", 9) != 0))
		return refuse(scan, memchr(second + 1, ' ', (size_t)(end - second - 1))
					    ? shape
					    : "the version must be HTTP/1.1 or HTTP/1.0");
	head->method = line->text;
	head->uri = blank + 1;
	head->uri_len = (size_t)(second - blank - 1);
	if (head->uri_len > HTTP_URI_BYTES_MAX) {
		err_set(scan->err, ERR_URI_TOO_LONG, "%zu bytes, %d are allowed", head->uri_len,
			HTTP_URI_BYTES_MAX);
		return HEAD_REFUSED;
	}
	if (memchr(head->uri, '?', head->uri_len))
		head->memory_bytes += (1 + count(head->uri, head->uri_len, '&')) * ENTRY_BYTES;
	return HEAD_WHOLE;
}

static bool is_name(const struct line *line, size_t name_len, const char *name)
{
	return name_len == strlen(name) && strncasecmp(line->text, name, name_len) == 0;
}

static enum head_state take_length(struct scan *scan, const char *value, const char *end)
{
	const char *at;

	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	for (at = value; at < end; at++)
		if (*at < '0' || *at > '9')
			return refuse(scan, "Content-Length must be digits only");
	if (value == end)
		return refuse(scan, "Content-Length is empty");
	if (end - value <= LENGTH_DIGITS_MAX)
		return HEAD_WHOLE;
	err_set(scan->err, ERR_BODY_TOO_LARGE, "Content-Length may have %d digits",
		LENGTH_DIGITS_MAX);
	return HEAD_REFUSED;
}

static enum head_state take_field(struct scan *scan, const struct line *line)
{
	const char *colon = memchr(line->text, ':', line->len);
	const char *end = line->text + line->len;

	if (line->text[0] == ' ' || line->text[0] == '\t')
		return refuse(scan, "a header line is folded");
	if (!colon)
		return refuse(scan, "a header line has no colon");
	if (colon == line->text)
		return refuse(scan, "a header line has no name");
	if (++scan->fields > HTTP_HEADERS_MAX) {
		err_set(scan->err, ERR_HEADERS_TOO_LARGE, "more than %d header fields",
			HTTP_HEADERS_MAX);
		return HEAD_REFUSED;
	}
	scan->head->memory_bytes += ENTRY_BYTES;
	if (is_name(line, (size_t)(colon - line->text), "Content-Length"))
		return take_length(scan, colon + 1, end);
	/* Cookies are copied and listed, though nobody here asks for them. */
	if (is_name(line, (size_t)(colon - line->text), "Cookie"))
		scan->head->memory_bytes += line->len + ENTRY_BYTES +
					    (count(colon, (size_t)(end - colon), ';') +
					     count(colon, (size_t)(end - colon), ',')) *
						    ENTRY_BYTES;
	return HEAD_WHOLE;
}

static enum head_state check_size(struct scan *scan, size_t bytes, size_t uri_len)
{
	size_t needed = scan->head->memory_bytes + bytes + REPLY_BYTES;

	if (bytes - MIN(uri_len, bytes) > HTTP_HEADER_BYTES_MAX)
		err_set(scan->err, ERR_HEADERS_TOO_LARGE, "%zu bytes, %d are allowed",
			bytes - uri_len, HTTP_HEADER_BYTES_MAX);
	else if (needed > HTTP_CONNECTION_BYTES)
		err_set(scan->err, ERR_HEADERS_TOO_LARGE,
			"fields, parameters and cookies need %zu bytes of memory, %d are allowed",
			needed, HTTP_CONNECTION_BYTES);
	else
		return HEAD_WHOLE;
	return HEAD_REFUSED;
}

/* What has arrived is not all: may more of it come? */
static enum head_state go_on(struct scan *scan, size_t bytes)
{
	const struct head *head = scan->head;

	if (!head->uri && bytes > HTTP_URI_BYTES_MAX + METHOD_AND_VERSION_MAX) {
		err_set(scan->err, ERR_URI_TOO_LONG, "%d bytes are allowed", HTTP_URI_BYTES_MAX);
		return HEAD_REFUSED;
	}
	return check_size(scan, bytes, head->uri ? head->uri_len : bytes) == HEAD_REFUSED
		       ? HEAD_REFUSED
		       : HEAD_PARTIAL;
}

enum head_state head_read(const char *bytes, size_t len, struct head *ret_head, struct err *err)
{
	struct scan scan = {.at = bytes, .end = bytes + len, .head = ret_head, .err = err};
	struct line line = {0};
	enum head_state state;

	*ret_head = (struct head){0};
	while ((state = next_line(&scan, &line)) == HEAD_WHOLE) {
		if (line.len == 0 && ret_head->uri)
			break;
		if (line.len == 0)
			continue; /* RFC 9112, 2.2: empty lines before a request are skipped */
		state = ret_head->uri ? take_field(&scan, &line) : take_request_line(&scan, &line);
		if (state != HEAD_WHOLE)
			break;
	}
	if (state == HEAD_PARTIAL)
		return go_on(&scan, len);
	if (state == HEAD_REFUSED)
		return HEAD_REFUSED;
	state = check_size(&scan, (size_t)(scan.at - bytes), ret_head->uri_len);
	ret_head->memory_bytes += (size_t)(scan.at - bytes);
	return state;
}
