/* SPDX-License-Identifier: MIT */
/* csv_fields.c - fields of CSV and the values of their texts.  reader_csv.c has a faster way
 * for rows without quotes and mistakes; whatever is odd comes here. */
#include "handlers/input/csv_fields.h"

#include "base/date.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* The first delimiter, line end or quote from `at` on; end: there is none. */
static const char *special_find(const struct format *format, const char *at, const char *end)
{
	const char quote = format->quotes ? format->quote : '\n';

#ifdef __SSE2__
	const __m128i delimiters = _mm_set1_epi8(format->delimiter);
	const __m128i feeds = _mm_set1_epi8('\n'), quotes = _mm_set1_epi8(quote);

	for (; end - at >= 16; at += 16) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
		__m128i special = _mm_or_si128(
			_mm_cmpeq_epi8(bytes, delimiters),
			_mm_or_si128(_mm_cmpeq_epi8(bytes, feeds), _mm_cmpeq_epi8(bytes, quotes)));
		int mask = _mm_movemask_epi8(special);

		if (mask)
			return at + __builtin_ctz((unsigned)mask);
	}
#endif
	while (at < end && *at != format->delimiter && *at != '\n' && *at != quote)
		at++;
	return at;
}

static void mistake_note(struct csv_mistake *mistake, const char *at, const char *fmt, ...)
	PRINTF(3, 4);
static void mistake_note(struct csv_mistake *mistake, const char *at, const char *fmt, ...)
{
	va_list args;

	if (mistake->at)
		return;
	mistake->at = at;
	va_start(args, fmt);
	vsnprintf(mistake->detail, sizeof(mistake->detail), fmt, args);
	va_end(args);
}

/* From inside a field, without quotes, to its end. */
static enum csv_after plain_end(const struct format *format, const struct block *block,
				const char **at, struct csv_mistake *mistake)
{
	const char *special = special_find(format, *at, block->end);

	while (special < block->end && *special != format->delimiter && *special != '\n') {
		mistake_note(mistake, special, "a quote in a field that does not begin with one");
		special = special_find(format, special + 1, block->end);
	}
	*at = special;
	if (special == block->end)
		return block->last ? CSV_LAST : CSV_OPEN;
	return *special == '\n' ? CSV_LAST : CSV_MORE;
}

/* From behind a closing quote. */
static enum csv_after quoted_end(const struct format *format, const struct block *block,
				 const char **at, struct csv_mistake *mistake)
{
	const char *behind = *at;
	unsigned char found;

	if (behind < block->end && *behind == format->delimiter)
		return CSV_MORE;
	if (csv_blank(behind, block->end))
		return CSV_LAST;
	if (behind + 1 >= block->end && !block->last)
		return CSV_OPEN;
	if (behind == block->end)
		return CSV_LAST;
	found = (unsigned char)*behind;
	mistake_note(mistake, behind,
		     found > ' ' && found < 0x7F
			     ? "expected the delimiter or the line end behind a quote, not '%c'"
			     : "expected the delimiter or the line end behind a quote, not byte "
			       "0x%02X",
		     found);
	return plain_end(format, block, at, mistake);
}

static enum csv_after quoted_next(const struct format *format, const struct block *block,
				  const char **at, struct csv_field *ret_field,
				  struct csv_mistake *mistake)
{
	const char *open = *at, *quote = open + 1;

	ret_field->at = quote;
	for (;; quote += 2) {
		quote = quote < block->end
				? memchr(quote, format->quote, (size_t)(block->end - quote))
				: NULL;
		if (!quote && !block->last)
			return CSV_OPEN;
		if (!quote) {
			mistake_note(mistake, open, "the quote that opens here is never closed");
			ret_field->len = (size_t)(block->end - ret_field->at);
			*at = block->end;
			return CSV_LAST;
		}
		if (quote + 1 >= block->end || quote[1] != format->quote)
			break;
		ret_field->doubled = true;
	}
	ret_field->len = (size_t)(quote - ret_field->at);
	*at = quote + 1;
	return quoted_end(format, block, at, mistake);
}

enum csv_after csv_field_next(const struct format *format, const struct block *block,
			      const char **at, struct csv_field *ret_field,
			      struct csv_mistake *mistake)
{
	const char *start = *at;
	enum csv_after after;

	*ret_field = (struct csv_field){.at = start};
	if (format->quotes && start < block->end && *start == format->quote) {
		after = quoted_next(format, block, at, ret_field, mistake);
	} else {
		after = plain_end(format, block, at, mistake);
		ret_field->len = (size_t)(*at - start);
		if (after == CSV_LAST && *at<block->end && * at> start && (*at)[-1] == '\r')
			ret_field->len--;
	}
	if (after == CSV_MORE)
		*at += 1;
	else if (after == CSV_LAST)
		*at = csv_blank(*at, block->end) ? csv_blank(*at, block->end) : *at;
	return after;
}

size_t csv_field_text(const struct format *format, const struct csv_field *field, char *into)
{
	const char *at = field->at, *end = at + field->len, *quote;
	char *start = into;

	while ((quote = memchr(at, format->quote, (size_t)(end - at)))) {
		memcpy(into, at, (size_t)(quote + 1 - at));
		into += quote + 1 - at;
		at = quote + 2;
	}
	memcpy(into, at, (size_t)(end - at));
	return (size_t)(into - start) + (size_t)(end - at);
}

/* ---- values ---- */

bool csv_is_null(const struct format *format, enum column_type type, const char *text, size_t len)
{
	if (!format->said_nulls)
		return len == 0 && type != COLUMN_STRING;
	for (size_t i = 0; i < format->null_count; i++)
		if (format->nulls[i].len == len && memcmp(format->nulls[i].text, text, len) == 0)
			return true;
	return false;
}

static bool integer_value(const char *text, size_t len, struct value *ret_value)
{
	if (!value_number_parse(text, len, ret_value))
		return false;
	if (ret_value->kind == VALUE_INT)
		return true;
	for (size_t i = *ret_value->at == '-'; i < ret_value->len; i++)
		if (ret_value->at[i] < '0' || ret_value->at[i] > '9')
			return false;
	return ret_value->kind == VALUE_BIG; /* else it is -0 */
}

static bool truth_value(const char *text, size_t len, struct value *ret_value)
{
	bool yes = len == 4 && strncasecmp(text, "true", 4) == 0;

	*ret_value = (struct value){.kind = yes ? VALUE_TRUE : VALUE_FALSE};
	return yes || (len == 5 && strncasecmp(text, "false", 5) == 0);
}

static void text_value(const char *text, size_t len, struct value *ret_value)
{
	*ret_value =
		(struct value){.kind = VALUE_TEXT, .form = TEXT_DECODED, .at = text, .len = len};
}

/* Only what prints as it stands is a number: neither "007" nor "+1" nor " 1". */
static bool number_inferred(const char *text, size_t len, struct value *ret_value)
{
	*ret_value = (struct value){0};
	return (*text == '-' || (*text >= '0' && *text <= '9')) &&
	       value_number_scan(text, text + len, ret_value) == text + len;
}

bool csv_value(const struct format *format, enum column_type type, const char *text, size_t len,
	       struct value *ret_value)
{
	struct moment moment;

	if (csv_is_null(format, type, text, len)) {
		*ret_value = (struct value){.kind = VALUE_NULL};
		return true;
	}
	switch (type) {
	case COLUMN_NUMBER:
		return value_number_parse(text, len, ret_value);
	case COLUMN_INTEGER:
		return integer_value(text, len, ret_value);
	case COLUMN_BOOLEAN:
		return truth_value(text, len, ret_value);
	case COLUMN_DATE:
		text_value(text, len, ret_value);
		return moment_parse(text, len, &moment);
	case COLUMN_INFER:
		if (len > 0 &&
		    (number_inferred(text, len, ret_value) || truth_value(text, len, ret_value)))
			return true;
		break;
	default:
		break;
	}
	text_value(text, len, ret_value);
	return true;
}

const char *column_type_words(enum column_type type)
{
	static const char *const words[] = {
		[COLUMN_STRING] = "a string",	 [COLUMN_NUMBER] = "a number",
		[COLUMN_INTEGER] = "an integer", [COLUMN_BOOLEAN] = "true or false",
		[COLUMN_DATE] = "a date",	 [COLUMN_JSON] = "JSON",
		[COLUMN_INFER] = "a value",
	};

	return words[type];
}
