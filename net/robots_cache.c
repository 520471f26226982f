/* SPDX-License-Identifier: MIT */
/* robots_cache.c - a hash table of files, with a ring from the one asked for longest ago
 * to the newest.
 *
 * Only the fetcher's thread changes a file, so it may read one without the lock; it
 * takes the lock to change one, and other threads take it to read.
 */
#include "net/robots_cache.h"

#include "base/limits.h"
#include "base/lock.h"
#include "net/cache_rules.h"
#include "net/pace.h"
#include "net/ring.h"
#include "net/robots.h"
#include "net/transfer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <xxhash.h>

enum { BUCKETS = 4096 };

struct robots_reading {
	char token[ROBOTS_TOKEN_BYTES_MAX + 1];
	struct robots *robots; /* NULL: a free place */
};

struct robots_file {
	struct robots_file *chain;
	struct ring place; /* in cache->used */
	uint64_t hash;
	size_t bytes; /* as counted in cache->bytes */
	bool insecure;

	void *load;
	char *text; /* NULL: never read; "": everything is allowed */
	size_t len;
	char *etag, *changed;
	bool missing;
	int64_t until_ms;  /* it holds, or nobody asks, until then */
	unsigned silences; /* in a row */
	enum err_code why; /* of the last of them … */
	char why_detail[80];
	int status;
	int64_t fetched_wall_ms;
	struct robots_reading tokens[ROBOTS_TOKENS_MAX];
	unsigned next_token; /* the place that is used next */
	char key[];
};

struct robots_cache {
	size_t origins_max, bytes_max;
	struct lock lock; /* LOCK_ROBOTS */
	struct robots_file *buckets[BUCKETS] GUARDED_BY(lock);
	struct ring used GUARDED_BY(lock); /* the longest unused first */
	size_t count GUARDED_BY(lock), bytes GUARDED_BY(lock);
};

static void tokens_forget(struct robots_file *file)
{
	for (size_t i = 0; i < ROBOTS_TOKENS_MAX; i++) {
		robots_free(file->tokens[i].robots);
		file->tokens[i].robots = NULL;
	}
	file->next_token = 0;
}

static void file_free(struct robots_file *file)
{
	assert(!file->load);
	tokens_forget(file);
	free(file->text);
	free(file->etag);
	free(file->changed);
	free(file);
}

struct robots_cache *robots_cache_new(size_t origins_max, size_t bytes_max)
{
	struct robots_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return NULL;
	cache->origins_max = origins_max ? origins_max : ROBOTS_ORIGINS_MAX;
	cache->bytes_max = bytes_max ? bytes_max : ROBOTS_CACHE_BYTES_MAX;
	lock_init(&cache->lock, LOCK_ROBOTS);
	ring_init(&cache->used);
	return cache;
}

void robots_cache_free(struct robots_cache *cache)
{
	if (!cache)
		return;
	lock_take(&cache->lock);
	for (size_t i = 0; i < BUCKETS; i++) {
		while (cache->buckets[i]) {
			struct robots_file *file = cache->buckets[i];

			cache->buckets[i] = file->chain;
			file_free(file);
		}
	}
	lock_drop(&cache->lock);
	lock_done(&cache->lock);
	free(cache);
}

/* ---- the table ---- */

static struct robots_file *file_find(struct robots_cache *cache, const char *key, bool insecure)
	REQUIRES(cache->lock)
{
	uint64_t hash = XXH3_64bits(key, strlen(key));
	struct robots_file *file = cache->buckets[hash % BUCKETS];

	while (file &&
	       (file->hash != hash || file->insecure != insecure || strcmp(file->key, key) != 0))
		file = file->chain;
	return file;
}

static void file_drop(struct robots_cache *cache, struct robots_file *file) REQUIRES(cache->lock)
{
	struct robots_file **at = &cache->buckets[file->hash % BUCKETS];

	while (*at != file)
		at = &(*at)->chain;
	*at = file->chain;
	ring_drop(&file->place);
	cache->count--;
	cache->bytes -= file->bytes;
	file_free(file);
}

/* The longest unused one that nobody loads, and that is not `keep`, goes. */
static bool evict_one(struct robots_cache *cache, const struct robots_file *keep)
	REQUIRES(cache->lock)
{
	for (struct ring *at = cache->used.next; at != &cache->used; at = at->next) {
		struct robots_file *file = CONTAINER_OF(at, struct robots_file, place);

		if (file->load || file == keep)
			continue;
		file_drop(cache, file);
		return true;
	}
	return false;
}

/* Counts a file that changed, and makes others go when it has become too much. */
static void file_weigh(struct robots_cache *cache, struct robots_file *file) REQUIRES(cache->lock)
{
	cache->bytes -= file->bytes;
	file->bytes = sizeof(*file) + strlen(file->key) + 1 + file->len;
	for (size_t i = 0; i < ROBOTS_TOKENS_MAX; i++)
		if (file->tokens[i].robots)
			file->bytes += robots_bytes(file->tokens[i].robots);
	cache->bytes += file->bytes;
	while (cache->bytes > cache->bytes_max && evict_one(cache, file))
		;
}

static struct robots_file *file_new(const char *key, bool insecure, struct err *err)
{
	size_t len = strlen(key);
	struct robots_file *file = calloc(1, sizeof(*file) + len + 1);

	if (!file) {
		err_set(err, ERR_NO_MEMORY, "no memory for robots.txt");
		return NULL;
	}
	memcpy(file->key, key, len + 1);
	file->hash = XXH3_64bits(key, len);
	file->insecure = insecure;
	ring_init(&file->place);
	return file;
}

static int file_put(struct robots_cache *cache, struct robots_file *file, struct err *err)
	REQUIRES(cache->lock)
{
	struct robots_file **bucket = &cache->buckets[file->hash % BUCKETS];

	if (cache->count >= cache->origins_max && !evict_one(cache, file))
		return err_set(err, ERR_LIMIT, "robots.txt of %zu origins is being fetched",
			       cache->count);
	file->chain = *bucket;
	*bucket = file;
	cache->count++;
	ring_add(&cache->used, &file->place);
	file_weigh(cache, file);
	return 0;
}

struct robots_file *robots_file_make(struct robots_cache *cache, const char *key, bool insecure,
				     struct err *err)
{
	struct robots_file *file;

	lock_take(&cache->lock);
	file = file_find(cache, key, insecure);
	if (file) {
		ring_drop(&file->place);
		ring_add(&cache->used, &file->place);
	} else if ((file = file_new(key, insecure, err)) && file_put(cache, file, err)) {
		free(file);
		file = NULL;
	}
	lock_drop(&cache->lock);
	return file;
}

/* ---- a file's life ---- */

enum robots_state robots_file_state(const struct robots_file *file, int64_t now_ms)
{
	if (file->load)
		return ROBOTS_LOADING;
	if (file->until_ms <= now_ms)
		return ROBOTS_UNKNOWN;
	return file->text ? ROBOTS_KNOWN : ROBOTS_SILENT;
}

void robots_file_begin(struct robots_cache *cache, struct robots_file *file, void *load)
{
	assert(!file->load && load);
	lock_take(&cache->lock);
	file->load = load;
	lock_drop(&cache->lock);
}

void *robots_file_load(const struct robots_file *file)
{
	return file->load;
}

const char *robots_file_etag(const struct robots_file *file)
{
	return file->etag;
}

const char *robots_file_changed(const struct robots_file *file)
{
	return file->changed;
}

static const char *header(const struct robots_answer *answer, const char *name)
{
	return head_find(answer->head, answer->head_len, name);
}

/* Does it say for how long it holds? */
static bool lifetime_said(const struct robots_answer *answer)
{
	const char *control = header(answer, "cache-control");

	return header(answer, "expires") ||
	       (control && (strcasestr(control, "max-age") || strcasestr(control, "no-cache") ||
			    strcasestr(control, "no-store")));
}

/* Without a word about it: as long as may be (RFC 9309, 2.4). */
static int64_t fresh_ms(const struct robots_answer *answer)
{
	struct cache_facts facts = {
		.status = answer->status,
		.head = {answer->head, answer->head_len},
		.asked_wall_ms = answer->asked_wall_ms,
		.answered_wall_ms = answer->answered_wall_ms,
	};
	int64_t now_wall_ms = answer->answered_wall_ms, left_s;

	if (!lifetime_said(answer))
		return ROBOTS_FRESH_MS_MAX;
	if (cache_judge(&facts, 0, false, now_wall_ms) != CACHE_FRESH)
		return ROBOTS_FRESH_MS_MIN;
	left_s = cache_lifetime_s(&facts) - cache_age_s(&facts, now_wall_ms);
	left_s = MIN(left_s, ROBOTS_FRESH_MS_MAX / 1000);
	return MAX(left_s * 1000, ROBOTS_FRESH_MS_MIN);
}

/* A validator is worth remembering, not worth failing for. */
static void validator_keep(char **at, const struct robots_answer *answer, const char *name)
{
	const char *value = header(answer, name);

	if (!value && answer->status == 304)
		return;
	free(*at);
	*at = value && strlen(value) <= ROBOTS_VALIDATOR_BYTES_MAX ? strdup(value) : NULL;
}

static void file_silent(struct robots_file *file, const struct err *why, int64_t now_ms)
{
	unsigned doublings = MIN(file->silences, 16);
	int64_t silent_ms = (int64_t)ROBOTS_SILENT_MS_MIN << doublings;

	file->silences++;
	file->why = why->code;
	snprintf(file->why_detail, sizeof(file->why_detail), "%.79s", why->detail);
	file->until_ms = now_ms + MIN(silent_ms, ROBOTS_SILENT_MS_MAX);
}

static void file_known(struct robots_file *file, const struct robots_answer *answer, int64_t now_ms)
{
	file->silences = 0;
	file->until_ms = now_ms + fresh_ms(answer);
	validator_keep(&file->etag, answer, "etag");
	validator_keep(&file->changed, answer, "last-modified");
}

/* True: the answer says what holds; then `missing` is whether there is no file. */
static bool answer_says(const struct robots_answer *answer, bool *ret_missing)
{
	enum err_code code = answer->err.code;

	*ret_missing = code == ERR_FETCH_REDIRECTS || code == ERR_FETCH_HTTP_4XX ||
		       (code == ERR_FETCH_THROTTLED && answer->status / 100 == 4);
	return *ret_missing || (code == ERR_NONE && answer->status / 100 == 2);
}

/* A redirect that leads nowhere, and what else is no answer to the question. */
static struct err answer_mistake(const struct robots_answer *answer)
{
	struct err err = answer->err;

	if (err.code == ERR_NONE)
		err_set(&err, ERR_FETCH_PROTOCOL, "answered %d", answer->status);
	return err;
}

static int text_keep(struct robots_file *file, const struct robots_answer *answer, bool missing)
{
	/* One octet more than is read: robots_parse() has to see that a line was cut. */
	size_t len = missing ? 0 : MIN(answer->len, (size_t)ROBOTS_BYTES_MAX + 1);
	char *text = malloc(len + 1);

	if (!text)
		return -1;
	if (len > 0)
		memcpy(text, answer->text, len);
	text[len] = '\0';
	free(file->text);
	file->text = text;
	file->len = len;
	file->missing = missing;
	tokens_forget(file);
	return 0;
}

void robots_file_end(struct robots_cache *cache, struct robots_file *file,
		     const struct robots_answer *answer, int64_t now_ms)
{
	bool same = answer->err.code == ERR_NONE && answer->status == 304 && file->text;
	bool missing, says = answer_says(answer, &missing);
	struct err why = answer_mistake(answer);

	lock_take(&cache->lock);
	file->load = NULL;
	file->status = answer->status;
	if (answer->status)
		file->fetched_wall_ms = answer->answered_wall_ms;
	if (says && text_keep(file, answer, missing)) {
		says = false;
		err_set(&why, ERR_NO_MEMORY, "no memory for robots.txt");
	}
	if (same || says)
		file_known(file, answer, now_ms);
	else
		file_silent(file, &why, now_ms);
	file_weigh(cache, file);
	lock_drop(&cache->lock);
}

void robots_file_refuse(const struct robots_file *file, struct err *err)
{
	/* The guard and the like say more than robots.txt: the fetch itself would meet them. */
	bool ours = file->why == ERR_FETCH_GUARD || file->why == ERR_FETCH_URL ||
		    file->why == ERR_NO_MEMORY || file->why == ERR_LIMIT;

	err_set(err, ours ? file->why : ERR_FETCH_ROBOTS,
		"nothing is allowed while robots.txt cannot be had (%s: %s)", err_name(file->why),
		file->why_detail);
}

/* ---- rules ---- */

static struct robots *token_find(const struct robots_file *file, const char *token)
{
	for (size_t i = 0; i < ROBOTS_TOKENS_MAX; i++)
		if (file->tokens[i].robots && strcasecmp(file->tokens[i].token, token) == 0)
			return file->tokens[i].robots;
	return NULL;
}

int robots_file_rules(struct robots_cache *cache, struct robots_file *file, const char *token,
		      struct robots **ret_robots, struct err *err)
{
	struct robots *robots = token_find(file, token);
	struct robots_reading *place;

	assert(file->text && strlen(token) <= ROBOTS_TOKEN_BYTES_MAX);
	if (robots) {
		*ret_robots = robots_share(robots);
		return 0;
	}
	if (robots_parse(file->text, file->len, token, &robots, err))
		return -1;
	lock_take(&cache->lock);
	place = &file->tokens[file->next_token];
	file->next_token = (file->next_token + 1) % ROBOTS_TOKENS_MAX;
	robots_free(place->robots);
	place->robots = robots;
	memcpy(place->token, token, strlen(token) + 1);
	file_weigh(cache, file);
	lock_drop(&cache->lock);
	*ret_robots = robots_share(robots);
	return 0;
}

int64_t robots_file_delay_ms(const struct robots_file *file)
{
	int64_t delay_ms = -1;

	for (size_t i = 0; i < ROBOTS_TOKENS_MAX; i++)
		if (file->tokens[i].robots)
			delay_ms = MAX(delay_ms, robots_delay_ms(file->tokens[i].robots));
	return MIN(delay_ms, PACE_CRAWL_DELAY_MS_MAX);
}

/* ---- for all ---- */

struct robots *robots_cache_rules(struct robots_cache *cache, const char *key, const char *token,
				  int64_t now_ms)
{
	const struct robots_file *file;
	struct robots *robots = NULL;

	lock_take(&cache->lock);
	file = file_find(cache, key, false);
	if (file && file->text && file->until_ms > now_ms)
		robots = token_find(file, token);
	if (robots)
		robots_share(robots);
	lock_drop(&cache->lock);
	return robots;
}

bool robots_cache_look(struct robots_cache *cache, const char *key, int64_t now_ms,
		       struct robots_view *ret_view)
{
	const struct robots_file *file;

	lock_take(&cache->lock);
	file = file_find(cache, key, false);
	if (file) {
		*ret_view = (struct robots_view){
			.state = robots_file_state(file, now_ms),
			.missing = file->missing,
			.status = file->status,
			.fetched_wall_ms = file->fetched_wall_ms,
			.left_ms = MAX(file->until_ms - now_ms, 0),
			.delay_ms = robots_file_delay_ms(file),
		};
		for (size_t i = 0; i < ROBOTS_TOKENS_MAX && !ret_view->sitemaps; i++)
			if (file->tokens[i].robots)
				ret_view->sitemaps = robots_sitemaps(file->tokens[i].robots);
	}
	lock_drop(&cache->lock);
	return file != NULL;
}
