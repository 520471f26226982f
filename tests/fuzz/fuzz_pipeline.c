/* SPDX-License-Identifier: MIT */
/* fuzz_pipeline.c - any stages over any records: the body of POST /v1/handlers/pipeline/test.
 *
 * A plan that stands gives an answer that is JSON, whose results are records that a scan finds
 * valid: what overlays write into texts is well-formed, whatever was written.
 */
#include "base/json.h"
#include "base/mistakes.h"
#include "base/record/scan.h"
#include "handlers/handler.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer_check(const struct buf *answer)
{
	struct scanner *scanner = scanner_new(NULL);
	struct scan_mistake mistake;

	assert(scanner);
	assert(scan(scanner, answer->data, answer->len, NULL, &mistake) == 0);
	scanner_free(scanner);
}

static void body_try(const struct handler *handler, const struct json *body)
{
	struct mistakes mistakes;
	struct planner planner = {.mistakes = &mistakes};
	struct plan *plan = NULL;
	struct buf answer = BUF(1 << 24);
	struct json_out out = JSON_OUT(&answer);
	struct err err;

	mistakes_init(&mistakes);
	if (spec_check(handler->preview_params, body, "", &mistakes) == 0 &&
	    handler->preview_plan(body, &planner, &plan) == 0) {
		assert(mistakes.count == 0);
		if (handler->preview(plan, NULL, &out, &err) == 0 && buf_ok(&answer))
			answer_check(&answer);
		handler->plan_free(plan);
	}
	mistakes_done(&mistakes);
	buf_done(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_place place;
	struct json *body;
	struct err err;

	if (json_parse((const char *)data, size, &body, &place, &err))
		return 0;
	body_try(handler_find("pipeline"), body);
	json_free(body);
	return 0;
}
