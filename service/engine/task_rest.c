/* SPDX-License-Identifier: MIT */
/* task_rest.c - pruning a spec until its table passes it, and planning what is left. */
#include "service/engine/task_rest.h"

#include "base/mistakes.h"
#include "base/spec.h"
#include "handlers/handler.h"

#include <string.h>

enum { ROUNDS_MAX = 8 }; /* a round takes out what holds what the one before took out */

static const char around[] = "/spec", inside[] = "/spec/";

/* False: nothing would be left. */
static bool prune(struct json *spec, const struct mistakes *mistakes)
{
	size_t skip = strlen(around);

	for (const struct mistake *at = mistakes->first; at; at = at->next)
		if (strncmp(at->pointer, inside, skip + 1) == 0 &&
		    !json_prune(spec, at->pointer + skip))
			return false;
	return true;
}

/* True: the table passes what is left. */
static bool prune_until_sound(const struct handler *handler, struct json *spec,
			      const struct mistakes *mistakes)
{
	bool left = prune(spec, mistakes), sound = false;

	for (int i = 0; i < ROUNDS_MAX && left && !sound; i++) {
		struct mistakes more;

		mistakes_init(&more);
		sound = spec_check(handler->params, spec, around, &more) == 0;
		left = sound || prune(spec, &more);
		mistakes_done(&more);
	}
	return sound;
}

/* Is it about one value, whatever else there is? */
static bool stands_alone(const struct mistake *mistake)
{
	static const char *const others[] = {"conflict", "missing-member", "unknown-field"};

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (strcmp(mistake->type, others[i]) == 0)
			return false;
	return true;
}

static void mistake_copy(struct mistakes *into, const struct mistake *from)
{
	enum err_code code = err_by_name(from->type);
	struct mistake *copy;

	if (code != ERR_NONE)
		copy = mistake_add_code(into, code, from->pointer, "%s", from->detail);
	else
		copy = mistake_add(into, from->pointer, from->type, "%s", from->detail);
	if (from->hint)
		mistake_hint(into, copy, "%s", from->hint);
	if (from->source)
		copy->source = arena_text(&into->arena, from->source);
	copy->line = from->line;
	copy->column = from->column;
}

void task_rest_plan(const struct handler *handler, struct json *spec, const struct permits *permits,
		    struct mistakes *mistakes)
{
	struct mistakes more;
	struct planner planner = {.mistakes = &more, .permits = permits};
	struct plan *plan = NULL;

	if (!handler->plan || !prune_until_sound(handler, spec, mistakes))
		return;
	mistakes_init(&more);
	handler->plan(spec, &planner, &plan);
	if (plan && handler->plan_free)
		handler->plan_free(plan);
	for (const struct mistake *at = more.first; at; at = at->next)
		if (stands_alone(at))
			mistake_copy(mistakes, at);
	mistakes_done(&more);
}
