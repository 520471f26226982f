/* SPDX-License-Identifier: MIT */
/* charset.c - finding out the encoding, and iconv.
 *
 * iconv decodes as glibc does, with two repairs: windows-1252 and its like leave no hole
 * (the standard maps the five undefined bytes to C1 controls), and every byte that means
 * nothing is one U+FFFD.
 */
#include "net/charset.h"

#include "base/buf.h"
#include "base/compiler.h"

#include <errno.h>
#include <iconv.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	LABEL_BYTES_MAX = 24,
	CHUNK_BYTES = 16 * 1024,
	CODE_BYTES_MAX = 16 /* what iconv may want to write at once */
};

static const char replacement[] = "\xEF\xBF\xBD";

/* The labels of the WHATWG Encoding standard, section 4.2, by encoding; "iconv" is
 * glibc's name where it differs. */
static const struct encoding {
	const char *name, *iconv, *labels;
} encodings[] = {
	{"UTF-8", NULL,
	 " unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8 "},
	{"IBM866", NULL, " 866 cp866 csibm866 ibm866 "},
	{"ISO-8859-2", NULL,
	 " csisolatin2 iso-8859-2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 "
	 "latin2 "},
	{"ISO-8859-3", NULL,
	 " csisolatin3 iso-8859-3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 "
	 "latin3 "},
	{"ISO-8859-4", NULL,
	 " csisolatin4 iso-8859-4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 "
	 "latin4 "},
	{"ISO-8859-5", NULL,
	 " csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso8859-5 iso88595 iso_8859-5 "
	 "iso_8859-5:1988 "},
	{"ISO-8859-6", NULL,
	 " arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6 "
	 "iso-8859-6-e "
	 "iso-8859-6-i iso-ir-127 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987 "},
	{"ISO-8859-7", NULL,
	 " csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso-ir-126 iso8859-7 iso88597 "
	 "iso_8859-7 iso_8859-7:1987 sun_eu_greek "},
	{"ISO-8859-8", NULL,
	 " csiso88598e csisolatinhebrew hebrew iso-8859-8 iso-8859-8-e iso-ir-138 iso8859-8 "
	 "iso88598 "
	 "iso_8859-8 iso_8859-8:1988 visual "},
	{"ISO-8859-8-I", "ISO-8859-8", " csiso88598i iso-8859-8-i logical "},
	{"ISO-8859-10", NULL,
	 " csisolatin6 iso-8859-10 iso-ir-157 iso8859-10 iso885910 l6 latin6 "},
	{"ISO-8859-13", NULL, " iso-8859-13 iso8859-13 iso885913 "},
	{"ISO-8859-14", NULL, " iso-8859-14 iso8859-14 iso885914 "},
	{"ISO-8859-15", NULL, " csisolatin9 iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9 "},
	{"ISO-8859-16", NULL, " iso-8859-16 "},
	{"KOI8-R", NULL, " cskoi8r koi koi8 koi8-r koi8_r "},
	{"KOI8-U", NULL, " koi8-ru koi8-u "},
	{"macintosh", "MACINTOSH", " csmacintosh mac macintosh x-mac-roman "},
	{"windows-874", "CP874", " dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 windows-874 "},
	{"windows-1250", "CP1250", " cp1250 windows-1250 x-cp1250 "},
	{"windows-1251", "CP1251", " cp1251 windows-1251 x-cp1251 "},
	{"windows-1252", "CP1252",
	 " ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 "
	 "iso88591 iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii windows-1252 x-cp1252 "},
	{"windows-1253", "CP1253", " cp1253 windows-1253 x-cp1253 "},
	{"windows-1254", "CP1254",
	 " cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 "
	 "l5 "
	 "latin5 windows-1254 x-cp1254 "},
	{"windows-1255", "CP1255", " cp1255 windows-1255 x-cp1255 "},
	{"windows-1256", "CP1256", " cp1256 windows-1256 x-cp1256 "},
	{"windows-1257", "CP1257", " cp1257 windows-1257 x-cp1257 "},
	{"windows-1258", "CP1258", " cp1258 windows-1258 x-cp1258 "},
	{"x-mac-cyrillic", "MAC-CYRILLIC", " x-mac-cyrillic x-mac-ukrainian "},
	{"GBK", "GB18030",
	 " chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk "},
	{"gb18030", "GB18030", " gb18030 "},
	{"Big5", "BIG5-HKSCS", " big5 big5-hkscs cn-big5 csbig5 x-x-big5 "},
	{"EUC-JP", "EUC-JP-MS", " cseucpkdfmtjapanese euc-jp x-euc-jp "},
	{"ISO-2022-JP", NULL, " csiso2022jp iso-2022-jp "},
	{"Shift_JIS", "CP932",
	 " csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis "},
	{"EUC-KR", "CP949",
	 " cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 "
	 "ksc_5601 windows-949 "},
	{"UTF-16BE", NULL, " unicodefffe utf-16be "},
	{"UTF-16LE", NULL, " csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le "},
	/* encodings that the standard reads as nothing at all, for safety */
	{"replacement", NULL,
	 " csiso2022kr hz-gb-2312 iso-2022-cn iso-2022-cn-ext iso-2022-kr "
	 "replacement "},
	{"x-user-defined", "CP1252", " x-user-defined "},
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

static const struct encoding *encoding_by_label(const char *label, size_t len)
{
	char padded[LABEL_BYTES_MAX + 3];

	while (len && is_space(*label)) {
		label++;
		len--;
	}
	while (len && is_space(label[len - 1]))
		len--;
	if (len == 0 || len > LABEL_BYTES_MAX)
		return NULL;
	padded[0] = padded[len + 1] = ' ';
	padded[len + 2] = '\0';
	for (size_t i = 0; i < len; i++) {
		if (is_space(label[i]) || label[i] == '\0')
			return NULL;
		padded[i + 1] =
			label[i] >= 'A' && label[i] <= 'Z' ? (char)(label[i] | 32) : label[i];
	}
	for (size_t i = 0; i < ARRAY_LEN(encodings); i++)
		if (strstr(encodings[i].labels, padded))
			return &encodings[i];
	return NULL;
}

const char *charset_by_label(const char *label, size_t len)
{
	const struct encoding *encoding = encoding_by_label(label, len);

	return encoding ? encoding->name : NULL;
}

/* The width of the UTF-8 sequence at p by the Unicode standard, table 3-7; 0: none. */
static size_t utf8_width(const unsigned char *p, size_t left)
{
	unsigned char lo = 0x80, hi = 0xBF;
	size_t width;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xC2 || p[0] > 0xF4)
		return 0;
	width = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
	if (p[0] == 0xE0)
		lo = 0xA0;
	else if (p[0] == 0xED)
		hi = 0x9F;
	else if (p[0] == 0xF0)
		lo = 0x90;
	else if (p[0] == 0xF4)
		hi = 0x8F;
	if (left < width || p[1] < lo || p[1] > hi)
		return 0;
	for (size_t i = 2; i < width; i++)
		if (p[i] < 0x80 || p[i] > 0xBF)
			return 0;
	return width;
}

size_t charset_utf8_valid(const char *bytes, size_t len)
{
	const unsigned char *p = (const unsigned char *)bytes;
	size_t at = 0;

	while (at < len) {
		uint64_t eight;
		size_t width;

		if (len - at >= sizeof(eight)) {
			memcpy(&eight, p + at, sizeof(eight));
			if ((eight & 0x8080808080808080u) == 0) {
				at += sizeof(eight);
				continue;
			}
		}
		width = utf8_width(p + at, len - at);
		if (width == 0)
			break;
		at += width;
	}
	return at;
}

const char *charset_in(const char *text, size_t len)
{
	static const char word[] = "charset";
	const char *end = text + len;

	for (const char *p = text; end - p > 7; p++) {
		const char *from;

		if (strncasecmp(p, word, 7) != 0)
			continue;
		for (p += 7; p < end && is_space(*p); p++)
			;
		if (p == end || *p != '=') {
			p--;
			continue;
		}
		for (p++; p < end && is_space(*p); p++)
			;
		if (p < end && (*p == '"' || *p == '\'')) {
			const char *close = memchr(p + 1, *p, (size_t)(end - p - 1));

			return close ? charset_by_label(p + 1, (size_t)(close - p - 1)) : NULL;
		}
		for (from = p; p < end && !is_space(*p) && *p != ';'; p++)
			;
		return charset_by_label(from, (size_t)(p - from));
	}
	return NULL;
}

static const char *bom_charset(const char *bytes, size_t len)
{
	if (len >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0)
		return "UTF-8";
	if (len >= 2 && memcmp(bytes, "\xFE\xFF", 2) == 0)
		return "UTF-16BE";
	if (len >= 2 && memcmp(bytes, "\xFF\xFE", 2) == 0)
		return "UTF-16LE";
	return NULL;
}

const char *charset_detect(const char *bytes, size_t len, const char *content_type,
			   charset_declared_fn *declared, enum charset_source *ret_source)
{
	enum charset_source source = CHARSET_FROM_BOM;
	const char *charset = bom_charset(bytes, len);

	if (!charset && content_type) {
		source = CHARSET_FROM_HEADER;
		charset = charset_in(content_type, strlen(content_type));
	}
	if (!charset && declared) {
		source = CHARSET_FROM_META;
		charset = declared(bytes, len);
	}
	if (!charset) {
		bool utf8 = charset_utf8_valid(bytes, len) == len;

		source = utf8 ? CHARSET_FROM_UTF8 : CHARSET_FROM_DEFAULT;
		charset = utf8 ? "UTF-8" : "windows-1252";
	}
	if (ret_source)
		*ret_source = source;
	return charset;
}

/* ---- decoding ---- */

static int decode_error(const struct buf *buf, struct err *err)
{
	if (buf->len + CODE_BYTES_MAX > buf->max)
		return err_set(err, ERR_LIMIT, "text takes more than %zu bytes in UTF-8", buf->max);
	return err_set(err, ERR_NO_MEMORY, "out of memory for a text");
}

/* How many bytes at a bad place of UTF-8 become one U+FFFD: the longest beginning of a
 * sequence, as the Encoding standard has it. */
static size_t utf8_bad_width(const unsigned char *p, size_t left)
{
	unsigned char padded[4] = {0x80, 0x80, 0x80, 0x80};

	for (size_t width = MIN(left, 3); width > 1; width--) {
		memcpy(padded, p, width);
		memset(padded + width, 0x80, sizeof(padded) - width);
		/* E0 and F0 want more than 0x80 next, but then width is at least 2 */
		if (utf8_width(padded, sizeof(padded)) > width)
			return width;
	}
	return 1;
}

static int utf8_repair(const char *bytes, size_t len, struct buf *buf, struct err *err)
{
	while (len) {
		size_t good = charset_utf8_valid(bytes, len);

		buf_add(buf, bytes, good);
		bytes += good;
		len -= good;
		if (len) {
			size_t bad = utf8_bad_width((const unsigned char *)bytes, len);

			buf_add(buf, replacement, 3);
			bytes += bad;
			len -= bad;
		}
	}
	return buf_ok(buf) ? 0 : decode_error(buf, err);
}

/* What a byte means that iconv does not know: C1 controls in the windows-125x family. */
static void bad_byte_add(const struct encoding *encoding, unsigned char byte, struct buf *buf)
{
	char c1[2] = {'\xC2', (char)byte};

	if (encoding->iconv && strncmp(encoding->iconv, "CP125", 5) == 0 && byte >= 0x80 &&
	    byte < 0xA0)
		buf_add(buf, c1, 2);
	else
		buf_add(buf, replacement, 3);
}

static int iconv_run(iconv_t cd, const struct encoding *encoding, char *in, size_t left,
		     struct buf *buf)
{
	size_t unit = strncmp(encoding->name, "UTF-16", 6) == 0 ? 2 : 1;

	while (left) {
		size_t out_left = MIN(CHUNK_BYTES, buf->max - buf->len);
		char *room = out_left >= CODE_BYTES_MAX ? buf_room(buf, out_left) : NULL;
		char *out = room;
		size_t n;

		if (!room)
			return -1;
		n = iconv(cd, &in, &left, &out, &out_left);
		buf_grown(buf, (size_t)(out - room));
		if (n != (size_t)-1 || errno == E2BIG)
			continue;
		bad_byte_add(encoding, (unsigned char)*in, buf);
		in += MIN(unit, left);
		left -= MIN(unit, left);
		if (!buf_ok(buf))
			return -1;
	}
	return 0;
}

static const struct encoding *encoding_by_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(encodings); i++)
		if (strcmp(encodings[i].name, name) == 0)
			return &encodings[i];
	return NULL;
}

static int iconv_decode(const struct encoding *encoding, const char *bytes, size_t len,
			struct buf *buf, struct err *err)
{
	iconv_t cd = iconv_open("UTF-8", encoding->iconv ? encoding->iconv : encoding->name);
	int rc;

	if (cd == (iconv_t)-1)
		return err_set(err, ERR_INTERNAL, "this system cannot decode %s", encoding->name);
	rc = iconv_run(cd, encoding, (char *)(uintptr_t)bytes, len, buf);
	iconv_close(cd);
	return rc ? decode_error(buf, err) : 0;
}

int charset_decode(const char *charset, const char *bytes, size_t len, struct buf *buf,
		   const char **ret_text, size_t *ret_len, struct err *err)
{
	const struct encoding *encoding = encoding_by_name(charset);
	const char *bom = bom_charset(bytes, len);
	int rc;

	if (!encoding)
		return err_set(err, ERR_INTERNAL, "unknown encoding %s", charset);
	if (bom && strcmp(bom, encoding->name) == 0) {
		size_t skip = encoding->name[4] == '8' ? 3 : 2;

		bytes += skip;
		len -= skip;
	}
	if (strcmp(encoding->name, "UTF-8") == 0) {
		if (charset_utf8_valid(bytes, len) == len) {
			*ret_text = bytes;
			*ret_len = len;
			return 0;
		}
		rc = utf8_repair(bytes, len, buf, err);
	} else if (strcmp(encoding->name, "replacement") == 0) {
		rc = len && buf_add(buf, replacement, 3) ? decode_error(buf, err) : 0;
	} else {
		rc = iconv_decode(encoding, bytes, len, buf, err);
	}
	*ret_text = buf_text(buf);
	*ret_len = buf->len;
	return rc;
}

/* ---- encoding ---- */

struct charset_encoder {
	iconv_t cd;
	const struct encoding *encoding;
};

struct charset_encoder *charset_encoder_new(const char *charset)
{
	const struct encoding *encoding = encoding_by_name(charset);
	struct charset_encoder *encoder;

	if (!encoding || strncmp(encoding->name, "UTF-", 4) == 0 ||
	    strcmp(encoding->name, "replacement") == 0)
		return NULL;
	encoder = malloc(sizeof(*encoder));
	if (!encoder)
		return NULL;
	encoder->encoding = encoding;
	encoder->cd = iconv_open(encoding->iconv ? encoding->iconv : encoding->name, "UTF-8");
	if (encoder->cd != (iconv_t)-1)
		return encoder;
	free(encoder);
	return NULL;
}

void charset_encoder_free(struct charset_encoder *encoder)
{
	if (encoder)
		iconv_close(encoder->cd);
	free(encoder);
}

int charset_encode(struct charset_encoder *encoder, const char *code, size_t len,
		   char into[CHARSET_CODE_BYTES_MAX])
{
	char *in = (char *)(uintptr_t)code, *out = into;
	size_t out_left = CHARSET_CODE_BYTES_MAX;

	if (iconv(encoder->cd, &in, &len, &out, &out_left) == 0)
		return (int)(out - into);
	/* As bad_byte_add(): windows-125x have C1 controls that iconv does not know. */
	if (!encoder->encoding->iconv || strncmp(encoder->encoding->iconv, "CP125", 5) != 0 ||
	    code[0] != '\xC2' || (unsigned char)code[1] >= 0xA0)
		return -1;
	into[0] = code[1];
	return 1;
}

int charset_encode_end(struct charset_encoder *encoder, char into[CHARSET_CODE_BYTES_MAX])
{
	size_t out_left = CHARSET_CODE_BYTES_MAX;
	char *out = into;

	(void)iconv(encoder->cd, NULL, NULL, &out, &out_left);
	return (int)(out - into);
}
