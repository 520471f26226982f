/* SPDX-License-Identifier: MIT */
/* task.c - from the text of a job to something that can run.
 *
 *   text ─ json_parse ▶ envelope ─ spec_check ▶ known members, right types
 *        ─ handler_find, spec_check(params), handler.plan ▶ plan  (task_rest.c: of a part)
 *        ─ the rest of the envelope ▶ row, retry policy, limits
 *
 * Every mistake of envelope and spec is gathered before the answer is no.
 */
#include "service/engine/task.h"

#include "base/limits.h"
#include "base/units.h"
#include "service/engine/task_rest.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const priorities[] = {"critical", "high", "normal", "low", NULL};
static const char *const backoffs[] = {"exponential", "fixed", NULL};
static const char *const conflicts[] = {"return", "reject", NULL};

enum {
	MS_PER_DAY = 24 * 3600 * 1000,
	ATTEMPTS_DEFAULT = 3,
	RETRY_BASE_MS = 1000,
	RETRY_MAX_DELAY_MS = 5 * 60 * 1000,
	TASK_BYTES_MAX = JSON_TREE_BYTES_MAX + 2 * JOB_SPEC_BYTES_MAX,
};

/* clang-format off */
static const struct param retry_params[] = {
	{.name = "max_attempts", .kind = PARAM_INT, .min = 1, .max = JOB_ATTEMPTS_MAX, .preset = "3",
	 .summary = "Attempts in all, the first included"},
	{.name = "backoff", .kind = PARAM_CHOICE, .choices = backoffs, .preset = "\"exponential\"",
	 .summary = "How the delay between attempts grows"},
	{.name = "base", .kind = PARAM_DURATION, .min = 0, .max = 7.0 * MS_PER_DAY, .preset = "\"1s\"",
	 .summary = "The delay before the second attempt"},
	{.name = "factor", .kind = PARAM_NUMBER, .min = 1, .max = 100, .preset = "2",
	 .summary = "Each delay is this many times the one before"},
	{.name = "max_delay", .kind = PARAM_DURATION, .min = 0, .max = 7.0 * MS_PER_DAY, .preset = "\"5m\"",
	 .summary = "No delay is longer"},
	{.name = "jitter", .kind = PARAM_BOOL, .preset = "true",
	 .summary = "Choose each delay at random between zero and what it would be"},
	{0},
};

static const struct param unique_params[] = {
	{.name = "key", .kind = PARAM_TEXT, .required = true, .min = 1, .max = NAME_BYTES_MAX,
	 .summary = "Held by one job until it fails, is cancelled or is deleted"},
	{.name = "on_conflict", .kind = PARAM_CHOICE, .choices = conflicts, .preset = "\"return\"",
	 .summary = "Answer with the job that has the key, or refuse with 409"},
	{0},
};

static const struct param tag_value[] = {
	{.kind = PARAM_TEXT, .max = NAME_BYTES_MAX, .summary = "Any label"},
	{0},
};

static const struct param max_failed_share = {
	.kind = PARAM_TEXT, .min = 2, .max = 7, .summary = "A share of all items, such as \"5%\"",
};

const struct param envelope_params[] = {
	{.name = "type", .kind = PARAM_TEXT, .required = true, .max = NAME_BYTES_MAX,
	 .summary = "The handler that does the job; GET /v1/handlers lists them"},
	{.name = "spec", .kind = PARAM_OBJECT, .required = true,
	 .summary = "What the handler is to do"},
	{.name = "name", .kind = PARAM_TEXT, .min = 1, .max = NAME_BYTES_MAX,
	 .summary = "A label for lists and filters"},
	{.name = "priority", .kind = PARAM_CHOICE, .choices = priorities, .preset = "\"normal\"",
	 .summary = "Which jobs go first"},
	{.name = "run_at", .kind = PARAM_INSTANT, .summary = "Not before this instant"},
	{.name = "delay", .kind = PARAM_DURATION, .max = 3650.0 * MS_PER_DAY,
	 .summary = "Not before this long after the submit"},
	{.name = "timeout", .kind = PARAM_DURATION, .min = 1, .max = 365.0 * MS_PER_DAY,
	 .summary = "How long one attempt may run; paused time does not count"},
	{.name = "deadline", .kind = PARAM_DURATION, .min = 1, .max = 3650.0 * MS_PER_DAY,
	 .summary = "How long the whole job may take, from run_at on"},
	{.name = "retry", .kind = PARAM_OBJECT, .members = retry_params,
	 .summary = "How failed attempts are repeated"},
	{.name = "unique", .kind = PARAM_OBJECT, .members = unique_params,
	 .summary = "Keep the same work from being done twice"},
	{.name = "tags", .kind = PARAM_MAP, .members = tag_value, .max = JOB_TAGS_MAX,
	 .summary = "Labels for lists and filters"},
	{.name = "fair_key", .kind = PARAM_TEXT, .min = 1, .max = NAME_BYTES_MAX,
	 .summary = "Jobs of one priority take turns by this key"},
	{.name = "max_failed", .kind = PARAM_INT, .min = 0, .max = 1e15, .otherwise = &max_failed_share,
	 .summary = "The job fails when more items fail; by default only when all do"},
	{.name = "keep", .kind = PARAM_TEXT, .max = 40, .preset = "\"7d\"",
	 .summary = "How long the job is kept after its end: a duration, or \"forever\""},
	{.name = "depends_on", .kind = PARAM_LATER, .summary = "Jobs that must complete first"},
	{.name = "callback", .kind = PARAM_LATER, .summary = "A URL that is told of the end"},
	{.name = "params", .kind = PARAM_OBJECT, .summary = "Values for the scripts of the job: ctx.params"},
	{0},
};
/* clang-format on */

/* ---- the envelope ---- */

static void retry_read(struct task *task, const struct json *retry)
{
	task->job.max_attempts = (uint16_t)spec_int(retry, "max_attempts", ATTEMPTS_DEFAULT);
	task->retry = (struct backoff){
		.exponential = spec_choice(retry, "backoff", backoffs, 0) == 0,
		.base_ms = spec_duration(retry, "base", RETRY_BASE_MS),
		.max_delay_ms = spec_duration(retry, "max_delay", RETRY_MAX_DELAY_MS),
		.factor = spec_number(retry, "factor", 2),
		.jitter = spec_bool(retry, "jitter", true),
	};
}

static void keep_read(struct task *task, const char *keep, struct mistakes *mistakes)
{
	struct err err;

	if (!keep)
		task->job.keep_for_ms = 0;
	else if (strcmp(keep, "forever") == 0)
		task->job.keep_for_ms = -1;
	else if (duration_parse(keep, &task->job.keep_for_ms, &err))
		mistake_hint(mistakes,
			     mistake_add(mistakes, "/keep", "bad-duration", "%s", err.detail),
			     "\"7d\" or \"forever\"");
	else
		task->job.keep_for_ms = MAX(task->job.keep_for_ms, 1);
}

/* "5%" as 0.05; -1 when it is not a share. */
static double share_parse(const char *text)
{
	char *end;
	double percent = strtod(text, &end);

	if (end == text || strcmp(end, "%") != 0 || !(percent >= 0 && percent <= 100))
		return -1;
	return percent / 100;
}

static void max_failed_read(struct task *task, const struct json *value, struct mistakes *mistakes)
{
	const char *share = json_text(value, NULL);

	task->max_failed = -1;
	task->max_failed_share = 1;
	if (share) {
		task->max_failed_share = share_parse(share);
		if (task->max_failed_share < 0)
			mistake_hint(mistakes,
				     mistake_add(mistakes, "/max_failed", "bad-share",
						 "'%s' is not a share of 0%% to 100%%", share),
				     "\"5%%\", or a number of items");
	} else if (value) {
		task->max_failed = (int64_t)json_number(value, -1);
	}
}

static void times_read(struct task *task, const struct json *envelope, struct mistakes *mistakes)
{
	if (json_get(envelope, "run_at") && json_get(envelope, "delay"))
		mistake_hint(mistakes,
			     mistake_add(mistakes, "/delay", "conflict",
					 "run_at and delay both say when the job may start"),
			     "leave one of them out");
	task->timeout_ms = spec_duration(envelope, "timeout", 0);
	task->deadline_for_ms = spec_duration(envelope, "deadline", 0);
}

static void tags_read(struct task *task, const struct json *tags)
{
	struct buf text = BUF(JOB_TAGS_MAX * 16 * NAME_BYTES_MAX);

	if (tags && json_count(tags) > 0 && json_print(tags, &text) == 0)
		task->job.tags = arena_copy(&task->arena, text.data, text.len);
	buf_done(&text);
}

static void envelope_read(struct task *task, struct mistakes *mistakes)
{
	const struct json *envelope = task->envelope;
	const struct json *unique = json_get(envelope, "unique");
	struct job *job = &task->job;

	/* Borrowed from the envelope, which lives as long as the task. */
	job->type = (char *)spec_text(envelope, "type", NULL);
	job->name = (char *)spec_text(envelope, "name", NULL);
	job->fair_key = (char *)spec_text(envelope, "fair_key", NULL);
	job->unique_key = unique ? (char *)spec_text(unique, "key", NULL) : NULL;
	task->unique_return = !unique || spec_choice(unique, "on_conflict", conflicts, 0) == 0;
	job->priority =
		(enum job_priority)spec_choice(envelope, "priority", priorities, PRIORITY_NORMAL);
	job->total = -1;
	retry_read(task, json_get(envelope, "retry"));
	keep_read(task, spec_text(envelope, "keep", NULL), mistakes);
	max_failed_read(task, json_get(envelope, "max_failed"), mistakes);
	times_read(task, envelope, mistakes);
	tags_read(task, json_get(envelope, "tags"));
}

/* ---- the handler's part ---- */

static void type_unknown(const char *type, struct mistakes *mistakes)
{
	struct mistake *mistake =
		mistake_add(mistakes, "/type", "unknown-type", "no handler is called '%s'", type);
	const char *names[64];
	const char *nearest;
	size_t count = 0;

	while (handlers[count] && count < ARRAY_LEN(names) - 1) {
		names[count] = handlers[count]->name;
		count++;
	}
	names[count] = NULL;
	nearest = nearest_name(type, names);
	mistake_hint(mistakes, mistake, "%s", nearest ? nearest : "GET /v1/handlers lists them");
}

static int spec_plan(struct task *task, const struct permits *permits, struct mistakes *mistakes)
{
	struct planner planner = {.mistakes = mistakes, .permits = permits};

	if (spec_check(task->handler->params, task->spec, "/spec", mistakes)) {
		/* The envelope is ours, and goes with the refusal. */
		task_rest_plan(task->handler, (struct json *)(uintptr_t)task->spec, permits,
			       mistakes);
		return -1;
	}
	if (!task->handler->plan)
		return 0;
	return task->handler->plan(task->spec, &planner, &task->plan);
}

static int mistakes_told(const struct mistakes *mistakes, struct err *err)
{
	const struct mistake *first = mistakes->first;

	return err_set(err, mistakes->code, "%s: %s", first ? first->pointer : "",
		       first ? first->detail : "the spec is not valid");
}

static int task_fill(struct task *task, const struct permits *permits, struct mistakes *mistakes,
		     struct err *err)
{
	const char *type;

	if (json_kind(task->envelope) != JSON_OBJECT) {
		mistake_add(mistakes, "", "wrong-type", "a job is an object, not %s",
			    json_kind_name(json_kind(task->envelope)));
		return mistakes_told(mistakes, err);
	}
	spec_check(envelope_params, task->envelope, "", mistakes);
	type = json_text(json_get(task->envelope, "type"), NULL);
	task->spec = json_get(task->envelope, "spec");
	task->handler = type ? handler_find(type) : NULL;
	if (type && !task->handler)
		type_unknown(type, mistakes);
	if (task->handler && task->spec && json_kind(task->spec) == JSON_OBJECT)
		spec_plan(task, permits, mistakes);
	if (mistakes->count == 0)
		envelope_read(task, mistakes);
	if (mistakes->count > 0)
		return mistakes_told(mistakes, err);
	assert(task->handler); /* else /type was a mistake */
	if (arena_failed(&task->arena) || (task->handler->plan && !task->plan))
		return err_set(err, ERR_NO_MEMORY, "no memory for the job's plan");
	return 0;
}

int task_compile(const char *text, size_t len, const struct permits *permits,
		 struct task **ret_task, struct mistakes *mistakes, struct json_place *ret_place,
		 struct err *err)
{
	struct arena arena = ARENA(TASK_BYTES_MAX);
	struct task *task;

	if (len > JOB_SPEC_BYTES_MAX)
		return err_set(err, ERR_BODY_TOO_LARGE, "a job may have %d bytes, this one has %zu",
			       JOB_SPEC_BYTES_MAX, len);
	task = arena_alloc(&arena, sizeof(*task));
	if (!task)
		return err_set(err, ERR_NO_MEMORY, "no memory for a job");
	task->arena = arena;
	task->job.body = arena_copy(&task->arena, text, len);
	if (!task->job.body)
		err_set(err, ERR_NO_MEMORY, "no memory for a job");
	else if (json_parse_in(&task->arena, text, len, &task->envelope, ret_place, err) == 0 &&
		 task_fill(task, permits, mistakes, err) == 0) {
		*ret_task = task;
		return 0;
	}
	task_free(task);
	return -1;
}

void task_stamp(struct task *task, int64_t now_wall_ms)
{
	struct job *job = &task->job;
	int64_t delay_ms = spec_duration(task->envelope, "delay", 0);

	id_new(&job->id);
	job->created_ms = now_wall_ms;
	job->ready_ms =
		MAX(spec_instant(task->envelope, "run_at", now_wall_ms + delay_ms), now_wall_ms);
	job->deadline_ms = task->deadline_for_ms ? job->ready_ms + task->deadline_for_ms : 0;
	job->state = job->ready_ms > now_wall_ms ? JOB_SCHEDULED : JOB_PENDING;
}

int task_restore(struct job *job, const struct permits *permits, struct task **ret_task,
		 struct err *err)
{
	struct permits then = permits ? *permits : (struct permits){0};
	struct mistakes mistakes;
	struct json_place place;
	struct task *task = NULL;
	struct job made;
	int rc;

	then.job_known = NULL; /* what was known at the submit; its attempt says what has gone */
	mistakes_init(&mistakes);
	rc = task_compile(job->body, strlen(job->body), &then, &task, &mistakes, &place, err);
	mistakes_done(&mistakes);
	if (rc)
		return -1;
	assert(task);
	/* The numbers are the row's, which may have been patched; the texts the body's. */
	made = task->job;
	task->job = *job;
	task->job.type = made.type;
	task->job.name = made.name;
	task->job.fair_key = made.fair_key;
	task->job.tags = made.tags;
	task->job.body = made.body;
	task->job.unique_key = made.unique_key;
	task->job.request_id = job->request_id ? arena_text(&task->arena, job->request_id) : NULL;
	task->job.summary = task->job.error_detail = task->job.stage = NULL;
	job_done(job);
	*job = (struct job){0};
	*ret_task = task;
	return 0;
}

void task_free(struct task *task)
{
	struct arena arena;

	if (!task)
		return;
	if (task->handler && task->handler->plan_free)
		task->handler->plan_free(task->plan);
	arena = task->arena; /* which lives in itself */
	arena_done(&arena);
}

int64_t backoff_delay_ms(const struct backoff *policy, unsigned failures, struct rng *rng)
{
	double delay = (double)policy->base_ms;

	if (policy->exponential && failures > 1)
		delay *= pow(policy->factor, (double)(failures - 1));
	if (!(delay < (double)policy->max_delay_ms))
		delay = (double)policy->max_delay_ms;
	if (policy->jitter)
		delay *= rng_unit(rng);
	return (int64_t)delay;
}
