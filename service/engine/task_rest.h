/* SPDX-License-Identifier: MIT */
/* task_rest.h - what else is wrong with a spec whose shape is wrong.
 *
 * A handler plans only specs that its table has passed.  So that a member of a wrong type does
 * not hide a selector that does not compile, what the table found wrong is taken out, and the
 * rest, once the table passes it, is planned for its mistakes alone.  What only says that
 * something is missing, or does not go with something else, may be about what was taken out, and
 * is not told: it is found when the rest is right.
 *
 * Threads    pure.
 * Ownership  the spec is smaller afterwards: its task is refused.
 */
#ifndef SERVICE_ENGINE_TASK_REST_H
#define SERVICE_ENGINE_TASK_REST_H

struct handler;
struct json;
struct mistakes;
struct permits;

/* `mistakes` are those of the table; more are added. */
void task_rest_plan(const struct handler *handler, struct json *spec, const struct permits *permits,
		    struct mistakes *mistakes);

#endif
