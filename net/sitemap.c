/* SPDX-License-Identifier: MIT */
/* sitemap.c - what a file is made of: gzip or not, XML or lines.  XML is sitemap_xml.c's. */
#include "net/sitemap.h"

#include "base/buf.h"
#include "base/limits.h"
#include "net/sitemap_read.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

enum {
	INFLATE_BYTES = 32 * 1024,
	RATIO_FREE_BYTES = 1024 * 1024, /* what may decompress without measure */
	SNIFF_BYTES = 4,
};

enum form { FORM_UNKNOWN, FORM_XML, FORM_TEXT };

struct sitemap {
	sitemap_found_fn *found;
	void *ctx;
	struct err err; /* the first one */
	bool enough;
	unsigned entries;
	size_t wire_bytes, decoded_bytes;

	char first[SNIFF_BYTES]; /* until they tell whether it is gzip */
	size_t first_len;
	bool begun, gzip;
	bool member_ended, padding; /* of gzip: what follows is another member, or nothing */
	z_stream inflate;
	char inflated[INFLATE_BYTES];

	enum form form;
	struct sitemap_xml *xml;
	struct buf line; /* of text */
	bool line_too_long;
};

struct sitemap *sitemap_new(sitemap_found_fn *found, void *ctx, struct err *err)
{
	struct sitemap *sitemap = calloc(1, sizeof(*sitemap));

	if (!sitemap) {
		err_set(err, ERR_NO_MEMORY, "no memory for a sitemap");
		return NULL;
	}
	sitemap->found = found;
	sitemap->ctx = ctx;
	buf_init(&sitemap->line, URL_BYTES_MAX + 16); /* and blanks around it */
	return sitemap;
}

void sitemap_free(struct sitemap *sitemap)
{
	if (!sitemap)
		return;
	if (sitemap->gzip)
		inflateEnd(&sitemap->inflate);
	sitemap_xml_free(sitemap->xml);
	buf_done(&sitemap->line);
	free(sitemap);
}

/* ---- what readers call ---- */

int sitemap_fail(struct sitemap *sitemap, enum err_code code, const char *fmt, ...)
{
	char detail[200];
	va_list args;

	if (sitemap->err.code != ERR_NONE)
		return -1;
	va_start(args, fmt);
	vsnprintf(detail, sizeof(detail), fmt, args);
	va_end(args);
	return err_set(&sitemap->err, code, "%s", detail);
}

bool sitemap_has_enough(const struct sitemap *sitemap)
{
	return sitemap->enough || sitemap->err.code != ERR_NONE;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int sitemap_tell(struct sitemap *sitemap, struct sitemap_entry *entry)
{
	for (; entry->url_len > 0 && is_space(entry->url[0]); entry->url++)
		entry->url_len--;
	while (entry->url_len > 0 && is_space(entry->url[entry->url_len - 1]))
		entry->url_len--;
	if (entry->url_len == 0 || entry->url_len > URL_BYTES_MAX)
		return 0;
	if (sitemap->entries == SITEMAP_URLS_MAX)
		return sitemap_fail(sitemap, ERR_LIMIT, "more than %d entries", SITEMAP_URLS_MAX);
	sitemap->entries++;
	sitemap->enough = !sitemap->found(sitemap->ctx, entry);
	return 0;
}

/* ---- lines ---- */

static bool is_http(const char *text)
{
	return strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0;
}

static int line_end(struct sitemap *sitemap)
{
	const char *text = buf_text(&sitemap->line);
	struct sitemap_entry entry = {.changed = "", .priority = -1};
	size_t blanks = strspn(text, " \t\r");
	int rc = 0;

	entry.url = text + blanks;
	entry.url_len = strlen(entry.url);
	if (!sitemap->line_too_long && is_http(entry.url))
		rc = sitemap_tell(sitemap, &entry);
	buf_clear(&sitemap->line);
	sitemap->line_too_long = false;
	return rc;
}

static int text_push(struct sitemap *sitemap, const char *bytes, size_t len)
{
	while (len > 0 && !sitemap_has_enough(sitemap)) {
		const char *end = memchr(bytes, '\n', len);
		size_t part = end ? (size_t)(end - bytes) : len;

		if (buf_add(&sitemap->line, bytes, part))
			sitemap->line_too_long = true;
		if (end && line_end(sitemap))
			return -1;
		part += end != NULL;
		bytes += part;
		len -= part;
	}
	return 0;
}

/* ---- forms ---- */

static bool is_mark(char c) /* an octet of UTF-8's byte order mark */
{
	return c == '\xEF' || c == '\xBB' || c == '\xBF';
}

/* A byte order mark of UTF-16 is XML's business; that of UTF-8 belongs to both. */
static int form_find(struct sitemap *sitemap, const char **bytes, size_t *len)
{
	while (*len > 0 && (is_space(**bytes) || is_mark(**bytes))) {
		++*bytes;
		--*len;
	}
	if (*len == 0)
		return 0;
	if (**bytes != '<' && **bytes != '\xFE' && **bytes != '\xFF' && **bytes != '\0') {
		sitemap->form = FORM_TEXT;
		return 0;
	}
	sitemap->form = FORM_XML;
	sitemap->xml = sitemap_xml_new(sitemap);
	return sitemap->xml ? 0 : sitemap_fail(sitemap, ERR_NO_MEMORY, "no memory for XML");
}

static int decoded_push(struct sitemap *sitemap, const char *bytes, size_t len)
{
	sitemap->decoded_bytes += len;
	if (sitemap->decoded_bytes > SITEMAP_BYTES_MAX)
		return sitemap_fail(sitemap, ERR_FETCH_TOO_LARGE, "larger than %d MiB",
				    SITEMAP_BYTES_MAX >> 20);
	if (sitemap->form == FORM_UNKNOWN && form_find(sitemap, &bytes, &len))
		return -1;
	if (sitemap->form == FORM_XML)
		return sitemap_xml_push(sitemap->xml, bytes, len, false);
	return sitemap->form == FORM_TEXT ? text_push(sitemap, bytes, len) : 0;
}

/* ---- gzip ---- */

static bool is_bomb(const struct sitemap *sitemap)
{
	return sitemap->decoded_bytes > RATIO_FREE_BYTES &&
	       sitemap->decoded_bytes / FETCH_RATIO_MAX > sitemap->wire_bytes;
}

/* One call of inflate(); *ret_more: there is something left to do. */
static int inflate_some(struct sitemap *sitemap, bool *ret_more)
{
	z_stream *z = &sitemap->inflate;
	int rc;

	z->next_out = (Bytef *)sitemap->inflated;
	z->avail_out = INFLATE_BYTES;
	rc = inflate(z, Z_NO_FLUSH);
	*ret_more = false;
	if (rc == Z_BUF_ERROR)
		return 0;
	if (rc != Z_OK && rc != Z_STREAM_END)
		return sitemap_fail(sitemap, rc == Z_MEM_ERROR ? ERR_NO_MEMORY : ERR_FETCH_PROTOCOL,
				    "gzip: %s", z->msg ? z->msg : "broken");
	if (decoded_push(sitemap, sitemap->inflated, INFLATE_BYTES - z->avail_out))
		return -1;
	if (is_bomb(sitemap))
		return sitemap_fail(sitemap, ERR_FETCH_BOMB, "decompresses more than %d to 1",
				    FETCH_RATIO_MAX);
	sitemap->member_ended = rc == Z_STREAM_END;
	*ret_more = z->avail_in > 0 || (!sitemap->member_ended && z->avail_out == 0);
	return 0;
}

/* Members may follow each other (RFC 1952, 2.2); what else follows is padding. */
static void member_begin(struct sitemap *sitemap)
{
	sitemap->padding = sitemap->inflate.next_in[0] != 0x1f;
	if (sitemap->padding)
		return;
	inflateReset(&sitemap->inflate);
	sitemap->member_ended = false;
}

static int gzip_push(struct sitemap *sitemap, const char *bytes, size_t len)
{
	bool more = len > 0;

	sitemap->inflate.next_in = (Bytef *)bytes; /* only read */
	sitemap->inflate.avail_in = (uInt)len;
	while (more && !sitemap_has_enough(sitemap)) {
		if (sitemap->member_ended && !sitemap->padding)
			member_begin(sitemap);
		if (sitemap->padding)
			return 0;
		if (inflate_some(sitemap, &more))
			return -1;
	}
	return 0;
}

static int bytes_push(struct sitemap *sitemap, const char *bytes, size_t len)
{
	return sitemap->gzip ? gzip_push(sitemap, bytes, len) : decoded_push(sitemap, bytes, len);
}

/* The first bytes are here, or all there are. */
static int begin(struct sitemap *sitemap)
{
	sitemap->begun = true;
	if (sitemap->first_len >= 2 && !memcmp(sitemap->first, "\x1f\x8b", 2)) {
		if (inflateInit2(&sitemap->inflate, 15 + 16) != Z_OK)
			return sitemap_fail(sitemap, ERR_NO_MEMORY, "no memory for gzip");
		sitemap->gzip = true;
	}
	return bytes_push(sitemap, sitemap->first, sitemap->first_len);
}

static int push(struct sitemap *sitemap, const char *bytes, size_t len)
{
	enum { SLICE = 1 << 20 }; /* fits zlib's counters */
	size_t part;

	while (!sitemap->begun && len > 0) {
		sitemap->first[sitemap->first_len++] = *bytes++;
		len--;
		if (sitemap->first_len == SNIFF_BYTES && begin(sitemap))
			return -1;
	}
	for (; len > 0 && !sitemap_has_enough(sitemap); bytes += part, len -= part) {
		part = MIN(len, (size_t)SLICE);
		if (bytes_push(sitemap, bytes, part))
			return -1;
	}
	return 0;
}

static int outcome(const struct sitemap *sitemap, struct err *err)
{
	if (sitemap->err.code == ERR_NONE)
		return 0;
	*err = sitemap->err;
	return -1;
}

int sitemap_push(struct sitemap *sitemap, const void *bytes, size_t len, struct err *err)
{
	sitemap->wire_bytes += len;
	if (!sitemap_has_enough(sitemap))
		push(sitemap, bytes, len); /* a failure is remembered */
	return outcome(sitemap, err);
}

static int finish(struct sitemap *sitemap)
{
	if (!sitemap->begun && begin(sitemap))
		return -1;
	if (sitemap_has_enough(sitemap))
		return 0;
	if (sitemap->gzip && !sitemap->member_ended)
		return sitemap_fail(sitemap, ERR_FETCH_PROTOCOL, "gzip ends early");
	if (sitemap->form == FORM_XML)
		return sitemap_xml_push(sitemap->xml, "", 0, true);
	if (sitemap->line.len > 0 && line_end(sitemap))
		return -1;
	if (sitemap->form == FORM_TEXT && sitemap->entries == 0)
		return sitemap_fail(sitemap, ERR_FETCH_PROTOCOL, "neither XML nor a list of URLs");
	return 0;
}

int sitemap_end(struct sitemap *sitemap, struct err *err)
{
	if (!sitemap_has_enough(sitemap))
		finish(sitemap);
	return outcome(sitemap, err);
}
