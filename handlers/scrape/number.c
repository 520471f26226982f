/* SPDX-License-Identifier: MIT */
/* number.c - the first number in a text, whichever marks it has. */
#include "handlers/scrape/locale.h"

#include <ctype.h>
#include <string.h>

const char *const locale_names[] = {"en", "en-GB", "de", "de-CH", "es",
				    "fr", "it",	   "nl", "pt",	  NULL};

/* A run of digits and marks: where it stands, and which mark is the decimal one. */
struct digits {
	const char *start, *stop;
	const char *decimal; /* NULL: none */
};

enum mark { MARK_NONE, MARK_POINT, MARK_COMMA, MARK_GROUP };

static bool is_digit(const char *at, const char *end)
{
	return at < end && isdigit((unsigned char)*at);
}

/* The mark at `at`, and its width: a blank, an apostrophe and the narrow and ordinary
 * no-break spaces set groups of three apart. */
static enum mark mark_at(const char *at, const char *end, size_t *ret_width)
{
	static const char *const groups[] = {" ", "'", "\xE2\x80\x99", "\xC2\xA0", "\xE2\x80\xAF"};

	*ret_width = 1;
	if (*at == '.')
		return MARK_POINT;
	if (*at == ',')
		return MARK_COMMA;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		size_t width = strlen(groups[i]);
		const char *next = at + width;

		if ((size_t)(end - at) <= width || memcmp(at, groups[i], width) != 0)
			continue;
		*ret_width = width;
		if (is_digit(next, end) && is_digit(next + 1, end) && is_digit(next + 2, end) &&
		    !is_digit(next + 3, end))
			return MARK_GROUP;
	}
	return MARK_NONE;
}

static bool decimal_is_comma(enum locale locale)
{
	return locale == LOCALE_DE || locale == LOCALE_ES || locale == LOCALE_FR ||
	       locale == LOCALE_IT || locale == LOCALE_NL || locale == LOCALE_PT;
}

static void decimal_choose(struct digits *digits, enum locale locale, unsigned points,
			   unsigned commas, const char *last)
{
	if (locale != LOCALE_NONE) {
		char decimal = decimal_is_comma(locale) ? ',' : '.';

		if (last && *last == decimal && (decimal == ',' ? commas : points) == 1)
			digits->decimal = last;
		return;
	}
	if (!last || (*last == '.' ? points : commas) > 1)
		return; /* "1.234.567": thousands */
	if (*last == ',' && points == 0 && digits->stop - last == 4)
		return; /* "1,234": thousands */
	digits->decimal = last;
}

static bool digits_find(const char *text, size_t len, enum locale locale, struct digits *digits)
{
	const char *end = text + len, *last = NULL, *at = text;
	unsigned points = 0, commas = 0;
	size_t width;

	while (at < end && !is_digit(at, end))
		at++;
	*digits = (struct digits){.start = at};
	while (at < end) {
		enum mark mark;

		if (is_digit(at, end)) {
			at++;
			continue;
		}
		mark = mark_at(at, end, &width);
		if (mark == MARK_NONE || !is_digit(at + width, end))
			break;
		if (mark != MARK_GROUP)
			last = at;
		points += mark == MARK_POINT;
		commas += mark == MARK_COMMA;
		at += width;
	}
	digits->stop = at;
	decimal_choose(digits, locale, points, commas, last);
	return digits->start < end;
}

/* A minus that belongs to the number: not the hyphen of "A4-80". */
static bool is_negative(const char *text, const char *start)
{
	if (start - text >= 3 && memcmp(start - 3, "\xE2\x88\x92", 3) == 0)
		return true; /* U+2212 */
	return start > text && start[-1] == '-' &&
	       (start - text == 1 || !isalnum((unsigned char)start[-2]));
}

/* "e5" behind the digits, as in 1.5e5; its length. */
static size_t exponent_at(const char *at, const char *end)
{
	const char *from = at;

	if (at == end || (*at != 'e' && *at != 'E'))
		return 0;
	at++;
	if (at < end && (*at == '-' || *at == '+'))
		at++;
	if (!is_digit(at, end))
		return 0;
	while (is_digit(at, end))
		at++;
	if (at < end && (isalnum((unsigned char)*at) || *at == '.'))
		return 0; /* a word: "4e2b" */
	return (size_t)(at - from);
}

size_t number_find(const char *text, size_t len, enum locale locale, char into[NUMBER_TEXT_MAX])
{
	const char *end = text + len, *at;
	struct digits digits;
	size_t n = 0, first, exponent;

	if (!digits_find(text, len, locale, &digits))
		return 0;
	if (is_negative(text, digits.start))
		into[n++] = '-';
	first = n;
	for (at = digits.start; at < digits.stop && n + 1 < NUMBER_TEXT_MAX; at++) {
		bool digit = isdigit((unsigned char)*at);

		if (digit && n == first + 1 && into[first] == '0')
			n = first; /* JSON has no leading zeros */
		if (digit || at == digits.decimal)
			into[n++] = digit ? *at : '.';
	}
	exponent = exponent_at(digits.stop, end);
	if (at < digits.stop || n + exponent >= NUMBER_TEXT_MAX)
		return 0;
	memcpy(into + n, digits.stop, exponent);
	n += exponent;
	into[n] = '\0';
	return n;
}
