/* SPDX-License-Identifier: MIT */
/* fuzz_expr.c - a source, and behind a line break the record that it sees: what compiles
 * gives an error or a value of JSON, the same each time, and expr_test() agrees. */
#include "base/buf.h"
#include "base/expr/expr.h"
#include "base/limits.h"
#include "base/record/scan.h"

#include <stdlib.h>
#include <string.h>

enum { PRINTED_MAX = 128 * 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* The value as JSON that scan() accepts; false: an error. */
static bool value_written(const struct expr *expr, const struct value *values, struct buf *into)
{
	struct expr_scratch *scratch = expr_scratch_new();
	struct scanner *scanner = scanner_new(NULL);
	struct scan_mistake mistake;
	struct value result, none;
	struct err err = {0};
	bool yes = false, good = expr_eval(expr, values, scratch, &result, &err) == 0;
	int rc;

	must(good == (err.code == ERR_NONE));
	if (good) {
		must(value_print(&result, into) == 0);
		/* a field's value may be as deep as a record */
		must(scan(scanner, into->data, into->len, &none, &mistake) == 0);
		expr_scratch_clear(scratch);
		rc = expr_test(expr, values, scratch, &yes, &err);
		must((rc == 0) == (result.kind <= VALUE_TRUE));
		must(rc != 0 || yes == (result.kind == VALUE_TRUE));
	}
	scanner_free(scanner);
	expr_scratch_free(scratch);
	return good;
}

static void evaluated(const struct expr *expr, const struct fields *fields, const char *record,
		      size_t len)
{
	struct buf first = BUF(PRINTED_MAX), second = BUF(PRINTED_MAX);
	struct value *values = calloc(MAX(fields->count, 1), sizeof(*values));
	struct scanner *scanner = scanner_new(fields);
	struct scan_mistake mistake;

	if (scan(scanner, record, len, values, &mistake) == 0) {
		bool good = value_written(expr, values, &first);

		must(good == value_written(expr, values, &second));
		must(first.len == second.len);
		must(first.len == 0 || memcmp(first.data, second.data, first.len) == 0);
	}
	scanner_free(scanner);
	free(values);
	buf_done(&first);
	buf_done(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *line = memchr(text, '\n', size);
	size_t len = line ? (size_t)(line - text) : size;
	char *source = strndup(text, len);
	struct expr_mistake mistake;
	struct fields fields;
	struct expr *expr;
	struct err err = {0};

	fields_init(&fields);
	if (expr_compile(source, &fields, &expr, &mistake, &err)) {
		must(err.code == ERR_INVALID_SPEC || err.code == ERR_LIMIT);
		must(mistake.offset <= strlen(source) && mistake.detail[0]);
	} else {
		evaluated(expr, &fields, line ? line + 1 : "{}", line ? size - len - 1 : 2);
		expr_free(expr);
	}
	fields_done(&fields);
	free(source);
	return 0;
}
