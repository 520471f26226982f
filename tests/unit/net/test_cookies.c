/* SPDX-License-Identifier: MIT */
/* test_cookies.c - the storage model (RFC 6265bis, section 5.7), the Cookie header (5.8.3),
 * and jars that are saved and loaded. */
#include "net/cookies.h"

#include "base/arena.h"
#include "base/compiler.h"
#include "net/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NOW_S = 1000000000 };

static struct arena urls;
static struct cookies *jar;

static int begin(void **state)
{
	(void)state;
	arena_init(&urls, 64 << 20);
	jar = cookies_new();
	return jar ? 0 : -1;
}

static int finish(void **state)
{
	(void)state;
	cookies_free(jar);
	arena_done(&urls);
	return 0;
}

static struct url url_of(const char *text)
{
	struct url url;
	struct err err;

	if (url_parse(text, strlen(text), NULL, &urls, &url, &err))
		fail_msg("%s: %s", text, err.detail);
	return url;
}

static void receive_at(const char *from, const char *line, int64_t now_s)
{
	struct url url = url_of(from);

	cookies_receive(jar, &url, line, strlen(line), now_s);
}

static void receive(const char *from, const char *line)
{
	receive_at(from, line, NOW_S);
}

/* The Cookie header to `to`, in the arena. */
static const char *sent_at(const char *to, const char *own, int64_t now_s)
{
	struct url url = url_of(to);
	struct buf header = BUF(1 << 20);
	const char *copy;

	cookies_send(jar, &url, own, now_s, &header);
	copy = arena_text(&urls, buf_text(&header));
	buf_done(&header);
	assert_non_null(copy);
	return copy;
}

static const char *sent(const char *to)
{
	return sent_at(to, NULL, NOW_S);
}

struct row {
	const char *from, *line, *to, *header;
};

/* Each row with a jar of its own. */
static void check(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *header;

		cookies_free(jar);
		jar = cookies_new();
		receive(rows[i].from, rows[i].line);
		header = sent(rows[i].to);
		if (strcmp(header, rows[i].header) != 0)
			fail_msg("%s from %s to %s: '%s'", rows[i].line, rows[i].from, rows[i].to,
				 header);
	}
}

static void domains_decide_who_gets_it(void **state)
{
	/* 5.1.3 and 5.7: host-only without Domain, else the domain and what is below. */
	static const struct row rows[] = {
		{"http://a.example.com/", "c=1", "http://a.example.com/", "c=1"},
		{"http://a.example.com/", "c=1", "http://A.Example.COM/", "c=1"},
		{"http://a.example.com/", "c=1", "http://a.example.com:8080/", "c=1"},
		{"http://a.example.com/", "c=1", "http://b.a.example.com/", ""},
		{"http://a.example.com/", "c=1", "http://example.com/", ""},
		{"http://a.example.com/", "c=1; domain=example.com", "http://example.com/", "c=1"},
		{"http://a.example.com/", "c=1; domain=.Example.Com", "http://x.y.example.com/",
		 "c=1"},
		{"http://a.example.com/", "c=1; domain=example.com", "http://notexample.com/", ""},
		{"http://a.example.com/", "c=1; domain=b.example.com", "http://b.example.com/", ""},
		{"http://a.example.com/", "c=1; domain=b.a.example.com", "http://b.a.example.com/",
		 ""},
		{"http://a.example.com/", "c=1; domain=xample.com", "http://xample.com/", ""},
		{"http://a.example.com/", "c=1; domain=evil.org", "http://evil.org/", ""},
		{"http://a.example.com/", "c=1; domain=evil.org", "http://a.example.com/", ""},
		{"http://a.example.com/", "c=1; domain=ex\xc3\xa4mple.com", "http://a.example.com/",
		 ""},
		{"http://a.example.com/", "c=1; domain=", "http://a.example.com/", "c=1"},
		{"http://a.example.com/", "c=1; domain=", "http://b.a.example.com/", ""},
		{"http://a.example.com/", "c=1; domain=.", "http://b.a.example.com/", ""},
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void public_suffixes_are_no_domains(void **state)
{
	/* 5.7: ignored, unless the host is that suffix: then it is host-only. */
	static const struct row rows[] = {
		{"http://a.example.com/", "c=1; domain=com", "http://a.example.com/", ""},
		{"http://a.example.com./", "c=1; domain=com.", "http://b.com./", ""},
		{"http://a.example.co.uk/", "c=1; domain=co.uk", "http://b.co.uk/", ""},
		{"http://me.github.io/", "c=1; domain=github.io", "http://you.github.io/", ""},
		{"http://github.io/", "c=1; domain=github.io", "http://github.io/", "c=1"},
		{"http://github.io/", "c=1; domain=github.io", "http://you.github.io/", ""},
		{"http://localhost/", "c=1; domain=localhost", "http://localhost/", "c=1"},
		{"http://localhost/", "c=1; domain=localhost", "http://x.localhost/", ""},
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void addresses_match_as_a_whole(void **state)
{
	/* 5.1.3: a suffix of an address is no domain. */
	static const struct row rows[] = {
		{"http://127.0.0.1/", "c=1", "http://127.0.0.1:81/", "c=1"},
		{"http://127.0.0.1/", "c=1; domain=127.0.0.1", "http://127.0.0.1/", "c=1"},
		{"http://127.0.0.1/", "c=1; domain=0.0.1", "http://127.0.0.1/", ""},
		{"http://127.0.0.1/", "c=1", "http://127.0.0.2/", ""},
		{"http://[::1]/", "c=1", "http://[::1]:8080/", "c=1"},
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void paths_decide_too(void **state)
{
	/* 5.1.4: the default path, and a prefix that ends at a '/'. */
	static const struct row rows[] = {
		{"http://h/a/b", "c=1", "http://h/a", "c=1"},
		{"http://h/a/b", "c=1", "http://h/a/", "c=1"},
		{"http://h/a/b", "c=1", "http://h/a/b/c", "c=1"},
		{"http://h/a/b", "c=1", "http://h/ab", ""},
		{"http://h/a/b", "c=1", "http://h/", ""},
		{"http://h/a/b/", "c=1", "http://h/a/b", "c=1"},
		{"http://h/a/b/", "c=1", "http://h/a/", ""},
		{"http://h/a", "c=1", "http://h/z", "c=1"},
		{"http://h", "c=1", "http://h/z", "c=1"},
		{"http://h/a?x=/y/z", "c=1", "http://h/z", "c=1"},
		{"http://h/a", "c=1; path=/x", "http://h/x", "c=1"},
		{"http://h/a", "c=1; path=/x", "http://h/x?y", "c=1"},
		{"http://h/a", "c=1; path=/x", "http://h/xy", ""},
		{"http://h/a", "c=1; path=/x/", "http://h/x", ""},
		{"http://h/a", "c=1; path=/x/", "http://h/x/y", "c=1"},
		{"http://h/a", "c=1; path=/X", "http://h/x", ""},
		{"http://h/a/b", "c=1; path=x", "http://h/a", "c=1"},
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void secure_means_https(void **state)
{
	/* 5.7 and 5.8.3: set and sent over https only; HttpOnly and SameSite withhold nothing. */
	static const struct row rows[] = {
		{"https://h/", "c=1; secure", "https://h/", "c=1"},
		{"https://h/", "c=1; secure", "http://h/", ""},
		{"http://h/", "c=1; secure", "https://h/", ""},
		{"https://h/", "c=1", "http://h/", "c=1"},
		{"http://h/", "c=1; httponly", "http://h/", "c=1"},
		{"http://h/", "c=1; samesite=strict", "http://h/", "c=1"},
		{"http://h/", "c=1; samesite=none", "http://h/", ""},
		{"https://h/", "c=1; samesite=none", "https://h/", ""},
		{"https://h/", "c=1; samesite=none; secure", "https://h/", "c=1"},
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void prefixes_are_promises(void **state)
{
	/* 5.4 and 5.7: __Secure- wants Secure, __Host- wants Secure, no Domain and Path=/. */
	static const struct row rows[] = {
		{"https://h.org/", "__Secure-a=1; secure", "https://h.org/", "__Secure-a=1"},
		{"https://h.org/", "__Secure-a=1", "https://h.org/", ""},
		{"https://h.org/", "__sEcUrE-a=1", "https://h.org/", ""},
		{"https://h.org/", "__Host-a=1; secure; path=/", "https://h.org/", "__Host-a=1"},
		{"https://h.org/", "__Host-a=1; secure", "https://h.org/", ""},
		{"https://h.org/", "__Host-a=1; secure; path=x", "https://h.org/", "__Host-a=1"},
		{"https://h.org/", "__Host-a=1; secure; path=/x", "https://h.org/x", ""},
		{"https://h.org/", "__Host-a=1; path=/", "https://h.org/", ""},
		{"https://h.org/", "__Host-a=1; secure; path=/; domain=h.org", "https://h.org/",
		 ""},
		{"https://h.org/", "=__Host-a=1", "https://h.org/", ""},
		{"https://h.org/", "__secure-a", "https://h.org/", ""},
		{"https://h.org/", "a=__Host-b", "https://h.org/", "a=__Host-b"},
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void secure_cookies_are_left_alone(void **state)
{
	/* 5.7: in the clear nobody lays a cookie over a secure one of that name. */
	(void)state;
	receive("https://a.h.org/", "c=good; secure; path=/login");
	receive("http://a.h.org/", "c=bad; path=/login/x");
	receive("http://b.h.org/", "c=bad; domain=h.org; path=/login");
	receive("http://x.a.h.org/", "c=bad; path=/login");
	assert_string_equal(sent("https://a.h.org/login/x"), "c=good");
	assert_string_equal(sent("http://x.a.h.org/login"), "");
	receive("http://a.h.org/", "c=other; path=/");
	receive("http://a.h.org/", "d=fine; path=/login");
	assert_string_equal(sent("https://a.h.org/login/x"), "c=good; d=fine; c=other");
	receive("https://a.h.org/", "c=new; path=/login");
	assert_string_equal(sent("http://a.h.org/login"), "c=new; d=fine; c=other");
}

static void a_new_one_replaces_its_like(void **state)
{
	/* 5.7: name, domain, host-only-flag and path; it keeps the place of the old one. */
	(void)state;
	receive("http://a.h.org/", "c=1");
	receive("http://a.h.org/", "d=2");
	receive("http://a.h.org/", "c=3");
	assert_string_equal(sent("http://a.h.org/"), "c=3; d=2");
	receive("http://a.h.org/", "C=4");
	receive("http://a.h.org/", "c=5; domain=a.h.org");
	assert_string_equal(sent("http://a.h.org/"), "c=3; d=2; C=4; c=5");
	assert_int_equal(cookies_count(jar), 4);
}

static void longer_paths_and_older_ones_come_first(void **state)
{
	/* 5.8.3, step 2, whatever domain they are of. */
	(void)state;
	receive("http://a.h.org/x/y", "one=1; path=/");
	receive("http://a.h.org/x/y", "two=2; path=/x; domain=h.org");
	receive("http://a.h.org/x/y", "three=3");
	receive("http://a.h.org/x/y", "four=4; path=/x/y");
	receive("http://a.h.org/x/y", "=five");
	receive("http://a.h.org/x/y", "six=");
	assert_string_equal(sent("http://a.h.org/x/y"),
			    "four=4; two=2; three=3; five; six=; one=1");
}

static void cookies_end(void **state)
{
	/* 5.7: expired ones go, a past date deletes, sessions stay. */
	(void)state;
	receive("http://h/", "a=1; max-age=10");
	receive("http://h/", "b=2");
	receive("http://h/", "c=3; expires=Sun, 09 Sep 2001 01:46:45 GMT"); /* NOW_S + 5 */
	assert_string_equal(sent_at("http://h/", NULL, NOW_S + 4), "a=1; b=2; c=3");
	assert_string_equal(sent_at("http://h/", NULL, NOW_S + 5), "a=1; b=2");
	assert_string_equal(sent_at("http://h/", NULL, NOW_S + 10), "b=2");
	assert_int_equal(cookies_count(jar), 1);
	receive("http://h/", "b=; max-age=0");
	assert_int_equal(cookies_count(jar), 0);
	receive("http://h/", "n=1; expires=Thu, 01 Jan 1970 00:00:00 GMT");
	assert_int_equal(cookies_count(jar), 0);
}

static void a_domain_has_fifty(void **state)
{
	/* 5.7, excess cookies: those that are not secure go first, then those used longest ago. */
	(void)state;
	receive("https://h.org/", "first=1; path=/none");
	receive("https://h.org/", "safe=1; secure");
	for (int i = 0; i < 48; i++)
		receive("https://h.org/", arena_printf(&urls, "c%d=1", i));
	receive("https://other.org/", "o=1");
	assert_int_equal(cookies_count(jar), 51);
	assert_non_null(strstr(sent("https://h.org/"), "c0=1")); /* all but `first` are used */
	receive("https://h.org/", "more=1");
	assert_string_equal(sent("https://h.org/none"), "safe=1; c0=1; c1=1; c2=1; c3=1; c4=1; "
							"c5=1; c6=1; c7=1; c8=1; c9=1; c10=1; "
							"c11=1; c12=1; c13=1; c14=1; c15=1; c16=1; "
							"c17=1; c18=1; c19=1; c20=1; c21=1; c22=1; "
							"c23=1; c24=1; c25=1; c26=1; c27=1; c28=1; "
							"c29=1; c30=1; c31=1; c32=1; c33=1; c34=1; "
							"c35=1; c36=1; c37=1; c38=1; c39=1; c40=1; "
							"c41=1; c42=1; c43=1; c44=1; c45=1; c46=1; "
							"c47=1; more=1");
	receive("https://h.org/", "again=1"); /* `safe` was used before c0, but is secure */
	assert_null(strstr(sent("https://h.org/"), "c0=1"));
	assert_non_null(strstr(sent("https://h.org/"), "safe=1"));
	assert_int_equal(cookies_count(jar), 51);
}

static void a_jar_has_three_thousand(void **state)
{
	/* 5.7: the one that was used longest ago goes, of whatever domain. */
	(void)state;
	for (int i = 0; i < 3000; i++)
		receive(arena_printf(&urls, "http://h%d.org/", i), arena_printf(&urls, "c=%d", i));
	assert_int_equal(cookies_count(jar), 3000);
	assert_string_equal(sent("http://h0.org/"), "c=0");
	receive("http://new.org/", "c=new");
	assert_int_equal(cookies_count(jar), 3000);
	assert_string_equal(sent("http://h0.org/"), "c=0");
	assert_string_equal(sent("http://h1.org/"), "");
	assert_string_equal(sent("http://new.org/"), "c=new");
}

static void a_jar_has_a_mebibyte(void **state)
{
	/* 300 cookies of 4,000 bytes are more: the first of them are gone. */
	char *line = malloc(4100);

	(void)state;
	assert_non_null(line);
	memset(line, 'v', 4000);
	memcpy(line, "big=", 4);
	line[4000] = '\0';
	for (int i = 0; i < 300; i++)
		receive(arena_printf(&urls, "http://h%d.org/", i), line);
	free(line);
	assert_in_range(cookies_count(jar), 250, 262);
	assert_string_equal(sent("http://h0.org/"), "");
	assert_int_equal(strlen(sent("http://h299.org/")), 4000);
}

static void a_header_has_sixteen_kibibytes(void **state)
{
	/* Ten cookies of 3,000 bytes: five fit, and the short one after them. */
	char *line = malloc(3001);

	(void)state;
	assert_non_null(line);
	memset(line, 'v', 3000);
	line[3000] = '\0';
	for (int i = 0; i < 10; i++) {
		memcpy(line, "big0=", 5);
		line[3] = (char)('0' + i);
		receive("http://h/", line);
	}
	receive("http://h/", "small=1");
	free(line);
	assert_int_equal(strlen(sent("http://h/")), 5 * 3000 + 4 * 2 + strlen("; small=1"));
}

static void the_users_header_comes_first(void **state)
{
	/* What the user wrote is sent as written, and wins over cookies of the same name. */
	(void)state;
	receive("http://h/", "a=jar");
	receive("http://h/", "b=jar");
	receive("http://h/", "c=jar");
	assert_string_equal(sent_at("http://h/", "b=own; d=own", NOW_S),
			    "b=own; d=own; a=jar; c=jar");
	assert_string_equal(sent_at("http://none/", "b=own", NOW_S), "b=own");
}

static void put(const char *to, const char *name, const char *value)
{
	struct url url = url_of(to);
	struct err err;

	if (cookies_put(jar, &url, name, value, &err))
		fail_msg("%s", err.detail);
}

static void cookies_can_be_put(void **state)
{
	/* For that host alone, all its paths, and https when it came so. */
	(void)state;
	put("http://a.org/deep/page", "session", "42");
	put("https://b.org/", "session", "43");
	assert_string_equal(sent("http://a.org/"), "session=42");
	assert_string_equal(sent("http://x.a.org/"), "");
	assert_string_equal(sent("https://b.org/x"), "session=43");
	assert_string_equal(sent("http://b.org/x"), "");
	put("https://a.org/", "session", "44");
	assert_string_equal(sent("http://a.org/"), "session=44");
	receive("http://a.org/", "session=45; path=/");
	assert_string_equal(sent("http://a.org/"), "session=45");
}

static void what_no_cookie_can_be_is_refused(void **state)
{
	/* Names and values that would not come out of a Set-Cookie line as they went in. */
	static const char *const pairs[][2] = {
		{"", "x"},   {"a=b", "x"}, {"a;b", "x"},  {"a", "x;y"},	  {" a", "x"},
		{"a", "x "}, {"a", "\tx"}, {"a\nb", "x"}, {"a", "x\r\n"}, {"a", "\x7f"},
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		if (cookies_check(pairs[i][0], pairs[i][1], &err) == 0 ||
		    err.code != ERR_INVALID_SPEC)
			fail_msg("'%s' = '%s'", pairs[i][0], pairs[i][1]);
	assert_int_equal(cookies_check("a b", "x=y, \"z\"", &err), 0);
	assert_int_equal(cookies_check("a", "", &err), 0);
}

static void a_saved_jar_goes_on(void **state)
{
	/* Order, age, flags and ends survive; so does who was used longest ago. */
	struct buf blob = BUF(COOKIES_BLOB_BYTES_MAX);
	struct err err;

	(void)state;
	receive("https://a.h.org/", "one=1; path=/; max-age=10");
	receive("https://a.h.org/", "two=2; path=/; domain=h.org; secure; samesite=lax");
	receive("https://a.h.org/", "three=3; path=/x");
	receive("https://a.h.org/", "gone=0; path=/; max-age=1");
	assert_string_equal(sent("https://a.h.org/"), "one=1; two=2; gone=0");
	assert_int_equal(cookies_save(jar, NOW_S + 2, &blob), 0);
	cookies_free(jar);
	jar = cookies_new();
	assert_int_equal(cookies_load(jar, blob.data, blob.len, &err), 0);
	buf_done(&blob);
	assert_int_equal(cookies_count(jar), 3);
	assert_string_equal(sent_at("https://a.h.org/x", NULL, NOW_S + 2), "three=3; one=1; two=2");
	assert_string_equal(sent_at("http://b.h.org/", NULL, NOW_S + 2), "");
	assert_string_equal(sent_at("https://b.h.org/", NULL, NOW_S + 2), "two=2");
	receive_at("https://a.h.org/", "four=4; path=/", NOW_S + 2);
	assert_string_equal(sent_at("https://a.h.org/", NULL, NOW_S + 10), "two=2; four=4");
}

static void the_largest_jar_can_be_saved(void **state)
{
	/* COOKIES_BLOB_BYTES_MAX holds whatever a jar holds: small cookies and large ones. */
	struct buf blob = BUF(COOKIES_BLOB_BYTES_MAX);
	char *line = malloc(4097);
	struct err err;
	size_t count;

	(void)state;
	assert_non_null(line);
	memset(line, 'v', 4096);
	line[4096] = '\0';
	for (int i = 0; i < 300; i++)
		receive(arena_printf(&urls, "http://h%d.org/", i), line);
	count = cookies_count(jar);
	assert_int_equal(cookies_save(jar, NOW_S, &blob), 0);
	assert_int_equal(cookies_load(jar, blob.data, blob.len, &err), 0);
	assert_int_equal(cookies_count(jar), count);
	free(line);
	buf_done(&blob);
}

static void damaged_blobs_are_refused(void **state)
{
	/* Each bit of it, and each length. */
	struct buf blob = BUF(COOKIES_BLOB_BYTES_MAX);
	struct err err;

	(void)state;
	receive("http://h/", "one=1");
	receive("http://h/", "two=2; path=/x");
	assert_int_equal(cookies_save(jar, NOW_S, &blob), 0);
	for (size_t len = 0; len < blob.len; len++) {
		assert_int_equal(cookies_load(jar, blob.data, len, &err), -1);
		assert_int_equal(err.code, ERR_IO);
	}
	for (size_t bit = 0; bit < blob.len * 8; bit++) {
		blob.data[bit / 8] ^= (char)(1 << bit % 8);
		assert_int_equal(cookies_load(jar, blob.data, blob.len, &err), -1);
		blob.data[bit / 8] ^= (char)(1 << bit % 8);
	}
	assert_int_equal(cookies_load(jar, blob.data, blob.len, &err), 0);
	assert_int_equal(cookies_load(jar, blob.data, blob.len - 1, &err), -1);
	assert_int_equal(cookies_count(jar), 0);
	buf_done(&blob);
}

static void the_version_moves_with_the_cookies(void **state)
{
	/* Setting, replacing and expiring count; sending does not. */
	uint64_t version = cookies_version(jar);

	(void)state;
	receive("http://h/", "a=1; max-age=5");
	assert_int_not_equal(cookies_version(jar), version);
	version = cookies_version(jar);
	sent("http://h/");
	receive("http://h/", "ignored\x01");
	assert_int_equal(cookies_version(jar), version);
	sent_at("http://h/", NULL, NOW_S + 6);
	assert_int_not_equal(cookies_version(jar), version);
}

#define JAR_TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		JAR_TEST(domains_decide_who_gets_it),
		JAR_TEST(public_suffixes_are_no_domains),
		JAR_TEST(addresses_match_as_a_whole),
		JAR_TEST(paths_decide_too),
		JAR_TEST(secure_means_https),
		JAR_TEST(prefixes_are_promises),
		JAR_TEST(secure_cookies_are_left_alone),
		JAR_TEST(a_new_one_replaces_its_like),
		JAR_TEST(longer_paths_and_older_ones_come_first),
		JAR_TEST(cookies_end),
		JAR_TEST(a_domain_has_fifty),
		JAR_TEST(a_jar_has_three_thousand),
		JAR_TEST(a_jar_has_a_mebibyte),
		JAR_TEST(a_header_has_sixteen_kibibytes),
		JAR_TEST(the_users_header_comes_first),
		JAR_TEST(cookies_can_be_put),
		JAR_TEST(what_no_cookie_can_be_is_refused),
		JAR_TEST(a_saved_jar_goes_on),
		JAR_TEST(the_largest_jar_can_be_saved),
		JAR_TEST(damaged_blobs_are_refused),
		JAR_TEST(the_version_moves_with_the_cookies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
