/* SPDX-License-Identifier: MIT */
/* set_cookie.c - the algorithm of section 5.6, and of each attribute.  Called by cookies.c. */
#include "net/set_cookie.h"

#include "base/compiler.h"
#include "base/limits.h"
#include "net/cookie_date.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static struct url_part trimmed(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return (struct url_part){at, (size_t)(end - at)};
}

static bool part_is(struct url_part part, const char *text)
{
	return part.len == strlen(text) && strncasecmp(part.at, text, part.len) == 0;
}

bool cookie_has_control(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return true;
	}
	return false;
}

/* 5.6.2: a sign and digits only.  What is too long for a number is beyond the limit anyway. */
static bool max_age_read(struct url_part value, int64_t now_wall_s, int64_t *ret_wall_s)
{
	bool negative = value.len > 0 && value.at[0] == '-';
	int64_t seconds = 0;

	if (value.len == (negative ? 1 : 0))
		return false;
	for (size_t i = negative; i < value.len; i++) {
		if (!isdigit((unsigned char)value.at[i]))
			return false;
		seconds = MIN(seconds * 10 + (value.at[i] - '0'), COOKIE_AGE_S_MAX);
	}
	*ret_wall_s = negative || seconds == 0 ? INT64_MIN : now_wall_s + seconds;
	return true;
}

/* 5.6.1 */
static bool expires_read(struct url_part value, int64_t now_wall_s, int64_t *ret_wall_s)
{
	int64_t date_s;

	if (cookie_date_parse(value.at, value.len, &date_s))
		return false;
	*ret_wall_s = MIN(date_s, now_wall_s + COOKIE_AGE_S_MAX);
	return true;
}

/* 5.6.7; a value that nobody knows is the default. */
static enum same_site same_site_read(struct url_part value)
{
	if (part_is(value, "None"))
		return SAME_SITE_NONE;
	if (part_is(value, "Strict"))
		return SAME_SITE_STRICT;
	return part_is(value, "Lax") ? SAME_SITE_LAX : SAME_SITE_DEFAULT;
}

/* Of one name the last counts; Max-Age wins over Expires wherever it stands. */
static void attribute_read(struct url_part name, struct url_part value, int64_t now_wall_s,
			   bool *have_max_age, struct set_cookie *cookie)
{
	int64_t when_s;

	if (part_is(name, "Expires")) {
		if (!*have_max_age && expires_read(value, now_wall_s, &when_s))
			cookie->expires_wall_s = when_s;
	} else if (part_is(name, "Max-Age")) {
		if (max_age_read(value, now_wall_s, &when_s)) {
			*have_max_age = true;
			cookie->expires_wall_s = when_s;
		}
	} else if (part_is(name, "Domain")) {
		size_t dot = value.len > 0 && value.at[0] == '.';

		cookie->domain = (struct url_part){value.at + dot, value.len - dot};
	} else if (part_is(name, "Path")) {
		bool usable = value.len > 0 && value.at[0] == '/';

		cookie->path = usable ? value : (struct url_part){0};
		cookie->path_said = true;
	} else if (part_is(name, "Secure")) {
		cookie->secure = true;
	} else if (part_is(name, "HttpOnly")) {
		cookie->http_only = true;
	} else if (part_is(name, "SameSite")) {
		cookie->same_site = same_site_read(value);
	}
}

static void attributes_read(const char *at, const char *end, int64_t now_wall_s,
			    struct set_cookie *cookie)
{
	bool have_max_age = false;

	while (at < end) {
		const char *start = at + 1; /* behind the ';' */
		const char *stop = memchr(start, ';', (size_t)(end - start));
		const char *equals;
		struct url_part name, value;

		at = stop = stop ? stop : end;
		equals = memchr(start, '=', (size_t)(stop - start));
		name = trimmed(start, equals ? equals : stop);
		value = trimmed(equals ? equals + 1 : stop, stop);
		if (value.len <= COOKIE_ATTRIBUTE_BYTES_MAX)
			attribute_read(name, value, now_wall_s, &have_max_age, cookie);
	}
}

int set_cookie_parse(const char *line, size_t len, int64_t now_wall_s, struct set_cookie *ret)
{
	const char *end = line + len;
	const char *stop = memchr(line, ';', len);
	const char *equals;

	if (cookie_has_control(line, len))
		return -1;
	stop = stop ? stop : end;
	equals = memchr(line, '=', (size_t)(stop - line));
	*ret = (struct set_cookie){
		.name = equals ? trimmed(line, equals) : (struct url_part){line, 0},
		.value = trimmed(equals ? equals + 1 : line, stop),
		.expires_wall_s = COOKIE_NEVER,
	};
	if (ret->name.len + ret->value.len > COOKIE_BYTES_MAX ||
	    ret->name.len + ret->value.len == 0)
		return -1;
	attributes_read(stop, end, now_wall_s, ret);
	return 0;
}
