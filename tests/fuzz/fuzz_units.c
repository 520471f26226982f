/* SPDX-License-Identifier: MIT */
/* fuzz_units.c - what a parser of units takes, its writer writes so that it reads the
 * same again; ids too. */
#include "base/id.h"
#include "base/units.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void quantity_try(const char *text, int (*parse)(const char *, int64_t *, struct err *),
			 void (*format)(int64_t, char *))
{
	char written[UNIT_TEXT_LEN + 1];
	int64_t value, again;
	struct err err;

	if (parse(text, &value, &err)) {
		must(err.code == ERR_INVALID_SPEC && err.detail[0]);
		return;
	}
	must(value >= 0);
	format(value, written);
	/* the parser takes 15 digits; what is larger is written, not read */
	if (strspn(written, "0123456789") <= 15)
		must(parse(written, &again, &err) == 0 && again == value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[128], written[INSTANT_TEXT_LEN + 1], id_text[ID_TEXT_LEN + 1];
	int64_t wall_ms, again;
	struct id id, id_again;
	struct err err;

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	quantity_try(text, duration_parse, duration_format);
	quantity_try(text, size_parse, size_format);
	if (instant_parse(text, &wall_ms, &err) == 0) {
		instant_format(wall_ms, written);
		must(instant_parse(written, &again, &err) == 0 && again == wall_ms);
	}
	if (id_parse(text, &id) == 0) {
		id_format(&id, id_text);
		must(id_parse(id_text, &id_again) == 0 && id_equal(&id, &id_again));
	}
	return 0;
}
