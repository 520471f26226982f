/* SPDX-License-Identifier: MIT */
/* test_robots.c - RFC 9309, its examples and tables, and files as servers send them. */
#include "net/robots.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

struct question {
	const char *path;
	bool allowed;
};

static struct robots *read_file(const char *text, const char *agent)
{
	struct robots *robots;
	struct err err;

	if (robots_parse(text, strlen(text), agent, &robots, &err))
		fail_msg("%s", err.detail);
	return robots;
}

static void check(const char *text, const char *agent, const struct question *questions)
{
	struct robots *robots = read_file(text, agent);

	for (; questions->path; questions++)
		if (robots_allowed(robots, questions->path, strlen(questions->path)) !=
		    questions->allowed)
			fail_msg("%s: %s", agent, questions->path);
	robots_free(robots);
}

/* Is the path allowed by the rules, given as lines of one group for all? */
static bool allowed(const char *rules, const char *path)
{
	struct buf text = BUF(1 << 20);
	struct robots *robots;
	bool answer;

	buf_printf(&text, "User-agent: *\n%s\n", rules);
	robots = read_file(buf_text(&text), "jobmill");
	answer = robots_allowed(robots, path, strlen(path));
	robots_free(robots);
	buf_done(&text);
	return answer;
}

static const char simple_example[] = "User-Agent: *\n"
				     "Disallow: *.gif$\n"
				     "Disallow: /example/\n"
				     "Allow: /publications/\n"
				     "\n"
				     "User-Agent: foobot\n"
				     "Disallow:/\n"
				     "Allow:/example/page.html\n"
				     "Allow:/example/allowed.gif\n"
				     "\n"
				     "User-Agent: barbot\n"
				     "User-Agent: bazbot\n"
				     "Disallow: /example/page.html\n"
				     "\n"
				     "User-Agent: quxbot\n"
				     "\n"
				     "EOF\n";

static void obeys_the_simple_example(void **state)
{
	/* RFC 9309, section 5.1, and what it says of each crawler. */
	static const struct question others[] = {{"/a.gif", false},
						 {"/a.gif?x", true},
						 {"/example/x", false},
						 {"/publications/x", true},
						 {"/publications/a.gif", true},
						 {NULL, false}};
	static const struct question foobot[] = {{"/", false},
						 {"/example/page.html", true},
						 {"/example/allowed.gif", true},
						 {"/publications/", false},
						 {NULL, false}};
	static const struct question bazbot[] = {{"/example/page.html", false},
						 {"/example/other", true},
						 {"/a.gif", true},
						 {NULL, false}};
	static const struct question quxbot[] = {
		{"/example/", true}, {"/a.gif", true}, {NULL, false}};

	(void)state;
	check(simple_example, "anybot", others);
	check(simple_example, "FooBot", foobot);
	check(simple_example, "barbot", bazbot);
	check(simple_example, "bazbot/1.0", bazbot);
	check(simple_example, "quxbot", quxbot);
}

static void the_longest_match_wins(void **state)
{
	/* RFC 9309, section 5.2; then ties, which allow wins (2.2.2). */
	static const char rules[] = "Allow: /example/page/\n"
				    "Disallow: /example/page/disallowed.gif\n";

	(void)state;
	assert_false(allowed(rules, "/example/page/disallowed.gif"));
	assert_true(allowed(rules, "/example/page/other.gif"));
	assert_true(allowed("Disallow: /page\nAllow: /page", "/page"));
	assert_true(allowed("Allow: /p\nDisallow: /", "/page"));
	assert_true(allowed("Allow: /$\nDisallow: /", "/"));
	assert_false(allowed("Allow: /$\nDisallow: /", "/page.htm"));
	assert_false(allowed("Allow: /page\nDisallow: /*.html", "/page.html"));
}

static void special_characters_match_as_the_table_says(void **state)
{
	/* RFC 9309, section 2.2.3: '#', '$', '*', and both verbatim as %24 and %2A. */
	(void)state;
	assert_false(allowed("Disallow: /a # all of a", "/abc"));
	assert_false(allowed("Disallow: /this/path/exactly$", "/this/path/exactly"));
	assert_true(allowed("Disallow: /this/path/exactly$", "/this/path/exactly/not"));
	assert_false(allowed("Disallow: /this/*/exactly", "/this/is/exactly"));
	assert_false(allowed("Disallow: /this/*/exactly", "/this/is/so/exactly/x"));
	assert_true(allowed("Disallow: /this/*/exactly", "/this/exactly"));
	assert_false(allowed("Disallow: /path/file-with-a-%2A.html", "/path/file-with-a-*.html"));
	assert_true(allowed("Disallow: /path/file-with-a-%2A.html", "/path/file-with-a-b.html"));
	assert_false(allowed("Disallow: /path/foo-%24", "/path/foo-$"));
	assert_false(allowed("Disallow: /a$b", "/a$bc"));
	assert_true(allowed("Disallow: /a$b", "/a"));
	assert_false(allowed("Disallow: *", "/"));
	assert_false(allowed("Disallow: /a*$", "/abc"));
	assert_false(allowed("Disallow: /*a*a$", "/aa"));
	assert_true(allowed("Disallow: /*a*a$", "/a"));
	assert_true(allowed("Disallow: /*ab$", "/abc"));
	assert_false(allowed("Disallow: /*ab$", "/abcab"));
	assert_true(allowed("Disallow: example", "/example"));
}

static void compares_after_percent_normalisation(void **state)
{
	/* RFC 9309, section 2.2.2: each row of its table, both ways. */
	(void)state;
	assert_false(allowed("Disallow: /foo/bar?baz=quz", "/foo/bar?baz=quz"));
	assert_false(allowed("Disallow: /foo/bar?baz=https://foo.bar",
			     "/foo/bar?baz=https%3A%2F%2Ffoo.bar"));
	assert_false(allowed("Disallow: /foo/bar?baz=https%3A%2F%2Ffoo.bar",
			     "/foo/bar?baz=https://foo.bar"));
	assert_false(allowed("Disallow: /foo/bar/\xE3\x83\x84", "/foo/bar/%E3%83%84"));
	assert_false(allowed("Disallow: /foo/bar/%e3%83%84", "/foo/bar/%E3%83%84"));
	assert_false(allowed("Disallow: /foo/bar/%62%61%7A", "/foo/bar/baz"));
	assert_false(allowed("Disallow: /foo/bar/baz", "/foo/bar/%62%61%7a"));
	assert_true(allowed("Disallow: /foo/bar", "/foo%2Fbar"));
	assert_true(allowed("Disallow: /FOO", "/foo"));
	assert_false(allowed("Disallow: /a%", "/a%"));
}

static void groups_of_one_name_are_one(void **state)
{
	/* RFC 9309, section 2.2.1: merged; "*" only where no group is named. */
	static const char text[] = "User-agent: a\nDisallow: /1\n"
				   "User-agent: *\nDisallow: /2\n"
				   "User-agent: A/2.0 (x)\nDisallow: /3\n"
				   "User-agent: *\nUser-agent: b\nDisallow: /4\n";
	static const struct question a[] = {
		{"/1", false}, {"/2", true}, {"/3", false}, {"/4", true}, {NULL, false}};
	static const struct question b[] = {
		{"/1", true}, {"/2", true}, {"/3", true}, {"/4", false}, {NULL, false}};
	static const struct question c[] = {
		{"/1", true}, {"/2", false}, {"/3", true}, {"/4", false}, {NULL, false}};

	(void)state;
	check(text, "a", a);
	check(text, "b", b);
	check(text, "c", c);
}

static void the_most_specific_name_wins(void **state)
{
	/* A name is whole words of ours; "ex" is no word of "example-news". */
	static const char text[] = "User-agent: example\nDisallow: /1\n"
				   "User-agent: example-news\nDisallow: /2\n"
				   "User-agent: ex\nDisallow: /3\n"
				   "User-agent: example-news-eu\nDisallow: /4\n";
	static const struct question news[] = {
		{"/1", true}, {"/2", false}, {"/3", true}, {"/4", true}, {NULL, false}};
	static const struct question images[] = {
		{"/1", false}, {"/2", true}, {"/3", true}, {"/4", true}, {NULL, false}};

	(void)state;
	check(text, "Example-News", news);
	check(text, "example-images", images);
}

static void other_records_do_not_interfere(void **state)
{
	/* RFC 9309, section 2.2.4: Sitemap and Crawl-delay end no run of User-agent lines. */
	static const char text[] = "Disallow: /before\n"
				   "User-agent: a\n"
				   "Sitemap: http://x/s.xml\n"
				   "Crawl-delay: 2.5\n"
				   "Nonsense\n"
				   "Host: x\n"
				   "User-agent: b\n"
				   "Disallow: /1\n"
				   "Sitemap:   http://x/t.xml # two\n"
				   "Disallow: /2\n";
	static const struct question both[] = {
		{"/before", true}, {"/1", false}, {"/2", false}, {NULL, false}};
	struct robots *a = read_file(text, "a"), *b = read_file(text, "b");

	(void)state;
	check(text, "a", both);
	check(text, "b", both);
	assert_int_equal(robots_delay_ms(a), 2500);
	assert_int_equal(robots_delay_ms(b), -1);
	assert_int_equal(robots_sitemaps(b), 2);
	assert_string_equal(robots_sitemap(b, 0), "http://x/s.xml");
	assert_string_equal(robots_sitemap(b, 1), "http://x/t.xml");
	assert_null(robots_sitemap(b, 2));
	robots_free(a);
	robots_free(b);
}

static void reads_files_as_servers_send_them(void **state)
{
	/* A byte order mark, all line ends, spaces, any case, empty values, no last line end. */
	static const struct question some[] = {
		{"/1", false}, {"/2", false}, {"/3", false}, {"/4", true}, {NULL, false}};
	static const struct question all[] = {{"/", true}, {"/robots.txt", true}, {NULL, false}};
	static const struct question none[] = {
		{"/", false}, {"/robots.txt", true}, {"/robots.txts", false}, {NULL, false}};

	(void)state;
	check("\xEF\xBB\xBFUSER-AGENT : *\r\n\tdisallow:/1 \rDisallow\t:\t/2\r\n\r\nDISALLOW: /3",
	      "x", some);
	check("", "x", all);
	check("User-agent: *\nDisallow:\nAllow: \n", "x", all);
	check("<html><body>404</body></html>", "x", all);
	check("User-agent: *\nDisallow: /", "x", none);
}

static void a_missing_file_allows_or_disallows_all(void **state)
{
	/* RFC 9309, sections 2.3.1.3 and 2.3.1.4, as the caller decides. */
	struct robots *open = robots_all(true), *closed = robots_all(false);

	(void)state;
	assert_true(robots_allowed(open, "/x", 2));
	assert_false(robots_allowed(closed, "/x", 2));
	assert_true(robots_allowed(closed, "/robots.txt", 11));
	robots_free(open);
	robots_free(closed);
}

static void reads_500_kib_and_no_cut_line(void **state)
{
	/* Section 2.5: the rule at 500 KiB counts; the one that the limit cuts does not. */
	struct buf text = BUF(2 * ROBOTS_BYTES_MAX);
	struct robots *robots;
	struct err err;

	(void)state;
	buf_add_text(&text, "User-agent: *\n");
	while (text.len < 500 * 1024 - 20)
		buf_add_text(&text, "# 34567890123456\n");
	buf_add_text(&text, "Disallow: /late\n");
	while (text.len < ROBOTS_BYTES_MAX - 11)
		buf_add_byte(&text, '\n');
	buf_add_text(&text, "Disallow: /cut-here\n");
	assert_int_equal(robots_parse(text.data, text.len, "x", &robots, &err), 0);
	assert_false(robots_allowed(robots, "/late", 5));
	assert_true(robots_allowed(robots, "/", 1));
	robots_free(robots);
	buf_done(&text);
}

static void many_stars_cost_no_more_than_a_walk(void **state)
{
	/* A matcher that tries every place of every star would not end within a lifetime. */
	struct buf rules = BUF(1 << 20), path = BUF(1 << 20);
	clock_t start;

	(void)state;
	buf_add_text(&rules, "Disallow: /");
	for (int i = 0; i < 500; i++)
		buf_add_text(&rules, "*a");
	buf_add_text(&rules, "*b$");
	buf_add_byte(&path, '/');
	for (int i = 0; i < 2000; i++)
		buf_add_byte(&path, 'a');
	start = clock();
	assert_true(allowed(buf_text(&rules), buf_text(&path)));
	assert_true(clock() - start < CLOCKS_PER_SEC);
	buf_add_byte(&path, 'b');
	assert_false(allowed(buf_text(&rules), buf_text(&path)));
	buf_done(&rules);
	buf_done(&path);
}

static void crawl_delay_takes_numbers_only(void **state)
{
	/* The extension: seconds, fractions too, the longest of our groups, a day at most. */
	static const struct {
		const char *text;
		int delay_ms;
	} rows[] = {
		{"User-agent: *\nCrawl-delay: 10\n", 10000},
		{"User-agent: *\nCrawl-delay: 0.25\n", 250},
		{"User-agent: *\nCrawl-delay: 0\n", 0},
		{"User-agent: *\nCrawl-delay: 1\nCrawl-delay: 3\nCrawl-delay: 2\n", 3000},
		{"User-agent: *\nCrawl-delay: 99999999999999999\n", 86400000},
		{"User-agent: *\nCrawl-delay: -1\n", -1},
		{"User-agent: *\nCrawl-delay: 1e3\n", -1},
		{"User-agent: *\nCrawl-delay: 1.2.3\n", -1},
		{"User-agent: *\nCrawl-delay: nan\n", -1},
		{"User-agent: other\nCrawl-delay: 5\n", -1},
		{"Crawl-delay: 5\n", -1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct robots *robots = read_file(rows[i].text, "x");

		assert_int_equal(robots_delay_ms(robots), rows[i].delay_ms);
		robots_free(robots);
	}
}

static void the_token_is_the_name_of_the_product(void **state)
{
	/* Letters, '-' and '_' at the beginning; browsers' names hide it in a comment. */
	static const struct {
		const char *user_agent, *token;
	} rows[] = {
		{"jobmill/1.0", "jobmill"},
		{"Example-News_bot 2 (+https://a.example/)", "Example-News_bot"},
		{"Mozilla/5.0 (compatible; Example-bot/2.1; +http://a.example/)", "Example-bot"},
		{"Mozilla/5.0 (X11; Linux x86_64)", "Mozilla"},
		{"Mozillafox/5.0 (compatible; b)", "Mozillafox"},
		{"/1.0", ""},
		{"", ""},
	};
	char token[ROBOTS_TOKEN_BYTES_MAX + 1], text[201];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		robots_token(rows[i].user_agent, token);
		assert_string_equal(token, rows[i].token);
	}
	memset(text, 'a', 200);
	text[200] = '\0';
	robots_token(text, token);
	assert_int_equal(strlen(token), ROBOTS_TOKEN_BYTES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(obeys_the_simple_example),
		cmocka_unit_test(the_longest_match_wins),
		cmocka_unit_test(special_characters_match_as_the_table_says),
		cmocka_unit_test(compares_after_percent_normalisation),
		cmocka_unit_test(groups_of_one_name_are_one),
		cmocka_unit_test(the_most_specific_name_wins),
		cmocka_unit_test(other_records_do_not_interfere),
		cmocka_unit_test(reads_files_as_servers_send_them),
		cmocka_unit_test(a_missing_file_allows_or_disallows_all),
		cmocka_unit_test(reads_500_kib_and_no_cut_line),
		cmocka_unit_test(many_stars_cost_no_more_than_a_walk),
		cmocka_unit_test(crawl_delay_takes_numbers_only),
		cmocka_unit_test(the_token_is_the_name_of_the_product),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
