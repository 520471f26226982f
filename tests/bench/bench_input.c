/* SPDX-License-Identifier: MIT */
/* bench_input.c - what one thread reads in a second: JSON by lines, elements of an array and
 * rows of CSV as values, CSV as JSON, cuts of CSV with quotes.
 *
 *	bench_input [rounds [what]]     60 times a megabyte each, in blocks of 256 KiB: as a lane
 *	                                reads what it has just got from a file, from the cache
 *
 * Beside stands CPU for each record, which a loaded machine changes less.
 */
#include "base/clock.h"
#include "base/expr/expr.h"
#include "base/json.h"
#include "handlers/input/format.h"
#include "handlers/input/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	BYTES = 1000 * 1000,
	TIMES = 60,
	RECORD_MAX = 160,
	BLOCK_BYTES = 256 * 1024,
	OUT_MAX = 1 << 20
};

struct sample {
	char *bytes;
	size_t len;
};

static void die(const char *why)
{
	fprintf(stderr, "bench_input: %s\n", why);
	exit(1);
}

typedef int record_write(char *into, struct rng *rng, int i);

static int json_line(char *into, struct rng *rng, int i)
{
	return snprintf(into, RECORD_MAX,
			"{\"id\":%d,\"value\":%d,\"category\":\"%c\",\"name\":\"item %d\"}\n",
			1000000 + i, (int)rng_between(rng, -1000, 1000),
			'A' + (int)rng_between(rng, 0, 3), (int)rng_between(rng, 0, 9999));
}

static int json_element(char *into, struct rng *rng, int i)
{
	int len = json_line(into, rng, i);

	into[len - 1] = ',';
	return len;
}

/* Names of 3 to 9 letters, numbers with one place: 14 bytes a row. */
static int measurement(char *into, struct rng *rng, int i)
{
	static const char letters[] = "Stationenxy";

	(void)i;
	return snprintf(into, RECORD_MAX, "%.*s;%.1f\n", (int)rng_between(rng, 5, 9), letters,
			(double)rng_between(rng, -499, 499) / 10);
}

static int order(char *into, struct rng *rng, int i)
{
	return snprintf(into, RECORD_MAX, "%d,item %d,%c,%d.%02d\n", 1000000 + i,
			(int)rng_between(rng, 0, 9999), 'A' + (int)rng_between(rng, 0, 3),
			(int)rng_between(rng, 0, 999), (int)rng_between(rng, 0, 99));
}

static int quoted(char *into, struct rng *rng, int i)
{
	return snprintf(into, RECORD_MAX, "%d,\"a \"\"name\"\"%s, %d\",\"%d\"\n", 1000000 + i,
			i % 8 ? "" : "\n", (int)rng_between(rng, 0, 9999),
			(int)rng_between(rng, 0, 999));
}

static struct sample sample_make(const char *head, record_write *write)
{
	struct sample sample = {.bytes = malloc(BYTES + RECORD_MAX)};
	struct rng rng;

	rng_seed(&rng, 1);
	if (!sample.bytes)
		die("no memory");
	sample.len = strlen(head);
	memcpy(sample.bytes, head, sample.len + 1);
	for (int i = 0; sample.len < BYTES; i++)
		sample.len += (size_t)write(sample.bytes + sample.len, &rng, i);
	if (*head == '[')
		sample.bytes[sample.len - 1] = ']';
	return sample;
}

/* ---- reading ---- */

struct task {
	const char *what, *spec, *paths, *filter;
	bool as_json;
	struct format *format;
	struct fields fields;
	struct expr *expr;
	struct expr_scratch *scratch;
	struct reader *reader;
	struct buf out;
	uint64_t count, kept;
};

static void task_begin(struct task *task)
{
	struct mistakes mistakes;
	struct expr_mistake mistake;
	struct json_place place;
	struct json *json;
	struct err err;
	unsigned index;
	char path[64];

	mistakes_init(&mistakes);
	if (json_parse(task->spec, strlen(task->spec), &json, &place, &err))
		die(err.detail);
	task->format = format_new(json, "", &mistakes);
	if (!task->format)
		die("bad spec");
	fields_init(&task->fields);
	for (const char *at = task->paths; *at; at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");

		snprintf(path, sizeof(path), "%.*s", (int)len, at);
		if (fields_add_path(&task->fields, path, &index, &err))
			die(err.detail);
		at += len;
	}
	if (task->filter && expr_compile(task->filter, &task->fields, &task->expr, &mistake, &err))
		die(mistake.detail);
	task->scratch = expr_scratch_new();
	task->reader = reader_new(task->format, &task->fields);
	if (!task->scratch || !task->reader)
		die("no memory");
	buf_init(&task->out, OUT_MAX);
	task->count = task->kept = 0;
	json_free(json);
	mistakes_done(&mistakes);
}

static void task_end(struct task *task)
{
	reader_free(task->reader);
	format_free(task->format);
	expr_free(task->expr);
	expr_scratch_free(task->scratch);
	fields_done(&task->fields);
	buf_done(&task->out);
}

static void rows_take(struct task *task, struct reader *reader, const struct rows *rows)
{
	struct err err;
	bool yes;

	task->count += rows->count;
	for (size_t i = 0; i < rows->count; i++) {
		if (rows->row[i].mistake)
			die(rows->mistakes[rows->row[i].mistake - 1].detail);
		if (task->as_json && (reader_row_json(reader, rows, i, &task->out) ||
				      buf_add_byte(&task->out, '\n')))
			die("no room");
		if (!task->expr)
			continue;
		expr_scratch_clear(task->scratch);
		if (expr_test(task->expr, row_values(rows, i), task->scratch, &yes, &err))
			die(err.detail);
		task->kept += yes;
	}
	buf_clear(&task->out);
}

static void sample_read(struct task *task, const struct sample *sample)
{
	struct reader *reader = task->reader;
	const char *at = sample->bytes, *end = at + sample->len;
	struct rows rows = {.count = 1};
	size_t used, len;
	struct err err;

	if (reader_header(task->format, at, sample->len, true, &len, &err) ||
	    reader_begin(reader, at, len, &err))
		die(err.detail);
	for (at += len; at < end || rows.count > 0; at += used) {
		len = MIN((size_t)(end - at), (size_t)BLOCK_BYTES);
		if (reader_read(reader, at, len, at + len == end, &rows, &used, &err))
			die(err.detail);
		rows_take(task, reader, &rows);
	}
}

static void report(const char *what, uint64_t count, size_t len, int64_t us, int64_t cpu_us)
{
	printf("%-34s %8.2f M records/s %6.0f MB/s %7.1f ns of CPU\n", what,
	       (double)count / (double)us, (double)len / (double)us,
	       (double)cpu_us * 1e3 / (double)count);
}

static void task_measure(struct task task, const struct sample *sample)
{
	int64_t start_us, cpu_us;

	task_begin(&task);
	start_us = clock_us();
	cpu_us = clock_thread_cpu_us();
	for (int i = 0; i < TIMES; i++)
		sample_read(&task, sample);
	report(task.what, task.count, sample->len * TIMES, clock_us() - start_us,
	       clock_thread_cpu_us() - cpu_us);
	task_end(&task);
}

static void cut_measure(const char *what, const char *spec, const struct sample *sample)
{
	struct task task = {.spec = spec, .paths = ""};
	struct cut cut = {0};
	int64_t start_us;
	size_t len;

	task_begin(&task);
	start_us = clock_us();
	for (size_t i = 0, at = 0; i < TIMES; at += len) {
		len = MIN(sample->len - at, (size_t)BLOCK_BYTES);
		task.count += format_cut(task.format, sample->bytes + at, len, &cut) > 0;
		i += at + len == sample->len;
		at = at + len == sample->len ? -len : at;
	}
	printf("%-34s %28.0f MB/s\n", what,
	       (double)sample->len * TIMES / (double)(clock_us() - start_us));
	task_end(&task);
}

int main(int argc, char **argv)
{
	static const char measurements[] = "{\"format\":\"csv\",\"delimiter\":\";\","
					   "\"types\":{\"temp\":\"number\"}}";
	static const char orders[] = "{\"format\":\"csv\",\"types\":{\"id\":\"integer\","
				     "\"price\":\"number\"}}";
	static const char filter[] = "value >= 0 and category == \"A\"";
	int rounds = argc > 1 ? atoi(argv[1]) : 3;
	const char *what = argc > 2 ? argv[2] : "";
	struct sample lines = sample_make("", json_line), array = sample_make("[", json_element);
	struct sample rows = sample_make("name;temp\n", measurement);
	struct sample csv = sample_make("id,name,category,price\n", order);
	struct sample nasty = sample_make("id,name,n\n", quoted);

	const struct {
		struct task task;
		const struct sample *sample;
	} runs[] = {
		{{.what = "ndjson, two fields",
		  .spec = "{\"format\":\"ndjson\"}",
		  .paths = "value category"},
		 &lines},
		{{.what = "ndjson, filter",
		  .spec = "{\"format\":\"ndjson\"}",
		  .paths = "",
		  .filter = filter},
		 &lines},
		{{.what = "json array, two fields",
		  .spec = "{\"format\":\"json\"}",
		  .paths = "value category"},
		 &array},
		{{.what = "csv name;number, both", .spec = measurements, .paths = "name temp"},
		 &rows},
		{{.what = "csv name;number, texts",
		  .spec = "{\"format\":\"csv\",\"delimiter\":\";\"}",
		  .paths = "name temp"},
		 &rows},
		{{.what = "csv of four columns to ndjson",
		  .spec = orders,
		  .paths = "",
		  .as_json = true},
		 &csv},
		{{.what = "csv with quotes, three columns",
		  .spec = "{\"format\":\"csv\"}",
		  .paths = "id name n"},
		 &nasty},
		{{.what = "lines", .spec = "{\"format\":\"lines\"}", .paths = ""}, &lines},
	};

	for (int round = 0; round < rounds; round++) {
		for (size_t i = 0; i < ARRAY_LEN(runs); i++)
			if (strstr(runs[i].task.what, what))
				task_measure(runs[i].task, runs[i].sample);
		if (*what)
			continue;
		cut_measure("cut of csv with quotes", "{\"format\":\"csv\"}", &nasty);
		cut_measure("cut of csv without", "{\"format\":\"csv\"}", &csv);
	}
	free(lines.bytes);
	free(array.bytes);
	free(rows.bytes);
	free(csv.bytes);
	free(nasty.bytes);
	return 0;
}
