/* SPDX-License-Identifier: MIT */
/* fuzz_charset.c - whatever the bytes and the label, the text is valid UTF-8, and as the query of
 * a link in such a page it becomes ASCII.  The first byte chooses a label; 0: as detected. */
#include "base/arena.h"
#include "base/buf.h"
#include "handlers/html/meta.h"
#include "net/charset.h"
#include "net/url.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const labels[] = {"utf-8",	  "latin1",	"gbk",	  "big5",
				     "shift_jis", "euc-jp",	"euc-kr", "iso-2022-jp",
				     "utf-16le",  "utf-16be",	"koi8-r", "windows-1255",
				     "gb18030",	  "hz-gb-2312", "ibm866", "x-user-defined"};

static void query_try(const char *charset, const char *text, size_t len)
{
	struct arena arena = ARENA(16 << 20);
	struct buf link = BUF(1 << 20);
	const char *encoded;
	size_t encoded_len;

	buf_add_byte(&link, '?');
	buf_add(&link, text, len);
	encoded = buf_ok(&link) ? url_query_in(charset, link.data, link.len, &arena, &encoded_len)
				: NULL;
	if (encoded && encoded != link.data)
		for (size_t i = 0; i < encoded_len && encoded[i] != '#'; i++)
			assert((unsigned char)encoded[i] < 0x80);
	buf_done(&link);
	arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf buf = BUF(1 << 20);
	const char *bytes = (const char *)data + 1;
	const char *charset, *text;
	size_t len;
	struct err err;

	if (size < 1)
		return 0;
	charset = charset_detect(bytes, size - 1, NULL, meta_charset, NULL);
	if (data[0]) {
		const char *label = labels[data[0] % 16];

		charset = charset_by_label(label, strlen(label));
	}
	assert(charset);
	charset_by_label(bytes, size - 1);
	if (charset_decode(charset, bytes, size - 1, &buf, &text, &len, &err) == 0)
		assert(charset_utf8_valid(text, len) == len);
	else
		assert(err.code == ERR_LIMIT);
	if (buf_ok(&buf))
		query_try(charset, text, len);
	buf_done(&buf);
	return 0;
}
