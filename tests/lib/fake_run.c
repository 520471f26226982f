/* SPDX-License-Identifier: MIT */
/* fake_run.c - an attempt in memory, stepped by one loop.
 *
 * The rules are those of run.h; where the engine has threads, commits and limits,
 * this has a list.  Lanes have the engine's states: a lane is stepped when it is
 * runnable, WAIT makes it wait, a wake makes it runnable (also while it steps).
 */
#include "tests/lib/fake_run.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"

#include <assert.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEPS_MAX = 1000 * 1000, TEXT_BYTES_MAX = 256 * 1024 * 1024 };

enum { COUNTERS_MAX = 256 };

enum part_place { PART_WAITS, PART_CLAIMED, PART_FINISHED, PART_SHOWN };

/* Items and failures that wait for their part. */
struct told {
	struct fake_item *items;
	size_t items_count;
	struct fake_failure *failures;
	size_t failures_count;
	int64_t counts[COUNTERS_MAX];
};

struct fake_part {
	struct part part; /* key, input and resume are ours */
	enum part_place place;
	int64_t not_before_ms;
	bool failed, final;
	struct told told;
};

struct fake_timer {
	int64_t at_ms;
	unsigned lane;
	uint64_t tag;
};

struct fake_lane {
	bool runnable, finished;
	bool wants_part, wants_room;
	struct completion *completions;
	size_t completions_count;
	unsigned timers;
	struct completion stream; /* whose body is being given; fetch NULL: none */
	size_t stream_at;
};

struct checkpoint {
	unsigned lane;
	char *blob;
	size_t len;
};

struct run {
	const struct plan *plan;
	struct id id;
	unsigned attempt;
	struct fake_lane lanes[LANES_MAX];
	unsigned lanes_count;
	struct fake_part **parts;
	bool ordered;
	size_t shown;	  /* ordered: parts below are PART_SHOWN */
	struct told tail; /* of no part */
	struct fake_timer *timers;
	size_t timers_count;
	struct checkpoint checkpoints[LANES_MAX];
	unsigned checkpoints_count;
	int64_t counts[COUNTERS_MAX]; /* shown */
	int64_t memory_used;
	char *scratch;
	uint64_t bounded_calls;
	size_t other_shown;
};

struct fake_run {
	struct run run;
	struct fake_options options;
	struct fake_seen seen;
	struct buf ndjson;
};

static struct fake_run *fake_of(const struct run *run)
{
	return CONTAINER_OF((struct run *)run, struct fake_run, run);
}

/* ---- memory: a test has enough of it ---- */

static void *must(void *memory)
{
	assert(memory);
	return memory;
}

/* An array of n elements with room for one more: the capacity is at least n rounded up
 * to a power of two, also after elements were taken out. */
static void *room_for_one(void *array, size_t n, size_t size)
{
	if ((n & (n - 1)) != 0)
		return array;
	return must(realloc(array, (n ? 2 * n : 1) * size));
}

static char *copy(const void *bytes, size_t len)
{
	char *text = must(malloc(len + 1));

	if (len)
		memcpy(text, bytes, len);
	text[len] = '\0';
	return text;
}

static char *copy_text(const char *text)
{
	return text ? copy(text, strlen(text)) : NULL;
}

/* ---- telling ---- */

static void told_item(struct told *told, const struct fake_item *item)
{
	told->items = room_for_one(told->items, told->items_count, sizeof(*told->items));
	told->items[told->items_count++] = *item;
}

static void told_failure(struct told *told, const struct fake_failure *failure)
{
	told->failures =
		room_for_one(told->failures, told->failures_count, sizeof(*told->failures));
	told->failures[told->failures_count++] = *failure;
}

static void told_drop(struct told *told)
{
	for (size_t i = 0; i < told->items_count; i++)
		free(told->items[i].text);
	for (size_t i = 0; i < told->failures_count; i++) {
		free(told->failures[i].key);
		free(told->failures[i].stage);
	}
	free(told->items);
	free(told->failures);
	*told = (struct told){0};
}

/* Makes visible; what `told` held belongs to seen then. */
static void told_show(struct fake_run *fake, struct told *told)
{
	struct fake_seen *seen = &fake->seen;
	struct told all = {
		seen->items, seen->items_count, seen->failures, seen->failures_count, {0}};

	for (size_t i = 0; i < told->items_count; i++)
		told_item(&all, &told->items[i]);
	for (size_t i = 0; i < told->failures_count; i++)
		told_failure(&all, &told->failures[i]);
	for (size_t i = 0; i < COUNTERS_MAX; i++)
		fake->run.counts[i] += told->counts[i];
	free(told->items);
	free(told->failures);
	*told = (struct told){0};
	seen->items = all.items;
	seen->items_count = all.items_count;
	seen->failures = all.failures;
	seen->failures_count = all.failures_count;
}

void run_progress(struct run *run, int64_t done, int64_t total, const char *stage)
{
	struct fake_seen *seen = &fake_of(run)->seen;

	seen->done = done;
	seen->total = total;
	seen->stage = stage;
}

void run_log(struct run *run, enum log_level level, const char *fmt, ...)
{
	struct fake_seen *seen = &fake_of(run)->seen;
	struct buf text = BUF(LOG_LINE_BYTES_MAX);
	va_list args;

	va_start(args, fmt);
	buf_vprintf(&text, fmt, args);
	va_end(args);
	seen->logs = room_for_one(seen->logs, seen->logs_count, sizeof(*seen->logs));
	seen->logs[seen->logs_count++] = (struct fake_log){level, copy_text(buf_text(&text))};
	buf_done(&text);
}

void run_details(struct run *run, const char *json, size_t len)
{
	(void)run;
	(void)json;
	(void)len;
}

int run_summary(struct run *run, const char *json, size_t len, struct err *err)
{
	struct fake_seen *seen = &fake_of(run)->seen;

	if (len > JOB_SUMMARY_BYTES_MAX)
		return err_set(err, ERR_LIMIT, "a summary of %zu bytes", len);
	free(seen->summary);
	seen->summary = copy(json, len);
	return 0;
}

/* ---- the attempt, resources ---- */

const struct plan *run_plan(const struct run *run)
{
	return run->plan;
}

const struct id *run_job_id(const struct run *run)
{
	return &run->id;
}

int run_context(const struct run *run, struct buf *into)
{
	const char *context = fake_of(run)->options.context;

	return buf_add_text(into, context ? context : "{\"params\":{}}");
}

unsigned run_attempt(const struct run *run)
{
	return run->attempt;
}

unsigned run_lanes_for_cpu(const struct run *run)
{
	return MAX(fake_of(run)->options.lanes_for_cpu, 1);
}

bool run_cancelled(const struct run *run)
{
	const struct fake_run *fake = fake_of(run);

	return fake->options.cancel_at_step && fake->seen.steps >= fake->options.cancel_at_step;
}

/* Now and then a bounded verb is full, and at once there is room again. */
static bool full_now(struct run *run, unsigned lane)
{
	unsigned every = fake_of(run)->options.full_every;

	if (!every || ++run->bounded_calls % every != 0)
		return false;
	run_wake(run, lane);
	return true;
}

bool run_memory(struct run *run, unsigned lane, int64_t bytes)
{
	int64_t max = fake_of(run)->options.memory_max;

	if (bytes > 0 && max && run->memory_used + bytes > max) {
		run->lanes[lane].wants_room = true;
		return false;
	}
	run->memory_used += bytes;
	for (unsigned i = 0; bytes < 0 && i < run->lanes_count; i++)
		if (run->lanes[i].wants_room)
			run_wake(run, i);
	return true;
}

int run_scratch(struct run *run, const char **ret_dir, struct err *err)
{
	char dir[] = "/tmp/jobmill-scratch-XXXXXX";

	if (!run->scratch) {
		if (!mkdtemp(dir))
			return err_set(err, ERR_IO, "no scratch folder");
		run->scratch = copy_text(dir);
	}
	*ret_dir = run->scratch;
	return 0;
}

struct files *run_files(const struct run *run)
{
	struct files *files = fake_of(run)->options.files;

	assert(files);
	return files;
}

int run_body_keep(struct run *run, const char *name, const void *bytes, size_t len, int64_t room,
		  bool *ret_new, struct err *err)
{
	struct fake_seen *seen = &fake_of(run)->seen;

	for (size_t i = 0; i < seen->bodies_count; i++) {
		if (strcmp(seen->bodies[i].name, name) == 0) {
			*ret_new = false;
			return 0;
		}
	}
	if (fake_of(run)->options.disk_full)
		return err_set(err, ERR_DISK_FULL, "no room for bodies");
	if ((int64_t)len > room)
		return err_set(err, ERR_LIMIT, "a body of %zu bytes", len);
	*ret_new = true;
	seen->bodies = room_for_one(seen->bodies, seen->bodies_count, sizeof(*seen->bodies));
	seen->bodies[seen->bodies_count++] =
		(struct fake_body){copy_text(name), copy(bytes, len), len};
	return 0;
}

void run_block_begin(struct run *run)
{
	(void)run;
}

void run_block_end(struct run *run)
{
	(void)run;
}

/* ---- lanes, fetches, timers ---- */

void run_wake(struct run *run, unsigned lane)
{
	run->lanes[lane].runnable = true;
}

static void completion_add(struct run *run, unsigned lane, const struct completion *completion)
{
	struct fake_lane *at = &run->lanes[lane];

	at->completions =
		room_for_one(at->completions, at->completions_count, sizeof(*at->completions));
	at->completions[at->completions_count++] = *completion;
	run_wake(run, lane);
}

static enum run_answer fetch_answer(struct run *run, unsigned lane,
				    const struct fetch_request *request,
				    struct completion *ret_completion, struct err *err)
{
	struct fake_run *fake = fake_of(run);

	if (full_now(run, lane))
		return RUN_FULL;
	if (strncmp(request->url, "http://", 7) != 0 && strncmp(request->url, "https://", 8) != 0) {
		err_set(err, ERR_FETCH_URL, "'%s' is not an http URL", request->url);
		return RUN_ERROR;
	}
	fake->seen.fetches++;
	ret_completion->fetch = fake->options.fetch
					? fake->options.fetch(fake->options.ctx, request)
					: fake_refusal(request, ERR_FETCH_CONNECT);
	return RUN_OK;
}

enum run_answer run_fetch(struct run *run, unsigned lane, const struct fetch_request *request,
			  uint64_t tag, struct err *err)
{
	struct completion completion = {.kind = COMPLETION_FETCH, .tag = tag};
	enum run_answer answer = fetch_answer(run, lane, request, &completion, err);

	if (answer == RUN_OK)
		completion_add(run, lane, &completion);
	return answer;
}

/* One at a time on a lane. */
enum run_answer run_stream(struct run *run, unsigned lane, const struct fetch_request *request,
			   uint64_t tag, struct err *err)
{
	struct completion completion = {.kind = COMPLETION_FETCH, .tag = tag};
	enum run_answer answer = fetch_answer(run, lane, request, &completion, err);

	if (answer != RUN_OK)
		return answer;
	if (fake_of(run)->options.stream_bytes && completion.fetch->status / 100 == 2) {
		assert(!run->lanes[lane].stream.fetch);
		run->lanes[lane].stream = completion;
		run->lanes[lane].stream_at = 0;
		run_wake(run, lane);
	} else {
		completion_add(run, lane, &completion);
	}
	return RUN_OK;
}

size_t run_stream_read(struct run *run, unsigned lane, uint64_t tag, char *into, size_t room)
{
	struct fake_lane *at = &run->lanes[lane];
	struct fetch_result *result = at->stream.fetch;
	size_t len;

	if (!result || at->stream.tag != tag)
		return 0;
	len = MIN(MIN(room, fake_of(run)->options.stream_bytes), result->body_len - at->stream_at);
	memcpy(into, result->body + at->stream_at, len);
	at->stream_at += len;
	if (at->stream_at == result->body_len) {
		result->body_len = 0;
		completion_add(run, lane, &at->stream);
		at->stream.fetch = NULL;
	}
	run_wake(run, lane);
	return len;
}

/* Nothing is ever known. */
struct robots *run_robots(const struct run *run, const char *host_key, const char *token)
{
	(void)run;
	(void)host_key;
	(void)token;
	return NULL;
}

enum run_answer run_timer(struct run *run, unsigned lane, int64_t delay_ms, uint64_t tag)
{
	if (full_now(run, lane))
		return RUN_FULL;
	run->timers = room_for_one(run->timers, run->timers_count, sizeof(*run->timers));
	run->timers[run->timers_count++] =
		(struct fake_timer){fake_of(run)->seen.now_ms + MAX(delay_ms, 0), lane, tag};
	run->lanes[lane].timers++;
	return RUN_OK;
}

bool run_completion(struct run *run, unsigned lane, struct completion *ret)
{
	struct fake_lane *at = &run->lanes[lane];

	if (at->completions_count == 0)
		return false;
	*ret = at->completions[0];
	at->completions_count--;
	memmove(at->completions, at->completions + 1, at->completions_count * sizeof(*ret));
	return true;
}

unsigned run_fetches_idle(const struct run *run, unsigned lane)
{
	(void)run;
	(void)lane;
	return 0; /* a fetch ends at once here */
}

unsigned run_outstanding(const struct run *run, unsigned lane)
{
	return run->lanes[lane].timers + (unsigned)run->lanes[lane].completions_count +
	       (run->lanes[lane].stream.fetch != NULL);
}

/* ---- parts ---- */

static void part_waiters_wake(struct run *run)
{
	for (unsigned i = 0; i < run->lanes_count; i++)
		if (run->lanes[i].wants_part)
			run_wake(run, i);
}

static struct fake_part *part_of(struct part *part)
{
	return CONTAINER_OF(part, struct fake_part, part);
}

static void part_unresume(struct part *part)
{
	free((char *)part->resume);
	part->resume = NULL;
	part->resume_len = 0;
}

enum run_answer run_part_add(struct run *run, unsigned lane, const char *key, size_t key_len,
			     const char *input, size_t input_len,
			     const struct part_options *options, struct err *err)
{
	struct fake_seen *seen = &fake_of(run)->seen;
	struct fake_part *part;

	if (key_len > PART_KEY_BYTES_MAX || input_len > PART_INPUT_BYTES_MAX) {
		err_set(err, ERR_LIMIT, "a part's key or input is too large");
		return RUN_ERROR;
	}
	for (size_t i = 0; i < seen->parts; i++)
		if (run->parts[i]->part.key_len == key_len &&
		    memcmp(run->parts[i]->part.key, key, key_len) == 0)
			return RUN_KNOWN;
	if (options && options->parts_max && (int64_t)seen->parts >= options->parts_max)
		return RUN_LIMIT;
	if (full_now(run, lane))
		return RUN_FULL;
	part = must(calloc(1, sizeof(*part)));
	part->part = (struct part){.number = seen->parts,
				   .key = copy(key, key_len),
				   .key_len = key_len,
				   .input = copy(input, input_len),
				   .input_len = input_len};
	if (options) {
		part->part.priority = options->priority;
		part->part.group = options->group;
		part->not_before_ms = options->not_before_ms;
	}
	run->parts = room_for_one(run->parts, seen->parts, sizeof(struct fake_part *));
	run->parts[seen->parts++] = part;
	part_waiters_wake(run);
	return RUN_OK;
}

/* The engine is fair over groups too; here the order of adding does. */
enum run_answer run_part_next(struct run *run, unsigned lane, struct part **ret_part,
			      struct err *err)
{
	struct fake_seen *seen = &fake_of(run)->seen;
	struct fake_part *best = NULL;
	bool end = true;

	(void)err;
	for (size_t i = 0; i < seen->parts; i++) {
		struct fake_part *part = run->parts[i];

		if (part->place < PART_FINISHED)
			end = false;
		if (part->place == PART_WAITS && part->not_before_ms <= seen->now_ms &&
		    (!best || (!run->ordered && part->part.priority > best->part.priority)))
			best = part;
	}
	run->lanes[lane].wants_part = !best && !end;
	if (!best)
		return end ? RUN_END : RUN_LATER;
	best->place = PART_CLAIMED;
	best->part.user = NULL;
	*ret_part = &best->part;
	return RUN_OK;
}

enum run_answer run_emit(struct run *run, unsigned lane, struct part *part, const char *item,
			 size_t len, struct err *err)
{
	if (len > ITEM_BYTES_MAX) {
		err_set(err, ERR_LIMIT, "an item of %zu bytes", len);
		return RUN_ERROR;
	}
	if (full_now(run, lane))
		return RUN_FULL;
	assert(!part || part_of(part)->place == PART_CLAIMED);
	told_item(part ? &part_of(part)->told : &run->tail,
		  &(struct fake_item){copy(item, len), len, part ? (int64_t)part->number : -1});
	return RUN_OK;
}

enum run_answer run_emit_lines(struct run *run, unsigned lane, struct part *part, const char *lines,
			       size_t len, int64_t count, struct err *err)
{
	struct told *told = part ? &part_of(part)->told : &run->tail;

	(void)err;
	if (full_now(run, lane))
		return RUN_FULL;
	assert(!part || part_of(part)->place == PART_CLAIMED);
	for (const char *line = lines; line < lines + len; count--) {
		const char *end = memchr(line, '\n', (size_t)(lines + len - line));

		assert(end);
		told_item(told, &(struct fake_item){copy(line, (size_t)(end - line)),
						    (size_t)(end - line),
						    part ? (int64_t)part->number : -1});
		line = end + 1;
	}
	assert(count == 0);
	return RUN_OK;
}

void run_good(struct run *run, int64_t count)
{
	(void)run;
	(void)count;
}

void run_items_failed(struct run *run, struct part *part, int64_t count)
{
	fake_of(run)->seen.failures_unlisted += count;
	if (part && count > 0)
		part_of(part)->failed = true;
}

void run_count(struct run *run, struct part *part, const int64_t *counts, unsigned count)
{
	struct told *told = part ? &part_of(part)->told : &run->tail;

	assert(count <= COUNTERS_MAX);
	for (unsigned i = 0; i < count; i++)
		told->counts[i] += counts[i];
}

int64_t run_counted(const struct run *run, unsigned counter)
{
	return counter < COUNTERS_MAX ? run->counts[counter] : 0;
}

enum run_answer run_item_failed(struct run *run, unsigned lane, struct part *part,
				const struct item_failure *failure)
{
	struct fake_failure told = {.stage = copy_text(failure->stage),
				    .part = part ? (int64_t)part->number : -1,
				    .line = failure->line,
				    .offset = failure->offset,
				    .attempts = failure->attempts,
				    .err = failure->err};

	(void)lane;
	if (failure->key)
		told.key = copy_text(failure->key);
	else if (part)
		told.key = copy(part->key, part->key_len);
	told_failure(part ? &part_of(part)->told : &run->tail, &told);
	if (part)
		part_of(part)->failed = true;
	return RUN_OK;
}

static void part_finish(struct run *run, struct fake_part *part)
{
	struct fake_run *fake = fake_of(run);

	assert(part->place == PART_CLAIMED);
	part->place = PART_FINISHED;
	part->part.user = NULL;
	if (part->failed && !part->final)
		fake->seen.parts_failed++;
	else
		fake->seen.parts_done++;
	if (!run->ordered) {
		told_show(fake, &part->told);
		part->place = PART_SHOWN;
	}
	while (run->ordered && run->shown < fake->seen.parts &&
	       run->parts[run->shown]->place >= PART_FINISHED) {
		told_show(fake, &run->parts[run->shown]->told);
		run->parts[run->shown++]->place = PART_SHOWN;
	}
	part_waiters_wake(run);
}

void run_part_final(struct run *run, struct part *part)
{
	(void)run;
	part_of(part)->final = true;
}

void run_part_done(struct run *run, unsigned lane, struct part *part)
{
	(void)lane;
	part_finish(run, part_of(part));
}

enum run_answer run_part_save(struct run *run, unsigned lane, struct part *part, const void *blob,
			      size_t len)
{
	if (full_now(run, lane))
		return RUN_FULL;
	assert(part_of(part)->place == PART_CLAIMED);
	part_unresume(part);
	part->resume = copy(blob, len);
	part->resume_len = len;
	/* An ordered run shows it when the parts before it are. */
	if (!run->ordered || part->number == run->shown)
		told_show(fake_of(run), &part_of(part)->told);
	return RUN_OK;
}

void run_part_retry(struct run *run, unsigned lane, struct part *part, int64_t not_before_ms)
{
	part->attempts++;
	part_of(part)->not_before_ms = not_before_ms;
	run_part_release(run, lane, part);
}

bool run_group_hold(struct run *run, uint64_t group, int64_t until_ms)
{
	for (size_t i = 0; i < fake_of(run)->seen.parts; i++)
		if (run->parts[i]->place <= PART_CLAIMED && run->parts[i]->part.group == group)
			run->parts[i]->not_before_ms = until_ms;
	part_waiters_wake(run);
	return true;
}

void run_part_release(struct run *run, unsigned lane, struct part *part)
{
	(void)lane;
	assert(part_of(part)->place == PART_CLAIMED);
	part_of(part)->place = PART_WAITS;
	part_of(part)->failed = false;
	told_drop(&part_of(part)->told);
	part_waiters_wake(run);
}

void run_ordered(struct run *run)
{
	run->ordered = true;
}

enum run_answer run_checkpoint(struct run *run, unsigned lane, const void *blob, size_t len,
			       const uint64_t *parts_covered, size_t count)
{
	unsigned i = 0;

	if (full_now(run, lane))
		return RUN_FULL;
	for (size_t p = 0; p < count; p++)
		part_finish(run, run->parts[parts_covered[p]]);
	while (i < run->checkpoints_count && run->checkpoints[i].lane != lane)
		i++;
	if (i < run->checkpoints_count)
		free(run->checkpoints[i].blob);
	if (blob) {
		run->checkpoints[i] = (struct checkpoint){lane, copy(blob, len), len};
		run->checkpoints_count = MAX(run->checkpoints_count, i + 1);
	} else if (i < run->checkpoints_count) {
		run->checkpoints[i] = run->checkpoints[--run->checkpoints_count];
	}
	return RUN_OK;
}

int run_results_read(struct run *run, const struct id *job, int64_t *offset, char *into,
		     size_t room, size_t *ret_len, bool *ret_over, struct err *err)
{
	const struct fake_options *options = &fake_of(run)->options;
	size_t all, left;

	(void)job;
	*ret_len = 0;
	if (!options->other_results)
		return err_set(err, ERR_NOT_FOUND, "no such job");
	all = strlen(options->other_results);
	if (!options->other_grows)
		run->other_shown = all;
	*ret_over = run->other_shown == all;
	if (*ret_over && options->other_fails)
		return err_set(err, ERR_PARENT_FAILED, "it failed");
	if ((size_t)*offset >= run->other_shown) { /* the next look finds more */
		run->other_shown = MIN(run->other_shown + options->other_grows, all);
		return 0;
	}
	left = run->other_shown - (size_t)*offset;
	*ret_len = left < room ? left : room;
	memcpy(into, options->other_results + *offset, *ret_len);
	*offset += (int64_t)*ret_len;
	return 0;
}

/* Of each part the first line that has its key in it. */
int run_result_of(struct run *run, const struct id *job, const char *key, size_t key_len,
		  struct buf *into, struct err *err)
{
	const char *all = fake_of(run)->options.other_results;
	const char *line = all, *end;

	(void)job;
	buf_clear(into);
	if (!all)
		return err_set(err, ERR_NOT_FOUND, "no such job");
	for (; *line; line = end + 1) {
		end = strchr(line, '\n');
		if (memmem(line, (size_t)(end - line), key, key_len))
			return buf_add(into, line, (size_t)(end - line) + 1);
	}
	return 0;
}

int64_t run_failed_by(const struct run *run, enum err_code code)
{
	const struct fake_seen *seen = &fake_of(run)->seen;
	int64_t count = 0;

	for (size_t i = 0; i < seen->failures_count; i++)
		count += seen->failures[i].err.code == code;
	return count;
}

void run_left(const struct run *run, struct run_left *ret)
{
	const struct fake_seen *seen = &fake_of(run)->seen;

	*ret = (struct run_left){.parts = (int64_t)seen->parts,
				 .parts_done = (int64_t)seen->parts_done,
				 .parts_failed = (int64_t)seen->parts_failed,
				 .items = (int64_t)seen->items_count,
				 .checkpoints = run->checkpoints_count};
}

void run_left_checkpoint(const struct run *run, unsigned i, unsigned *ret_lane,
			 const void **ret_blob, size_t *ret_len)
{
	assert(i < run->checkpoints_count);
	*ret_lane = run->checkpoints[i].lane;
	*ret_blob = run->checkpoints[i].blob;
	*ret_len = run->checkpoints[i].len;
}

/* ---- driving ---- */

/* Goes on to the next timer or parked part; false: nothing is to come. */
static bool time_goes_on(struct run *run)
{
	struct fake_seen *seen = &fake_of(run)->seen;
	size_t next = 0;
	int64_t part_ms = INT64_MAX;

	for (size_t i = 0; i < seen->parts; i++)
		if (run->parts[i]->place == PART_WAITS &&
		    run->parts[i]->not_before_ms > seen->now_ms)
			part_ms = MIN(part_ms, run->parts[i]->not_before_ms);
	for (size_t i = 1; i < run->timers_count; i++)
		if (run->timers[i].at_ms < run->timers[next].at_ms)
			next = i;
	if (run->timers_count > 0 && run->timers[next].at_ms <= part_ms) {
		struct fake_timer timer = run->timers[next];

		memmove(&run->timers[next], &run->timers[next + 1],
			(--run->timers_count - next) * sizeof(timer));
		run->lanes[timer.lane].timers--;
		seen->now_ms = MAX(seen->now_ms, timer.at_ms);
		completion_add(run, timer.lane,
			       &(struct completion){.kind = COMPLETION_TIMER, .tag = timer.tag});
		return true;
	}
	if (part_ms == INT64_MAX)
		return false;
	seen->now_ms = part_ms;
	part_waiters_wake(run);
	return true;
}

/* One phase to its end.  *ret_end is written when the run is over. */
static bool phase_drive(struct fake_run *fake, const struct handler *handler, void *state,
			unsigned phase, enum fake_end *ret_end)
{
	struct run *run = &fake->run;
	unsigned steps_max = fake->options.steps_max ? fake->options.steps_max : STEPS_MAX;
	unsigned unfinished = run->lanes_count;

	for (unsigned i = 0; i < run->lanes_count; i++) {
		run->lanes[i].runnable = true;
		run->lanes[i].finished = false;
	}
	while (unfinished > 0) {
		bool stepped = false;

		for (unsigned i = 0; i < run->lanes_count; i++) {
			struct fake_lane *lane = &run->lanes[i];
			enum step step;

			if (lane->finished || !lane->runnable)
				continue;
			if (fake->seen.steps++ == steps_max) {
				*ret_end = FAKE_STOPPED;
				return false;
			}
			stepped = true;
			lane->runnable = false;
			step = handler->step(run, state, phase, i, &fake->seen.err);
			if (step == STEP_FAIL) {
				*ret_end = FAKE_FAILED;
				return false;
			}
			lane->runnable |= step == STEP_MORE;
			lane->finished = step == STEP_DONE;
			unfinished -= lane->finished;
		}
		if (!stepped && unfinished > 0 && !time_goes_on(run)) {
			*ret_end = FAKE_STALLED;
			return false;
		}
	}
	return true;
}

static enum fake_end phases_drive(struct fake_run *fake, const struct handler *handler, void *state)
{
	enum fake_end end = FAKE_COMPLETED;

	for (unsigned phase = 0;; phase++) {
		fake->run.lanes_count = phase == 0 ? 1 : 0;
		if (handler->phase && handler->phase(&fake->run, state, phase,
						     &fake->run.lanes_count, &fake->seen.err))
			return FAKE_FAILED;
		assert(fake->run.lanes_count <= LANES_MAX);
		if (fake->run.lanes_count == 0)
			return FAKE_COMPLETED;
		fake->seen.phases++;
		if (!phase_drive(fake, handler, state, phase, &end))
			return end;
	}
}

/* The attempt is over: what it held is dropped, what it finished stays. */
static void attempt_end(struct fake_run *fake, enum fake_end end)
{
	struct run *run = &fake->run;

	if (end == FAKE_COMPLETED)
		told_show(fake, &run->tail);
	told_drop(&run->tail);
	for (size_t i = 0; i < fake->seen.parts; i++) {
		struct fake_part *part = run->parts[i];

		if (part->place == PART_FINISHED) { /* finished, but its turn never came */
			fake->seen.parts_failed -= part->failed;
			fake->seen.parts_done -= !part->failed;
		}
		if (part->place == PART_CLAIMED || part->place == PART_FINISHED) {
			part->place = PART_WAITS;
			part->failed = false;
			told_drop(&part->told);
		}
	}
	for (unsigned i = 0; i < LANES_MAX; i++) {
		struct completion completion;

		while (run_completion(run, i, &completion))
			if (completion.fetch)
				fetch_result_free(completion.fetch);
		free(run->lanes[i].completions);
		fetch_result_free(run->lanes[i].stream.fetch);
	}
	memset(run->lanes, 0, sizeof(run->lanes));
	run->timers_count = 0;
	free(run->timers);
	run->timers = NULL;
	run->memory_used = 0;
}

static enum fake_end planned_drive(struct fake_run *fake, const struct handler *handler,
				   const struct json *spec)
{
	struct planner planner = {.mistakes = &fake->seen.mistakes,
				  .permits = fake->options.permits};
	struct plan *plan = NULL;
	void *state = NULL;
	enum fake_end end = FAKE_FAILED;

	if (spec_check(handler->params, spec, "/spec", planner.mistakes) ||
	    (handler->plan && handler->plan(spec, &planner, &plan)))
		return FAKE_INVALID;
	fake->run.plan = handler->plan ? plan : (const struct plan *)spec;
	fake->run.lanes_count = 1;
	if (!handler->open ||
	    handler->open(&fake->run, fake->run.plan, &state, &fake->seen.err) == 0) {
		end = phases_drive(fake, handler, state);
		if (handler->close)
			handler->close(state);
	}
	attempt_end(fake, end);
	if (handler->plan_free)
		handler->plan_free(plan);
	return end;
}

enum fake_end fake_run_drive(struct fake_run *fake, const struct handler *handler,
			     const char *spec_json)
{
	struct json *spec;
	struct json_place place;
	enum fake_end end;

	fake->run.attempt++;
	fake->run.ordered = false;
	fake->seen.steps = fake->seen.phases = 0;
	fake->seen.err = (struct err){0};
	mistakes_done(&fake->seen.mistakes);
	mistakes_init(&fake->seen.mistakes);
	if (json_parse(spec_json, strlen(spec_json), &spec, &place, &fake->seen.err))
		return FAKE_INVALID;
	end = planned_drive(fake, handler, spec);
	json_free(spec);
	return end;
}

const struct fake_seen *fake_run_seen(const struct fake_run *fake)
{
	return &fake->seen;
}

const char *fake_run_ndjson(struct fake_run *fake)
{
	buf_clear(&fake->ndjson);
	for (size_t i = 0; i < fake->seen.items_count; i++) {
		buf_add(&fake->ndjson, fake->seen.items[i].text, fake->seen.items[i].len);
		buf_add_byte(&fake->ndjson, '\n');
	}
	assert(buf_ok(&fake->ndjson));
	return buf_text(&fake->ndjson);
}

struct fake_options *fake_run_options(struct fake_run *fake)
{
	return &fake->options;
}

struct fake_run *fake_run_new(const struct fake_options *options)
{
	struct fake_run *fake = must(calloc(1, sizeof(*fake)));

	fake->options = *options;
	fake->seen.total = -1;
	fake->seen.now_ms = FAKE_START_MS;
	id_new(&fake->run.id);
	buf_init(&fake->ndjson, TEXT_BYTES_MAX);
	mistakes_init(&fake->seen.mistakes);
	return fake;
}

static int scratch_remove_one(const char *path, const struct stat *stat, int kind, struct FTW *ftw)
{
	(void)stat;
	(void)kind;
	(void)ftw;
	return remove(path);
}

void fake_run_free(struct fake_run *fake)
{
	struct fake_seen *seen = &fake->seen;
	struct told visible = {
		seen->items, seen->items_count, seen->failures, seen->failures_count, {0}};

	told_drop(&visible);
	for (size_t i = 0; i < seen->parts; i++) {
		struct fake_part *part = fake->run.parts[i];

		free((char *)part->part.key);
		free((char *)part->part.input);
		part_unresume(&part->part);
		told_drop(&part->told);
		free(part);
	}
	free(fake->run.parts);
	for (size_t i = 0; i < seen->logs_count; i++)
		free(seen->logs[i].text);
	free(seen->logs);
	for (unsigned i = 0; i < fake->run.checkpoints_count; i++)
		free(fake->run.checkpoints[i].blob);
	if (fake->run.scratch) /* with the job, as in the engine */
		(void)nftw(fake->run.scratch, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(fake->run.scratch);
	free(seen->summary);
	for (size_t i = 0; i < seen->bodies_count; i++) {
		free(seen->bodies[i].name);
		free(seen->bodies[i].bytes);
	}
	free(seen->bodies);
	mistakes_done(&seen->mistakes);
	buf_done(&fake->ndjson);
	free(fake);
}
