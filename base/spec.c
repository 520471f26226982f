/* SPDX-License-Identifier: MIT */
/* spec.c - one walk of a value along its table.
 *
 * On the way down each level is a struct at on the stack; a pointer is spelled only
 * when there is a mistake to tell, so that a right spec costs no allocation.  null
 * stands for an absent member everywhere but in PARAM_ANY.
 */
#include "base/spec.h"

#include "base/limits.h"
#include "base/units.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Where a value stands. */
struct at {
	const struct at *up; /* NULL: the value that spec_check was given */
	const char *name;    /* of a member; NULL: an element */
	size_t index;
};

struct check {
	struct mistakes *mistakes;
	const char *root; /* the pointer of the outermost value */
};

static void members_check(const struct check *check, const struct param *params,
			  const struct json *object, const struct at *at, const char *noun);
static void value_check(const struct check *check, const struct param *param,
			const struct json *value, const struct at *at);

int spec_check(const struct param *params, const struct json *value, const char *pointer,
	       struct mistakes *mistakes)
{
	return spec_check_noun(params, "member", value, pointer, mistakes);
}

int spec_check_noun(const struct param *params, const char *noun, const struct json *value,
		    const char *pointer, struct mistakes *mistakes)
{
	struct check check = {.mistakes = mistakes, .root = pointer};
	struct at at = {0};
	unsigned before = mistakes->count;

	if (json_kind(value) == JSON_OBJECT)
		members_check(&check, params, value, &at, noun);
	else
		mistake_add(mistakes, pointer, "wrong-type", "expected an object, not %s",
			    json_kind_name(json_kind(value)));
	return mistakes->count > before ? -1 : 0;
}

static const char *pointer_of(const struct check *check, const struct at *at)
{
	const char *around;

	if (!at->up)
		return check->root;
	around = pointer_of(check, at->up);
	if (at->name)
		return mistakes_pointer(check->mistakes, around, at->name);
	return mistakes_pointer_index(check->mistakes, around, at->index);
}

/* ---- forms: which kind of JSON a param takes ---- */

static bool kind_fits(enum param_kind kind, enum json_kind json)
{
	switch (kind) {
	case PARAM_BOOL:
		return json == JSON_BOOL;
	case PARAM_INT:
	case PARAM_NUMBER:
		return json == JSON_NUMBER;
	case PARAM_TEXT:
	case PARAM_DURATION:
	case PARAM_SIZE:
	case PARAM_INSTANT:
	case PARAM_CHOICE:
		return json == JSON_TEXT;
	case PARAM_OBJECT:
	case PARAM_MAP:
		return json == JSON_OBJECT;
	case PARAM_ARRAY:
		return json == JSON_ARRAY;
	case PARAM_ANY:
	case PARAM_LATER:
		return true;
	case PARAM_END:
		break;
	}
	return false;
}

static const char *kind_words(enum param_kind kind)
{
	static const char *const words[] = {
		[PARAM_END] = "nothing",
		[PARAM_BOOL] = "true or false",
		[PARAM_INT] = "a whole number",
		[PARAM_NUMBER] = "a number",
		[PARAM_TEXT] = "a string",
		[PARAM_DURATION] = "a duration such as \"30s\"",
		[PARAM_SIZE] = "a size such as \"4MB\"",
		[PARAM_INSTANT] = "an instant such as \"2026-12-01T08:30:00Z\"",
		[PARAM_CHOICE] = "a string",
		[PARAM_OBJECT] = "an object",
		[PARAM_ARRAY] = "an array",
		[PARAM_MAP] = "an object",
		[PARAM_ANY] = "any value",
		[PARAM_LATER] = "nothing yet",
	};

	return words[kind];
}

static void wrong_type(const struct check *check, const struct param *param,
		       const struct json *value, const struct at *at)
{
	struct buf forms = BUF(ERR_DETAIL_MAX);
	const char *pointer = pointer_of(check, at);
	bool number = json_kind(value) == JSON_NUMBER;

	if (number && (param->kind == PARAM_DURATION || param->kind == PARAM_SIZE)) {
		bool duration = param->kind == PARAM_DURATION;
		double amount = json_number(value, 0);

		mistake_hint(check->mistakes,
			     mistake_add(check->mistakes, pointer,
					 duration ? "bad-duration" : "bad-size",
					 "a bare number has no unit: %.16g", amount),
			     "write \"%.16g%s\"", amount, duration ? "s" : "B");
		return;
	}
	for (const struct param *form = param; form; form = form->otherwise)
		buf_printf(&forms, "%s%s", form == param ? "" : " or ", kind_words(form->kind));
	mistake_add(check->mistakes, pointer, "wrong-type", "expected %s, not %s", buf_text(&forms),
		    json_kind_name(json_kind(value)));
	buf_done(&forms);
}

/* ---- bounds ---- */

enum { BOUND_TEXT_MAX = 48 };

static const char *bound_text(enum param_kind kind, double value, char into[BOUND_TEXT_MAX])
{
	if (kind == PARAM_DURATION)
		duration_format((int64_t)value, into);
	else if (kind == PARAM_SIZE)
		size_format((int64_t)value, into);
	else if (kind == PARAM_INSTANT)
		instant_format((int64_t)value, into);
	else
		snprintf(into, BOUND_TEXT_MAX, "%.16g", value);
	return into;
}

/* `counted`: what the amount is a number of ("elements"); "" for the value itself. */
static void range_check(const struct check *check, const struct param *param, double amount,
			const char *counted, const struct at *at)
{
	bool from = !(param->min == 0 && param->max == 0);
	bool to = from && param->max >= param->min; /* a lower bound alone leaves max at 0 */
	char min[BOUND_TEXT_MAX], max[BOUND_TEXT_MAX], is[BOUND_TEXT_MAX];
	const char *pointer, *space = *counted ? " " : "";

	if (!from || (amount >= param->min && !(to && amount > param->max)))
		return;
	pointer = pointer_of(check, at);
	bound_text(param->kind, param->min, min);
	bound_text(param->kind, param->max, max);
	bound_text(param->kind, amount, is);
	if (to)
		mistake_add(check->mistakes, pointer, "out-of-range",
			    "must be between %s and %s%s%s, not %s", min, max, space, counted, is);
	else
		mistake_add(check->mistakes, pointer, "out-of-range",
			    "must be at least %s%s%s, not %s", min, space, counted, is);
}

/* ---- values ---- */

static void int_check(const struct check *check, const struct param *param,
		      const struct json *value, const struct at *at)
{
	int64_t number;

	if (json_int(value, &number))
		range_check(check, param, (double)number, "", at);
	else
		mistake_add(check->mistakes, pointer_of(check, at), "wrong-type",
			    "expected a whole number within 2^53, not %.16g",
			    json_number(value, 0));
}

/* A duration, a size or an instant. */
static void quantity_check(const struct check *check, const struct param *param,
			   const struct json *value, const struct at *at)
{
	const char *text = json_text(value, "");
	struct mistake *mistake;
	int64_t amount = 0;
	struct err err;
	const char *type;
	int rc;

	if (param->kind == PARAM_DURATION) {
		rc = duration_parse(text, &amount, &err);
		type = "bad-duration";
	} else if (param->kind == PARAM_SIZE) {
		rc = size_parse(text, &amount, &err);
		type = "bad-size";
	} else {
		rc = instant_parse(text, &amount, &err);
		type = "bad-instant";
	}
	if (rc == 0) {
		range_check(check, param, (double)amount, "", at);
		return;
	}
	mistake = mistake_add(check->mistakes, pointer_of(check, at), type, "%s", err.detail);
	if (param->kind == PARAM_DURATION && *text && strlen(text) <= 15 &&
	    text[strspn(text, "0123456789")] == '\0')
		mistake_hint(check->mistakes, mistake, "write \"%ss\"", text);
}

static void choice_check(const struct check *check, const struct param *param,
			 const struct json *value, const struct at *at)
{
	const char *text = json_text(value, ""), *nearest;
	struct buf list = BUF(ERR_DETAIL_MAX);
	struct mistake *mistake;

	for (const char *const *choice = param->choices; *choice; choice++)
		if (strcmp(*choice, text) == 0)
			return;
	for (const char *const *choice = param->choices; *choice; choice++)
		buf_printf(&list, "%s%s", choice == param->choices ? "" : ", ", *choice);
	mistake = mistake_add(check->mistakes, pointer_of(check, at), "bad-choice",
			      "'%.64s' is not one of %s", text, buf_text(&list));
	buf_done(&list);
	nearest = nearest_name(text, param->choices);
	if (nearest)
		mistake_hint(check->mistakes, mistake, "%s", nearest);
}

/* The elements of an array, the members of a map. */
static void elements_check(const struct check *check, const struct param *param,
			   const struct json *value, const struct at *at)
{
	bool array = json_kind(value) == JSON_ARRAY;
	struct at below = {.up = at};

	range_check(check, param, (double)json_count(value), array ? "elements" : "members", at);
	if (!param->members)
		return;
	for (const struct json *e = json_first(value); e; e = json_next(e), below.index++) {
		below.name = array ? NULL : json_name(e);
		value_check(check, param->members, e, &below);
	}
}

static void value_check(const struct check *check, const struct param *param,
			const struct json *value, const struct at *at)
{
	const struct param *form = param;

	while (form && !kind_fits(form->kind, json_kind(value)))
		form = form->otherwise;
	if (!form) {
		wrong_type(check, param, value, at);
		return;
	}
	switch (form->kind) {
	case PARAM_INT:
		int_check(check, form, value, at);
		break;
	case PARAM_NUMBER:
		range_check(check, form, json_number(value, 0), "", at);
		break;
	case PARAM_TEXT:
		range_check(check, form, (double)strlen(json_text(value, "")), "bytes", at);
		break;
	case PARAM_DURATION:
	case PARAM_SIZE:
	case PARAM_INSTANT:
		quantity_check(check, form, value, at);
		break;
	case PARAM_CHOICE:
		choice_check(check, form, value, at);
		break;
	case PARAM_OBJECT:
		if (form->by_plan)
			break;
		if (form->members)
			members_check(check, form->members, value, at, "member");
		else
			elements_check(check, form, value, at);
		break;
	case PARAM_ARRAY:
	case PARAM_MAP:
		elements_check(check, form, value, at);
		break;
	case PARAM_LATER:
		mistake_add_code(check->mistakes, ERR_NOT_IMPLEMENTED, pointer_of(check, at),
				 "this is part of the contract, but not built yet");
		break;
	case PARAM_BOOL:
	case PARAM_ANY:
	case PARAM_END:
		break;
	}
}

/* ---- objects ---- */

static void unknown_member(const struct check *check, const struct param *params, const char *noun,
			   const struct at *at)
{
	const char *names[SPEC_PARAMS_MAX + 1] = {NULL};
	struct buf list = BUF(ERR_DETAIL_MAX / 2);
	const char *nearest, *pointer = pointer_of(check, at), *name = at->name;
	struct mistake *mistake;

	for (size_t i = 0; params[i].kind != PARAM_END; i++) {
		names[i] = params[i].name;
		buf_printf(&list, "%s%s", i ? ", " : "", params[i].name);
	}
	nearest = nearest_name(name, names);
	if (nearest) {
		mistake = mistake_add(check->mistakes, pointer, "unknown-member", "no %s '%.64s'",
				      noun, name);
		mistake_hint(check->mistakes, mistake, "%s", nearest);
	} else {
		mistake_add(check->mistakes, pointer, "unknown-member",
			    "no %s '%.64s'; known are %s%s", noun, name, buf_text(&list),
			    buf_ok(&list) ? "" : ", …");
	}
	buf_done(&list);
}

static void members_check(const struct check *check, const struct param *params,
			  const struct json *object, const struct at *at, const char *noun)
{
	struct at below = {.up = at};
	uint64_t seen = 0;

	for (const struct json *member = json_first(object); member; member = json_next(member)) {
		bool null = json_kind(member) == JSON_NULL;
		size_t i = 0;

		below.name = json_name(member);
		while (params[i].kind != PARAM_END && strcmp(params[i].name, below.name) != 0)
			i++;
		assert(i < SPEC_PARAMS_MAX);
		if (params[i].kind == PARAM_END) {
			unknown_member(check, params, noun, &below);
			continue;
		}
		if (null && params[i].kind != PARAM_ANY && params[i].kind != PARAM_LATER)
			continue;
		seen |= (uint64_t)1 << i;
		value_check(check, &params[i], member, &below);
	}
	for (size_t i = 0; params[i].kind != PARAM_END; i++) {
		below.name = params[i].name;
		if (params[i].required && !(seen >> i & 1))
			mistake_add(check->mistakes, pointer_of(check, &below), "missing-member",
				    "'%s' is required", params[i].name);
	}
}

/* ---- values of a checked object ---- */

int64_t spec_int(const struct json *object, const char *name, int64_t fallback)
{
	int64_t value;

	return json_int(json_get(object, name), &value) ? value : fallback;
}

double spec_number(const struct json *object, const char *name, double fallback)
{
	return json_number(json_get(object, name), fallback);
}

bool spec_bool(const struct json *object, const char *name, bool fallback)
{
	return json_bool(json_get(object, name), fallback);
}

const char *spec_text(const struct json *object, const char *name, const char *fallback)
{
	return json_text(json_get(object, name), fallback);
}

int64_t spec_duration(const struct json *object, const char *name, int64_t fallback_ms)
{
	const char *text = spec_text(object, name, NULL);
	struct err err;
	int64_t ms;

	return text && duration_parse(text, &ms, &err) == 0 ? ms : fallback_ms;
}

int64_t spec_size(const struct json *object, const char *name, int64_t fallback_bytes)
{
	const char *text = spec_text(object, name, NULL);
	struct err err;
	int64_t bytes;

	return text && size_parse(text, &bytes, &err) == 0 ? bytes : fallback_bytes;
}

int64_t spec_instant(const struct json *object, const char *name, int64_t fallback_wall_ms)
{
	const char *text = spec_text(object, name, NULL);
	struct err err;
	int64_t wall_ms;

	return text && instant_parse(text, &wall_ms, &err) == 0 ? wall_ms : fallback_wall_ms;
}

int spec_choice(const struct json *object, const char *name, const char *const *choices,
		int fallback)
{
	const char *text = spec_text(object, name, NULL);

	for (int i = 0; text && choices[i]; i++)
		if (strcmp(choices[i], text) == 0)
			return i;
	return fallback;
}
