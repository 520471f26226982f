/* SPDX-License-Identifier: MIT */
/* follow_plan.c - `follow` of the spec, judged and compiled.
 *
 * One clear way to say how far: `scope`.  `same_host` is its short form: true is
 * "host", false is "any".
 */
#include "handlers/scrape/follow.h"

#include "base/limits.h"
#include "base/mistakes.h"
#include "handlers/handler.h"
#include "handlers/html/css.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { PATTERNS_MAX = 100, PRIORITY_MAX = 1000, PAGES_PRESET = 100000 };

static const char *const scopes[] = {"host", "site", "any", NULL};

/* clang-format off */
static const struct param pattern_element[] = {
	{.kind = PARAM_TEXT, .min = 1, .max = PATTERN_BYTES_MAX, .summary = "A regular expression (PCRE2)"},
	{0},
};

static const struct param priority_params[] = {
	{.name = "pattern", .kind = PARAM_TEXT, .required = true, .min = 1, .max = PATTERN_BYTES_MAX,
	 .summary = "A regular expression (PCRE2) that finds something in the URL"},
	{.name = "priority", .kind = PARAM_INT, .required = true, .min = -PRIORITY_MAX, .max = PRIORITY_MAX,
	 .summary = "Higher goes first; links without a pattern have 0"},
	{0},
};

static const struct param priority_element[] = {
	{.kind = PARAM_OBJECT, .members = priority_params, .summary = "A pattern and what it is worth"},
	{0},
};

const struct param follow_params[] = {
	{.name = "links", .kind = PARAM_TEXT, .min = 1, .max = SELECTOR_BYTES_MAX,
	 .preset = "\"a[href], area[href]\"", .summary = "A CSS selector of elements with href or src, or of texts"},
	{.name = "scope", .kind = PARAM_CHOICE, .choices = scopes, .preset = "\"host\"",
	 .summary = "Links to the host of their page, to its site (registrable domain), or to any host"},
	{.name = "same_host", .kind = PARAM_BOOL,
	 .summary = "Short for scope: true is host, false is any"},
	{.name = "include", .kind = PARAM_ARRAY, .members = pattern_element, .max = PATTERNS_MAX,
	 .summary = "Only URLs in which one of these finds something"},
	{.name = "exclude", .kind = PARAM_ARRAY, .members = pattern_element, .max = PATTERNS_MAX,
	 .summary = "No URLs in which one of these finds something; wins over include"},
	{.name = "max_depth", .kind = PARAM_INT, .max = 65535,
	 .summary = "Links between a page and its seed at most; 0 follows redirects only"},
	{.name = "max_pages", .kind = PARAM_INT, .min = 1, .max = RUN_KEYS_MAX, .preset = "100000",
	 .summary = "URLs in all, exactly: seeds, redirects and failures count"},
	{.name = "priorities", .kind = PARAM_ARRAY, .members = priority_element, .max = PATTERNS_MAX,
	 .summary = "What goes first; the first pattern that finds something counts"},
	{.name = "nofollow", .kind = PARAM_BOOL, .preset = "false",
	 .summary = "Respect rel=nofollow, robots meta elements and X-Robots-Tag"},
	{.name = "canonical", .kind = PARAM_BOOL, .preset = "false",
	 .summary = "Of a page that names another as its canonical one, follow only that"},
	{.name = "strip_tracking", .kind = PARAM_BOOL, .preset = "false",
	 .summary = "Without utm_* and kin: parameters that say where a visitor came from"},
	{0},
};
/* clang-format on */

static void pattern_read(const char *text, const char *pointer, struct mistakes *mistakes,
			 struct pattern **ret)
{
	struct pattern_mistake wrong;
	struct mistake *mistake;
	struct err err;

	if (pattern_compile(text, 0, ret, &wrong, &err) == 0)
		return;
	mistake = mistake_add(mistakes, pointer, "pattern", "%s", wrong.detail);
	mistake->line = 1;
	mistake->column = (int)wrong.offset + 1;
	mistake->source = arena_text(&mistakes->arena, text);
}

static int patterns_read(const struct json *follow, const char *name, struct arena *arena,
			 struct mistakes *mistakes, struct pattern ***ret, size_t *ret_count)
{
	const struct json *list = json_get(follow, name), *value;
	size_t count = 0;

	*ret = arena_array(arena, list ? json_count(list) : 0, sizeof(**ret));
	if (!*ret)
		return -1;
	for (value = list ? json_first(list) : NULL; value; value = json_next(value)) {
		const char *pointer = mistakes_pointer(mistakes, "/spec/follow", name);

		pattern_read(json_text(value, ""), mistakes_pointer_index(mistakes, pointer, count),
			     mistakes, &(*ret)[count]);
		count++;
	}
	*ret_count = count;
	return 0;
}

static int priorities_read(const struct json *follow, struct arena *arena,
			   struct mistakes *mistakes, struct follow *ret)
{
	static const char at[] = "/spec/follow/priorities";
	const struct json *list = json_get(follow, "priorities"), *value;

	ret->priorities = arena_array(arena, list ? json_count(list) : 0, sizeof(*ret->priorities));
	if (!ret->priorities)
		return -1;
	for (value = list ? json_first(list) : NULL; value; value = json_next(value)) {
		struct follow_priority *priority = &ret->priorities[ret->priorities_count];
		const char *pointer = mistakes_pointer_index(mistakes, at, ret->priorities_count++);

		pattern_read(spec_text(value, "pattern", ""),
			     mistakes_pointer(mistakes, pointer, "pattern"), mistakes,
			     &priority->pattern);
		priority->priority = (int)spec_int(value, "priority", 0);
	}
	return 0;
}

static void links_read(const struct json *follow, struct mistakes *mistakes, struct follow *ret)
{
	const char *text = spec_text(follow, "links", NULL);
	struct css_mistake wrong;
	struct mistake *mistake;
	struct err err;

	if (!text || css_compile(text, &ret->links, &wrong, &err) == 0)
		return;
	mistake = mistake_add(mistakes, "/spec/follow/links", "selector", "%s", wrong.detail);
	mistake->line = 1;
	mistake->column = (int)wrong.offset + 1;
	mistake->source = arena_text(&mistakes->arena, text);
	if (wrong.hint[0])
		mistake_hint(mistakes, mistake, "%s", wrong.hint);
}

static void scope_read(const struct json *follow, struct mistakes *mistakes, struct follow *ret)
{
	const struct json *same_host = json_get(follow, "same_host");

	ret->scope = (enum follow_scope)spec_choice(follow, "scope", scopes, SCOPE_HOST);
	if (!same_host || json_kind(same_host) == JSON_NULL)
		return;
	if (json_get(follow, "scope"))
		mistake_add(mistakes, "/spec/follow/same_host", "conflict",
			    "scope already says which hosts");
	ret->scope = json_bool(same_host, true) ? SCOPE_HOST : SCOPE_ANY;
}

int follow_read(const struct json *spec, struct arena *arena, struct planner *planner,
		struct follow **ret_follow)
{
	const struct json *follow = json_get(spec, "follow");
	struct mistakes *mistakes = planner->mistakes;
	struct follow *ret;

	*ret_follow = NULL;
	if (!follow || json_kind(follow) == JSON_NULL)
		return 0;
	ret = arena_alloc(arena, sizeof(*ret));
	if (!ret)
		return -1;
	*ret_follow = ret;
	links_read(follow, mistakes, ret);
	scope_read(follow, mistakes, ret);
	ret->depth_max = (unsigned)spec_int(follow, "max_depth", UINT_MAX);
	ret->pages_max = spec_int(follow, "max_pages", PAGES_PRESET);
	ret->nofollow = spec_bool(follow, "nofollow", false);
	ret->canonical = spec_bool(follow, "canonical", false);
	ret->strip_tracking = spec_bool(follow, "strip_tracking", false);
	return patterns_read(follow, "include", arena, mistakes, &ret->include,
			     &ret->include_count) ||
			       patterns_read(follow, "exclude", arena, mistakes, &ret->exclude,
					     &ret->exclude_count) ||
			       priorities_read(follow, arena, mistakes, ret)
		       ? -1
		       : 0;
}

static void patterns_free(struct pattern *const *patterns, size_t count)
{
	for (size_t i = 0; i < count; i++)
		pattern_free(patterns[i]);
}

void follow_done(struct follow *follow)
{
	if (!follow)
		return;
	css_free(follow->links);
	if (follow->include)
		patterns_free(follow->include, follow->include_count);
	if (follow->exclude)
		patterns_free(follow->exclude, follow->exclude_count);
	for (size_t i = 0; i < follow->priorities_count; i++)
		pattern_free(follow->priorities[i].pattern);
}
