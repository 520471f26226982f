/* SPDX-License-Identifier: MIT */
/* from_generate.c - `generate`: what a script makes of the numbers 1 to count.
 *
 * A portion is a range of numbers.  The script's draws are seeded by job and number, so it
 * makes the same again: a mark is the number of records that were given of a portion, and
 * going on there means making them once more.
 */
#include "handlers/input/source.h"

#include "base/clock.h"
#include "base/limits.h"
#include "handlers/script/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PORTION_MIN = 1000, /* numbers: a millisecond of an ordinary script */
	PORTION_MAX = 10000,
	PORTIONS = 256, /* of a middling input */
	PARTS_PER_STEP = 1000,
	READ_US = 5000,
	CTX_BYTES_MAX = JOB_SPEC_BYTES_MAX + 1024,
};

/* A lane's. */
struct generator {
	struct script_vm *vm;
	unsigned slot;
	int64_t next; /* number */
	int64_t skip; /* records that were given before */
};

static int generate_open(struct input *input, struct err *err)
{
	input->state = calloc(1, sizeof(int64_t)); /* how far the feed is */
	return input->state ? 0 : err_set(err, ERR_NO_MEMORY, "no memory for an input");
}

static void generate_close(struct input *input)
{
	free(input->state);
}

static enum run_answer generate_feed(struct input *input, unsigned lane, struct err *err)
{
	int64_t count = input->plan->range.count, *next = input->state;
	int64_t size = MIN(MAX(count / PORTIONS, PORTION_MIN), PORTION_MAX);
	enum run_answer answer;
	char key[64];

	atomic_store(&input->bytes_known, count);
	for (int i = 0; i < PARTS_PER_STEP && *next < count; i++) {
		struct portion portion = {.from = *next, .to = MIN(*next + size, count)};

		snprintf(key, sizeof(key), "%lld to %lld", (long long)portion.from + 1,
			 (long long)portion.to);
		answer = source_part_add(input, lane, key, &portion, err);
		if (answer != RUN_OK && answer != RUN_KNOWN)
			return answer;
		*next = portion.to;
	}
	return *next < count ? RUN_OK : RUN_END;
}

/* ---- a portion ---- */

static void log_line(void *to, const char *text, size_t len)
{
	run_log(to, LOG_INFO, "%.*s", (int)len, text);
}

static struct generator *generator_new(struct input *input, struct err *err)
{
	struct generator *generator = calloc(1, sizeof(*generator));
	struct buf ctx = BUF(CTX_BYTES_MAX);
	struct script_options options = {
		.log = log_line, .log_to = input->run, .seed = id_hash(run_job_id(input->run))};

	if (generator && run_context(input->run, &ctx) == 0) {
		options.ctx = ctx.data;
		options.ctx_len = ctx.len;
		if (script_vm_new(&options, &generator->vm, err) == 0 &&
		    script_vm_load(generator->vm, input->plan->script, &generator->slot, err) ==
			    0) {
			buf_done(&ctx);
			return generator;
		}
	} else {
		err_set(err, ERR_NO_MEMORY, "no memory for a script");
	}
	buf_done(&ctx);
	if (generator)
		script_vm_free(generator->vm);
	free(generator);
	return NULL;
}

static void generate_view_free(struct portion *portion)
{
	struct generator *generator = portion->view;

	script_vm_free(generator->vm);
	free(generator);
}

static enum run_answer generate_begin(struct portion *portion, struct source_head *ret_head,
				      struct err *err)
{
	struct generator *generator = portion->view;

	if (!generator)
		generator = portion->view = generator_new(portion->input, err);
	if (!generator)
		return RUN_ERROR;
	generator->next = portion->from;
	generator->skip = MAX(portion->seek - portion->from, 0);
	ret_head->format = portion->input->plan->ndjson;
	return RUN_OK;
}

static void record_add(struct portion *portion, const struct value *record)
{
	struct generator *generator = portion->view;

	if (record->kind == VALUE_MISSING)
		return;
	if (generator->skip > 0) {
		generator->skip--;
		return;
	}
	value_print(record, &portion->block);
	buf_add_byte(&portion->block, '\n');
}

static int number_call(struct portion *portion, struct err *err)
{
	struct generator *generator = portion->view;
	struct script_args args = {.number = ++generator->next};
	struct script_result result;
	struct script_mistake mistake;

	if (script_call(generator->vm, generator->slot, &args, &result, &mistake)) {
		*err = mistake.err;
		return err_wrap(err, "generate, i = %lld, line %d", (long long)generator->next,
				mistake.line);
	}
	for (size_t i = 0; i < result.count; i++)
		record_add(portion, &result.items[i].value);
	record_add(portion, &result.value);
	return buf_ok(&portion->block)
		       ? 0
		       : err_set(err, ERR_LIMIT,
				 "generate, i = %lld: more records than fit a block",
				 (long long)generator->next);
}

static enum run_answer generate_read(struct portion *portion, size_t room, struct err *err)
{
	struct generator *generator = portion->view;
	size_t before = portion->block.len;
	int64_t first = generator->next, until_us = clock_us() + READ_US;

	if (first == portion->to)
		return RUN_END;
	do
		if (number_call(portion, err))
			return RUN_ERROR;
	while (generator->next < portion->to && portion->block.len - before < room &&
	       clock_us() < until_us);
	source_read_count(portion->input, generator->next - first);
	if (portion->block.len > before)
		return RUN_OK;
	run_wake(portion->input->run, portion->lane); /* a script that gives nothing, slowly */
	return RUN_LATER;
}

static void generate_place(struct portion *portion, int64_t offset, struct portion_place *ret_place)
{
	(void)portion;
	(void)offset;
	ret_place->offset = -1;
}

const struct source source_generate = {
	.records = true,
	.open = generate_open,
	.close = generate_close,
	.feed = generate_feed,
	.begin = generate_begin,
	.read = generate_read,
	.view_free = generate_view_free,
	.place = generate_place,
};
