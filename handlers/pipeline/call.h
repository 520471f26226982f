/* SPDX-License-Identifier: MIT */
/* call.h - the request that a stage makes: what of it is the same for all records, and what is
 * filled in for each (template.h).
 *
 * Threads    a call is constant once planned.
 * Ownership  a call lives in the plan's arena; its texts are the spec's.
 * Errors     mistakes go to the list; -1 and *err: the record fails.
 */
#ifndef HANDLERS_PIPELINE_CALL_H
#define HANDLERS_PIPELINE_CALL_H

#include "base/arena.h"
#include "handlers/pipeline/template.h"
#include "net/fetch.h"

struct json;

struct call {
	struct fetch_request request; /* without url, headers and body */
	struct template url, body;
	bool has_body;
	struct call_header {
		const char *name;
		const char *constant; /* NULL: … */
		struct template value;
	} * headers;
	size_t headers_count;
	bool fixed; /* no record is needed */
};

/* Of `value`, the stage's: url, method, headers, body and manners; of the stage itself timeout
 * and retry.  As template_plan(). */
bool call_plan(struct stage_planner *planner, struct stage *stage, const struct json *value,
	       const char *method, struct call *ret, bool *ret_renew);

/* The request for a row (bundle NULL: of a call that is fixed); what it points to is in the
 * arena, or the plan's.  `more` header fields are left free behind those that there are. */
int call_fill(const struct call *call, struct bundle *bundle, uint32_t row, size_t more,
	      struct arena *arena, struct fetch_request *ret, struct err *err);

#endif
