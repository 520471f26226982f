/* SPDX-License-Identifier: MIT */
/* xpath_words.c - the names in an expression (XPath 1.0, section 3.7).
 *
 * libxml2 looks functions and prefixes up when it evaluates them, which on most pages
 * may be never: a job would fail on its thousandth page. */
#include "handlers/html/xpath_inside.h"

#include "base/mistakes.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* The core library, the node types, and what may stand before a bracket otherwise. */
static const char *const callable[] = {
	"boolean",
	"ceiling",
	"comment",
	"concat",
	"contains",
	"count",
	"false",
	"floor",
	"id",
	"lang",
	"last",
	"local-name",
	"name",
	"namespace-uri",
	"node",
	"normalize-space",
	"not",
	"number",
	"position",
	"processing-instruction",
	"round",
	"starts-with",
	"string",
	"string-length",
	"substring",
	"substring-after",
	"substring-before",
	"sum",
	"text",
	"translate",
	"true",
	"and",
	"or",
	"div",
	"mod",
	NULL,
};

static bool is_name_byte(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.' ||
	       (unsigned char)c >= 0x80;
}

static size_t name_len(const char *at)
{
	size_t len = 0;

	while (is_name_byte(at[len]))
		len++;
	return len;
}

static bool wrong(struct xpath_mistake *mistake, size_t offset, const char *detail,
		  const char *name)
{
	mistake->offset = offset;
	snprintf(mistake->detail, sizeof(mistake->detail), "%s '%.60s'", detail, name);
	return false;
}

static bool is_callable(const char *name)
{
	for (size_t i = 0; callable[i]; i++)
		if (strcmp(callable[i], name) == 0)
			return true;
	return false;
}

static bool name_check(const char *text, const char *at, size_t len, struct xpath_mistake *mistake)
{
	const char *next = at + len, *nearest;
	char name[64];

	snprintf(name, sizeof(name), "%.*s", (int)(len < 63 ? len : 63), at);
	if (next[0] == ':' && next[1] != ':') {
		snprintf(mistake->hint, sizeof(mistake->hint), "*[name()=\"%.60s\"]", name);
		return wrong(mistake, (size_t)(at - text), "there are no prefixes such as", name);
	}
	while (isspace((unsigned char)*next))
		next++;
	if (*next != '(' || is_callable(name))
		return true;
	nearest = nearest_name(name, callable);
	snprintf(mistake->hint, sizeof(mistake->hint), "%s", nearest ? nearest : "");
	return wrong(mistake, (size_t)(at - text), "there is no function", name);
}

bool xpath_words_check(const char *text, struct xpath_mistake *ret_mistake)
{
	const char *at = text;

	while (*at) {
		size_t len = name_len(at);

		if (*at == '"' || *at == '\'') {
			const char *close = strchr(at + 1, *at);

			if (!close)
				return true; /* libxml2 says so better */
			at = close + 1;
		} else if (*at == '$') {
			return wrong(ret_mistake, (size_t)(at - text), "there are no variables",
				     at);
		} else if (len == 0) {
			at++;
		} else if (!isdigit((unsigned char)*at) &&
			   !name_check(text, at, len, ret_mistake)) {
			return false;
		} else {
			at += len;
			if (at[0] == ':' && at[1] == ':')
				at += 2; /* an axis */
		}
	}
	return true;
}
