/* SPDX-License-Identifier: MIT */
/* kernel_matrix.c - matrix_multiply: each record is a row of the left factor, an array; items are
 * rows of the product.
 *
 * Rows gather until there are enough for the library to be fast, and are multiplied at the end of
 * their chunk at the latest: which rows go together depends on the input alone.
 */
#include "base/files.h"
#include "base/limits.h"
#include "base/record/walk.h"
#include "handlers/input/input.h"
#include "handlers/mapreduce/blas.h"
#include "handlers/mapreduce/kernel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROWS_TOGETHER = 128 };

struct matrix_plan {
	char *file; /* of the right factor; NULL: `right` is there */
	double *right;
	size_t inner, columns; /* inner 0: the file says */
	unsigned record;       /* the field that is the whole record */
};

struct matrix_lane {
	const struct matrix_plan *plan;
	int64_t memory_bytes;
	double *loaded; /* from the file */
	const double *right;
	size_t inner, columns;
	double *left, *result; /* ROWS_TOGETHER rows */
	size_t rows;
};

/* ---- the plan ---- */

static void matrix_plan_free(void *ctx)
{
	struct matrix_plan *plan = ctx;

	if (!plan)
		return;
	free(plan->file);
	free(plan->right);
	free(plan);
}

static void right_read(const struct json *by, struct matrix_plan *plan, struct mistakes *mistakes)
{
	size_t at = 0, number = 0;

	plan->inner = json_count(by);
	plan->columns = json_count(json_first(by));
	plan->right = calloc(plan->inner * plan->columns + 1, sizeof(*plan->right));
	for (const struct json *row = json_first(by); row && plan->right; row = json_next(row)) {
		if (json_count(row) != plan->columns) {
			mistake_add(mistakes,
				    mistakes_pointer_index(mistakes, "/spec/map/by", number),
				    "out-of-range", "the row has %zu numbers, the first has %zu",
				    json_count(row), plan->columns);
			return;
		}
		for (const struct json *cell = json_first(row); cell; cell = json_next(cell))
			plan->right[at++] = json_number(cell, 0);
		number++;
	}
}

static void *matrix_plan(struct kernel_planner *planner)
{
	const struct json *by = json_get(planner->map, "by");
	struct mistakes *mistakes = planner->planner->mistakes;
	struct matrix_plan *plan = calloc(1, sizeof(*plan));
	struct err err;

	if (!plan || fields_add(planner->fields, NULL, 0, &plan->record, &err)) {
		free(plan);
		return NULL;
	}
	if (!by || json_count(by) == 0) {
		mistake_add(mistakes, "/spec/map/by", "missing-member",
			    "matrix_multiply needs the right factor");
	} else if (json_kind(by) == JSON_ARRAY) {
		right_read(by, plan, mistakes);
	} else {
		plan->file = strdup(spec_text(by, "file", ""));
		plan->columns = (size_t)spec_int(by, "columns", 1);
	}
	if (plan->file && files_name_check(plan->file, strlen(plan->file), &err))
		mistake_add(mistakes, "/spec/map/by/file", "bad-name", "%s", err.detail);
	if (plan->file || plan->right)
		return plan;
	matrix_plan_free(plan);
	return NULL;
}

/* ---- lanes ---- */

static void matrix_lane_free(void *state)
{
	struct matrix_lane *lane = state;

	if (!lane)
		return;
	free(lane->loaded);
	free(lane->left);
	free(lane->result);
	free(lane);
}

static int bytes_read(int fd, char *into, size_t len, const char *name, struct err *err)
{
	size_t at = 0;

	while (at < len) {
		ssize_t n = pread(fd, into + at, len - at, (off_t)at);

		if (n <= 0)
			return err_set(err, ERR_IO, "'%s' cannot be read to its end", name);
		at += (size_t)n;
	}
	return 0;
}

static int right_load(struct matrix_lane *lane, const struct files *files, struct err *err)
{
	const struct matrix_plan *plan = lane->plan;
	struct file_version version;
	size_t row = plan->columns * sizeof(double);
	int fd, rc;

	if (files_open(files, plan->file, &fd, &version, err))
		return -1;
	if (version.size == 0 || (size_t)version.size % row != 0 ||
	    version.size > (int64_t)(MATRIX_NUMBERS_MAX * sizeof(double))) {
		close(fd);
		return err_set(err, ERR_INVALID_SPEC,
			       "'%s' has %lld bytes, which are no rows of %zu doubles", plan->file,
			       (long long)version.size, plan->columns);
	}
	if (version.size > lane->memory_bytes) {
		close(fd);
		return err_set(err, ERR_LIMIT,
			       "'%s' takes %lld bytes in each lane: give a larger `memory`",
			       plan->file, (long long)version.size);
	}
	lane->inner = (size_t)version.size / row;
	lane->loaded = malloc((size_t)version.size);
	rc = lane->loaded
		     ? bytes_read(fd, (char *)lane->loaded, (size_t)version.size, plan->file, err)
		     : err_set(err, ERR_NO_MEMORY, "no memory for a matrix");
	close(fd);
	lane->right = lane->loaded;
	return rc;
}

static void *matrix_lane_new(const struct kernel_lane *options, struct err *err)
{
	const struct matrix_plan *plan = options->plan;
	struct matrix_lane *lane = calloc(1, sizeof(*lane));

	if (!lane) {
		err_set(err, ERR_NO_MEMORY, "no memory for a matrix");
		return NULL;
	}
	lane->plan = plan;
	lane->memory_bytes = options->memory_bytes;
	lane->inner = plan->inner;
	lane->columns = plan->columns;
	lane->right = plan->right;
	if (plan->file && right_load(lane, options->files, err)) {
		matrix_lane_free(lane);
		return NULL;
	}
	lane->left = malloc(ROWS_TOGETHER * lane->inner * sizeof(double));
	lane->result = malloc(ROWS_TOGETHER * lane->columns * sizeof(double));
	if (lane->left && lane->result)
		return lane;
	matrix_lane_free(lane);
	err_set(err, ERR_NO_MEMORY, "no memory for %d rows of a matrix", ROWS_TOGETHER);
	return NULL;
}

/* ---- rows ---- */

static void rows_emit(struct matrix_lane *lane, const struct kernel_batch *batch)
{
	struct matrix_product product = {
		.left = lane->left,
		.right = lane->right,
		.result = lane->result,
		.rows = lane->rows,
		.inner = lane->inner,
		.columns = lane->columns,
	};

	if (lane->rows == 0)
		return;
	matrix_multiply(&product);
	for (size_t i = 0; i < lane->rows; i++) {
		struct json_out out = JSON_OUT(batch->lines);

		json_out_array(&out, NULL);
		for (size_t j = 0; j < lane->columns; j++)
			json_out_double(&out, NULL, lane->result[i * lane->columns + j]);
		json_out_end(&out, ']');
		buf_add_byte(batch->lines, '\n');
	}
	*batch->lines_count += (int64_t)lane->rows;
	lane->rows = 0;
}

/* An array of as many numbers as the right factor has rows. */
static int row_read(const struct matrix_lane *lane, const struct value *record, double *into,
		    struct err *err)
{
	struct value name, number;
	struct walk walk;
	size_t count = 0;

	if (record->kind != VALUE_ARRAY)
		return err_set(err, ERR_INVALID_RECORD, "a row is an array of numbers, not %s",
			       value_kind_name(record->kind));
	walk_begin(&walk, record);
	for (; walk_next(&walk, &name, &number); count++) {
		if (!value_is_number(&number))
			return err_set(err, ERR_INVALID_RECORD, "number %zu of the row is %s",
				       count + 1, value_kind_name(number.kind));
		if (count < lane->inner)
			into[count] =
				number.kind == VALUE_INT ? (double)number.integer : number.number;
	}
	return count == lane->inner ? 0
				    : err_set(err, ERR_INVALID_RECORD,
					      "the row has %zu numbers, the right factor %zu rows",
					      count, lane->inner);
}

static int matrix_add(void *state, const struct kernel_batch *batch, struct err *err)
{
	struct matrix_lane *lane = state;

	for (size_t i = 0; i < batch->picked; i++) {
		const struct value *values = row_values(batch->rows, batch->pick[i]);
		struct err why;

		if (row_read(lane, &values[lane->plan->record],
			     lane->left + lane->rows * lane->inner, &why))
			batch->failed(batch->ctx, batch->pick[i], &why);
		else if (++lane->rows == ROWS_TOGETHER)
			rows_emit(lane, batch);
	}
	return buf_ok(batch->lines) ? 0 : err_set(err, ERR_LIMIT, "rows of a product are too long");
}

static int matrix_end(void *state, const struct kernel_batch *batch, struct err *err)
{
	rows_emit(state, batch);
	return buf_ok(batch->lines) ? 0 : err_set(err, ERR_LIMIT, "rows of a product are too long");
}

static int matrix_tell(const void *plan, void *merged, struct json_out *out, struct err *err)
{
	const struct matrix_lane *lane = merged;

	(void)plan;
	(void)err;
	json_out_int(out, "columns", (int64_t)lane->columns);
	json_out_text(out, "blas", blas_name());
	return 0;
}

static const char *const matrix_members[] = {"by", "filter", NULL};

const struct kernel kernel_matrix = {
	.name = "matrix_multiply",
	.summary = "The product of a matrix, whose rows are the records, and another",
	.members = matrix_members,
	.food = KERNEL_ROWS,
	.emits = true,
	.reads_files = true,
	.plan = matrix_plan,
	.plan_free = matrix_plan_free,
	.lane_new = matrix_lane_new,
	.lane_free = matrix_lane_free,
	.add_rows = matrix_add,
	.end = matrix_end,
	.tell = matrix_tell,
};
