/* SPDX-License-Identifier: MIT */
/* test_pipe_plan.c - what is wrong with a pipeline: all of it at once, each with its place. */
#include "base/buf.h"
#include "tests/lib/fake_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

extern const struct handler pipeline_handler;

/* "pointer type: detail [hint]" of each mistake, a line each. */
static void assert_mistakes(const char *stages, const char *expected)
{
	struct fake_run *fake = fake_run_new(&(struct fake_options){0});
	struct buf told = BUF(100000), spec = BUF(100000);

	buf_printf(&spec, "{\"input\":{\"items\":[]},\"stages\":%s}", stages);
	if (fake_run_drive(fake, &pipeline_handler, buf_text(&spec)) != FAKE_INVALID)
		fail_msg("%s was taken", stages);
	for (const struct mistake *at = fake_run_seen(fake)->mistakes.first; at; at = at->next)
		buf_printf(&told, "%s %s: %s%s%s%s\n", at->pointer, at->type, at->detail,
			   at->hint ? " [" : "", at->hint ? at->hint : "", at->hint ? "]" : "");
	if (strcmp(buf_text(&told), expected) != 0)
		fail_msg("%s\n%s", stages, buf_text(&told));
	buf_done(&told);
	buf_done(&spec);
	fake_run_free(fake);
}

static void a_verb_is_one_of_those_that_there_are(void **state)
{
	/* Unknown, none, two. */
	(void)state;
	assert_mistakes("[{\"fliter\":\"a\"}]",
			"/spec/stages/0/fliter unknown-member: no stage verb 'fliter' [filter]\n");
	assert_mistakes("[{\"name\":\"a\"}]",
			"/spec/stages/0 missing-member: a stage needs a verb: "
			"set, filter, map, reduce, …\n");
	assert_mistakes("[{\"limit\":1,\"skip\":2}]", "/spec/stages/0/skip conflict: a stage has "
						      "one verb, and 'limit' is there already\n");
	assert_mistakes("[5]", "/spec/stages/0 wrong-type: expected an object, not a number\n");
}

static void mistakes_of_all_kinds_come_at_once(void **state)
{
	/* A member, an expression, a name. */
	(void)state;
	assert_mistakes("[{\"fliter\":\"a\"},{\"set\":{\"x\":\"a +\"}},"
			"{\"name\":\"s\",\"filter\":\"lower(a, b) == 'x'\"}]",
			"/spec/stages/0/fliter unknown-member: no stage verb 'fliter' [filter]\n"
			"/spec/stages/1/set/x expression: expected a value but the expression "
			"ends\n"
			"/spec/stages/2/filter expression: lower() with 2 arguments "
			"[lower(text)]\n");
}

static void names_are_known_and_unique(void **state)
{
	/* from, merge and branch name stages. */
	(void)state;
	assert_mistakes("[{\"name\":\"first\",\"limit\":1},{\"from\":\"frist\",\"limit\":1}]",
			"/spec/stages/1/from unknown-stage: no stage has the name 'frist' "
			"[first]\n/spec/stages/0 no-end: nobody takes what 'first' gives [name it "
			"in a merge, or end it with a sink; only the last stage gives the "
			"results]\n");
	assert_mistakes("[{\"name\":\"a\",\"limit\":1},{\"name\":\"a\",\"limit\":1}]",
			"/spec/stages/1/name conflict: 'a' is the name of /spec/stages/0 too\n");
	assert_mistakes("[{\"name\":\"stages[1]\",\"limit\":1},{\"limit\":1}]",
			"/spec/stages/1 conflict: 'stages[1]' is the name of /spec/stages/0 too\n");
	assert_mistakes("[{\"name\":\"input\",\"limit\":1}]",
			"/spec/stages/0/name conflict: 'input' is the name of the input too\n");
	assert_mistakes("[{\"branch\":[{\"to\":\"x\"}]},{\"name\":\"y\",\"limit\":1}]",
			"/spec/stages/0/branch/0/to unknown-stage: no stage has the name 'x'\n"
			"/spec/stages/1 unreachable: no records come here: the stage before it "
			"leads them elsewhere [\"from\": \"…\" names where they come from]\n");
}

static void records_come_from_the_input_and_do_not_go_round(void **state)
{
	/* Two stages that feed each other, with and without a way in. */
	(void)state;
	assert_mistakes(
		"[{\"name\":\"a\",\"from\":\"b\",\"limit\":1},"
		"{\"name\":\"b\",\"from\":\"a\",\"limit\":1},{\"from\":\"input\",\"limit\":1}]",
		"/spec/stages/0 unreachable: no records come here from the input\n"
		"/spec/stages/1 unreachable: no records come here from the input\n");
	assert_mistakes("[{\"name\":\"a\",\"from\":[\"input\",\"b\"],\"limit\":1},"
			"{\"name\":\"b\",\"from\":\"a\",\"limit\":1},{\"from\":\"b\",\"limit\":1}]",
			"/spec/stages/0 cycle: its records come back to it: 'a' → 'b' → 'a'\n"
			"/spec/stages/1 cycle: its records come back to it: 'b' → 'a' → 'b'\n");
}

static void every_record_ends_somewhere(void **state)
{
	/* An arm that nobody takes from. */
	(void)state;
	assert_mistakes("[{\"branch\":[{\"when\":\"a > 1\",\"to\":\"big\"},{\"to\":\"rest\"}]},"
			"{\"name\":\"big\",\"set\":{\"x\":\"1\"}},"
			"{\"name\":\"rest\",\"set\":{\"x\":\"2\"}}]",
			"/spec/stages/1 no-end: nobody takes what 'big' gives [name it in a merge, "
			"or end it with a sink; only the last stage gives the results]\n");
}

static void members_of_other_verbs_are_told(void **state)
{
	/* match says how a branch chooses. */
	(void)state;
	assert_mistakes("[{\"limit\":1,\"match\":\"all\"}]",
			"/spec/stages/0/match conflict: it belongs to branch, not to limit\n");
}

static void what_gathers_cannot_replace(void **state)
{
	/* The record in its place would be gathered by nobody. */
	(void)state;
	assert_mistakes("[{\"reduce\":{\"aggregates\":{\"n\":\"count\"}},"
			"\"on_error\":{\"replace\":\"return r\"}}]",
			"/spec/stages/0/on_error conflict: here it is fail, skip or dead_letter\n");
}

static void members_are_selected_once(void **state)
{
	/* A path twice, one inside another; beside each other they are no mistake. */
	(void)state;
	assert_mistakes("[{\"select\":[\"a\",\"b.x\",\"b.y\",\"/a\",\"b\"]}]",
			"/spec/stages/0/select/3 conflict: it is selected already, or a part of "
			"it, with number 0\n"
			"/spec/stages/0/select/4 conflict: it is selected already, or a part of "
			"it, with number 1\n");
}

static void records_come_once(void **state)
{
	/* A source that is named twice, in from and in merge; a branch that leads elsewhere. */
	(void)state;
	assert_mistakes("[{\"name\":\"a\",\"limit\":1},{\"from\":[\"a\",\"a\"],\"limit\":1}]",
			"/spec/stages/1/from/1 conflict: 'a' is named already: its records would "
			"come twice\n");
	assert_mistakes("[{\"tee\":[\"x\",\"x\"]},{\"name\":\"x\",\"limit\":1}]",
			"/spec/stages/0/tee/1 conflict: it gets a copy already: its records would "
			"come twice\n");
	assert_mistakes("[{\"from\":\"input\",\"merge\":[\"input\"]}]",
			"/spec/stages/0/merge/0 conflict: 'input' is named already: its records "
			"would come twice\n");
	assert_mistakes("[{\"name\":\"b\",\"branch\":[{\"to\":\"x\"}]},"
			"{\"name\":\"x\",\"from\":\"b\",\"limit\":1},{\"from\":\"b\",\"limit\":1}]",
			"/spec/stages/2/from no-output: 'b' leads its records to the stages that "
			"it names, and nowhere else\n"
			"/spec/stages/1 no-end: nobody takes what 'x' gives [name it in a merge, "
			"or end it with a sink; only the last stage gives the results]\n");
}

static void too_many_members_are_told_once(void **state)
{
	/* Of two stages that write 40 each, the 65th. */
	struct buf stages = BUF(100000);

	(void)state;
	buf_add_text(&stages, "[");
	for (int stage = 0; stage < 2; stage++) {
		buf_printf(&stages, "%s{\"set\":{", stage ? "," : "");
		for (int i = 0; i < 40; i++)
			buf_printf(&stages, "%s\"m%d\":%d", i ? "," : "", 40 * stage + i, i);
		buf_add_text(&stages, "}}");
	}
	buf_add_text(&stages, "]");
	assert_mistakes(buf_text(&stages),
			"/spec/stages/1/set/m64 limit: at most 64 members are set, dropped and "
			"renamed before a reduce or sort; one map or select writes any number\n");
	buf_done(&stages);
}

static void what_is_not_built_yet_says_so(void **state)
{
	/* Of the contract, but refused. */
	(void)state;
	assert_mistakes("[{\"window\":{}}]",
			"/spec/stages/0/window not-implemented: this is part of "
			"the contract, but not built yet\n");
	assert_mistakes("[{\"limit\":1,\"workers\":2}]",
			"/spec/stages/0/workers not-implemented: only stages that make requests "
			"have it so far [\"workers\" of the spec is the number of lanes]\n");
}

static void requests_are_looked_at_before_they_are_made(void **state)
{
	/* A URL, a place in it, a header field, a method's object. */
	(void)state;
	assert_mistakes("[{\"fetch\":{\"url\":\"ftp://a/{id}\",\"into\":\"x\"}}]",
			"/spec/stages/0/fetch/url bad-url: scheme ftp: is not http: or https:\n");
	assert_mistakes("[{\"fetch\":{\"url\":\"http://a/{user id}\",\"into\":\"x\"}}]",
			"/spec/stages/0/fetch/url bad-template: '{user id}' is no member of a "
			"record [{name}, {a.b}, {/a/b}; a brace is %7B]\n");
	assert_mistakes("[{\"fetch\":{\"url\":\"http://a/\",\"into\":\"x\","
			"\"headers\":{\"Host\":\"{h}\"}}}]",
			"/spec/stages/0/fetch/headers/Host bad-header: 'Host' is the fetch "
			"engine's own\n");
	assert_mistakes("[{\"fetch\":{\"url\":\"http://a/\"}}]",
			"/spec/stages/0/fetch/into missing-member: 'into' is required\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_verb_is_one_of_those_that_there_are),
		cmocka_unit_test(mistakes_of_all_kinds_come_at_once),
		cmocka_unit_test(names_are_known_and_unique),
		cmocka_unit_test(records_come_from_the_input_and_do_not_go_round),
		cmocka_unit_test(every_record_ends_somewhere),
		cmocka_unit_test(members_of_other_verbs_are_told),
		cmocka_unit_test(what_gathers_cannot_replace),
		cmocka_unit_test(members_are_selected_once),
		cmocka_unit_test(records_come_once),
		cmocka_unit_test(too_many_members_are_told_once),
		cmocka_unit_test(what_is_not_built_yet_says_so),
		cmocka_unit_test(requests_are_looked_at_before_they_are_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
