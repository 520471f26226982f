/* SPDX-License-Identifier: MIT */
/* cache_rules.c - RFC 9111, for a cache that serves one client.
 *
 * Called by the cache's stage of a fetch.  s-maxage and proxy-revalidate are for shared
 * caches; Authorization needs no rule here, because answers are kept apart by the
 * credentials that they were asked with.  Section numbers are those of RFC 9111.
 */
#include "net/cache_rules.h"

#include "base/compiler.h"
#include "net/http_date.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum {
	DAY_S = 24 * 3600,
	DELTA_S_MAX = INT32_MAX, /* 1.2.2: what is larger is as good as for ever */
};

/* ---- heads ---- */

/* The next field at *at; false: there is none. */
static bool field_next(struct cache_head head, size_t *at, const char **ret_name,
		       const char **ret_value)
{
	if (*at >= head.len)
		return false;
	*ret_name = head.at + *at;
	*ret_value = *ret_name + strlen(*ret_name) + 1;
	*at = (size_t)(*ret_value - head.at) + strlen(*ret_value) + 1;
	return true;
}

/* The first value of a field; NULL: there is none. */
static const char *field_get(struct cache_head head, const char *wanted)
{
	const char *name, *value;
	size_t at = 0;

	while (field_next(head, &at, &name, &value))
		if (strcmp(name, wanted) == 0)
			return value;
	return NULL;
}

static void field_add(struct buf *into, const char *name, const char *value)
{
	buf_add(into, name, strlen(name) + 1);
	buf_add(into, value, strlen(value) + 1);
}

/* ---- lists ---- */

struct word {
	const char *at;
	size_t len;
};

static bool word_is(struct word word, const char *text)
{
	return word.len == strlen(text) && strncasecmp(word.at, text, word.len) == 0;
}

/* The next element of a list (RFC 9110, 5.6.1): a name and, behind '=', a value without its
 * quotes; ret_value->at NULL: none.  False: the end. */
static bool element_next(const char **at, struct word *ret_name, struct word *ret_value)
{
	const char *c = *at + strspn(*at, " \t,");

	ret_name->at = c;
	ret_name->len = strcspn(c, " \t,=");
	*ret_value = (struct word){0};
	if (*c == '\0')
		return false;
	c += ret_name->len;
	c += strspn(c, " \t");
	if (*c == '=') {
		c += 1 + strspn(c + 1, " \t");
		if (*c == '"') {
			ret_value->at = ++c;
			while (*c && *c != '"')
				c += *c == '\\' && c[1] ? 2 : 1;
			ret_value->len = (size_t)(c - ret_value->at);
		} else {
			ret_value->at = c;
			ret_value->len = strcspn(c, " \t,");
			c += ret_value->len;
		}
	}
	c += strcspn(c, ",");
	*at = c;
	return true;
}

/* Is the name in one of the lists that the fields of that name have? */
static bool lists_have(struct cache_head head, const char *list, const char *wanted)
{
	const char *name, *value;
	struct word word, rest;
	size_t at = 0;

	while (field_next(head, &at, &name, &value)) {
		if (strcmp(name, list) != 0)
			continue;
		while (element_next(&value, &word, &rest))
			if (word_is(word, wanted))
				return true;
	}
	return false;
}

/* ---- Cache-Control ---- */

enum { NOT_SAID = -1 };

struct control {
	bool no_store, no_cache, must_revalidate, must_understand, anyone, private;
	int64_t max_age_s, stale_if_error_s; /* NOT_SAID; what is malformed is 0 */
};

/* 1.2.2: digits; 4.2.1: what is none makes the answer stale. */
static int64_t delta_read(struct word word)
{
	int64_t seconds = 0;

	for (size_t i = 0; i < word.len; i++) {
		if (!isdigit((unsigned char)word.at[i]))
			return 0;
		seconds = MIN(seconds * 10 + (word.at[i] - '0'), DELTA_S_MAX);
	}
	return seconds;
}

static void directive_read(struct word name, struct word value, struct control *control)
{
	if (word_is(name, "no-store"))
		control->no_store = true;
	else if (word_is(name, "no-cache")) /* with field names too: 5.2.2.4 allows that */
		control->no_cache = true;
	else if (word_is(name, "must-revalidate"))
		control->must_revalidate = true;
	else if (word_is(name, "must-understand"))
		control->must_understand = true;
	else if (word_is(name, "public"))
		control->anyone = true;
	else if (word_is(name, "private"))
		control->private = true;
	else if (word_is(name, "max-age") && control->max_age_s == NOT_SAID)
		control->max_age_s = delta_read(value);
	else if (word_is(name, "stale-if-error") && control->stale_if_error_s == NOT_SAID)
		control->stale_if_error_s = delta_read(value);
}

static struct control control_read(struct cache_head head)
{
	struct control control = {.max_age_s = NOT_SAID, .stale_if_error_s = NOT_SAID};
	const char *name, *value;
	struct word word, rest;
	size_t at = 0;

	while (field_next(head, &at, &name, &value)) {
		if (strcmp(name, "cache-control") != 0)
			continue;
		while (element_next(&value, &word, &rest))
			directive_read(word, rest, &control);
	}
	return control;
}

/* ---- storing ---- */

/* RFC 9110, 15.1: heuristically cacheable; 206 is not, because we do not join ranges. */
static bool status_lasts(int status)
{
	static const int statuses[] = {200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501};

	for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
		if (statuses[i] == status)
			return true;
	return false;
}

/* Those that are stored when the origin says for how long. */
static bool status_known(int status)
{
	return status_lasts(status) || status == 302 || status == 303 || status == 307;
}

bool cache_storable(int status, struct cache_head head)
{
	struct control control = control_read(head);

	if (!status_known(status) || lists_have(head, "vary", "*"))
		return false;
	if (control.no_store && !control.must_understand) /* 5.2.2.3 */
		return false;
	return status_lasts(status) || control.anyone || control.private ||
	       control.max_age_s != NOT_SAID || field_get(head, "expires");
}

/* 3.1 and RFC 9110, 7.6.1: fields of the connection, and those that it names. */
static bool field_is_passing(struct cache_head head, const char *name)
{
	static const char *const passing[] = {
		"connection",
		"keep-alive",
		"proxy-connection",
		"proxy-authenticate",
		"proxy-authorization",
		"proxy-authentication-info",
		"te",
		"trailer",
		"transfer-encoding",
		"upgrade",
		"set-cookie",
		"set-cookie2",
	};

	for (size_t i = 0; i < ARRAY_LEN(passing); i++)
		if (strcmp(name, passing[i]) == 0)
			return true;
	return lists_have(head, "connection", name);
}

void cache_head_keep(struct cache_head head, struct buf *into)
{
	const char *name, *value;
	size_t at = 0;

	while (field_next(head, &at, &name, &value))
		if (!field_is_passing(head, name))
			field_add(into, name, value);
}

/* 3.2: what says how the stored body is encoded stays as it is. */
static bool field_is_of_body(const char *name)
{
	return strcmp(name, "content-length") == 0 || strcmp(name, "content-encoding") == 0 ||
	       strcmp(name, "content-type") == 0 || strcmp(name, "content-range") == 0;
}

void cache_head_merge(struct cache_head stored, struct cache_head news, struct buf *into)
{
	const char *name, *value;
	size_t at = 0;

	while (field_next(stored, &at, &name, &value))
		if (field_is_of_body(name) || field_is_passing(news, name) ||
		    !field_get(news, name))
			field_add(into, name, value);
	for (at = 0; field_next(news, &at, &name, &value);)
		if (!field_is_of_body(name) && !field_is_passing(news, name))
			field_add(into, name, value);
}

/* ---- freshness ---- */

static bool date_get(struct cache_head head, const char *name, int64_t now_wall_s,
		     int64_t *ret_wall_s)
{
	const char *value = field_get(head, name);

	return value && http_date_parse(value, now_wall_s, ret_wall_s) == 0;
}

/* Date, or when it came. */
static int64_t date_wall_s(const struct cache_facts *facts)
{
	int64_t date_s = facts->answered_wall_ms / 1000;

	date_get(facts->head, "date", date_s, &date_s);
	return date_s;
}

/* 4.2.2: a tenth of how long it had not changed, at most a day. */
static int64_t lifetime_guess_s(const struct cache_facts *facts, int64_t date_s)
{
	int64_t changed_s;

	if (!date_get(facts->head, "last-modified", date_s, &changed_s) || changed_s > date_s)
		return 0;
	return MIN((date_s - changed_s) / 10, DAY_S);
}

int64_t cache_lifetime_s(const struct cache_facts *facts)
{
	struct control control = control_read(facts->head);
	int64_t date_s = date_wall_s(facts), expires_s;

	if (control.max_age_s != NOT_SAID)
		return control.max_age_s;
	if (date_get(facts->head, "expires", date_s, &expires_s))
		return MAX(expires_s - date_s, 0);
	if (field_get(facts->head, "expires")) /* 5.3: no date is in the past */
		return 0;
	return status_lasts(facts->status) || control.anyone ? lifetime_guess_s(facts, date_s) : 0;
}

int64_t cache_age_s(const struct cache_facts *facts, int64_t now_wall_ms)
{
	const char *said = field_get(facts->head, "age");
	int64_t age_s = said ? delta_read((struct word){said, strcspn(said, " \t,")}) : 0;
	int64_t apparent_s = MAX(0, facts->answered_wall_ms / 1000 - date_wall_s(facts));
	int64_t delay_s = MAX(0, facts->answered_wall_ms - facts->asked_wall_ms) / 1000;
	int64_t resident_s = MAX(0, now_wall_ms - facts->answered_wall_ms) / 1000;

	return MAX(apparent_s, age_s + delay_s) + resident_s;
}

/* How long it has been stale; negative: it is fresh. */
static int64_t staleness_s(const struct cache_facts *facts, int64_t now_wall_ms)
{
	return cache_age_s(facts, now_wall_ms) - cache_lifetime_s(facts);
}

enum cache_verdict cache_judge(const struct cache_facts *facts, int64_t max_stale_s, bool refresh,
			       int64_t now_wall_ms)
{
	struct control control = control_read(facts->head);
	int64_t stale_s = staleness_s(facts, now_wall_ms);

	if (control.no_cache || refresh)
		return CACHE_ASK;
	if (stale_s < 0)
		return CACHE_FRESH;
	return !control.must_revalidate && stale_s < max_stale_s ? CACHE_STALE : CACHE_ASK;
}

bool cache_may_rescue(const struct cache_facts *facts, int64_t max_stale_s, int64_t now_wall_ms)
{
	struct control control = control_read(facts->head);

	return !control.no_cache && !control.must_revalidate &&
	       staleness_s(facts, now_wall_ms) < MAX(max_stale_s, control.stale_if_error_s);
}

/* ---- asking the origin ---- */

bool cache_has_validator(struct cache_head head)
{
	return field_get(head, "etag") || field_get(head, "last-modified");
}

bool cache_confirms(struct cache_head stored, struct cache_head news)
{
	const char *tag = field_get(news, "etag"), *old = field_get(stored, "etag");
	const char *changed = field_get(news, "last-modified");
	const char *before = field_get(stored, "last-modified");

	if (tag && strncmp(tag, "W/", 2) == 0) /* weak: whatever the other is */
		return old && strcmp(tag + 2, strncmp(old, "W/", 2) == 0 ? old + 2 : old) == 0;
	if (tag)
		return old && strcmp(tag, old) == 0;
	return !changed || (before && strcmp(changed, before) == 0);
}

/* ---- Vary ---- */

/* Fields that are the same for all who find the same entry. */
static bool field_is_settled(struct word name)
{
	return word_is(name, "accept-encoding") || word_is(name, "authorization") ||
	       word_is(name, "cookie");
}

bool cache_vary_keep(struct cache_head head, const struct cache_asked *asked, struct buf *into)
{
	const char *name, *value, *said;
	struct word word, rest;
	size_t at = 0;

	while (field_next(head, &at, &name, &value)) {
		if (strcmp(name, "vary") != 0)
			continue;
		while (element_next(&value, &word, &rest)) {
			size_t start = into->len;

			if (word_is(word, "*"))
				return false;
			if (field_is_settled(word))
				continue;
			buf_add(into, word.at, word.len);
			buf_add_byte(into, '\0');
			said = buf_ok(into) ? asked->field(asked->ctx, into->data + start) : NULL;
			buf_add_byte(into, said ? '+' : '-'); /* had it, had it not */
			buf_add(into, said ? said : "", said ? strlen(said) + 1 : 1);
		}
	}
	return true;
}

bool cache_vary_match(struct cache_head kept, const struct cache_asked *asked)
{
	const char *name, *value;
	size_t at = 0;

	while (field_next(kept, &at, &name, &value)) {
		const char *said = asked->field(asked->ctx, name);

		if (*value == '+' ? !said || strcmp(said, value + 1) != 0 : said != NULL)
			return false;
	}
	return true;
}
