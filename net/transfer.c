/* SPDX-License-Identifier: MIT */
/* transfer.c - options, callbacks and reasons of one libcurl transfer.
 *
 * Called by fetch.c.  Options that never change are set once for a handle; those of
 * the request each time.  A callback that stops the transfer notes why in `abort`,
 * which then wins over libcurl's code.
 */
#include "net/transfer.h"

#include "base/clock.h"
#include "base/limits.h"
#include "net/guard.h"
#include "net/loop.h"
#include "net/retry.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum { RATIO_FREE_BYTES = 1 << 20, EXPECT_BYTES_MAX = 1 << 20 };

/* --- what arrives --- */

static int stop(struct transfer *transfer, enum err_code code, const char *why)
{
	if (transfer->abort.code == ERR_NONE)
		err_set(&transfer->abort, code, "%s", why);
	return -1;
}

/* "Name: value" as "name\0value\0"; a line without a colon is left out. */
static int head_add(struct transfer *transfer, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	const char *end = line + len;
	const char *value;
	char *at;

	if (!colon || memchr(line, '\0', len))
		return 0;
	value = colon + 1;
	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	while (end > value && isspace((unsigned char)end[-1]))
		end--;
	at = buf_room(&transfer->head, len + 2);
	if (!at)
		return stop(transfer, ERR_NO_MEMORY, "no memory for headers");
	for (const char *c = line; c < colon; c++)
		*at++ = (char)tolower((unsigned char)*c);
	*at++ = '\0';
	memcpy(at, value, (size_t)(end - value));
	at[end - value] = '\0';
	buf_grown(&transfer->head, (size_t)(colon - line) + 1 + (size_t)(end - value) + 1);
	return 0;
}

/* Two lengths: nobody knows where the body ends (RFC 9110, section 8.6). */
static bool lengths_differ(const struct buf *head)
{
	const char *first = head_find_nth(head->data, head->len, "content-length", 0);
	const char *last = head_find(head->data, head->len, "content-length");

	return first && strcmp(first, last) != 0;
}

/* The empty line; interim answers (1xx) end with one too. */
static int head_over(struct transfer *transfer)
{
	long status = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200)
		return 0;
	if (lengths_differ(&transfer->head))
		return stop(transfer, ERR_FETCH_PROTOCOL, "two values of Content-Length");
	transfer->head_whole = true;
	transfer->takes = transfer->plan.take && status < 300;
	if (transfer->takes) /* what comes behind a pause: see FETCH_HELD_BYTES_MAX */
		transfer->body.max = FETCH_HELD_BYTES_MAX;
	transfer->plan.head(transfer->plan.ctx, (int)status);
	return 0;
}

static size_t on_header(char *line, size_t size, size_t count, void *ctx)
{
	struct transfer *transfer = ctx;
	size_t len = size * count;

	transfer->head_bytes += len;
	if (++transfer->head_lines > FETCH_HEADERS_MAX ||
	    transfer->head_bytes > FETCH_HEADERS_BYTES_MAX) {
		stop(transfer, ERR_FETCH_TOO_LARGE, "header is too large");
		return 0;
	}
	if (len >= 5 && memcmp(line, "HTTP/", 5) == 0)
		buf_clear(&transfer->head); /* the answer after 100 Continue */
	else if (line[0] == '\r' || line[0] == '\n' ? head_over(transfer)
						    : head_add(transfer, line, len))
		return 0;
	return len;
}

static bool is_bomb(const struct transfer *transfer)
{
	curl_off_t wire_bytes = 0;

	if (transfer->decoded_bytes <= RATIO_FREE_BYTES)
		return false;
	curl_easy_getinfo(transfer->easy, CURLINFO_SIZE_DOWNLOAD_T, &wire_bytes);
	return transfer->decoded_bytes / FETCH_RATIO_MAX > (uint64_t)wire_bytes;
}

/* Room for what Content-Length promises, within reason: one allocation instead of ten.
 * When there is none, the append that follows says so. */
static void expect_length(struct transfer *transfer)
{
	curl_off_t length = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	if (length > 0 && length <= EXPECT_BYTES_MAX &&
	    (size_t)length <= transfer->plan.body_bytes_max)
		buf_room(&transfer->body, (size_t)length);
}

static void body_add(struct transfer *transfer, const char *bytes, size_t len)
{
	if (transfer->takes && !transfer->paused)
		transfer->paused = !transfer->plan.take(transfer->plan.ctx, bytes, len);
	else if (transfer->takes && transfer->body.len + len > FETCH_HELD_BYTES_MAX)
		stop(transfer, ERR_FETCH_BOMB, "one read decompresses to too much");
	else if (buf_add(&transfer->body, bytes, len))
		stop(transfer, ERR_NO_MEMORY, "no memory for the body");
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
	struct transfer *transfer = ctx;
	size_t len = size * count;

	if (transfer->decoded_bytes == 0 && !transfer->takes)
		expect_length(transfer);
	transfer->decoded_bytes += len;
	if (transfer->decoded_bytes > transfer->plan.body_bytes_max)
		stop(transfer, ERR_FETCH_TOO_LARGE, "body is too large");
	else if (is_bomb(transfer))
		stop(transfer, ERR_FETCH_BOMB, "body decompresses to over 100 times its size");
	else
		body_add(transfer, bytes, len);
	if (transfer->plan.news)
		transfer->plan.news(transfer->plan.ctx);
	return transfer->abort.code == ERR_NONE ? len : 0;
}

/* --- the guard --- */

static curl_socket_t on_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct transfer *transfer = ctx;

	(void)purpose;
	/* No reason to stop yet: another address of the name may be allowed. */
	if (guard_check(transfer->plan.guard, &address->addr, &transfer->denied))
		return CURL_SOCKET_BAD;
	return loop_open(transfer->plan.loop, address);
}

static bool address_read(const char *ip, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, ip, &v4->sin_addr) == 1)
		ret->ss_family = AF_INET;
	else if (inet_pton(AF_INET6, ip, &v6->sin6_addr) == 1)
		ret->ss_family = AF_INET6;
	return ret->ss_family != 0;
}

/* Before each request, on a connection that is new or used once more. */
static int on_connected(void *ctx, char *ip, char *own_ip, int port, int own_port)
{
	struct transfer *transfer = ctx;
	struct sockaddr_storage address;

	(void)own_ip;
	(void)own_port;
	if (!address_read(ip, &address)) {
		stop(transfer, ERR_FETCH_GUARD, "connected to no address of IP");
		return CURL_PREREQFUNC_ABORT;
	}
	((struct sockaddr_in *)&address)->sin_port = htons((uint16_t)port);
	if (guard_check(transfer->plan.guard, (struct sockaddr *)&address, &transfer->abort))
		return CURL_PREREQFUNC_ABORT;
	transfer->plan.reached(transfer->plan.ctx, ip,
			       guard_inside(transfer->plan.guard, (struct sockaddr *)&address));
	return CURL_PREREQFUNC_OK;
}

/* --- setting up --- */

static void set_constants(struct transfer *transfer)
{
	CURL *easy = transfer->easy;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	/* A directory of certificates beside the file keeps libcurl from remembering what it
	 * parsed of the file: 20 ms of the loop's time for each connection instead of 1. */
	if (curl_version_info(CURLVERSION_NOW)->cainfo)
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* none from the environment */
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);	     /* never waits for getaddrinfo */
	curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, ""); /* all that libcurl decodes */
	curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, loop_close);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
}

struct transfer *transfer_new(void)
{
	struct transfer *transfer = calloc(1, sizeof(*transfer));

	if (!transfer)
		return NULL;
	transfer->easy = curl_easy_init();
	if (!transfer->easy) {
		free(transfer);
		return NULL;
	}
	buf_init(&transfer->head, FETCH_HEADERS_BYTES_MAX);
	set_constants(transfer);
	return transfer;
}

void transfer_free(struct transfer *transfer)
{
	if (!transfer)
		return;
	curl_easy_cleanup(transfer->easy);
	buf_done(&transfer->body);
	buf_done(&transfer->head);
	free(transfer);
}

static CURLcode set_method(struct transfer *transfer, const struct transfer_plan *plan)
{
	CURL *easy = transfer->easy;
	bool head = strcmp(plan->method, "HEAD") == 0;
	bool plain = plan->body_len == 0 && strcmp(plan->method, "GET") == 0;
	CURLcode rc = CURLE_OK;

	if (transfer->used_body) {
		curl_easy_reset(easy);
		memset(&transfer->told, 0, sizeof(transfer->told));
		set_constants(transfer);
	}
	transfer->used_body = !plain;
	if (plain)
		return CURLE_OK;
	if (plan->body_len > 0) {
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)plan->body_len);
		rc = curl_easy_setopt(easy, CURLOPT_POSTFIELDS, plan->body);
	}
	curl_easy_setopt(easy, CURLOPT_NOBODY, (long)head);
	return rc ? rc : curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, plan->method);
}

/* HTTP/2 where TLS negotiates it, never in the clear: a server that speaks only HTTP/1.1
 * would answer the preface of prior knowledge with an error, and an Upgrade costs a round
 * trip.  By default HTTP/1.1: this libcurl can take an HTTP/2 body that was cut short, and
 * whose length nobody announced, for a whole one. */
static CURLcode set_protocol(struct transfer *transfer, const struct transfer_plan *plan)
{
	long version = plan->http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1;
	CURL *easy = transfer->easy;

	if (transfer->told.loop == plan->loop && transfer->told.user_agent == plan->user_agent &&
	    transfer->told.ca_file == plan->ca_file && transfer->told.insecure == plan->insecure &&
	    transfer->told.http2 == plan->http2)
		return CURLE_OK;
	transfer->told.loop = plan->loop;
	transfer->told.user_agent = plan->user_agent;
	transfer->told.ca_file = plan->ca_file;
	transfer->told.insecure = plan->insecure;
	transfer->told.http2 = plan->http2;
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, plan->loop);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, version);
	curl_easy_setopt(easy, CURLOPT_PIPEWAIT, (long)plan->http2);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, (long)!plan->insecure);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, plan->insecure ? 0L : 2L);
	if (plan->ca_file && curl_easy_setopt(easy, CURLOPT_CAINFO, plan->ca_file))
		return CURLE_OUT_OF_MEMORY;
	return curl_easy_setopt(easy, CURLOPT_USERAGENT, plan->user_agent);
}

int transfer_setup(struct transfer *transfer, const struct transfer_plan *plan)
{
	CURL *easy = transfer->easy;
	CURLcode rc = set_method(transfer, plan);

	if (rc == CURLE_OK)
		rc = set_protocol(transfer, plan);
	transfer->plan = *plan;
	buf_done(&transfer->body);
	buf_init(&transfer->body, plan->body_bytes_max);
	buf_clear(&transfer->head);
	transfer->head_bytes = 0;
	transfer->head_lines = 0;
	transfer->decoded_bytes = 0;
	transfer->started_us = clock_us();
	transfer->head_whole = transfer->takes = transfer->paused = false;
	transfer->abort.code = ERR_NONE;
	transfer->denied.code = ERR_NONE;
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, plan->headers);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)plan->connect_ms);
	curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)plan->body_bytes_max);
	return rc || curl_easy_setopt(easy, CURLOPT_URL, plan->url) ? -1 : 0;
}

/* --- stopping and going on --- */

void transfer_pause(struct transfer *transfer)
{
	curl_easy_pause(transfer->easy, CURLPAUSE_RECV); /* fails in callbacks only */
}

void transfer_resume(struct transfer *transfer, bool over)
{
	struct buf rest = transfer->body;

	transfer->paused = false;
	buf_init(&transfer->body, FETCH_HELD_BYTES_MAX);
	if (rest.len > 0)
		transfer->paused = !transfer->plan.take(transfer->plan.ctx, rest.data, rest.len);
	buf_done(&rest);
	if (!transfer->paused && !over)
		curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
}

void transfer_progress(const struct transfer *transfer, uint64_t *ret_wire, uint64_t *ret_expected)
{
	curl_off_t wire_bytes = 0, length = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_SIZE_DOWNLOAD_T, &wire_bytes);
	curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	*ret_wire = (uint64_t)wire_bytes;
	*ret_expected = (uint64_t)MAX(length, 0);
}

uint64_t transfer_bytes(const struct transfer *transfer)
{
	curl_off_t down = 0, up = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
	curl_easy_getinfo(transfer->easy, CURLINFO_SIZE_UPLOAD_T, &up);
	return transfer->head_bytes + (uint64_t)down + (uint64_t)up;
}

/* --- reading out --- */

static enum err_code code_reason(CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return ERR_NONE;
	case CURLE_COULDNT_RESOLVE_HOST:
		return ERR_FETCH_DNS;
	case CURLE_COULDNT_CONNECT:
		return ERR_FETCH_CONNECT;
	case CURLE_OPERATION_TIMEDOUT:
		return ERR_FETCH_TIMEOUT;
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_HTTP2_STREAM:
		return ERR_FETCH_RESET;
	case CURLE_PARTIAL_FILE:
		return ERR_FETCH_TRUNCATED;
	case CURLE_FILESIZE_EXCEEDED:
		return ERR_FETCH_TOO_LARGE;
	case CURLE_URL_MALFORMAT:
		return ERR_FETCH_URL;
	case CURLE_OUT_OF_MEMORY:
		return ERR_NO_MEMORY;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return ERR_FETCH_TLS;
	default:
		return ERR_FETCH_PROTOCOL;
	}
}

/* A timeout is told by how far the transfer had come. */
static enum err_code timeout_reason(CURL *easy, const struct transfer_end *end)
{
	curl_off_t name_us = 0;

	if (end->total_us / 1000 < RETRY_SILENT_MS || end->connect_us > 0 || !end->silent)
		return ERR_FETCH_TIMEOUT;
	curl_easy_getinfo(easy, CURLINFO_NAMELOOKUP_TIME_T, &name_us);
	return name_us > 0 ? ERR_FETCH_CONNECT : ERR_FETCH_DNS;
}

static void times_read(CURL *easy, struct transfer_end *end)
{
	curl_off_t connect_us = 0, tls_us = 0, first_us = 0;

	curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &connect_us);
	curl_easy_getinfo(easy, CURLINFO_APPCONNECT_TIME_T, &tls_us);
	curl_easy_getinfo(easy, CURLINFO_STARTTRANSFER_TIME_T, &first_us);
	end->connect_us = MAX(connect_us, tls_us);
	end->first_byte_us = first_us;
}

/* A head without an end, which libcurl takes for an answer, or a body shorter than
 * announced: libcurl's own check of that has a hole with HTTP/2. */
static bool is_short(const struct transfer *transfer, int status, curl_off_t body_bytes)
{
	curl_off_t length = -1;

	if (!transfer->head_whole)
		return true;
	if (status < 200 || status == 204 || status == 304 ||
	    strcmp(transfer->plan.method, "HEAD") == 0)
		return false;
	curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	return body_bytes < length;
}

void transfer_read(struct transfer *transfer, CURLcode code, struct transfer_end *ret_end)
{
	CURL *easy = transfer->easy;
	long status = 0, header_bytes = 0;
	curl_off_t body_bytes = 0;

	*ret_end = (struct transfer_end){0};
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(easy, CURLINFO_HEADER_SIZE, &header_bytes);
	curl_easy_getinfo(easy, CURLINFO_SIZE_DOWNLOAD_T, &body_bytes);
	times_read(easy, ret_end);
	ret_end->total_us = clock_us() - transfer->started_us;
	ret_end->status = (int)status;
	ret_end->wire_bytes = (uint64_t)header_bytes + (uint64_t)body_bytes;
	ret_end->silent = ret_end->wire_bytes == 0;
	if (code == CURLE_OK && is_short(transfer, ret_end->status, body_bytes))
		code = CURLE_PARTIAL_FILE;
	if (code == CURLE_OK)
		return;
	if (transfer->abort.code != ERR_NONE) {
		ret_end->err = transfer->abort;
		return;
	}
	if (code == CURLE_COULDNT_CONNECT && transfer->denied.code != ERR_NONE) {
		ret_end->err = transfer->denied;
		return;
	}
	err_set(&ret_end->err, code_reason(code), "%s", curl_easy_strerror(code));
	if (code == CURLE_OPERATION_TIMEDOUT)
		ret_end->err.code = timeout_reason(easy, ret_end);
	else if (code == CURLE_OUT_OF_MEMORY && transfer->decoded_bytes == 0)
		ret_end->err.code = ERR_FETCH_TOO_LARGE; /* one endless header line */
}

static const char *head_next(const char **at, const char *end, const char *name)
{
	while (*at < end) {
		const char *line = *at, *value = line + strlen(line) + 1;

		*at = value + strlen(value) + 1;
		if (strcasecmp(line, name) == 0)
			return value;
	}
	return NULL;
}

const char *head_find(const char *head, size_t head_len, const char *name)
{
	const char *end = head + head_len, *found = NULL, *value;

	while ((value = head_next(&head, end, name)))
		found = value;
	return found;
}

const char *head_find_nth(const char *head, size_t head_len, const char *name, unsigned nth)
{
	const char *end = head + head_len, *value;

	while ((value = head_next(&head, end, name)) && nth > 0)
		nth--;
	return value;
}
