/* SPDX-License-Identifier: MIT */
/* routes.c - the table, sorted by how many segments a pattern has.
 *
 * A path is compared with the patterns of its own length only, about ten, and if none of
 * them matches with those for any length; literal segments are compared before parameters,
 * so the order of the table is free.
 */
#include "service/http/routes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct segment {
	const char *text;
	size_t len;
	bool param;
};

struct entry {
	const struct route *route;
	struct segment segments[ROUTE_SEGMENTS_MAX];
	unsigned count, params;
	bool rest; /* the last one stands for all that follow */
};

struct routes {
	const struct route *table;
	size_t count;
	unsigned first[ROUTE_SEGMENTS_MAX + 2]; /* where entries of that length begin */
	struct entry entries[];
};

static int entry_cut(struct entry *entry, const struct route *route, struct err *err)
{
	const char *at = route->pattern;

	entry->route = route;
	while (*at == '/' && at[1]) {
		struct segment *segment = &entry->segments[entry->count];

		if (entry->count == ROUTE_SEGMENTS_MAX)
			return err_set(err, ERR_INTERNAL, "route %s is too deep", route->pattern);
		segment->text = at + 1;
		segment->len = strcspn(segment->text, "/");
		segment->param = segment->text[0] == '{';
		entry->params += segment->param;
		entry->rest = segment->param && segment->len > strlen("{...}") &&
			      strncmp(segment->text + segment->len - 4, "...}", 4) == 0;
		entry->count++;
		at = segment->text + segment->len;
	}
	if (entry->params > ROUTE_PARAMS_MAX || !route->handle)
		return err_set(err, ERR_INTERNAL, "route %s is not usable", route->pattern);
	return 0;
}

/* By length; literal before parameter, at the first segment that differs. */
static int entry_compare(const void *left, const void *right)
{
	const struct entry *a = left;
	const struct entry *b = right;

	if (a->count != b->count)
		return a->count < b->count ? -1 : 1;
	for (unsigned i = 0; i < a->count; i++)
		if (a->segments[i].param != b->segments[i].param)
			return a->segments[i].param ? 1 : -1;
	return 0;
}

int routes_new(const struct route *table, struct routes **ret_routes, struct err *err)
{
	struct routes *routes;
	size_t count = 0;

	while (table[count].pattern)
		count++;
	routes = calloc(1, sizeof(*routes) + count * sizeof(routes->entries[0]));
	if (!routes)
		return err_set(err, ERR_NO_MEMORY, "routes");
	routes->table = table;
	routes->count = count;
	for (size_t i = 0; i < count; i++)
		if (entry_cut(&routes->entries[i], &table[i], err)) {
			free(routes);
			return -1;
		}
	qsort(routes->entries, count, sizeof(routes->entries[0]), entry_compare);
	for (size_t i = 0; i < count; i++)
		for (unsigned n = routes->entries[i].count + 1; n < ROUTE_SEGMENTS_MAX + 2; n++)
			routes->first[n] = (unsigned)i + 1;
	*ret_routes = routes;
	return 0;
}

void routes_free(struct routes *routes)
{
	free(routes);
}

size_t routes_count(const struct routes *routes)
{
	return routes->count;
}

size_t routes_index(const struct routes *routes, const struct route *route)
{
	return (size_t)(route - routes->table);
}

static bool entry_matches(const struct entry *entry, const struct path *path)
{
	if (entry->count != path->count && !(entry->rest && entry->count < path->count))
		return false;
	for (unsigned i = 0; i < entry->count; i++) {
		const struct segment *segment = &entry->segments[i];
		const char *text = path->segments[i];

		if (segment->param ? !*text
				   : strncmp(text, segment->text, segment->len) != 0 ||
					     text[segment->len] != '\0')
			return false;
	}
	return true;
}

static bool same_shape(const struct entry *a, const struct entry *b)
{
	return entry_compare(a, b) == 0;
}

/* Among the entries from `first` to before `end`: the best shape and its methods. */
static void entries_match(const struct routes *routes, unsigned first, unsigned end,
			  const struct path *path, enum method wanted, struct match *match)
{
	const struct entry *best = NULL;

	for (unsigned i = first; i < end; i++) {
		const struct entry *entry = &routes->entries[i];

		if ((best && !same_shape(best, entry)) || !entry_matches(entry, path))
			continue;
		best = entry;
		match->methods |= 1U << entry->route->method;
		if (entry->route->method == wanted)
			match->route = entry->route;
	}
}

void routes_match(const struct routes *routes, enum method method, const struct path *path,
		  struct match *ret_match)
{
	enum method wanted = method == METHOD_HEAD ? METHOD_GET : method;
	unsigned count = MIN(path->count, ROUTE_SEGMENTS_MAX);
	struct match match = {0};

	if (!path->too_deep && path->count == count)
		entries_match(routes, routes->first[count], routes->first[count + 1], path, wanted,
			      &match);
	if (!path->too_deep && match.methods == 0) /* those for any number of segments */
		entries_match(routes, 0, routes->first[count + 1], path, wanted, &match);
	if (match.methods & 1U << METHOD_GET)
		match.methods |= 1U << METHOD_HEAD;
	if (match.methods)
		match.methods |= 1U << METHOD_OPTIONS;
	if (path->trailing_slash && match.methods)
		match = (struct match){.without_trailing_slash = true};
	*ret_match = match;
}

int route_param(const struct route *route, const char *name)
{
	size_t len = strlen(name);
	const char *at = route->pattern;

	for (int i = 0; *at == '/'; i++) {
		at++;
		if (*at == '{' && strncmp(at + 1, name, len) == 0 &&
		    (at[len + 1] == '}' || strcmp(at + len + 1, "...}") == 0))
			return i;
		at += strcspn(at, "/");
	}
	return -1;
}

void methods_format(unsigned methods, struct buf *into)
{
	const char *between = "";

	for (unsigned m = 0; m < METHODS; m++) {
		if (!(methods & 1U << m))
			continue;
		buf_printf(into, "%s%s", between, method_name((enum method)m));
		between = ", ";
	}
}
