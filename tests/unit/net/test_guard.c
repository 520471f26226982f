/* SPDX-License-Identifier: MIT */
/* test_guard.c - the table row by row, and who wins over whom. */
#include "net/guard.h"

#include "base/compiler.h"
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

static struct sockaddr_storage address(const char *text, uint16_t port)
{
	struct sockaddr_storage storage = {.ss_family = strchr(text, ':') ? AF_INET6 : AF_INET};
	struct sockaddr_in *in = (struct sockaddr_in *)&storage;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&storage;
	void *to = storage.ss_family == AF_INET ? (void *)&in->sin_addr : (void *)&in6->sin6_addr;

	assert_int_equal(inet_pton(storage.ss_family, text, to), 1);
	in->sin_port = htons(port); /* sin6_port stands at the same place */
	return storage;
}

/* "" when allowed, else the reason. */
static const char *verdict(const struct guard *guard, const char *text, uint16_t port)
{
	static struct err err;
	struct sockaddr_storage storage = address(text, port);

	if (guard_check(guard, (const struct sockaddr *)&storage, &err) == 0)
		return "";
	assert_int_equal(err.code, ERR_FETCH_GUARD);
	return err.detail;
}

static void check(const struct guard *guard, const char *text, const char *reason)
{
	char want[200] = "";

	if (*reason)
		snprintf(want, sizeof(want), "%s is %s", text, reason);
	assert_string_equal(verdict(guard, text, 80), want);
}

static struct guard *open_guard(const char *cidr)
{
	struct guard *guard = guard_new();
	struct err err;

	assert_non_null(guard);
	if (cidr && guard_allow(guard, cidr, &err))
		fail_msg("%s", err.detail);
	return guard;
}

static void listen_at(struct guard *guard, const char *text, uint16_t port)
{
	struct sockaddr_storage storage = address(text, port);
	struct err err;

	assert_int_equal(guard_deny_own(guard, (const struct sockaddr *)&storage, &err), 0);
}

#define PRIVATE	 "a private network (RFC 1918)"
#define DOC4	 "for documentation (RFC 5737)"
#define DOC6	 "for documentation (RFC 3849)"
#define NOT_UNI	 "not global unicast (RFC 4291)"
#define LOCAL6	 "a private network (RFC 4193)"
#define COMPAT	 "IPv4-compatible (RFC 4291)"
#define PROTOCOL "for protocol assignments (RFC 2928)"

static void denies_each_range_from_its_first_to_its_last_address(void **state)
{
	/* First and last of each denied range, and the addresses beside them. */
	static const struct {
		const char *first, *last, *reason;
		const char *before, *before_reason; /* NULL: none; "": allowed */
		const char *after, *after_reason;
	} rows[] = {
		{"0.0.0.0", "0.255.255.255", "this network (RFC 1122)", NULL, NULL, "1.0.0.0", ""},
		{"10.0.0.0", "10.255.255.255", PRIVATE, "9.255.255.255", "", "11.0.0.0", ""},
		{"100.64.0.0", "100.127.255.255", "carrier-grade NAT (RFC 6598)", "100.63.255.255",
		 "", "100.128.0.0", ""},
		{"127.0.0.0", "127.255.255.255", "loopback", "126.255.255.255", "", "128.0.0.0",
		 ""},
		{"169.254.0.0", "169.254.255.255",
		 "link-local, where clouds keep credentials (RFC 3927)", "169.253.255.255", "",
		 "169.255.0.0", ""},
		{"172.16.0.0", "172.31.255.255", PRIVATE, "172.15.255.255", "", "172.32.0.0", ""},
		{"192.0.0.0", "192.0.0.255", "for protocol assignments (RFC 6890)",
		 "191.255.255.255", "", "192.0.1.0", ""},
		{"192.0.2.0", "192.0.2.255", DOC4, "192.0.1.255", "", "192.0.3.0", ""},
		{"192.31.196.0", "192.31.196.255", "AS112 (RFC 7535)", "192.31.195.255", "",
		 "192.31.197.0", ""},
		{"192.52.193.0", "192.52.193.255", "AMT (RFC 7450)", "192.52.192.255", "",
		 "192.52.194.0", ""},
		{"192.88.99.0", "192.88.99.255", "a 6to4 relay (RFC 7526)", "192.88.98.255", "",
		 "192.88.100.0", ""},
		{"192.168.0.0", "192.168.255.255", PRIVATE, "192.167.255.255", "", "192.169.0.0",
		 ""},
		{"192.175.48.0", "192.175.48.255", "AS112 (RFC 7534)", "192.175.47.255", "",
		 "192.175.49.0", ""},
		{"198.18.0.0", "198.19.255.255", "for benchmarks (RFC 2544)", "198.17.255.255", "",
		 "198.20.0.0", ""},
		{"198.51.100.0", "198.51.100.255", DOC4, "198.51.99.255", "", "198.51.101.0", ""},
		{"203.0.113.0", "203.0.113.255", DOC4, "203.0.112.255", "", "203.0.114.0", ""},
		{"224.0.0.0", "239.255.255.255", "multicast (RFC 5771)", "223.255.255.255", "",
		 "240.0.0.0", "reserved (RFC 1112)"},
		{"240.0.0.0", "255.255.255.255", "reserved (RFC 1112)", NULL, NULL, NULL, NULL},
		{"168.63.129.16", "168.63.129.16", "a cloud's own service (Azure)", "168.63.129.15",
		 "", "168.63.129.17", ""},

		{"2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", "Teredo (RFC 4380)",
		 "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", "2001:1::", PROTOCOL},
		{"2001:1::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", PROTOCOL, NULL, NULL,
		 "2001:200::", ""},
		{"2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", DOC6,
		 "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "", "2001:db9::", ""},
		{"2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "6to4 (RFC 3056)",
		 "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", "2003::", ""},
		{"3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "for documentation (RFC 9637)",
		 "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", "3fff:1000::", ""},
		{"4000::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NOT_UNI,
		 "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", "fc00::", LOCAL6},
		{"fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", LOCAL6, NULL, NULL,
		 "fe00::", NOT_UNI},
		{"fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "link-local (RFC 4291)",
		 "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NOT_UNI,
		 "fec0::", "site-local (RFC 3879)"},
		{"ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "multicast (RFC 4291)",
		 "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "site-local (RFC 3879)", NULL, NULL},
		{"::", "::", "the unspecified address", NULL, NULL, "::1", "loopback"},
		{"::0.0.0.2", "::255.255.255.255", COMPAT, NULL, NULL, "::1:0:0", NOT_UNI},
		{"64:ff9b::", "64:ff9b::255.255.255.255", "NAT64 (RFC 6052)",
		 "64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff", NOT_UNI, "64:ff9b::1:0:0", NOT_UNI},
		{"64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "NAT64 (RFC 8215)", NULL,
		 NULL, "64:ff9b:2::", NOT_UNI},
		{"100::", "100::ffff:ffff:ffff:ffff", "discarded (RFC 6666)", NULL, NULL,
		 "100:0:0:1::", NOT_UNI},
		{"200::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NOT_UNI, NULL, NULL,
		 "2000::", ""},
	};
	struct guard *guard = open_guard(NULL);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[INET6_ADDRSTRLEN], last[INET6_ADDRSTRLEN];
		struct sockaddr_storage storage = address(rows[i].first, 0);
		struct sockaddr_storage end = address(rows[i].last, 0);

		/* in the spelling that inet_ntop() gives */
		inet_ntop(storage.ss_family,
			  (char *)&storage + (storage.ss_family == AF_INET ? 4 : 8), text,
			  sizeof(text));
		inet_ntop(end.ss_family, (char *)&end + (end.ss_family == AF_INET ? 4 : 8), last,
			  sizeof(last));
		check(guard, text, rows[i].reason);
		check(guard, last, rows[i].reason);
		if (rows[i].before)
			check(guard, rows[i].before, rows[i].before_reason);
		if (rows[i].after)
			check(guard, rows[i].after, rows[i].after_reason);
	}
	guard_free(guard);
}

static void judges_mapped_addresses_as_ipv4(void **state)
{
	/* ::ffff:a.b.c.d is a.b.c.d, in the verdict, its text and under an allow rule. */
	struct guard *guard = open_guard(NULL), *open = open_guard("127.0.0.0/8");
	struct guard *six = open_guard("::/0");

	(void)state;
	assert_string_equal(verdict(guard, "::ffff:127.0.0.1", 80), "127.0.0.1 is loopback");
	assert_string_equal(verdict(guard, "::ffff:8.8.8.8", 80), "");
	assert_string_equal(verdict(open, "::ffff:127.0.0.1", 80), "");
	assert_string_equal(verdict(open, "127.255.255.255", 80), "");
	assert_string_equal(verdict(open, "::1", 80), "::1 is loopback");
	assert_string_equal(verdict(open, "10.0.0.1", 80), "10.0.0.1 is " PRIVATE);
	assert_string_equal(verdict(six, "::1", 80), "");
	assert_string_equal(verdict(six, "127.0.0.1", 80), "127.0.0.1 is loopback");
	guard_free(guard);
	guard_free(open);
	guard_free(six);
}

static void our_own_listener_stays_closed_whatever_is_allowed(void **state)
{
	/* Address and port; 0.0.0.0 and :: connect to loopback, so they are ours too. */
	struct guard *guard = open_guard("0.0.0.0/0"), *any = open_guard("0.0.0.0/0");
	struct err err;

	(void)state;
	assert_int_equal(guard_allow(guard, "::/0", &err), 0);
	listen_at(guard, "127.0.0.1", 8080);
	assert_string_equal(verdict(guard, "127.0.0.1", 8080),
			    "127.0.0.1 port 8080 is where this daemon listens");
	assert_string_equal(verdict(guard, "::ffff:127.0.0.1", 8080),
			    "127.0.0.1 port 8080 is where this daemon listens");
	assert_string_equal(verdict(guard, "0.0.0.0", 8080),
			    "0.0.0.0 port 8080 is where this daemon listens");
	assert_string_equal(verdict(guard, "::", 8080),
			    ":: port 8080 is where this daemon listens");
	assert_string_equal(verdict(guard, "127.0.0.1", 8081), "");
	assert_string_equal(verdict(guard, "127.0.0.2", 8080), "");

	listen_at(any, "::", 9090);
	listen_at(any, "192.168.1.5", 9090);
	assert_string_equal(verdict(any, "127.9.9.9", 9090),
			    "127.9.9.9 port 9090 is where this daemon listens");
	assert_string_equal(verdict(any, "192.168.1.5", 9090),
			    "192.168.1.5 port 9090 is where this daemon listens");
	assert_string_equal(verdict(any, "192.168.1.6", 9090), "");
	guard_free(guard);
	guard_free(any);
}

static void only_networks_are_allowed(void **state)
{
	/* Each text that is no CIDR, and what the operator is told. */
	static const struct {
		const char *cidr, *detail;
	} rows[] = {
		{"", " is not a network such as 10.0.0.0/8"},
		{"localhost", "localhost is not a network such as 10.0.0.0/8"},
		{"10.0.0/8", "10.0.0/8 is not a network such as 10.0.0.0/8"},
		{"10.0.0.0/", "10.0.0.0/ has no prefix length from 0 to 32"},
		{"10.0.0.0/33", "10.0.0.0/33 has no prefix length from 0 to 32"},
		{"10.0.0.0/-1", "10.0.0.0/-1 has no prefix length from 0 to 32"},
		{"::/129", "::/129 has no prefix length from 0 to 128"},
		{"127.0.0.1/8", "127.0.0.1/8 is not a network: did you mean 127.0.0.0/8?"},
		{"fe80::1/10", "fe80::1/10 is not a network: did you mean fe80::/10?"},
	};
	struct guard *guard = open_guard("10.0.0.7");
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(guard_allow(guard, rows[i].cidr, &err), -1);
		assert_int_equal(err.code, ERR_INVALID_SPEC);
		assert_string_equal(err.detail, rows[i].detail);
	}
	assert_string_equal(verdict(guard, "10.0.0.7", 80), "");
	assert_string_equal(verdict(guard, "10.0.0.8", 80), "10.0.0.8 is " PRIVATE);
	guard_free(guard);
}

static void the_hint_names_the_range_to_allow(void **state)
{
	/* The hint of the API's example; none where nothing would help. */
	struct guard *guard = open_guard(NULL);
	struct sockaddr_storage v4 = address("127.0.0.1", 80), v6 = address("fe80::1", 80);
	struct sockaddr_storage odd = address("4000::1", 80), public = address("8.8.8.8", 80);
	struct sockaddr_storage own = address("127.0.0.1", 8080);
	char text[GUARD_HINT_LEN];

	(void)state;
	listen_at(guard, "127.0.0.1", 8080);
	assert_string_equal(guard_hint(guard, (struct sockaddr *)&v4, text),
			    "serve --allow-net 127.0.0.0/8");
	assert_string_equal(guard_hint(guard, (struct sockaddr *)&v6, text),
			    "serve --allow-net fe80::/10");
	assert_string_equal(guard_hint(guard, (struct sockaddr *)&odd, text),
			    "serve --allow-net 4000::1/128");
	assert_string_equal(guard_hint(guard, (struct sockaddr *)&public, text), "");
	assert_string_equal(guard_hint(guard, (struct sockaddr *)&own, text), "");
	guard_free(guard);
}

static void knows_what_the_operator_allowed(void **state)
{
	/* A public address is permitted, but not inside an allowed network. */
	struct guard *guard = open_guard("127.0.0.0/8");
	struct sockaddr_storage inside = address("127.0.0.1", 80), out = address("8.8.8.8", 80);

	(void)state;
	assert_true(guard_inside(guard, (struct sockaddr *)&inside));
	assert_false(guard_inside(guard, (struct sockaddr *)&out));
	guard_free(guard);
}

static void refuses_names_that_never_are_public(void **state)
{
	/* .local (RFC 6762), .internal (ICANN 2024), .onion (RFC 7686), in any case. */
	static const struct {
		const char *name;
		int rc;
	} rows[] = {
		{"printer.local", -1},
		{"a.b.INTERNAL", -1},
		{"x.onion.", -1},
		{"local", -1},
		{"example.com", 0},
		{"notlocal", 0},
		{"local.example", 0},
		{"a.onions", 0},
		{"", 0},
		{"metadata.google.internal", -1},
	};
	struct guard *guard = open_guard("0.0.0.0/0");
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(guard_check_name(guard, rows[i].name, strlen(rows[i].name), &err),
				 rows[i].rc);
	assert_string_equal(err.detail, "names under .internal are not looked up");
	guard_free(guard);
}

static void refuses_families_that_it_does_not_know(void **state)
{
	/* A Unix socket's address has no octets to judge. */
	struct sockaddr_un local = {.sun_family = AF_UNIX};
	struct guard *guard = open_guard("0.0.0.0/0");
	struct err err;

	(void)state;
	assert_int_equal(guard_check(guard, (struct sockaddr *)&local, &err), -1);
	assert_string_equal(err.detail, "address is neither IPv4 nor IPv6");
	guard_free(guard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(denies_each_range_from_its_first_to_its_last_address),
		cmocka_unit_test(judges_mapped_addresses_as_ipv4),
		cmocka_unit_test(our_own_listener_stays_closed_whatever_is_allowed),
		cmocka_unit_test(only_networks_are_allowed),
		cmocka_unit_test(the_hint_names_the_range_to_allow),
		cmocka_unit_test(knows_what_the_operator_allowed),
		cmocka_unit_test(refuses_names_that_never_are_public),
		cmocka_unit_test(refuses_families_that_it_does_not_know),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
