/* SPDX-License-Identifier: MIT */
/* sitemap_xml.c - the four kinds of XML that name pages.
 *
 *   urlset/url          loc, lastmod, priority          (sitemaps.org)
 *   sitemapindex/sitemap  loc, lastmod
 *   rss, RDF: item      link, else guid; pubDate, date  (RSS 2.0 and 1.0)
 *   feed/entry          link[rel=alternate]/@href; updated   (RFC 4287)
 *
 * Only direct children of an entry count, so that image:loc and the like do not; prefixes
 * of names are not looked at.  Expat is fed in slices: it reads an unfinished token again
 * with each slice, so a token that goes on for too long ends the file.
 */
#include "net/sitemap_read.h"

#include "base/buf.h"
#include "base/limits.h"

#include <expat.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

enum { SLICE_BYTES = 16 * 1024, ENCODING_BYTES_MAX = 40 };

enum root { ROOT_NONE, ROOT_URLSET, ROOT_INDEX, ROOT_RSS, ROOT_ATOM };

enum field { FIELD_NONE, FIELD_URL, FIELD_SPARE_URL, FIELD_CHANGED, FIELD_PRIORITY, FIELDS };

struct sitemap_xml {
	struct sitemap *sitemap;
	XML_Parser parser;
	enum root root;
	unsigned depth, entry_depth; /* entry_depth 0: in no entry */
	enum field field;	     /* whose text comes */
	struct buf texts[FIELDS];
	bool guid_is_no_url;
	size_t pushed, event_at; /* bytes given to expat; at the last event */
};

/* ---- elements ---- */

static const char *local_name(const char *name)
{
	const char *colon = strrchr(name, ':');

	return colon ? colon + 1 : name;
}

static enum root root_of(const char *name)
{
	if (strcmp(name, "urlset") == 0)
		return ROOT_URLSET;
	if (strcmp(name, "sitemapindex") == 0)
		return ROOT_INDEX;
	if (strcmp(name, "rss") == 0 || strcmp(name, "RDF") == 0)
		return ROOT_RSS;
	return strcmp(name, "feed") == 0 ? ROOT_ATOM : ROOT_NONE;
}

static bool is_entry(enum root root, const char *name)
{
	static const char *const names[] = {
		[ROOT_NONE] = "",    [ROOT_URLSET] = "url", [ROOT_INDEX] = "sitemap",
		[ROOT_RSS] = "item", [ROOT_ATOM] = "entry",
	};

	return strcmp(name, names[root]) == 0;
}

static enum field field_of(enum root root, const char *name)
{
	static const struct {
		enum root root;
		const char *name;
		enum field field;
	} rows[] = {
		{ROOT_URLSET, "loc", FIELD_URL},	   {ROOT_URLSET, "lastmod", FIELD_CHANGED},
		{ROOT_URLSET, "priority", FIELD_PRIORITY}, {ROOT_INDEX, "loc", FIELD_URL},
		{ROOT_INDEX, "lastmod", FIELD_CHANGED},	   {ROOT_RSS, "link", FIELD_URL},
		{ROOT_RSS, "guid", FIELD_SPARE_URL},	   {ROOT_RSS, "pubDate", FIELD_CHANGED},
		{ROOT_RSS, "date", FIELD_CHANGED},	   {ROOT_ATOM, "updated", FIELD_CHANGED},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].root == root && strcmp(rows[i].name, name) == 0)
			return rows[i].field;
	return FIELD_NONE;
}

static const char *attribute(const char **attributes, const char *name)
{
	for (; *attributes; attributes += 2)
		if (strcmp(attributes[0], name) == 0)
			return attributes[1];
	return NULL;
}

static void stop(struct sitemap_xml *xml)
{
	XML_StopParser(xml->parser, XML_FALSE);
}

static void entry_begin(struct sitemap_xml *xml)
{
	xml->entry_depth = xml->depth;
	xml->guid_is_no_url = false;
	for (int i = 0; i < FIELDS; i++)
		buf_clear(&xml->texts[i]);
}

/* Atom's link is an attribute; the first alternate one counts (RFC 4287, 4.2.7.2). */
static void atom_link(struct sitemap_xml *xml, const char **attributes)
{
	const char *rel = attribute(attributes, "rel"), *href = attribute(attributes, "href");
	struct buf *url = &xml->texts[FIELD_URL];

	if (href && url->len == 0 && (!rel || strcmp(rel, "alternate") == 0))
		buf_add_text(url, href);
}

static void on_start(void *ctx, const XML_Char *name, const XML_Char **attributes)
{
	struct sitemap_xml *xml = ctx;
	const char *guid;

	xml->event_at = xml->pushed;
	name = local_name(name);
	xml->depth++;
	if (xml->depth == 1) {
		xml->root = root_of(name);
		if (xml->root == ROOT_NONE) {
			sitemap_fail(xml->sitemap, ERR_FETCH_PROTOCOL,
				     "<%.40s> is neither a sitemap nor a feed", name);
			stop(xml);
		}
		return;
	}
	if (!xml->entry_depth) {
		if (is_entry(xml->root, name))
			entry_begin(xml);
		return;
	}
	if (xml->depth != xml->entry_depth + 1)
		return;
	/* A feed in RSS may have Atom's link beside its own. */
	xml->field = attribute(attributes, "href") ? FIELD_NONE : field_of(xml->root, name);
	if (xml->field != FIELD_NONE)
		buf_clear(&xml->texts[xml->field]);
	if (xml->root == ROOT_ATOM && strcmp(name, "link") == 0)
		atom_link(xml, attributes);
	guid = xml->field == FIELD_SPARE_URL ? attribute(attributes, "isPermaLink") : NULL;
	if (guid && strcmp(guid, "false") == 0)
		xml->guid_is_no_url = true;
}

static double priority_of(const struct buf *text)
{
	const char *from = buf_text(text);
	char *end;
	double priority = strtod(from, &end);

	return end != from && priority >= 0 && priority <= 1 ? priority : -1;
}

/* What was too long for its buf is as if it were not there. */
static const struct buf *text_of(struct sitemap_xml *xml, enum field field)
{
	struct buf *text = &xml->texts[field];

	if (!buf_ok(text))
		buf_clear(text);
	return text;
}

static void entry_end(struct sitemap_xml *xml)
{
	const struct buf *url = text_of(xml, FIELD_URL);
	const struct buf *spare = text_of(xml, FIELD_SPARE_URL);
	struct sitemap_entry entry;

	if (sitemap_has_enough(xml->sitemap)) /* expat may end what it began */
		return;
	if (url->len == 0 && !xml->guid_is_no_url)
		url = spare;
	entry = (struct sitemap_entry){
		.url = buf_text(url),
		.url_len = url->len,
		.changed = buf_text(text_of(xml, FIELD_CHANGED)),
		.priority = priority_of(text_of(xml, FIELD_PRIORITY)),
		.index = xml->root == ROOT_INDEX,
	};
	sitemap_tell(xml->sitemap, &entry);
	if (sitemap_has_enough(xml->sitemap))
		stop(xml);
}

static void on_end(void *ctx, const XML_Char *name)
{
	struct sitemap_xml *xml = ctx;

	(void)name;
	xml->event_at = xml->pushed;
	if (xml->depth == xml->entry_depth) {
		xml->entry_depth = 0;
		entry_end(xml);
	} else if (xml->depth == xml->entry_depth + 1) {
		xml->field = FIELD_NONE;
	}
	xml->depth--;
}

static void on_text(void *ctx, const XML_Char *text, int len)
{
	struct sitemap_xml *xml = ctx;

	xml->event_at = xml->pushed;
	if (xml->entry_depth && xml->depth == xml->entry_depth + 1 && xml->field != FIELD_NONE)
		buf_add(&xml->texts[xml->field], text, (size_t)len);
}

/* Comments, instructions, references to entities that nobody declared. */
static void on_other(void *ctx, const XML_Char *text, int len)
{
	struct sitemap_xml *xml = ctx;

	(void)text;
	(void)len;
	xml->event_at = xml->pushed;
}

static void on_entity(void *ctx, const XML_Char *name, int is_parameter, const XML_Char *value,
		      int value_len, const XML_Char *base, const XML_Char *system_id,
		      const XML_Char *public_id, const XML_Char *notation)
{
	struct sitemap_xml *xml = ctx;

	(void)is_parameter;
	(void)value;
	(void)value_len;
	(void)base;
	(void)system_id;
	(void)public_id;
	(void)notation;
	sitemap_fail(xml->sitemap, ERR_FETCH_PROTOCOL, "declares an entity, '%.40s'", name);
	stop(xml);
}

/* ---- encodings that expat does not know: those of one octet a character ---- */

static int octet_to_code(iconv_t from, int octet)
{
	char in = (char)octet, out[8], *in_at = &in, *out_at = out;
	size_t in_left = 1, out_left = sizeof(out);
	unsigned char *code = (unsigned char *)out;

	iconv(from, NULL, NULL, NULL, NULL);
	if (iconv(from, &in_at, &in_left, &out_at, &out_left) == (size_t)-1 || out_at != out + 4 ||
	    code[3] || code[2])
		return -1;
	return code[0] | code[1] << 8;
}

static int on_encoding(void *ctx, const XML_Char *name, XML_Encoding *encoding)
{
	iconv_t from;
	int known = 0;

	(void)ctx;
	if (strlen(name) > ENCODING_BYTES_MAX || strchr(name, '/'))
		return XML_STATUS_ERROR;
	from = iconv_open("UTF-32LE", name);
	if (from == (iconv_t)-1)
		return XML_STATUS_ERROR;
	for (int octet = 0; octet < 256; octet++) {
		encoding->map[octet] = octet_to_code(from, octet);
		known += encoding->map[octet] >= 0;
	}
	iconv_close(from);
	encoding->data = NULL;
	encoding->convert = NULL;
	encoding->release = NULL;
	/* One of several octets has many that are no character alone. */
	return known >= 192 ? XML_STATUS_OK : XML_STATUS_ERROR;
}

/* ---- the parser ---- */

struct sitemap_xml *sitemap_xml_new(struct sitemap *sitemap)
{
	struct sitemap_xml *xml = calloc(1, sizeof(*xml));

	if (!xml)
		return NULL;
	xml->parser = XML_ParserCreate(NULL);
	if (!xml->parser) {
		free(xml);
		return NULL;
	}
	xml->sitemap = sitemap;
	for (int i = 0; i < FIELDS; i++)
		buf_init(&xml->texts[i], 2 * URL_BYTES_MAX); /* with blanks around */
	XML_SetUserData(xml->parser, xml);
	XML_SetElementHandler(xml->parser, on_start, on_end);
	XML_SetCharacterDataHandler(xml->parser, on_text);
	XML_SetDefaultHandler(xml->parser, on_other); /* also: entities are not expanded */
	XML_SetEntityDeclHandler(xml->parser, on_entity);
	XML_SetUnknownEncodingHandler(xml->parser, on_encoding, NULL);
	return xml;
}

void sitemap_xml_free(struct sitemap_xml *xml)
{
	if (!xml)
		return;
	XML_ParserFree(xml->parser);
	for (int i = 0; i < FIELDS; i++)
		buf_done(&xml->texts[i]);
	free(xml);
}

static int parse_failed(struct sitemap_xml *xml)
{
	enum XML_Error code = XML_GetErrorCode(xml->parser);

	if (sitemap_has_enough(xml->sitemap)) /* we stopped it */
		return 0;
	if (code == XML_ERROR_NO_MEMORY)
		return sitemap_fail(xml->sitemap, ERR_NO_MEMORY, "no memory for XML");
	return sitemap_fail(xml->sitemap, ERR_FETCH_PROTOCOL, "XML, line %lu: %s",
			    (unsigned long)XML_GetCurrentLineNumber(xml->parser),
			    XML_ErrorString(code));
}

int sitemap_xml_push(struct sitemap_xml *xml, const char *bytes, size_t len, bool last)
{
	do {
		size_t part = MIN(len, (size_t)SLICE_BYTES);

		xml->pushed += part;
		if (XML_Parse(xml->parser, bytes, (int)part, last) != XML_STATUS_OK)
			return parse_failed(xml);
		if (xml->pushed - xml->event_at > SITEMAP_TOKEN_BYTES_MAX)
			return sitemap_fail(xml->sitemap, ERR_FETCH_TOO_LARGE,
					    "more than %d KiB of XML that say nothing",
					    SITEMAP_TOKEN_BYTES_MAX >> 10);
		bytes += part;
		len -= part;
	} while (len > 0 && !sitemap_has_enough(xml->sitemap));
	return 0;
}
