/* SPDX-License-Identifier: MIT */
/* fuzz_groups.c - any bytes as the saved groups of a plan with every kind of state, behind a
 * sum that is right: an error, or groups that can be written out and saved again.
 *
 * The same bytes are the text of a function, too. */
#include "base/json.h"
#include "handlers/aggregate/bytes.h"
#include "handlers/aggregate/group_table.h"
#include "handlers/aggregate/groups_out.h"
#include "handlers/aggregate/plan.h"

#include <assert.h>
#include <stdlib.h>
#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char spec[] =
	"{\"group_by\":[\"a\",\"b\"],\"aggregates\":{\"n\":\"count\",\"k\":\"skew(x)\","
	"\"lo\":\"min(x)\",\"hi\":\"max(y)\",\"q\":\"p90(x)\",\"d\":\"distinct(y)\","
	"\"f\":\"first(y)\",\"t\":\"top(y, 3)\"}}";

enum { BLOB_MAX = 1 << 20, TEXT_MAX = 1 << 24, SEED = 1 };

static struct aggregates *plan_new(const char *text, struct fields *fields)
{
	struct aggregates_spec like = {.pointer = "", .memory_bytes = 1 << 20};
	struct mistakes mistakes;
	struct aggregates *plan = NULL;
	struct json_place place;
	struct json *json;
	struct err err;

	if (json_parse(text, strlen(text), &json, &place, &err))
		return NULL;
	mistakes_init(&mistakes);
	like.group_by = json_get(json, "group_by");
	like.functions = json_get(json, "aggregates");
	if (aggregates_plan(&like, fields, &mistakes, &plan))
		assert(mistakes.count > 0);
	mistakes_done(&mistakes);
	json_free(json);
	return plan;
}

static struct group_table *table_new(const struct aggregates *plan)
{
	struct group_table_options options = {.plan = plan, .bytes_max = TEXT_MAX, .seed = SEED};
	struct group_table *table;
	struct err err;

	if (group_table_new(&options, &table, &err))
		abort();
	return table;
}

static void check_out(struct group_table *table)
{
	struct groups_out_options options = {
		.tables = &table, .tables_count = 1, .bytes_max = TEXT_MAX};
	struct buf line = BUF(TEXT_MAX);
	struct groups_out *out;
	unsigned divisions;
	struct err err;

	if (groups_out_new(&options, &out, &divisions, &err))
		abort();
	for (unsigned i = 0; i < divisions; i++)
		if (groups_merge(out, i, &err))
			abort();
	while (groups_next(out, &line, &err) > 0) {
		/* kept texts may be anything; the keys are ours */
		assert(line.data[0] == '{' && line.data[line.len - 1] == '}');
		buf_clear(&line);
	}
	groups_out_free(out);
	buf_done(&line);
}

static void check_again(struct group_table *table, const struct aggregates *plan)
{
	struct buf blob = BUF(BLOB_MAX);
	struct group_table *copy = table_new(plan);
	struct err err;

	if (group_table_save(table, &blob, &err) == 0)
		assert(group_table_load(copy, blob.data, blob.len, &err) == 0);
	group_table_free(copy);
	buf_done(&blob);
}

static void load_any(const uint8_t *data, size_t size)
{
	struct buf blob = BUF(BLOB_MAX);
	struct fields fields;
	struct aggregates *plan;
	struct group_table *table;
	struct err err;

	fields_init(&fields);
	plan = plan_new(spec, &fields);
	table = table_new(plan);
	buf_add_text(&blob, "grp1");
	bytes_add_u64(&blob, plan->fingerprint);
	bytes_add_u64(&blob, SEED);
	buf_add(&blob, data, size);
	if (buf_ok(&blob)) {
		bytes_add_u64(&blob, XXH3_64bits(blob.data, blob.len));
		if (group_table_load(table, blob.data, blob.len, &err) == 0) {
			check_again(table, plan);
			check_out(table);
		}
	}
	group_table_free(table);
	aggregates_free(plan);
	fields_done(&fields);
	buf_done(&blob);
}

static void plan_any(const uint8_t *data, size_t size)
{
	struct buf text = BUF(BLOB_MAX);
	struct json_out json = JSON_OUT(&text);
	struct fields fields;

	fields_init(&fields);
	json_out_object(&json, NULL);
	json_out_object(&json, "aggregates");
	json_out_text_len(&json, "a", (const char *)data, size);
	json_out_end(&json, '}');
	json_out_end(&json, '}');
	if (buf_ok(&text))
		aggregates_free(plan_new(text.data, &fields));
	fields_done(&fields);
	buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	load_any(data, size);
	plan_any(data, size);
	return 0;
}
