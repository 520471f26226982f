/* SPDX-License-Identifier: MIT */
/* shape.c - what `format` asserts of a string (JSON Schema Validation 2020-12, section 7.3). */
#include "handlers/schema/node.h"

#include "base/date.h"
#include "base/limits.h"
#include "base/record/walk.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

const char *const shape_names[] = {"date-time", "date", "time", "email", "hostname",	 "ipv4",
				   "ipv6",	"uri",	"uuid", "regex", "json-pointer", NULL};

enum shape shape_by_name(const char *name)
{
	for (size_t i = 0; shape_names[i]; i++) {
		if (strcmp(shape_names[i], name) == 0)
			return (enum shape)(i + 1);
	}
	return SHAPE_NONE;
}

/* RFC 3339, section 5.6: with a time, and that with an offset. */
static bool is_date_time(const char *text, size_t len)
{
	struct moment moment;

	return moment_parse(text, len, &moment) && moment.timed && moment.zoned;
}

static bool is_date(const char *text, size_t len)
{
	struct moment moment;

	return moment_parse(text, len, &moment) && !moment.timed;
}

/* The same section's full-time, which is the end of a date-time. */
static bool is_time(const char *text, size_t len)
{
	char whole[64] = "2000-01-01T";
	size_t day = strlen(whole);

	if (len >= sizeof(whole) - day)
		return false;
	memcpy(whole + day, text, len);
	return is_date_time(whole, day + len);
}

/* RFC 1123, section 2.1: labels of letters, digits and inner hyphens. */
static bool is_hostname(const char *text, size_t len)
{
	size_t label = 0;

	if (len == 0 || len > 253)
		return false;
	for (size_t i = 0; i <= len; i++) {
		if (i < len && text[i] != '.') {
			if (!isalnum((unsigned char)text[i]) && text[i] != '-')
				return false;
			label++;
			continue;
		}
		if (label == 0 || label > 63 || text[i - 1] == '-' || text[i - label] == '-')
			return false;
		label = 0;
	}
	return true;
}

static bool is_address(int family, const char *text, size_t len)
{
	unsigned char octets[16];
	char copy[INET6_ADDRSTRLEN];

	if (len >= sizeof(copy) || memchr(text, '\0', len))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return inet_pton(family, copy, octets) == 1;
}

/* RFC 5321, section 4.1.2: a dot-string, and a name or an address in brackets. */
static bool is_email(const char *text, size_t len)
{
	const char *at = memrchr(text, '@', len), *end = text + len;
	size_t local = at ? (size_t)(at - text) : 0;

	if (local == 0 || local > 64 || text[0] == '.' || at[-1] == '.')
		return false;
	for (const char *c = text; c < at; c++) {
		if ((!isalnum((unsigned char)*c) && !strchr("!#$%&'*+-/=?^_`{|}~.", *c)) ||
		    *c == '\0' || (*c == '.' && c[1] == '.'))
			return false;
	}
	at++;
	if (end - at > 2 && *at == '[' && end[-1] == ']') {
		if (end - at > 7 && strncasecmp(at + 1, "IPv6:", 5) == 0)
			return is_address(AF_INET6, at + 6, (size_t)(end - at - 7));
		return is_address(AF_INET, at + 1, (size_t)(end - at - 2));
	}
	return is_hostname(at, (size_t)(end - at));
}

/* RFC 3986: a scheme, and only what a URI may have; `%` before two digits. */
static bool is_uri(const char *text, size_t len)
{
	size_t i = 0;

	if (len == 0 || !isalpha((unsigned char)text[0]))
		return false;
	while (i < len && (isalnum((unsigned char)text[i]) || strchr("+-.", text[i])))
		i++;
	if (i == len || text[i] != ':')
		return false;
	for (i++; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '%' && (len - i < 3 || !isxdigit((unsigned char)text[i + 1]) ||
				 !isxdigit((unsigned char)text[i + 2])))
			return false;
		if (c <= ' ' || c >= 0x7f || strchr("\"<>\\^`{|}", c))
			return false;
	}
	return true;
}

/* RFC 9562, section 4. */
static bool is_uuid(const char *text, size_t len)
{
	if (len != 36)
		return false;
	for (size_t i = 0; i < len; i++) {
		bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;

		if (hyphen ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
			return false;
	}
	return true;
}

static bool is_pointer(const char *text, size_t len)
{
	char copy[PATTERN_BYTES_MAX + 1];
	size_t wrong;

	if (len >= sizeof(copy) || memchr(text, '\0', len))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return pointer_check(copy, &wrong);
}

static bool is_regex(const char *text, size_t len)
{
	struct pattern_mistake mistake;
	struct pattern *pattern;
	char copy[PATTERN_BYTES_MAX + 1];
	struct err err;

	if (len >= sizeof(copy) || memchr(text, '\0', len))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (pattern_compile(copy, 0, &pattern, &mistake, &err))
		return false;
	pattern_free(pattern);
	return true;
}

bool shape_fits(enum shape shape, const char *text, size_t len)
{
	switch (shape) {
	case SHAPE_NONE:
		return true;
	case SHAPE_DATE_TIME:
		return is_date_time(text, len);
	case SHAPE_DATE:
		return is_date(text, len);
	case SHAPE_TIME:
		return is_time(text, len);
	case SHAPE_EMAIL:
		return is_email(text, len);
	case SHAPE_HOSTNAME:
		return is_hostname(text, len);
	case SHAPE_IPV4:
		return is_address(AF_INET, text, len);
	case SHAPE_IPV6:
		return is_address(AF_INET6, text, len);
	case SHAPE_URI:
		return is_uri(text, len);
	case SHAPE_UUID:
		return is_uuid(text, len);
	case SHAPE_REGEX:
		return is_regex(text, len);
	case SHAPE_JSON_POINTER:
		return is_pointer(text, len);
	}
	return false;
}
