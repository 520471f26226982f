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
};

extern const struct param mapreduce_params[];

/* As handler.h says of plan. */
int mapreduce_plan(const struct json *spec, struct planner *planner, struct plan **ret_plan);
void mapreduce_plan_free(struct plan *plan);
void mapreduce_describe(const struct plan *plan, struct json_out *out);

#endif
