/* SPDX-License-Identifier: MIT */
/* planner.h - what a verb may ask while its stage is planned.
 *
 * Stages are planned in the order in which records reach them; a verb says what it reads and
 * what it writes in the order in which it does so.  Whether a record has to be renewed before is
 * answered at each step (stretch.h).
 *
 * Threads    one.
 * Errors     mistakes go to the list; false: there was one.
 */
#ifndef HANDLERS_PIPELINE_PLANNER_H
#define HANDLERS_PIPELINE_PLANNER_H

#include "base/expr/expr.h"
#include "handlers/pipeline/stage.h"
#include "handlers/script/script.h"

struct aggregates;
struct aggregates_spec;
struct plan;
struct schema;

struct stage_planner {
	struct arena *arena; /* the plan's */
	struct mistakes *mistakes;
	const struct permits *permits;
	const struct plan *plan;
	uint64_t dirty; /* what may have been written before the step that is asked for */
	const struct stretch *full; /* whose written members were told to be too many */
};

/* Compiles an expression that the stage evaluates over its records. */
bool plan_expr(struct stage_planner *planner, struct stage *stage, const char *source,
	       const char *pointer, struct expr **ret_expr, bool *ret_renew);
/* The same for a script over `r`. */
bool plan_script(struct stage_planner *planner, struct stage *stage, const struct json *source,
		 const char *pointer, enum script_kind kind, struct script **ret_script,
		 bool *ret_renew);
/* What is said of groups. */
bool plan_aggregates(struct stage_planner *planner, struct stage *stage,
		     const struct aggregates_spec *spec, struct aggregates **ret_aggregates,
		     bool *ret_renew);
/* What a schema looks at. */
bool plan_schema(struct stage_planner *planner, struct stage *stage, struct schema *schema,
		 const char *pointer, bool *ret_renew);
/* A path that is read. */
bool plan_reads(struct stage_planner *planner, struct stage *stage, const char *path,
		const char *pointer, unsigned *ret_field, bool *ret_renew);
/* A member that is set, one that goes, and one that gets another name. */
bool plan_writes(struct stage_planner *planner, struct stage *stage, const char *path,
		 const char *pointer, unsigned *ret_written, bool *ret_renew);
bool plan_drops(struct stage_planner *planner, struct stage *stage, const char *path,
		const char *pointer, unsigned *ret_written, bool *ret_renew);
bool plan_renames(struct stage_planner *planner, struct stage *stage, const char *path,
		  const char *name, const char *pointer, unsigned *ret_written, bool *ret_renew);
/* The names of a path alone. */
bool plan_path(struct stage_planner *planner, struct stage *stage, const char *path,
	       const char *pointer, struct path *ret_path);
bool plan_member(struct stage_planner *planner, struct stage *stage, const char *name,
		 struct path *ret_path);
/* The record as a whole is read, or becomes another one. */
void plan_reads_all(struct stage_planner *planner, bool *ret_renew);
void plan_made_anew(struct stage_planner *planner);

/* Memory for the stage's plan, zeroed; NULL after a mistake that says so. */
void *plan_alloc(struct stage_planner *planner, const struct stage *stage, size_t count,
		 size_t size);
#endif
