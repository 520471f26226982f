/* SPDX-License-Identifier: MIT */
/* test_aggregate.c - handlers/aggregate: what the functions of groups give, and that neither
 * lanes nor order nor files can be seen in it. */
#include "base/clock.h"
#include "base/compiler.h"
#include "base/record/scan.h"
#include "handlers/aggregate/aggregates.h"
#include "handlers/aggregate/group_table.h"
#include "handlers/aggregate/groups_out.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SEED = 42, TABLES_MAX = 8, FIELDS_ROOM = 16, TEXT_MAX = 1 << 26 };

/* ---- a plan and its tables ---- */

struct fixture {
	struct json *spec;
	struct fields fields;
	struct mistakes mistakes;
	struct aggregates *plan;
	struct group_sort *sort;
	struct scanner *scanner;
	struct group_table *tables[TABLES_MAX];
	unsigned count;
	char dir[32];
	int64_t bytes_max, limit;
	uint64_t sequence;
	struct buf failures;
};

static int fixture_plan(struct fixture *fixture, const char *spec)
{
	struct json_place place;
	struct err err;
	struct aggregates_spec like;

	assert_int_equal(json_parse(spec, strlen(spec), &fixture->spec, &place, &err), 0);
	fields_init(&fixture->fields);
	mistakes_init(&fixture->mistakes);
	buf_init(&fixture->failures, TEXT_MAX);
	like = (struct aggregates_spec){.group_by = json_get(fixture->spec, "group_by"),
					.functions = json_get(fixture->spec, "aggregates"),
					.pointer = "/spec/map",
					.memory_bytes = 1 << 20};
	if (aggregates_plan(&like, &fixture->fields, &fixture->mistakes, &fixture->plan))
		return -1;
	return group_sort_plan(fixture->plan, json_get(fixture->spec, "sort"), "/spec/sort",
			       &fixture->mistakes, &fixture->sort);
}

static void fixture_open(struct fixture *fixture, const char *spec, unsigned tables,
			 int64_t bytes_max)
{
	char name[16];
	struct err err;

	*fixture = (struct fixture){.count = tables, .bytes_max = bytes_max};
	assert_int_equal(fixture_plan(fixture, spec), 0);
	fixture->scanner = scanner_new(&fixture->fields);
	strcpy(fixture->dir, "/tmp/aggregate.XXXXXX");
	assert_non_null(mkdtemp(fixture->dir));
	for (unsigned i = 0; i < tables; i++) {
		snprintf(name, sizeof(name), "lane%u", i);
		assert_int_equal(
			group_table_new(&(struct group_table_options){.plan = fixture->plan,
								      .bytes_max = bytes_max,
								      .dir = fixture->dir,
								      .name = name,
								      .seed = SEED},
					&fixture->tables[i], &err),
			0);
	}
}

static void fixture_close(struct fixture *fixture)
{
	for (unsigned i = 0; i < fixture->count; i++) {
		group_table_clear(fixture->tables[i]);
		group_table_free(fixture->tables[i]);
	}
	if (fixture->dir[0])
		assert_int_equal(rmdir(fixture->dir), 0); /* nothing is left in it */
	scanner_free(fixture->scanner);
	group_sort_free(fixture->sort);
	aggregates_free(fixture->plan);
	fields_done(&fixture->fields);
	mistakes_done(&fixture->mistakes);
	buf_done(&fixture->failures);
	json_free(fixture->spec);
}

static void row_failed(void *ctx, size_t row, const struct err *err)
{
	struct fixture *fixture = ctx;

	buf_printf(&fixture->failures, "%zu: %s: %s\n", row, err_name(err->code), err->detail);
}

/* Adds a record at a place of its own. */
static void fixture_add(struct fixture *fixture, unsigned table, const char *record,
			uint64_t sequence)
{
	struct value values[FIELDS_ROOM];
	struct group_rows rows = {
		.values = values, .width = fixture->fields.count, .count = 1, .sequence = sequence};
	struct group_failures failures = {row_failed, fixture};
	struct scan_mistake mistake;
	struct err err;

	assert_true(fixture->fields.count <= FIELDS_ROOM);
	assert_int_equal(scan(fixture->scanner, record, strlen(record), values, &mistake), 0);
	assert_int_equal(group_table_add(fixture->tables[table], &rows, &failures, &err), 0);
	if (group_table_full(fixture->tables[table]))
		assert_int_equal(group_table_spill(fixture->tables[table], &err), 0);
}

/* All groups as lines; the caller's: free(). */
static char *fixture_out(struct fixture *fixture, char *ret_approximate)
{
	struct groups_out_options options = {.tables = fixture->tables,
					     .tables_count = fixture->count,
					     .sort = fixture->sort,
					     .limit = fixture->limit,
					     .bytes_max = fixture->bytes_max,
					     .dir = fixture->dir};
	struct buf text = BUF(TEXT_MAX), notes = BUF(4096);
	struct json_out json = JSON_OUT(&notes);
	struct groups_out *out;
	unsigned divisions;
	struct err err;
	int rc;

	assert_int_equal(groups_out_new(&options, &out, &divisions, &err), 0);
	for (unsigned i = divisions; i-- > 0;)
		assert_int_equal(groups_merge(out, i, &err), 0);
	while ((rc = groups_next(out, &text, &err)) > 0)
		buf_add_byte(&text, '\n');
	assert_int_equal(rc, 0);
	json_out_object(&json, NULL);
	groups_approximate(out, &json);
	json_out_end(&json, '}');
	if (ret_approximate)
		strcpy(ret_approximate, notes.data);
	groups_out_free(out);
	buf_done(&notes);
	return text.data ? buf_take(&text, NULL) : strdup("");
}

/* ---- what functions give ---- */

struct aggregate_case {
	const char *spec;
	const char *records[10];
	const char *groups, *failures;
};

static void cases_run(const struct aggregate_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct fixture fixture;
		char *text;

		fixture_open(&fixture, cases[i].spec, 1, 1 << 20);
		for (unsigned j = 0; cases[i].records[j]; j++)
			fixture_add(&fixture, 0, cases[i].records[j], j);
		text = fixture_out(&fixture, NULL);
		assert_string_equal(text, cases[i].groups);
		assert_string_equal(buf_text(&fixture.failures),
				    cases[i].failures ? cases[i].failures : "");
		free(text);
		fixture_close(&fixture);
	}
}

#define ALL_OF_X                                                                                   \
	"{\"aggregates\":{\"n\":\"count\",\"c\":\"count(x)\",\"s\":\"sum(x)\",\"m\":\"mean(x)\","  \
	"\"lo\":\"min(x)\",\"hi\":\"max(x)\",\"v\":\"variance(x)\",\"vp\":\"var_pop(x)\","         \
	"\"sd\":\"stddev(x)\",\"k\":\"skew(x)\",\"q\":\"median(x)\",\"d\":\"distinct(x)\"}}"

static void one_group_is_there_without_records(void **state)
{
	/* As in SQL: counts are 0, all else is null; with keys there is no group. */
	static const struct aggregate_case cases[] = {
		{ALL_OF_X,
		 {NULL},
		 "{\"n\":0,\"c\":0,\"s\":null,\"m\":null,\"lo\":null,\"hi\":null,\"v\":null,"
		 "\"vp\":null,\"sd\":null,\"k\":null,\"q\":null,\"d\":0}\n",
		 NULL},
		{"{\"group_by\":[\"k\"],\"aggregates\":{\"n\":\"count\"}}", {NULL}, "", NULL},
	};
	(void)state;

	cases_run(cases, ARRAY_LEN(cases));
}

static void moments_are_those_of_statistics(void **state)
{
	/* Python: statistics.variance([2,4,4,4,5,5,7,9]) = 4.571428571428571, pvariance = 4,
	 * stdev = 2.138089935299395; the skewness G1 by hand: m3 = 42/8, m2 = 4, so
	 * sqrt(56)/6 * 5.25/8 = 0.8184875533567996. */
	static const struct aggregate_case cases[] = {
		{ALL_OF_X,
		 {"{\"x\":2}", "{\"x\":4}", "{\"x\":4}", "{\"x\":4}", "{\"x\":5}", "{\"x\":5}",
		  "{\"x\":7}", "{\"x\":9}", "{\"x\":null}"},
		 "{\"n\":9,\"c\":8,\"s\":40,\"m\":5.0,\"lo\":2,\"hi\":9,"
		 "\"v\":4.571428571428571,\"vp\":4.0,\"sd\":2.138089935299395,"
		 "\"k\":0.8184875533567996,\"q\":4.5,\"d\":5}\n",
		 NULL},
		{ALL_OF_X,
		 {"{\"x\":3}"},
		 "{\"n\":1,\"c\":1,\"s\":3,\"m\":3.0,\"lo\":3,\"hi\":3,\"v\":null,\"vp\":0.0,"
		 "\"sd\":null,\"k\":null,\"q\":3.0,\"d\":1}\n",
		 NULL},
	};
	(void)state;

	cases_run(cases, ARRAY_LEN(cases));
}

static void sums_are_exact(void **state)
{
	/* math.fsum([0.1]*10) is 1.0; 1e300 + 1 - 1e300 is 1; integers beyond 64 bits keep all
	 * their digits; a sum beyond doubles is null. */
	static const char spec[] = "{\"aggregates\":{\"s\":\"sum(x)\",\"m\":\"mean(x)\"}}";
	static const struct aggregate_case cases[] = {
		{spec,
		 {"{\"x\":0.1}", "{\"x\":0.1}", "{\"x\":0.1}", "{\"x\":0.1}", "{\"x\":0.1}",
		  "{\"x\":0.1}", "{\"x\":0.1}", "{\"x\":0.1}", "{\"x\":0.1}"},
		 /* float(9 * Fraction(0.1)) */
		 "{\"s\":0.9,\"m\":0.1}\n",
		 NULL},
		{spec,
		 {"{\"x\":1e300}", "{\"x\":1}", "{\"x\":-1e300}"},
		 "{\"s\":1.0,\"m\":0.3333333333333333}\n",
		 NULL},
		{spec,
		 {"{\"x\":5e-324}", "{\"x\":1e308}", "{\"x\":-1e308}"},
		 "{\"s\":5e-324,\"m\":0.0}\n",
		 NULL},
		{spec,
		 {"{\"x\":9223372036854775807}", "{\"x\":9223372036854775807}", "{\"x\":10}"},
		 "{\"s\":18446744073709551624,\"m\":6.148914691236517e+18}\n",
		 NULL},
		{spec,
		 {"{\"x\":9223372036854775807}", "{\"x\":9223372036854775807}", "{\"x\":0.5}",
		  "{\"x\":-9223372036854775808}", "{\"x\":-9223372036854775807}"},
		 "{\"s\":-0.5,\"m\":-0.1}\n",
		 NULL},
		{spec,
		 {"{\"x\":1.7e308}", "{\"x\":1.7e308}"},
		 "{\"s\":null,\"m\":1.7e+308}\n",
		 NULL},
	};
	(void)state;

	cases_run(cases, ARRAY_LEN(cases));
}

static void squares_are_exact(void **state)
{
	/* Fractions of Python: the variance of 1e9 + {4, 7, 13, 16} is 30, where naive sums of
	 * doubles give 29.33; (2^53)^2 + 1. */
	static const struct aggregate_case cases[] = {
		{"{\"aggregates\":{\"v\":\"var_samp(x)\",\"q\":\"sum_of_squares(x)\"}}",
		 {"{\"x\":1000000004.0}", "{\"x\":1000000007.0}", "{\"x\":1000000013.0}",
		  "{\"x\":1000000016.0}"},
		 "{\"v\":30.0,\"q\":4.0000000800000005e+18}\n",
		 NULL},
		{"{\"aggregates\":{\"q\":\"sum_of_squares(x)\"}}",
		 {"{\"x\":9007199254740992}", "{\"x\":1}"},
		 "{\"q\":81129638414606681695789005144065}\n",
		 NULL},
	};
	(void)state;

	cases_run(cases, ARRAY_LEN(cases));
}

static void groups_have_a_key_of_any_kind(void **state)
{
	/* 1 and 1.0 are one key, "1" is another; a missing one is null; by order of kinds. */
	static const struct aggregate_case cases[] = {
		{"{\"group_by\":[\"k\"],\"aggregates\":{\"n\":\"count\"}}",
		 {"{\"k\":1}", "{\"k\":1.0}", "{\"k\":\"1\"}", "{\"k\":null}", "{}", "{\"k\":true}",
		  "{\"k\":-0.0}", "{\"k\":\"\\u0000\\u00e9\"}", "{\"k\":[1]}"},
		 "{\"k\":null,\"n\":2}\n{\"k\":true,\"n\":1}\n{\"k\":0,\"n\":1}\n"
		 "{\"k\":1,\"n\":2}\n{\"k\":\"\\u0000é\",\"n\":1}\n{\"k\":\"1\",\"n\":1}\n"
		 "{\"k\":[1],\"n\":1}\n",
		 NULL},
		{"{\"group_by\":[\"a.b\",{\"h\":\"x % 2\"}],\"aggregates\":{\"s\":\"sum(x)\"}}",
		 {"{\"a\":{\"b\":\"q\"},\"x\":1}", "{\"a\":{\"b\":\"q\"},\"x\":2}",
		  "{\"a\":{\"b\":\"q\"},\"x\":3}", "{\"a\":{\"b\":\"\"},\"x\":5}"},
		 "{\"a.b\":\"\",\"h\":1,\"s\":5}\n{\"a.b\":\"q\",\"h\":0,\"s\":2}\n"
		 "{\"a.b\":\"q\",\"h\":1,\"s\":4}\n",
		 NULL},
		{"{\"group_by\":[\"k\"]}",
		 {"{\"k\":9223372036854775807}", "{\"k\":9223372036854775806}",
		  "{\"k\":9223372036854775808}", "{\"k\":-9223372036854775808}"},
		 "{\"k\":-9223372036854775808}\n{\"k\":9223372036854775806}\n"
		 "{\"k\":9223372036854775807}\n{\"k\":9223372036854775808}\n",
		 NULL},
	};
	(void)state;

	cases_run(cases, ARRAY_LEN(cases));
}

static void values_are_kept_in_order(void **state)
{
	/* first, last and collect go by the place of a record, top and bottom by value. */
	static const struct aggregate_case cases[] = {
		{"{\"aggregates\":{\"f\":\"first(x)\",\"l\":\"last(x)\",\"c\":\"collect(x)\","
		 "\"c2\":\"collect(x, 2)\",\"t\":\"top(y, 2)\",\"b\":\"bottom(y, 3)\"}}",
		 {"{\"y\":3}", "{\"x\":\"b\\u00e9\",\"y\":3.5}", "{\"x\":1.50,\"y\":\"10\"}",
		  "{\"x\":{\"a\":[ ]},\"y\":-1}", "{\"x\":null,\"y\":\"z\"}"},
		 "{\"f\":\"b\\u00e9\",\"l\":{\"a\":[ ]},\"c\":[\"b\\u00e9\",1.50,{\"a\":[ ]}],"
		 "\"c2\":[\"b\\u00e9\",1.50],\"t\":[\"z\",10],\"b\":[-1,3,3.5]}\n",
		 NULL},
		{"{\"aggregates\":{\"lo\":\"min(x)\",\"hi\":\"max(x)\"}}",
		 {"{\"x\":\"b\"}", "{\"x\":\"10\"}", "{\"x\":9.5}", "{\"x\":\"abc\"}"},
		 "{\"lo\":9.5,\"hi\":\"b\"}\n",
		 NULL},
		{"{\"aggregates\":{\"n\":\"count_of(x)\",\"all\":\"count\",\"m\":\"mean(x)\"}}",
		 {"{\"x\":1}", "{\"x\":\"3\"}", "{\"x\":null}", "{}"},
		 "{\"n\":2,\"all\":4,\"m\":2.0}\n",
		 NULL},
		{"{\"aggregates\":{\"n\":\"count_if(x > 2)\",\"d\":\"distinct(x)\"}}",
		 {"{\"x\":1}", "{\"x\":3}", "{\"x\":3.0}", "{\"x\":null}"},
		 "{\"n\":2,\"d\":2}\n",
		 NULL},
	};
	(void)state;

	cases_run(cases, ARRAY_LEN(cases));
}

static void quantiles_lie_between_their_neighbours(void **state)
{
	/* numpy.quantile([1, 2, 4, 8], …): 0.25 → 1.75, 0.5 → 3, 0.999 → 7.988
	 * but for the last digit, where it goes down from 8. */
	static const struct aggregate_case cases[] = {
		{"{\"aggregates\":{\"a\":\"p25(x)\",\"b\":\"P50(x)\",\"c\":\"p99.9(x)\","
		 "\"d\":\"quantile(x, 0)\",\"e\":\"p100(x)\"}}",
		 {"{\"x\":8}", "{\"x\":1}", "{\"x\":\"4\"}", "{\"x\":2.0}"},
		 "{\"a\":1.75,\"b\":3.0,\"c\":7.9879999999999995,\"d\":1.0,\"e\":8.0}\n",
		 NULL},
	};
	(void)state;

	cases_run(cases, ARRAY_LEN(cases));
}

static void a_wrong_row_counts_for_no_function(void **state)
{
	/* And is told, with the function and its value. */
	static const struct aggregate_case cases[] = {
		{"{\"aggregates\":{\"n\":\"count\",\"lo\":\"min(y)\",\"s\":\"sum(x)\"}}",
		 {"{\"x\":1,\"y\":5}", "{\"x\":\"abc\",\"y\":1}", "{\"x\":[1],\"y\":1}",
		  "{\"x\":1e999,\"y\":1}", "{\"x\":2,\"y\":{}}"},
		 "{\"n\":1,\"lo\":5,\"s\":1}\n",
		 "0: failed: sum(x): \"abc\" is not a number\n"
		 "0: failed: sum(x): an array is not a number\n"
		 "0: overflow: sum(x): the number 1e999 does not fit 64 bits\n"
		 "0: failed: min(y): an object is not a number, a string or a truth\n"},
	};
	(void)state;

	cases_run(cases, ARRAY_LEN(cases));
}

/* ---- mistakes of a spec ---- */

static void mistakes_point_at_their_place(void **state)
{
	/* Each with the column in its text, and what was meant. */
	static const struct {
		const char *spec, *pointer, *detail, *hint;
		int column;
	} cases[] = {
		{"{\"aggregates\":{\"n\":\"summ(x)\"}}", "/spec/map/aggregates/n",
		 "there is no function 'summ'", "sum", 1},
		{"{\"aggregates\":{\"n\":\"sum(x\"}}", "/spec/map/aggregates/n",
		 "expected ')' but found the end", NULL, 6},
		{"{\"aggregates\":{\"n\":\"sum(x) / 2\"}}", "/spec/map/aggregates/n",
		 "expected the end: one function is all that fits here",
		 "calculate with results afterwards", 8},
		{"{\"aggregates\":{\"n\":\"sum( )\"}}", "/spec/map/aggregates/n",
		 "expected what it is a function of", "sum(number)", 6},
		{"{\"aggregates\":{\"n\":\"quantile(x, 2)\"}}", "/spec/map/aggregates/n",
		 "expected a quantile: a number from 0 to 1", "quantile(value, 0.99)", 12},
		{"{\"aggregates\":{\"n\":\"top(x, 0)\"}}", "/spec/map/aggregates/n",
		 "expected how many: 1 to 10000", "top(value, n)", 7},
		{"{\"group_by\":[],\"aggregates\":{\"n\":\"count\"}}", "/spec/map/group_by",
		 "expected an array of 1 to 32 paths and {\"name\": \"expression\"}", NULL, 0},
		{"{\"group_by\":[{\"a\":\"x +\"}]}", "/spec/map/group_by/0/a",
		 "expected a value but the expression ends", NULL, 4},
		{"{\"group_by\":[\"n\"],\"aggregates\":{\"n\":\"count\"}}",
		 "/spec/map/aggregates/n", "a key has this name", NULL, 1},
		{"{}", "/spec/map", "expected keys, functions, or both", NULL, 0},
		{"{\"aggregates\":{\"total\":\"count\"},\"sort\":[\"-totl\"]}", "/spec/sort/0",
		 "no key or function is named '-totl'", "-total", 0},
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture fixture = {0};
		const struct mistake *mistake;

		assert_int_equal(fixture_plan(&fixture, cases[i].spec), -1);
		mistake = fixture.mistakes.first;
		assert_string_equal(mistake->pointer, cases[i].pointer);
		assert_string_equal(mistake->detail, cases[i].detail);
		if (cases[i].hint)
			assert_string_equal(mistake->hint, cases[i].hint);
		assert_int_equal(mistake->column, cases[i].column);
		fixture_close(&fixture);
	}
}

/* ---- nothing of how it came about can be seen ---- */

#define EVERYTHING                                                                                 \
	"\"aggregates\":{\"n\":\"count\",\"s\":\"sum(x)\",\"m\":\"mean(x * "                       \
	"3)\",\"v\":\"variance(x)\","                                                              \
	"\"sk\":\"skew(x)\",\"lo\":\"min(x)\",\"hi\":\"max(w)\",\"q\":\"p90(x)\","                 \
	"\"d\":\"distinct(w)\",\"f\":\"first(w)\",\"l\":\"last(x)\",\"c\":\"collect(x, 3)\","      \
	"\"t\":\"top(w, 2)\"}"

enum { RECORDS = 4000, RECORD_ROOM = 96 };

static char records[RECORDS][RECORD_ROOM];

/* Values of many sizes, integers among doubles, some nulls; few keys or many. */
static void records_make(unsigned keys)
{
	struct rng rng;

	rng_seed(&rng, 7);
	for (unsigned i = 0; i < RECORDS; i++) {
		int scale = (int)rng_between(&rng, -30, 30);
		int64_t digits = rng_between(&rng, -1000000, 1000000);

		if (i % 7 == 0)
			snprintf(records[i], RECORD_ROOM, "{\"k\":%d,\"x\":%lld,\"w\":\"w%d\"}",
				 (int)rng_between(&rng, 0, keys - 1), (long long)digits,
				 (int)rng_between(&rng, 0, 300));
		else
			snprintf(records[i], RECORD_ROOM, "{\"k\":%d,\"x\":%llde%d,\"w\":%s}",
				 (int)rng_between(&rng, 0, keys - 1), (long long)digits, scale,
				 i % 11 == 0 ? "null" : "\"abc\"");
	}
}

/* The groups of all records, spread over tables and added in some order. */
static char *spread(const char *spec, unsigned tables, uint64_t seed, int64_t bytes_max, bool saved)
{
	static uint32_t order[RECORDS];
	struct fixture fixture;
	struct rng rng;
	char *text;

	rng_seed(&rng, seed);
	for (unsigned i = 0; i < RECORDS; i++)
		order[i] = i;
	for (unsigned i = RECORDS - 1; i > 0 && seed > 0; i--) {
		unsigned j = (unsigned)rng_between(&rng, 0, i);
		uint32_t other = order[i];

		order[i] = order[j];
		order[j] = other;
	}
	fixture_open(&fixture, spec, tables, bytes_max);
	for (unsigned i = 0; i < RECORDS; i++) {
		unsigned table = (unsigned)rng_between(&rng, 0, tables - 1);

		fixture_add(&fixture, table, records[order[i]], order[i]);
		if (saved && i % 500 == 499) { /* a crash: all that is left is the blob */
			struct group_table_options options = {.plan = fixture.plan,
							      .bytes_max = bytes_max,
							      .dir = fixture.dir,
							      .name = "again",
							      .seed = SEED};
			struct buf blob = BUF(1 << 20);
			struct err err;

			assert_int_equal(group_table_save(fixture.tables[table], &blob, &err), 0);
			group_table_drop(fixture.tables[table]);
			group_table_free(fixture.tables[table]);
			assert_int_equal(group_table_new(&options, &fixture.tables[table], &err),
					 0);
			assert_int_equal(
				group_table_load(fixture.tables[table], blob.data, blob.len, &err),
				0);
			buf_done(&blob);
		}
	}
	text = fixture_out(&fixture, NULL);
	fixture_close(&fixture);
	return text;
}

static void neither_lanes_nor_order_nor_crashes_show(void **state)
{
	/* One table in order, then several, shuffled, through files, through checkpoints. */
	static const char *const specs[] = {
		"{" EVERYTHING "}",
		"{\"group_by\":[\"k\"]," EVERYTHING "}",
		"{\"group_by\":[\"k\"],\"sort\":[\"-n\",\"m\"]," EVERYTHING "}",
	};
	static const unsigned keys[] = {1, 7, 2000};
	(void)state;

	for (unsigned i = 0; i < ARRAY_LEN(specs) * ARRAY_LEN(keys); i++) {
		const char *spec = specs[i / ARRAY_LEN(keys)];
		char *plain, *other;

		records_make(keys[i % ARRAY_LEN(keys)]);
		plain = spread(spec, 1, 0, 1 << 30, false);
		for (unsigned j = 1; j < 5; j++) {
			other = spread(spec, 1 + j % 4, j, j % 2 ? 1 << 30 : 200000, j > 2);
			assert_string_equal(other, plain);
			free(other);
		}
		free(plain);
	}
}

static void batches_are_rows_one_by_one(void **state)
{
	/* With picked rows, and wrong ones among them. */
	enum { ROWS = 1000 };
	static struct value values[ROWS * 2];
	static uint32_t pick[ROWS];
	struct group_failures failures;
	struct fixture fixture;
	struct group_rows rows = {
		.values = values, .width = 2, .count = ROWS, .pick = pick, .sequence = 0};
	struct err err;
	char *text;
	(void)state;

	fixture_open(&fixture,
		     "{\"group_by\":[\"k\"],\"aggregates\":{\"n\":\"count\",\"s\":\"sum(x)\"}}", 1,
		     1 << 20);
	for (unsigned i = 0; i < ROWS; i++) {
		values[2 * i] =
			(struct value){.kind = VALUE_TEXT, .at = i % 2 ? "b" : "a", .len = 1};
		values[2 * i + 1] = (struct value){.kind = VALUE_INT, .integer = i};
		if (i % 100 == 1)
			values[2 * i + 1] = (struct value){.kind = VALUE_TEXT, .at = "?", .len = 1};
		if (i % 4 < 2)
			pick[rows.picked++] = i;
	}
	/* with nobody to tell, a wrong one is an error of all */
	assert_int_equal(group_table_add(fixture.tables[0], &rows, NULL, &err), -1);
	assert_string_equal(err.detail, "sum(x): \"?\" is not a number");
	failures = (struct group_failures){row_failed, &fixture};
	assert_int_equal(group_table_add(fixture.tables[0], &rows, &failures, &err), 0);
	text = fixture_out(&fixture, NULL);
	/* a: 0 + 4 + … + 996; b: 1 + 5 + … + 997 without 1 + 101 + … + 901 */
	assert_string_equal(text, "{\"k\":\"a\",\"n\":250,\"s\":124500}\n"
				  "{\"k\":\"b\",\"n\":240,\"s\":120240}\n");
	assert_memory_equal(buf_text(&fixture.failures),
			    "1: failed: sum(x): \"?\" is not a number\n", 38);
	free(text);
	fixture_close(&fixture);
}

static void too_many_files_become_one(void **state)
{
	/* A key in 300 files out of 300, another in each; what blobs named goes with the drop. */
	struct fixture fixture;
	struct group_table_size size;
	struct buf blob = BUF(1 << 20);
	struct err err;
	char record[64], *text;
	(void)state;

	fixture_open(&fixture,
		     "{\"group_by\":[\"k\"],\"aggregates\":{\"n\":\"count\"},\"sort\":[\"-n\"]}", 1,
		     1 << 20);
	for (int i = 0; i < 300; i++) {
		fixture_add(&fixture, 0, "{\"k\":\"all\"}", (uint64_t)i);
		snprintf(record, sizeof(record), "{\"k\":%d}", i);
		fixture_add(&fixture, 0, record, (uint64_t)i);
		assert_int_equal(group_table_spill(fixture.tables[0], &err), 0);
		if (i == 100)
			assert_int_equal(group_table_save(fixture.tables[0], &blob, &err), 0);
	}
	group_table_drop(fixture.tables[0]); /* of a blob that still names the old files */
	buf_clear(&blob);
	assert_int_equal(group_table_save(fixture.tables[0], &blob, &err), 0);
	group_table_drop(fixture.tables[0]);
	group_table_size(fixture.tables[0], &size);
	assert_int_equal(size.spilled_groups, 257 + 2 * 44); /* 256 files are one, and 44 more */
	fixture.limit = 2;
	text = fixture_out(&fixture, NULL);
	assert_string_equal(text, "{\"k\":\"all\",\"n\":300}\n{\"k\":0,\"n\":1}\n");
	free(text);
	buf_done(&blob);
	fixture_close(&fixture);
}

static void a_limit_keeps_the_first(void **state)
{
	/* Of all groups in order, whatever division they are in. */
	struct fixture fixture;
	char record[64], *text;
	(void)state;

	fixture_open(&fixture,
		     "{\"group_by\":[\"k\"],\"aggregates\":{\"s\":\"sum(x)\"},\"sort\":[\"-s\"]}",
		     2, 1 << 20);
	fixture.limit = 2;
	for (int i = 0; i < 30000; i++) {
		snprintf(record, sizeof(record), "{\"k\":\"key %d\",\"x\":%d}", i, i * 7 % 30000);
		fixture_add(&fixture, (unsigned)i % 2, record, (uint64_t)i);
	}
	text = fixture_out(&fixture, NULL);
	/* 7 k = 29999 (mod 30000) for k = 12857, 29998 for 25714 */
	assert_string_equal(text, "{\"k\":\"key 12857\",\"s\":29999}\n"
				  "{\"k\":\"key 25714\",\"s\":29998}\n");
	free(text);
	fixture_close(&fixture);
}

static void what_is_approximate_says_so(void **state)
{
	/* 8,193 values of a group are one too many for exact quantiles; 8,192 are not. */
	struct fixture fixture;
	char record[64], notes[512], *text;
	double median;
	(void)state;

	fixture_open(&fixture, "{\"group_by\":[\"k\"],\"aggregates\":{\"q\":\"p50(x)\"}}", 3,
		     1 << 26);
	for (int i = 0; i < 2 * 8192 + 1; i++) {
		snprintf(record, sizeof(record), "{\"k\":%d,\"x\":%d}", i % 2, i);
		fixture_add(&fixture, (unsigned)i % 3, record, (uint64_t)i);
	}
	text = fixture_out(&fixture, notes);
	assert_string_equal(notes, "{\"approximate\":{\"q\":{\"method\":\"ddsketch\","
				   "\"relative_error\":0.0038910505836575876,\"groups\":1}}}");
	assert_int_equal(sscanf(text, "{\"k\":0,\"q\":%lf}", &median), 1);
	assert_true(median > 8192 * (1 - 1.0 / 257) && median < 8192 * (1 + 1.0 / 257));
	assert_non_null(strstr(text, "{\"k\":1,\"q\":8192.0}")); /* (1 + 16383) / 2 */
	free(text);
	fixture_close(&fixture);
}

static void a_damaged_blob_is_an_error(void **state)
{
	/* Each byte of it turned over, and each shorter one. */
	struct fixture fixture;
	struct group_table *table;
	struct group_table_options options;
	struct buf blob = BUF(1 << 20);
	struct err err;
	(void)state;

	fixture_open(&fixture, "{\"group_by\":[\"k\"]," EVERYTHING "}", 1, 1 << 20);
	fixture_add(&fixture, 0, "{\"k\":\"a\",\"x\":1.5,\"w\":\"b\"}", 0);
	fixture_add(&fixture, 0, "{\"k\":2,\"x\":1e300,\"w\":7}", 1);
	assert_int_equal(group_table_save(fixture.tables[0], &blob, &err), 0);
	options = (struct group_table_options){
		.plan = fixture.plan, .bytes_max = 1 << 20, .dir = fixture.dir, .seed = SEED};
	assert_int_equal(group_table_new(&options, &table, &err), 0);
	for (size_t i = 0; i < blob.len; i++) {
		assert_int_equal(group_table_load(table, blob.data, i, &err), -1);
		assert_int_equal(err.code, ERR_IO);
		blob.data[i] = (char)~blob.data[i];
		assert_int_equal(group_table_load(table, blob.data, blob.len, &err), -1);
		assert_int_equal(err.code, ERR_IO);
		blob.data[i] = (char)~blob.data[i];
	}
	assert_int_equal(group_table_load(table, blob.data, blob.len, &err), 0);
	group_table_free(table);
	buf_done(&blob);
	fixture_close(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_group_is_there_without_records),
		cmocka_unit_test(moments_are_those_of_statistics),
		cmocka_unit_test(sums_are_exact),
		cmocka_unit_test(squares_are_exact),
		cmocka_unit_test(groups_have_a_key_of_any_kind),
		cmocka_unit_test(values_are_kept_in_order),
		cmocka_unit_test(quantiles_lie_between_their_neighbours),
		cmocka_unit_test(a_wrong_row_counts_for_no_function),
		cmocka_unit_test(mistakes_point_at_their_place),
		cmocka_unit_test(neither_lanes_nor_order_nor_crashes_show),
		cmocka_unit_test(batches_are_rows_one_by_one),
		cmocka_unit_test(too_many_files_become_one),
		cmocka_unit_test(a_limit_keeps_the_first),
		cmocka_unit_test(what_is_approximate_says_so),
		cmocka_unit_test(a_damaged_blob_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
