/* SPDX-License-Identifier: MIT */
/* bench_aggregate.c - ns of CPU that a row costs inside a group table, of one thread.
 *
 *	bench_aggregate [millions of rows]     default 10
 *
 * Values are read already: what is measured is hashing, finding and adding.  Batches of 1,000
 * rows are used again and again but for the many groups, whose keys differ each time.
 */
#include "base/clock.h"
#include "base/json.h"
#include "handlers/aggregate/aggregates.h"
#include "handlers/aggregate/group_table.h"
#include "handlers/aggregate/groups_out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 1000, BATCHES = 8, WIDTH = 2, KEY_ROOM = 24 };

static struct value values[BATCHES][ROWS * WIDTH];
static char keys[BATCHES][ROWS][KEY_ROOM], texts[BATCHES][ROWS][KEY_ROOM];

static void die(const char *why)
{
	fprintf(stderr, "bench_aggregate: %s\n", why);
	exit(1);
}

static void failed(void *ctx, size_t row, const struct err *err)
{
	(void)ctx;
	(void)row;
	die(err->detail);
}

enum numbers { DECIMALS, INTEGERS, TEXTS };

/* "Station 123" and 12.3, as the lines of weather stations have them. */
static void rows_make(unsigned names, enum numbers numbers)
{
	struct rng rng;

	rng_seed(&rng, 1);
	for (unsigned i = 0; i < BATCHES * ROWS; i++) {
		struct value *row = &values[i / ROWS][i % ROWS * WIDTH];
		char *key = keys[i / ROWS][i % ROWS];
		unsigned name = (unsigned)rng_between(&rng, 0, names - 1);
		int64_t tenths = rng_between(&rng, -999, 999);

		snprintf(key, KEY_ROOM, "%.*s%u", (int)(name % 9), "Reykjavik", name);
		row[0] = (struct value){.kind = VALUE_TEXT, .at = key, .len = strlen(key)};
		row[1] = (struct value){.kind = VALUE_INT, .integer = tenths};
		if (numbers == DECIMALS)
			row[1] =
				(struct value){.kind = VALUE_DOUBLE, .number = (double)tenths / 10};
		if (numbers != TEXTS)
			continue;
		key = texts[i / ROWS][i % ROWS];
		row[1] = (struct value){.kind = VALUE_TEXT, .form = TEXT_DECODED, .at = key};
		row[1].len = (size_t)snprintf(key, KEY_ROOM, "%.1f", (double)tenths / 10);
	}
}

static struct aggregates *plan_make(const char *spec, struct fields *fields)
{
	struct json *json;
	struct json_place place;
	struct mistakes mistakes;
	struct aggregates *plan;
	struct err err;
	unsigned key, number;
	struct aggregates_spec like = {.pointer = "", .memory_bytes = 1 << 28};

	fields_init(fields);
	mistakes_init(&mistakes);
	if (fields_add_path(fields, "name", &key, &err) ||
	    fields_add_path(fields, "value", &number, &err) ||
	    json_parse(spec, strlen(spec), &json, &place, &err))
		die("the spec");
	like.group_by = json_get(json, "group_by");
	like.functions = json_get(json, "aggregates");
	if (aggregates_plan(&like, fields, &mistakes, &plan))
		die(mistakes.first->detail);
	mistakes_done(&mistakes);
	json_free(json);
	return plan;
}

static struct group_table *table_make(const struct aggregates *plan)
{
	struct group_table *table;
	struct err err;

	if (group_table_new(&(struct group_table_options){.plan = plan,
							  .bytes_max = INT64_MAX / 4,
							  .seed = 1},
			    &table, &err))
		die(err.detail);
	return table;
}

/* Finishes all; ns of CPU for each group. */
static double out_ns(struct group_table *table)
{
	struct groups_out_options options = {
		.tables = &table, .tables_count = 1, .bytes_max = INT64_MAX};
	struct buf line = BUF(1 << 20);
	struct groups_out *out;
	unsigned divisions;
	struct err err;
	int64_t start_us = clock_thread_cpu_us(), groups;

	if (groups_out_new(&options, &out, &divisions, &err))
		die(err.detail);
	for (unsigned i = 0; i < divisions; i++)
		if (groups_merge(out, i, &err))
			die(err.detail);
	while (groups_next(out, &line, &err) > 0)
		buf_clear(&line);
	groups = groups_count(out);
	groups_out_free(out);
	buf_done(&line);
	return (double)(clock_thread_cpu_us() - start_us) * 1e3 / (double)groups;
}

static void measure(const char *what, const char *spec, unsigned names, enum numbers numbers,
		    uint64_t rows)
{
	struct fields fields;
	struct aggregates *plan = plan_make(spec, &fields);
	struct group_table *table = table_make(plan);
	struct group_failures failures = {failed, NULL};
	struct group_table_size size;
	struct err err;
	int64_t start_us;
	double add_ns;

	rows_make(names, numbers);
	start_us = clock_thread_cpu_us();
	for (uint64_t done = 0; done < rows; done += ROWS)
		if (group_table_add(table,
				    &(struct group_rows){.values = values[done / ROWS % BATCHES],
							 .width = WIDTH,
							 .count = ROWS,
							 .sequence = done},
				    &failures, &err))
			die(err.detail);
	add_ns = (double)(clock_thread_cpu_us() - start_us) * 1e3 / (double)rows;
	group_table_size(table, &size);
	printf("%-44s %6.1f ns a row %10lld groups %6.0f bytes each %6.0f ns each to finish\n",
	       what, add_ns, (long long)size.groups, (double)size.bytes / (double)size.groups,
	       out_ns(table));
	group_table_free(table);
	aggregates_free(plan);
	fields_done(&fields);
}

/* As many groups as rows: integers as keys. */
static void measure_many(const char *what, const char *spec, uint64_t rows)
{
	struct fields fields;
	struct aggregates *plan = plan_make(spec, &fields);
	struct group_table *table = table_make(plan);
	struct group_failures failures = {failed, NULL};
	struct group_table_size size;
	struct err err;
	int64_t start_us = clock_thread_cpu_us();
	double add_ns;

	for (uint64_t done = 0; done < rows; done += ROWS) {
		for (unsigned i = 0; i < ROWS; i++)
			values[0][i * WIDTH] = (struct value){
				.kind = VALUE_INT, .integer = (int64_t)((done + i) * 2654435761U)};
		if (group_table_add(table,
				    &(struct group_rows){.values = values[0],
							 .width = WIDTH,
							 .count = ROWS,
							 .sequence = done},
				    &failures, &err))
			die(err.detail);
	}
	add_ns = (double)(clock_thread_cpu_us() - start_us) * 1e3 / (double)rows;
	group_table_size(table, &size);
	printf("%-44s %6.1f ns a row %10lld groups %6.0f bytes each %6.0f ns each to finish\n",
	       what, add_ns, (long long)size.groups, (double)size.bytes / (double)size.groups,
	       out_ns(table));
	group_table_free(table);
	aggregates_free(plan);
	fields_done(&fields);
}

#define BY_NAME "{\"group_by\":[\"name\"],\"aggregates\":"
#define ALL	"{\"aggregates\":"

int main(int argc, char **argv)
{
	uint64_t rows = (argc > 1 ? strtoull(argv[1], NULL, 10) : 10) * 1000000;

	measure("413 names, count", BY_NAME "{\"n\":\"count\"}}", 413, DECIMALS, rows);
	measure("413 names, min mean max of decimals",
		BY_NAME "{\"a\":\"min(value)\",\"b\":\"mean(value)\",\"c\":\"max(value)\"}}", 413,
		DECIMALS, rows);
	measure("413 names, min mean max of integers",
		BY_NAME "{\"a\":\"min(value)\",\"b\":\"mean(value)\",\"c\":\"max(value)\"}}", 413,
		INTEGERS, rows);
	measure("413 names, min mean max of texts",
		BY_NAME "{\"a\":\"min(value)\",\"b\":\"mean(value)\",\"c\":\"max(value)\"}}", 413,
		TEXTS, rows);
	measure("413 names, p50 and p99", BY_NAME "{\"a\":\"p50(value)\",\"b\":\"p99(value)\"}}",
		413, DECIMALS, rows);
	measure("413 names, variance", BY_NAME "{\"a\":\"variance(value)\"}}", 413, DECIMALS, rows);
	measure("413 names, distinct", BY_NAME "{\"a\":\"distinct(value)\"}}", 413, DECIMALS, rows);
	measure("413 names, an expression", BY_NAME "{\"a\":\"sum(value * 2)\"}}", 413, DECIMALS,
		rows);
	measure("one group, count sum min max",
		ALL "{\"n\":\"count(value)\",\"a\":\"sum(value)\",\"b\":\"min(value)\",\"c\":\"max("
		    "value)\"}}",
		413, DECIMALS, rows);
	measure("one group, mean variance skew min max",
		ALL "{\"n\":\"mean(value)\",\"a\":\"skew(value)\",\"v\":\"variance(value)\",\"b\":"
		    "\"min(value)\",\"c\":\"max(value)\"}}",
		413, DECIMALS, rows);
	measure("one group, median", ALL "{\"a\":\"median(value)\"}}", 413, DECIMALS, rows);
	measure("50,000 names, mean", BY_NAME "{\"a\":\"mean(value)\"}}", 50000, DECIMALS, rows);
	measure_many("as many groups as rows, count", BY_NAME "{\"n\":\"count\"}}", rows);
	measure_many("as many groups as rows, sum", BY_NAME "{\"n\":\"sum(value)\"}}", rows);
	return 0;
}
