/* SPDX-License-Identifier: MIT */
/* seeds.h - where a crawl begins, besides `urls`. */
#ifndef HANDLERS_SCRAPE_SEEDS_H
#define HANDLERS_SCRAPE_SEEDS_H

#include "base/id.h"
#include "base/mistakes.h"
#include "base/spec.h"

struct planner;

/* Whose results have URLs, and where in an item. */
struct urls_from {
	struct id job;
	const char *field; /* NULL: nobody's */
};

/* Sitemaps, serialised. */
struct map_list {
	const char **urls;
	size_t count;
};

/* crawl_maps.c */
int maps_read(const struct json *spec, struct arena *arena, struct map_list *ret,
	      struct mistakes *mistakes);

/* crawl_from.c */
extern const struct param from_params[];
void from_read(const struct json *spec, struct urls_from *ret, struct planner *planner);

#endif
