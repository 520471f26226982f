/* SPDX-License-Identifier: MIT */
/* fuzz_schema.c - a schema, and behind a line break a record: what compiles gives the same
 * answer by named members as by a walk of the whole record. */
#include "base/json.h"
#include "base/limits.h"
#include "base/record/scan.h"
#include "handlers/schema/schema.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static struct schema *schema_of(const char *text, size_t len)
{
	struct schema *schema = NULL;
	struct mistakes mistakes;
	struct json_place place;
	struct json *json;
	struct err err;

	if (json_parse(text, len, &json, &place, &err))
		return NULL;
	mistakes_init(&mistakes);
	schema = schema_new(json, "/spec", &mistakes);
	must((schema != NULL) == (mistakes.count == 0));
	mistakes_done(&mistakes);
	json_free(json);
	return schema;
}

/* The code of the answer; ERR_NONE: it fits. */
static enum err_code answer(struct schema *schema, const char *record, size_t len)
{
	struct schema_scratch *scratch = schema_scratch_new();
	struct scan_mistake mistake;
	struct scanner *scanner;
	struct fields fields;
	struct value *values;
	struct err err = {0};

	fields_init(&fields);
	must(schema_fields(schema, &fields, &err) == 0 || err.code == ERR_LIMIT);
	scanner = scanner_new(&fields);
	values = calloc(fields.count, sizeof(*values));
	if (err.code == ERR_NONE && scan(scanner, record, len, values, &mistake) == 0) {
		int rc = schema_check(schema, scratch, values, &err);

		must((rc == 0) == (err.code == ERR_NONE));
		must(rc == 0 || err.detail[0]);
	}
	free(values);
	scanner_free(scanner);
	fields_done(&fields);
	schema_scratch_free(scratch);
	return err.code;
}

/* {"allOf":[ … ]} looks at the whole record, whatever is inside. */
static struct schema *wrapped(const char *text, size_t len)
{
	struct buf whole = BUF(JSON_STRING_BYTES_MAX);
	struct schema *schema;

	buf_add_text(&whole, "{\"allOf\":[");
	buf_add(&whole, text, len);
	buf_add_text(&whole, "]}");
	schema = schema_of(buf_text(&whole), whole.len);
	buf_done(&whole);
	return schema;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *end = memchr(data, '\n', size);
	struct schema *schema, *other;
	size_t len;

	if (!end)
		return 0;
	len = (size_t)(end - text);
	schema = schema_of(text, len);
	if (!schema)
		return 0;
	/* A $ref means another root inside. */
	other = memmem(text, len, "ef", 2) ? NULL : wrapped(text, len);
	if (other) {
		enum err_code one = answer(schema, end + 1, size - len - 1);
		enum err_code two = answer(other, end + 1, size - len - 1);

		must(one == two || one == ERR_LIMIT || two == ERR_LIMIT);
	} else {
		answer(schema, end + 1, size - len - 1);
	}
	schema_free(other);
	schema_free(schema);
	return 0;
}
