/* SPDX-License-Identifier: MIT */
/* test_xpath.c - html/xpath: what expressions give, what is refused, what is bounded. */
#include "base/buf.h"
#include "handlers/html/html.h"
#include "handlers/html/xpath.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char shop[] =
	"<!DOCTYPE html><html lang=de><title>Shop</title><div id=a class='x y'>one<b>two</b></div>"
	"<!--note--><div id=b><a href='/1'>A</a><a href='/2'>B</a></div>"
	"<svg viewBox='0 0 1 1'><path d='M0'/></svg><template><i>inert</i></template>";

struct world {
	struct html *html;
	struct xpath_page *page;
};

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct err err;

	assert_int_equal(html_parse(shop, strlen(shop), HTML_DEFAULTS, &world->html, &err), 0);
	assert_int_equal(xpath_page_new(world->html, &world->page, &err), 0);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	xpath_page_free(world->page);
	html_free(world->html);
	free(world);
	return 0;
}

/* Matches as one text: elements as their text in angle brackets. */
static bool match_write(void *ctx, const struct xpath_match *match)
{
	struct buf *buf = ctx;

	switch (match->kind) {
	case XPATH_IS_NODE:
		buf_add_byte(buf, '<');
		html_text(match->node, buf);
		buf_add_text(buf, "> ");
		break;
	case XPATH_IS_TEXT:
		buf_add(buf, match->text, match->len);
		buf_add_byte(buf, ' ');
		break;
	case XPATH_IS_NUMBER:
		buf_printf(buf, "%g ", match->number);
		break;
	case XPATH_IS_TRUTH:
		buf_add_text(buf, match->truth ? "true " : "false ");
		break;
	}
	return true;
}

static int search(struct world *world, const char *text, const struct html_node *context,
		  struct buf *found, struct err *err)
{
	struct xpath_mistake mistake;
	struct xpath *xpath;
	int rc;

	buf_clear(found);
	assert_int_equal(xpath_compile(text, &xpath, &mistake, err), 0);
	rc = xpath_select(xpath, world->page, context, match_write, found, err);
	xpath_free(xpath);
	return rc;
}

static void expressions_give_what_the_standard_says(void **state)
{
	/* Elements, attributes, texts, comments; numbers, strings, truths; the order of the
	 * document in unions and backward axes. */
	static const struct {
		const char *text, *found;
	} cases[] = {
		{"//a", "<A> <B> "},
		{"//a/@href", "/1 /2 "},
		{"//div/text()", "one "},
		{"//comment()", "note "},
		{"string(//title)", "Shop "},
		{"count(//a)", "2 "},
		{"count(//a) = 2", "true "},
		{"//a[@href='/2']", "<B> "},
		{"//a[last()] | //b", "<two> <B> "},
		{"//a[2]/preceding::b", "<two> "},
		{"//b/ancestor::*[@id]", "<onetwo> "},
		{"id('b')", ""},
		{"//*[contains(concat(' ', @class, ' '), ' y ')]/b", "<two> "},
		{"//svg/@viewBox", "0 0 1 1 "},
		{"name(//svg/*)", "path "},
		{"//i", ""},
		{"translate('abc', 'ab', 'x')", "xc "},
		{"normalize-space('  a  b ')", "a b "},
		{"//b[lang('de')]", ""}, /* xml:lang, says XPath */
		{"1 div 0", "inf "},
	};
	struct world *world = *state;
	struct buf found = BUF(4096);
	struct err err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(search(world, cases[i].text, html_root(world->html), &found, &err),
				 0);
		assert_string_equal(buf_text(&found), cases[i].found);
	}
	buf_done(&found);
}

static void an_expression_starts_at_its_context(void **state)
{
	/* ./ is relative to the node, / to the document. */
	struct world *world = *state;
	const struct html_node *div = html_body(world->html)->first;
	struct buf found = BUF(4096);
	struct err err;

	assert_int_equal(search(world, "./b", div, &found, &err), 0);
	assert_string_equal(buf_text(&found), "<two> ");
	assert_int_equal(search(world, "count(./a) + count(/html/body/div)", div, &found, &err), 0);
	assert_string_equal(buf_text(&found), "2 ");
	buf_done(&found);
}

static void mistakes_say_where(void **state)
{
	/* The offset of what is wrong; a near name as the hint. */
	static const struct {
		const char *text;
		size_t offset;
		const char *detail, *hint;
	} cases[] = {
		{"//a[@href", 9, "a predicate ends with ']'", ""},
		{"//a[@href='x]", 13, "a string has no closing quote", ""},
		{"//a/contians(., 'x')", 4, "there is no function 'contians'", "contains"},
		{"//a[contains-x('y')]", 4, "there is no function 'contains-x'", "contains"},
		{"//re:test", 2, "there are no prefixes such as 're'", "*[name()=\"re\"]"},
		{"//a[$x]", 4, "there are no variables '$x]'", ""},
	};
	struct xpath_mistake mistake;
	struct xpath *xpath;
	struct err err;
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(xpath_compile(cases[i].text, &xpath, &mistake, &err), -1);
		assert_int_equal(err.code, ERR_INVALID_SPEC);
		assert_string_equal(mistake.detail, cases[i].detail);
		assert_int_equal(mistake.offset, cases[i].offset);
		assert_string_equal(mistake.hint, cases[i].hint);
	}
}

static void words_inside_strings_and_axes_are_no_mistakes(void **state)
{
	/* Quoted brackets and dollars, axes with their colons, operators before a bracket,
	 * names that look like functions. */
	static const char *const texts[] = {
		"//a[. = 'foo(bar) $x y:z']",  "//a/following-sibling::b",
		"//a[@x and (@y or (@z))]",    "//count | //text",
		"//a[position() mod (1 + 1)]", "//processing-instruction('x')",
	};
	struct xpath_mistake mistake;
	struct xpath *xpath;
	struct err err;
	(void)state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(xpath_compile(texts[i], &xpath, &mistake, &err), 0);
		xpath_free(xpath);
	}
}

static void a_wrong_number_of_arguments_is_told(void **state)
{
	/* libxml2 finds it when it comes to it. */
	struct world *world = *state;
	struct buf found = BUF(4096);
	struct err err;

	assert_int_equal(search(world, "contains('a')", html_root(world->html), &found, &err), -1);
	assert_int_equal(err.code, ERR_FAILED);
	assert_string_equal(err.detail, "XPath: a function has the wrong number of arguments");
	buf_done(&found);
}

static void work_is_bounded(void **state)
{
	/* Each node asks for every other one, three deep, on 5,000 paragraphs; an alphabet
	 * that is the page; the page's text for each node. */
	static const char *const texts[] = {
		"translate(string(/), string(/), '')",
		"//p[string-length(concat(/, /)) = 1]",
		"//p[contains(/, 'y')]",
	};
	char *page = malloc(5000 * 4 + 1);
	struct world world;
	struct buf found = BUF(4096);
	struct err err;
	(void)state;

	assert_non_null(page);
	page[0] = '\0';
	for (int i = 0; i < 5000; i++)
		memcpy(page + (size_t)i * 4, "<p>x", 5);
	assert_int_equal(html_parse(page, strlen(page), HTML_DEFAULTS, &world.html, &err), 0);
	assert_int_equal(xpath_page_new(world.html, &world.page, &err), 0);
	assert_int_equal(search(&world, "//p[following::p[following::p[following::p='y']]]",
				html_root(world.html), &found, &err),
			 -1);
	assert_int_equal(err.code, ERR_LIMIT);
	xpath_page_free(world.page);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(xpath_page_new(world.html, &world.page, &err), 0);
		assert_int_equal(search(&world, texts[i], html_root(world.html), &found, &err), -1);
		assert_int_equal(err.code, ERR_LIMIT);
		xpath_page_free(world.page);
	}
	html_free(world.html);
	buf_done(&found);
	free(page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(expressions_give_what_the_standard_says, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(an_expression_starts_at_its_context, set_up,
						tear_down),
		cmocka_unit_test(mistakes_say_where),
		cmocka_unit_test(words_inside_strings_and_axes_are_no_mistakes),
		cmocka_unit_test_setup_teardown(a_wrong_number_of_arguments_is_told, set_up,
						tear_down),
		cmocka_unit_test(work_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
