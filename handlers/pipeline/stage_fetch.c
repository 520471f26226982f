/* SPDX-License-Identifier: MIT */
/* stage_fetch.c - {"fetch": {"url": "https://api/users/{user}", "into": "user"}}
 *
 * Each record is asked for, `workers` at once; what comes back becomes a member of it, or with
 * "into": "$" the record itself.  Records go on in their order: answers that came early wait,
 * and while they are many bytes no more is asked.
 *
 *   rows   [0 … gone … begun … count)    gone: left the stage; begun: asked
 */
#include "handlers/pipeline/pipeline.h"

#include "base/record/walk.h"
#include "handlers/pipeline/call.h"
#include "handlers/pipeline/planner.h"
#include "net/charset.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct fetch_plan {
	struct call call;
	bool instead; /* of the record */
	unsigned into;
};

struct asked {
	uint32_t row;
	bool over;
	struct err refused;	     /* ERR_NONE: it was started, … */
	struct fetch_result *result; /* … and ended so */
};

struct fetch_lane {
	struct asked *rows;
	size_t gone, begun, count, room;
	unsigned under_way;
	size_t bytes; /* of answers that wait */
	struct arena arena;
	struct scanner *scanner;
};

/* ---- the plan ---- */

static void fetch_plan(struct stage *stage, const struct json *value, struct stage_planner *planner)
{
	struct fetch_plan *plan = plan_alloc(planner, stage, 1, sizeof(*plan));
	const char *verb = mistakes_pointer(planner->mistakes, stage->pointer, "fetch");
	const char *into = spec_text(value, "into", "");
	bool renew = false;

	stage->plan = plan;
	if (!plan)
		return;
	call_plan(planner, stage, value, json_get(value, "body") ? "POST" : "GET", &plan->call,
		  &stage->renew);
	plan->instead = strcmp(into, "$") == 0;
	if (plan->instead)
		plan_made_anew(planner);
	else
		plan_writes(planner, stage, into, mistakes_pointer(planner->mistakes, verb, "into"),
			    &plan->into, &renew);
	stage->renew = stage->renew || renew;
}

static int fetch_open(struct stage_lane *at, struct err *err)
{
	struct fetch_lane *state = calloc(1, sizeof(*state));

	at->state = state;
	if (!state)
		return err_set(err, ERR_NO_MEMORY, "no memory for a stage");
	arena_init(&state->arena, 2 * RECORD_BYTES_MAX);
	state->scanner = scanner_new(NULL);
	return state->scanner ? 0 : err_set(err, ERR_NO_MEMORY, "no memory for a stage");
}

static void fetch_close(struct stage_lane *at)
{
	struct fetch_lane *state = at->state;

	if (!state)
		return;
	for (size_t i = state->gone; i < state->begun; i++)
		fetch_result_free(state->rows[i].result);
	scanner_free(state->scanner);
	arena_done(&state->arena);
	free(state->rows);
	free(state);
}

/* ---- what came back ---- */

static bool type_is_json(const char *type)
{
	size_t len = strcspn(type, "; \t");

	return (len == 16 && strncasecmp(type, "application/json", len) == 0) ||
	       (len > 5 && strncasecmp(type + len - 5, "+json", 5) == 0);
}

/* The body as JSON text that lives as long as the bundle, in one line. */
static int json_read(struct fetch_lane *state, struct bundle *bundle,
		     const struct fetch_result *result, struct value *ret, struct err *err)
{
	struct scan_mistake mistake;
	char *copy;

	if (scan(state->scanner, result->body, result->body_len, NULL, &mistake))
		return err_set(err, ERR_INVALID_RECORD, "the answer is not JSON: %s, at byte %zu",
			       mistake.detail, mistake.offset);
	copy = arena_copy(&bundle->arena, result->body, result->body_len);
	if (!copy)
		return err_set(err, ERR_LIMIT,
			       "answers to some hundred records of more than %d "
			       "bytes",
			       PIPELINE_BUNDLE_BYTES_MAX);
	for (char *at = copy; *at; at++) /* line ends of JSON stand between its tokens */
		if (*at == '\n' || *at == '\r')
			*at = ' ';
	value_read(copy, result->body_len, ret);
	return 0;
}

static int text_read(struct bundle *bundle, const struct fetch_result *result, struct value *ret,
		     struct err *err)
{
	struct buf decoded = BUF(3 * FETCH_BODY_BYTES_MAX);
	const char *charset, *text;
	int rc = -1;

	*ret = (struct value){.kind = VALUE_TEXT, .form = TEXT_DECODED};
	charset = charset_detect(result->body, result->body_len, result->content_type, NULL, NULL);
	if (charset_decode(charset, result->body, result->body_len, &decoded, &text, &ret->len,
			   err) == 0) {
		ret->at = text;
		rc = bundle_keep(bundle, ret, err);
	}
	buf_done(&decoded);
	return rc;
}

static int answer_read(struct fetch_lane *state, struct bundle *bundle,
		       const struct fetch_result *result, struct value *ret, struct err *err)
{
	if (result->body_len == 0) {
		*ret = (struct value){.kind = VALUE_NULL};
		return 0;
	}
	if (type_is_json(result->content_type))
		return json_read(state, bundle, result, ret, err);
	return text_read(bundle, result, ret, err);
}

static int row_answer(struct stage_lane *at, struct bundle *bundle, const struct asked *asked,
		      struct err *err)
{
	const struct fetch_plan *plan = at->stage->plan;
	struct value value;

	if (!asked->result) {
		*err = asked->refused;
		return -1;
	}
	if (asked->result->err.code != ERR_NONE) {
		*err = asked->result->err;
		return -1;
	}
	if (answer_read(at->state, bundle, asked->result, &value, err))
		return -1;
	return plan->instead ? record_become(bundle, asked->row, &value, err)
			     : record_put(bundle, asked->row, plan->into, &value, err);
}

/* Those at the front that are over go on. */
static int rows_release(struct stage_lane *at, struct bundle *bundle, struct picks *picks,
			struct err *err)
{
	struct fetch_lane *state = at->state;

	for (; state->gone < state->begun && state->rows[state->gone].over; state->gone++) {
		struct asked *asked = &state->rows[state->gone];
		bool stays = true;
		struct err why;

		if (picks_room(picks, 1, err) ||
		    (row_answer(at, bundle, asked, &why) &&
		     stage_failed(at, bundle, asked->row, &why, &stays, err)))
			return -1;
		if (stays)
			picks->rows[picks->count++] = asked->row;
		if (asked->result)
			state->bytes -= asked->result->body_len;
		fetch_result_free(asked->result);
		asked->result = NULL;
	}
	if (state->gone == state->count)
		state->gone = state->begun = state->count = 0;
	return 0;
}

/* ---- asking ---- */

static int rows_take(struct fetch_lane *state, const struct picks *picks, struct err *err)
{
	size_t room = MAX(state->room * 2, state->count + picks->count);
	struct asked *larger;

	if (state->count + picks->count > state->room) {
		larger = realloc(state->rows, room * sizeof(*larger));
		if (!larger)
			return err_set(err, ERR_NO_MEMORY, "no memory for a stage");
		state->rows = larger;
		state->room = room;
	}
	for (size_t i = 0; i < picks->count; i++)
		state->rows[state->count++] = (struct asked){.row = picks->rows[i]};
	return 0;
}

/* RUN_FULL: not now. */
static enum run_answer row_ask(struct stage_lane *at, struct bundle *bundle, size_t index)
{
	const struct fetch_plan *plan = at->stage->plan;
	struct fetch_lane *state = at->state;
	struct asked *asked = &state->rows[index];
	struct fetch_request request;
	enum run_answer answer = RUN_ERROR;

	arena_clear(&state->arena);
	if (call_fill(&plan->call, bundle, asked->row, 0, &state->arena, &request,
		      &asked->refused) == 0)
		answer = run_fetch(at->lane->pipeline->run, at->lane->number, &request,
				   stage_tag(at, index), &asked->refused);
	if (answer == RUN_OK)
		state->under_way++;
	else
		asked->over = answer == RUN_ERROR;
	return answer;
}

/* RUN_FULL: more could be asked when there is room. */
static enum run_answer rows_ask(struct stage_lane *at, struct bundle *bundle)
{
	struct fetch_lane *state = at->state;
	unsigned workers = lane_workers(at);

	while (state->begun < state->count && state->under_way < workers) {
		if (state->bytes > PIPELINE_ANSWERS_BYTES_MAX && state->gone < state->begun)
			break;
		if (row_ask(at, bundle, state->begun) == RUN_FULL)
			return RUN_FULL;
		state->begun++;
	}
	return RUN_OK;
}

static int fetch_run(struct stage_lane *at, struct bundle *bundle, struct picks *picks,
		     struct err *err)
{
	struct fetch_lane *state = at->state;
	enum run_answer answer;

	if (rows_take(state, picks, err))
		return -1;
	picks->count = 0;
	do {
		if (lane_has_enough(at))
			state->count = state->begun;
		answer = rows_ask(at, bundle);
		if (rows_release(at, bundle, picks, err))
			return -1;
	} while (state->count > 0 && state->under_way == 0 && answer == RUN_OK);
	at->held = state->count - state->gone;
	return 0;
}

static void fetch_completion(struct stage_lane *at, const struct completion *completion)
{
	struct fetch_lane *state = at->state;
	struct asked *asked = &state->rows[stage_tag_number(completion->tag)];

	asked->over = true;
	asked->result = completion->fetch;
	state->bytes += completion->fetch->body_len;
	state->under_way--;
}

const struct stage_kind fetch_stage = {
	.verb = "fetch",
	.plan = fetch_plan,
	.open = fetch_open,
	.close = fetch_close,
	.run = fetch_run,
	.workers = 16,
	.completion = fetch_completion,
};
