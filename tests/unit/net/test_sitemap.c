/* SPDX-License-Identifier: MIT */
/* test_sitemap.c - sitemaps and feeds as the formats' own texts show them, and bad ones. */
#include "net/sitemap.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

/* What was found, a line each: "url changed priority", indexes with a '>' before. */
struct found {
	struct buf lines;
	unsigned count, most;
};

static bool on_found(void *ctx, const struct sitemap_entry *entry)
{
	struct found *found = ctx;

	assert_true(entry->url_len <= URL_BYTES_MAX);
	buf_printf(&found->lines, "%s%.*s %s %g\n", entry->index ? ">" : "", (int)entry->url_len,
		   entry->url, entry->changed[0] ? entry->changed : "-", entry->priority);
	return ++found->count < found->most;
}

/* Reads it in pieces of `piece` octets; the code it ends with. */
static enum err_code read_in(const char *text, size_t len, size_t piece, struct found *found,
			     struct err *err)
{
	struct sitemap *sitemap;

	*found = (struct found){.lines = BUF(64 << 20), .most = 1000000};
	err->code = ERR_NONE;
	sitemap = sitemap_new(on_found, found, err);
	assert_non_null(sitemap);
	while (len > 0) {
		size_t part = MIN(len, piece);

		if (sitemap_push(sitemap, text, part, err))
			break;
		text += part;
		len -= part;
	}
	if (err->code == ERR_NONE && sitemap_end(sitemap, err))
		assert_int_not_equal(err->code, ERR_NONE);
	sitemap_free(sitemap);
	return err->code;
}

/* Whole, and octet by octet: the same. */
static void check_bytes(const char *text, size_t len, const char *lines, enum err_code code)
{
	static const size_t pieces[] = {1, 7, 1 << 20};

	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		struct found found;
		struct err err;
		enum err_code ended = read_in(text, len, pieces[i], &found, &err);

		if (ended != code)
			fail_msg("pieces of %zu: %s %s", pieces[i], err_name(ended),
				 ended ? err.detail : "");
		assert_string_equal(buf_text(&found.lines), lines);
		buf_done(&found.lines);
	}
}

static void check(const char *text, const char *lines, enum err_code code)
{
	check_bytes(text, strlen(text), lines, code);
}

static const char urlset[] =
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	"<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\""
	" xmlns:image=\"http://www.google.com/schemas/sitemap-image/1.1\">\n"
	" <url>\n  <loc>http://www.example.com/</loc>\n  <lastmod>2005-01-01</lastmod>\n"
	"  <changefreq>monthly</changefreq>\n  <priority>0.8</priority>\n </url>\n"
	" <url><loc>\n http://www.example.com/catalog?item=12&amp;desc=vacation_hawaii \n</loc>"
	"<image:image><image:loc>http://www.example.com/i.png</image:loc></image:image></url>\n"
	" <url><priority>2</priority><loc><![CDATA[http://www.example.com/a?b&c]]></loc></url>\n"
	" <url><loc/></url>\n"
	"</urlset>\n";
static const char urlset_lines[] =
	"http://www.example.com/ 2005-01-01 0.8\n"
	"http://www.example.com/catalog?item=12&desc=vacation_hawaii - -1\n"
	"http://www.example.com/a?b&c - -1\n";

static void an_urlset_gives_its_urls(void **state)
{
	/* After the example of sitemaps.org: loc, lastmod, priority; images are no pages. */
	(void)state;
	check(urlset, urlset_lines, ERR_NONE);
}

static void an_index_gives_sitemaps(void **state)
{
	/* sitemaps.org's example, with a prefix. */
	(void)state;
	check("<s:sitemapindex xmlns:s=\"http://www.sitemaps.org/schemas/sitemap/0.9\">"
	      "<s:sitemap><s:loc>http://www.example.com/sitemap1.xml.gz</s:loc>"
	      "<s:lastmod>2004-10-01T18:23:17+00:00</s:lastmod></s:sitemap>"
	      "<s:sitemap><s:loc>http://www.example.com/sitemap2.xml.gz</s:loc></s:sitemap>"
	      "</s:sitemapindex>",
	      ">http://www.example.com/sitemap1.xml.gz 2004-10-01T18:23:17+00:00 -1\n"
	      ">http://www.example.com/sitemap2.xml.gz - -1\n",
	      ERR_NONE);
}

static void rss_gives_links_of_items(void **state)
{
	/* Not the channel's link; a guid only when it is one and there is no link. */
	(void)state;
	check("<rss version=\"2.0\" xmlns:atom=\"http://www.w3.org/2005/Atom\"><channel>"
	      "<link>http://a.example/</link><atom:link href=\"http://a.example/rss\"/>"
	      "<item><link>http://a.example/1</link><pubDate>Tue, 10 Jun 2003 04:00:00 "
	      "GMT</pubDate>"
	      "<atom:link href=\"http://a.example/no\"/><guid>http://a.example/g1</guid></item>"
	      "<item><guid>http://a.example/g2</guid></item>"
	      "<item><guid isPermaLink=\"false\">77</guid></item>"
	      "</channel></rss>",
	      "http://a.example/1 Tue, 10 Jun 2003 04:00:00 GMT -1\nhttp://a.example/g2 - -1\n",
	      ERR_NONE);
}

static void atom_gives_the_alternate_link_of_entries(void **state)
{
	/* RFC 4287, 1.1 and 4.2.7.2: a link without rel is an alternate one. */
	(void)state;
	check("<feed xmlns=\"http://www.w3.org/2005/Atom\"><link href=\"http://example.org/\"/>"
	      "<updated>2003-12-13T18:30:02Z</updated>"
	      "<entry><link rel=\"edit\" href=\"http://example.org/e\"/>"
	      "<link href=\"http://example.org/2003/12/13/atom03\"/>"
	      "<link rel=\"alternate\" href=\"http://example.org/second\"/>"
	      "<updated>2003-12-13T18:30:02Z</updated></entry></feed>",
	      "http://example.org/2003/12/13/atom03 2003-12-13T18:30:02Z -1\n", ERR_NONE);
}

static void a_list_has_an_url_a_line(void **state)
{
	/* With or without mark, CR and the last line end; what is no URL is left out. */
	(void)state;
	check("\xEF\xBB\xBFhttp://a.example/1\r\n\n# no\n  HTTPS://a.example/2 "
	      "\nhttp://a.example/3",
	      "http://a.example/1 - -1\nHTTPS://a.example/2 - -1\nhttp://a.example/3 - -1\n",
	      ERR_NONE);
	check("just words\nand more\n", "", ERR_FETCH_PROTOCOL);
	check("", "", ERR_NONE);
}

static size_t zip(const void *bytes, size_t len, void *into, size_t room)
{
	z_stream z = {.next_in = (Bytef *)bytes,
		      .avail_in = (uInt)len,
		      .next_out = into,
		      .avail_out = (uInt)room};

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

static void gzip_is_seen_in_the_bytes(void **state)
{
	/* One member or two, with padding; one that ends early gives what it had. */
	char zipped[4096];
	size_t half = sizeof(urlset) / 2, len;

	(void)state;
	len = zip(urlset, strlen(urlset), zipped, sizeof(zipped));
	check_bytes(zipped, len, urlset_lines, ERR_NONE);
	len = zip(urlset, half, zipped, sizeof(zipped));
	len += zip(urlset + half, strlen(urlset) - half, zipped + len, sizeof(zipped) - len);
	memset(zipped + len, 0, 100);
	check_bytes(zipped, len + 100, urlset_lines, ERR_NONE);
	len = zip("http://a.example/1\nhttp://a.example/2\n", 38, zipped, sizeof(zipped));
	check_bytes(zipped, len - 8, "http://a.example/1 - -1\nhttp://a.example/2 - -1\n",
		    ERR_FETCH_PROTOCOL);
}

static void encodings_that_xml_declares_are_read(void **state)
{
	/* Latin 1 by expat, windows-1252 and KOI8-R by a table, UTF-16 by its mark. */
	static const char utf16[] = "\xFF\xFE<\0f\0e\0e\0d\0>\0<\0e\0n\0t\0r\0y\0>\0"
				    "<\0l\0i\0n\0k\0 \0h\0r\0e\0f\0=\0'\0/\0\xE4\0'\0/\0>\0"
				    "<\0/\0e\0n\0t\0r\0y\0>\0<\0/\0f\0e\0e\0d\0>";

	(void)state;
	check("<?xml version='1.0' "
	      "encoding='ISO-8859-1'?><urlset><url><loc>/\xE4</loc></url></urlset>",
	      "/\xC3\xA4 - -1\n", ERR_NONE);
	check("<?xml version='1.0' encoding='windows-1252'?><urlset><url><loc>/\x80</loc></url>"
	      "</urlset>",
	      "/\xE2\x82\xAC - -1\n", ERR_NONE);
	check("<?xml version='1.0' encoding='KOI8-R'?><urlset><url><loc>/\xC1</loc></url></urlset>",
	      "/\xD0\xB0 - -1\n", ERR_NONE);
	check_bytes(utf16, sizeof(utf16), "/\xC3\xA4 - -1\n", ERR_NONE);
	check("<?xml version='1.0' encoding='no-such'?><urlset/>", "", ERR_FETCH_PROTOCOL);
	check("<?xml version='1.0' encoding='shift_jis'?><urlset/>", "", ERR_FETCH_PROTOCOL);
}

static void bad_xml_gives_what_stood_before(void **state)
{
	/* One entry, then a mistake: the entry and the error. */
	(void)state;
	check("<urlset><url><loc>http://a.example/1</loc></url><url></loc>",
	      "http://a.example/1 - -1\n", ERR_FETCH_PROTOCOL);
	check("<urlset><url><loc>http://a.example/1</loc></url>", "http://a.example/1 - -1\n",
	      ERR_FETCH_PROTOCOL);
	check("<html><body>no</body></html>", "", ERR_FETCH_PROTOCOL);
}

static void entities_are_not_declared(void **state)
{
	/* The billion laughs, and a file of the machine: refused at the declaration. */
	(void)state;
	check("<?xml version='1.0'?><!DOCTYPE u [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;'>]>"
	      "<urlset><url><loc>&b;</loc></url></urlset>",
	      "", ERR_FETCH_PROTOCOL);
	check("<!DOCTYPE u [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>"
	      "<urlset><url><loc>&a;</loc></url></urlset>",
	      "", ERR_FETCH_PROTOCOL);
	check("<!DOCTYPE u [<!ENTITY % a SYSTEM 'http://a.example/'> %a;]><urlset/>", "",
	      ERR_FETCH_PROTOCOL);
}

static void urls_that_are_too_long_are_left_out(void **state)
{
	/* 2,083 octets fit, one more does not; the next entry is read. */
	struct buf text = BUF(1 << 20);
	struct found found;
	struct err err;

	(void)state;
	buf_add_text(&text, "<urlset>");
	for (int len = 2083; len <= 9000; len += 6917 / 2) {
		buf_printf(&text, "<url><loc>http://a/%0*d</loc></url>", len - 9, 0);
		buf_printf(&text, "<url><loc>http://a/%0*d</loc></url>", len - 8, 0);
	}
	buf_add_text(&text, "<url><loc>http://a.example/2</loc></url></urlset>");
	assert_int_equal(read_in(text.data, text.len, 1 << 20, &found, &err), ERR_NONE);
	assert_int_equal(found.count, 2);
	assert_int_equal(found.lines.len, 2083 + 6 + strlen("http://a.example/2 - -1\n"));
	buf_done(&found.lines);
	buf_done(&text);
}

static void entries_are_bounded(void **state)
{
	/* 50,000, and then an error. */
	struct buf text = BUF(4 << 20);
	struct found found;
	struct err err;

	(void)state;
	for (int i = 0; i < 50001; i++)
		buf_add_text(&text, "http://a.example/\n");
	assert_int_equal(read_in(text.data, text.len, 1 << 20, &found, &err), ERR_LIMIT);
	assert_int_equal(found.count, 50000);
	buf_done(&found.lines);
	buf_done(&text);
}

static void a_receiver_that_has_enough_ends_it(void **state)
{
	/* After the first of three, in XML; no error, whatever follows. */
	struct found found = {.lines = BUF(1000), .most = 1};
	struct sitemap *sitemap;
	struct err err;

	(void)state;
	sitemap = sitemap_new(on_found, &found, &err);
	assert_int_equal(sitemap_push(sitemap, urlset, strlen(urlset), &err), 0);
	assert_int_equal(sitemap_push(sitemap, "<<<", 3, &err), 0);
	assert_int_equal(sitemap_end(sitemap, &err), 0);
	assert_int_equal(found.count, 1);
	sitemap_free(sitemap);
	buf_done(&found.lines);
}

static void endless_tokens_and_bombs_end(void **state)
{
	/* A comment of 10 MB, a megabyte of blanks in gzip 1,000 to 1, and 51 MiB of lines. */
	size_t len = 51 << 20, zipped_len;
	char *text = malloc(len), *zipped = malloc(1 << 20);
	struct found found;
	struct err err;

	(void)state;
	memset(text, 'x', 10 << 20);
	memcpy(text, "<urlset><!--", 12);
	assert_int_equal(read_in(text, 10 << 20, 4096, &found, &err), ERR_FETCH_TOO_LARGE);
	memset(text, '\n', len);
	assert_int_equal(read_in(text, len, 1 << 20, &found, &err), ERR_FETCH_TOO_LARGE);
	zipped_len = zip(text, 20 << 20, zipped, 1 << 20);
	assert_int_equal(read_in(zipped, zipped_len, 1 << 20, &found, &err), ERR_FETCH_BOMB);
	free(zipped);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_urlset_gives_its_urls),
		cmocka_unit_test(an_index_gives_sitemaps),
		cmocka_unit_test(rss_gives_links_of_items),
		cmocka_unit_test(atom_gives_the_alternate_link_of_entries),
		cmocka_unit_test(a_list_has_an_url_a_line),
		cmocka_unit_test(gzip_is_seen_in_the_bytes),
		cmocka_unit_test(encodings_that_xml_declares_are_read),
		cmocka_unit_test(bad_xml_gives_what_stood_before),
		cmocka_unit_test(entities_are_not_declared),
		cmocka_unit_test(urls_that_are_too_long_are_left_out),
		cmocka_unit_test(entries_are_bounded),
		cmocka_unit_test(a_receiver_that_has_enough_ends_it),
		cmocka_unit_test(endless_tokens_and_bombs_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
