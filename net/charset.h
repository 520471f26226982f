/* SPDX-License-Identifier: MIT */
/* charset.h - which encoding a body is in, and its text in UTF-8.
 *
 * The order is ours and nearly the standard's: a byte order mark, the charset of the
 * Content-Type header, what the text declares about itself where its kind does so (HTML's
 * <meta>), bytes that are valid UTF-8, and else windows-1252.  Names are those of the WHATWG
 * Encoding standard ("latin1" is windows-1252, "gb2312" is GBK).
 *
 * Threads    every function from any thread.
 *            An encoder belongs to one thread at a time.
 * Ownership  names are static; charset_decode() borrows or fills the caller's buf.
 * Errors     ERR_LIMIT when the text would pass the buf's limit, ERR_NO_MEMORY.
 * Units      bytes.
 */
#ifndef NET_CHARSET_H
#define NET_CHARSET_H

#include "base/err.h"

#include <stddef.h>

struct buf;

enum charset_source {
	CHARSET_FROM_BOM,
	CHARSET_FROM_HEADER,
	CHARSET_FROM_META,    /* or another declaration in the text */
	CHARSET_FROM_UTF8,    /* nothing said so, but the bytes are valid UTF-8 */
	CHARSET_FROM_DEFAULT, /* windows-1252 */
};

/* The standard's name for a label ("Latin1" → "windows-1252"), case and surrounding
 * whitespace ignored; NULL when it is none. */
const char *charset_by_label(const char *label, size_t len);

/* "charset" = value in a text: of a Content-Type, or of a <meta>'s content (WHATWG HTML,
 * "extracting a character encoding from a meta element"); NULL: there is none. */
const char *charset_in(const char *text, size_t len);

/* Reads a declaration in the text itself; NULL: there is none. */
typedef const char *charset_declared_fn(const char *bytes, size_t len);

/* The encoding of a body.  content_type is the header's whole value
 * ("text/html; charset=utf-8") or NULL; declared and ret_source may be NULL. */
const char *charset_detect(const char *bytes, size_t len, const char *content_type,
			   charset_declared_fn *declared, enum charset_source *ret_source);

/* The text in UTF-8 without a byte order mark.  One that is valid UTF-8 already is
 * not copied: *ret_text points into `bytes`; else into `buf`, which must be empty.
 * Bytes that mean nothing become U+FFFD.  charset: a name from the two above. */
int charset_decode(const char *charset, const char *bytes, size_t len, struct buf *buf,
		   const char **ret_text, size_t *ret_len, struct err *err);

/* The other way, code point by code point (Encoding standard, 4.3 and "encode or fail").  NULL:
 * no memory, or what is written out in UTF-8 (UTF-8, UTF-16, replacement). */
struct charset_encoder;
enum { CHARSET_CODE_BYTES_MAX = 16 };
struct charset_encoder *charset_encoder_new(const char *charset);
void charset_encoder_free(struct charset_encoder *encoder); /* NULL is fine */
/* One code point in UTF-8: its bytes, or -1: the encoding lacks it. */
int charset_encode(struct charset_encoder *encoder, const char *code, size_t len,
		   char into[CHARSET_CODE_BYTES_MAX]);
/* The bytes that lead back to ASCII. */
int charset_encode_end(struct charset_encoder *encoder, char into[CHARSET_CODE_BYTES_MAX]);

/* How many of the bytes are valid UTF-8, from the start. */
size_t charset_utf8_valid(const char *bytes, size_t len);

#endif
