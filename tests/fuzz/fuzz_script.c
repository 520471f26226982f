/* SPDX-License-Identifier: MIT */
/* fuzz_script.c - a source, and behind a byte 0 the record that it sees: what compiles gives a
 * mistake or values of JSON, twice the same kind of end; a script that hands its record on,
 * all of it or by its fields, gives every byte of it back. */
#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mistakes.h"
#include "base/record/scan.h"
#include "handlers/script/script.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static struct script *source_compile(const char *source, size_t len, struct fields *fields)
{
	struct script_spec spec = {.pointer = "/spec/map", .kind = SCRIPT_RECORD, .fields = fields};
	struct buf quoted = BUF(8 * 1024 * 1024);
	struct script *script = NULL;
	struct mistakes mistakes;
	struct json_place place;
	struct json *json;
	struct err err;

	mistakes_init(&mistakes);
	json_quote(&quoted, source, len);
	if (json_parse(quoted.data, quoted.len, &json, &place, &err) == 0) {
		spec.source = json;
		if (script_compile(&spec, &mistakes, &script))
			must(mistakes.count > 0 && mistakes.first->detail[0]);
		json_free(json);
	}
	mistakes_done(&mistakes);
	buf_done(&quoted);
	return script;
}

/* What came out is valid JSON. */
static void value_check(const struct value *value)
{
	struct scanner *scanner = scanner_new(NULL);
	struct buf text = BUF(SCRIPT_TOLD_BYTES_MAX * 2);
	struct scan_mistake mistake;

	must(value_print(value, &text) == 0);
	must(scan(scanner, text.data, text.len, NULL, &mistake) == 0);
	buf_done(&text);
	scanner_free(scanner);
}

/* 0: a mistake, or the record is none. */
static bool called(const struct script *script, const struct fields *fields, const char *record,
		   size_t len, bool same)
{
	struct value *values = calloc(fields->count + 1, sizeof(*values));
	struct value none = {.kind = VALUE_MISSING};
	struct script_args args = {.number = 1, .values = values, .extra = &none};
	struct script_options options = {.seed = 1};
	struct scanner *scanner = scanner_new(fields);
	struct scan_mistake wrong;
	struct script_mistake mistake;
	struct script_result result;
	struct script_vm *vm;
	struct err err;
	unsigned slot;
	bool good = false;

	must(script_vm_new(&options, &vm, &err) == 0);
	must(script_vm_load(vm, script, &slot, &err) == 0);
	if (scan(scanner, record, len, values, &wrong) == 0) {
		good = script_call(vm, slot, &args, &result, &mistake) == 0;
		must(good || mistake.err.detail[0] || mistake.err.code == ERR_SCRIPT);
		if (good)
			value_check(&result.value);
		for (size_t i = 0; good && i < result.count; i++)
			value_check(&result.items[i].value);
		if (same && good) {
			struct buf text = BUF(SCRIPT_TOLD_BYTES_MAX),
				   compact = BUF(SCRIPT_TOLD_BYTES_MAX);

			value_print(&result.value, &text);
			value_print(&values[0], &compact);
			must(text.len == compact.len &&
			     memcmp(text.data, compact.data, text.len) == 0);
			buf_done(&text);
			buf_done(&compact);
		}
	}
	script_vm_free(vm);
	scanner_free(scanner);
	free(values);
	return good;
}

static void source_call(const char *source, size_t source_len, const char *record, size_t len,
			bool same)
{
	struct fields fields;
	struct script *script;

	fields_init(&fields);
	script = source_compile(source, source_len, &fields);
	if (script)
		called(script, &fields, record, len, same);
	script_free(script);
	fields_done(&fields);
}

/* No blanks outside of strings: a table that was written anew has none. */
static bool is_compact(const char *record, size_t len)
{
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		if (quoted && record[i] == '\\')
			i++;
		else if (record[i] == '"')
			quoted = !quoted;
		else if (!quoted && strchr(" \t\r\n", record[i]))
			return false;
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char fields_kept[] = "r.a = r.a return r", all_kept[] = "local x = r return x";
	const char *text = (const char *)data, *zero = memchr(text, 0, size);
	size_t len = zero ? (size_t)(zero - text) : size;
	const char *record = zero ? zero + 1 : "{}";
	size_t record_len = zero ? size - len - 1 : 2;

	source_call(text, len, record, record_len, false);
	if (is_compact(record, record_len)) {
		source_call(fields_kept, strlen(fields_kept), record, record_len,
			    record_len > 0 && *record == '{');
		source_call(all_kept, strlen(all_kept), record, record_len, true);
	}
	return 0;
}
