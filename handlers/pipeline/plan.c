/* SPDX-License-Identifier: MIT */
/* plan.c - from a spec to a plan; every mistake with its place.
 *
 * Each stage is an object with one verb and some members that all verbs have.  The graph
 * (graph.c) says in which order records reach them; in that order they are planned, since what a
 * stage reads may be what one before it has written.
 */
#include "handlers/pipeline/pipeline.h"

#include "handlers/input/sample.h"
#include "handlers/pipeline/planner.h"
#include "handlers/pipeline/preview.h"

#include <stdlib.h>
#include <string.h>

enum { PLAN_BYTES_MAX = 64 * 1024 * 1024, TESTS_MAX = 100, TEST_RECORDS_MAX = 1000 };

static const char *const on_errors[] = {"fail", "skip", "dead_letter", NULL};

/* clang-format off */
const struct param pipeline_stage[] = {
	{.kind = PARAM_OBJECT, .members = stage_params, .by_plan = true,
	 .summary = "One verb, and how it is done"},
	{0},
};

static const struct param record_element[] = {
	{.kind = PARAM_ANY, .summary = "A record: any JSON value"},
	{0},
};

static const struct param test_params[] = {
	{.name = "input", .kind = PARAM_ARRAY, .members = record_element, .required = true,
	 .max = TEST_RECORDS_MAX, .summary = "The records that come in"},
	{.name = "expect", .kind = PARAM_ARRAY, .members = record_element, .required = true,
	 .max = TEST_RECORDS_MAX, .summary = "The results, in order"},
	{0},
};

static const struct param test_element[] = {
	{.kind = PARAM_OBJECT, .members = test_params, .summary = "Records, and what becomes of them"},
	{0},
};

const struct param pipeline_params[] = {
	{.name = "input", .kind = PARAM_OBJECT, .members = input_params, .required = true,
	 .summary = "Where records come from"},
	PIPELINE_STAGES_PARAM,
	{.name = "ordered", .kind = PARAM_BOOL, .preset = "true",
	 .summary = "Results come in the order of the input"},
	{.name = "chunk_size", .kind = PARAM_SIZE, .min = 1024, .max = 1024.0 * 1024 * 1024,
	 .summary = "About so many bytes of the input are one part of the job"},
	{.name = "workers", .kind = PARAM_INT, .min = 1, .max = PIPELINE_LANES_MAX,
	 .summary = "Lanes; by default one for each CPU"},
	{.name = "memory", .kind = PARAM_SIZE, .min = 1024 * 1024, .max = 1024.0 * 1024 * 1024 * 1024,
	 .preset = "\"256MB\"", .summary = "What reduce and sort may hold before they go to disk"},
	{.name = "output", .kind = PARAM_OBJECT, .members = result_file_params,
	 .summary = "A named file that gets the results too"},
	{.name = "tests", .kind = PARAM_ARRAY, .members = test_element, .max = TESTS_MAX,
	 .summary = "Tried by validate and dry runs: one that comes out otherwise is a mistake of the spec"},
	{0},
};

/* clang-format on */

/* ---- stages ---- */

static const struct stage_kind no_verb = {.verb = "none"};

static const struct stage_kind *kind_find(const char *name)
{
	for (size_t i = 0; stage_kinds[i]; i++)
		if (strcmp(stage_kinds[i]->verb, name) == 0)
			return stage_kinds[i];
	return NULL;
}

/* The verb of a stage: exactly one of its members. */
static void verb_read(struct stage *stage, struct mistakes *mistakes)
{
	stage->kind = &no_verb;
	if (json_kind(stage->json) != JSON_OBJECT)
		return;
	for (const struct json *at = json_first(stage->json); at; at = json_next(at)) {
		const struct stage_kind *kind = kind_find(json_name(at));

		if (!kind || json_kind(at) == JSON_NULL)
			continue;
		if (stage->kind != &no_verb) {
			mistake_add(mistakes,
				    mistakes_pointer(mistakes, stage->pointer, kind->verb),
				    "conflict", "a stage has one verb, and '%s' is there already",
				    stage->kind->verb);
			continue;
		}
		stage->kind = kind;
	}
	if (stage->kind == &no_verb && stage->well_formed)
		mistake_add(mistakes, stage->pointer, "missing-member",
			    "a stage needs a verb: set, filter, map, reduce, …");
}

static void name_check(const struct plan *plan, const struct stage *stage,
		       struct mistakes *mistakes)
{
	bool taken = strcmp(stage->name, "input") == 0;
	const char *by = "the input";

	for (unsigned i = 0; i < stage->number && !taken; i++) {
		taken = strcmp(plan->stages[i]->name, stage->name) == 0;
		by = plan->stages[i]->pointer;
	}
	if (taken)
		mistake_add(mistakes,
			    stage->named ? mistakes_pointer(mistakes, stage->pointer, "name")
					 : stage->pointer,
			    "conflict", "'%.64s' is the name of %s too", stage->name, by);
}

/* A member of one verb alone. */
static void match_check(const struct stage *stage, struct mistakes *mistakes)
{
	const struct json *match = json_get(stage->json, "match");

	if (match && json_kind(match) != JSON_NULL && stage->kind != &no_verb &&
	    strcmp(stage->kind->verb, "branch") != 0)
		mistake_add(mistakes, mistakes_pointer(mistakes, stage->pointer, "match"),
			    "conflict", "it belongs to branch, not to %s", stage->kind->verb);
}

/* Names and pointers outlive the mistakes: they are the plan's. */
static bool stage_read(struct plan *plan, const struct json *json, struct mistakes *mistakes)
{
	struct stage *stage = arena_alloc(&plan->arena, sizeof(*stage));
	unsigned number = plan->count;

	if (!stage)
		return false;
	plan->stages[plan->count++] = stage;
	stage->json = json;
	stage->number = number;
	stage->named = json_text(json_get(json, "name"), NULL) != NULL;
	stage->name = spec_text(json, "name", NULL);
	if (!stage->named)
		stage->name = arena_printf(&plan->arena, "stages[%u]", number);
	stage->pointer = arena_printf(&plan->arena, "%s/stages/%u", plan->root, number);
	if (!stage->name || !stage->pointer)
		return false;
	stage->well_formed =
		spec_check_noun(stage_params, "stage verb", json, stage->pointer, mistakes) == 0;
	name_check(plan, stage, mistakes);
	verb_read(stage, mistakes);
	match_check(stage, mistakes);
	return true;
}

static bool stages_read(struct plan *plan, const struct json *list, struct mistakes *mistakes)
{
	plan->stages = arena_array(&plan->arena, json_count(list) + 1, sizeof(struct stage *));
	plan->turns = arena_array(&plan->arena, json_count(list) + 1, sizeof(struct stage *));
	if (!plan->stages || !plan->turns)
		return false;
	for (const struct json *at = json_first(list); at; at = json_next(at))
		if (!stage_read(plan, at, mistakes))
			return false;
	return true;
}

static void on_error_read(struct stage *stage, struct stage_planner *planner)
{
	const struct json *value = json_get(stage->json, "on_error");
	const char *pointer;
	bool renew;

	stage->on_error = (enum on_error)spec_choice(stage->json, "on_error", on_errors, 0);
	if (!value || json_kind(value) != JSON_OBJECT)
		return;
	stage->on_error = ON_ERROR_REPLACE;
	if (stage->kind->flags & STAGE_NO_REPLACE)
		mistake_add(planner->mistakes,
			    mistakes_pointer(planner->mistakes, stage->pointer, "on_error"),
			    "conflict", "here it is fail, skip or dead_letter");
	pointer = mistakes_pointer(planner->mistakes, stage->pointer, "on_error");
	plan_script(planner, stage, json_get(value, "replace"),
		    mistakes_pointer(planner->mistakes, pointer, "replace"), SCRIPT_REPLACE,
		    &stage->replace, &renew);
}

/* How many requests are under way at once, and how each is made: not of every verb. */
static void workers_read(struct stage *stage, struct mistakes *mistakes)
{
	static const char *const of_requests[] = {"workers", "timeout", "retry"};

	stage->workers = (unsigned)spec_int(stage->json, "workers", stage->kind->workers);
	for (size_t i = 0; i < ARRAY_LEN(of_requests) && !stage->kind->workers; i++) {
		const struct json *value = json_get(stage->json, of_requests[i]);
		struct mistake *mistake;

		if (!value || json_kind(value) == JSON_NULL)
			continue;
		mistake =
			mistake_add_code(mistakes, ERR_NOT_IMPLEMENTED,
					 mistakes_pointer(mistakes, stage->pointer, of_requests[i]),
					 "only stages that make requests have it so far");
		mistake_hint(mistakes, mistake, "\"workers\" of the spec is the number of lanes");
	}
}

/* What may have been written of the records that come to a stage. */
static uint64_t dirty_before(const struct plan *plan, const struct stage *stage)
{
	uint64_t dirty = 0;

	for (unsigned i = 0; i < plan->count; i++) {
		const struct stage *before = plan->stages[i];

		for (unsigned e = 0; e < before->to_count; e++)
			if (before->to[e].to == stage && !(before->kind->flags & STAGE_BARRIER))
				dirty |= before->dirty;
	}
	return dirty;
}

static void stages_plan(struct plan *plan, const struct planner *outer)
{
	struct stage_planner planner = {
		.arena = &plan->arena,
		.mistakes = outer->mistakes,
		.permits = outer->permits,
		.plan = plan,
	};

	for (unsigned i = 0; i < plan->count; i++) {
		struct stage *stage = plan->turns[i];
		const struct json *value = json_get(stage->json, stage->kind->verb);

		planner.dirty = dirty_before(plan, stage);
		workers_read(stage, planner.mistakes);
		if (stage->kind->plan && stage->well_formed)
			stage->kind->plan(stage, value, &planner);
		stage->dirty = planner.dirty;
		if (stage->well_formed)
			on_error_read(stage, &planner);
	}
}

/* ---- what the run has to know of them all ---- */

static bool before_barriers(const struct plan *plan, const struct stage *stage)
{
	return stage->takes == &plan->stretches[0];
}

/* The stages that all records of the input come through, one after the other. */
static void only_way_mark(struct plan *plan)
{
	const struct stage_edge *edges = plan->takers;
	unsigned count = plan->takers_count;

	while (count == 1) {
		struct stage *stage = edges[0].to;

		if (stage->from_count != 1)
			return;
		stage->only_way = true;
		if (stage->kind->flags & (STAGE_BARRIER | STAGE_ROUTES))
			return;
		edges = stage->to;
		count = stage->to_count;
	}
}

/* Nothing behind a stage waits for records that come another way. */
static bool meets_no_others(const struct stage *stage)
{
	for (unsigned i = 0; i < stage->to_count; i++)
		if (stage->to[i].to->from_count > 1 || !stage->to[i].to->streams)
			return false;
	return true;
}

static void streams_mark(struct plan *plan)
{
	for (unsigned i = plan->count; i-- > 0;) {
		struct stage *stage = plan->turns[i];

		stage->streams = meets_no_others(stage);
		if (before_barriers(plan, stage) && stage->kind->flush)
			plan->saves_parts = false; /* what it does is of a part as a whole */
		if (before_barriers(plan, stage) && stage->workers > 0)
			plan->places =
				plan->places ? MIN(plan->places, stage->workers) : stage->workers;
	}
}

static bool runs_make(struct plan *plan, bool ordered)
{
	plan->barriers = arena_array(&plan->arena, plan->count + 1, sizeof(struct stage *));
	if (!plan->barriers)
		return false;
	for (unsigned i = 0; i < plan->count; i++) {
		struct stage *stage = plan->turns[i];
		bool first = before_barriers(plan, stage);

		if (stage->kind->give)
			plan->barriers[plan->barriers_count++] = stage;
		if (first && stage->kind->flags & STAGE_IN_ORDER)
			plan->one_lane = true;
		if (first && stage->kind->flags & STAGE_STATE)
			plan->has_state = true;
		if (stage->gives_results && stage->gives == &plan->stretches[0])
			plan->in_order = ordered;
		if (stage->gives_results)
			plan->last = stage;
	}
	only_way_mark(plan);
	plan->saves_parts = plan->one_lane || !plan->has_state;
	streams_mark(plan);
	plan->in_order = plan->in_order || plan->one_lane || (plan->count == 0 && ordered);
	return true;
}

/* Where a stage is not what it should be, what the graph lacks for it is no news. */
static bool links_plan(struct plan *plan, struct mistakes *mistakes)
{
	struct mistakes secondary;
	bool well_formed = true, ordered;

	for (unsigned i = 0; i < plan->count; i++)
		well_formed = well_formed && plan->stages[i]->well_formed;
	if (well_formed)
		return graph_plan(plan, mistakes);
	mistakes_init(&secondary);
	ordered = graph_plan(plan, &secondary);
	mistakes_done(&secondary);
	return ordered;
}

static struct plan *plan_new(const char *root)
{
	struct plan *plan = calloc(1, sizeof(*plan));

	if (!plan)
		return NULL;
	arena_init(&plan->arena, PLAN_BYTES_MAX);
	plan->root = root;
	plan->memory_bytes = PIPELINE_MEMORY_BYTES;
	return plan;
}

/* The stages; 0, or -1: mistakes were added, or there is no memory. */
static int plan_stages(struct plan *plan, const struct json *spec, struct planner *planner)
{
	if (!stages_read(plan, json_get(spec, "stages"), planner->mistakes))
		return -1;
	if (links_plan(plan, planner->mistakes))
		stages_plan(plan, planner);
	return planner->mistakes->count == 0 && runs_make(plan, spec_bool(spec, "ordered", true))
		       ? 0
		       : -1;
}

int pipeline_plan(const struct json *spec, struct planner *planner, struct plan **ret_plan)
{
	struct plan *plan = plan_new("/spec");

	if (!plan)
		return -1;
	plan->chunk_bytes = spec_size(spec, "chunk_size", 0);
	plan->workers = (unsigned)spec_int(spec, "workers", 0);
	plan->memory_bytes = spec_size(spec, "memory", plan->memory_bytes);
	result_file_plan(json_get(spec, "output"), planner->mistakes, &plan->output);
	plan->input = input_plan_new(json_get(spec, "input"), "/spec/input", planner);
	if (plan_stages(plan, spec, planner) == 0 && plan->input) {
		plan->tests = json_get(spec, "tests");
		*ret_plan = plan;
		return 0;
	}
	pipeline_plan_free(plan);
	return -1;
}

int pipeline_plan_stages(const struct json *spec, const char *root, struct planner *planner,
			 struct plan **ret_plan)
{
	struct plan *plan = plan_new(root);

	if (plan && plan_stages(plan, spec, planner) == 0) {
		*ret_plan = plan;
		return 0;
	}
	pipeline_plan_free(plan);
	return -1;
}

void pipeline_plan_free(struct plan *plan)
{
	if (!plan)
		return;
	for (unsigned i = 0; i < plan->count; i++) {
		struct stage *stage = plan->stages[i];

		if (stage->kind->plan_free && stage->plan)
			stage->kind->plan_free(stage);
		script_free(stage->replace);
	}
	for (unsigned i = 0; i < plan->stretches_count; i++)
		stretch_done(&plan->stretches[i]);
	input_plan_free(plan->input);
	sample_free(plan->sample);
	arena_done(&plan->arena);
	free(plan);
}
