/* SPDX-License-Identifier: MIT */
/* field_plan.c - what `extract` of a spec says, compiled once for all pages.
 *
 * Every mistake is told with its place: the member, and the column inside a selector, an
 * expression, a pattern, a pointer or a format.
 */
#include "handlers/scrape/field.h"

#include "base/arena.h"
#include "base/limits.h"
#include "base/record/walk.h"
#include "handlers/html/css.h"
#include "handlers/html/xpath.h"

#include <string.h>

static const char *const types[] = {"text", "number", "integer", "boolean", "date",
				    "url",  "html",   "raw",	 NULL};

/* clang-format off */
static const struct param format_element[] = {
	{.kind = PARAM_TEXT, .min = 1, .max = DATE_FORMAT_BYTES_MAX, .summary = "A format"},
	{0},
};

static const struct param format_list = {
	.kind = PARAM_ARRAY, .members = format_element, .min = 1, .max = DATE_FORMATS_MAX,
	.summary = "Formats, the first that fits counts",
};

static const struct param group_name = {
	.kind = PARAM_TEXT, .min = 1, .max = NAME_BYTES_MAX, .summary = "A named group",
};

#define FIELD_MEMBERS \
	{.name = "css", .kind = PARAM_TEXT, .min = 1, .max = SELECTOR_BYTES_MAX, \
	 .summary = "A CSS selector; may end with ::text or ::attr(name)"}, \
	{.name = "xpath", .kind = PARAM_TEXT, .min = 1, .max = SELECTOR_BYTES_MAX, \
	 .summary = "An XPath 1.0 expression: nodes, a string, a number, a truth"}, \
	{.name = "json", .kind = PARAM_TEXT, .max = SPEC_POINTER_BYTES_MAX - 1, \
	 .summary = "A JSON pointer into a JSON answer; \"\" is the whole"}, \
	{.name = "jsonld", .kind = PARAM_TEXT, .min = 1, .max = SPEC_POINTER_BYTES_MAX - 1, \
	 .summary = "JSON-LD objects of a type, or \"*\", and a JSON pointer into them: \"Product/offers/price\""}, \
	{.name = "meta", .kind = PARAM_TEXT, .min = 1, .max = NAME_BYTES_MAX, \
	 .summary = "The content of a <meta> by property or name: \"og:title\"; \"og:*\" is an object of all"}, \
	{.name = "regex", .kind = PARAM_TEXT, .min = 1, .max = PATTERN_BYTES_MAX, \
	 .summary = "A regular expression (PCRE2) over what was found, alone over the text of the answer"}, \
	{.name = "group", .kind = PARAM_INT, .max = PATTERN_GROUPS_MAX, .otherwise = &group_name, \
	 .summary = "The group of the regex to take; the first, when it has one"}, \
	{.name = "ignore_case", .kind = PARAM_BOOL, .preset = "false", \
	 .summary = "The regex takes upper and lower case as one"}, \
	{.name = "attr", .kind = PARAM_TEXT, .min = 1, .max = NAME_BYTES_MAX, \
	 .summary = "The attribute to take instead of the text"}, \
	{.name = "all", .kind = PARAM_BOOL, .preset = "false", \
	 .summary = "All matches as an array instead of the first"}, \
	{.name = "type", .kind = PARAM_CHOICE, .choices = types, \
	 .summary = "What to make of it: text trimmed and collapsed (the default; JSON stays as it stands), a number, a date in RFC 3339, an absolute URL, markup, or raw text"}, \
	{.name = "locale", .kind = PARAM_CHOICE, .choices = locale_names, \
	 .summary = "How its numbers and dates are written: 1.234,56 is \"de\""}, \
	{.name = "format", .kind = PARAM_TEXT, .min = 1, .max = DATE_FORMAT_BYTES_MAX, \
	 .otherwise = &format_list, \
	 .summary = "Of dates, as strptime: \"%d.%m.%Y[ %H:%M]\", what is in brackets may be absent; by default the common ones"}, \
	{.name = "default", .kind = PARAM_ANY, .summary = "The value when nothing is found"}, \
	{.name = "required", .kind = PARAM_BOOL, .preset = "false", \
	 .summary = "When nothing is found the page fails with missing-field"}

#define NESTED_MEMBERS(element) \
	{.name = "each", .kind = PARAM_TEXT, .min = 1, .max = SELECTOR_BYTES_MAX, \
	 .summary = "A CSS selector; its matches become an array of objects made of `fields`"}, \
	{.name = "fields", .kind = PARAM_MAP, .members = (element), .min = 1, .max = FIELDS_MAX, \
	 .summary = "Fields inside each match, relative to it"}

/* A form of level n may hold those of level n + 1; three levels are enough for lists of
 * things that have lists. */
#define FIELD_LEVEL(n, ...) \
	static const struct param field_params_##n[] = {FIELD_MEMBERS, ##__VA_ARGS__, {0}}; \
	static const struct param field_form_##n = { \
		.kind = PARAM_OBJECT, .members = field_params_##n, \
		.summary = "A source and what to make of what it finds", \
	};
#define FIELD_ELEMENT(n) \
	{.kind = PARAM_TEXT, .min = 1, .max = SELECTOR_BYTES_MAX, .otherwise = &field_form_##n, \
	 .summary = "A CSS selector"}, \
	{0}

FIELD_LEVEL(2)
static const struct param field_element_2[] = {FIELD_ELEMENT(2)};
FIELD_LEVEL(1, NESTED_MEMBERS(field_element_2))
static const struct param field_element_1[] = {FIELD_ELEMENT(1)};
FIELD_LEVEL(0, NESTED_MEMBERS(field_element_1))
const struct param field_element[] = {FIELD_ELEMENT(0)};
/* clang-format on */

/* One field on its way from its spec. */
struct reading {
	const struct json *spec;
	const char *pointer;
	struct field *field;
	struct arena *arena;
	struct mistakes *mistakes;
};

/* ---- mistakes ---- */

static struct mistake *mistake_at(const struct reading *reading, const char *member,
				  const char *type, const char *detail)
{
	const char *pointer = reading->pointer;

	if (member)
		pointer = mistakes_pointer(reading->mistakes, pointer, member);
	return mistake_add(reading->mistakes, pointer, type, "%s", detail);
}

/* A mistake inside a text. */
static void mistake_in(const struct reading *reading, const char *member, const char *type,
		       const char *text, size_t offset, const char *detail, const char *hint)
{
	struct mistake *mistake = mistake_at(reading, member, type, detail);

	mistake->line = 1;
	mistake->column = (int)offset + 1;
	mistake->source = arena_text(&reading->mistakes->arena, text);
	if (hint && *hint)
		mistake_hint(reading->mistakes, mistake, "%s", hint);
}

/* ---- sources ---- */

static void css_read(const struct reading *reading, const char *member, const char *text)
{
	struct css_mistake wrong;
	struct err err;

	reading->field->source = SOURCE_CSS;
	if (css_compile(text, &reading->field->css, &wrong, &err))
		mistake_in(reading, member, "selector", text, wrong.offset, wrong.detail,
			   wrong.hint);
}

static void xpath_read(const struct reading *reading, const char *text)
{
	struct xpath_mistake wrong;
	struct err err;

	reading->field->source = SOURCE_XPATH;
	if (xpath_compile(text, &reading->field->xpath, &wrong, &err))
		mistake_in(reading, "xpath", "xpath", text, wrong.offset, wrong.detail, wrong.hint);
}

static void pointer_read(const struct reading *reading, const char *member, const char *text,
			 const char *pointer)
{
	size_t offset;

	if (!pointer_check(pointer, &offset))
		mistake_in(reading, member, "pointer", text, (size_t)(pointer - text) + offset,
			   "this is no JSON pointer",
			   offset ? "'~' is written ~0 and '/' ~1" : "it begins with '/'");
	reading->field->path = pointer;
}

/* "Product/offers/price": a type and a pointer. */
static void jsonld_read(const struct reading *reading, const char *text)
{
	size_t type = strcspn(text, "/");
	bool any = type == 0 || (type == 1 && *text == '*');

	reading->field->source = SOURCE_JSONLD;
	reading->field->ld_type = any ? NULL : arena_copy(reading->arena, text, type);
	pointer_read(reading, "jsonld", text, text + type);
}

static void source_read(struct reading *reading)
{
	static const char *const names[] = {"css", "each", "xpath", "json", "jsonld", "meta"};
	const char *text[ARRAY_LEN(names)];
	unsigned count = 0;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		text[i] = spec_text(reading->spec, names[i], NULL);
		if (text[i] && count++ > 0)
			mistake_at(reading, names[i], "conflict", "a field has one source");
	}
	if (text[0])
		css_read(reading, "css", text[0]);
	else if (text[1])
		css_read(reading, "each", text[1]);
	else if (text[2])
		xpath_read(reading, text[2]);
	else if (text[4])
		jsonld_read(reading, text[4]);
	else if (text[3])
		pointer_read(reading, "json", text[3], text[3]);
	else
		reading->field->path = text[5];
	if (text[3] && reading->field->source == SOURCE_BODY)
		reading->field->source = SOURCE_JSON;
	if (text[5] && reading->field->source == SOURCE_BODY)
		reading->field->source = SOURCE_META;
	if (count == 0 && !spec_text(reading->spec, "regex", NULL))
		mistake_at(reading, NULL, "missing-member",
			   "a field has a css, xpath, json, jsonld, meta or regex");
}

/* ---- patterns ---- */

static void group_read(const struct reading *reading)
{
	const struct json *group = json_get(reading->spec, "group");
	const char *name = json_text(group, NULL);
	struct field *field = reading->field;
	unsigned groups = pattern_groups(field->pattern);
	int number;

	field->group = MIN(1, groups);
	if (name) {
		number = pattern_group(field->pattern, name);
		if (number < 0)
			mistake_at(reading, "group", "bad-group",
				   "the regex has no group of that name");
		field->group = (unsigned)MAX(number, 0);
	} else if (group) {
		field->group = (unsigned)spec_int(reading->spec, "group", 0);
		if (field->group > groups)
			mistake_at(reading, "group", "bad-group",
				   "the regex has fewer groups than that");
	}
}

static void regex_read(const struct reading *reading)
{
	const char *text = spec_text(reading->spec, "regex", NULL);
	unsigned flags = spec_bool(reading->spec, "ignore_case", false) ? PATTERN_CASELESS : 0;
	struct pattern_mistake wrong;
	struct err err;

	if (!text && json_get(reading->spec, "group"))
		mistake_at(reading, "group", "conflict", "there is no regex that has groups");
	if (!text)
		return;
	if (pattern_compile(text, flags, &reading->field->pattern, &wrong, &err))
		mistake_in(reading, "regex", "pattern", text, wrong.offset, wrong.detail, NULL);
	else
		group_read(reading);
}

/* ---- types ---- */

static void format_add(const struct reading *reading, const char **formats, const char *text)
{
	size_t offset;

	if (!date_format_check(text, &offset))
		mistake_in(reading, "format", "date-format", text, offset,
			   "this is no format of dates",
			   "%Y %m %d %b %H %M %S %p %z, and [what may be absent]");
	*formats = text;
}

static void formats_read(const struct reading *reading)
{
	const struct json *format = json_get(reading->spec, "format");
	bool list = format && json_kind(format) == JSON_ARRAY;
	size_t count = list ? json_count(format) : 1;
	const char **formats;

	if (!format || json_kind(format) == JSON_NULL)
		return;
	if (reading->field->type != FIELD_DATE)
		mistake_at(reading, "format", "conflict", "only a field of type date has a format");
	formats = arena_array(reading->arena, count + 1, sizeof(*formats));
	if (!formats)
		return;
	reading->field->formats = formats;
	if (!list) {
		format_add(reading, formats, json_text(format, ""));
		return;
	}
	for (format = json_first(format); format; format = json_next(format))
		format_add(reading, formats++, json_text(format, ""));
}

static void type_read(const struct reading *reading)
{
	struct field *field = reading->field;
	bool json = field->source == SOURCE_JSON || field->source == SOURCE_JSONLD;
	size_t path_len = field->path ? strlen(field->path) : 0;

	if (field->source == SOURCE_META && path_len > 0 && field->path[path_len - 1] == '*')
		json = true;
	field->type = (enum field_type)spec_choice(reading->spec, "type", types,
						   json ? FIELD_AS_IS : FIELD_TEXT);
	field->locale = (enum locale)(spec_choice(reading->spec, "locale", locale_names, -1) + 1);
	formats_read(reading);
}

static void attr_read(const struct reading *reading)
{
	struct field *field = reading->field;
	bool nodes = field->source == SOURCE_CSS || field->source == SOURCE_XPATH;

	field->attr = spec_text(reading->spec, "attr", NULL);
	if (field->attr && (!nodes || (field->css && css_part(field->css) != CSS_NODE)))
		mistake_at(reading, "attr", "conflict",
			   nodes ? "the selector already says what to take (:: at its end)"
				 : "only elements have attributes");
}

/* ---- fields ---- */

static int nested_read(const struct reading *reading)
{
	const struct json *inside = json_get(reading->spec, "fields");
	struct field *field = reading->field;
	struct field_list list = {0};
	int rc;

	if (!inside || json_kind(inside) == JSON_NULL) {
		if (spec_text(reading->spec, "each", NULL))
			mistake_at(reading, NULL, "missing-member", "'each' needs 'fields'");
		return 0;
	}
	if (field->pattern || field->source == SOURCE_BODY || field->source == SOURCE_META)
		mistake_at(reading, "fields", "conflict",
			   "fields are inside each, css, xpath, json or jsonld");
	rc = fields_plan(inside, mistakes_pointer(reading->mistakes, reading->pointer, "fields"),
			 reading->arena, &list, reading->mistakes);
	field->fields = list.at;
	field->fields_count = list.count;
	return rc;
}

static int field_read(struct reading *reading)
{
	struct field *field = reading->field;

	if (json_kind(reading->spec) == JSON_TEXT) {
		css_read(reading, NULL, json_text(reading->spec, ""));
		return 0;
	}
	source_read(reading);
	regex_read(reading);
	type_read(reading);
	attr_read(reading);
	field->all =
		spec_bool(reading->spec, "all", spec_text(reading->spec, "each", NULL) != NULL);
	field->required = spec_bool(reading->spec, "required", false);
	field->preset = json_get(reading->spec, "default");
	if (field->required && field->preset)
		mistake_at(reading, "default", "conflict", "what is required has no default");
	return nested_read(reading);
}

int fields_plan(const struct json *extract, const char *pointer, struct arena *arena,
		struct field_list *ret_list, struct mistakes *mistakes)
{
	const struct json *value;

	*ret_list = (struct field_list){0};
	ret_list->at = arena_array(arena, extract ? json_count(extract) : 0, sizeof(*ret_list->at));
	if (!ret_list->at)
		return -1;
	for (value = extract ? json_first(extract) : NULL; value; value = json_next(value)) {
		struct reading reading = {
			.spec = value,
			.pointer = mistakes_pointer(mistakes, pointer, json_name(value)),
			.field = &ret_list->at[ret_list->count++],
			.arena = arena,
			.mistakes = mistakes,
		};

		reading.field->name = json_name(value);
		if (field_read(&reading))
			return -1;
	}
	return arena_failed(arena) ? -1 : 0;
}

void fields_free(const struct field_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		struct field_list inside = {list->at[i].fields, list->at[i].fields_count};

		css_free(list->at[i].css);
		xpath_free(list->at[i].xpath);
		pattern_free(list->at[i].pattern);
		fields_free(&inside);
	}
}
