/* SPDX-License-Identifier: MIT */
/* run_tell.c - progress, logs, summary; and the resources of a run: memory, bodies,
 * scratch, the results of other jobs. */
#include "base/clock.h"
#include "base/limits.h"
#include "service/engine/engine_core.h"
#include "service/engine/run.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PROGRESS_MS = 250, SCRATCH_FDS = 16 };

/* ---- progress ---- */

void run_progress(struct run *run, int64_t done, int64_t total, const char *stage)
{
	lock_take(&run->lock);
	run->progress_told = true;
	run->progress_news |= done != run->done || total != run->total || stage != run->stage;
	run->done = done;
	run->total = total;
	run->stage = stage;
	lock_drop(&run->lock);
}

/* A run that does not tell of itself is as far as its parts are. */
static void parts_told_locked(struct run *run) REQUIRES(run->lock)
{
	const struct parts *parts = run->parts;
	int64_t all = parts ? parts->all : run->parts_all;
	int64_t done = parts ? parts->done + parts->failed : run->parts_finished;

	if (run->progress_told || all == 0)
		return;
	run->progress_news |= done != run->done || all != run->total;
	run->done = done;
	run->total = all;
}

void run_details(struct run *run, const char *json, size_t len)
{
	lock_take(&run->lock);
	buf_clear(&run->details);
	buf_add(&run->details, json, len);
	lock_drop(&run->lock);
}

void run_progress_seal_locked(struct run *run, struct changes *changes, bool last)
{
	int64_t now_ms = clock_ms();
	int64_t since_ms = now_ms - run->progress_ms;

	parts_told_locked(run);
	if (!run->progress_news || (since_ms < PROGRESS_MS && !last))
		return;
	if (since_ms > 0) {
		run->rate = (double)(run->done - run->progress_done) * 1000 / (double)since_ms;
		rate_mean_add(&run->rates, run->rate, since_ms);
	}
	run->progress_ms = now_ms;
	run->progress_done = run->done;
	run->progress_news = false;
	changes->progress = true;
	changes->done = run->done;
	changes->total = run->total;
	changes->stage = run->stage;
	changes->rate = run->rate;
}

static void parts_live_locked(struct run *run, struct engine_parts *ret) REQUIRES(run->lock)
{
	const struct parts *parts = run->parts;

	if (!parts)
		return;
	ret->found = parts->all;
	ret->in_flight = (int64_t)(parts->claimed_count + parts->order_count);
	ret->queued = parts->all - parts->done - parts->failed - ret->in_flight;
	ret->failed = parts->failed;
	memcpy(ret->failed_by, run->failed_by, sizeof(ret->failed_by));
}

/* The last rate, and the mean of all; neither more than if the next unit came just now. */
static void rates_locked(const struct run *run, struct engine_live *ret) REQUIRES(run->lock)
{
	int64_t since_ms = MAX(clock_ms() - run->progress_ms, 1);
	double most = (double)(run->done - run->progress_done + 1) * 1000 / (double)since_ms;

	ret->rate = MIN(run->rate, most);
	ret->mean_rate = MIN(rate_mean(&run->rates), most);
}

bool engine_live(struct engine *engine, const struct id *id, struct engine_live *ret)
{
	struct run *run = engine_run_find(engine, id);

	if (!run)
		return false;
	*ret = (struct engine_live){0};
	lock_take(&run->lock);
	parts_told_locked(run);
	ret->done = run->done;
	ret->total = run->total;
	rates_locked(run, ret);
	ret->stage = run->stage;
	ret->items_failed = run->items_failed;
	parts_live_locked(run, &ret->parts);
	ret->handler = run->handler->name;
	ret->details = run->details.len > 0 ? strdup(run->details.data) : NULL;
	lock_drop(&run->lock);
	run_live_waiting(run, ret);
	run_unref(run);
	return true;
}

/* ---- logs and the summary ---- */

static bool log_add_locked(struct run *run, enum log_level level, const char *text)
	REQUIRES(run->lock)
{
	struct changes *changes = changes_locked(run);
	struct log_line line = {.at_ms = clock_wall_ms(), .level = (uint8_t)level};

	line.text = arena_text(&changes->arena, text);
	if (!line.text || !changes_grow((void **)&changes->logs, changes->logs_count,
					&changes->logs_room, sizeof(line)))
		return false;
	changes->logs[changes->logs_count++] = line;
	changes_grew_locked(run, sizeof(line) + strlen(text));
	return true;
}

void run_log(struct run *run, enum log_level level, const char *fmt, ...)
{
	struct buf text = BUF(LOG_LINE_BYTES_MAX);
	va_list args;

	va_start(args, fmt);
	buf_vprintf(&text, fmt, args);
	va_end(args);
	lock_take(&run->lock);
	if (run->log_lines++ < JOB_LOG_LINES_MAX)
		log_add_locked(run, level, buf_ok(&text) ? buf_text(&text) : "(a line too long)");
	lock_drop(&run->lock);
	buf_done(&text);
}

void run_log_rest_locked(struct run *run)
{
	char text[64];

	if (run->log_lines <= JOB_LOG_LINES_MAX)
		return;
	snprintf(text, sizeof(text), "%u more lines were not kept",
		 run->log_lines - JOB_LOG_LINES_MAX);
	log_add_locked(run, LOG_WARN, text);
}

int run_summary(struct run *run, const char *json, size_t len, struct err *err)
{
	int rc;

	lock_take(&run->lock);
	buf_clear(&run->summary);
	rc = buf_add(&run->summary, json, len);
	lock_drop(&run->lock);
	if (rc)
		return err_set(err, ERR_LIMIT, "a summary of %zu bytes; %d is the most", len,
			       JOB_SUMMARY_BYTES_MAX);
	return 0;
}

/* ---- results of another job ---- */

int run_results_read(struct run *run, const struct id *id, int64_t *offset, char *into, size_t room,
		     size_t *ret_len, bool *ret_over, struct err *err)
{
	struct store *store = run->engine->config.store;
	enum job_state state;
	struct job job;

	if (store_job_get(store, id, false, &job, err))
		return -1;
	state = job.state;
	job_done(&job);
	if (state == JOB_FAILED || state == JOB_CANCELLED)
		return err_set(err, ERR_PARENT_FAILED, "the job whose results are read is %s",
			       state_name(state));
	*ret_over = state_is_final(state);
	if (store_results_next(store, id, offset, into, room, ret_len, err))
		return -1;
	lock_take(&run->lock);
	run->reads_job = *ret_len == 0 && !*ret_over ? *id : (struct id){0};
	lock_drop(&run->lock);
	return 0;
}

int run_result_of(struct run *run, const struct id *id, const char *key, size_t key_len,
		  struct buf *into, struct err *err)
{
	struct store *store = run->engine->config.store;
	int64_t offset, len;
	size_t got;
	char *room;

	buf_clear(into);
	if (store_part_result(store, id, key, key_len, &offset, &len, err))
		return -1;
	if (offset < 0 || len == 0)
		return 0;
	room = buf_room(into, (size_t)len);
	if (!room)
		return err_set(err, ERR_NO_MEMORY, "no memory for a result of another job");
	if (store_results_read(store, id, offset, room, (size_t)len, &got, err))
		return -1;
	buf_grown(into, got);
	return 0;
}

/* ---- memory: one budget for all runs ---- */

bool run_memory(struct run *run, unsigned lane, int64_t bytes)
{
	struct engine *engine = run->engine;
	int64_t max = engine->config.memory_max;
	int64_t now = atomic_fetch_add(&engine->memory, bytes) + bytes;
	bool refused = bytes > 0 && max > 0 && now > max;

	if (refused)
		atomic_fetch_sub(&engine->memory, bytes);
	lock_take(&run->lock);
	if (refused)
		run->want_memory |= UINT64_C(1) << lane;
	else
		run->memory += bytes;
	lock_drop(&run->lock);
	if (bytes < 0)
		engine_kick(engine); /* housekeeping wakes those that wait */
	return !refused;
}

void run_memory_wake(struct run *run)
{
	uint64_t lanes;

	lock_take(&run->lock);
	lanes = run->want_memory;
	run->want_memory = 0;
	lock_drop(&run->lock);
	lanes_wake(run, lanes);
}

void run_memory_done(struct run *run)
{
	int64_t bytes;

	lock_take(&run->lock);
	bytes = run->memory;
	run->memory = 0;
	lock_drop(&run->lock);
	if (bytes == 0)
		return;
	atomic_fetch_sub(&run->engine->memory, bytes);
	engine_kick(run->engine);
}

/* ---- bodies ---- */

int run_body_keep(struct run *run, const char *name, const void *bytes, size_t len, int64_t room,
		  bool *ret_new, struct err *err)
{
	struct body_bytes body = {.name = name, .bytes = bytes, .len = len};
	int rc;

	run_block_begin(run);
	rc = store_body_put(run->engine->config.store, &run->id, &body, room, ret_new, err);
	run_block_end(run);
	if (rc)
		return -1;
	/* One that was there may be another lane's, or another attempt's, and not synced yet. */
	lock_take(&run->lock);
	changes_locked(run)->bodies = true;
	lock_drop(&run->lock);
	return 0;
}

/* ---- scratch ---- */

static int scratch_make(const char *base, const char *path, struct err *err)
{
	if ((mkdir(base, 0700) && errno != EEXIST) || (mkdir(path, 0700) && errno != EEXIST))
		return err_set_errno(err, ERR_IO, errno, "cannot make '%s'", path);
	return 0;
}

int run_scratch(struct run *run, const char **ret_dir, struct err *err)
{
	const char *base = run->engine->config.scratch_dir;
	char id[ID_TEXT_LEN + 1];
	char *path = NULL;

	lock_take(&run->lock);
	*ret_dir = run->scratch;
	lock_drop(&run->lock);
	if (*ret_dir)
		return 0;
	if (!base)
		return err_set(err, ERR_INTERNAL, "this engine has no scratch folder");
	id_format(&run->id, id);
	if (asprintf(&path, "%s/%s", base, id) < 0)
		return err_set(err, ERR_NO_MEMORY, "no memory for a path");
	if (scratch_make(base, path, err)) {
		free(path);
		return -1;
	}
	lock_take(&run->lock);
	if (!run->scratch) {
		run->scratch = path;
		path = NULL;
	}
	*ret_dir = run->scratch;
	lock_drop(&run->lock);
	free(path); /* another lane was faster: the folder is the same */
	return 0;
}

struct files *run_files(const struct run *run)
{
	return run->engine->config.files;
}

static int scratch_remove_one(const char *path, const struct stat *stat, int kind, struct FTW *ftw)
{
	(void)stat;
	(void)kind;
	(void)ftw;
	return remove(path) && errno != ENOENT ? -1 : 0;
}

void run_scratch_drop(struct run *run, bool remove_it)
{
	if (run->scratch && remove_it)
		(void)nftw(run->scratch, scratch_remove_one, SCRATCH_FDS, FTW_DEPTH | FTW_PHYS);
	free(run->scratch);
	run->scratch = NULL;
}
