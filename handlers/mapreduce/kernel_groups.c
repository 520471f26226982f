/* SPDX-License-Identifier: MIT */
/* kernel_groups.c - kernels that are aggregates by another name: group_by itself, count, sum,
 * sum_of_squares and stats of what an expression gives for each record, distinct, histogram.
 */
#include "base/limits.h"
#include "handlers/mapreduce/groups.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FUNCTIONS_BYTES_MAX = 32 * EXPR_BYTES_MAX, TOP_PRESET = 10 };

/* ---- group_by ---- */

static void *group_by_plan(struct kernel_planner *planner)
{
	return groups_plan_new(planner, json_get(planner->map, "group_by"),
			       json_get(planner->map, "aggregates"));
}

static const char *const group_by_members[] = {"group_by", "aggregates", "filter", NULL};

const struct kernel kernel_group_by = {
	.name = "group_by",
	.summary = "Groups of records by keys, with aggregates of each",
	.members = group_by_members,
	.plan = group_by_plan,
	GROUPS_KERNEL,
};

/* ---- functions of one expression ---- */

/* {"name": "function(expression)", …} for names[i] and functions[i]; a `%` in a function stands for
 * the expression. */
static void *one_plan(struct kernel_planner *planner, const char *const (*functions)[2])
{
	struct buf of = BUF(EXPR_BYTES_MAX), text = BUF(FUNCTIONS_BYTES_MAX);
	struct buf call = BUF(2 * EXPR_BYTES_MAX);
	struct json_out out = JSON_OUT(&text);
	struct groups_plan *plan = NULL;

	if (groups_of(planner, &of)) {
		json_out_object(&out, NULL);
		for (; (*functions)[0]; functions++) {
			const char *hole = strchr((*functions)[1], '%');

			buf_clear(&call);
			if (hole)
				buf_printf(&call, "%.*s%s%s", (int)(hole - (*functions)[1]),
					   (*functions)[1], buf_text(&of), hole + 1);
			else
				buf_add_text(&call, (*functions)[1]);
			json_out_text(&out, (*functions)[0], buf_text(&call));
		}
		json_out_end(&out, '}');
		if (buf_ok(&text) && buf_ok(&call))
			plan = groups_plan_text(planner, NULL, text.data);
	}
	buf_done(&of);
	buf_done(&text);
	buf_done(&call);
	return plan;
}

static void *count_plan(struct kernel_planner *planner)
{
	return groups_plan_text(planner, NULL, "{\"value\":\"count\"}");
}

static void *sum_plan(struct kernel_planner *planner)
{
	static const char *const functions[][2] = {{"value", "sum(%)"}, {NULL}};

	return one_plan(planner, functions);
}

static void *squares_plan(struct kernel_planner *planner)
{
	static const char *const functions[][2] = {{"value", "sum_of_squares(%)"}, {NULL}};

	return one_plan(planner, functions);
}

static void *stats_plan(struct kernel_planner *planner)
{
	static const char *const functions[][2] = {
		{"count", "count_of(%)"}, {"sum", "sum(%)"},
		{"mean", "mean(%)"},	  {"variance", "variance(%)"},
		{"stddev", "stddev(%)"},  {"skew", "skew(%)"},
		{"min", "min(%)"},	  {"p25", "p25(%)"},
		{"median", "median(%)"},  {"p75", "p75(%)"},
		{"p95", "p95(%)"},	  {"p99", "p99(%)"},
		{"max", "max(%)"},	  {NULL},
	};

	return one_plan(planner, functions);
}

static const char *const filtered[] = {"filter", NULL};
static const char *const of_filtered[] = {"of", "filter", NULL};

const struct kernel kernel_count = {
	.name = "count",
	.summary = "How many records there are",
	.members = filtered,
	.plan = count_plan,
	GROUPS_KERNEL,
};

const struct kernel kernel_sum = {
	.name = "sum",
	.summary = "The sum of what `of` gives for each record, exact",
	.members = of_filtered,
	.plan = sum_plan,
	GROUPS_KERNEL,
};

const struct kernel kernel_squares = {
	.name = "sum_of_squares",
	.summary = "The sum of the squares of what `of` gives for each record, exact",
	.members = of_filtered,
	.plan = squares_plan,
	GROUPS_KERNEL,
};

const struct kernel kernel_stats = {
	.name = "stats",
	.summary = "Count, sum, mean, variance, skew, extremes and quantiles of numbers",
	.members = of_filtered,
	.plan = stats_plan,
	GROUPS_KERNEL,
};

/* ---- top ---- */

static void *top_plan(struct kernel_planner *planner)
{
	char call[32];
	const char *const functions[][2] = {{"value", call}, {NULL}};

	snprintf(call, sizeof(call), "top(%%, %d)", (int)spec_int(planner->map, "n", TOP_PRESET));
	return one_plan(planner, functions);
}

static const char *const top_members[] = {"of", "n", "filter", NULL};

const struct kernel kernel_top = {
	.name = "top",
	.summary = "The largest values of `of`",
	.members = top_members,
	.plan = top_plan,
	GROUPS_KERNEL,
};

/* ---- distinct, histogram ---- */

static void *distinct_plan(struct kernel_planner *planner)
{
	struct buf of = BUF(EXPR_BYTES_MAX), text = BUF(2 * FUNCTIONS_BYTES_MAX);
	struct json_out out = JSON_OUT(&text);
	struct groups_plan *plan = NULL;

	if (groups_of(planner, &of)) {
		json_out_array(&out, NULL);
		json_out_object(&out, NULL);
		json_out_text(&out, "value", buf_text(&of));
		json_out_end(&out, '}');
		json_out_end(&out, ']');
		if (buf_ok(&text))
			plan = groups_plan_text(planner, text.data, "{\"count\":\"count\"}");
	}
	if (plan)
		plan->tells_count = true;
	buf_done(&of);
	buf_done(&text);
	return plan;
}

/* Bars from origin + i · width up to the next one. */
static void *histogram_plan(struct kernel_planner *planner)
{
	double width = spec_number(planner->map, "width", 0);
	double origin = spec_number(planner->map, "origin", 0);
	struct buf of = BUF(EXPR_BYTES_MAX), text = BUF(4 * EXPR_BYTES_MAX);
	struct buf bar = BUF(2 * EXPR_BYTES_MAX);
	struct json_out out = JSON_OUT(&text);
	struct groups_plan *plan = NULL;

	if (!(width > 0))
		mistake_add(planner->planner->mistakes, "/spec/map/width",
			    json_get(planner->map, "width") ? "out-of-range" : "missing-member",
			    "histogram needs the width of its bars, more than 0");
	if (width > 0 && groups_of(planner, &of)) {
		json_out_array(&out, NULL);
		for (int end = 0; end < 2; end++) {
			buf_clear(&bar);
			buf_printf(&bar, "%.17g + (((%s) - %.17g) // %.17g + %d.0) * %.17g", origin,
				   buf_text(&of), origin, width, end, width);
			json_out_object(&out, NULL);
			json_out_text(&out, end ? "to" : "from", buf_text(&bar));
			json_out_end(&out, '}');
		}
		json_out_end(&out, ']');
		if (buf_ok(&text) && buf_ok(&bar))
			plan = groups_plan_text(planner, text.data, "{\"count\":\"count\"}");
	}
	buf_done(&of);
	buf_done(&text);
	buf_done(&bar);
	return plan;
}

static const char *const histogram_members[] = {"of", "width", "origin", "filter", NULL};

const struct kernel kernel_distinct = {
	.name = "distinct",
	.summary = "The different values of `of`, and how often each came",
	.members = of_filtered,
	.plan = distinct_plan,
	GROUPS_KERNEL,
};

const struct kernel kernel_histogram = {
	.name = "histogram",
	.summary = "How many values of `of` fall into bars of one width",
	.members = histogram_members,
	.plan = histogram_plan,
	GROUPS_KERNEL,
};
