/* SPDX-License-Identifier: MIT */
/* test_join.c - records and the rows of a table, byte for byte.
 *
 * Expected lines are written by hand.
 */
#include "tests/lib/fake_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

extern const struct handler pipeline_handler;

#define TABLE "\"with\":{\"items\":[{\"id\":1,\"n\":\"a\"},{\"id\":2,\"n\":\"b\"}]}"

/* What becomes of items in stages; of a spec that is not taken, its mistakes. */
static void assert_gives(const char *items, const char *stages, const char *expected)
{
	struct fake_run *fake = fake_run_new(&(struct fake_options){.lanes_for_cpu = 2});
	const struct fake_seen *seen = fake_run_seen(fake);
	struct buf told = BUF(100000), spec = BUF(100000);
	enum fake_end end;

	buf_printf(&spec, "{\"input\":{\"items\":%s},\"stages\":%s}", items, stages);
	end = fake_run_drive(fake, &pipeline_handler, buf_text(&spec));
	if (end == FAKE_COMPLETED)
		buf_printf(&told, "%s", fake_run_ndjson(fake));
	else if (end == FAKE_FAILED)
		buf_printf(&told, "%s\n", seen->err.detail);
	for (const struct mistake *at = seen->mistakes.first; at; at = at->next)
		buf_printf(&told, "%s %s: %s\n", at->pointer, at->type, at->detail);
	if (strcmp(buf_text(&told), expected) != 0)
		fail_msg("%s\ngave\n%s", stages, buf_text(&told));
	buf_done(&told);
	buf_done(&spec);
	fake_run_free(fake);
}

static void inner_keeps_records_with_a_row(void **state)
{
	/* As a member, and with members added; what the record has itself stays. */
	(void)state;
	assert_gives("[{\"id\":2},{\"id\":3},{\"id\":1}]",
		     "[{\"join\":{" TABLE ",\"on\":\"id\",\"into\":\"who\"}}]",
		     "{\"id\":2,\"who\":{\"id\":2,\"n\":\"b\"}}\n"
		     "{\"id\":1,\"who\":{\"id\":1,\"n\":\"a\"}}\n");
	assert_gives("[{\"id\":2,\"n\":7},{\"id\":1}]", "[{\"join\":{" TABLE ",\"on\":\"id\"}}]",
		     "{\"id\":2,\"n\":7}\n{\"id\":1,\"n\":\"a\"}\n");
	assert_gives("[{\"c\":2,\"id\":9}]",
		     "[{\"join\":{" TABLE
		     ",\"on\":{\"left\":\"c\",\"right\":\"id\"},\"prefix\":\"c_\"}}]",
		     "{\"c\":2,\"id\":9,\"c_id\":2,\"c_n\":\"b\"}\n");
}

static void left_keeps_all_and_anti_the_others(void **state)
{
	/* Without a row the member is null, and nothing is added. */
	(void)state;
	assert_gives("[{\"id\":3},{\"id\":1}]",
		     "[{\"join\":{" TABLE ",\"on\":\"id\",\"kind\":\"left\",\"into\":\"who\"}}]",
		     "{\"id\":3,\"who\":null}\n{\"id\":1,\"who\":{\"id\":1,\"n\":\"a\"}}\n");
	assert_gives("[{\"id\":3},{\"id\":1}]",
		     "[{\"join\":{" TABLE ",\"on\":\"id\",\"kind\":\"left\"}}]",
		     "{\"id\":3}\n{\"id\":1,\"n\":\"a\"}\n");
	assert_gives("[{\"id\":3},{\"id\":1},{\"id\":4}]",
		     "[{\"join\":{" TABLE ",\"on\":\"id\",\"kind\":\"anti\"}}]",
		     "{\"id\":3}\n{\"id\":4}\n");
}

static void several_rows_give_several_records(void **state)
{
	/* In the order of the table, in the place of the record; members set before are theirs too.
	 */
	static const char with[] =
		"\"with\":{\"items\":[{\"k\":1,\"v\":\"x\"},{\"k\":2,\"v\":\"y\"},"
		"{\"k\":1,\"v\":\"z\"}]},\"on\":\"k\"";
	char stages[1000];

	(void)state;
	snprintf(stages, sizeof(stages), "[{\"join\":{%s}}]", with);
	assert_gives("[{\"k\":1},{\"k\":2}]", stages,
		     "{\"k\":1,\"v\":\"x\"}\n{\"k\":1,\"v\":\"z\"}\n{\"k\":2,\"v\":\"y\"}\n");
	snprintf(stages, sizeof(stages),
		 "[{\"set\":{\"s\":\"k * 10\"}},{\"join\":{%s,\"into\":\"t\"}},"
		 "{\"set\":{\"v\":\"t.v\"}},{\"drop\":\"t\"}]",
		 with);
	assert_gives("[{\"k\":1},{\"k\":2}]", stages,
		     "{\"k\":1,\"s\":10,\"v\":\"x\"}\n{\"k\":1,\"s\":10,\"v\":\"z\"}\n"
		     "{\"k\":2,\"s\":20,\"v\":\"y\"}\n");
}

static void keys_are_the_same_when_their_values_are(void **state)
{
	/* 1 and 1.0, a text with escapes; not 1 and "1"; null and what is missing meet nothing. */
	(void)state;
	assert_gives("[{\"id\":1.0},{\"id\":\"1\"},{\"id\":null},{}]",
		     "[{\"join\":{\"with\":{\"items\":[{\"id\":1,\"n\":5},{\"id\":null,\"n\":6},"
		     "{\"n\":7}]},\"on\":\"id\"}}]",
		     "{\"id\":1.0,\"n\":5}\n");
	assert_gives("[{\"id\":\"\\u00e9\"}]",
		     "[{\"join\":{\"with\":{\"items\":[{\"id\":\"\xC3\xA9\",\"n\":5}]},"
		     "\"on\":\"id\",\"kind\":\"anti\"}}]",
		     "");
}

static void several_members_make_a_key(void **state)
{
	/* All have to be the same; one that is null is enough to meet nothing. */
	(void)state;
	assert_gives("[{\"a\":1,\"b\":\"x\"},{\"a\":1,\"b\":\"y\"},{\"a\":1,\"b\":null}]",
		     "[{\"join\":{\"with\":{\"items\":[{\"a\":1,\"c\":\"x\",\"n\":5},"
		     "{\"a\":1,\"c\":null,\"n\":6}]},"
		     "\"on\":[\"a\",{\"left\":\"b\",\"right\":\"c\"}],\"into\":\"t\"}}]",
		     "{\"a\":1,\"b\":\"x\",\"t\":{\"a\":1,\"c\":\"x\",\"n\":5}}\n");
}

static void nothing_meets_an_empty_table(void **state)
{
	/* Left keeps all; and a join behind a stage that gathers looks up what that gives. */
	(void)state;
	assert_gives("[{\"id\":1}]",
		     "[{\"join\":{\"with\":{\"items\":[]},\"on\":\"id\",\"kind\":\"left\"}}]",
		     "{\"id\":1}\n");
	assert_gives("[3,1]",
		     "[{\"sort\":\"$\"},{\"join\":{" TABLE
		     ",\"on\":{\"left\":\"$\",\"right\":\"id\"},"
		     "\"kind\":\"anti\"}}]",
		     "3\n");
}

static void rows_of_one_key_are_bounded(void **state)
{
	/* One more than the limit. */
	struct buf stages = BUF(100000);

	(void)state;
	buf_printf(&stages, "[{\"join\":{\"on\":\"a\",\"with\":{\"items\":[{\"a\":1}");
	for (int i = 0; i < 1000; i++)
		buf_printf(&stages, ",{\"a\":1}");
	buf_printf(&stages, "]}}}]");
	assert_gives("[]", buf_text(&stages),
		     "/spec/stages/0/join/with: a table with more than 1000 rows of one key: "
		     "{\"a\":1}, …\n");
	buf_done(&stages);
}

static void mistakes_have_their_place(void **state)
{
	/* All at once; what is not built is said to be so. */
	(void)state;
	assert_gives(
		"[]",
		"[{\"join\":{\"with\":{\"range\":{\"from\":1,\"to\":2}},\"on\":\"a\",\"into\":"
		"\"b\",\"prefix\":\"c\"}},{\"join\":{" TABLE
		",\"on\":[\"a\",{\"left\":\"a\",\"right\":\"/~2\"}],\"kind\":\"anti\",\"into\":"
		"\"b\"}},{\"join\":{\"with\":{}}}]",
		"/spec/stages/2/join/on missing-member: 'on' is required\n"
		"/spec/stages/0/join/with not-implemented: a table is read of items or of one "
		"file so far\n"
		"/spec/stages/0/join/prefix conflict: is for members that are added: into "
		"keeps them apart\n"
		"/spec/stages/1/join/on/1/right bad-path: in a JSON pointer '~' is written "
		"\"~0\" and '/' \"~1\"\n"
		"/spec/stages/1/join/into conflict: anti keeps records without a row: nothing "
		"is added to them\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inner_keeps_records_with_a_row),
		cmocka_unit_test(left_keeps_all_and_anti_the_others),
		cmocka_unit_test(several_rows_give_several_records),
		cmocka_unit_test(keys_are_the_same_when_their_values_are),
		cmocka_unit_test(several_members_make_a_key),
		cmocka_unit_test(nothing_meets_an_empty_table),
		cmocka_unit_test(rows_of_one_key_are_bounded),
		cmocka_unit_test(mistakes_have_their_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
