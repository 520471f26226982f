/* SPDX-License-Identifier: MIT */
/* gate.c - the header block, read a second time.
 *
 * libmicrohttpd (0.9.75) cuts the block up where it stands: it puts a NUL for the
 * blank after the method, the blank before the version, each colon, and for each
 * byte of a line end, and hands out pointers into it.  So a well-formed block looks
 * like this, with \0 for NUL, and has not one byte more:
 *
 *    METHOD\0URI\0VERSION\0\0 NAME\0 VALUE\0\0 NAME\0 VALUE\0\0\0\0
 *
 * A bare line feed leaves one NUL where two should be, a NUL in a value makes it end
 * early, a folded line is copied elsewhere, a second blank shifts what follows: in
 * each case the next pointer is not where it should be, and the request is refused.
 * Two forms may leave no trace: NULs among line ends, where the library's own will stand,
 * and a line of just a colon, which it cuts and takes for the empty line.  The first head
 * of a connection is read before the library has it (head.c) and can have neither; a later
 * one is taken for well-formed.  No proxy may pass such bytes on (RFC 9110, section 5.5).
 * Should another version of the library lay the block out differently, everything is
 * refused, which no test can overlook.
 */
#include "service/http/gate.h"

#include "base/limits.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <string.h>
#include <strings.h>

static const char *const methods[METHODS] = {
	[METHOD_GET] = "GET",	      [METHOD_HEAD] = "HEAD",	[METHOD_POST] = "POST",
	[METHOD_PUT] = "PUT",	      [METHOD_PATCH] = "PATCH", [METHOD_DELETE] = "DELETE",
	[METHOD_OPTIONS] = "OPTIONS",
};

const char *method_name(enum method method)
{
	return methods[method];
}

struct reading {
	struct gate *gate;
	const char *at; /* where the next field line must begin */
	unsigned count;
	bool http_1_0;
	struct err *err;
	bool failed;
};

static enum MHD_Result refuse(struct reading *reading, const char *detail)
{
	err_set(reading->err, ERR_BAD_REQUEST, "%s", detail);
	reading->failed = true;
	return MHD_NO;
}

/* RFC 9110, section 5.6.2: tchar. */
static bool is_token(const char *text, size_t len)
{
	static const bool tchar[256] = {
		['!'] = 1,	   ['#'] = 1,	      ['$'] = 1,	 ['%'] = 1, ['&'] = 1,
		['\''] = 1,	   ['*'] = 1,	      ['+'] = 1,	 ['-'] = 1, ['.'] = 1,
		['^'] = 1,	   ['_'] = 1,	      ['`'] = 1,	 ['|'] = 1, ['~'] = 1,
		['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1,
	};

	for (size_t i = 0; i < len; i++)
		if (!tchar[(unsigned char)text[i]])
			return false;
	return len > 0;
}

/* RFC 9110, section 5.5: no controls but the tab. */
static bool is_value(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)text[i] < ' ' && text[i] != '\t') || text[i] == 0x7F)
			return false;
	return true;
}

static size_t trimmed(const char *value, size_t len)
{
	while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
		len--;
	return len;
}

static enum MHD_Result take_length(struct reading *reading, const char *value, size_t len)
{
	struct gate *gate = reading->gate;

	if (gate->has_length)
		return refuse(reading, "Content-Length stands there twice");
	gate->has_length = true;
	if (len == 0 || len > 18)
		return refuse(reading, "Content-Length must be 1 to 18 digits");
	for (size_t i = 0; i < len; i++) {
		if (value[i] < '0' || value[i] > '9')
			return refuse(reading, "Content-Length must be digits only");
		gate->length = gate->length * 10 + (uint64_t)(value[i] - '0');
	}
	return MHD_YES;
}

static enum MHD_Result take_coding(struct reading *reading, const char *value, size_t len)
{
	if (reading->gate->chunked)
		return refuse(reading, "Transfer-Encoding stands there twice");
	if (reading->http_1_0)
		return refuse(reading, "HTTP/1.0 has no Transfer-Encoding");
	if (len != 7 || strcasecmp(value, "chunked") != 0)
		return refuse(reading, "the only Transfer-Encoding known here is chunked");
	reading->gate->chunked = true;
	return MHD_YES;
}

/* A field that may stand there once: two of them are one too many for whoever takes
 * the first and for whoever takes the last. */
static enum MHD_Result take_once(struct reading *reading, const char **into, const char *value,
				 const char *detail)
{
	if (*into)
		return refuse(reading, detail);
	*into = value;
	return MHD_YES;
}

static enum MHD_Result take_field(struct reading *reading, const char *name, size_t name_len,
				  const char *value, size_t len)
{
	struct gate *gate = reading->gate;

	switch (name_len) {
	case 4:
		if (strcasecmp(name, "Host") == 0)
			return take_once(reading, &gate->host, value, "Host stands there twice");
		break;
	case 6:
		if (strcasecmp(name, "Origin") == 0)
			return take_once(reading, &gate->origin, value,
					 "Origin stands there twice");
		if (strcasecmp(name, "Expect") == 0)
			gate->expect = value;
		break;
	case 11:
		if (strcasecmp(name, "traceparent") == 0)
			gate->traceparent = value;
		break;
	case 12:
		if (strcasecmp(name, "X-Request-Id") == 0)
			gate->request_id = value;
		break;
	case 13:
		if (strcasecmp(name, "Authorization") == 0)
			return take_once(reading, &gate->authorization, value,
					 "Authorization stands there twice");
		break;
	case 14:
		if (strcasecmp(name, "Content-Length") == 0)
			return take_length(reading, value, len);
		if (strcasecmp(name, "Sec-Fetch-Site") == 0)
			gate->fetch_site = value;
		break;
	case 17:
		if (strcasecmp(name, "Transfer-Encoding") == 0)
			return take_coding(reading, value, len);
		break;
	default:
		break;
	}
	return MHD_YES;
}

static enum MHD_Result on_field(void *cls, enum MHD_ValueKind kind, const char *name,
				size_t name_len, const char *value, size_t len)
{
	struct reading *reading = cls;
	const char *at = name + name_len + 1;

	(void)kind;
	if (++reading->count > HTTP_HEADERS_MAX) {
		err_set(reading->err, ERR_HEADERS_TOO_LARGE, "more than %d header fields",
			HTTP_HEADERS_MAX);
		reading->failed = true;
		return MHD_NO;
	}
	if (name != reading->at)
		return refuse(reading, "a header line is folded, holds a NUL or ends in a bare "
				       "line feed");
	if (!is_token(name, name_len))
		return refuse(reading, "a header name holds a blank or another character that "
				       "names may not have");
	while (at < value && (*at == ' ' || *at == '\t'))
		at++;
	if (!value || at != value || !is_value(value, len))
		return refuse(reading, "a header value holds a control character");
	if (value[len] != '\0' || value[len + 1] != '\0')
		return refuse(reading, "a header line does not end in CR and LF");
	reading->at = value + len + 2;
	/* The block is the connection's own memory, writable, though handed out as const. */
	len = trimmed(value, len);
	((char *)value)[len] = '\0';
	return take_field(reading, name, name_len, value, len);
}

static int check_request_line(const char *method, const char *uri, size_t uri_len,
			      const char *version, enum method *ret_method, struct err *err)
{
	size_t method_len = strlen(method);
	unsigned m = 0;

	while (m < METHODS && strcmp(methods[m], method) != 0)
		m++;
	if (m == METHODS)
		return err_set(err, ERR_BAD_REQUEST,
			       "unknown method; GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS "
			       "are known");
	*ret_method = (enum method)m;
	if (uri != method + method_len + 1 || version != uri + uri_len + 1)
		return err_set(err, ERR_BAD_REQUEST,
			       "the request line holds a NUL or more than two blanks");
	if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0)
		return err_set(err, ERR_BAD_REQUEST, "the version must be HTTP/1.1 or HTTP/1.0");
	return 0;
}

static int check_sums(const struct gate *gate, size_t block_bytes, size_t uri_len, struct err *err)
{
	if (uri_len > HTTP_URI_BYTES_MAX)
		return err_set(err, ERR_URI_TOO_LONG, "%zu bytes, %d are allowed", uri_len,
			       HTTP_URI_BYTES_MAX);
	if (block_bytes - uri_len > HTTP_HEADER_BYTES_MAX)
		return err_set(err, ERR_HEADERS_TOO_LARGE, "%zu bytes, %d are allowed",
			       block_bytes - uri_len, HTTP_HEADER_BYTES_MAX);
	if (!gate->host)
		return err_set(err, ERR_BAD_REQUEST, "Host is missing");
	if (gate->chunked && gate->has_length)
		return err_set(err, ERR_BAD_REQUEST,
			       "Content-Length and Transfer-Encoding exclude each other");
	if (gate->expect && strcasecmp(gate->expect, "100-continue") != 0)
		return err_set(err, ERR_EXPECTATION_FAILED, "only 100-continue can be expected");
	return 0;
}

int gate_read(struct MHD_Connection *mhd, const char *method, const char *uri, size_t uri_len,
	      const char *version, struct gate *ret_gate, enum method *ret_method, struct err *err)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	struct reading reading = {.gate = ret_gate, .err = err};

	*ret_gate = (struct gate){0};
	if (!info || check_request_line(method, uri, uri_len, version, ret_method, err))
		return info ? -1 : err_set(err, ERR_BAD_REQUEST, "no header block");
	reading.http_1_0 = version[7] == '0';
	reading.at = version + strlen(version) + 2;
	MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, on_field, &reading);
	if (reading.failed)
		return -1;
	/* The empty line: CR and LF, and the block ends. */
	if (reading.at + 2 != method + info->header_size || reading.at[0] || reading.at[1])
		return err_set(err, ERR_BAD_REQUEST,
			       "a header line is folded, holds a NUL or ends in a bare line feed");
	return check_sums(ret_gate, info->header_size, uri_len, err);
}

/* The length of the name in "name", "name:port", "[v6]", "[v6]:port"; 0: malformed. */
static size_t host_name_len(const char *host)
{
	const char *end = host[0] == '[' ? strchr(host, ']') : host + strcspn(host, ":");
	size_t port;

	if (!end || end == host)
		return 0;
	if (*end == ']')
		end++;
	port = *end == ':' ? strspn(end + 1, "0123456789") + 1 : 0;
	return end[port] == '\0' && port <= 6 ? (size_t)(end - host) : 0;
}

static bool is_address(const char *name, size_t len)
{
	char text[INET6_ADDRSTRLEN + 1];
	unsigned char address[16];
	bool v6 = name[0] == '[';

	if (v6) {
		name++;
		len -= 2;
	}
	if (len >= sizeof(text))
		return false;
	memcpy(text, name, len);
	text[len] = '\0';
	return inet_pton(v6 ? AF_INET6 : AF_INET, text, address) == 1;
}

int gate_host(const char *host, const char *const *hosts, bool any_address, struct err *err)
{
	size_t len = host_name_len(host);

	if (len == 0)
		return err_set(err, ERR_BAD_REQUEST, "Host is not a name with an optional port");
	for (; *hosts; hosts++)
		if (strlen(*hosts) == len && strncasecmp(*hosts, host, len) == 0)
			return 0;
	if (any_address && is_address(host, len))
		return 0;
	return err_set(err, ERR_HOST_NOT_ALLOWED, "Host '%s' is not served", host);
}

int gate_origin(const struct gate *gate, struct err *err)
{
	const char *authority;

	if (gate->fetch_site && strcasecmp(gate->fetch_site, "cross-site") == 0)
		return err_set(err, ERR_CROSS_ORIGIN, "Sec-Fetch-Site is cross-site");
	if (!gate->origin)
		return 0;
	authority = strstr(gate->origin, "://");
	if (authority && strcasecmp(authority + 3, gate->host) == 0)
		return 0;
	return err_set(err, ERR_CROSS_ORIGIN, "Origin '%s' is not Host '%s'", gate->origin,
		       gate->host);
}
