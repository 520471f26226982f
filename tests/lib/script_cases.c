/* SPDX-License-Identifier: MIT */
/* script_cases.c - one vm a script, one record at a time. */
#include "tests/lib/script_cases.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mistakes.h"
#include "base/record/scan.h"
#include "base/record/walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { EXTRA_MAX = 3 };

static int text_compile(const struct json *source, enum script_kind kind, struct fields *fields,
			struct mistakes *mistakes, struct script **ret_script)
{
	struct script_spec spec = {
		.source = source,
		.pointer = "/spec/stages/2/map",
		.kind = kind,
		.fields = fields,
	};

	return script_compile(&spec, mistakes, ret_script);
}

static struct json *json_of(const char *text)
{
	struct json_place place;
	struct json *json;
	struct err err;

	if (json_parse(text, strlen(text), &json, &place, &err))
		fail_msg("%s: %s", text, err.detail);
	return json;
}

void desk_open(struct script_desk *desk, enum script_kind kind, const char *source,
	       const struct script_options *options)
{
	struct script_options plain = {.seed = 1};
	struct buf quoted = BUF(JSON_STRING_BYTES_MAX);
	struct mistakes mistakes;
	struct json *json;
	struct err err;

	memset(desk, 0, sizeof(*desk));
	fields_init(&desk->fields);
	mistakes_init(&mistakes);
	json_quote(&quoted, source, strlen(source));
	json = json_of(quoted.data);
	if (text_compile(json, kind, &desk->fields, &mistakes, &desk->script))
		fail_msg("%s\n%s", source, mistakes.first->detail);
	assert_true(desk->fields.count <= SCRIPT_FIELDS_MAX + 1);
	assert_int_equal(script_vm_new(options ? options : &plain, &desk->vm, &err), 0);
	assert_int_equal(script_vm_load(desk->vm, desk->script, &desk->slot, &err), 0);
	desk->scanner = scanner_new(&desk->fields);
	json_free(json);
	buf_done(&quoted);
	mistakes_done(&mistakes);
}

void desk_close(struct script_desk *desk)
{
	script_vm_free(desk->vm);
	script_free(desk->script);
	scanner_free(desk->scanner);
	fields_done(&desk->fields);
}

int desk_call(struct script_desk *desk, const char *record, int64_t number)
{
	struct script_args args = {.number = number, .values = desk->values};
	struct value none = {.kind = VALUE_MISSING};
	struct scan_mistake wrong;

	args.extra = &none;
	if (scan(desk->scanner, record, strlen(record), desk->values, &wrong))
		fail_msg("%s: %s", record, wrong.detail);
	return script_call(desk->vm, desk->slot, &args, &desk->result, &desk->mistake);
}

int desk_call_with(struct script_desk *desk, const char *extra)
{
	struct value values[EXTRA_MAX] = {0};
	struct script_args args = {.number = 1, .values = desk->values, .extra = values};

	for (int i = 0; i < EXTRA_MAX && *extra; i++) {
		size_t len = strcspn(extra, "\n");

		value_read(extra, len, &values[i]);
		extra += len + (extra[len] == '\n');
	}
	return script_call(desk->vm, desk->slot, &args, &desk->result, &desk->mistake);
}

static void one_print(struct buf *into, const struct value *value)
{
	if (into->len > 0)
		buf_add_byte(into, ' ');
	value_print(value, into);
}

void desk_result_print(const struct script_desk *desk, struct buf *into)
{
	const struct script_result *result = &desk->result;

	for (size_t i = 0; i < result->count; i++) {
		if (result->items[i].key.kind != VALUE_MISSING) {
			one_print(into, &result->items[i].key);
			buf_add_byte(into, '=');
			value_print(&result->items[i].value, into);
		} else {
			one_print(into, &result->items[i].value);
		}
	}
	if (result->value.kind != VALUE_MISSING)
		one_print(into, &result->value);
	if (result->skipped)
		buf_add_text(into, into->len > 0 ? " skipped" : "skipped");
}

static void case_run(enum script_kind kind, const struct script_case *script_case)
{
	const char *record = script_case->record ? script_case->record : "{}";
	struct script_desk desk;
	struct buf text = BUF(SCRIPT_TOLD_BYTES_MAX);
	int rc;

	desk_open(&desk, kind, script_case->source, NULL);
	rc = desk_call(&desk, record, 1);
	if (rc) {
		if (desk.mistake.err.code != script_case->code ||
		    !strstr(desk.mistake.err.detail, script_case->result))
			fail_msg("%s\n%s: %s", script_case->source, err_name(desk.mistake.err.code),
				 desk.mistake.err.detail);
	} else {
		if (kind == SCRIPT_TEST)
			buf_add_text(&text, desk.result.truth ? "true" : "false");
		else
			desk_result_print(&desk, &text);
		if (script_case->code != ERR_NONE ||
		    strcmp(buf_text(&text), script_case->result) != 0)
			fail_msg("%s\n%s", script_case->source, buf_text(&text));
	}
	buf_done(&text);
	desk_close(&desk);
}

void script_cases_run(enum script_kind kind, const struct script_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		case_run(kind, &cases[i]);
}

int source_compile(const char *json, enum script_kind kind, struct mistakes *mistakes)
{
	struct json *source = json_of(json);
	struct script *script = NULL;
	struct fields fields;
	int rc;

	fields_init(&fields);
	rc = text_compile(source, kind, &fields, mistakes, &script);
	if (!rc)
		script_free(script);
	fields_done(&fields);
	json_free(source);
	return rc;
}
