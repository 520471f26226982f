/* SPDX-License-Identifier: MIT */
/* origin_raw.c - a table of answers, octet by octet.  Called by origin.c. */
#include "tests/lib/origin_raw.h"

#include "base/buf.h"

#include <assert.h>
#include <string.h>

enum { INTERIM_ANSWERS = 1000 };

#define OK "HTTP/1.1 200 OK\r\n"
#define RAW(name, text)                                                                            \
	{                                                                                          \
		name, text, sizeof(text) - 1                                                       \
	}

/* clang-format off */
static const struct {
	const char *name, *octets;
	size_t len;
} answers[] = {
	RAW("nothing", ""),
	RAW("ssh", "SSH-2.0-OpenSSH_9.2\r\n"),
	RAW("tls_alert", "\x15\x03\x01\x00\x02\x02\x28"),
	RAW("status_text", "HTTP/1.1 abc OK\r\n\r\nbody"),
	RAW("status_five_digits", "HTTP/1.1 20000 OK\r\nContent-Length: 0\r\n\r\n"),
	RAW("version_9", "HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n"),
	RAW("head_cut", OK "Content-Type: text/ht"),
	RAW("header_without_colon", OK "this is not a header\r\nContent-Length: 2\r\n\r\nab"),
	RAW("header_with_nul", OK "X-A: a\0b\r\nContent-Length: 2\r\n\r\nab"),
	RAW("header_folded", OK "X-A: a\r\n b\r\nContent-Length: 2\r\n\r\nab"),
	RAW("length_negative", OK "Content-Length: -5\r\n\r\nab"),
	RAW("length_huge", OK "Content-Length: 99999999999999999999999\r\n\r\nab"),
	RAW("length_text", OK "Content-Length: many\r\n\r\nab"),
	RAW("length_twice", OK "Content-Length: 5\r\nContent-Length: 2\r\n\r\nab"),
	RAW("chunk_text", OK "Transfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n"),
	RAW("chunk_huge", OK "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\nab"),
	RAW("chunk_cut", OK "Transfer-Encoding: chunked\r\n\r\n5\r\nab"),
	RAW("chunk_without_end", OK "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"),
	RAW("gzip_that_is_none", OK "Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"),
	RAW("gzip_cut", OK "Content-Encoding: gzip\r\nContent-Length: 12\r\n\r\n"
			"\x1f\x8b\x08\0\0\0\0\0\0\0\x4b\x4c"),
	RAW("encoding_unknown", OK "Content-Encoding: rot13\r\nContent-Length: 5\r\n\r\nuryyb"),
	RAW("encodings_many", OK "Content-Encoding: gzip, gzip, gzip, gzip, gzip, gzip, gzip, gzip\r\n"
			      "Content-Length: 5\r\n\r\nhello"),
	RAW("upgrade", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"),
	RAW("location_bad", "HTTP/1.1 302 Found\r\nLocation: http://[::bad/\r\nContent-Length: 0\r\n\r\n"),
	RAW("location_gopher", "HTTP/1.1 302 Found\r\nLocation: gopher://h/\r\nContent-Length: 0\r\n\r\n"),
	RAW("location_inner", "HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\nContent-Length: 0\r\n\r\n"),
	RAW("charset_bad", OK "Content-Type: text/html; charset=\"no\xffne\r\nContent-Length: 3\r\n\r\na\xff\xfe"),
};
/* clang-format on */

void origin_raw(const char *name, struct buf *out)
{
	size_t len = strcspn(name, "&");

	if (len == 8 && strncmp(name, "interims", len) == 0) {
		for (int i = 0; i < INTERIM_ANSWERS; i++)
			buf_add_text(out, "HTTP/1.1 100 Continue\r\n\r\n");
		return;
	}
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		if (strlen(answers[i].name) == len && strncmp(answers[i].name, name, len) == 0) {
			buf_add(out, answers[i].octets, answers[i].len);
			return;
		}
	}
	assert(!"an answer of the table");
}
