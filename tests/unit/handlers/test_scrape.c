/* SPDX-License-Identifier: MIT */
/* test_scrape.c - pages fetched by a fake: items, fields, failures, going on. */
#include "tests/lib/fake_run.h"

#include "base/json.h"
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

static const char shop[] =
	"<!DOCTYPE html><title> The\n Shop </title><base href='/de/'>"
	"<h1>All <b>goods</b></h1>"
	"<p class=price>1,234.50 EUR<p class=price>-7<p class=price>1.234,50<p class=price>none"
	"<a href='a?x=1&amp;y=2'>one</a><a href='https://other.example/'>two</a>"
	"<a href='mailto:x@example.com'>no page</a><a name=anchor>no link</a>"
	"<a class=next href='../next'>next</a>";

/* A site: the page above, a page that is missing, one that is no HTML. */
static struct fetch_result *site(void *ctx, const struct fetch_request *request)
{
	(void)ctx;
	if (strstr(request->url, "/missing"))
		return fake_answer(request, 404, "text/html", "gone");
	if (strstr(request->url, "/dead"))
		return fake_refusal(request, ERR_FETCH_CONNECT);
	if (strstr(request->url, "/data"))
		return fake_answer(request, 200, "application/json", "{\"a\":1}");
	return fake_answer(request, 200, "text/html; charset=utf-8", shop);
}

struct scrape {
	struct guard *guard;
	struct permits permits;
	struct fake_run *fake;
};

static int scrape_set_up(void **state)
{
	struct scrape *scrape = calloc(1, sizeof(*scrape));

	scrape->guard = guard_new();
	scrape->permits.guard = scrape->guard;
	scrape->fake = fake_run_new(&(struct fake_options){
		.lanes_for_cpu = 2,
		.permits = &scrape->permits,
		.fetch = site,
	});
	*state = scrape;
	return 0;
}

static int scrape_tear_down(void **state)
{
	struct scrape *scrape = *state;

	fake_run_free(scrape->fake);
	guard_free(scrape->guard);
	free(scrape);
	return 0;
}

/* The only item, parsed; the caller frees it. */
static struct json *item_of(struct fake_run *fake)
{
	const struct fake_seen *seen = fake_run_seen(fake);
	struct json_place place;
	struct json *item;
	struct err err;

	assert_int_equal(seen->items_count, 1);
	assert_int_equal(json_parse(seen->items[0].text, seen->items[0].len, &item, &place, &err),
			 0);
	return item;
}

static const char *printed(const struct json *json, struct buf *into)
{
	buf_clear(into);
	assert_non_null(json);
	assert_int_equal(json_print(json, into), 0);
	return buf_text(into);
}

static void a_page_gives_title_links_and_fields(void **state)
{
	/* Links are absolute by <base>, in order; numbers lose their thousands marks. */
	struct scrape *scrape = *state;
	struct buf text = BUF(65536);
	const struct json *data;
	struct json *item;

	assert_int_equal(
		fake_run_drive(
			scrape->fake, &scrape_handler,
			"{\"urls\":[\"http://shop.example/x/y.html\"],\"extract\":{"
			"\"h1\":\"h1\",\"first\":{\"css\":\".price\",\"type\":\"number\"},"
			"\"prices\":{\"css\":\".price\",\"all\":true,\"type\":\"number\"},"
			"\"next\":{\"css\":\"a.next\",\"type\":\"url\"},"
			"\"href\":{\"css\":\"a.next\",\"attr\":\"href\"},"
			"\"words\":{\"css\":\"h1 ::text\",\"all\":true},"
			"\"html\":{\"css\":\"h1\",\"type\":\"html\"},"
			"\"nothing\":\".absent\",\"none\":{\"css\":\".absent\",\"all\":true}}}"),
		FAKE_COMPLETED);
	item = item_of(scrape->fake);
	data = json_get(item, "data");
	assert_string_equal(json_text(json_get(item, "status"), ""), "success");
	assert_string_equal(json_text(json_get(data, "title"), ""), "The Shop");
	assert_string_equal(printed(json_get(data, "links"), &text),
			    "[\"http://shop.example/de/a?x=1&y=2\",\"https://other.example/\","
			    "\"http://shop.example/next\"]");
	assert_string_equal(printed(json_get(data, "link_count"), &text), "3");
	assert_string_equal(json_text(json_get(data, "h1"), ""), "All goods");
	assert_string_equal(printed(json_get(data, "first"), &text), "1234.50");
	assert_string_equal(printed(json_get(data, "prices"), &text), "[1234.50,-7,1234.50,null]");
	assert_string_equal(json_text(json_get(data, "next"), ""), "http://shop.example/next");
	assert_string_equal(json_text(json_get(data, "href"), ""), "../next");
	assert_string_equal(printed(json_get(data, "words"), &text), "[\"All\",\"goods\"]");
	assert_string_equal(json_text(json_get(data, "html"), ""), "All <b>goods</b>");
	assert_int_equal(json_kind(json_get(data, "nothing")), JSON_NULL);
	assert_string_equal(printed(json_get(data, "none"), &text), "[]");
	json_free(item);
	buf_done(&text);
}

static void what_is_no_html_has_only_facts(void **state)
{
	/* {"a":1} has seven bytes, and no title. */
	struct scrape *scrape = *state;
	struct buf text = BUF(4096);
	struct json *item;

	assert_int_equal(fake_run_drive(scrape->fake, &scrape_handler,
					"{\"urls\":[\"http://shop.example/data\"]}"),
			 FAKE_COMPLETED);
	item = item_of(scrape->fake);
	assert_string_equal(printed(json_get(item, "data"), &text),
			    "{\"content_length\":7,\"content_type\":\"application/json\","
			    "\"body_sha256\":\"015abd7f5cc57a2dd94b7590f04ad808"
			    "4273905ee33ec5cebeae62276a97f862\",\"charset\":\"UTF-8\"}");
	json_free(item);
	buf_done(&text);
}

static void a_body_is_kept_under_its_hash(void **state)
{
	/* printf '{"a":1}' | sha256sum. */
	struct scrape *scrape = *state;
	const struct fake_seen *seen = fake_run_seen(scrape->fake);
	static const char name[] =
		"015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862";
	struct json *item;
	const struct json *body;

	assert_int_equal(fake_run_drive(scrape->fake, &scrape_handler,
					"{\"urls\":[\"http://a.example/data\"],"
					"\"save_body\":\"file\"}"),
			 FAKE_COMPLETED);
	item = item_of(scrape->fake);
	body = json_get(item, "body");
	assert_string_equal(json_text(json_get(body, "sha256"), ""), name);
	assert_int_equal((int)json_number(json_get(body, "bytes"), 0), 7);
	assert_non_null(strstr(json_text(json_get(body, "href"), ""), name));
	json_free(item);
	assert_int_equal(seen->bodies_count, 1);
	assert_string_equal(seen->bodies[0].name, name);
	assert_memory_equal(seen->bodies[0].bytes, "{\"a\":1}", 7);
}

static void a_full_disk_fails_the_attempt_and_shows_nothing(void **state)
{
	/* No item names a body that could not be written; the next attempt does it. */
	struct scrape *scrape = *state;
	const struct fake_seen *seen = fake_run_seen(scrape->fake);
	static const char spec[] = "{\"urls\":[\"http://a.example/\"],\"save_body\":\"file\"}";

	fake_run_options(scrape->fake)->disk_full = true;
	assert_int_equal(fake_run_drive(scrape->fake, &scrape_handler, spec), FAKE_FAILED);
	assert_int_equal(seen->err.code, ERR_DISK_FULL);
	assert_int_equal(seen->items_count, 0);
	fake_run_options(scrape->fake)->disk_full = false;
	assert_int_equal(fake_run_drive(scrape->fake, &scrape_handler, spec), FAKE_COMPLETED);
	assert_int_equal(seen->items_count, 1);
	assert_int_equal(seen->bodies_count, 1);
}

static void each_url_ends_as_one_item_failed_ones_too(void **state)
{
	/* Four spellings of three pages: two URLs differ in the fragment only.  What failed
	 * says why. */
	struct scrape *scrape = *state;
	const struct fake_seen *seen = fake_run_seen(scrape->fake);
	unsigned failed = 0;

	assert_int_equal(
		fake_run_drive(scrape->fake, &scrape_handler,
			       "{\"urls\":[\"http://a.example/\",\"http://a.example/#top\","
			       "\"http://a.example/missing\",\"http://a.example/dead\"]}"),
		FAKE_COMPLETED);
	assert_int_equal(seen->items_count, 3);
	for (size_t i = 0; i < seen->items_count; i++)
		failed += strstr(seen->items[i].text, "\"status\":\"failed\"") != NULL;
	assert_int_equal(failed, 2);
	assert_int_equal(seen->failures_count, 2);
	assert_int_equal(seen->parts_failed, 2);
	assert_non_null(strstr(seen->summary, "\"urls\":3,\"succeeded\":1,\"failed\":2,"
					      "\"failed_by\":{\"connect\":1,\"http-4xx\":1}"));
}

static void a_full_house_loses_nothing(void **state)
{
	/* Every third bounded verb says RUN_FULL: all 300 pages come out all the same. */
	struct scrape *scrape = *state;
	const struct fake_seen *seen = fake_run_seen(scrape->fake);
	struct buf spec = BUF(1 << 20);

	fake_run_options(scrape->fake)->full_every = 3;
	buf_add_text(&spec, "{\"concurrency\":32,\"urls\":[\"http://a.example/0\"");
	for (int i = 1; i < 300; i++)
		buf_printf(&spec, ",\"http://a.example/%d%s\"", i, i % 5 ? "" : "/missing");
	buf_add_text(&spec, "]}");
	assert_int_equal(fake_run_drive(scrape->fake, &scrape_handler, spec.data), FAKE_COMPLETED);
	assert_int_equal(seen->items_count, 300);
	assert_int_equal(seen->failures_count, 59);
	buf_done(&spec);
}

static void a_stopped_crawl_goes_on_with_what_is_left(void **state)
{
	/* Stopped after 12 steps, then driven again: no page twice, none missing. */
	struct scrape *scrape = *state;
	const struct fake_seen *seen = fake_run_seen(scrape->fake);
	struct buf spec = BUF(1 << 20);

	buf_add_text(&spec, "{\"concurrency\":4,\"urls\":[\"http://a.example/0\"");
	for (int i = 1; i < 60; i++)
		buf_printf(&spec, ",\"http://a.example/%d\"", i);
	buf_add_text(&spec, "]}");
	fake_run_options(scrape->fake)->steps_max = 12;
	assert_int_equal(fake_run_drive(scrape->fake, &scrape_handler, spec.data), FAKE_STOPPED);
	assert_in_range(seen->items_count, 1, 59);
	fake_run_options(scrape->fake)->steps_max = 0;
	assert_int_equal(fake_run_drive(scrape->fake, &scrape_handler, spec.data), FAKE_COMPLETED);
	assert_int_equal(seen->items_count, 60);
	assert_int_equal(seen->parts_done, 60);
	buf_done(&spec);
}

static void assert_mistake(struct fake_run *fake, const char *spec, const char *pointer,
			   const char *type)
{
	const struct mistake *first;

	assert_int_equal(fake_run_drive(fake, &scrape_handler, spec), FAKE_INVALID);
	first = fake_run_seen(fake)->mistakes.first;
	assert_string_equal(first->pointer, pointer);
	assert_string_equal(first->type, type);
}

static void mistakes_name_their_place(void **state)
{
	/* Each wrong spec with the pointer and the type of its first mistake. */
	struct scrape *scrape = *state;
	struct fake_run *fake = scrape->fake;

	assert_mistake(fake, "{}", "/spec/urls", "missing-member");
	assert_mistake(fake, "{\"urls\":[]}", "/spec/urls", "out-of-range");
	assert_mistake(fake, "{\"urls\":[\"http://a/\",\"a/b\"]}", "/spec/urls/1", "bad-url");
	assert_mistake(fake, "{\"urls\":[\"ftp://a/\"]}", "/spec/urls/0", "bad-url");
	assert_mistake(fake, "{\"urls\":[\"http://127.0.0.1/\"]}", "/spec/urls/0",
		       "address-denied");
	assert_mistake(fake, "{\"urls\":[\"http://0x7f.1/\"]}", "/spec/urls/0", "address-denied");
	assert_mistake(fake, "{\"urls\":[\"http://[::ffff:10.0.0.1]/\"]}", "/spec/urls/0",
		       "address-denied");
	assert_mistake(fake, "{\"urls\":[\"http://x.internal/\"]}", "/spec/urls/0",
		       "address-denied");
	assert_mistake(fake, "{\"urls\":[\"http://a/\"],\"extract\":{\"x\":\"a[\"}}",
		       "/spec/extract/x", "selector");
	assert_mistake(fake, "{\"urls\":[\"http://a/\"],\"extract\":{\"x\":{\"css\":\"a::txt\"}}}",
		       "/spec/extract/x/css", "selector");
	assert_mistake(fake,
		       "{\"urls\":[\"http://a/\"],\"extract\":{\"x\":{\"css\":\"a::text\","
		       "\"attr\":\"b\"}}}",
		       "/spec/extract/x/attr", "conflict");
	assert_mistake(fake, "{\"urls\":[\"http://a/\"],\"headers\":{\"X Y\":\"1\"}}",
		       "/spec/headers/X Y", "bad-header");
	assert_mistake(fake, "{\"urls\":[\"http://a/\"],\"headers\":{\"X\":\"1\\r\\nY: 2\"}}",
		       "/spec/headers/X", "bad-header");
	assert_mistake(fake, "{\"urls\":[\"http://a/\"],\"headers\":{\"Host\":\"b\"}}",
		       "/spec/headers/Host", "bad-header");
	assert_mistake(fake, "{\"urls\":[\"http://a/\"],\"download\":{}}", "/spec/download",
		       "not-implemented");
	assert_mistake(fake, "{\"urls\":[\"http://a/\"],\"save_body\":\"warc\"}", "/spec/save_body",
		       "bad-choice");
	assert_mistake(fake, "{\"urls\":[\"http://a/\"],\"save_body_max\":\"1GB\"}",
		       "/spec/save_body_max", "conflict");
	assert_mistake(fake, "{\"urls\":[\"http://a/\"],\"per_hots\":3}", "/spec/per_hots",
		       "unknown-member");
}

#define scrape_test(name) cmocka_unit_test_setup_teardown(name, scrape_set_up, scrape_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		scrape_test(a_page_gives_title_links_and_fields),
		scrape_test(what_is_no_html_has_only_facts),
		scrape_test(a_body_is_kept_under_its_hash),
		scrape_test(a_full_disk_fails_the_attempt_and_shows_nothing),
		scrape_test(each_url_ends_as_one_item_failed_ones_too),
		scrape_test(a_full_house_loses_nothing),
		scrape_test(a_stopped_crawl_goes_on_with_what_is_left),
		scrape_test(mistakes_name_their_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
