/* SPDX-License-Identifier: MIT */
/* expr_cases.c - each case compiled, scanned, evaluated and printed. */
#include "tests/lib/expr_cases.h"

#include "base/buf.h"
#include "base/expr/expr.h"
#include "base/record/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FIELDS_MAX = 16, PRINTED_MAX = 1024 * 1024 };

/* The record's values; the scanner is given back at once, since they point into the text. */
static void record_read(const struct expr_case *one, const struct fields *fields,
			struct value *values)
{
	const char *record = one->record ? one->record : "{}";
	struct scanner *scanner = scanner_new(fields);
	struct scan_mistake mistake;

	assert_non_null(scanner);
	assert_in_range(fields->count, 0, FIELDS_MAX);
	if (scan(scanner, record, strlen(record), values, &mistake))
		fail_msg("%s: %s", record, mistake.detail);
	scanner_free(scanner);
}

static void case_run(const struct expr_case *one, struct expr_scratch *scratch, struct buf *printed)
{
	struct value values[FIELDS_MAX], result;
	struct expr_mistake mistake;
	struct fields fields;
	struct expr *expr;
	struct err err = {0};

	fields_init(&fields);
	if (expr_compile(one->source, &fields, &expr, &mistake, &err))
		fail_msg("%s: at %zu: %s", one->source, mistake.offset, mistake.detail);
	record_read(one, &fields, values);
	buf_clear(printed);
	if (expr_eval(expr, values, scratch, &result, &err)) {
		if (err.code != one->code || !strstr(err.detail, one->result))
			fail_msg("%s: %s: %s", one->source, err_name(err.code), err.detail);
	} else {
		assert_int_equal(value_print(&result, printed), 0);
		if (one->code || strcmp(printed->data, one->result) != 0)
			fail_msg("%s: %s instead of %s", one->source, printed->data, one->result);
	}
	expr_scratch_clear(scratch);
	expr_free(expr);
	fields_done(&fields);
}

void expr_cases_run(const struct expr_case *cases, size_t count)
{
	struct expr_scratch *scratch = expr_scratch_new();
	struct buf printed = BUF(PRINTED_MAX);

	assert_non_null(scratch);
	for (size_t i = 0; i < count; i++)
		case_run(&cases[i], scratch, &printed);
	buf_done(&printed);
	expr_scratch_free(scratch);
}
