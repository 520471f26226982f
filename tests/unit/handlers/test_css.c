/* SPDX-License-Identifier: MIT */
/* test_css.c - selectors: what they find, in which order, and what is wrong with them.
 *
 * Expected matches are read off the page by hand, by the definitions of Selectors 3 and
 * 4; ::text and ::attr() behave as parsel's documentation says.
 */
#include "base/buf.h"
#include "handlers/html/css.h"
#include "handlers/html/html.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char page[] =
	"<!DOCTYPE html><html lang=en-GB><title>T</title><body id=top>"
	"<ul id=menu class='nav  main'>"
	"<li id=l1 class=item>one</li><li id=l2 class='item hot'>two <b id=b1>bold</b></li>"
	"<li id=l3>three</li><li id=l4 class=item><a id=a1 href='/x.PDF' lang=fr>four</a></li>"
	"</ul>"
	"<p id=p1>before <i id=i1>inner</i> after</p><p id=p2></p><p id=p3><!-- c --></p>"
	"<div id=d1 data-x='one two'><div id=d2 class=box><span id=s1>s</span>"
	"<a id=a2 href='http://e.org/' rel='nofollow me'>e</a></div></div>"
	"<form id=f1><input id=in1 type=checkbox checked><input id=in2 disabled></form>"
	"<svg id=g1><linearGradient id=g2 /></svg><x-card id=x1>custom</x-card>"
	"<template><a id=hidden href=/t>t</a></template>";

struct found {
	struct buf ids;
};

/* Adds what a match is: an element's id, a text, a value. */
static bool note(void *ctx, const struct css_match *match)
{
	struct found *found = ctx;
	const char *text = match->node->text;
	size_t len = match->node->len;

	if (match->part == CSS_NODE) {
		const struct html_attr *id = html_attr(match->node, "id");

		if (id) {
			text = id->value;
			len = id->value_len;
		}
	} else {
		text = css_match_text(match, &len);
	}
	if (found->ids.len)
		buf_add_text(&found->ids, match->part == CSS_NODE ? " " : "|");
	buf_add(&found->ids, text, len);
	return true;
}

static void assert_finds_below(const char *root_id, const char *selector, const char *expected)
{
	uint64_t work = 1000000;
	struct found found = {BUF(10000)};
	const struct html_node *root;
	struct html *html = NULL;
	struct css *css = NULL;
	struct css_mistake mistake;
	struct err err;

	assert_int_equal(html_parse(page, strlen(page), HTML_DEFAULTS, &html, &err), 0);
	if (css_compile(selector, &css, &mistake, &err))
		fail_msg("%s: %s at %zu", selector, mistake.detail, mistake.offset);
	root = html_root(html);
	while (root_id && (!html_attr(root, "id") ||
			   strncmp(html_attr(root, "id")->value, root_id, strlen(root_id)) != 0))
		root = html_next_element(root, html_root(html));
	assert_int_equal(css_select(css, html, root, &work, note, &found, &err), 0);
	if (strcmp(buf_text(&found.ids), expected) != 0)
		fail_msg("%s: found \"%s\", not \"%s\"", selector, buf_text(&found.ids), expected);
	buf_done(&found.ids);
	css_free(css);
	html_free(html);
}

static void assert_finds(const char *selector, const char *expected)
{
	assert_finds_below(NULL, selector, expected);
}

static void names_ids_and_classes_match(void **state)
{
	/* Types without case, classes as whole words, ids whole. */
	(void)state;
	assert_finds("li", "l1 l2 l3 l4");
	assert_finds("LI.item", "l1 l2 l4");
	assert_finds(".item.hot", "l2");
	assert_finds("#l3", "l3");
	assert_finds(".main", "menu");
	assert_finds(".mai", "");
	assert_finds("x-card", "x1");
	assert_finds("linearGradient", "g2");
	assert_finds("#\\6c 3", "l3");
	assert_finds("\\0 \\0 \\0 \\0 \\0 \\0 a, \\6c i#l1", "l1");
	assert_finds("title", "title");
	assert_finds("p#p1", "p1");
	assert_finds("ul *", "l1 l2 b1 l3 l4 a1");
}

static void attributes_match_in_seven_ways(void **state)
{
	/* Presence, =, ~=, |=, ^=, $=, *=, and without case by the flag i. */
	(void)state;
	assert_finds("[href]", "a1 a2");
	assert_finds("[rel~=me]", "a2");
	assert_finds("[rel=me]", "");
	assert_finds("[data-x='one two']", "d1");
	assert_finds("[lang|=en]", "html");
	assert_finds("[href^=http]", "a2");
	assert_finds("[href$='.pdf']", "");
	assert_finds("[href$='.pdf' i]", "a1");
	assert_finds("[href*=\"e.o\"]", "a2");
	assert_finds("[href^='']", "");
	assert_finds("[ID=p1]", "p1");
}

static void combinators_join(void **state)
{
	/* Descendant, child, next and later sibling. */
	(void)state;
	assert_finds("ul b", "b1");
	assert_finds("ul > b", "");
	assert_finds("body > ul > li > b", "b1");
	assert_finds("#l1 + li", "l2");
	assert_finds("#l2 ~ li", "l3 l4");
	assert_finds("div div span + a", "a2");
	assert_finds("p ~ div a", "a2");
	assert_finds("p, ul > li.hot , #nothing", "l2 p1 p2 p3");
}

static void positions_are_counted(void **state)
{
	/* an+b from both ends, by type, and of a list. */
	(void)state;
	assert_finds("li:nth-child(odd)", "l1 l3");
	assert_finds("li:nth-child(2n)", "l2 l4");
	assert_finds("li:nth-child(-n+2)", "l1 l2");
	assert_finds("li:nth-child( 2n + 1 )", "l1 l3");
	assert_finds("li:nth-last-child(1)", "l4");
	assert_finds("li:nth-child(2 of .item)", "l2");
	assert_finds("li:nth-child(3 of .item)", "l4");
	assert_finds("li:nth-last-child(2 of .item)", "l2");
	assert_finds("p:nth-of-type(2)", "p2");
	assert_finds("p:first-of-type", "p1");
	assert_finds("p:last-of-type", "p3");
	assert_finds("li:first-child, li:last-child", "l1 l4");
	assert_finds("span:only-of-type", "s1");
	assert_finds("i:only-child", "i1");
}

static void pseudo_classes_take_lists(void **state)
{
	/* :is, :where, :not with lists; :has with relative selectors. */
	(void)state;
	assert_finds("li:not(.item, #l9)", "l3");
	assert_finds(":is(p, div):not(:empty)", "p1 d1 d2");
	assert_finds("li:has(b)", "l2");
	assert_finds("li:has(> a[href])", "l4");
	assert_finds("li:has(+ #l4)", "l3");
	assert_finds("li:has(~ .hot)", "l1");
	assert_finds("div:has(span + a)", "d1 d2");
	assert_finds("div:has(> div > span)", "d1");
	assert_finds(":where(ul):has(li:has(b))", "menu");
	assert_finds("p:empty", "p2 p3");
	assert_finds(":root", "html");
	assert_finds("input:checked", "in1");
	assert_finds("input:disabled", "in2");
	assert_finds("input:enabled", "in1");
	assert_finds("a:link", "a1 a2");
	assert_finds("b:lang(en)", "b1");
	assert_finds("a:lang(fr)", "a1");
	assert_finds("a:hover", "");
}

static void texts_are_searched(void **state)
{
	/* :contains() sees all text below, :contains-own() only that of the element. */
	(void)state;
	assert_finds("p:contains('before inner')", "p1");
	assert_finds("p:contains-own('inner')", "");
	assert_finds("p:contains-own('after')", "p1");
	assert_finds("li:contains(two)", "l2");
}

static void parts_give_texts_and_values(void **state)
{
	/* "p::text" is each text directly inside, "p ::text" each below, in order. */
	(void)state;
	assert_finds("#p1::text", "before | after");
	assert_finds("#p1 ::text", "before |inner| after");
	assert_finds("#p1 *::text", "before |inner| after");
	assert_finds("a::attr(href)", "/x.PDF|http://e.org/");
	assert_finds("#d1 ::attr(id)", "d1|d2|s1|a2");
	assert_finds("a::attr(HREF), a::attr(rel)", "/x.PDF|http://e.org/|nofollow me");
	assert_finds("i::text, #p1 ::text", "before |inner| after");
}

static void a_search_stays_below_its_root(void **state)
{
	/* The root itself may match; what is above or beside it is not seen. */
	(void)state;
	assert_finds_below("d1", "div", "d1 d2");
	assert_finds_below("d2", "div a", "a2");
	assert_finds_below("d2", "#d1 a", "");
	assert_finds_below("d1", "> div", "d2");
	assert_finds_below("menu", ":scope > li:first-child", "l1");
	assert_finds_below("l2", "~ li", "");
	assert_finds_below("a2", "::attr(href)", "http://e.org/");
	assert_finds_below("l2", "::text", "two |bold");
}

static void assert_mistake(const char *selector, size_t offset, const char *detail)
{
	struct css *css = NULL;
	struct css_mistake mistake;
	struct err err = {0};

	assert_int_equal(css_compile(selector, &css, &mistake, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_SPEC);
	assert_null(css);
	assert_string_equal(mistake.detail, detail);
	assert_int_equal(mistake.offset, offset);
}

static void mistakes_name_their_place(void **state)
{
	/* Each bad selector: the byte where it goes wrong, and what is wrong.  The whole
	 * selector is the first list, so the sixteenth :is( opens the seventeenth. */
	(void)state;
	assert_mistake("", 0, "selector ends where an element should be");
	assert_mistake("a >", 3, "selector ends where an element should be");
	assert_mistake("a,,b", 2, "',' stands where an element should be");
	assert_mistake("div:nope", 3, "unknown :nope");
	assert_mistake("a:text", 1, "unknown :text");
	assert_mistake("a::before", 1, "unknown ::before");
	assert_mistake("a[href", 1, "attribute test has no end");
	assert_mistake("a[href!=x]", 6, "'!' is no way to compare an attribute");
	assert_mistake("a[href='x]", 7, "string has no end");
	assert_mistake(":not(a", 0, "parenthesis has no end");
	assert_mistake("li:nth-child(x)", 13, "no position in the parentheses");
	assert_mistake(".5", 1, "a name cannot begin with a digit");
	assert_mistake("a::text b", 8, "::text and ::attr() end a selector");
	assert_mistake("a)", 1, "')' closes nothing");
	assert_mistake("svg|a", 3, "namespaces are not supported");
	assert_mistake(":is(:is(:is(:is(:is(:is(:is(:is(:is(:is(:is(:is(:is(:is(:is(:is(:is(a", 64,
		       "more than 16 lists inside each other");
}

static void work_is_bounded(void **state)
{
	/* :has() over nested elements is quadratic: the budget ends it with ERR_LIMIT. */
	struct buf nested = BUF(1 << 20);
	uint64_t work = 100000;
	struct css_match match;
	struct html *html = NULL;
	struct css *css = NULL;
	struct css_mistake mistake;
	struct err err = {0};

	(void)state;
	for (int i = 0; i < 3000; i++)
		buf_add_text(&nested, "<div><div></div>");
	assert_int_equal(html_parse(nested.data, nested.len, HTML_DEFAULTS, &html, &err), 0);
	assert_int_equal(css_compile("div:has(p)", &css, &mistake, &err), 0);
	assert_int_equal(css_first(css, html, html_root(html), &work, &match, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	css_free(css);
	/* many descendant steps that nothing satisfies stay polynomial: they fit */
	work = 20000000;
	assert_int_equal(css_compile("p div div div div div div div div", &css, &mistake, &err), 0);
	assert_int_equal(css_first(css, html, html_root(html), &work, &match, &err), 0);
	css_free(css);
	html_free(html);
	buf_done(&nested);
}

static void one_element_can_be_asked(void **state)
{
	/* css_matches() answers for an element without a search. */
	static const char text[] = "<p class=a><b>x</b>";
	uint64_t work = 1000;
	struct html *html = NULL;
	struct css *css = NULL;
	struct css_mistake mistake;
	struct err err;

	(void)state;
	assert_int_equal(html_parse(text, strlen(text), HTML_DEFAULTS, &html, &err), 0);
	assert_int_equal(css_compile("p.a > b", &css, &mistake, &err), 0);
	assert_int_equal(
		css_matches(css, html, html_root(html), html_body(html)->first->first, &work, &err),
		1);
	assert_int_equal(
		css_matches(css, html, html_root(html), html_body(html)->first, &work, &err), 0);
	css_free(css);
	html_free(html);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_ids_and_classes_match),
		cmocka_unit_test(attributes_match_in_seven_ways),
		cmocka_unit_test(combinators_join),
		cmocka_unit_test(positions_are_counted),
		cmocka_unit_test(pseudo_classes_take_lists),
		cmocka_unit_test(texts_are_searched),
		cmocka_unit_test(parts_give_texts_and_values),
		cmocka_unit_test(a_search_stays_below_its_root),
		cmocka_unit_test(mistakes_name_their_place),
		cmocka_unit_test(work_is_bounded),
		cmocka_unit_test(one_element_can_be_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
