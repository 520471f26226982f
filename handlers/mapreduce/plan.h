/* SPDX-License-Identifier: MIT */
/* plan.h - a map-reduce spec, checked and compiled: what is read, which kernel, how much of
 * everything.
 *
 * Threads    constant once planned: shared by all lanes.
 * Ownership  the plan owns all in it.
 */
#ifndef HANDLERS_MAPREDUCE_PLAN_H
#define HANDLERS_MAPREDUCE_PLAN_H

#include "handlers/mapreduce/kernel.h"

struct expr;
struct sample;

/* What becomes of a record that is malformed, or that the kernel cannot work with. */
enum bad_record { BAD_FAIL, BAD_SKIP, BAD_DEAD_LETTER };

struct plan {
	const struct kernel *kernel;
	void *kernel_plan; /* NULL: it needs none */
	struct fields fields;
	struct expr *filter; /* NULL: all records */
	struct input_plan *input;
	enum bad_record on_error, on_type_error;
	int64_t chunk_bytes; /* 0: the input's own choice */
	int64_t memory_bytes;
	unsigned workers; /* lanes; 0: one for each CPU */

	struct sample *sample;	   /* of a test: what is tried … */
	const struct json *params; /* … and what scripts see as ctx.params */
};

extern const struct param mapreduce_params[], mapreduce_map_params[], mapreduce_sort_element[];
extern const struct param mapreduce_reduce_script;

/* The members of a spec that say what is done with records. */
/* clang-format off */
#define MAPREDUCE_WORK_PARAMS \
	{.name = "map", .kind = PARAM_OBJECT, .required = true, .members = mapreduce_map_params, \
	 .summary = "What is done with each chunk of it"}, \
	{.name = "reduce", .kind = PARAM_TEXT, .otherwise = &mapreduce_reduce_script, \
	 .summary = "Of lua: the aggregate of the values of one key, \"sum\", or a script"}, \
	{.name = "combine", .kind = PARAM_LATER}, \
	{.name = "finish", .kind = PARAM_LATER}, \
	{.name = "sort", .kind = PARAM_ARRAY, .min = 1, .max = MAPREDUCE_KEYS_MAX, \
	 .members = mapreduce_sort_element, .summary = "The order of the items; by key without it"}, \
	{.name = "limit", .kind = PARAM_INT, .min = 1, .max = 9007199254740992.0, \
	 .summary = "So many items, the first ones"}
/* clang-format on */

/* As handler.h says of plan. */
int mapreduce_plan(const struct json *spec, struct planner *planner, struct plan **ret_plan);
/* The same of all members but `input`; NULL: mistakes were added, or no memory. */
struct plan *mapreduce_plan_work(const struct json *spec, struct planner *planner);
void mapreduce_plan_free(struct plan *plan);
void mapreduce_describe(const struct plan *plan, struct json_out *out);

#endif
