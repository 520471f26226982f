/* SPDX-License-Identifier: MIT */
/* tally.h - what a lane of a crawl counts, and the summary of all lanes.
 *
 * A tally is its lane's checkpoint, written with each part that it covers: what it
 * counts is as durable as the items, and exact over crashes.  Outcomes are not in it:
 * the house counts parts and failures itself (run_left, run_failed_by).
 *
 * Threads    a tally is one lane's; sums are made while no lane steps.
 */
#ifndef HANDLERS_SCRAPE_TALLY_H
#define HANDLERS_SCRAPE_TALLY_H

#include "handlers/scrape/follow.h"

struct fetch_result;
struct plan;
struct run;

enum {
	TALLY_HOSTS_MAX = 20, /* hosts with counts of their own, in a lane and in the summary */
	TALLY_HOST_BYTES_MAX = 80, /* longer keys are among the others */
};

struct tally_host {
	char key[TALLY_HOST_BYTES_MAX]; /* "" : all others */
	int64_t fetches;		/* pages asked for; refused before that, there is none */
	int64_t succeeded, failed;	/* items */
	int64_t bytes;
};

struct tally {
	uint32_t version, hosts_count;
	int64_t elapsed_ms; /* of all attempts, until now */
	int64_t bytes, redirects, duplicates, depth, unchanged;
	int64_t bodies, bodies_bytes; /* kept, each once */
	int64_t skipped[LINK_SKIPS];
	struct tally_host others;
	struct tally_host hosts[TALLY_HOSTS_MAX];
};

void tally_init(struct tally *tally);
size_t tally_bytes(const struct tally *tally); /* how much of it is to be kept */
/* From what was kept; one of another version counts nothing. */
void tally_load(struct tally *tally, const void *blob, size_t len);

/* What became of one page. */
void tally_page(struct tally *tally, const struct fetch_result *result, bool failed);
/* The failed ones are done again, all of them.  True: there were some. */
bool tally_mend(struct tally *tally);
void tally_add(struct tally *tally, const struct tally *more);

/* What is shown while it goes on: bytes and hosts. */
void tally_details(const struct tally *tally, struct run *run);

int tally_summary(const struct tally *tally, struct run *run, const struct plan *plan,
		  struct err *err);

#endif
