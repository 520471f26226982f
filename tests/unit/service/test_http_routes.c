/* SPDX-License-Identifier: MIT */
/* test_http_routes.c - the table alone, without a server. */
#include "service/http/routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void nothing(struct request *request)
{
	(void)request;
}

/* The parameter stands before the literal on purpose. */
static const struct route table[] = {
	{METHOD_GET, "/", nothing, 0, SCOPE_ANY, 0},
	{METHOD_GET, "/v1/jobs/{id}", nothing, 0, SCOPE_ANY, 0},
	{METHOD_DELETE, "/v1/jobs/{id}", nothing, 0, SCOPE_ANY, 0},
	{METHOD_POST, "/v1/jobs/cancel", nothing, 0, SCOPE_ANY, 0},
	{METHOD_POST, "/v1/jobs/{id}/cancel", nothing, 0, SCOPE_ANY, 0},
	{METHOD_GET, "/v1/files", nothing, 0, SCOPE_ANY, 0},
	{METHOD_PUT, "/v1/files/{file...}", nothing, 0, SCOPE_ANY, 0},
	{METHOD_GET, "/v1/files/{file...}", nothing, 0, SCOPE_ANY, 0},
	{0},
};

static struct match match(enum method method, const struct path *path)
{
	struct routes *routes;
	struct match match;
	struct err err;

	assert_int_equal(routes_new(table, &routes, &err), 0);
	routes_match(routes, method, path, &match);
	routes_free(routes);
	return match;
}

static void a_literal_segment_goes_before_a_parameter(void **state)
{
	/* /v1/jobs/cancel is no job: GET of it is 405, not the job "cancel". */
	const struct path cancel = {.segments = {"v1", "jobs", "cancel"}, .count = 3};
	const struct path job = {.segments = {"v1", "jobs", "cancelled"}, .count = 3};

	(void)state;
	assert_ptr_equal(match(METHOD_POST, &cancel).route, &table[3]);
	assert_null(match(METHOD_GET, &cancel).route);
	assert_int_equal(match(METHOD_GET, &cancel).methods,
			 1U << METHOD_POST | 1U << METHOD_OPTIONS);
	assert_ptr_equal(match(METHOD_GET, &job).route, &table[1]);
	assert_ptr_equal(match(METHOD_HEAD, &job).route, &table[1]);
	assert_ptr_equal(match(METHOD_DELETE, &job).route, &table[2]);
}

static void a_parameter_is_never_empty(void **state)
{
	/* /v1/jobs//cancel is nothing. */
	const struct path empty = {.segments = {"v1", "jobs", "", "cancel"}, .count = 4};
	const struct path full = {.segments = {"v1", "jobs", "7", "cancel"}, .count = 4};

	(void)state;
	assert_int_equal(match(METHOD_POST, &empty).methods, 0);
	assert_ptr_equal(match(METHOD_POST, &full).route, &table[4]);
	assert_int_equal(route_param(&table[4], "id"), 2);
	assert_int_equal(route_param(&table[4], "i"), -1);
}

static void the_root_and_the_depths_are_paths_too(void **state)
{
	/* "/" has no segments; more than the deepest pattern match nothing. */
	const struct path root = {.count = 0};
	const struct path deep = {.count = ROUTE_SEGMENTS_MAX, .too_deep = true};
	const struct path slash = {
		.segments = {"v1", "jobs", "7"}, .count = 3, .trailing_slash = true};

	(void)state;
	assert_ptr_equal(match(METHOD_GET, &root).route, &table[0]);
	assert_int_equal(match(METHOD_GET, &deep).methods, 0);
	assert_null(match(METHOD_GET, &slash).route);
	assert_true(match(METHOD_GET, &slash).without_trailing_slash);
}

static void the_rest_of_a_path_may_be_long(void **state)
{
	/* From one segment to as many as a path has, but not none; other patterns go before. */
	const struct path list = {.segments = {"v1", "files"}, .count = 2};
	const struct path one = {.segments = {"v1", "files", "a"}, .count = 3};
	const struct path job = {.segments = {"v1", "jobs", "a", "b"}, .count = 4};
	struct path many = {.segments = {"v1", "files"}, .count = PATH_SEGMENTS_MAX};

	(void)state;
	for (unsigned i = 2; i < PATH_SEGMENTS_MAX; i++)
		many.segments[i] = "a";
	assert_ptr_equal(match(METHOD_GET, &list).route, &table[5]);
	assert_null(match(METHOD_PUT, &list).route);
	assert_ptr_equal(match(METHOD_PUT, &one).route, &table[6]);
	assert_ptr_equal(match(METHOD_GET, &one).route, &table[7]);
	assert_ptr_equal(match(METHOD_GET, &many).route, &table[7]);
	assert_int_equal(match(METHOD_POST, &many).methods, 1U << METHOD_GET | 1U << METHOD_HEAD |
								    1U << METHOD_PUT |
								    1U << METHOD_OPTIONS);
	assert_int_equal(match(METHOD_GET, &job).methods, 0);
	many.too_deep = true;
	assert_int_equal(match(METHOD_GET, &many).methods, 0);
	assert_int_equal(route_param(&table[7], "file"), 2);
	assert_int_equal(route_param(&table[7], "fil"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_literal_segment_goes_before_a_parameter),
		cmocka_unit_test(a_parameter_is_never_empty),
		cmocka_unit_test(the_root_and_the_depths_are_paths_too),
		cmocka_unit_test(the_rest_of_a_path_may_be_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
