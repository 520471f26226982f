/* SPDX-License-Identifier: MIT */
/* fuzz_gate.c - what the gate lets pass is what a strict reader sees in the same bytes.
 *
 * The bytes go through libmicrohttpd itself, over a pair of sockets; then the reader below,
 * which knows nothing of how the library cuts up its memory, must agree about the framing. */
#include "service/http/inside.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 16 * 1024 };

static struct {
	struct request *request;
	bool passed;
	struct gate gate;
	char host[INPUT_MAX]; /* the gate borrows */
} seen;

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* ---- the strict reader: RFC 9112, sections 3, 5 and 6 ---- */

struct strict {
	const char *host;
	size_t host_len;
	unsigned hosts, lengths, codings;
	uint64_t length;
	bool chunked;
};

static bool is_named(const char *line, const char *colon, const char *name)
{
	return (size_t)(colon - line) == strlen(name) &&
	       strncasecmp(line, name, (size_t)(colon - line)) == 0;
}

static bool strict_field(struct strict *strict, const char *line, const char *end)
{
	const char *colon = memchr(line, ':', (size_t)(end - line));
	const char *value = colon + 1;

	if (!colon || colon == line)
		return false;
	for (const char *at = line; at < colon; at++)
		if (*at <= ' ' || *at >= 0x7F || strchr("\"(),/:;<=>?@[\\]{}", *at))
			return false;
	for (const char *at = value; at < end; at++)
		if (((unsigned char)*at < ' ' && *at != '\t') || *at == 0x7F)
			return false;
	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	if (is_named(line, colon, "Host")) {
		strict->hosts++;
		strict->host = value;
		strict->host_len = (size_t)(end - value);
	} else if (is_named(line, colon, "Content-Length")) {
		strict->lengths++;
		for (; value < end; value++) {
			if (*value < '0' || *value > '9')
				return false;
			strict->length = strict->length * 10 + (uint64_t)(*value - '0');
		}
	} else if (is_named(line, colon, "Transfer-Encoding")) {
		strict->codings++;
		strict->chunked = end - value == 7 && strncasecmp(value, "chunked", 7) == 0;
		return strict->chunked;
	}
	return true;
}

/* From the first byte that is not part of an empty line. */
static bool strict_read(const char *text, const char *end, struct strict *strict)
{
	bool first = true;

	while (text < end && (*text == '\r' || *text == '\n'))
		text++;
	for (;;) {
		const char *lf = memchr(text, '\n', (size_t)(end - text));
		const char *cr = lf - 1;

		if (!lf || lf == text || *cr != '\r' || memchr(text, '\r', (size_t)(cr - text)))
			return false;
		if (cr == text)
			return !first;
		if (!first && !strict_field(strict, text, cr))
			return false;
		first = false;
		text = cr + 2;
	}
}

/* ---- libmicrohttpd, driven by hand ---- */

static void *on_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
	(void)cls;
	(void)mhd;
	seen.request = request_new(NULL, NULL, uri);
	return &seen;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *uri,
				  const char *method, const char *version, const char *bytes,
				  size_t *len, void **context)
{
	enum method known;
	struct err err;

	(void)cls;
	(void)bytes;
	(void)len;
	(void)context;
	/* Blanks in the URI are found by whoever cuts it. */
	seen.passed = seen.request &&
		      gate_read(mhd, method, uri, seen.request->uri_len, version, &seen.gate,
				&known, &err) == 0 &&
		      request_parse_uri(seen.request, &err) == 0;
	if (seen.passed)
		strncpy(seen.host, seen.gate.host, sizeof(seen.host) - 1);
	return MHD_NO;
}

static size_t unescape_nothing(void *cls, struct MHD_Connection *mhd, char *text)
{
	(void)cls;
	(void)mhd;
	return strlen(text);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context,
			  enum MHD_ConnectionNotificationCode what)
{
	(void)mhd;
	(void)context;
	*(bool *)cls = what == MHD_CONNECTION_NOTIFY_CLOSED;
}

static void drive(const uint8_t *data, size_t size)
{
	static const struct sockaddr_in nobody = {.sin_family = AF_INET};
	static struct MHD_Daemon *daemon;
	static bool closed;
	int pair[2];

	if (!daemon)
		daemon = MHD_start_daemon(
			MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0,
			NULL, NULL, on_request, NULL, MHD_OPTION_URI_LOG_CALLBACK, on_uri, NULL,
			MHD_OPTION_UNESCAPE_CALLBACK, unescape_nothing, NULL,
			MHD_OPTION_NOTIFY_CONNECTION, on_connection, &closed, MHD_OPTION_END);
	must(daemon && socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
	must(size == 0 || send(pair[0], data, size, 0) == (ssize_t)size);
	closed = false;
	must(MHD_add_connection(daemon, pair[1], (const struct sockaddr *)&nobody,
				sizeof(nobody)) == MHD_YES);
	for (int i = 0; i < 3; i++)
		MHD_run(daemon);
	/* Its end is an event of its own, for the heads that were not whole. */
	close(pair[0]);
	for (int i = 0; i < 100 && !closed; i++)
		MHD_run(daemon);
	must(closed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct strict strict = {0};

	if (size > INPUT_MAX)
		return 0;
	memset(&seen, 0, sizeof(seen));
	drive(data, size);
	if (seen.request)
		request_unref(seen.request);
	/* NULs and lines that begin with a colon may leave no trace; see gate.c. */
	if (!seen.passed || memchr(text, '\0', size) || memmem(text, size, "\n:", 2))
		return 0;
	must(strict_read(text, text + size, &strict));
	must(strict.hosts == 1 && strict.lengths <= 1 && strict.codings <= 1);
	must(!strict.lengths || !strict.codings);
	must(seen.gate.chunked == strict.chunked);
	must(seen.gate.has_length == (strict.lengths == 1) && seen.gate.length == strict.length);
	must(strlen(seen.host) == strict.host_len &&
	     memcmp(seen.host, strict.host, strict.host_len) == 0);
	return 0;
}
