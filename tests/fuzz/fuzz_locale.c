/* SPDX-License-Identifier: MIT */
/* fuzz_locale.c - scrape/number and scrape/date: any text, any format, any language.
 *
 * The input: a byte for the language, a format up to the first line feed, then the text.
 * Numbers are JSON's, dates are instants or days that exist.
 */
#include "base/json.h"
#include "base/units.h"
#include "handlers/scrape/locale.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void date_judge(const char *date, size_t len)
{
	int64_t ms;
	struct err err;

	assert(len < DATE_TEXT_MAX && (len == 0 || len == 10 || len == 20 || len == 24));
	if (len > 10 && strncmp(date, "1970", 4) >= 0)
		assert(instant_parse(date, &ms, &err) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *line = size > 0 ? memchr(data + 1, '\n', size - 1) : NULL;
	char number[NUMBER_TEXT_MAX], date[DATE_TEXT_MAX] = "";
	struct json_place place;
	enum locale locale;
	struct err err;
	const char *text;
	char *format;
	size_t len, n, offset;

	if (!line)
		return 0;
	locale = (enum locale)(*data % LOCALES);
	text = (const char *)line + 1;
	len = size - (size_t)(line + 1 - data);
	n = number_find(text, len, locale, number);
	assert(n < NUMBER_TEXT_MAX);
	/* Beyond a double it is JSON, too, but our reader says so. */
	assert(n == 0 || json_check(number, n, &place, &err) == 0 || err.code == ERR_INVALID_SPEC);
	date_judge(date, date_find(text, len, locale, NULL, date));
	format = strndup((const char *)data + 1, (size_t)(line - data) - 1);
	if (format && date_format_check(format, &offset)) {
		const char *const formats[] = {format, NULL};

		date_judge(date, date_find(text, len, locale, formats, date));
	}
	free(format);
	return 0;
}
