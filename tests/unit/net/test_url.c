/* SPDX-License-Identifier: MIT */
/* test_url.c - net/url against cases by hand from the URL Standard, UTS 46 and the RFCs
 * named, and against the web-platform cases where their file is present. */
#include "net/url.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#define CONFORMANCE "../shared/conformance/url/urltestdata-half.json"

struct pair {
	const char *from, *to;
};

static struct arena arena = {.max = 64 * 1024 * 1024};

static int arena_reset(void **state)
{
	(void)state;
	arena_clear(&arena);
	return 0;
}

static int arena_end(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static int parse(const char *text, const char *base, struct url *ret, struct err *err)
{
	struct url parsed;

	if (base)
		assert_int_equal(url_parse(base, strlen(base), NULL, &arena, &parsed, err), 0);
	return url_parse(text, strlen(text), base ? &parsed : NULL, &arena, ret, err);
}

static struct url parsed(const char *text)
{
	struct url url;
	struct err err;

	if (parse(text, NULL, &url, &err))
		fail_msg("%s: %s", text, err.detail);
	return url;
}

static void check_all(const struct pair *pairs, size_t count, const char *base)
{
	for (size_t i = 0; i < count; i++) {
		struct url url;
		struct err err;

		if (parse(pairs[i].from, base, &url, &err))
			fail_msg("%s: %s", pairs[i].from, err.detail);
		assert_string_equal(url.href, pairs[i].to);
		assert_int_equal(url.len, strlen(pairs[i].to));
	}
}

static void check_part(struct url_part part, const char *text)
{
	assert_non_null(part.at);
	assert_int_equal(part.len, strlen(text));
	assert_memory_equal(part.at, text, part.len);
}

static void resolves_the_examples_of_rfc_3986(void **state)
{
	/* RFC 3986, sections 5.4.1 and 5.4.2 ("http:g" as the URL Standard has it). */
	static const struct pair pairs[] = {
		{"g:h", "g:h"},
		{"g", "http://a/b/c/g"},
		{"./g", "http://a/b/c/g"},
		{"g/", "http://a/b/c/g/"},
		{"/g", "http://a/g"},
		{"//g", "http://g/"},
		{"?y", "http://a/b/c/d;p?y"},
		{"g?y", "http://a/b/c/g?y"},
		{"#s", "http://a/b/c/d;p?q#s"},
		{"g#s", "http://a/b/c/g#s"},
		{"g?y#s", "http://a/b/c/g?y#s"},
		{";x", "http://a/b/c/;x"},
		{"g;x?y#s", "http://a/b/c/g;x?y#s"},
		{"", "http://a/b/c/d;p?q"},
		{".", "http://a/b/c/"},
		{"./", "http://a/b/c/"},
		{"..", "http://a/b/"},
		{"../g", "http://a/b/g"},
		{"../..", "http://a/"},
		{"../../g", "http://a/g"},
		{"../../../g", "http://a/g"},
		{"/./g", "http://a/g"},
		{"/../g", "http://a/g"},
		{"g.", "http://a/b/c/g."},
		{"..g", "http://a/b/c/..g"},
		{"./g/.", "http://a/b/c/g/"},
		{"g/../h", "http://a/b/c/h"},
		{"g;x=1/../y", "http://a/b/c/y"},
		{"g?y/../x", "http://a/b/c/g?y/../x"},
		{"g#s/../x", "http://a/b/c/g#s/../x"},
		{"http:g", "http://a/b/c/g"},
	};

	(void)state;
	check_all(pairs, ARRAY_LEN(pairs), "http://a/b/c/d;p?q");
}

static void normalises_what_browsers_normalise(void **state)
{
	/* Each line is a rule of the URL Standard, section 4.4. */
	static const struct pair pairs[] = {
		{"HTTP://EXAMPLE.com", "http://example.com/"},
		{"https://example.com:443/", "https://example.com/"},
		{"https://example.com:0443/", "https://example.com/"},
		{"https://example.com:/", "https://example.com/"},
		{"http://example.com:443/", "http://example.com:443/"},
		{"  http://a/\t\n ", "http://a/"},
		{"ht\ntp://a\t/b\rc", "http://a/bc"},
		{"http:\\\\a\\b\\c", "http://a/b/c"},
		{"http:////a/b", "http://a/b"},
		{"http://a/%2E/%2e%2E/b/%2e.", "http://a/"},
		{"http://a/%2f%zz%", "http://a/%2f%zz%"},
		{"http://a/ \"<>`{}^|'", "http://a/%20%22%3C%3E%60%7B%7D%5E|'"},
		{"http://a/?'\"<>`{}^|", "http://a/?%27%22%3C%3E`{}^|"},
		{"http://a/#'\"<>`{}^|#", "http://a/#'%22%3C%3E%60{}^|#"},
		{"http://a/\xC3\xA9?\xC3\xA9#\xC3\xA9", "http://a/%C3%A9?%C3%A9#%C3%A9"},
		{"http://a/\xFF", "http://a/%EF%BF%BD"},
		{"http://u:p@a/", "http://u:p@a/"},
		{"http://u@x:p:q@a/", "http://u%40x:p%3Aq@a/"},
		{"http://:@a/", "http://a/"},
		{"http://:p@a/", "http://:p@a/"},
		{"mailto:a@b?subject=x y", "mailto:a@b?subject=x%20y"},
		{"data:a  #b", "data:a %20#b"},
		{"sc://h", "sc://h"},
		{"sc://H/..//b", "sc://H//b"},
		{"sc:/..//b", "sc:/.//b"},
		{"file:///C|/a/../..", "file:///C:/"},
		{"file://localhost/a", "file:///a"},
	};

	(void)state;
	check_all(pairs, ARRAY_LEN(pairs), NULL);
}

static void keeps_the_drive_of_a_file_base(void **state)
{
	/* URL Standard, file states: "/" and ".." stay on the drive, "D:" leaves it. */
	static const struct pair pairs[] = {
		{"/x", "file:///C:/x"},	  {"../../x", "file:///C:/x"}, {"D|/x", "file:///D:/x"},
		{"//h/x", "file://h/x"},  {"?q", "file:///C:/a/b?q"},  {"C|x", "file:///C:/a/C|x"},
		{"\\\\\\x", "file:///x"}, {"", "file:///C:/a/b"},
	};

	(void)state;
	check_all(pairs, ARRAY_LEN(pairs), "file:///C:/a/b");
}

static void reads_every_spelling_of_an_address(void **state)
{
	/* Section 3.5, the IPv4 and IPv6 parsers; RFC 5952 for what is written. */
	static const struct pair pairs[] = {
		{"http://2130706433", "http://127.0.0.1/"},
		{"http://0x7f000001", "http://127.0.0.1/"},
		{"http://017700000001", "http://127.0.0.1/"},
		{"http://0x7F.1", "http://127.0.0.1/"},
		{"http://127.0.1", "http://127.0.0.1/"},
		{"http://127.1.", "http://127.0.0.1/"},
		{"http://0", "http://0.0.0.0/"},
		{"http://0x", "http://0.0.0.0/"},
		{"http://%31%32%37.1", "http://127.0.0.1/"},
		{"http://\xEF\xBC\x91.1", "http://1.0.0.1/"},
		{"http://1.2.3.com", "http://1.2.3.com/"},
		{"http://[0:0:0:0:0:0:0:1]", "http://[::1]/"},
		{"http://[2001:DB8:0:0:1:0:0:1]", "http://[2001:db8::1:0:0:1]/"},
		{"http://[1:0:2:3:4:5:6:7]", "http://[1:0:2:3:4:5:6:7]/"},
		{"http://[::ffff:127.0.0.1]:81", "http://[::ffff:7f00:1]:81/"},
		{"http://[1::]", "http://[1::]/"},
	};

	(void)state;
	check_all(pairs, ARRAY_LEN(pairs), NULL);
}

static void converts_international_names(void **state)
{
	/* UTS 46 non-transitional; Punycode as RFC 3492 and public registries have it. */
	static const struct pair pairs[] = {
		{"http://fa\xC3\x9F.de", "http://xn--fa-hia.de/"},
		{"http://b\xC3\xBC"
		 "cher.example",
		 "http://xn--bcher-kva.example/"},
		{"http://BU\xCC\x88"
		 "CHER.example",
		 "http://xn--bcher-kva.example/"},
		{"http://%C3%BC.de", "http://xn--tda.de/"},
		{"http://\xE2\x98\x83.net", "http://xn--n3h.net/"},
		{"http://a\xE3\x80\x82"
		 "b",
		 "http://a.b/"},
		{"http://a\xC2\xAD"
		 "b",
		 "http://ab/"},
		{"http://\xEF\xBC\xA7\xEF\xBD\x8F.com", "http://go.com/"},
		{"http://ab--\xC3\xBC.de", "http://xn--ab---3ra.de/"},
		{"http://xn--bcher-kva.\xC3\xBC", "http://xn--bcher-kva.xn--tda/"},
		{"http://\xC3\xBC..de", "http://xn--tda..de/"},
		{"http://xn--pokxncvks", "http://xn--pokxncvks/"},
		{"http://\xE4\xBE\x8B\xE3\x81\x88.jp", "http://xn--r8jz45g.jp/"},
	};

	(void)state;
	check_all(pairs, ARRAY_LEN(pairs), NULL);
}

static void says_what_is_wrong_and_where(void **state)
{
	/* One line for each way a URL fails, with the detail that a user reads. */
	static const struct pair pairs[] = {
		{"x", "URL has no scheme such as https: and nothing to be relative to"},
		{"http://", "host is missing at offset 7"},
		{"http:///?q", "host is missing at offset 8"},
		{"http://u@/", "host is missing at offset 9"},
		{"sc://:80/", "host is missing at offset 5"},
		{"  http://a b/", "host has a space at offset 10"},
		{"http://a<b/", "host has a forbidden character '<' at offset 8"},
		{"http://a%00b/", "host has a control character %00 at offset 8"},
		{"http://a%b/", "host has a forbidden character '%' at offset 8"},
		{"sc://a^b/", "host has a forbidden character '^' at offset 6"},
		{"http://a:b/", "port has a character that is no digit at offset 9"},
		{"http://a:65536/", "port is above 65535 at offset 13"},
		{"http://[::1", "host has no ']' for the '[' at offset 7"},
		{"http://[1:2]/", "host is not a valid IPv6 address at offset 7"},
		{"http://[::1.2.3.04]/", "host is not a valid IPv6 address at offset 7"},
		{"http://[1::2::3]/", "host is not a valid IPv6 address at offset 7"},
		{"http://[1:2:3:4:5:6:7:8:9]/", "host is not a valid IPv6 address at offset 7"},
		{"http://[1:2:3:4:5:6:7:]/", "host is not a valid IPv6 address at offset 7"},
		{"http://1.2.3.256/", "host ends in a number but is no IPv4 address at offset 7"},
		{"http://1.2.3.4.5/", "host ends in a number but is no IPv4 address at offset 7"},
		{"http://a.08/", "host ends in a number but is no IPv4 address at offset 7"},
		{"http://4294967296/", "host ends in a number but is no IPv4 address at offset 7"},
		{"http://\xC2\xAD/", "host is empty at offset 7"},
		{"http://a\xE2\x80\x8D.b/", "host has the joiner U+200D where nothing joins"},
		{"http://\xEF\xBF\xBD/", "host has the forbidden character U+FFFD"},
		{"http://\xCC\x81"
		 "a/",
		 "host has a label that begins with the combining mark U+0301"},
		{"http://a\xD7\x90/", "host mixes writing directions in a label (RFC 5893)"},
		{"http://xn--a.\xC3\xBC/", "host has the forbidden character U+0080"},
		{"http://xn--.\xC3\xBC/", "host has a label xn-- that is not Punycode"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		struct url url;
		struct err err;

		assert_int_equal(parse(pairs[i].from, NULL, &url, &err), -1);
		assert_int_equal(err.code, ERR_FETCH_URL);
		assert_string_equal(err.detail, pairs[i].to);
	}
}

static void an_opaque_base_takes_fragments_only(void **state)
{
	/* Section 4.4, no scheme state. */
	struct url url;
	struct err err;

	(void)state;
	assert_int_equal(parse("#x", "mailto:a@b?c", &url, &err), 0);
	assert_string_equal(url.href, "mailto:a@b?c#x");
	assert_int_equal(parse("x", "mailto:a@b", &url, &err), -1);
	assert_string_equal(err.detail, "URL is relative, but its base has no path of segments");
}

static void gives_every_part(void **state)
{
	/* A URL with all parts, and one with none: an absent part differs from an empty one. */
	struct url url = parsed("https://us:pw@example.com:8443/a/b?c=d#e");

	(void)state;
	assert_int_equal(url.kind, URL_HTTPS);
	check_part(url.scheme, "https");
	check_part(url.username, "us");
	check_part(url.password, "pw");
	check_part(url.host, "example.com");
	check_part(url.path, "/a/b");
	check_part(url.query, "c=d");
	check_part(url.fragment, "e");
	assert_int_equal(url.port, 8443);

	url = parsed("http://h/?");
	check_part(url.query, "");
	assert_null(url.fragment.at);
	assert_null(url.username.at);
	assert_int_equal(url.port, -1);
	assert_int_equal(url_port(&url), 80);
}

static void tells_origins_and_host_keys(void **state)
{
	/* Origins by section 4.7; the host key always names the port. */
	struct url https = parsed("https://example.com/x"),
		   port = parsed("https://example.com:444/");
	struct url file = parsed("file:///a"), blob = parsed("blob:https://x.y:443/1-2");

	(void)state;
	assert_string_equal(url_origin(&https, &arena), "https://example.com");
	assert_string_equal(url_origin(&port, &arena), "https://example.com:444");
	assert_string_equal(url_origin(&file, &arena), "null");
	assert_string_equal(url_origin(&blob, &arena), "https://x.y");
	assert_string_equal(url_host_key(&https, &arena), "https:example.com:443");
	assert_string_equal(url_host_key(&port, &arena), "https:example.com:444");
	assert_true(url_same_origin(&https, &https));
	assert_false(url_same_origin(&https, &port));
	assert_false(url_same_origin(&file, &file));
}

static void gives_the_address_of_a_literal_host(void **state)
{
	/* A name has none; a literal has one with the port that is connected to. */
	struct url v4 = parsed("https://0x7f.1/"), v6 = parsed("http://[::1]:81/");
	struct url name = parsed("http://example.com/"), opaque = parsed("sc:x");
	struct sockaddr_storage address;
	const struct sockaddr_in *in = (const struct sockaddr_in *)&address;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address;

	(void)state;
	assert_true(url_address(&v4, &address));
	assert_int_equal(in->sin_family, AF_INET);
	assert_int_equal(ntohl(in->sin_addr.s_addr), 0x7F000001);
	assert_int_equal(ntohs(in->sin_port), 443);
	assert_true(url_address(&v6, &address));
	assert_int_equal(in6->sin6_family, AF_INET6);
	assert_true(IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr));
	assert_int_equal(ntohs(in6->sin6_port), 81);
	assert_false(url_address(&name, &address));
	assert_false(url_address(&opaque, &address));
}

static void canonical_levels_what_changes_no_page(void **state)
{
	/* Fragment dropped, query sorted, %XX upper case, blank values kept. */
	static const struct {
		const char *from, *kept, *stripped;
	} rows[] = {
		{"http://a/%c3%a9?b=%2f&a=2&a=1#f", "http://a/%C3%A9?a=1&a=2&b=%2F", NULL},
		{"http://a/?b=&a", "http://a/?a&b=", NULL},
		{"http://a/?", "http://a/", NULL},
		{"http://a/?&&", "http://a/", NULL},
		{"http://a/?ab=1&a=1", "http://a/?a=1&ab=1", NULL},
		{"http://u@a:81/?a=1&a=1", "http://u@a:81/?a=1&a=1", NULL},
		{"http://a/?x=1&utm_source=n&gclid=1", "http://a/?gclid=1&utm_source=n&x=1",
		 "http://a/?x=1"},
		{"http://a/?utm_source=n", "http://a/?utm_source=n", "http://a/"},
		{"http://a/?gclids=1&utm=2", "http://a/?gclids=1&utm=2",
		 "http://a/?gclids=1&utm=2"},
		{"mailto:a#b", "mailto:a", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct url url = parsed(rows[i].from);

		assert_string_equal(url_canonical(&url, false, &arena), rows[i].kept);
		assert_string_equal(url_canonical(&url, true, &arena),
				    rows[i].stripped ? rows[i].stripped : rows[i].kept);
	}
}

static void refuses_what_a_fetch_or_a_crawl_may_not_take(void **state)
{
	/* The limits that limits.h gives: 2,083 bytes, 20 segments, 2 alike in a row. */
	char text[URL_BYTES_MAX + 2] = "http://a/";
	struct url ftp = parsed("ftp://a/"), deep, twice = parsed("http://a/x/x/y/x");
	struct url thrice = parsed("http://a/x/x/x"), longest;
	struct err err;

	(void)state;
	memset(text + 9, 'x', URL_BYTES_MAX - 9);
	longest = parsed(text);
	assert_int_equal(url_check_crawl(&longest, &err), 0);
	text[URL_BYTES_MAX] = 'x';
	longest = parsed(text);
	assert_int_equal(url_check_fetch(&longest, &err), -1);
	assert_string_equal(err.detail, "URL has 2084 bytes, more than 2083");
	assert_int_equal(url_check_fetch(&ftp, &err), -1);
	assert_string_equal(err.detail, "scheme ftp: is not http: or https:");
	assert_int_equal(url_check_crawl(&twice, &err), 0);
	assert_int_equal(url_check_crawl(&thrice, &err), -1);
	deep = parsed("http://a/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20");
	assert_int_equal(url_check_crawl(&deep, &err), 0);
	deep = parsed("http://a/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/21");
	assert_int_equal(url_check_crawl(&deep, &err), -1);
}

static void refuses_texts_and_hosts_without_measure(void **state)
{
	/* One byte more than URL_TEXT_BYTES_MAX, and an international host of 2,000 letters. */
	size_t len = URL_TEXT_BYTES_MAX + 1;
	char *text = malloc(len);
	struct url url;
	struct err err;

	(void)state;
	assert_non_null(text);
	memset(text, 'a', len);
	memcpy(text, "data:", 5);
	assert_int_equal(url_parse(text, len, NULL, &arena, &url, &err), -1);
	assert_int_equal(url_parse(text, len - 1, NULL, &arena, &url, &err), 0);
	memcpy(text, "http://\xC3\xBC", 9);
	assert_int_equal(url_parse(text, 2000, NULL, &arena, &url, &err), -1);
	assert_string_equal(err.detail, "host is longer than 1024 code points");
	free(text);
}

/* ---- the web-platform cases: an array of flat objects ---- */

struct wpt {
	const char *input, *base, *href, *origin, *protocol, *host, *port, *pathname, *search,
		*hash;
	const char *username, *password;
	size_t input_len, base_len;
	bool failure;
};

static unsigned hex4(const char *at)
{
	char text[5] = {at[0], at[1], at[2], at[3], 0};

	return (unsigned)strtoul(text, NULL, 16);
}

/* The escape behind a backslash; returns what follows it. */
static const char *read_escape(const char *at, struct buf *to)
{
	static const char letters[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	unsigned c;

	if (*at != 'u') {
		buf_add_byte(to, values[strchr(letters, *at) - letters]);
		return at + 1;
	}
	c = hex4(at + 1);
	at += 5;
	if (c >= 0xD800 && c < 0xDC00 && at[0] == '\\' && at[1] == 'u' && hex4(at + 2) >= 0xDC00) {
		c = 0x10000 + ((c - 0xD800) << 10) + (hex4(at + 2) - 0xDC00);
		at += 6;
	} else if (c >= 0xD800 && c < 0xE000) {
		c = 0xFFFD; /* a lone surrogate, as a USVString takes it */
	}
	if (c < 0x80) {
		buf_add_byte(to, (char)c);
	} else if (c < 0x800) {
		buf_add_byte(to, (char)(0xC0 | c >> 6));
		buf_add_byte(to, (char)(0x80 | (c & 63)));
	} else {
		if (c >= 0x10000) {
			buf_add_byte(to, (char)(0xF0 | c >> 18));
			buf_add_byte(to, (char)(0x80 | (c >> 12 & 63)));
		} else {
			buf_add_byte(to, (char)(0xE0 | c >> 12));
		}
		buf_add_byte(to, (char)(0x80 | (c >> 6 & 63)));
		buf_add_byte(to, (char)(0x80 | (c & 63)));
	}
	return at;
}

/* The string at a quote; returns what follows it. */
static const char *read_string(const char *at, const char **ret, size_t *ret_len)
{
	struct buf text = BUF(1 << 20);

	for (at++; *at != '"';) {
		if (*at == '\\')
			at = read_escape(at + 1, &text);
		else
			buf_add_byte(&text, *at++);
	}
	*ret = arena_copy(&arena, buf_text(&text), text.len);
	*ret_len = text.len;
	assert_non_null(*ret);
	buf_done(&text);
	return at + 1;
}

static void wpt_set(struct wpt *test, const char *name, const char *value, size_t len)
{
	const struct {
		const char *name;
		const char **to;
	} members[] = {
		{"input", &test->input},       {"base", &test->base},
		{"href", &test->href},	       {"origin", &test->origin},
		{"protocol", &test->protocol}, {"host", &test->host},
		{"port", &test->port},	       {"pathname", &test->pathname},
		{"search", &test->search},     {"hash", &test->hash},
		{"username", &test->username}, {"password", &test->password},
	};

	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (strcmp(name, members[i].name) == 0)
			*members[i].to = value;
	if (strcmp(name, "input") == 0)
		test->input_len = len;
	if (strcmp(name, "base") == 0)
		test->base_len = len;
}

/* The object at a brace; returns what follows it. */
static const char *read_case(const char *at, struct wpt *ret)
{
	*ret = (struct wpt){.input = NULL};
	while (*at != '}') {
		const char *name, *value;
		size_t len;

		at += strcspn(at, "\"}");
		if (*at == '}')
			break;
		at = read_string(at, &name, &len);
		at += strspn(at, " :\n");
		if (*at == '"') {
			at = read_string(at, &value, &len);
			wpt_set(ret, name, value, len);
		} else {
			if (strcmp(name, "failure") == 0)
				ret->failure = *at == 't';
			at += strcspn(at, ",}");
		}
	}
	return at + 1;
}

static bool part_is(const char *mark, struct url_part part, const char *want)
{
	if (part.len == 0)
		return *want == '\0';
	return strncmp(want, mark, strlen(mark)) == 0 && strlen(want) == strlen(mark) + part.len &&
	       !memcmp(want + strlen(mark), part.at, part.len);
}

static bool host_is(const struct url *url, const char *want)
{
	const char *text =
		arena_printf(&arena, "%.*s", (int)url->host.len, url->host.at ? url->host.at : "");

	if (url->port >= 0)
		text = arena_printf(&arena, "%s:%d", text, url->port);
	return strcmp(text, want) == 0;
}

static bool wpt_passes(const struct wpt *test)
{
	struct url base, url;
	struct err err;
	int rc = 0;

	if (test->base)
		rc = url_parse(test->base, test->base_len, NULL, &arena, &base, &err);
	if (rc == 0)
		rc = url_parse(test->input, test->input_len, test->base ? &base : NULL, &arena,
			       &url, &err);
	if (rc || test->failure)
		return rc && test->failure;
	return strcmp(url.href, test->href) == 0 &&
	       strncmp(url.href, test->protocol, url.scheme.len + 1) == 0 &&
	       host_is(&url, test->host) && part_is("", url.path, test->pathname) &&
	       part_is("?", url.query, test->search) && part_is("#", url.fragment, test->hash) &&
	       part_is("", url.username, test->username) &&
	       part_is("", url.password, test->password) &&
	       (!test->origin || strcmp(url_origin(&url, &arena), test->origin) == 0);
}

/* A case is about http(s) when its result is, or, failing, its text or base. */
static bool is_web(const struct wpt *test)
{
	const char *scheme = test->protocol ? test->protocol : test->input;

	return strncmp(scheme, "http", 4) == 0 ||
	       (test->failure && test->base && strncmp(test->base, "http", 4) == 0);
}

static char *file_read(const char *path)
{
	FILE *file = fopen(path, "r");
	struct buf text = BUF(4 << 20);
	char block[4096];
	size_t len;

	if (!file)
		return NULL;
	while ((len = fread(block, 1, sizeof(block), file)) > 0)
		buf_add(&text, block, len);
	fclose(file);
	return buf_take(&text, NULL);
}

static void agrees_with_the_web_platform_tests(void **state)
{
	/* Every http(s) case must be right; the others are judged and counted too. */
	char *text = file_read(CONFORMANCE);
	unsigned web = 0, web_right = 0, other = 0, other_right = 0;
	struct wpt test;

	(void)state;
	if (!text) {
		print_message("%s is absent\n", CONFORMANCE);
		skip();
	}
	for (const char *at = strchr(text, '{'); at; at = strchr(at, '{')) {
		bool right;

		at = read_case(at, &test);
		right = wpt_passes(&test);
		*(is_web(&test) ? &web : &other) += 1;
		*(is_web(&test) ? &web_right : &other_right) += right;
		if (!right)
			print_message("wrong: <%s> base <%s>\n", test.input,
				      test.base ? test.base : "");
	}
	free(text);
	print_message("web-platform URL cases: http(s) %u of %u, others %u of %u\n", web_right, web,
		      other_right, other);
	assert_true(web > 100 && other > 100);
	assert_int_equal(web_right, web);
	assert_int_equal(other_right, other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(resolves_the_examples_of_rfc_3986, arena_reset),
		cmocka_unit_test_setup(normalises_what_browsers_normalise, arena_reset),
		cmocka_unit_test_setup(keeps_the_drive_of_a_file_base, arena_reset),
		cmocka_unit_test_setup(reads_every_spelling_of_an_address, arena_reset),
		cmocka_unit_test_setup(converts_international_names, arena_reset),
		cmocka_unit_test_setup(says_what_is_wrong_and_where, arena_reset),
		cmocka_unit_test_setup(an_opaque_base_takes_fragments_only, arena_reset),
		cmocka_unit_test_setup(gives_every_part, arena_reset),
		cmocka_unit_test_setup(tells_origins_and_host_keys, arena_reset),
		cmocka_unit_test_setup(gives_the_address_of_a_literal_host, arena_reset),
		cmocka_unit_test_setup(canonical_levels_what_changes_no_page, arena_reset),
		cmocka_unit_test_setup(refuses_what_a_fetch_or_a_crawl_may_not_take, arena_reset),
		cmocka_unit_test_setup(refuses_texts_and_hosts_without_measure, arena_reset),
		cmocka_unit_test_setup(agrees_with_the_web_platform_tests, arena_reset),
	};

	return cmocka_run_group_tests(tests, NULL, arena_end);
}
