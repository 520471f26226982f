/* SPDX-License-Identifier: MIT */
/* crawl_maps.c - `sitemaps`: seeds out of sitemaps, feeds and lists of URLs.
 *
 * They are fetched one after the other before the crawl, like any page (robots, breaker,
 * politeness); an index leads to others, SITEMAP_DEPTH_MAX deep and SITEMAP_FILES_MAX of
 * them in all.  Of a robots.txt its Sitemap lines are read.  One that fails is told in
 * the log; the crawl fails when it has no other seeds.  After a crash they are read
 * again, and what is known stays as it is.
 */
#include "handlers/scrape/crawl.h"

#include "base/limits.h"
#include "net/robots.h"
#include "net/sitemap.h"

#include <stdlib.h>
#include <string.h>

enum { MAP_TAG = 0 };

/* ---- the spec ---- */

int maps_read(const struct json *spec, struct arena *arena, struct map_list *ret,
	      struct mistakes *mistakes)
{
	const struct json *list = json_get(spec, "sitemaps"), *value;

	ret->urls = arena_array(arena, list ? json_count(list) : 0, sizeof(*ret->urls));
	if (!ret->urls)
		return -1;
	for (value = list ? json_first(list) : NULL; value; value = json_next(value)) {
		const char *text = json_text(value, "");
		struct url url;
		struct err err;

		if (url_parse(text, strlen(text), NULL, arena, &url, &err) ||
		    url_check_fetch(&url, &err))
			mistake_add(mistakes,
				    mistakes_pointer_index(mistakes, "/spec/sitemaps", ret->count),
				    "bad-url", "%s", err.detail);
		else
			ret->urls[ret->count] = url.href;
		ret->count++;
	}
	return 0;
}

/* ---- the list of files ---- */

struct map {
	char *url;
	int depth;
};

static int map_add(struct map_reader *maps, const char *url, int depth)
{
	if (depth > SITEMAP_DEPTH_MAX || maps->count >= SITEMAP_FILES_MAX)
		return 0;
	for (size_t i = 0; i < maps->count && maps->count < 1000; i++)
		if (strcmp(maps->list[i].url, url) == 0)
			return 0; /* beyond a thousand they are only counted */
	if (maps->count == maps->room) {
		size_t room = maps->room ? maps->room * 2 : 16;
		struct map *list = realloc(maps->list, room * sizeof(*list));

		if (!list)
			return -1;
		maps->list = list;
		maps->room = room;
	}
	maps->list[maps->count].url = strdup(url);
	maps->list[maps->count].depth = depth;
	maps->count += maps->list[maps->count].url != NULL;
	return 0;
}

void maps_done(struct map_reader *maps)
{
	for (size_t i = 0; i < maps->count; i++)
		free(maps->list[i].url);
	free(maps->list);
}

/* ---- one file ---- */

struct map_reading {
	struct crawl *crawl;
	struct url base;
	int depth;
};

static void entry_take(struct map_reading *reading, const char *text, size_t len, bool index)
{
	struct crawl *crawl = reading->crawl;
	const struct follow *follow = crawl->plan->follow;
	struct links *links = &crawl->lanes[0].links;
	struct url url;
	struct err err;

	if (!index)
		links_seed(links, text, len, &reading->base, follow && follow->strip_tracking);
	else if (url_parse(text, len, &reading->base, &links->arena, &url, &err) == 0 &&
		 url_check_fetch(&url, &err) == 0)
		map_add(&crawl->maps, url.href, reading->depth + 1);
}

static bool entry_found(void *ctx, const struct sitemap_entry *entry)
{
	entry_take(ctx, entry->url, entry->url_len, entry->index);
	return true;
}

static int robots_take(struct map_reading *reading, const struct fetch_result *result,
		       struct err *err)
{
	struct robots *robots;

	if (robots_parse(result->body, result->body_len, "*", &robots, err))
		return -1;
	for (size_t i = 0; i < robots_sitemaps(robots); i++)
		entry_take(reading, robots_sitemap(robots, i), strlen(robots_sitemap(robots, i)),
			   true);
	robots_free(robots);
	return 0;
}

static int sitemap_take(struct map_reading *reading, const struct fetch_result *result,
			struct err *err)
{
	struct sitemap *sitemap = sitemap_new(entry_found, reading, err);
	int rc = -1;

	if (sitemap && sitemap_push(sitemap, result->body, result->body_len, err) == 0)
		rc = sitemap_end(sitemap, err);
	sitemap_free(sitemap);
	return rc;
}

static bool is_robots(const struct url *url)
{
	return url->path.len == strlen("/robots.txt") &&
	       memcmp(url->path.at, "/robots.txt", url->path.len) == 0;
}

/* What the file has becomes seeds that are to be added, and files that are to be read. */
static int map_take(struct crawl *crawl, const struct fetch_result *result, int depth,
		    struct err *err)
{
	struct map_reading reading = {.crawl = crawl, .depth = depth};
	struct links *links = &crawl->lanes[0].links;

	links_clear(links);
	crawl->from.told = 0;
	if (result->err.code != ERR_NONE) {
		*err = result->err;
		return -1;
	}
	if (url_parse(result->final_url, strlen(result->final_url), NULL, &links->arena,
		      &reading.base, err))
		return -1;
	return is_robots(&reading.base) ? robots_take(&reading, result, err)
					: sitemap_take(&reading, result, err);
}

/* ---- steps ---- */

static void map_finish(struct run *run, struct crawl *crawl, struct fetch_result *result)
{
	struct map_reader *maps = &crawl->maps;
	const struct map *map = &maps->list[maps->next];
	struct err err;

	if (result->err.code != ERR_CANCELLED && map_take(crawl, result, map->depth, &err)) {
		run_log(run, LOG_WARN, "sitemap %s: %s: %s", maps->list[maps->next].url,
			err_name(err.code), err.detail);
		if (maps->failure.code == ERR_NONE)
			maps->failure = err;
	}
	maps->next += result->err.code != ERR_CANCELLED;
	maps->under_way = false;
	fetch_result_free(result);
}

static enum run_answer map_begin(struct run *run, struct crawl *crawl, unsigned lane)
{
	struct map_reader *maps = &crawl->maps;
	struct fetch_request request = crawl->plan->request;
	enum run_answer answer;
	struct err err;

	request.url = maps->list[maps->next].url;
	request.body_bytes_max = SITEMAP_BYTES_MAX;
	request.cookies = crawl->jar.cookies;
	/* Only those that the spec names see what is secret. */
	if (maps->list[maps->next].depth > 0)
		request.header_count = crawl->plan->headers_public;
	answer = run_fetch(run, lane, &request, MAP_TAG, &err);
	if (answer == RUN_ERROR) {
		run_log(run, LOG_WARN, "sitemap %s: %s", request.url, err.detail);
		maps->failure = err;
		maps->next++;
		return RUN_OK;
	}
	maps->under_way = answer == RUN_OK;
	return answer;
}

enum step maps_step(struct run *run, struct crawl *crawl, unsigned lane, struct err *err)
{
	struct map_reader *maps = &crawl->maps;
	struct completion completion;
	enum run_answer answer;
	struct run_left left;

	for (; maps->named < crawl->plan->maps.count; maps->named++)
		if (map_add(maps, crawl->plan->maps.urls[maps->named], 0)) {
			err_set(err, ERR_NO_MEMORY, "no memory for sitemaps");
			return STEP_FAIL;
		}
	answer = seeds_tell(run, crawl, lane, err);
	if (answer != RUN_OK)
		return answer == RUN_ERROR ? STEP_FAIL : STEP_WAIT;
	if (run_completion(run, lane, &completion)) {
		map_finish(run, crawl, completion.fetch);
		return STEP_MORE;
	}
	if (maps->under_way)
		return STEP_WAIT;
	if (maps->next < maps->count)
		return map_begin(run, crawl, lane) == RUN_OK ? STEP_MORE : STEP_WAIT;
	links_clear(&crawl->lanes[0].links);
	maps->over = true;
	run_left(run, &left);
	if (left.parts > 0 || crawl->plan->from.field || maps->failure.code == ERR_NONE)
		return STEP_DONE;
	*err = maps->failure;
	err_wrap(err, "sitemaps");
	return STEP_FAIL;
}
