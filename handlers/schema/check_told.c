/* SPDX-License-Identifier: MIT */
/* check_told.c - violations, each with the JSON pointer of its value. */
#include "handlers/schema/check.h"

static void name_print(const struct value *name, struct buf *scratch, struct buf *into)
{
	size_t len;
	const char *text;

	buf_clear(scratch);
	text = value_text(name, scratch, &len);
	for (size_t i = 0; text && i < len; i++) {
		if (text[i] == '~' || text[i] == '/')
			buf_add_text(into, text[i] == '~' ? "~0" : "~1");
		else
			buf_add_byte(into, text[i]);
	}
}

static void place_print(const struct checking *checking, const struct place *place)
{
	struct buf *report = &checking->scratch->report;

	if (!place->parent)
		return;
	place_print(checking, place->parent);
	buf_add_byte(report, '/');
	if (place->name)
		name_print(place->name, &checking->scratch->name, report);
	else
		buf_add_int(report, (int64_t)place->index);
}

bool violation(struct checking *checking, const struct place *place, const char *fmt, ...)
{
	struct buf *report = &checking->scratch->report;
	va_list args;

	if (checking->silent)
		return false;
	if (checking->violations++ > 0)
		buf_add_text(report, "; ");
	if (place->parent) {
		place_print(checking, place);
		buf_add_text(report, ": ");
	}
	va_start(args, fmt);
	buf_vprintf(report, fmt, args);
	va_end(args);
	return false;
}

bool check_stop(struct checking *checking, enum err_code code, const char *why)
{
	if (!checking->stopped)
		err_set(checking->err, code, "%s", why);
	checking->stopped = true;
	return false;
}
