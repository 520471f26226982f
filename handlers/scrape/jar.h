/* SPDX-License-Identifier: MIT */
/* jar.h - the cookies of a crawl: what the spec says, and how they outlive a crash.
 *
 * The jar is the checkpoint of a lane that no crawl has, JAR_LANE.  It is saved when a
 * page is told and the cookies are others than before; a large one not with each page.
 *
 * Threads    jar_plan in plan, crawl_jar_open in open; crawl_jar_save by any lane.
 */
#ifndef HANDLERS_SCRAPE_JAR_H
#define HANDLERS_SCRAPE_JAR_H

#include "base/err.h"
#include "base/limits.h"

#include <stdatomic.h>

struct cookies;
struct json;
struct mistakes;
struct param;
struct plan;
struct run;

enum { JAR_LANE = LANES_MAX - 1 };

extern const struct param jar_form; /* of `cookies`, besides true and false */

/* The cookies that the spec begins with, for the hosts of the plan's urls; NULL: no jar.
 * -1: no memory. */
int jar_plan(const struct json *spec, const struct plan *plan, struct mistakes *mistakes,
	     struct cookies **ret_jar);

struct crawl_jar {
	struct cookies *cookies; /* NULL: none */
	/* Whoever saves moves both, the others look: at worst one saves too often. */
	atomic_ullong version; /* of what was saved */
	atomic_llong due_ms;   /* not before that */
};

/* Goes on with what an earlier attempt saved, or begins with the plan's. */
int crawl_jar_open(struct crawl_jar *jar, struct run *run, const struct plan *plan,
		   struct err *err);
void crawl_jar_save(struct crawl_jar *jar, struct run *run);
void crawl_jar_close(struct crawl_jar *jar);

#endif
