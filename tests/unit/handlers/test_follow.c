/* SPDX-License-Identifier: MIT */
/* test_follow.c - crawls of small sites that a fake serves: which links are followed, in
 * which order, and that each URL ends as one item however often the crawl is stopped.
 */
#include "tests/lib/fake_run.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/limits.h"
#include "handlers/scrape/visit.h"
#include "net/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct handler scrape_handler;

/* ---- sites ---- */

struct site_page {
	const char *url;
	int status;	      /* 0: 200 */
	const char *location; /* of a redirect */
	const char *body;     /* of a page */
	const char *robots;   /* X-Robots-Tag */
};

struct crawl_test {
	struct guard *guard;
	struct permits permits;
	struct fake_run *fake;
	const struct site_page *site; /* ended by {0}; what is not in it is 404 */
	char *asked;		      /* URLs in the order of their fetches, a line each */
	char *trusted;		      /* the same, of those with credentials */
};

static void line_add(char **lines, const char *line)
{
	char *more;

	assert_true(asprintf(&more, "%s%s\n", *lines, line) > 0);
	free(*lines);
	*lines = more;
}

static struct fetch_result *site_serve(void *ctx, const struct fetch_request *request)
{
	struct crawl_test *test = ctx;
	struct fetch_result *result;

	line_add(&test->asked, request->url);
	for (size_t i = 0; i < request->header_count; i++)
		if (strcmp(request->headers[i].name, "Authorization") == 0)
			line_add(&test->trusted, request->url);
	for (const struct site_page *page = test->site; page->url; page++) {
		if (strcmp(page->url, request->url) != 0)
			continue;
		result = fake_answer(request, page->status ? page->status : 200, "text/html",
				     page->body ? page->body : "");
		if (page->location)
			fake_header(result, "location", page->location);
		if (page->robots)
			fake_header(result, "x-robots-tag", page->robots);
		return result;
	}
	return fake_answer(request, 404, "text/html", "");
}

static void fake_begin(struct crawl_test *test)
{
	if (test->fake)
		fake_run_free(test->fake);
	free(test->asked);
	free(test->trusted);
	test->asked = calloc(1, 1);
	test->trusted = calloc(1, 1);
	test->fake = fake_run_new(&(struct fake_options){
		.lanes_for_cpu = 2,
		.permits = &test->permits,
		.fetch = site_serve,
		.ctx = test,
	});
}

static int crawl_set_up(void **state)
{
	struct crawl_test *test = calloc(1, sizeof(*test));

	test->guard = guard_new();
	test->permits.guard = test->guard;
	fake_begin(test);
	*state = test;
	return 0;
}

static int crawl_tear_down(void **state)
{
	struct crawl_test *test = *state;

	fake_run_free(test->fake);
	guard_free(test->guard);
	free(test->asked);
	free(test->trusted);
	free(test);
	return 0;
}

/* Crawls from http://a.example/ one fetch at a time; `follow` is the member's value. */
static const struct fake_seen *crawl(struct crawl_test *test, const struct site_page *site,
				     const char *follow)
{
	char spec[4096];

	test->site = site;
	fake_begin(test);
	snprintf(spec, sizeof(spec),
		 "{\"urls\":[\"http://a.example/\"],\"concurrency\":1,\"follow\":%s}", follow);
	assert_int_equal(fake_run_drive(test->fake, &scrape_handler, spec), FAKE_COMPLETED);
	return fake_run_seen(test->fake);
}

static void assert_in(const char *part, const char *whole)
{
	if (!strstr(whole, part))
		fail_msg("no %s in %s", part, whole);
}

/* ---- order and depth ---- */

static const struct site_page tree[] = {
	{.url = "http://a.example/", .body = "<a href=1>1</a><a href=2>2</a>"},
	{.url = "http://a.example/1", .body = "<a href=11>11</a><a href=/>up</a>"},
	{.url = "http://a.example/2", .body = "<a href=21#x>21</a><a href=21>21</a>"},
	{.url = "http://a.example/11", .body = "<a href=111>111</a>"},
	{.url = "http://a.example/21", .body = ""},
	{.url = "http://a.example/111", .body = ""},
	{0},
};

static void links_are_followed_breadth_first(void **state)
{
	/* Level by level, each page once, though the tree has a cycle and a double. */
	struct crawl_test *test = *state;
	const struct fake_seen *seen = crawl(test, tree, "{}");

	assert_string_equal(test->asked, "http://a.example/\nhttp://a.example/1\n"
					 "http://a.example/2\nhttp://a.example/11\n"
					 "http://a.example/21\nhttp://a.example/111\n");
	assert_int_equal(seen->items_count, 6);
	assert_in("\"depth\":3,\"redirects\":0,\"duplicates\":2,", seen->summary);
}

static void items_say_how_deep_and_from_where(void **state)
{
	/* A seed comes from nowhere; 111 is three links deep. */
	struct crawl_test *test = *state;
	const struct fake_seen *seen = crawl(test, tree, "{}");

	assert_in("\"depth\":0,\"from\":null", seen->items[0].text);
	assert_in("\"url\":\"http://a.example/111\"", seen->items[5].text);
	assert_in("\"depth\":3,\"from\":\"http://a.example/11\"", seen->items[5].text);
}

static void a_crawl_ends_at_max_depth(void **state)
{
	/* Depth 1 is the seed and its two links. */
	struct crawl_test *test = *state;

	assert_int_equal(crawl(test, tree, "{\"max_depth\":1}")->items_count, 3);
	assert_int_equal(crawl(test, tree, "{\"max_depth\":0}")->items_count, 1);
}

static void a_crawl_has_max_pages_exactly(void **state)
{
	/* Of six pages the first four; a link to the fifth is left, again from the fourth. */
	struct crawl_test *test = *state;
	const struct fake_seen *seen = crawl(test, tree, "{\"max_pages\":4}");

	assert_int_equal(seen->items_count, 4);
	assert_string_equal(test->asked, "http://a.example/\nhttp://a.example/1\n"
					 "http://a.example/2\nhttp://a.example/11\n");
	assert_in("\"max_pages\":3", seen->summary);
}

static void priorities_go_before_depth(void **state)
{
	/* 111 and what leads to it goes first, 2 last; breadth first is within a priority. */
	struct crawl_test *test = *state;

	crawl(test, tree,
	      "{\"priorities\":[{\"pattern\":\"/1+$\",\"priority\":5},"
	      "{\"pattern\":\"/2$\",\"priority\":-1}]}");
	assert_string_equal(test->asked, "http://a.example/\nhttp://a.example/1\n"
					 "http://a.example/11\nhttp://a.example/111\n"
					 "http://a.example/2\nhttp://a.example/21\n");
}

/* ---- scope and patterns ---- */

static const struct site_page wide[] = {
	{.url = "http://a.example/",
	 .body = "<a href=//www.a.example/>w</a><a href=http://b.example/>b</a>"
		 "<a href=https://a.example/s>s</a><a href=http://a.example:81/p>p</a>"
		 "<a href=mailto:x@a.example>m</a><a href=http://me:pw@a.example/me>me</a>"},
	{.url = "http://www.a.example/", .body = ""},
	{.url = "http://b.example/", .body = ""},
	{.url = "https://a.example/s", .body = ""},
	{.url = "http://a.example:81/p", .body = ""},
	{0},
};

static void the_scope_is_host_site_or_any(void **state)
{
	/* A host is name and port, whatever the scheme's own; a site its registrable domain;
	 * what has a password in it is never followed. */
	struct crawl_test *test = *state;
	const struct fake_seen *seen = crawl(test, wide, "{}");

	assert_string_equal(test->asked, "http://a.example/\nhttps://a.example/s\n");
	assert_in("\"skipped\":{\"scope\":3,\"pattern\":0,\"nofollow\":0,\"trap\":1,",
		  seen->summary);
	crawl(test, wide, "{\"same_host\":true}");
	assert_string_equal(test->asked, "http://a.example/\nhttps://a.example/s\n");
	seen = crawl(test, wide, "{\"scope\":\"site\"}");
	assert_string_equal(test->asked, "http://a.example/\nhttp://www.a.example/\n"
					 "https://a.example/s\nhttp://a.example:81/p\n");
	assert_in("\"skipped\":{\"scope\":1,", seen->summary);
	assert_int_equal(crawl(test, wide, "{\"scope\":\"any\"}")->items_count, 5);
	assert_int_equal(crawl(test, wide, "{\"same_host\":false}")->items_count, 5);
}

static void exclude_wins_over_include(void **state)
{
	/* Seeds are not asked; 1 does not match, 21 is excluded, so 11 is never found. */
	struct crawl_test *test = *state;
	const struct fake_seen *seen =
		crawl(test, tree, "{\"include\":[\"/2\",\"never\"],\"exclude\":[\"21$\"]}");

	assert_string_equal(test->asked, "http://a.example/\nhttp://a.example/2\n");
	assert_in("\"pattern\":3", seen->summary);
}

static void credentials_stay_with_the_origin_of_their_seed(void **state)
{
	/* Not to https, another port or another host; and never again from there. */
	static const struct site_page site[] = {
		{.url = "http://a.example/",
		 .body = "<a href=in>in</a><a href=http://b.example/>out</a>"},
		{.url = "http://a.example/in", .body = ""},
		{.url = "http://b.example/", .body = "<a href=http://a.example/back>back</a>"},
		{.url = "http://a.example/back", .body = ""},
		{0},
	};
	struct crawl_test *test = *state;

	test->site = site;
	assert_int_equal(fake_run_drive(test->fake, &scrape_handler,
					"{\"urls\":[\"http://a.example/\"],"
					"\"headers\":{\"Authorization\":\"x\",\"Accept\":\"y\"},"
					"\"follow\":{\"scope\":\"any\"}}"),
			 FAKE_COMPLETED);
	assert_int_equal(fake_run_seen(test->fake)->items_count, 4);
	assert_string_equal(test->trusted, "http://a.example/\nhttp://a.example/in\n");
}

/* ---- wishes of pages ---- */

static const struct site_page shy[] = {
	{.url = "http://a.example/",
	 .body = "<a href=1 rel='ugc NoFollow'>1</a><a href=2>2</a><a href=3>3</a>"},
	{.url = "http://a.example/1", .body = ""},
	{.url = "http://a.example/2",
	 .body = "<meta name=Robots content='noindex, nofollow'><a href=21>x</a>"},
	{.url = "http://a.example/3", .robots = "noarchive, none", .body = "<a href=31>x</a>"},
	{.url = "http://a.example/21", .body = ""},
	{.url = "http://a.example/31", .body = ""},
	{0},
};

static void nofollow_is_respected_on_request(void **state)
{
	/* In the link, in the page, in the header. */
	struct crawl_test *test = *state;
	const struct fake_seen *seen;

	assert_int_equal(crawl(test, shy, "{}")->items_count, 6);
	seen = crawl(test, shy, "{\"nofollow\":true}");
	assert_string_equal(test->asked,
			    "http://a.example/\nhttp://a.example/2\nhttp://a.example/3\n");
	assert_in("\"nofollow\":3", seen->summary);
}

static void a_canonical_page_stands_for_its_doubles(void **state)
{
	/* The double's own links are not followed; the canonical page's are. */
	static const struct site_page site[] = {
		{.url = "http://a.example/",
		 .body = "<link rel=canonical href='/'><a href=p?sort=up>p</a>"},
		{.url = "http://a.example/p?sort=up",
		 .body = "<link rel=canonical href=p><a href=x?sort=up>x</a>"},
		{.url = "http://a.example/p", .body = "<a href=x>x</a>"},
		{.url = "http://a.example/x", .body = ""},
		{0},
	};
	struct crawl_test *test = *state;

	crawl(test, site, "{\"canonical\":true}");
	assert_string_equal(test->asked, "http://a.example/\nhttp://a.example/p?sort=up\n"
					 "http://a.example/p\nhttp://a.example/x\n");
}

static void tracking_parameters_are_dropped_on_request(void **state)
{
	/* Two links that differ in where one came from are one page. */
	static const struct site_page site[] = {
		{.url = "http://a.example/",
		 .body = "<a href='p?utm_source=a&b=1'>1</a><a href='p?b=1&gclid=7'>2</a>"},
		{.url = "http://a.example/p?b=1", .body = ""},
		{0},
	};
	struct crawl_test *test = *state;

	crawl(test, site, "{\"strip_tracking\":true}");
	assert_string_equal(test->asked, "http://a.example/\nhttp://a.example/p?b=1\n");
	assert_int_equal(crawl(test, site, "{}")->items_count, 3);
}

static void links_are_found_by_a_selector(void **state)
{
	/* Elements with href or src, or texts. */
	static const struct site_page site[] = {
		{.url = "http://a.example/",
		 .body = "<a href=no>no</a><p><a href=1>1</a></p><iframe src=2></iframe>"
			 "<b data-to=3></b>"},
		{0},
	};
	struct crawl_test *test = *state;

	crawl(test, site, "{\"links\":\"p a, iframe\"}");
	assert_string_equal(test->asked,
			    "http://a.example/\nhttp://a.example/1\nhttp://a.example/2\n");
	crawl(test, site, "{\"links\":\"b::attr(data-to)\"}");
	assert_string_equal(test->asked, "http://a.example/\nhttp://a.example/3\n");
}

/* ---- redirects ---- */

static void a_redirect_is_a_url_of_its_own(void **state)
{
	/* old is an item without data whose final_url is new; new is one item however many
	 * lead there, as deep as the redirect. */
	static const struct site_page site[] = {
		{.url = "http://a.example/",
		 .body = "<a href=old>1</a><a href=older>2</a><a href=out>3</a><a href=me>4</a>"},
		{.url = "http://a.example/old", .status = 301, .location = "new"},
		{.url = "http://a.example/older", .status = 302, .location = "/new#x"},
		{.url = "http://a.example/out", .status = 307, .location = "http://b.example/"},
		{.url = "http://a.example/me", .status = 302, .location = "me"},
		{.url = "http://a.example/new", .body = "<title>New</title>"},
		{0},
	};
	struct crawl_test *test = *state;
	const struct fake_seen *seen = crawl(test, site, "{}");

	assert_int_equal(seen->items_count, 6);
	assert_in("\"url\":\"http://a.example/old\",\"final_url\":\"http://a.example/new\","
		  "\"status\":\"success\",\"http_status\":301,\"data\":null",
		  seen->items[1].text);
	assert_in("\"title\":\"New\"", seen->items[5].text);
	assert_in("\"depth\":1,\"from\":\"http://a.example/old\"", seen->items[5].text);
	assert_in("\"depth\":1,\"redirects\":4,\"duplicates\":2,\"skipped\":{\"scope\":1,",
		  seen->summary);
}

static struct fetch_result *redirect_on(void *ctx, const struct fetch_request *request)
{
	unsigned number = (unsigned)strtoul(strrchr(request->url, '/') + 1, NULL, 10);
	struct fetch_result *result = fake_answer(request, 302, "text/html", "");
	char next[32];

	(void)ctx;
	snprintf(next, sizeof(next), "/%u", number + 1);
	fake_header(result, "location", next);
	return result;
}

static void redirects_in_a_row_come_to_an_end(void **state)
{
	/* The seed, ten redirects after it, and the last of them failed. */
	struct crawl_test *test = *state;
	const struct fake_seen *seen;

	fake_run_options(test->fake)->fetch = redirect_on;
	assert_int_equal(fake_run_drive(test->fake, &scrape_handler,
					"{\"urls\":[\"http://a.example/0\"],\"follow\":{}}"),
			 FAKE_COMPLETED);
	seen = fake_run_seen(test->fake);
	assert_int_equal(seen->items_count, 11);
	assert_int_equal(seen->failures_count, 1);
	assert_int_equal(seen->failures[0].err.code, ERR_FETCH_REDIRECTS);
}

static void a_redirect_that_is_not_fetched_is_a_failure(void **state)
{
	/* To a script, a file, an address for mail: each fails with its reason, nothing is asked.
	 */
	static const struct site_page site[] = {
		{.url = "http://a.example/",
		 .body = "<a href=1>1</a><a href=2>2</a><a href=3>3</a>"},
		{.url = "http://a.example/1", .status = 302, .location = "javascript:alert(1)"},
		{.url = "http://a.example/2", .status = 301, .location = "file:///etc/passwd"},
		{.url = "http://a.example/3", .status = 307, .location = "mailto:x@a.example"},
		{0},
	};
	struct crawl_test *test = *state;
	const struct fake_seen *seen = crawl(test, site, "{}");

	assert_int_equal(seen->items_count, 4);
	assert_int_equal(seen->failures_count, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(seen->failures[i].err.code, ERR_FETCH_URL);
	assert_in("\"status\":\"failed\",\"http_status\":302,\"data\":null", seen->items[1].text);
	assert_in("redirect: scheme javascript: is not http: or https:", seen->items[1].text);
}

/* ---- hosts ---- */

static void each_host_counts_its_items(void **state)
{
	/* Two hosts: pages, a 404, a redirect that fails. */
	static const struct site_page site[] = {
		{.url = "http://a.example/",
		 .body = "<a href=/gone>1</a><a href=/mail>2</a><a href=//b.example/>3</a>"},
		{.url = "http://a.example/mail", .status = 302, .location = "mailto:x@a.example"},
		{.url = "http://b.example/", .body = "b"},
		{0},
	};
	struct crawl_test *test = *state;
	const struct fake_seen *seen = crawl(test, site, "{\"scope\":\"any\"}");

	assert_in("{\"host\":\"http:a.example:80\",\"fetches\":3,\"succeeded\":1,\"failed\":2,",
		  seen->summary);
	assert_in("{\"host\":\"http:b.example:80\",\"fetches\":1,\"succeeded\":1,\"failed\":0,",
		  seen->summary);
}

/* ---- traps ---- */

static void traps_are_not_walked_into(void **state)
{
	/* 21 segments, the same one three times in a row, a URL of 2,100 octets. */
	struct crawl_test *test = *state;
	struct site_page site[2] = {{.url = "http://a.example/"}};
	struct buf body = BUF(1 << 20);
	const struct fake_seen *seen;

	buf_add_text(&body, "<a href=/a/a/a>x</a><a href=/a/a/b>good</a><a href='");
	for (int i = 0; i < 21; i++)
		buf_printf(&body, "/%d", i);
	buf_add_text(&body, "'>deep</a><a href='/");
	for (int i = 0; i < 2100; i++)
		buf_add_byte(&body, 'x');
	buf_add_text(&body, "'>long</a>");
	site[0].body = body.data;
	seen = crawl(test, site, "{}");
	assert_string_equal(test->asked, "http://a.example/\nhttp://a.example/a/a/b\n");
	assert_in("\"trap\":3", seen->summary);
	buf_done(&body);
}

static void a_page_leads_to_six_thousand_others_at_most(void **state)
{
	/* Of 7,000 links 1,000 are left, though the house is often full; the item says so. */
	struct crawl_test *test = *state;
	struct site_page site[2] = {{.url = "http://a.example/"}};
	struct buf body = BUF(1 << 20);
	const struct fake_seen *seen;

	for (int i = 0; i < 7000; i++)
		buf_printf(&body, "<a href=%d>x</a>", i);
	site[0].body = body.data;
	test->site = site;
	fake_run_options(test->fake)->full_every = 7;
	assert_int_equal(fake_run_drive(test->fake, &scrape_handler,
					"{\"urls\":[\"http://a.example/\"],\"follow\":{}}"),
			 FAKE_COMPLETED);
	seen = fake_run_seen(test->fake);
	assert_int_equal(seen->items_count, 6001);
	assert_in("\"links_per_page\":1000", seen->summary);
	assert_in("\"link_count\":6000,\"links_dropped\":1000", fake_run_ndjson(test->fake));
	buf_done(&body);
}

/* ---- URLs of another job ---- */

static void seeds_come_out_of_another_jobs_results(void **state)
{
	/* Texts of arrays and of objects in arrays; doubles are one, the rest is told. */
	static const char lines[] =
		"{\"data\":{\"to\":[{\"at\":\"http://a.example/1\"},{\"at\":\"http://a.example/"
		"2\"}]}}\n"
		"{\"data\":null}\n"
		"{\"data\":{\"to\":{\"at\":[\"http://a.example/2#x\",\"no url\",7]}}}\n"
		"{\"data\":{\"to\":[{\"at\":\"http://b.example/\"}]}}\n";
	struct crawl_test *test = *state;
	const struct fake_seen *seen = fake_run_seen(test->fake);

	test->site = tree;
	fake_run_options(test->fake)->other_results = lines;
	fake_run_options(test->fake)->full_every = 2;
	assert_int_equal(fake_run_drive(test->fake, &scrape_handler,
					"{\"urls_from\":{\"job\":"
					"\"01a1fc94-37e9-74b1-a43a-e526e3e1f2df\","
					"\"field\":\"data.to.at\"},\"concurrency\":1}"),
			 FAKE_COMPLETED);
	assert_string_equal(test->asked, "http://a.example/1\nhttp://a.example/2\n"
					 "http://b.example/\n");
	assert_int_equal(seen->logs_count, 1);
	assert_string_equal(seen->logs[0].text, "1 values of urls_from are no URLs");
}

static void a_job_that_is_not_there_fails_the_crawl(void **state)
{
	/* Deleted, or never was. */
	struct crawl_test *test = *state;

	assert_int_equal(fake_run_drive(test->fake, &scrape_handler,
					"{\"urls_from\":{\"job\":"
					"\"01a1fc94-37e9-74b1-a43a-e526e3e1f2df\"}}"),
			 FAKE_FAILED);
	assert_int_equal(fake_run_seen(test->fake)->err.code, ERR_NOT_FOUND);
}

/* ---- what has changed ---- */

static void only_pages_that_have_changed_are_items(void **state)
{
	/* /1 has another price, /2 is as it was, /3 failed before; titles are not compared. */
	static const char before[] =
		"{\"url\":\"http://a.example/1\",\"data\":{\"title\":\"A\",\"price\":7}}\n"
		"{\"url\":\"http://a.example/2\",\"data\":{\"title\":\"B\",\"price\":8}}\n"
		"{\"url\":\"http://a.example/3\",\"data\":null}\n";
	static const struct site_page shop[] = {
		{.url = "http://a.example/1", .body = "<title>A</title><i>7.5</i>"},
		{.url = "http://a.example/2", .body = "<title>Z</title><i>8</i>"},
		{.url = "http://a.example/3", .body = "<i>9</i>"},
		{0},
	};
	struct crawl_test *test = *state;
	const struct fake_seen *seen = fake_run_seen(test->fake);

	test->site = shop;
	fake_run_options(test->fake)->other_results = before;
	assert_int_equal(
		fake_run_drive(test->fake, &scrape_handler,
			       "{\"urls\":[\"http://a.example/1\",\"http://a.example/2\","
			       "\"http://a.example/3\"],\"concurrency\":1,"
			       "\"extract\":{\"price\":{\"css\":\"i\",\"type\":\"number\"}},"
			       "\"if_changed_since\":{\"job\":"
			       "\"01a1fc94-37e9-74b1-a43a-e526e3e1f2df\"}}"),
		FAKE_COMPLETED);
	assert_int_equal(seen->items_count, 2);
	assert_in("\"change\":{\"kind\":\"changed\",\"before\":{\"price\":7},"
		  "\"after\":{\"price\":7.5}}}",
		  seen->items[0].text);
	assert_in("\"change\":{\"kind\":\"new\",\"before\":null,\"after\":{\"price\":9}}}",
		  seen->items[1].text);
	assert_in("\"urls\":3,\"succeeded\":3,", seen->summary);
	assert_in("\"unchanged\":1", seen->summary);
}

/* ---- going on ---- */

/* Page n of 200 links to 2n+1, 2n+2, back to the first, and to one far off. */
static struct fetch_result *web_serve(void *ctx, const struct fetch_request *request)
{
	unsigned n = (unsigned)strtoul(strrchr(request->url, '/') + 1, NULL, 10);
	char body[256];

	(void)ctx;
	snprintf(body, sizeof(body),
		 "<a href=/%u>x</a><a href=/%u>y</a><a href=/0>z</a><a href=/%u>w</a>",
		 (2 * n + 1) % 200, (2 * n + 2) % 200, (n * 7) % 200);
	return fake_answer(request, n > 100 && n % 10 == 9 ? 500 : 200, "text/html", body);
}

static void a_crawl_that_is_stopped_again_and_again_has_each_page_once(void **state)
{
	/* Stopped after every sixth step, and full every fifth time: the same 200 items and
	 * the same summary as in one go. */
	static const char spec[] = "{\"urls\":[\"http://a.example/0\"],\"concurrency\":3,"
				   "\"retry\":{\"max_attempts\":1},\"follow\":{}}";
	struct crawl_test *test = *state;
	const struct fake_seen *seen;
	enum fake_end end;
	char found[200] = {0};
	int attempts = 0;

	fake_run_options(test->fake)->fetch = web_serve;
	fake_run_options(test->fake)->steps_max = 6;
	fake_run_options(test->fake)->full_every = 5;
	do {
		end = fake_run_drive(test->fake, &scrape_handler, spec);
		assert_true(attempts++ < 10000);
	} while (end == FAKE_STOPPED);
	assert_int_equal(end, FAKE_COMPLETED);
	assert_true(attempts > 3);
	seen = fake_run_seen(test->fake);
	for (size_t i = 0; i < seen->items_count; i++)
		found[strtoul(strstr(seen->items[i].text, "example/") + 8, NULL, 10)]++;
	for (int i = 0; i < 200; i++)
		assert_int_equal(found[i], 1);
	assert_in("\"urls\":200,\"succeeded\":190,\"failed\":10,\"failed_by\":{\"http-5xx\":10}",
		  seen->summary);
}

/* ---- visits ---- */

static void a_visit_comes_back_as_it_was_packed(void **state)
{
	/* What key and texts share stands once. */
	static const char key[] = "http://a.example/dir/page?a=1&b=2";
	const struct visit visit = {
		.url = "http://a.example/dir/page?b=2&a=1",
		.from = "http://a.example/dir/",
		.depth = 7,
		.hops = 2,
		.trusted = true,
	};
	struct buf packed = BUF(PART_INPUT_BYTES_MAX);
	struct arena arena = ARENA(4096);
	struct visit back;
	struct err err;

	(void)state;
	visit_pack(&visit, key, &packed);
	assert_string_equal(packed.data, "7 2 1 26:b=2&a=1 21:");
	assert_int_equal(
		visit_unpack(key, strlen(key), packed.data, packed.len, &arena, &back, &err), 0);
	assert_string_equal(back.url, visit.url);
	assert_string_equal(back.from, visit.from);
	assert_int_equal(back.depth, 7);
	assert_int_equal(back.hops, 2);
	assert_true(back.trusted);
	buf_done(&packed);
	arena_done(&arena);
}

static void a_seed_that_was_found_is_not_trusted(void **state)
{
	/* Seeds of the spec are their URL; others say that they have no credentials. */
	const struct visit named = {.url = "http://a/x", .trusted = true};
	const struct visit found = {.url = "http://a/x"};
	struct buf packed = BUF(PART_INPUT_BYTES_MAX);
	struct arena arena = ARENA(4096);
	struct visit back;
	struct err err;

	(void)state;
	visit_pack(&named, "http://a/x", &packed);
	assert_string_equal(packed.data, "http://a/x");
	assert_int_equal(
		visit_unpack("http://a/x", 10, packed.data, packed.len, &arena, &back, &err), 0);
	assert_true(back.trusted);
	buf_clear(&packed);
	visit_pack(&found, "http://a/x", &packed);
	assert_string_equal(packed.data, "0 0 0 10: -");
	assert_int_equal(
		visit_unpack("http://a/x", 10, packed.data, packed.len, &arena, &back, &err), 0);
	assert_string_equal(back.url, "http://a/x");
	assert_null(back.from);
	assert_false(back.trusted);
	buf_done(&packed);
	arena_done(&arena);
}

static void what_was_never_packed_is_refused(void **state)
{
	/* Cut, garbled or sharing more than there is: an error, nothing read beyond. */
	static const char *const wrong[] = {
		"1", "1 ", "1 0 1", "1 0 1 9999:x 0:", "1 0 1 a:x 0:", "1 0 1 0:x"};
	struct arena arena = ARENA(4096);
	struct visit back;
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(visit_unpack("http://a/", 9, wrong[i], strlen(wrong[i]), &arena,
					      &back, &err),
				 -1);
	arena_done(&arena);
}

/* ---- mistakes ---- */

static void mistakes_in_follow_name_their_place(void **state)
{
	/* Selector, patterns, scope twice, too few pages for the seeds. */
	static const struct {
		const char *follow, *pointer, *type;
	} rows[] = {
		{"{\"links\":\"a[\"}", "/spec/follow/links", "selector"},
		{"{\"include\":[\"a\",\"(\"]}", "/spec/follow/include/1", "pattern"},
		{"{\"exclude\":[\"[\"]}", "/spec/follow/exclude/0", "pattern"},
		{"{\"priorities\":[{\"pattern\":\"(\",\"priority\":1}]}",
		 "/spec/follow/priorities/0/pattern", "pattern"},
		{"{\"scope\":\"site\",\"same_host\":true}", "/spec/follow/same_host", "conflict"},
		{"{\"scope\":\"galaxy\"}", "/spec/follow/scope", "bad-choice"},
		{"{\"max_pages\":0}", "/spec/follow/max_pages", "out-of-range"},
		{"{\"max_pages\":1}", "/spec/follow/max_pages", "conflict"},
		{"{\"depth\":1}", "/spec/follow/depth", "unknown-member"},
	};
	struct crawl_test *test = *state;
	char spec[512];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct mistake *first;

		snprintf(spec, sizeof(spec),
			 "{\"urls\":[\"http://a.example/\",\"http://b.example/\"],\"follow\":%s}",
			 rows[i].follow);
		assert_int_equal(fake_run_drive(test->fake, &scrape_handler, spec), FAKE_INVALID);
		first = fake_run_seen(test->fake)->mistakes.first;
		assert_string_equal(first->pointer, rows[i].pointer);
		assert_string_equal(first->type, rows[i].type);
	}
}

#define crawl_test(name) cmocka_unit_test_setup_teardown(name, crawl_set_up, crawl_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		crawl_test(links_are_followed_breadth_first),
		crawl_test(items_say_how_deep_and_from_where),
		crawl_test(a_crawl_ends_at_max_depth),
		crawl_test(a_crawl_has_max_pages_exactly),
		crawl_test(priorities_go_before_depth),
		crawl_test(the_scope_is_host_site_or_any),
		crawl_test(exclude_wins_over_include),
		crawl_test(credentials_stay_with_the_origin_of_their_seed),
		crawl_test(nofollow_is_respected_on_request),
		crawl_test(a_canonical_page_stands_for_its_doubles),
		crawl_test(tracking_parameters_are_dropped_on_request),
		crawl_test(links_are_found_by_a_selector),
		crawl_test(a_redirect_is_a_url_of_its_own),
		crawl_test(redirects_in_a_row_come_to_an_end),
		crawl_test(a_redirect_that_is_not_fetched_is_a_failure),
		crawl_test(each_host_counts_its_items),
		crawl_test(traps_are_not_walked_into),
		crawl_test(a_page_leads_to_six_thousand_others_at_most),
		crawl_test(only_pages_that_have_changed_are_items),
		crawl_test(seeds_come_out_of_another_jobs_results),
		crawl_test(a_job_that_is_not_there_fails_the_crawl),
		crawl_test(a_crawl_that_is_stopped_again_and_again_has_each_page_once),
		cmocka_unit_test(a_visit_comes_back_as_it_was_packed),
		cmocka_unit_test(a_seed_that_was_found_is_not_trusted),
		cmocka_unit_test(what_was_never_packed_is_refused),
		crawl_test(mistakes_in_follow_name_their_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
