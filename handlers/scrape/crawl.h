/* SPDX-License-Identifier: MIT */
/* crawl.h - the state of a crawl, for the files that step it.
 *
 *   scrape.c        open, phases, summary, close
 *   crawl_seeds.c   phase 0: what the spec names becomes parts
 *   crawl_from.c    and the URLs out of another job's results
 *   crawl_maps.c    and those of sitemaps
 *   crawl_lane.c    phase 1: fetch, parse, tell; links become parts
 *   lane_hosts.c    and no host holds all of it up
 *
 * Threads    a struct lane is its lane's; the rest of a crawl is constant in phase 1,
 *            but for bodies_bytes and what its lock guards.
 */
#ifndef HANDLERS_SCRAPE_CRAWL_H
#define HANDLERS_SCRAPE_CRAWL_H

#include "base/buf.h"
#include "base/lock.h"
#include "handlers/run.h"
#include "handlers/scrape/jar.h"
#include "handlers/scrape/lane_hosts.h"
#include "handlers/scrape/scrape.h"
#include "handlers/scrape/tally.h"
#include "handlers/scrape/visit.h"

#include <stdatomic.h>

/* A finished page on its way into the results: a full house is asked again. */
struct telling {
	struct part *part; /* NULL: none */
	struct visit visit;
	struct err failure;
	unsigned attempts;
	bool emitted, failed;
	size_t links_told;
};

/* Fetches of one lane that are under way; the slot's number is the fetch's tag. */
struct lane {
	struct part **parts;
	unsigned *free_slots;
	unsigned free_count, slots;
	unsigned fetches; /* at once; slots are more, for fetches that make no request */
	unsigned idle;	  /* of those under way, at idle_at_ms */
	int64_t idle_at_ms;
	bool end; /* no part is left to take */
	struct telling telling;
	struct buf item;     /* of telling */
	struct buf before;   /* what another job found there */
	struct links links;  /* of telling, and the texts of its visit */
	struct arena begins; /* the visit whose fetch begins */
	struct buf input;    /* a part's, on its way into the house */
	struct lane_hosts hosts;
	unsigned put_off; /* hosts that have enough, in this step; many end it */
	bool timer;	  /* it will look again */
	struct tally tally;
	struct tally told; /* the same as others may read it: by the crawl's lock */
	bool untold;	   /* pages that the crawl's details do not have yet */
};

/* Another job's results, as they are read for seeds. */
struct seed_reader {
	int64_t offset;
	struct buf text; /* lines, from `at` on */
	size_t at;
	size_t told;   /* of the seeds of one line, in the first lane's links */
	int64_t wrong; /* values that are no URL */
};

/* The sitemaps to be read, those that indexes lead to too. */
struct map_reader {
	struct map *list;
	size_t count, room;
	size_t named, next; /* of the spec's; of the list */
	bool under_way, over;
	struct err failure; /* the first */
};

struct crawl {
	const struct plan *plan;
	int64_t opened_ms, elapsed_ms; /* monotonic; of earlier attempts */
	size_t seeds_added;
	unsigned lanes_count;
	struct lane *lanes;
	struct map_reader maps;
	struct seed_reader from;
	struct crawl_jar jar;
	_Atomic int64_t
		bodies_bytes;	/* kept by all lanes, over all attempts; only its sum counts */
	struct tally elsewhere; /* what lanes counted that are no longer */
	struct lock lock;	/* LOCK_LEAF */
	int64_t told_ms GUARDED_BY(lock);
};

/* crawl_seeds.c */
enum step seeds_step(struct run *run, struct crawl *crawl, unsigned lane, struct err *err);
/* Adds a URL as a part, which may be known. */
enum run_answer crawl_add(struct run *run, struct crawl *crawl, unsigned lane,
			  const struct visit *visit, const char *key, int priority,
			  struct err *err);

/* crawl_from.c */
void seed_reader_init(struct seed_reader *reader);
void seed_reader_done(struct seed_reader *reader);
/* Adds the seeds that are in the first lane's links, from from.told on. */
enum run_answer seeds_tell(struct run *run, struct crawl *crawl, unsigned lane, struct err *err);
enum step from_step(struct run *run, struct crawl *crawl, unsigned lane, struct err *err);

/* crawl_maps.c */
void maps_done(struct map_reader *maps);
enum step maps_step(struct run *run, struct crawl *crawl, unsigned lane, struct err *err);

/* crawl_lane.c */
int lane_init(struct lane *lane, unsigned fetches, struct err *err);
void lane_done(struct lane *lane);
enum step lane_crawl(struct run *run, struct crawl *crawl, unsigned lane, struct err *err);

#endif
