/* SPDX-License-Identifier: MIT */
/* robots.c - one pass over the lines finds out which groups are ours, a second one takes
 * their rules; matching is a walk over rules sorted by length.
 *
 * A group is one or more User-agent lines and the rules up to the next User-agent line
 * (RFC 9309, 2.1).  Other records never end a run of User-agent lines (2.2.4).
 *
 * Patterns and paths are brought into one form before they meet (2.2.2), see
 * normalise(); a '*' or '$' that is meant literally is %2A or %24 in both.
 */
#include "net/robots.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "net/url_encode.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { DELAY_S_MAX = 86400 };

struct rule {
	const char *pattern; /* normalised; '*' is any run, `anchored` was a final '$' */
	size_t len;
	size_t weight; /* octets, the '$' too */
	bool anchored, allow;
};

struct robots {
	/* Holds: taken and given up by any thread; what a thread did with the rules comes before
	 * it gives up its hold (acquire and release), so the last one may free them. */
	atomic_uint holds;
	struct arena arena;
	struct rule *rules; /* the heaviest first, allowing ones before others */
	size_t rule_count;
	const char **sitemaps;
	size_t sitemap_count;
	int64_t delay_ms;
};

struct text {
	const char *at;
	size_t len;
};

enum record { RECORD_AGENT, RECORD_ALLOW, RECORD_DISALLOW, RECORD_DELAY, RECORD_SITEMAP, RECORDS };

static const char *const record_names[RECORDS] = {
	[RECORD_AGENT] = "user-agent",	[RECORD_ALLOW] = "allow",
	[RECORD_DISALLOW] = "disallow", [RECORD_DELAY] = "crawl-delay",
	[RECORD_SITEMAP] = "sitemap",
};

/* How well a User-agent line names us: the octets of the token that agree. */
enum { NAMED_NOT = -1, NAMED_STAR = 0 };

static int named(struct text value, const char *agent, size_t agent_len);
static bool line_next(struct text *rest, enum record *ret_record, struct text *ret_value);
static int rules_read(struct robots *robots, struct text file, const char *agent, int level);
static void robots_sort(struct robots *robots);

/* RFC 9309, 2.2.1: letters, '-' and '_'. */
static size_t token_len(const char *text, size_t max)
{
	size_t len = 0;

	while (len < max && (((text[len] | 0x20) >= 'a' && (text[len] | 0x20) <= 'z') ||
			     text[len] == '-' || text[len] == '_'))
		len++;
	return len;
}

/* The part of the file that is read: without the byte order mark, up to the limit. */
static struct text file_of(const char *text, size_t len)
{
	struct text file = {text, len};

	if (file.len >= 3 && !memcmp(file.at, "\xEF\xBB\xBF", 3)) {
		file.at += 3;
		file.len -= 3;
	}
	if (file.len > ROBOTS_BYTES_MAX) {
		file.len = ROBOTS_BYTES_MAX;
		/* a line cut in two could forbid more than it says */
		while (file.len > 0 && file.at[file.len - 1] != '\n' &&
		       file.at[file.len - 1] != '\r')
			file.len--;
	}
	return file;
}

int robots_parse(const char *text, size_t len, const char *agent, struct robots **ret_robots,
		 struct err *err)
{
	struct text file = file_of(text, len), rest = file, value;
	size_t agent_len = token_len(agent, strlen(agent));
	struct robots *robots = robots_all(true);
	enum record record;
	int level = NAMED_NOT;

	if (!robots)
		return err_set(err, ERR_NO_MEMORY, "no memory for robots.txt");
	while (line_next(&rest, &record, &value))
		if (record == RECORD_AGENT)
			level = MAX(level, named(value, agent, agent_len));
	if (rules_read(robots, file, agent, level)) {
		robots_free(robots);
		return err_set(err, ERR_NO_MEMORY, "no memory for robots.txt");
	}
	robots_sort(robots);
	*ret_robots = robots;
	return 0;
}

struct robots *robots_all(bool allowed)
{
	struct robots *robots = malloc(sizeof(*robots));
	struct rule *rule;

	if (!robots)
		return NULL;
	/* patterns grow threefold at most, rules have a struct each */
	*robots = (struct robots){.arena = ARENA(64 * (size_t)ROBOTS_BYTES_MAX), .delay_ms = -1};
	atomic_init(&robots->holds, 1);
	if (allowed)
		return robots;
	rule = arena_alloc(&robots->arena, sizeof(*rule));
	if (!rule) {
		robots_free(robots);
		return NULL;
	}
	*rule = (struct rule){.pattern = "/", .len = 1, .weight = 1};
	robots->rules = rule;
	robots->rule_count = 1;
	return robots;
}

struct robots *robots_share(struct robots *robots)
{
	atomic_fetch_add(&robots->holds, 1);
	return robots;
}

void robots_free(struct robots *robots)
{
	if (!robots || atomic_fetch_sub(&robots->holds, 1) > 1)
		return;
	arena_done(&robots->arena);
	free(robots);
}

size_t robots_bytes(const struct robots *robots)
{
	return sizeof(*robots) + robots->arena.used;
}

void robots_token(const char *user_agent, char *ret_token)
{
	static const char compatible[] = "(compatible; ";
	size_t len = token_len(user_agent, ROBOTS_TOKEN_BYTES_MAX);
	const char *inner = strstr(user_agent, compatible);

	if (inner && len == 7 && !strncasecmp(user_agent, "mozilla", 7)) {
		user_agent = inner + sizeof(compatible) - 1;
		len = token_len(user_agent, ROBOTS_TOKEN_BYTES_MAX);
	}
	memcpy(ret_token, user_agent, len);
	ret_token[len] = '\0';
}

/* ---- lines ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct text trim(struct text text)
{
	for (; text.len > 0 && is_blank(text.at[0]); text.at++)
		text.len--;
	while (text.len > 0 && is_blank(text.at[text.len - 1]))
		text.len--;
	return text;
}

/* Takes one line off: CR, LF or both end it. */
static struct text line_take(struct text *rest)
{
	struct text line = {rest->at, 0};

	while (line.len < rest->len && line.at[line.len] != '\n' && line.at[line.len] != '\r')
		line.len++;
	rest->at += line.len;
	rest->len -= line.len;
	if (rest->len > 0) {
		rest->at++;
		rest->len--;
	}
	return line;
}

/* The next line that is a record known to us; false at the end. */
static bool line_next(struct text *rest, enum record *ret_record, struct text *ret_value)
{
	while (rest->len > 0) {
		struct text line = line_take(rest), key;
		const char *hash = memchr(line.at, '#', line.len), *colon;

		if (hash)
			line.len = (size_t)(hash - line.at);
		colon = memchr(line.at, ':', line.len);
		if (!colon)
			continue;
		key = trim((struct text){line.at, (size_t)(colon - line.at)});
		*ret_value =
			trim((struct text){colon + 1, line.len - (size_t)(colon + 1 - line.at)});
		for (enum record record = 0; record < RECORDS; record++)
			if (strlen(record_names[record]) == key.len &&
			    !strncasecmp(record_names[record], key.at, key.len)) {
				*ret_record = record;
				return true;
			}
	}
	return false;
}

static int named(struct text value, const char *agent, size_t agent_len)
{
	size_t len = token_len(value.at, value.len);

	if (value.len >= 1 && value.at[0] == '*' && (value.len == 1 || is_blank(value.at[1])))
		return NAMED_STAR;
	if (len == 0 || len > agent_len || strncasecmp(value.at, agent, len) != 0)
		return NAMED_NOT;
	if (len < agent_len && agent[len] != '-' && agent[len] != '_')
		return NAMED_NOT;
	return (int)len;
}

/* ---- rules ---- */

/* Octets that an URL may have encoded or not without meaning another resource: the
 * unreserved, and in a query those that RFC 3986, 3.4 allows there as they are. */
static bool is_decoded(unsigned char octet, bool query)
{
	if ((octet | 0x20) >= 'a' && (octet | 0x20) <= 'z')
		return true;
	if ((octet >= '0' && octet <= '9') || (octet && octet < 0x80 && strchr("-._~", octet)))
		return true;
	return query && octet && octet < 0x80 && strchr(":/?@", octet);
}

/* One spelling for what RFC 9309, 2.2.2 calls equal: beyond ASCII encoded, unreserved
 * decoded, %XX upper case.  A '$' is itself here, and a '*' when `literal`. */
static void normalise(struct buf *to, struct text from, bool literal)
{
	const char *at = from.at, *end = from.at + from.len;
	bool query = false;

	while (at < end) {
		bool encoded = percent_at(at, end);
		unsigned char octet = encoded ? percent_octet(at) : (unsigned char)*at;

		if (encoded ? !is_decoded(octet, query)
			    : url_in_set(*at, URL_SET_C0) || octet == ' ' || octet == '$' ||
				      (literal && octet == '*'))
			percent_add(to, octet);
		else
			buf_add_byte(to, (char)octet);
		query = query || (!encoded && octet == '?');
		at += encoded ? 3 : 1;
	}
}

static int rule_add(struct robots *robots, size_t *room, struct text value, bool allow)
{
	struct buf pattern = BUF(3 * value.len);
	struct rule rule = {.allow = allow};
	bool anchored = value.len > 0 && value.at[value.len - 1] == '$';

	if (value.len == 0)
		return 0; /* no rule */
	if (robots->rule_count == *room) {
		struct rule *more =
			arena_array(&robots->arena, *room ? *room * 2 : 16, sizeof(*more));

		if (!more)
			return -1;
		if (*room)
			memcpy(more, robots->rules, *room * sizeof(*more));
		robots->rules = more;
		*room = *room ? *room * 2 : 16;
	}
	normalise(&pattern, (struct text){value.at, value.len - anchored}, false);
	rule.anchored = anchored;
	rule.len = pattern.len;
	rule.weight = pattern.len + anchored;
	if (buf_ok(&pattern))
		rule.pattern = arena_copy(&robots->arena, buf_text(&pattern), pattern.len);
	buf_done(&pattern);
	if (!rule.pattern)
		return -1;
	robots->rules[robots->rule_count++] = rule;
	return 0;
}

/* "1.5" seconds; what is no number is no delay. */
static void delay_read(struct robots *robots, struct text value)
{
	char text[24], *end;
	double seconds;

	if (value.len == 0 || value.len >= sizeof(text))
		return;
	memcpy(text, value.at, value.len);
	text[value.len] = '\0';
	if (strspn(text, "0123456789.") != value.len)
		return;
	seconds = strtod(text, &end);
	if (end == text || *end != '\0')
		return;
	robots->delay_ms = MAX(robots->delay_ms, (int64_t)(MIN(seconds, DELAY_S_MAX) * 1000 + 0.5));
}

static int sitemap_add(struct robots *robots, struct text value)
{
	const char *copy;

	if (value.len == 0 || robots->sitemap_count == ROBOTS_SITEMAPS_MAX)
		return 0;
	if (!robots->sitemaps)
		robots->sitemaps = arena_array(&robots->arena, ROBOTS_SITEMAPS_MAX, sizeof(char *));
	copy = arena_copy(&robots->arena, value.at, value.len);
	if (!robots->sitemaps || !copy)
		return -1;
	robots->sitemaps[robots->sitemap_count++] = copy;
	return 0;
}

/* Takes the rules of all groups that a line of `level` names, and all sitemaps. */
static int rules_read(struct robots *robots, struct text file, const char *agent, int level)
{
	size_t agent_len = token_len(agent, strlen(agent)), room = 0;
	bool ours = false, heading = false; /* in a run of User-agent lines */
	enum record record;
	struct text value;
	int rc = 0;

	while (rc == 0 && line_next(&file, &record, &value)) {
		switch (record) {
		case RECORD_AGENT:
			if (!heading)
				ours = false;
			heading = true;
			if (level != NAMED_NOT && named(value, agent, agent_len) == level)
				ours = true;
			break;
		case RECORD_ALLOW:
		case RECORD_DISALLOW:
			heading = false;
			if (ours)
				rc = rule_add(robots, &room, value, record == RECORD_ALLOW);
			break;
		case RECORD_DELAY:
			if (ours)
				delay_read(robots, value);
			break;
		default:
			rc = sitemap_add(robots, value);
			break;
		}
	}
	return rc;
}

/* The longest match wins, allow wins ties (2.2.2): the first that matches decides. */
static int rule_compare(const void *a, const void *b)
{
	const struct rule *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight < y->weight ? 1 : -1;
	return (int)y->allow - (int)x->allow;
}

static void robots_sort(struct robots *robots)
{
	if (robots->rule_count > 1)
		qsort(robots->rules, robots->rule_count, sizeof(*robots->rules), rule_compare);
}

/* ---- matching ---- */

/* The pieces between '*' are found one after the other, each as early as can be: what
 * an earlier place leaves behind is never less, so nothing is tried twice. */
static bool rule_matches(const struct rule *rule, const char *at, size_t len)
{
	const char *end = at + len, *pattern = rule->pattern, *last = pattern + rule->len;
	bool first = true;

	for (;;) {
		const char *star = memchr(pattern, '*', (size_t)(last - pattern));
		size_t piece = (size_t)((star ? star : last) - pattern);

		if (piece > (size_t)(end - at))
			return false;
		if (!star && rule->anchored) {
			if (first && piece != (size_t)(end - at))
				return false;
			return !memcmp(end - piece, pattern, piece);
		}
		if (first) {
			if (memcmp(at, pattern, piece) != 0)
				return false;
		} else if (piece > 0) {
			at = memmem(at, (size_t)(end - at), pattern, piece);
			if (!at)
				return false;
		}
		if (!star)
			return true;
		at += piece;
		pattern = star + 1;
		first = false;
	}
}

bool robots_allowed(const struct robots *robots, const char *path, size_t len)
{
	struct buf normal = BUF(3 * len);
	bool allowed = true;

	/* its own file is always allowed (2.2.2) */
	if (robots->rule_count == 0 || (len == 11 && !memcmp(path, "/robots.txt", 11)))
		return true;
	normalise(&normal, (struct text){path, len}, true);
	if (!buf_ok(&normal))
		allowed = false;
	for (size_t i = 0; i < robots->rule_count && buf_ok(&normal); i++)
		if (rule_matches(&robots->rules[i], buf_text(&normal), normal.len)) {
			allowed = robots->rules[i].allow;
			break;
		}
	buf_done(&normal);
	return allowed;
}

int64_t robots_delay_ms(const struct robots *robots)
{
	return robots->delay_ms;
}

size_t robots_sitemaps(const struct robots *robots)
{
	return robots->sitemap_count;
}

const char *robots_sitemap(const struct robots *robots, size_t index)
{
	return index < robots->sitemap_count ? robots->sitemaps[index] : NULL;
}
