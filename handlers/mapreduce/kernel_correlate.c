/* SPDX-License-Identifier: MIT */
/* kernel_correlate.c - how two numbers of each record go together: covariance, Pearson's
 * correlation, and the line of least squares.
 *
 * The covariance is a quarter of var(x + y) - var(x - y): the variances come from exact sums and
 * are rounded once, so neither order nor a large mean shows.  Records that lack one of the two are
 * left out.
 */
#include "base/limits.h"
#include "base/record/walk.h"
#include "handlers/aggregate/groups_out.h"
#include "handlers/mapreduce/formula.h"
#include "handlers/mapreduce/groups.h"

#include <math.h>
#include <stdlib.h>

enum { CALLS_BYTES_MAX = 32 * EXPR_BYTES_MAX };

/* The member's expression; NULL: a mistake was added. */
static const char *variable(struct kernel_planner *planner, const char *name, const char *pointer)
{
	struct mistakes *mistakes = planner->planner->mistakes;
	const char *source = spec_text(planner->map, name, NULL);
	struct expr *expr;

	if (!source) {
		mistake_add(mistakes, pointer, "missing-member", "correlate needs x and y");
		return NULL;
	}
	if (formula_compile(source, pointer, planner->fields, mistakes, &expr))
		return NULL;
	expr_free(expr);
	return source;
}

/* "name": "function(if(both are there, value, null))" */
static void call_out(struct json_out *out, const char *name, const char *function, const char *both,
		     const char *value)
{
	struct buf call = BUF(CALLS_BYTES_MAX);

	buf_printf(&call, "%s(if(%s, %s, null))", function, both, value);
	json_out_text(out, name, buf_text(&call));
	buf_done(&call);
}

static void *correlate_plan(struct kernel_planner *planner)
{
	const char *x = variable(planner, "x", "/spec/map/x");
	const char *y = variable(planner, "y", "/spec/map/y");
	struct buf text = BUF(CALLS_BYTES_MAX), both = BUF(CALLS_BYTES_MAX);
	struct buf sum = BUF(CALLS_BYTES_MAX), difference = BUF(CALLS_BYTES_MAX);
	struct json_out out = JSON_OUT(&text);
	struct groups_plan *plan = NULL;

	if (!x || !y)
		return NULL;
	buf_printf(&both, "(%s) is not null and (%s) is not null", x, y);
	buf_printf(&sum, "(%s) + (%s)", x, y);
	buf_printf(&difference, "(%s) - (%s)", x, y);
	json_out_object(&out, NULL);
	call_out(&out, "count", "count_if", buf_text(&both), "true");
	call_out(&out, "mean_x", "mean", buf_text(&both), x);
	call_out(&out, "mean_y", "mean", buf_text(&both), y);
	call_out(&out, "x", "var_pop", buf_text(&both), x);
	call_out(&out, "y", "var_pop", buf_text(&both), y);
	call_out(&out, "sum", "var_pop", buf_text(&both), buf_text(&sum));
	call_out(&out, "difference", "var_pop", buf_text(&both), buf_text(&difference));
	json_out_end(&out, '}');
	if (buf_ok(&text) && buf_ok(&both) && buf_ok(&sum) && buf_ok(&difference))
		plan = groups_plan_text(planner, NULL, text.data);
	buf_done(&text);
	buf_done(&both);
	buf_done(&sum);
	buf_done(&difference);
	return plan;
}

static double number_of(const struct value *group, const char *name)
{
	struct value member = walk_member(group, name);

	return member.kind == VALUE_INT	     ? (double)member.integer
	       : member.kind == VALUE_DOUBLE ? member.number
					     : NAN;
}

/* What is not defined (fewer than two records, a variable that does not vary) is null. */
static int correlate_tell(const void *plan, void *gathered, struct json_out *out, struct err *err)
{
	struct buf text = BUF(JOB_SUMMARY_BYTES_MAX);
	struct value group;
	double count, covariance, x, y, slope;
	int rc = groups_next(gathered, &text, err);

	(void)plan;
	if (rc != 1) {
		buf_done(&text);
		return rc < 0 ? -1 : err_set(err, ERR_INTERNAL, "a correlation of nothing");
	}
	value_read(text.data, text.len, &group);
	count = number_of(&group, "count");
	x = number_of(&group, "x");
	y = number_of(&group, "y");
	covariance = (number_of(&group, "sum") - number_of(&group, "difference")) / 4;
	slope = x > 0 ? covariance / x : NAN;
	json_out_int(out, "count", (int64_t)count);
	json_out_double(out, "mean_x", number_of(&group, "mean_x"));
	json_out_double(out, "mean_y", number_of(&group, "mean_y"));
	json_out_double(out, "covariance", count > 1 ? covariance * (count / (count - 1)) : NAN);
	json_out_double(out, "correlation",
			x > 0 && y > 0 ? covariance / (sqrt(x) * sqrt(y)) : NAN);
	json_out_double(out, "slope", slope);
	json_out_double(out, "intercept",
			number_of(&group, "mean_y") - slope * number_of(&group, "mean_x"));
	buf_done(&text);
	return 0;
}

static const char *const correlate_members[] = {"x", "y", "filter", NULL};

const struct kernel kernel_correlate = {
	.name = "correlate",
	.summary = "Covariance, correlation and the line of least squares of x and y",
	.members = correlate_members,
	.food = KERNEL_ROWS,
	.uses_disk = true,
	.plan = correlate_plan,
	.plan_free = groups_plan_free,
	.lane_new = groups_lane_new,
	.lane_free = groups_lane_free,
	.add_rows = groups_add_rows,
	.is_full = groups_is_full,
	.spill = groups_spill,
	.size = groups_size,
	.save = groups_save,
	.load = groups_load,
	.saved = groups_saved,
	.gather = groups_gather,
	.gathered_free = groups_gathered_free,
	.division = groups_division,
	.next = groups_item,
	.has_items = groups_has_items,
	.tell = correlate_tell,
};
