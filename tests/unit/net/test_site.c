/* SPDX-License-Identifier: MIT */
/* test_site.c - examples of publicsuffix.org, and what is no name at all. */
#include "net/site.h"

#include "base/arena.h"
#include "base/compiler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct url_part part(const char *text)
{
	return (struct url_part){text, strlen(text)};
}

static void a_site_is_a_suffix_and_a_label(void **state)
{
	/* The checks of publicsuffix.org (checkPublicSuffix), and hosts without a site. */
	static const struct {
		const char *host, *site;
	} rows[] = {
		{"example.com", "example.com"},
		{"b.example.com", "example.com"},
		{"a.b.example.com", "example.com"},
		{"example.co.uk", "example.co.uk"},
		{"www.example.co.uk", "example.co.uk"},
		{"a.b.c.mm", "b.c.mm"},
		{"www.city.kobe.jp", "city.kobe.jp"},
		{"a.b.test.ck", "b.test.ck"},
		{"www.www.ck", "www.ck"},
		{"me.github.io", "me.github.io"},
		{"deep.me.github.io", "me.github.io"},
		{"xn--85x722f.xn--55qx5d.cn", "xn--85x722f.xn--55qx5d.cn"},
		{"www.xn--85x722f.xn--fiqs8s", "xn--85x722f.xn--fiqs8s"},
		{"a.example.unlisted", "example.unlisted"},
		{"www.example.com.", "example.com."},
		{"com", "com"},
		{"co.uk", "co.uk"},
		{"github.io", "github.io"},
		{"localhost", "localhost"},
		{"127.0.0.1", "127.0.0.1"},
		{"[2001:db8::1]", "[2001:db8::1]"},
		{"", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct url_part site = site_of(part(rows[i].host));

		if (site.len != strlen(rows[i].site) ||
		    memcmp(site.at, rows[i].site, site.len) != 0)
			fail_msg("%s: %.*s", rows[i].host, (int)site.len, site.at);
	}
}

static void public_suffixes_are_known(void **state)
{
	/* Rules, wildcards and exceptions of the list; single labels; addresses never. */
	static const struct {
		const char *host;
		bool is;
	} rows[] = {
		{"com", true},
		{"co.uk", true},
		{"example.co.uk", false},
		{"c.mm", true},

		{"c.kobe.jp", true},
		{"city.kobe.jp", false},
		{"github.io", true},
		{"me.github.io", false},
		{"localhost", true},
		{"unlisted", true},
		{"com.", true},
		{"co.uk.", true},
		{"127.0.0.1", false},
		{"[::1]", false},
		{"", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (site_is_public_suffix(part(rows[i].host)) != rows[i].is)
			fail_msg("%s", rows[i].host);
}

static void same_site_looks_at_hosts_only(void **state)
{
	/* Scheme and port do not matter; neighbours under a public suffix are strangers. */
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
		{"http://www.example.com/", "https://api.example.com:8443/x", true},
		{"http://example.com/", "http://example.org/", false},
		{"https://a.github.io/", "https://b.github.io/", false},
		{"http://127.0.0.1:1/", "http://127.0.0.1:2/", true},
		{"http://127.0.0.1/", "http://127.0.0.2/", false},
		{"http://localhost/", "http://localhost:81/", true},
		{"data:x", "data:x", false},
	};
	struct arena arena = ARENA(1 << 20);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct url a, b;
		struct err err;

		assert_int_equal(url_parse(rows[i].a, strlen(rows[i].a), NULL, &arena, &a, &err),
				 0);
		assert_int_equal(url_parse(rows[i].b, strlen(rows[i].b), NULL, &arena, &b, &err),
				 0);
		if (site_same(&a, &b) != rows[i].same)
			fail_msg("%s %s", rows[i].a, rows[i].b);
	}
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_site_is_a_suffix_and_a_label),
		cmocka_unit_test(public_suffixes_are_known),
		cmocka_unit_test(same_site_looks_at_hosts_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
