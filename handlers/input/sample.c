/* SPDX-License-Identifier: MIT */
/* sample.c - the source of a sample: a text in memory, read from its beginning to its end. */
#include "handlers/input/sample_inner.h"

#include <stdlib.h>
#include <string.h>

const struct param sample_record[] = {
	{.kind = PARAM_ANY, .summary = "A record: any JSON value"},
	{0},
};

/* ---- from a body ---- */

static bool records_add(struct sample *sample, const struct json *records)
{
	for (const struct json *at = json_first(records); at; at = json_next(at)) {
		json_print(at, &sample->records);
		buf_add_byte(&sample->records, '\n');
	}
	sample->text = buf_text(&sample->records);
	sample->len = sample->records.len;
	return buf_ok(&sample->records);
}

/* Members of the format that are not for these records. */
static void strays_tell(const struct json *body, const char *pointer, bool text,
			struct mistakes *mistakes)
{
	static const struct param members[] = {FORMAT_PARAMS, {0}};

	for (const struct param *param = members; param->name; param++) {
		const struct json *value = json_get(body, param->name);

		if (!value || json_kind(value) == JSON_NULL)
			continue;
		if (!text)
			mistake_add(mistakes, mistakes_pointer(mistakes, pointer, param->name),
				    "conflict", "is for text only: records are JSON");
		else if (strcmp(param->name, "compression") == 0)
			mistake_add(mistakes, mistakes_pointer(mistakes, pointer, param->name),
				    "conflict", "a text of JSON cannot be compressed");
	}
}

static struct sample *sample_alloc(const struct json *body, const char *pointer,
				   struct mistakes *mistakes)
{
	struct sample *sample = calloc(1, sizeof(*sample));

	if (!sample)
		return NULL;
	buf_init(&sample->records, SAMPLE_BYTES_MAX);
	sample->said = format_new(body, pointer, mistakes);
	if (sample->said)
		return sample;
	sample_free(sample);
	return NULL;
}

/* What is not said is seen from the text; records are NDJSON. */
static bool format_settle(struct sample *sample, bool text)
{
	sample->format = text ? format_sniff(sample->said, NULL, sample->text, sample->len)
			      : format_sniff(sample->said, "records.ndjson", "", 0);
	return sample->format != NULL;
}

/* One of the two, and not both. */
static bool source_check(const struct json *body, const char *pointer, struct mistakes *mistakes)
{
	const struct json *records = json_get(body, "records");
	const char *text = json_text(json_get(body, "text"), NULL);

	if (!records && !text)
		mistake_add(mistakes, mistakes_pointer(mistakes, pointer, "records"),
			    "missing-member", "records or text is required");
	if (records && text)
		mistake_add(mistakes, mistakes_pointer(mistakes, pointer, "text"), "conflict",
			    "there are records already");
	strays_tell(body, pointer, text != NULL, mistakes);
	return (records != NULL) != (text != NULL);
}

struct sample *sample_new(const struct json *body, const char *pointer, struct mistakes *mistakes)
{
	const struct json *text = json_get(body, "text");
	unsigned before = mistakes->count;
	bool one = source_check(body, pointer, mistakes);
	struct sample *sample = sample_alloc(body, pointer, mistakes);
	bool good = one && sample && mistakes->count == before;

	if (good && text) {
		sample->text = json_text(text, "");
		sample->len = strlen(sample->text);
	} else if (good && !records_add(sample, json_get(body, "records"))) {
		mistake_add(mistakes, mistakes_pointer(mistakes, pointer, "records"),
			    err_name(ERR_LIMIT), "more than %d bytes", SAMPLE_BYTES_MAX);
		good = false;
	}
	if (good && format_settle(sample, text != NULL))
		return sample;
	sample_free(sample);
	return NULL;
}

struct sample *sample_of_records(const struct json *records)
{
	struct mistakes none;
	struct sample *sample;

	mistakes_init(&none);
	sample = sample_alloc(NULL, "", &none);
	mistakes_done(&none);
	if (sample && records_add(sample, records) && format_settle(sample, false))
		return sample;
	sample_free(sample);
	return NULL;
}

void sample_free(struct sample *sample)
{
	if (!sample)
		return;
	format_free(sample->format);
	format_free(sample->said);
	buf_done(&sample->records);
	free(sample);
}

/* ---- the source ---- */

/* What an input of a sample keeps: the portion's part, which no run knows. */
struct sample_state {
	const struct sample *sample;
	struct part part;
};

static void sample_close(struct input *input)
{
	free(input->state);
}

static enum run_answer sample_begin(struct portion *portion, struct source_head *ret_head,
				    struct err *err)
{
	const struct sample_state *state = portion->input->state;
	const struct sample *sample = state->sample;

	*ret_head = (struct source_head){.format = sample->format, .header = sample->text};
	if (reader_header(sample->format, sample->text, sample->len, true, &ret_head->header_len,
			  err))
		return RUN_ERROR;
	portion->offset = (int64_t)ret_head->header_len;
	return RUN_OK;
}

static enum run_answer sample_read(struct portion *portion, size_t room, struct err *err)
{
	const struct sample_state *state = portion->input->state;
	size_t from = (size_t)portion->offset + portion->block.len;
	size_t len = MIN(room, state->sample->len - from);

	if (len == 0)
		return RUN_END;
	if (buf_add(&portion->block, state->sample->text + from, len)) {
		err_set(err, ERR_NO_MEMORY, "no memory for records");
		return RUN_ERROR;
	}
	return RUN_OK;
}

static void sample_place(struct portion *portion, int64_t offset, struct portion_place *ret_place)
{
	const struct sample_state *state = portion->input->state;

	ret_place->line = 1 + lines_count(state->sample->text, (size_t)offset);
}

static const struct source source_sample = {
	.bytes = true,
	.close = sample_close,
	.begin = sample_begin,
	.read = sample_read,
	.place = sample_place,
};

int sample_open(const struct sample *sample, const struct fields *fields, struct input **ret_input,
		struct portion **ret_portion, struct err *err)
{
	static const struct input_plan no_plan = {.source = &source_sample};
	struct input *input = calloc(1, sizeof(*input));
	struct sample_state *state = calloc(1, sizeof(*state));
	struct portion *portion;

	if (!input || !state) {
		free(input);
		free(state);
		return err_set(err, ERR_NO_MEMORY, "no memory for a sample");
	}
	*state = (struct sample_state){.sample = sample, .part = {.key = "", .input = "0 0 -1"}};
	*input = (struct input){
		.plan = &no_plan, .fields = fields, .source = &source_sample, .state = state};
	portion = portion_take(input, 0, &state->part);
	if (!portion) {
		input_free(input);
		return err_set(err, ERR_NO_MEMORY, "no memory for a sample");
	}
	*ret_input = input;
	*ret_portion = portion;
	return 0;
}
