/* SPDX-License-Identifier: MIT */
/* problem.h - problem details (RFC 9457) as JSON.
 *
 * reply.h answers with them; a batch embeds one for each refused item.
 *
 * Threads    every function from any thread.
 */
#ifndef SERVICE_HTTP_PROBLEM_H
#define SERVICE_HTTP_PROBLEM_H

#include "base/err.h"
#include "base/json.h"

struct mistakes;

/* An object with type, title, status, detail (and instance unless NULL), left open
 * for further members: end it with json_out_end(out, '}'). */
void problem_begin(struct json_out *out, const char *name, const struct err *err,
		   const char *instance);
/* The same of a list of mistakes, with `errors`. */
void problem_begin_mistakes(struct json_out *out, const char *name, const struct mistakes *mistakes,
			    const char *instance);
/* The members line, column and pointer. */
void problem_place(struct json_out *out, const struct json_place *place);

#endif
