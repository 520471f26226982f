/* SPDX-License-Identifier: MIT */
/* test_extract.c - scrape/field*: what fields find in a page, and which are refused. */
#include "base/arena.h"
#include "handlers/scrape/field.h"
#include "handlers/scrape/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char shop[] =
	"<!doctype html><html><head><title>Shop</title><base href='/de/'>"
	"<meta property='og:title' content='The shop'><meta property='og:type' content='website'>"
	"<meta name=Description content='All &amp; more'>"
	"<script type='application/ld+json'>{\"@graph\":[{\"@type\":[\"Thing\",\"Product\"],"
	"\"name\":\"R\\u00e4der\",\"offers\":{\"price\":12.50,\"tags\":[\"a\",\"b\"]}},"
	"{\"@type\":\"http://schema.org/Offer\",\"price\":90071992547409931}]}</script>"
	"<script type='application/ld+json'>{broken</script></head><body>"
	"<h1>\n All <b>goods</b>\n</h1><time datetime='2024-03-05T10:00+01:00'>today</time>"
	"<div class=p id=1><b>One</b><i>1.234,50 EUR</i><a href=x>more</a><s>a</s><s>b</s></div>"
	"<div class=p id=2><b>Two</b><i>sold out</i><s>c</s></div>"
	"<p>SKU: AB-12, SKU: CD-34</p><input name=q disabled></body></html>";

struct world {
	struct arena arena;
	struct mistakes mistakes;
	struct json *spec;
	struct field_list list;
	struct page page;
	struct buf out;
};

static void spec_read(struct world *world, const char *extract)
{
	static const struct param extract_params[] = {
		{.name = "extract", .kind = PARAM_MAP, .members = field_element},
		{0},
	};
	struct json_place place;
	struct err err;

	*world = (struct world){.arena = ARENA(1 << 20), .out = BUF(1 << 20)};
	mistakes_init(&world->mistakes);
	buf_printf(&world->out, "{\"extract\":%s}", extract);
	assert_int_equal(json_parse(world->out.data, world->out.len, &world->spec, &place, &err),
			 0);
	buf_clear(&world->out);
	if (spec_check(extract_params, world->spec, "", &world->mistakes) == 0)
		assert_int_equal(fields_plan(json_get(world->spec, "extract"), "/extract",
					     &world->arena, &world->list, &world->mistakes),
				 0);
}

static void world_done(struct world *world)
{
	fields_free(&world->list);
	json_free(world->spec);
	mistakes_done(&world->mistakes);
	buf_done(&world->out);
	arena_done(&world->arena);
}

static int page_ask(struct world *world, const char *body, const char *type, struct err *err)
{
	struct page_source source = {body, strlen(body), type, "http://shop.example/x/", NULL};
	struct json_out out = JSON_OUT(&world->out);
	int rc;

	assert_int_equal(page_open(&world->page, &source, &world->arena, err), 0);
	json_out_object(&out, NULL);
	rc = fields_extract(&world->list, &world->page, &out, err);
	json_out_end(&out, '}');
	page_close(&world->page);
	return rc;
}

/* One field over a page: "expected" is its JSON. */
static void assert_field(const char *field, const char *body, const char *type,
			 const char *expected)
{
	struct world world;
	char text[2048];
	struct err err;

	snprintf(text, sizeof(text), "{\"f\":%s}", field);
	spec_read(&world, text);
	assert_int_equal(world.mistakes.count, 0);
	assert_int_equal(page_ask(&world, body, type, &err), 0);
	snprintf(text, sizeof(text), "{\"f\":%s}", expected);
	assert_string_equal(buf_text(&world.out), text);
	world_done(&world);
}

struct asking {
	const char *field, *expected;
};

static void ask_all(const struct asking *cases, size_t count, const char *body, const char *type)
{
	for (size_t i = 0; i < count; i++)
		assert_field(cases[i].field, body, type, cases[i].expected);
}

static void sources_of_a_page(void **state)
{
	/* CSS, XPath, patterns alone and over what was found, meta, JSON-LD. */
	static const struct asking cases[] = {
		{"\"h1\"", "\"All goods\""},
		{"{\"css\":\".p b\",\"all\":true}", "[\"One\",\"Two\"]"},
		{"{\"css\":\".p\",\"attr\":\"id\"}", "\"1\""},
		{"{\"xpath\":\"//div[2]/b\"}", "\"Two\""},
		{"{\"xpath\":\"//div/@id\",\"all\":true,\"type\":\"integer\"}", "[1,2]"},
		{"{\"xpath\":\"count(//div)\",\"type\":\"number\"}", "2"},
		{"{\"xpath\":\"//h1 = 'x'\",\"type\":\"boolean\"}", "false"},
		{"{\"regex\":\"SKU: (\\\\w+)-\"}", "\"AB\""},
		{"{\"css\":\"p\",\"regex\":\"SKU: (?<a>\\\\w+)-(?<b>\\\\d+)\",\"group\":\"b\","
		 "\"all\":true,\"type\":\"integer\"}",
		 "[12,34]"},
		{"{\"css\":\"p\",\"regex\":\"sku: \\\\S+\",\"ignore_case\":true,\"group\":0}",
		 "\"SKU: AB-12,\""},
		{"{\"css\":\"b\",\"regex\":\"^T.*\"}", "\"Two\""},
		{"{\"meta\":\"og:title\"}", "\"The shop\""},
		{"{\"meta\":\"description\"}", "\"All & more\""},
		{"{\"meta\":\"og:*\"}", "{\"og:title\":\"The shop\",\"og:type\":\"website\"}"},
		{"{\"jsonld\":\"Product/name\"}", "\"R\xC3\xA4"
						  "der\""},
		{"{\"jsonld\":\"Product/offers/price\"}", "12.50"},
		{"{\"jsonld\":\"Product/offers/tags\",\"all\":true}", "[\"a\",\"b\"]"},
		{"{\"jsonld\":\"Offer/price\"}", "90071992547409931"},
		{"{\"jsonld\":\"*/@type\",\"type\":\"text\",\"all\":true}",
		 "[\"Thing\",\"Product\",\"http://schema.org/Offer\"]"},
		{"{\"json\":\"/a\"}", "null"},
	};
	(void)state;

	ask_all(cases, sizeof(cases) / sizeof(cases[0]), shop, "text/html");
}

static void types_of_values(void **state)
{
	/* By hand; what cannot be converted is null, in a list too. */
	static const struct asking cases[] = {
		{"{\"css\":\"i\",\"type\":\"number\",\"locale\":\"de\",\"all\":true}",
		 "[1234.50,null]"},
		{"{\"css\":\"i\",\"type\":\"integer\"}", "null"},
		{"{\"css\":\"i\",\"type\":\"number\",\"default\":{\"a\":1}}", "1234.50"},
		{"{\"css\":\"#2 i\",\"type\":\"number\",\"default\":0}", "0"},
		{"{\"css\":\"time\",\"type\":\"date\"}", "\"2024-03-05T09:00:00Z\""},
		{"{\"css\":\"a\",\"type\":\"url\"}", "\"http://shop.example/de/x\""},
		{"{\"css\":\"h1\",\"type\":\"html\"}", "\"All <b>goods</b>\""},
		{"{\"css\":\"h1\",\"type\":\"raw\"}", "\"\\n All goods\\n\""},
		{"{\"css\":\"input\",\"attr\":\"disabled\",\"type\":\"boolean\"}", "true"},
		{"{\"css\":\"h6\",\"all\":true}", "[]"},
		{"{\"css\":\"h6\",\"default\":\"none\"}", "\"none\""},
	};
	(void)state;

	ask_all(cases, sizeof(cases) / sizeof(cases[0]), shop, "text/html");
}

static void fields_inside_each_match(void **state)
{
	/* Relative to the match, two levels deep; an object when only one is wanted. */
	static const struct asking cases[] = {
		{"{\"each\":\".p\",\"fields\":{\"name\":\"b\",\"id\":{\"xpath\":\"./@id\"},"
		 "\"sold\":{\"regex\":\"sold\"},\"s\":{\"each\":\"s\",\"fields\":{\"v\":"
		 "{\"xpath\":\".\"}}}}}",
		 "[{\"name\":\"One\",\"id\":\"1\",\"sold\":null,\"s\":[{\"v\":\"a\"},{\"v\":\"b\"}]"
		 "},"
		 "{\"name\":\"Two\",\"id\":\"2\",\"sold\":\"sold\",\"s\":[{\"v\":\"c\"}]}]"},
		{"{\"css\":\"#2\",\"fields\":{\"name\":\"b\"}}", "{\"name\":\"Two\"}"},
		{"{\"each\":\"h6\",\"fields\":{\"name\":\"b\"}}", "[]"},
		{"{\"jsonld\":\"Product\",\"fields\":{\"n\":{\"json\":\"/offers/price\"}}}",
		 "{\"n\":12.50}"},
	};
	(void)state;

	ask_all(cases, sizeof(cases) / sizeof(cases[0]), shop, "text/html");
}

static void json_answers(void **state)
{
	/* Values stand as they stood: digits, null is nothing; a type converts. */
	static const char body[] =
		" {\"items\":[{\"id\":12345678901234567890,\"n\":\" 1,5 \"},{\"id\":2,\"n\":null}],"
		"\"ok\":true,\"o\":{\"a\": [1]}}";
	static const struct asking cases[] = {
		{"{\"json\":\"/items/0/id\"}", "12345678901234567890"},
		{"{\"json\":\"/items/0/n\"}", "\" 1,5 \""},
		{"{\"json\":\"/items/0/n\",\"type\":\"number\"}", "1.5"},
		{"{\"json\":\"/items/1/n\",\"default\":\"?\"}", "\"?\""},
		{"{\"json\":\"/items\",\"all\":true,\"fields\":{\"id\":{\"json\":\"/id\"}}}",
		 "[{\"id\":12345678901234567890},{\"id\":2}]"},
		{"{\"json\":\"/ok\",\"type\":\"boolean\"}", "true"},
		{"{\"json\":\"/o\"}", "{\"a\": [1]}"},
		{"{\"json\":\"/o\",\"regex\":\"\\\\d\",\"type\":\"integer\"}", "1"},
		{"\"h1\"", "null"},
	};
	(void)state;

	ask_all(cases, sizeof(cases) / sizeof(cases[0]), body, "application/json");
	assert_field("{\"json\":\"/a\"}", "{\"a\":", "application/json", "null");
	assert_field("{\"regex\":\"b+\"}", "abbc", "text/plain", "\"bb\"");
	assert_field("{\"regex\":\"b+\"}", "abbc", "image/png", "null");
}

static void what_is_required_and_missing_fails_the_page(void **state)
{
	/* The first such field is named, also one inside an object. */
	struct world world;
	struct err err;
	(void)state;

	spec_read(&world,
		  "{\"a\":\"h1\",\"l\":{\"each\":\".p\",\"fields\":{\"price\":{\"css\":\"i\","
		  "\"type\":\"number\",\"required\":true}}}}");
	assert_int_equal(page_ask(&world, shop, "text/html", &err), -1);
	assert_int_equal(err.code, ERR_FIELD_MISSING);
	assert_string_equal(err.detail, "the required field 'price' is not there");
	world_done(&world);
}

static void every_mistake_is_told_with_its_place(void **state)
{
	/* One spec, all mistakes at once: pointer, type, column. */
	static const struct {
		const char *pointer, *type;
		int column;
	} expected[] = {
		{"/extract/a", "selector", 4},		{"/extract/b/xpath", "xpath", 5},
		{"/extract/c/regex", "pattern", 4},	{"/extract/d/json", "pointer", 1},
		{"/extract/e/jsonld", "pointer", 9},	{"/extract/f/format", "date-format", 4},
		{"/extract/g", "missing-member", 0},	{"/extract/h/xpath", "conflict", 0},
		{"/extract/i/group", "bad-group", 0},	{"/extract/j/attr", "conflict", 0},
		{"/extract/k/fields/x", "selector", 1}, {"/extract/l", "missing-member", 0},
		{"/extract/m/default", "conflict", 0},
	};
	struct world world;
	const struct mistake *mistake;
	size_t i = 0;
	(void)state;

	spec_read(&world,
		  "{\"a\":\"h1[\",\"b\":{\"xpath\":\"//a[\"},\"c\":{\"regex\":\"a(b\"},"
		  "\"d\":{\"json\":\"a\"},\"e\":{\"jsonld\":\"Product/~2\"},"
		  "\"f\":{\"css\":\"a\",\"type\":\"date\",\"format\":\"%Y-%Q\"},\"g\":{},"
		  "\"h\":{\"css\":\"a\",\"xpath\":\"//a\"},\"i\":{\"regex\":\"a\",\"group\":1},"
		  "\"j\":{\"json\":\"/a\",\"attr\":\"b\"},"
		  "\"k\":{\"each\":\"a\",\"fields\":{\"x\":\"]\"}},\"l\":{\"each\":\"a\"},"
		  "\"m\":{\"css\":\"a\",\"required\":true,\"default\":1}}");
	assert_int_equal(world.mistakes.count, sizeof(expected) / sizeof(expected[0]));
	for (mistake = world.mistakes.first; mistake; mistake = mistake->next, i++) {
		assert_string_equal(mistake->pointer, expected[i].pointer);
		assert_string_equal(mistake->type, expected[i].type);
		assert_int_equal(mistake->column, expected[i].column);
	}
	world_done(&world);
}

static void a_pattern_that_takes_too_long_fails_its_page(void **state)
{
	/* ERR_LIMIT names the field. */
	struct world world;
	struct err err;
	(void)state;

	spec_read(&world, "{\"slow\":{\"css\":\"p\",\"regex\":\"(\\\\w+\\\\s?)+$\"}}");
	assert_int_equal(page_ask(&world, "<p>aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!",
				  "text/html", &err),
			 -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_memory_equal(err.detail, "slow: ", 6);
	world_done(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sources_of_a_page),
		cmocka_unit_test(types_of_values),
		cmocka_unit_test(fields_inside_each_match),
		cmocka_unit_test(json_answers),
		cmocka_unit_test(what_is_required_and_missing_fails_the_page),
		cmocka_unit_test(every_mistake_is_told_with_its_place),
		cmocka_unit_test(a_pattern_that_takes_too_long_fails_its_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
