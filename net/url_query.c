/* SPDX-License-Identifier: MIT */
/* url_query.c - queries of links in documents that are not in UTF-8.
 *
 * "Percent-encode after encoding" of the URL Standard (section 1.3): each code point in the
 * document's encoding, those that it lacks as &#N;, and then as in any query.
 */
#include "net/url.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "net/charset.h"
#include "net/url_encode.h"

#include <string.h>

/* Where the first octet that is not ASCII stands in the query; len: nowhere. */
static size_t query_foreign(const char *text, size_t len)
{
	size_t at = 0;

	while (at < len && text[at] != '?' && text[at] != '#')
		at++;
	while (at < len && text[at] != '#' && (unsigned char)text[at] < 0x80)
		at++;
	return at < len && text[at] != '#' ? at : len;
}

static uint32_t code_point(const char *code, size_t len)
{
	uint32_t point = (unsigned char)code[0] & (0xFFu >> (len + 1));

	for (size_t i = 1; i < len; i++)
		point = point << 6 | ((unsigned char)code[i] & 0x3F);
	return point;
}

static void code_add(struct charset_encoder *encoder, const char *code, size_t len, struct buf *out)
{
	char bytes[CHARSET_CODE_BYTES_MAX];
	int n = charset_encode(encoder, code, len, bytes);

	if (n >= 0) {
		url_encode(out, bytes, (size_t)n, URL_SET_SPECIAL_QUERY);
		return;
	}
	n = charset_encode_end(encoder, bytes);
	url_encode(out, bytes, (size_t)n, URL_SET_SPECIAL_QUERY);
	buf_printf(out, "%%26%%23%u%%3B", (unsigned)code_point(code, len));
}

/* From the first foreign octet on. */
static void query_encode(struct charset_encoder *encoder, const char *text, size_t len,
			 struct buf *out)
{
	const char *at = text, *end = text + len;
	char bytes[CHARSET_CODE_BYTES_MAX];

	while (at < end && *at != '#') {
		size_t span = utf8_span(at, end);

		if (span > 1) {
			code_add(encoder, at, span, out);
		} else {
			int n = charset_encode_end(encoder, bytes);

			url_encode(out, bytes, (size_t)n, URL_SET_SPECIAL_QUERY);
			buf_add_byte(out, *at);
		}
		at += span > 1 ? span : 1;
	}
	url_encode(out, bytes, (size_t)charset_encode_end(encoder, bytes), URL_SET_SPECIAL_QUERY);
	buf_add(out, at, (size_t)(end - at));
}

const char *url_query_in(const char *charset, const char *text, size_t len, struct arena *arena,
			 size_t *ret_len)
{
	size_t foreign = query_foreign(text, len);
	struct buf out = BUF(URL_TEXT_BYTES_MAX);
	struct charset_encoder *encoder;
	const char *encoded = NULL;

	*ret_len = len;
	if (foreign == len || !charset || strcmp(charset, "UTF-8") == 0)
		return text;
	encoder = charset_encoder_new(charset);
	if (!encoder)
		return text;
	buf_add(&out, text, foreign);
	query_encode(encoder, text + foreign, len - foreign, &out);
	charset_encoder_free(encoder);
	*ret_len = out.len;
	if (buf_ok(&out))
		encoded = arena_copy(arena, out.data, out.len);
	buf_done(&out);
	return encoded;
}
