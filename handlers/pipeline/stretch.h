/* SPDX-License-Identifier: MIT */
/* stretch.h - the stages between two barriers: they share one scan of each record.
 *
 * All paths that any of them reads or writes are fields of the stretch, found in one pass when
 * a record comes in.  A stage that changes a member changes its value and marks it as written;
 * the text is made anew only where it must be:
 *
 *   - at the end, for the results
 *   - where a path is read that lies above or below one that was written (a, when a.b was set)
 *   - where the whole record is asked for (map)
 *
 * The last two are known when the spec is planned: whoever touches a path is told whether the
 * record has to be renewed before.
 *
 * Threads    constant once planned.
 * Ownership  paths point into the fields.
 * Errors     0, or -1: mistakes were added.
 */
#ifndef HANDLERS_PIPELINE_STRETCH_H
#define HANDLERS_PIPELINE_STRETCH_H

#include "base/limits.h"
#include "base/record/fields.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct path {
	const struct field_name *names;
	size_t count;
};

/* A path that some stage writes. */
struct written {
	struct path path;
	unsigned field;	 /* its value */
	unsigned *above; /* the values around it, outermost first: path.count - 1 of them */
	/* Renamed: the member stays where it is, under the name of another path, whose value it
	 * has from then on. */
	bool renamed;
	struct path to;
	unsigned becomes; /* that path's value */
	bool replaced;	  /* what had the new name before: it goes */
	bool dropped;	  /* it goes; one that is set later is new */
};

struct stretch {
	struct fields fields;
	struct arena arena;
	struct written written[PIPELINE_WRITTEN_MAX]; /* one bit each in a word */
	unsigned written_count;
	uint64_t renames; /* the bits of those that are renamed */
};

void stretch_init(struct stretch *stretch);
void stretch_done(struct stretch *stretch);

/* The names of a path ("a.b", "/a/b"), in the stretch's arena.  -1 and *err. */
int stretch_path(struct stretch *stretch, const char *text, struct path *ret_path, struct err *err);
/* How many names two paths share, from the first on. */
size_t paths_share(const struct path *a, const struct path *b);

/* Does a record in which the paths of `dirty` (bits of written) were written have to be renewed
 * before the paths of `from` are read? */
bool stretch_reads(const struct stretch *stretch, const struct fields *from, uint64_t dirty);

/* The bit of a path that is to be written, after *dirty: *ret_renew as above.  -1 and *err. */
int stretch_writes(struct stretch *stretch, const struct path *path, uint64_t dirty,
		   unsigned *ret_written, bool *ret_renew, struct err *err);
/* The same for a member that goes. */
int stretch_drops(struct stretch *stretch, const struct path *path, uint64_t dirty,
		  unsigned *ret_written, bool *ret_renew, struct err *err);
/* The same for a member that becomes `to`, beside it in the same object; *ret_written + 1 is the
 * bit of what `to` was before. */
int stretch_renames(struct stretch *stretch, const struct path *path, const struct path *to,
		    uint64_t dirty, unsigned *ret_written, bool *ret_renew, struct err *err);

#endif
