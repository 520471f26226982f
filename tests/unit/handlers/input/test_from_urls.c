/* SPDX-License-Identifier: MIT */
/* test_from_urls.c - documents of the web as inputs: cut as they come, fetched again, changed. */
#include "tests/lib/fake_copier.h"
#include "tests/lib/fake_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* ---- a site ---- */

static struct site {
	char *a, *b;	    /* http://site.example/a.csv, …/b.ndjson; NULL: 404 */
	size_t breaks_at;   /* the first fetch of a ends early, there; 0: does not */
	bool authorization; /* it wants one */
} site;

static struct fetch_result *site_answer(void *ctx, const struct fetch_request *request)
{
	const char *name = strrchr(request->url, '/') + 1;
	const char *body = *name == 'a' ? site.a : site.b;
	struct fetch_result *result;

	(void)ctx;
	if (!body || (site.authorization && (request->header_count != 1 ||
					     strcmp(request->headers[0].value, "Bearer x"))))
		return fake_answer(request, 404, "text/plain", "no");
	result = fake_answer(request, 200, "application/octet-stream", body);
	if (*name == 'a' && site.breaks_at) {
		result->body_len = site.breaks_at;
		err_set(&result->err, ERR_FETCH_TRUNCATED, "the body ended early");
		site.breaks_at = 0;
	}
	return result;
}

static struct fake_run *fake;

static void fake_renew(unsigned steps_max, size_t stream_bytes)
{
	if (fake)
		fake_run_free(fake);
	fake = fake_run_new(&(struct fake_options){.lanes_for_cpu = 2,
						   .steps_max = steps_max,
						   .stream_bytes = stream_bytes,
						   .fetch = site_answer});
}

/* A table of about a megabyte with quoted line ends, and its records as JSON. */
static void table_make(char **ret_csv, char **ret_records)
{
	struct buf csv = BUF(1 << 24), records = BUF(1 << 24);

	buf_add_text(&csv, "id,text\n");
	for (int i = 0; i < 30000; i++) {
		buf_printf(&csv, "%d,\"line\n%.*s\"\n", i, i % 50,
			   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
		buf_printf(&records, "{\"id\":\"%d\",\"text\":\"line\\n%.*s\"}\n", i, i % 50,
			   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	}
	*ret_csv = buf_take(&csv, NULL);
	*ret_records = buf_take(&records, NULL);
}

static int site_make(void **state)
{
	(void)state;
	site = (struct site){.b = strdup("{\"b\":1}\n{\"b\":2}\n")};
	fake_renew(0, 100000);
	return 0;
}

static int site_drop(void **state)
{
	(void)state;
	fake_run_free(fake);
	fake = NULL;
	free(site.a);
	free(site.b);
	return 0;
}

static void driven(const char *spec, enum fake_end expected)
{
	enum fake_end end = fake_run_drive(fake, &fake_copier, spec);

	if (end != expected)
		print_error("ended as %d: %s\n", (int)end, fake_run_seen(fake)->err.detail);
	assert_int_equal(end, expected);
}

#define A      "http://site.example/a.csv"
#define B      "http://site.example/b.ndjson"
#define SPEC_A "{\"input\":{\"url\":\"" A "\"}}"

/* ---- tests ---- */

static void documents_are_read_one_after_the_other(void **state)
{
	/* Each in its own format; one that is named twice is read once. */
	(void)state;
	site.a = strdup("x\n1\n");
	driven("{\"input\":{\"urls\":[\"" B "\",\"" A "\",\"" B "\"]}}", FAKE_COMPLETED);
	assert_string_equal(fake_run_ndjson(fake), "{\"b\":1}\n{\"b\":2}\n{\"x\":\"1\"}\n");
	assert_int_equal(fake_run_seen(fake)->fetches, 2);
}

static void a_document_is_cut_as_it_comes(void **state)
{
	/* In pieces of any size, or all at once: the same portions. */
	static const size_t pieces[] = {1000000, 100000, 7001, 0};
	size_t parts = 0;
	char *records;

	(void)state;
	table_make(&site.a, &records);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		fake_renew(0, pieces[i]);
		driven(SPEC_A, FAKE_COMPLETED);
		assert_true(strcmp(fake_run_ndjson(fake), records) == 0);
		assert_true(parts == 0 || parts == fake_run_seen(fake)->parts);
		parts = fake_run_seen(fake)->parts;
	}
	assert_true(parts > 3);
	free(records);
}

static void a_document_goes_on_after_a_stop(void **state)
{
	/* It is fetched again, and what was done stays done. */
	char *records;

	(void)state;
	table_make(&site.a, &records);
	for (unsigned steps = 5; steps < 150; steps += 12) {
		fake_renew(steps, 50000);
		while (fake_run_drive(fake, &fake_copier,
				      "{\"input\":{\"urls\":[\"" A "\",\"" B
				      "\"]}}") == FAKE_STOPPED)
			fake_run_options(fake)->steps_max += 50;
		assert_string_equal(fake_run_seen(fake)->err.detail, "");
		assert_memory_equal(fake_run_ndjson(fake), records, strlen(records));
		assert_string_equal(fake_run_ndjson(fake) + strlen(records),
				    "{\"b\":1}\n{\"b\":2}\n");
	}
	free(records);
}

static void a_document_that_changes_fails_the_job(void **state)
{
	/* Between two attempts, when a third had come: what was read of it is not the same. */
	char *records;

	(void)state;
	table_make(&site.a, &records);
	fake_renew(24, 10000);
	driven(SPEC_A, FAKE_STOPPED);
	assert_true(fake_run_seen(fake)->parts > 0);
	site.a[10] = '7';
	fake_run_options(fake)->steps_max = 0;
	driven(SPEC_A, FAKE_FAILED);
	assert_int_equal(fake_run_seen(fake)->err.code, ERR_CONFLICT);
	assert_string_equal(fake_run_seen(fake)->err.detail,
			    A " has changed since the job began to read it");
	free(records);
}

static void a_body_that_ends_early_is_fetched_again(void **state)
{
	/* What has come is compared, not read twice. */
	char *records;

	(void)state;
	table_make(&site.a, &records);
	site.breaks_at = 700001;
	driven(SPEC_A, FAKE_COMPLETED);
	assert_true(strcmp(fake_run_ndjson(fake), records) == 0);
	assert_int_equal(fake_run_seen(fake)->fetches, 2);
	free(records);
}

static void a_body_that_comes_back_otherwise_fails_the_job(void **state)
{
	/* Shorter, here: half of each would be none of them. */
	char *records;

	(void)state;
	table_make(&site.a, &records);
	site.breaks_at = 700001;
	site.a[strlen(site.a) - 1] = '\0';
	fake_renew(0, 0);
	driven(SPEC_A, FAKE_COMPLETED);
	site.breaks_at = 9;
	site.a[8] = '\0';
	fake_renew(0, 0);
	driven(SPEC_A, FAKE_FAILED);
	assert_int_equal(fake_run_seen(fake)->err.code, ERR_CONFLICT);
	free(records);
}

static void a_document_that_is_not_there_is_named(void **state)
{
	/* The reason is the host's. */
	(void)state;
	driven(SPEC_A, FAKE_FAILED);
	assert_int_equal(fake_run_seen(fake)->err.code, ERR_FETCH_HTTP_4XX);
	assert_memory_equal(fake_run_seen(fake)->err.detail, A ": ", strlen(A) + 2);
}

static void an_empty_document_has_no_records(void **state)
{
	/* Nor a portion. */
	(void)state;
	site.a = strdup("");
	driven(SPEC_A, FAKE_COMPLETED);
	assert_int_equal(fake_run_seen(fake)->parts, 0);
}

static void headers_go_with_the_request(void **state)
{
	/* As an API wants them; of other inputs they are a mistake. */
	(void)state;
	site.authorization = true;
	driven("{\"input\":{\"url\":\"" B "\",\"headers\":{\"Authorization\":\"Bearer x\"}}}",
	       FAKE_COMPLETED);
	driven("{\"input\":{\"items\":[],\"headers\":{}}}", FAKE_INVALID);
	assert_string_equal(fake_run_seen(fake)->mistakes.first->pointer, "/spec/input/headers");
}

static void a_bad_url_is_a_mistake_of_the_spec(void **state)
{
	/* With its place among the others. */
	(void)state;
	driven("{\"input\":{\"urls\":[\"" B "\",\"b.ndjson\"]}}", FAKE_INVALID);
	assert_string_equal(fake_run_seen(fake)->mistakes.first->pointer, "/spec/input/urls/1");
}

#define SITE_TEST(name) cmocka_unit_test_setup_teardown(name, site_make, site_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SITE_TEST(documents_are_read_one_after_the_other),
		SITE_TEST(a_document_is_cut_as_it_comes),
		SITE_TEST(a_document_goes_on_after_a_stop),
		SITE_TEST(a_document_that_changes_fails_the_job),
		SITE_TEST(a_body_that_ends_early_is_fetched_again),
		SITE_TEST(a_body_that_comes_back_otherwise_fails_the_job),
		SITE_TEST(a_document_that_is_not_there_is_named),
		SITE_TEST(an_empty_document_has_no_records),
		SITE_TEST(headers_go_with_the_request),
		SITE_TEST(a_bad_url_is_a_mistake_of_the_spec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
