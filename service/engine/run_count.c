/* SPDX-License-Identifier: MIT */
/* run_count.c - counters of a job: they move with what its parts show.
 *
 * What a part counts waits in its struct told, like its items: first as `counts`, from a save or
 * the end of the part on behind them, until it is shown.  Then it goes into the sums of the run,
 * which the next commit writes as one more checkpoint.
 */
#include "base/limits.h"
#include "service/engine/run.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { COUNTS_LANE = LANES_MAX }; /* among the checkpoints, behind those of lanes */

void run_count(struct run *run, struct part *part, const int64_t *counts, unsigned count)
{
	struct told *told;

	assert(count <= RUN_COUNTERS_MAX);
	lock_take(&run->lock);
	told = part ? &CONTAINER_OF(part, struct run_part, part)->told : &run->tail;
	if (!run->counts) {
		run->counts = calloc(count + 1, sizeof(*run->counts));
		run->counts_count = count;
	}
	if (!told->counts)
		told->counts = calloc(2 * (size_t)count + 1, sizeof(*told->counts));
	if (!run->counts || !told->counts) {
		run->lost = true;
		lock_drop(&run->lock);
		return;
	}
	assert(count == run->counts_count);
	for (unsigned i = 0; i < count; i++)
		told->counts[i] += counts[i];
	lock_drop(&run->lock);
}

int64_t run_counted(const struct run *run, unsigned counter) NO_LOCK_ANALYSIS
{
	struct run *mine = (struct run *)run; /* the lock changes, nothing else */
	int64_t counted;

	lock_take(&mine->lock);
	counted = counter < mine->counts_count ? mine->counts[counter] : 0;
	lock_drop(&mine->lock);
	return counted;
}

void counts_save_locked(struct run *run, struct told *told)
{
	for (unsigned i = 0; told->counts && i < run->counts_count; i++) {
		told->counts[run->counts_count + i] += told->counts[i];
		told->counts[i] = 0;
	}
}

void counts_unsave_locked(struct run *run, struct told *told)
{
	if (told->counts)
		memset(told->counts, 0, run->counts_count * sizeof(*told->counts));
}

bool counts_show_locked(struct run *run, struct told *told)
{
	int64_t *saved = told->counts + run->counts_count;

	for (unsigned i = 0; i < run->counts_count; i++) {
		run->counts[i] += saved[i];
		saved[i] = 0;
	}
	return checkpoint_put_locked(run, COUNTS_LANE, run->counts,
				     run->counts_count * sizeof(*run->counts));
}

void counts_left_locked(struct run *run)
{
	size_t last = run->left_checkpoints_count;
	const struct checkpoint_row *row;

	/* They come by lane. */
	if (last == 0 || run->left_checkpoints[last - 1].lane != COUNTS_LANE)
		return;
	row = &run->left_checkpoints[last - 1];
	run->counts = malloc(row->len + 1);
	if (!run->counts) {
		run->lost = true;
		return;
	}
	memcpy(run->counts, row->blob, row->len);
	run->counts_count = (unsigned)(row->len / sizeof(*run->counts));
	run->left_checkpoints_count--;
}
