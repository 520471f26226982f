/* SPDX-License-Identifier: MIT */
/* date_match.c - a text against one format of the strptime kind.
 *
 *	%Y %y %m %d %H %I %M %S   numbers     %b %B   a month's name, long or short
 *	%f   fraction ".123"      %p   AM, PM  %a %A   a weekday, whichever
 *	%z %Z   a zone            %s   seconds since 1970      %%   a percent sign
 *	[…]   may be absent       a blank: any whitespace, or none before a letter or digit
 *
 * A format has at most DATE_FORMAT_BYTES_MAX bytes, so that what may be absent is tried
 * both ways by recursion.
 */
#include "handlers/scrape/locale.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <time.h>

struct matching {
	const char *end;
	enum locale locale;
};

static const char *format_match(const struct matching *matching, const char *format,
				const char *text, struct date *date);

/* ---- words ---- */

static const char *const months[LOCALES][12] = {
	[LOCALE_EN] = {"january", "february", "march", "april", "may", "june", "july", "august",
		       "september", "october", "november", "december"},
	[LOCALE_DE] = {"januar", "februar", "märz", "april", "mai", "juni", "juli", "august",
		       "september", "oktober", "november", "dezember"},
	[LOCALE_ES] = {"enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto",
		       "septiembre", "octubre", "noviembre", "diciembre"},
	[LOCALE_FR] = {"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août",
		       "septembre", "octobre", "novembre", "décembre"},
	[LOCALE_IT] = {"gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio",
		       "agosto", "settembre", "ottobre", "novembre", "dicembre"},
	[LOCALE_NL] = {"januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus",
		       "september", "oktober", "november", "december"},
	[LOCALE_PT] = {"janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto",
		       "setembro", "outubro", "novembro", "dezembro"},
};

static size_t word_len(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && (isalpha((unsigned char)text[n]) || (unsigned char)text[n] >= 0x80))
		n++;
	return n;
}

/* The names of each language whose first letters `word` is, at least three of them. */
static unsigned month_named(const char *const *names, const char *word, size_t len)
{
	unsigned found = 0;

	for (unsigned i = 0; names[0] && i < 12; i++) {
		if (len > strlen(names[i]) || strncasecmp(names[i], word, len) != 0)
			continue;
		if (len == strlen(names[i]))
			return i + 1;
		if (found)
			return 0; /* French "jui" is two */
		found = i + 1;
	}
	return found;
}

unsigned month_find(const char *text, size_t len, enum locale locale, size_t *ret_len)
{
	size_t word = word_len(text, len);
	unsigned month = 0;

	*ret_len = word;
	if (word < 3)
		return 0;
	if (locale == LOCALE_DE_CH)
		locale = LOCALE_DE;
	if (locale != LOCALE_NONE)
		month = month_named(months[locale], text, word);
	if (!month) /* English stands on pages of all languages */
		month = month_named(months[LOCALE_EN], text, word);
	if (!month && word == 4 && strncasecmp(text, "sept", 4) == 0)
		month = 9;
	return month;
}

/* ---- zones: RFC 5322 section 4.3, and Europe's ---- */

static const struct zone {
	const char *name;
	int minutes;
} zones[] = {
	{"Z", 0},      {"UTC", 0},    {"GMT", 0},    {"UT", 0},	    {"EST", -300}, {"EDT", -240},
	{"CST", -360}, {"CDT", -300}, {"MST", -420}, {"MDT", -360}, {"PST", -480}, {"PDT", -420},
	{"WET", 0},    {"WEST", 60},  {"CET", 60},   {"CEST", 120}, {"EET", 120},  {"EEST", 180},
};

static const char *number_take(const char *text, const char *end, unsigned digits_min,
			       unsigned digits_max, int *ret)
{
	unsigned digits = 0;

	*ret = 0;
	while (digits < digits_max && text < end && isdigit((unsigned char)*text)) {
		*ret = *ret * 10 + (*text++ - '0');
		digits++;
	}
	return digits < digits_min ? NULL : text;
}

static const char *zone_take(const char *text, const char *end, int *ret_minutes)
{
	size_t word = word_len(text, (size_t)(end - text));
	int hours, minutes = 0, sign;

	if (text == end)
		return NULL;
	if (*text != '+' && *text != '-') {
		for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
			if (strlen(zones[i].name) != word ||
			    strncasecmp(zones[i].name, text, word) != 0)
				continue;
			*ret_minutes = zones[i].minutes;
			return text + word;
		}
		return NULL;
	}
	sign = *text == '-' ? -1 : 1;
	text = number_take(text + 1, end, 2, 2, &hours);
	if (text && text < end && (*text == ':' || isdigit((unsigned char)*text)))
		text = number_take(text + (*text == ':'), end, 2, 2, &minutes);
	*ret_minutes = sign * (hours * 60 + minutes);
	return text && hours < 24 && minutes < 60 ? text : NULL;
}

/* ---- directives ---- */

/* Digits behind the point; more than three are cut. */
static const char *fraction_take(const char *text, const char *end, int *ret_ms)
{
	int scale = 100;

	if (text == end || (*text != '.' && *text != ','))
		return NULL;
	*ret_ms = 0;
	for (text++; text < end && isdigit((unsigned char)*text); text++, scale /= 10)
		*ret_ms += (*text - '0') * scale;
	return text;
}

/* "5th", "1er", "1º": an ordinal's ending. */
static const char *ordinal_skip(const char *text, const char *end)
{
	static const char *const endings[] = {"st", "nd", "rd", "th", "er", "\xC2\xBA"};

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		size_t len = strlen(endings[i]);

		if ((size_t)(end - text) >= len && strncasecmp(text, endings[i], len) == 0 &&
		    ((size_t)(end - text) == len || !isalpha((unsigned char)text[len])))
			return text + len;
	}
	return text;
}

static const char *day_half_take(const char *text, const char *end, struct date *date)
{
	bool dots = end - text >= 4 && text[1] == '.' && text[3] == '.';

	if (end - text < 2 || tolower((unsigned char)text[dots ? 2 : 1]) != 'm')
		return NULL;
	date->afternoon = tolower((unsigned char)*text) == 'p';
	date->morning = tolower((unsigned char)*text) == 'a';
	return date->afternoon || date->morning ? text + (dots ? 4 : 2) : NULL;
}

static const char *epoch_take(const char *text, const char *end, struct date *date)
{
	time_t seconds = 0;
	unsigned digits = 0;
	struct tm tm;

	for (; text < end && isdigit((unsigned char)*text) && digits < 11; text++, digits++)
		seconds = seconds * 10 + (*text - '0');
	if (digits == 0 || !gmtime_r(&seconds, &tm))
		return NULL;
	date->year = tm.tm_year + 1900;
	date->month = tm.tm_mon + 1;
	date->day = tm.tm_mday;
	date->hour = tm.tm_hour;
	date->minute = tm.tm_min;
	date->second = tm.tm_sec;
	return text;
}

static const char *year_short_take(const char *text, const char *end, struct date *date)
{
	text = number_take(text, end, 2, 2, &date->year);
	date->year += date->year < 69 ? 2000 : 1900; /* POSIX strptime */
	return text;
}

static const char *month_take(const struct matching *matching, const char *text, struct date *date)
{
	size_t len;

	date->month = (int)month_find(text, (size_t)(matching->end - text), matching->locale, &len);
	if (!date->month)
		return NULL;
	text += len;
	return text < matching->end && *text == '.' ? text + 1 : text; /* "Mar." */
}

/* One directive; where it ends in the text, or NULL: it does not fit. */
static const char *directive_match(const struct matching *matching, char directive,
				   const char *text, struct date *date)
{
	const char *end = matching->end;

	switch (directive) {
	case 'Y':
		return number_take(text, end, 4, 4, &date->year);
	case 'y':
		return year_short_take(text, end, date);
	case 'm':
		return number_take(text, end, 1, 2, &date->month);
	case 'd':
	case 'e':
		text = number_take(text, end, 1, 2, &date->day);
		return text ? ordinal_skip(text, end) : NULL;
	case 'H':
	case 'I':
		return number_take(text, end, 1, 2, &date->hour);
	case 'M':
		return number_take(text, end, 2, 2, &date->minute);
	case 'S':
		return number_take(text, end, 2, 2, &date->second);
	case 'f':
		return fraction_take(text, end, &date->milliseconds);
	case 'p':
		return day_half_take(text, end, date);
	case 'b':
	case 'B':
		return month_take(matching, text, date);
	case 'a':
	case 'A':
		if (word_len(text, (size_t)(end - text)) < 2)
			return NULL;
		text += word_len(text, (size_t)(end - text));
		return text < end && *text == '.' ? text + 1 : text;
	case 'z':
	case 'Z':
		return zone_take(text, end, &date->offset_minutes);
	case 's':
		return epoch_take(text, end, date);
	default:
		return text < end && *text == directive ? text + 1 : NULL;
	}
}

bool date_format_check(const char *format, size_t *ret_offset)
{
	unsigned open = 0, groups = 0;

	for (const char *at = format; *at; at++) {
		*ret_offset = (size_t)(at - format);
		if (*at == '%' && (at[1] == '\0' || !strchr("YymdeHIMSfpbBaAzZs%[]", at[1])))
			return false;
		if (*at == '%')
			at++;
		else if (*at == '[' && (++open > 4 || ++groups > 8))
			return false;
		else if (*at == ']' && open-- == 0)
			return false;
	}
	*ret_offset = strlen(format);
	return open == 0 && *format && strlen(format) <= DATE_FORMAT_BYTES_MAX;
}

/* Behind the ']' that closes the group whose content begins here. */
static const char *group_skip(const char *format)
{
	unsigned open = 1;

	for (; *format && open; format++) {
		if (*format == '%' && format[1])
			format++;
		else if (*format == '[')
			open++;
		else if (*format == ']')
			open--;
	}
	return format;
}

/* With what may be absent, else without. */
static const char *group_match(const struct matching *matching, const char *format,
			       const char *text, struct date *date)
{
	struct date with = *date;
	const char *stop = format_match(matching, format, text, &with);

	if (stop) {
		*date = with;
		return stop;
	}
	return format_match(matching, group_skip(format), text, date);
}

static const char *blanks_match(const char *text, const char *end)
{
	while (text < end && (isspace((unsigned char)*text) ||
			      (end - text > 1 && memcmp(text, "\xC2\xA0", 2) == 0)))
		text += isspace((unsigned char)*text) ? 1 : 2;
	return text;
}

/* The rest of a format against the rest of the text, to the end of both. */
static const char *format_match(const struct matching *matching, const char *format,
				const char *text, struct date *date)
{
	for (; *format; format++) {
		if (*format == '[')
			return group_match(matching, format + 1, text, date);
		if (*format == ']')
			continue;
		if (*format == ' ') {
			text = blanks_match(text, matching->end);
			continue;
		}
		if (*format == '%')
			text = directive_match(matching, *++format, text, date);
		else if (text < matching->end &&
			 tolower((unsigned char)*text) == tolower((unsigned char)*format))
			text++;
		else
			return NULL;
		if (!text)
			return NULL;
	}
	return text == matching->end ? text : NULL;
}

bool date_match(const char *format, const char *text, size_t len, enum locale locale,
		struct date *ret_date)
{
	struct matching matching = {.end = text + len, .locale = locale};

	*ret_date = (struct date){.hour = -1, .day = 1, .month = 1};
	return format_match(&matching, format, text, ret_date) != NULL;
}
