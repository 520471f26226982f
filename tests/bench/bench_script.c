/* SPDX-License-Identifier: MIT */
/* bench_script.c - records a second through scripts, on one thread.
 *
 *	bench_script [rounds]     60 MB of records of about 60 bytes, in memory
 *
 * Each record is scanned, given to the script, and what comes out is gathered as NDJSON.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mistakes.h"
#include "base/record/scan.h"
#include "handlers/script/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES = 60 * 1000 * 1000, RECORD_MAX = 128, FIELDS_MAX = 16, OUT_BYTES = 256 * 1024 };

static const struct {
	const char *name, *source;
	enum script_kind kind;
} measures[] = {
	{"filter", "r.value >= 0 and r.category == \"A\"", SCRIPT_TEST},
	{"change a field", "r.value = r.value + 1", SCRIPT_RECORD},
	{"add a field", "r.square = r.value * r.value", SCRIPT_RECORD},
	{"a new record", "{id = r.id, label = r.category .. r.value}", SCRIPT_RECORD},
	{"the whole record", "local x = r x.value = x.value + 1", SCRIPT_RECORD},
	{"emit a pair", "emit(r.category, r.value)", SCRIPT_PAIRS},
};

static char *records;
static size_t records_len;

static void die(const char *why)
{
	fprintf(stderr, "bench_script: %s\n", why);
	exit(1);
}

/* {"id":1234567,"value":-512,"category":"A","name":"item 42"} */
static void records_make(void)
{
	struct rng rng;

	rng_seed(&rng, 1);
	records = malloc(BYTES + RECORD_MAX);
	if (!records)
		die("no memory");
	for (int id = 1000000; records_len < BYTES; id++)
		records_len += (size_t)snprintf(
			records + records_len, RECORD_MAX,
			"{\"id\":%d,\"value\":%d,\"category\":\"%c\",\"name\":\"item %d\"}\n", id,
			(int)rng_between(&rng, -1000, 1000), 'A' + (int)rng_between(&rng, 0, 3),
			(int)rng_between(&rng, 0, 9999));
}

static struct script *source_compile(const char *source, enum script_kind kind,
				     struct fields *fields)
{
	struct script_spec spec = {.pointer = "/spec/script", .kind = kind, .fields = fields};
	struct buf quoted = BUF(4096);
	struct json_place place;
	struct mistakes mistakes;
	struct script *script;
	struct json *json;
	struct err err;

	mistakes_init(&mistakes);
	json_quote(&quoted, source, strlen(source));
	if (json_parse(quoted.data, quoted.len, &json, &place, &err))
		die(err.detail);
	spec.source = json;
	if (script_compile(&spec, &mistakes, &script))
		die(mistakes.first->detail);
	json_free(json);
	buf_done(&quoted);
	mistakes_done(&mistakes);
	return script;
}

static void out_take(struct buf *out, const struct script_result *result)
{
	for (size_t i = 0; i < result->count; i++) {
		value_print(&result->items[i].key, out);
		buf_add_byte(out, '\t');
		value_print(&result->items[i].value, out);
		buf_add_byte(out, '\n');
	}
	if (result->value.kind != VALUE_MISSING) {
		value_print(&result->value, out);
		buf_add_byte(out, '\n');
	}
	if (out->len > OUT_BYTES / 2)
		buf_clear(out);
}

static void measure(const char *name, const char *source, enum script_kind kind)
{
	struct script_options options = {.seed = 1};
	struct value values[FIELDS_MAX];
	struct script_args args = {.values = values};
	struct buf out = BUF(OUT_BYTES);
	struct script_mistake mistake;
	struct script_result result;
	struct scan_mistake wrong;
	struct scanner *scanner;
	struct script_vm *vm;
	struct script *script;
	struct fields fields;
	int64_t start_us, us;
	uint64_t count = 0, kept = 0;
	unsigned slot;
	struct err err;

	fields_init(&fields);
	script = source_compile(source, kind, &fields);
	scanner = scanner_new(&fields);
	if (!scanner || script_vm_new(&options, &vm, &err) ||
	    script_vm_load(vm, script, &slot, &err))
		die("no memory");
	start_us = clock_thread_cpu_us();
	for (const char *at = records, *line; at < records + records_len; at = line + 1) {
		line = memchr(at, '\n', (size_t)(records + records_len - at));
		if (scan(scanner, at, (size_t)(line - at), values, &wrong))
			die(wrong.detail);
		args.number = (int64_t)++count;
		if (script_call(vm, slot, &args, &result, &mistake))
			die(mistake.err.detail);
		kept += result.truth;
		out_take(&out, &result);
	}
	us = clock_thread_cpu_us() - start_us;
	printf("%-18s %6.2f M records/s %6.0f ns of CPU   %llu kept   %s\n", name,
	       (double)count / (double)us, (double)us * 1e3 / (double)count,
	       (unsigned long long)kept, source);
	script_vm_free(vm);
	script_free(script);
	scanner_free(scanner);
	fields_done(&fields);
	buf_done(&out);
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 3;

	records_make();
	for (int round = 0; round < rounds; round++)
		for (size_t i = 0; i < sizeof(measures) / sizeof(measures[0]); i++)
			measure(measures[i].name, measures[i].source, measures[i].kind);
	free(records);
	return 0;
}
