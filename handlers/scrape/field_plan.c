/* SPDX-License-Identifier: MIT */
/* field_plan.c - what `extract` of a spec says, compiled once for all pages.
 *
 * Every mistake is told with its place: the member, and the column inside a selector.
 */
#include "handlers/scrape/scrape.h"

#include "base/limits.h"

static const char *const types[] = {"text", "number", "integer", "url", "html", NULL};

/* clang-format off */
static const struct param field_params[] = {
	{.name = "css", .kind = PARAM_TEXT, .required = true, .min = 1, .max = SELECTOR_BYTES_MAX,
	 .summary = "A CSS selector; may end with ::text or ::attr(name)"},
	{.name = "attr", .kind = PARAM_TEXT, .min = 1, .max = NAME_BYTES_MAX,
	 .summary = "The attribute to take instead of the text"},
	{.name = "all", .kind = PARAM_BOOL, .preset = "false",
	 .summary = "All matches as an array instead of the first"},
	{.name = "type", .kind = PARAM_CHOICE, .choices = types, .preset = "\"text\"",
	 .summary = "What to make of it: trimmed text, a number, an absolute URL, markup"},
	{.name = "xpath", .kind = PARAM_LATER, .summary = "An XPath expression"},
	{.name = "regex", .kind = PARAM_LATER, .summary = "A regular expression"},
	{0},
};

static const struct param field_form = {
	.kind = PARAM_OBJECT, .members = field_params, .summary = "A selector and what to make of it",
};

const struct param field_element[] = {
	{.kind = PARAM_TEXT, .min = 1, .max = SELECTOR_BYTES_MAX, .otherwise = &field_form,
	 .summary = "A CSS selector"},
	{0},
};
/* clang-format on */

static void selector_compile(const char *text, const char *pointer, struct field *field,
			     struct mistakes *mistakes)
{
	struct css_mistake wrong;
	struct mistake *mistake;
	struct err err;

	if (css_compile(text, &field->css, &wrong, &err) == 0)
		return;
	mistake = mistake_add(mistakes, pointer, "selector", "%s", wrong.detail);
	mistake->line = 1;
	mistake->column = (int)wrong.offset + 1;
	mistake->source = arena_text(&mistakes->arena, text);
	if (wrong.hint[0])
		mistake_hint(mistakes, mistake, "%s", wrong.hint);
}

int fields_plan(const struct json *extract, struct plan *plan, struct mistakes *mistakes)
{
	const struct json *value;

	plan->fields =
		arena_array(&plan->arena, extract ? json_count(extract) : 0, sizeof(*plan->fields));
	if (!plan->fields)
		return -1;
	for (value = extract ? json_first(extract) : NULL; value; value = json_next(value)) {
		struct field *field = &plan->fields[plan->fields_count++];
		const char *pointer = mistakes_pointer(mistakes, "/spec/extract", json_name(value));
		bool simple = json_kind(value) == JSON_TEXT;

		field->name = json_name(value);
		if (simple) {
			selector_compile(json_text(value, ""), pointer, field, mistakes);
			continue;
		}
		field->attr = spec_text(value, "attr", NULL);
		field->all = spec_bool(value, "all", false);
		field->type = (enum field_type)spec_choice(value, "type", types, FIELD_TEXT);
		selector_compile(spec_text(value, "css", ""),
				 mistakes_pointer(mistakes, pointer, "css"), field, mistakes);
		if (field->attr && field->css && css_part(field->css) != CSS_NODE)
			mistake_add(mistakes, mistakes_pointer(mistakes, pointer, "attr"),
				    "conflict",
				    "the selector already says what to take (:: at its end)");
	}
	return 0;
}

void fields_free(struct plan *plan)
{
	for (size_t i = 0; i < plan->fields_count; i++)
		css_free(plan->fields[i].css);
}
