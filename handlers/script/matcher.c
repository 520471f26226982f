/* SPDX-License-Identifier: MIT */
/* matcher.c - backtracking over a pattern: an item, what repeats it, then the rest. */
#include "handlers/script/matcher.h"

#include "handlers/script/vm.h"

#include <ctype.h>
#include <string.h>

enum { DEPTH_MAX = 200, STEPS_PER_CHARGE = 64 };

static const char *match(struct matcher *matcher, const char *at, const char *pattern);

static void step(struct matcher *matcher)
{
	if (++matcher->steps < STEPS_PER_CHARGE)
		return;
	vm_charge(matcher->L, matcher->steps);
	matcher->steps = 0;
}

/* ---- one character ---- */

/* Behind the item that begins at `pattern`: a character, a class or a set. */
static const char *item_end(const struct matcher *matcher, const char *pattern)
{
	if (*pattern == '%') {
		if (pattern + 1 == matcher->pattern_end)
			luaL_error(matcher->L, "malformed pattern (ends with '%%')");
		return pattern + 2;
	}
	if (*pattern != '[')
		return pattern + 1;
	pattern += 1 + (pattern + 1 < matcher->pattern_end && pattern[1] == '^');
	do { /* a ']' in the first place is a character */
		if (pattern >= matcher->pattern_end)
			luaL_error(matcher->L, "malformed pattern (missing ']')");
		pattern += *pattern == '%' && pattern + 1 < matcher->pattern_end ? 2 : 1;
	} while (pattern >= matcher->pattern_end || *pattern != ']');
	return pattern + 1;
}

static bool in_class(unsigned char c, unsigned char class)
{
	bool in;

	switch (tolower(class)) {
	case 'a':
		in = isalpha(c);
		break;
	case 'c':
		in = iscntrl(c);
		break;
	case 'd':
		in = isdigit(c);
		break;
	case 'g':
		in = isgraph(c);
		break;
	case 'l':
		in = islower(c);
		break;
	case 'p':
		in = ispunct(c);
		break;
	case 's':
		in = isspace(c);
		break;
	case 'u':
		in = isupper(c);
		break;
	case 'w':
		in = isalnum(c);
		break;
	case 'x':
		in = isxdigit(c);
		break;
	default:
		return class == c;
	}
	return isupper(class) ? !in : in;
}

/* From '[' to `close`, its ']'. */
static bool in_set(unsigned char c, const char *set, const char *close)
{
	bool in = set[1] != '^';

	for (set += in ? 1 : 2; set < close; set++) {
		if (*set == '%' && set + 1 < close) {
			if (in_class(c, (unsigned char)*++set))
				return in;
		} else if (set + 2 < close && set[1] == '-') {
			if ((unsigned char)set[0] <= c && c <= (unsigned char)set[2])
				return in;
			set += 2;
		} else if ((unsigned char)*set == c) {
			return in;
		}
	}
	return !in;
}

static bool item_matches(struct matcher *matcher, const char *at, const char *pattern,
			 const char *end)
{
	unsigned char c;

	step(matcher);
	if (at == matcher->text_end)
		return false;
	c = (unsigned char)*at;
	if (*pattern == '.')
		return true;
	if (*pattern == '%')
		return in_class(c, (unsigned char)pattern[1]);
	if (*pattern == '[') {
		matcher->steps += (unsigned)(end - pattern) / 8;
		return in_set(c, pattern, end - 1);
	}
	return (unsigned char)*pattern == c;
}

/* ---- captures ---- */

static const char *capture_begin(struct matcher *matcher, const char *at, const char *pattern,
				 ptrdiff_t len)
{
	const char *end;

	if (matcher->count == CAPTURES_MAX)
		luaL_error(matcher->L, "too many captures");
	matcher->captures[matcher->count++] = (struct capture){at, len};
	end = match(matcher, at, pattern);
	matcher->count -= !end;
	return end;
}

static const char *capture_end(struct matcher *matcher, const char *at, const char *pattern)
{
	int i = matcher->count - 1;
	const char *end;

	while (i >= 0 && matcher->captures[i].len != CAPTURE_OPEN)
		i--;
	if (i < 0)
		luaL_error(matcher->L, "invalid pattern capture");
	matcher->captures[i].len = at - matcher->captures[i].start;
	end = match(matcher, at, pattern);
	if (!end)
		matcher->captures[i].len = CAPTURE_OPEN;
	return end;
}

/* %1 … %9: the same text again. */
static const char *capture_again(struct matcher *matcher, const char *at, char digit)
{
	int i = digit - '1';
	size_t len;

	if (i < 0 || i >= matcher->count || matcher->captures[i].len == CAPTURE_OPEN)
		luaL_error(matcher->L, "invalid capture index %%%d", i + 1);
	if (matcher->captures[i].len == CAPTURE_PLACE)
		return at;
	len = (size_t)matcher->captures[i].len;
	vm_charge(matcher->L, 1 + len / 16);
	if ((size_t)(matcher->text_end - at) < len ||
	    memcmp(matcher->captures[i].start, at, len) != 0)
		return NULL;
	return at + len;
}

/* ---- %b and %f ---- */

static const char *balance(struct matcher *matcher, const char *at, const char *pattern)
{
	int depth = 1;

	if (matcher->pattern_end - pattern < 2)
		luaL_error(matcher->L, "malformed pattern (missing arguments to '%%b')");
	if (at == matcher->text_end || *at != pattern[0])
		return NULL;
	while (++at < matcher->text_end) {
		step(matcher);
		if (*at == pattern[1]) {
			if (--depth == 0)
				return at + 1;
		} else if (*at == pattern[0]) {
			depth++;
		}
	}
	return NULL;
}

static bool at_frontier(struct matcher *matcher, const char *at, const char *set,
			const char *set_end)
{
	unsigned char before = at == matcher->text ? '\0' : (unsigned char)at[-1];
	unsigned char now = at == matcher->text_end ? '\0' : (unsigned char)*at;

	return !in_set(before, set, set_end - 1) && in_set(now, set, set_end - 1);
}

/* ---- repetitions ---- */

static const char *match_most(struct matcher *matcher, const char *at, const char *pattern,
			      const char *end)
{
	const char *last = at, *found;

	while (item_matches(matcher, last, pattern, end))
		last++;
	for (; last >= at; last--) {
		found = match(matcher, last, end + 1);
		if (found)
			return found;
	}
	return NULL;
}

static const char *match_fewest(struct matcher *matcher, const char *at, const char *pattern,
				const char *end)
{
	for (;; at++) {
		const char *found = match(matcher, at, end + 1);

		if (found)
			return found;
		if (!item_matches(matcher, at, pattern, end))
			return NULL;
	}
}

/* ---- the whole ---- */

/* An item with what repeats it; *ret_done: the rest was matched too. */
static const char *match_item(struct matcher *matcher, const char *at, const char **pattern,
			      bool *ret_done)
{
	const char *end = item_end(matcher, *pattern), *found;
	char repeat = end < matcher->pattern_end ? *end : '\0';
	bool one;

	*ret_done = true;
	if (repeat == '*')
		return match_most(matcher, at, *pattern, end);
	if (repeat == '-')
		return match_fewest(matcher, at, *pattern, end);
	one = item_matches(matcher, at, *pattern, end);
	if (repeat == '+')
		return one ? match_most(matcher, at + 1, *pattern, end) : NULL;
	if (repeat == '?' && one) {
		found = match(matcher, at + 1, end + 1);
		if (found)
			return found;
	}
	*ret_done = false;
	*pattern = repeat == '?' ? end + 1 : end;
	if (repeat == '?')
		return at;
	return one ? at + 1 : NULL;
}

/* What begins with '%' and is no class: %b, %f, %1.  *ret_is: it is one of them. */
static const char *match_special(struct matcher *matcher, const char *at, const char **pattern,
				 bool *ret_is)
{
	const char *set;
	char what = *pattern + 1 < matcher->pattern_end ? (*pattern)[1] : '\0';

	*ret_is = true;
	if (what == 'b') {
		at = balance(matcher, at, *pattern + 2);
		*pattern += 4;
		return at;
	}
	if (what == 'f') {
		set = *pattern + 2;
		if (set >= matcher->pattern_end || *set != '[')
			luaL_error(matcher->L, "missing '[' after '%%f' in pattern");
		*pattern = item_end(matcher, set);
		return at_frontier(matcher, at, set, *pattern) ? at : NULL;
	}
	if (isdigit((unsigned char)what)) {
		*pattern += 2;
		return capture_again(matcher, at, what);
	}
	*ret_is = false;
	return at;
}

static const char *match_on(struct matcher *matcher, const char *at, const char *pattern)
{
	bool done = false, special;

	while (at && !done && pattern < matcher->pattern_end) {
		step(matcher);
		if (*pattern == '(') {
			if (pattern + 1 < matcher->pattern_end && pattern[1] == ')')
				return capture_begin(matcher, at, pattern + 2, CAPTURE_PLACE);
			return capture_begin(matcher, at, pattern + 1, CAPTURE_OPEN);
		}
		if (*pattern == ')')
			return capture_end(matcher, at, pattern + 1);
		if (*pattern == '$' && pattern + 1 == matcher->pattern_end)
			return at == matcher->text_end ? at : NULL;
		if (*pattern == '%') {
			at = match_special(matcher, at, &pattern, &special);
			if (special)
				continue;
		}
		at = match_item(matcher, at, &pattern, &done);
	}
	return at;
}

static const char *match(struct matcher *matcher, const char *at, const char *pattern)
{
	if (++matcher->depth > DEPTH_MAX)
		luaL_error(matcher->L, "pattern too complex");
	at = match_on(matcher, at, pattern);
	matcher->depth--;
	return at;
}

void matcher_init(struct matcher *matcher, lua_State *L, const char *text, size_t len,
		  const char *pattern, size_t pattern_len)
{
	*matcher = (struct matcher){
		.L = L,
		.text = text,
		.text_end = text + len,
		.pattern_end = pattern + pattern_len,
	};
}

const char *matcher_try(struct matcher *matcher, const char *at, const char *pattern)
{
	matcher->count = 0;
	matcher->depth = 0;
	return match(matcher, at, pattern);
}

void matcher_push(struct matcher *matcher, int i, const char *start, const char *end)
{
	struct capture *capture = &matcher->captures[i];

	if (i == 0 && matcher->count == 0)
		lua_pushlstring(matcher->L, start, (size_t)(end - start));
	else if (i >= matcher->count)
		luaL_error(matcher->L, "invalid capture index %%%d", i + 1);
	else if (capture->len == CAPTURE_OPEN)
		luaL_error(matcher->L, "unfinished capture");
	else if (capture->len == CAPTURE_PLACE)
		lua_pushinteger(matcher->L, capture->start - matcher->text + 1);
	else
		lua_pushlstring(matcher->L, capture->start, (size_t)capture->len);
}

int matcher_push_all(struct matcher *matcher, const char *start, const char *end)
{
	int count = MAX(matcher->count, 1);

	luaL_checkstack(matcher->L, count, "too many captures");
	for (int i = 0; i < count; i++)
		matcher_push(matcher, i, start, end);
	return count;
}
