/* SPDX-License-Identifier: MIT */
/* graph.c - who takes from whom: `from`, the chain of the list, branches and merges.
 *
 *   1. links: each stage takes from those it names, from the branch that leads to it, or from
 *      the one before it in the list
 *   2. order: stages in the order in which records reach them; what is left has no way from the
 *      input, or goes in a circle
 *   3. ends: exactly one stage gives the results, all others are taken from, or are sinks
 *   4. stretches: stages that no barrier parts share one scan
 */
#include "handlers/pipeline/pipeline.h"

#include <string.h>

static const char input_name[] = "input";

/* The stages from which one takes, while links are made. */
struct link {
	unsigned from, to; /* numbers; INPUT: the input */
	unsigned arm;
};

enum { INPUT = PIPELINE_STAGES_MAX, NODES_MAX = 2 * PIPELINE_STAGES_MAX + 1 };

struct linking {
	struct plan *plan;
	struct mistakes *mistakes;
	struct link *links;
	size_t count, room;
	bool targeted[PIPELINE_STAGES_MAX];	     /* a branch or a tee leads there */
	bool linked[INPUT + 1][PIPELINE_STAGES_MAX]; /* from, to */
};

/* ---- 1. links ---- */

static void link_add(struct linking *linking, unsigned from, unsigned to, unsigned arm)
{
	if (linking->count < linking->room)
		linking->links[linking->count] = (struct link){from, to, arm};
	linking->count++;
	linking->linked[from][to] = true;
}

/* A stage's number by its name; -1 and a mistake. */
static int named_stage(struct linking *linking, const char *name, const char *pointer)
{
	const struct plan *plan = linking->plan;
	const char *names[PIPELINE_STAGES_MAX + 2], *nearest;
	struct mistake *mistake;
	size_t count = 0;

	for (unsigned i = 0; i < plan->count; i++) {
		if (strcmp(plan->stages[i]->name, name) == 0)
			return (int)i;
		if (plan->stages[i]->named)
			names[count++] = plan->stages[i]->name;
	}
	names[count] = NULL;
	mistake = mistake_add(linking->mistakes, pointer, "unknown-stage",
			      "no stage has the name '%.64s'", name);
	nearest = nearest_name(name, names);
	if (nearest)
		mistake_hint(linking->mistakes, mistake, "%s", nearest);
	return -1;
}

/* One name of `from` or `merge`.  That of a branch or tee which leads here says nothing new. */
static void source_link(struct linking *linking, unsigned to, const char *name, const char *pointer)
{
	bool is_input = strcmp(name, input_name) == 0;
	int from = is_input ? INPUT : named_stage(linking, name, pointer);
	unsigned flags;

	if (from < 0)
		return;
	flags = is_input ? 0 : linking->plan->stages[from]->kind->flags;
	if (linking->linked[from][to]) {
		if (!(flags & (STAGE_ROUTES | STAGE_COPIES)))
			mistake_add(linking->mistakes, pointer, "conflict",
				    "'%s' is named already: its records would come twice", name);
		return;
	}
	if (flags & STAGE_ROUTES)
		mistake_add(linking->mistakes, pointer, "no-output",
			    "'%s' leads its records to the stages that it names, and nowhere else",
			    name);
	else if (flags & STAGE_ENDS)
		mistake_add(linking->mistakes, pointer, "no-output",
			    "'%s' ends its records: it gives none", name);
	else
		link_add(linking, (unsigned)from, to, 0);
}

static void sources_link(struct linking *linking, unsigned to, const char *member)
{
	const struct stage *stage = linking->plan->stages[to];
	const char *pointer = mistakes_pointer(linking->mistakes, stage->pointer, member);
	const struct json *value = json_get(stage->json, member);
	size_t index = 0;

	if (json_kind(value) == JSON_TEXT) {
		source_link(linking, to, json_text(value, ""), pointer);
		return;
	}
	for (value = json_first(value); value; value = json_next(value))
		source_link(linking, to, json_text(value, ""),
			    mistakes_pointer_index(linking->mistakes, pointer, index++));
}

/* The arms of a branch: objects with a `to`; those of a tee: names. */
static void arms_link(struct linking *linking, unsigned from)
{
	const struct stage *stage = linking->plan->stages[from];
	const char *verb = stage->kind->verb;
	const char *pointer = mistakes_pointer(linking->mistakes, stage->pointer, verb);
	unsigned arm = 0;

	for (const struct json *at = json_first(json_get(stage->json, verb)); at;
	     at = json_next(at), arm++) {
		const char *place = mistakes_pointer_index(linking->mistakes, pointer, arm);
		bool object = json_kind(at) == JSON_OBJECT;
		int to;

		if (object)
			place = mistakes_pointer(linking->mistakes, place, "to");
		to = named_stage(linking, object ? spec_text(at, "to", "") : json_text(at, ""),
				 place);
		if (to < 0)
			continue;
		linking->targeted[to] = true;
		if (linking->linked[from][to] && !object)
			mistake_add(linking->mistakes, place, "conflict",
				    "it gets a copy already: its records would come twice");
		link_add(linking, from, (unsigned)to, arm);
	}
}

static bool has_member(const struct stage *stage, const char *name)
{
	const struct json *value = json_get(stage->json, name);

	return value && json_kind(value) != JSON_NULL;
}

/* The stage before it in the list. */
static void chain_link(struct linking *linking, unsigned to)
{
	const struct stage *before = to > 0 ? linking->plan->stages[to - 1] : NULL;
	struct mistake *mistake;

	if (!before) {
		link_add(linking, INPUT, to, 0);
		return;
	}
	if (!(before->kind->flags & (STAGE_ROUTES | STAGE_ENDS))) {
		link_add(linking, to - 1, to, 0);
		return;
	}
	mistake = mistake_add(linking->mistakes, linking->plan->stages[to]->pointer, "unreachable",
			      "no records come here: the stage before it %s",
			      before->kind->flags & STAGE_ENDS ? "ends them"
							       : "leads them elsewhere");
	mistake_hint(linking->mistakes, mistake, "\"from\": \"…\" names where they come from");
}

static void links_make(struct linking *linking)
{
	struct plan *plan = linking->plan;

	for (unsigned i = 0; i < plan->count; i++)
		if (plan->stages[i]->kind->flags & (STAGE_ROUTES | STAGE_COPIES))
			arms_link(linking, i);
	for (unsigned i = 0; i < plan->count; i++) {
		bool merge = has_member(plan->stages[i], "merge");

		if (has_member(plan->stages[i], "from"))
			sources_link(linking, i, "from");
		if (merge)
			sources_link(linking, i, "merge");
		if (!merge && !has_member(plan->stages[i], "from") && !linking->targeted[i])
			chain_link(linking, i);
	}
}

/* From the list of links to who takes from each. */
static bool takers_make(struct linking *linking)
{
	struct plan *plan = linking->plan;

	for (unsigned i = 0; i <= plan->count; i++) {
		unsigned from = i < plan->count ? i : INPUT, count = 0;
		struct stage_edge *edges;

		for (size_t l = 0; l < linking->count; l++)
			count += linking->links[l].from == from;
		edges = arena_array(&plan->arena, count + 1, sizeof(*edges));
		if (!edges)
			return false;
		if (i < plan->count) {
			plan->stages[i]->to = edges;
			plan->stages[i]->to_count = count;
		} else {
			plan->takers = edges;
			plan->takers_count = count;
		}
		for (size_t l = 0; l < linking->count; l++) {
			const struct link *link = &linking->links[l];

			if (link->from != from)
				continue;
			*edges++ = (struct stage_edge){plan->stages[link->to], link->arm};
			plan->stages[link->to]->from_count++;
		}
	}
	return true;
}

/* ---- 2. order ---- */

static void reach(const struct stage_edge *edges, unsigned count, bool *reached)
{
	for (unsigned i = 0; i < count; i++) {
		const struct stage *stage = edges[i].to;

		if (reached[stage->number])
			continue;
		reached[stage->number] = true;
		reach(stage->to, stage->to_count, reached);
	}
}

static bool comes_back(const struct stage *stage)
{
	bool reached[PIPELINE_STAGES_MAX] = {false};

	reach(stage->to, stage->to_count, reached);
	return reached[stage->number];
}

/* The names on the way round, from a stage that has no turn. */
static void circle_told(const struct plan *plan, const struct stage *stage, const bool *placed,
			struct mistakes *mistakes)
{
	struct buf names = BUF(ERR_DETAIL_MAX / 2);
	const struct stage *at = stage;

	for (unsigned steps = 0; steps < plan->count; steps++) {
		const struct stage *next = NULL;

		buf_printf(&names, "'%s' → ", at->name);
		for (unsigned i = 0; i < at->to_count && !next; i++)
			if (!placed[at->to[i].to->number] && comes_back(at->to[i].to))
				next = at->to[i].to;
		if (!next || next == stage)
			break;
		at = next;
	}
	mistake_add(mistakes, stage->pointer, "cycle", "its records come back to it: %s'%s'",
		    buf_ok(&names) && names.data ? names.data : "", stage->name);
	buf_done(&names);
}

static void order_make(struct plan *plan, struct mistakes *mistakes)
{
	unsigned waits[PIPELINE_STAGES_MAX], done = 0, count = 0;
	bool reached[PIPELINE_STAGES_MAX] = {false}, placed[PIPELINE_STAGES_MAX] = {false};

	for (unsigned i = 0; i < plan->count; i++)
		waits[i] = plan->stages[i]->from_count;
	reach(plan->takers, plan->takers_count, reached);
	for (unsigned e = 0; e < plan->takers_count; e++)
		if (--waits[plan->takers[e].to->number] == 0)
			plan->turns[count++] = plan->takers[e].to;
	for (; done < count; done++) {
		struct stage *stage = plan->turns[done];

		stage->turn = done;
		placed[stage->number] = true;
		for (unsigned e = 0; e < stage->to_count; e++)
			if (--waits[stage->to[e].to->number] == 0)
				plan->turns[count++] = stage->to[e].to;
	}
	for (unsigned i = 0; i < plan->count; i++) {
		if (!reached[i] && plan->stages[i]->from_count > 0)
			mistake_add(mistakes, plan->stages[i]->pointer, "unreachable",
				    "no records come here from the input");
		else if (reached[i] && !placed[i] && comes_back(plan->stages[i]))
			circle_told(plan, plan->stages[i], placed, mistakes);
	}
	/* For their mistakes those without a turn are planned too. */
	for (unsigned i = 0; i < plan->count; i++)
		if (!placed[i])
			plan->turns[count++] = plan->stages[i];
}

/* ---- 3. ends ---- */

static void ends_check(struct plan *plan, struct mistakes *mistakes)
{
	struct mistake *mistake;
	struct stage *last = NULL;

	for (unsigned i = 0; i < plan->count; i++) {
		struct stage *stage = plan->stages[i];

		if (stage->to_count > 0 || stage->kind->flags & (STAGE_ROUTES | STAGE_ENDS))
			continue;
		if (last) {
			mistake = mistake_add(mistakes, last->pointer, "no-end",
					      "nobody takes what '%s' gives", last->name);
			mistake_hint(mistakes, mistake,
				     "name it in a merge, or end it with a sink; only the last "
				     "stage gives the results");
		}
		last = stage;
	}
	if (last)
		last->gives_results = true;
}

/* ---- 4. stretches ---- */

/* Sets that are joined: node 2i is what stage i takes, 2i + 1 what it gives, the last the input. */
static unsigned set_of(unsigned *sets, unsigned node)
{
	while (sets[node] != node)
		node = sets[node] = sets[sets[node]];
	return node;
}

static void sets_join(const struct plan *plan, unsigned *sets)
{
	unsigned input = 2 * plan->count;

	for (unsigned i = 0; i <= input; i++)
		sets[i] = i;
	for (unsigned i = 0; i < plan->takers_count; i++)
		sets[set_of(sets, 2 * plan->takers[i].to->number)] = set_of(sets, input);
	for (unsigned i = 0; i < plan->count; i++) {
		const struct stage *stage = plan->stages[i];

		if (!(stage->kind->flags & STAGE_BARRIER))
			sets[set_of(sets, 2 * i + 1)] = set_of(sets, 2 * i);
		for (unsigned e = 0; e < stage->to_count; e++)
			sets[set_of(sets, 2 * stage->to[e].to->number)] = set_of(sets, 2 * i + 1);
	}
}

static bool stretches_make(struct plan *plan)
{
	unsigned sets[NODES_MAX] = {0}, place[NODES_MAX], count = 1;

	sets_join(plan, sets);
	memset(place, 0xFF, sizeof(place));
	place[set_of(sets, 2 * plan->count)] = 0;
	for (unsigned i = 0; i < 2 * plan->count; i++)
		if (place[set_of(sets, i)] == UINT32_MAX)
			place[set_of(sets, i)] = count++;
	plan->stretches = arena_array(&plan->arena, count, sizeof(*plan->stretches));
	if (!plan->stretches)
		return false;
	plan->stretches_count = count;
	for (unsigned i = 0; i < count; i++)
		stretch_init(&plan->stretches[i]);
	for (unsigned i = 0; i < plan->count; i++) {
		plan->stages[i]->takes = &plan->stretches[place[set_of(sets, 2 * i)]];
		plan->stages[i]->gives = &plan->stretches[place[set_of(sets, 2 * i + 1)]];
	}
	return true;
}

bool graph_plan(struct plan *plan, struct mistakes *mistakes)
{
	struct linking linking = {.plan = plan, .mistakes = mistakes};

	/* Each stage has few sources; a wild spec may have more, and is then refused. */
	linking.room = (size_t)16 * (plan->count + 1);
	linking.links = arena_array(&plan->arena, linking.room, sizeof(*linking.links));
	if (!linking.links)
		return false;
	links_make(&linking);
	if (linking.count > linking.room) {
		mistake_add(mistakes, mistakes_pointer(mistakes, plan->root, "stages"),
			    err_name(ERR_LIMIT), "more than %zu links between stages",
			    linking.room);
		return false;
	}
	if (!takers_make(&linking) || !stretches_make(plan))
		return false;
	order_make(plan, mistakes);
	ends_check(plan, mistakes);
	return true;
}
