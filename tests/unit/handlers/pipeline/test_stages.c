/* SPDX-License-Identifier: MIT */
/* test_stages.c - what each verb makes of records, byte for byte.
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
#include <stdlib.h>
#include <string.h>

extern const struct handler pipeline_handler;

/* The results of stages over items, both JSON. */
static void assert_gives(const char *items, const char *stages, const char *expected)
{
	struct fake_run *fake = fake_run_new(&(struct fake_options){.lanes_for_cpu = 2});
	char spec[8192];

	snprintf(spec, sizeof(spec), "{\"input\":{\"items\":%s},\"stages\":%s}", items, stages);
	if (fake_run_drive(fake, &pipeline_handler, spec) != FAKE_COMPLETED) {
		const struct fake_seen *seen = fake_run_seen(fake);

		fail_msg("%s: %s %s", spec, seen->err.detail,
			 seen->mistakes.first ? seen->mistakes.first->detail : "");
	}
	if (strcmp(fake_run_ndjson(fake), expected) != 0)
		fail_msg("%s\ngave\n%s", spec, fake_run_ndjson(fake));
	fake_run_free(fake);
}

static void no_stages_pass_records_on(void **state)
{
	/* Numbers, texts and order as they came. */
	(void)state;
	assert_gives("[{\"b\":1,\"a\":[1,2.5]},7,\"x\"]", "[]",
		     "{\"b\":1,\"a\":[1,2.5]}\n7\n\"x\"\n");
}

static void set_adds_and_replaces_in_place(void **state)
{
	/* New members behind the others, known ones where they are, later ones see earlier ones. */
	(void)state;
	assert_gives("[{\"a\":2,\"b\":3}]", "[{\"set\":{\"c\":\"a * b\",\"a\":\"c + 1\"}}]",
		     "{\"a\":7,\"b\":3,\"c\":6}\n");
	assert_gives("[{}]", "[{\"set\":{\"c\":\"'x'\",\"d\":5,\"e\":[],\"f\":\"nothing\"}}]",
		     "{\"c\":\"x\",\"d\":5,\"e\":[],\"f\":null}\n");
	assert_gives("[{\"a\":\"\\u00e9\\n\"}]", "[{\"set\":{\"b\":\"a\"}}]",
		     "{\"a\":\"\xC3\xA9\\n\",\"b\":\"\xC3\xA9\\n\"}\n");
}

static void set_reaches_into_objects(void **state)
{
	/* Objects that are there get a member, others are made; two new ones share theirs. */
	(void)state;
	assert_gives("[{\"a\":{\"x\":1},\"z\":0}]", "[{\"set\":{\"a.y\":\"a.x + 1\"}}]",
		     "{\"a\":{\"x\":1,\"y\":2},\"z\":0}\n");
	assert_gives("[{\"z\":0}]", "[{\"set\":{\"a.b.c\":\"1\",\"a.b.d\":\"2\"}}]",
		     "{\"z\":0,\"a\":{\"b\":{\"c\":1,\"d\":2}}}\n");
	assert_gives("[{\"a\":[1,2]}]", "[{\"set\":{\"a.1\":\"9\"}}]", "{\"a\":[1,9]}\n");
	assert_gives(
		"[{\"a\":{\"x\":1}}]",
		"[{\"set\":{\"a.x\":\"5\"}},{\"set\":{\"b\":\"a\"}},{\"set\":{\"c\":\"b.x\"}}]",
		"{\"a\":{\"x\":5},\"b\":{\"x\":5},\"c\":5}\n");
}

static void filter_keeps_what_is_true(void **state)
{
	/* Neither false nor null goes on; what was set before counts. */
	(void)state;
	assert_gives("[{\"v\":1},{\"v\":2},{\"v\":null},{}]", "[{\"filter\":\"v >= 2\"}]",
		     "{\"v\":2}\n");
	assert_gives("[{\"v\":1},{\"v\":2}]",
		     "[{\"set\":{\"w\":\"v * 10\"}},{\"filter\":\"w > 10\"}]",
		     "{\"v\":2,\"w\":20}\n");
}

static void drop_takes_members_and_their_commas(void **state)
{
	/* The first, the middle, the last, all; inside objects and arrays. */
	(void)state;
	assert_gives("[{\"a\":1,\"b\":2,\"c\":3}]", "[{\"drop\":\"a\"}]", "{\"b\":2,\"c\":3}\n");
	assert_gives("[{\"a\":1,\"b\":2,\"c\":3}]", "[{\"drop\":\"b\"}]", "{\"a\":1,\"c\":3}\n");
	assert_gives("[{\"a\":1,\"b\":2,\"c\":3}]", "[{\"drop\":\"c\"}]", "{\"a\":1,\"b\":2}\n");
	assert_gives("[{\"a\":1,\"b\":2,\"c\":3}]", "[{\"drop\":[\"a\",\"b\"]}]", "{\"c\":3}\n");
	assert_gives("[{\"a\":1,\"b\":2,\"c\":3}]", "[{\"drop\":[\"c\",\"a\",\"x\"]}]",
		     "{\"b\":2}\n");
	assert_gives("[{\"a\":1,\"b\":2}]", "[{\"drop\":[\"a\",\"b\"]},{\"set\":{\"c\":\"1\"}}]",
		     "{\"c\":1}\n");
	assert_gives("[{\"a\":{\"x\":[1,2,3],\"y\":\"}\"}}]", "[{\"drop\":[\"a.x.0\",\"a.y\"]}]",
		     "{\"a\":{\"x\":[2,3]}}\n");
	assert_gives("[{\"q\\\"\\\\\":1,\"a\":\"\\\\\",\"b\":2}]", "[{\"drop\":[\"a\"]}]",
		     "{\"q\\\"\\\\\":1,\"b\":2}\n");
	assert_gives("[{\"q\\\"\\\\\":1,\"b\":2}]", "[{\"drop\":[\"/q\\\"\\\\\"]}]", "{\"b\":2}\n");
}

static void rename_keeps_the_place(void **state)
{
	/* One that has the new name goes; what is missing is no mistake. */
	(void)state;
	assert_gives("[{\"a\":1,\"b\":2}]", "[{\"rename\":{\"a\":\"x\"}}]", "{\"x\":1,\"b\":2}\n");
	assert_gives("[{\"a\":1,\"b\":2}]", "[{\"rename\":{\"a\":\"b\"}}]", "{\"b\":1}\n");
	assert_gives("[{\"b\":2}]", "[{\"rename\":{\"a\":\"b\"}}]", "{\"b\":2}\n");
	assert_gives("[{\"o\":{\"a\":1,\"b\":2}}]", "[{\"rename\":{\"o.a\":\"x\"}}]",
		     "{\"o\":{\"x\":1,\"b\":2}}\n");
	assert_gives("[{\"a\":1,\"b\":2}]",
		     "[{\"rename\":{\"a\":\"x\"}},{\"set\":{\"y\":\"x + b\",\"a\":\"9\"}}]",
		     "{\"x\":1,\"b\":2,\"y\":3,\"a\":9}\n");
	assert_gives("[{\"a\":1,\"b\":2}]", "[{\"rename\":{\"a\":\"b\",\"b\":\"a\"}}]",
		     "{\"a\":1}\n");
	assert_gives("[{\"a\":1,\"b\":2}]", "[{\"rename\":{\"a\":\"a\"}}]", "{\"a\":1,\"b\":2}\n");
	assert_gives("[{\"a\":[1,{\"b\":2}]}]", "[{\"rename\":{\"a.0\":\"x\",\"a.1.b\":\"c\"}}]",
		     "{\"a\":[1,{\"c\":2}]}\n");
}

static void select_makes_a_record_of_members(void **state)
{
	/* In the order of the list; paths keep their objects; expressions get names. */
	(void)state;
	assert_gives("[{\"a\":1,\"b\":{\"x\":2,\"y\":3},\"c\":4}]",
		     "[{\"select\":[\"c\",\"b.y\",\"a\",\"b.x\",\"none\"]}]",
		     "{\"c\":4,\"b\":{\"y\":3,\"x\":2},\"a\":1}\n");
	assert_gives("[{\"a\":1,\"b\":2}]",
		     "[{\"select\":{\"s\":\"a + b\",\"n\":\"c\",\"a.b\":\"a\"}}]",
		     "{\"s\":3,\"n\":null,\"a.b\":1}\n");
	assert_gives("[{\"a\":1,\"b\":2}]",
		     "[{\"select\":[\"a\"]},{\"set\":{\"c\":\"b\",\"d\":\"a\"}}]",
		     "{\"a\":1,\"c\":null,\"d\":1}\n");
}

static void limit_and_skip_count_in_order(void **state)
{
	/* Of ten numbers the third to the fifth. */
	(void)state;
	assert_gives("[1,2,3,4,5,6,7,8,9,10]", "[{\"skip\":2},{\"limit\":3}]", "3\n4\n5\n");
	assert_gives("[1,2]", "[{\"limit\":0}]", "");
	assert_gives("[1,2]", "[{\"skip\":5}]", "");
}

static void distinct_keeps_the_first(void **state)
{
	/* By members or as a whole; 1 is 1.0, a missing member is null. */
	(void)state;
	assert_gives("[{\"a\":1,\"b\":1},{\"a\":1.0,\"b\":2},{\"a\":\"1\"},{\"a\":null},{}]",
		     "[{\"distinct\":[\"a\"]}]",
		     "{\"a\":1,\"b\":1}\n{\"a\":\"1\"}\n{\"a\":null}\n");
	assert_gives("[{\"a\":1},{\"a\":2},{\"a\":1}]", "[{\"distinct\":true}]",
		     "{\"a\":1}\n{\"a\":2}\n");
}

static void sort_orders_values_of_all_kinds(void **state)
{
	/* null < false < true < numbers < texts; ties stay in the order of the input. */
	(void)state;
	assert_gives(
		"[{\"a\":\"b\"},{\"a\":2.5},{\"a\":true},{},{\"a\":-1},{\"a\":\"B\"},{\"a\":2}]",
		"[{\"sort\":\"a\"}]",
		"{}\n{\"a\":true}\n{\"a\":-1}\n{\"a\":2}\n{\"a\":2.5}\n{\"a\":\"B\"}\n"
		"{\"a\":\"b\"}\n");
	assert_gives("[{\"a\":1,\"n\":1},{\"a\":2,\"n\":2},{\"a\":1.0,\"n\":3},{\"a\":2,\"n\":4}]",
		     "[{\"sort\":[\"-a\"]},{\"select\":[\"n\"]}]",
		     "{\"n\":2}\n{\"n\":4}\n{\"n\":1}\n{\"n\":3}\n");
	assert_gives("[{\"a\":3},{\"a\":-5},{\"a\":4}]",
		     "[{\"sort\":{\"by\":\"abs(a)\",\"desc\":true}}]",
		     "{\"a\":-5}\n{\"a\":4}\n{\"a\":3}\n");
	assert_gives(
		"[{\"a\":\"x\",\"b\":\"ab\"},{\"a\":\"x\",\"b\":\"a\"},{\"a\":\"\",\"b\":\"c\"}]",
		"[{\"sort\":[\"-a\",\"-b\"]}]",
		"{\"a\":\"x\",\"b\":\"ab\"}\n{\"a\":\"x\",\"b\":\"a\"}\n{\"a\":\"\",\"b\":\"c\"}"
		"\n");
}

static void top_keeps_the_largest(void **state)
{
	/* The first of equal ones; as they are after a set. */
	(void)state;
	assert_gives("[{\"a\":1},{\"a\":9},{\"a\":5},{\"a\":9,\"b\":1}]",
		     "[{\"set\":{\"c\":\"a * 2\"}},{\"top\":{\"n\":2,\"by\":\"c\"}}]",
		     "{\"a\":9,\"c\":18}\n{\"a\":9,\"b\":1,\"c\":18}\n");
	assert_gives("[3,1,2]", "[{\"top\":{\"n\":2,\"by\":\"$\",\"smallest\":true}}]", "1\n2\n");
}

static void scripts_make_records(void **state)
{
	/* map gives one, flat_map any number; branches of a merge keep the input's order. */
	(void)state;
	assert_gives("[{\"a\":1},{\"a\":2},{\"a\":3}]",
		     "[{\"map\":\"if r.a == 2 then skip() end r.b = r.a * 2\"}]",
		     "{\"a\":1,\"b\":2}\n{\"a\":3,\"b\":6}\n");
	assert_gives("[{\"w\":\"a b\"},{\"w\":\"\"},{\"w\":\"c\"}]",
		     "[{\"flat_map\":\"for w in r.w:gmatch('%a') do emit({w = w}) end\"},"
		     "{\"set\":{\"u\":\"upper(w)\"}}]",
		     "{\"w\":\"a\",\"u\":\"A\"}\n{\"w\":\"b\",\"u\":\"B\"}\n{\"w\":\"c\",\"u\":"
		     "\"C\"}\n");
	assert_gives("[{\"a\":1},{\"a\":2}]",
		     "[{\"set\":{\"b\":\"a + 1\"}},{\"map\":\"r.c = r.b + 1\"},"
		     "{\"filter\":{\"lua\":\"r.c > 3\"}}]",
		     "{\"a\":2,\"b\":3,\"c\":4}\n");
}

static void groups_are_made_of_what_flows_in(void **state)
{
	/* Of rows read and rows made; a reduce behind a reduce. */
	(void)state;
	assert_gives("[{\"w\":\"a b a\"},{\"w\":\"b c\"}]",
		     "[{\"flat_map\":\"for w in r.w:gmatch('%a') do emit({w = w}) end\"},"
		     "{\"reduce\":{\"group_by\":[\"w\"],\"aggregates\":{\"n\":\"count\"}}},"
		     "{\"reduce\":{\"group_by\":[\"n\"],\"aggregates\":{\"words\":\"count\"}}}]",
		     "{\"n\":1,\"words\":1}\n{\"n\":2,\"words\":2}\n");
}

static void batches_are_arrays_and_come_apart_again(void **state)
{
	/* By number and by bytes; the last one holds the rest. */
	(void)state;
	assert_gives("[1,2,3,4,5]", "[{\"batch\":{\"size\":2}}]", "[1,2]\n[3,4]\n[5]\n");
	assert_gives(
		"[{\"a\":1},{\"a\":2}]",
		"[{\"set\":{\"b\":\"a\"}},{\"batch\":{\"size\":9}},{\"select\":{\"n\":\"$\"}}]",
		"{\"n\":[{\"a\":1,\"b\":1},{\"a\":2,\"b\":2}]}\n");
	assert_gives("[\"aaaa\",\"bbbb\",\"c\"]", "[{\"batch\":{\"bytes\":\"10B\"}}]",
		     "[\"aaaa\",\"bbbb\"]\n[\"c\"]\n");
	assert_gives("[1,2,3]", "[{\"batch\":{\"size\":2}},{\"unbatch\":true}]", "1\n2\n3\n");
	assert_gives("[{\"x\":[{\"a\":\"b\"},\"c\"]},{\"x\":[]}]", "[{\"unbatch\":\"x\"}]",
		     "{\"a\":\"b\"}\n\"c\"\n");
}

static void branches_meet_in_the_order_of_the_input(void **state)
{
	/* The first arm that matches takes the record; a merge puts them in order again. */
	(void)state;
	assert_gives("[1,2,3,4,5,6]",
		     "[{\"select\":{\"n\":\"$\"}},"
		     "{\"branch\":[{\"when\":\"n % 2 == 0\",\"to\":\"even\"},{\"to\":\"odd\"}]},"
		     "{\"name\":\"even\",\"set\":{\"is\":\"'even'\"}},"
		     "{\"name\":\"odd\",\"filter\":\"n != 3\"},"
		     "{\"merge\":[\"even\",\"odd\"]}]",
		     "{\"n\":1}\n{\"n\":2,\"is\":\"even\"}\n{\"n\":4,\"is\":\"even\"}\n{\"n\":5}\n"
		     "{\"n\":6,\"is\":\"even\"}\n");
}

static void copies_are_changed_apart(void **state)
{
	/* A tee and a branch to all arms: what one stage sets the other does not see. */
	(void)state;
	assert_gives("[{\"n\":1},{\"n\":2}]",
		     "[{\"tee\":[\"a\"]},{\"name\":\"b\",\"set\":{\"n\":\"n * 10\"}},"
		     "{\"name\":\"a\",\"set\":{\"n\":\"n + 100\"}},{\"merge\":[\"a\",\"b\"]}]",
		     "{\"n\":101}\n{\"n\":10}\n{\"n\":102}\n{\"n\":20}\n");
	assert_gives("[{\"n\":1},{\"n\":2}]",
		     "[{\"branch\":[{\"when\":\"n > "
		     "1\",\"to\":\"a\"},{\"to\":\"b\"}],\"match\":\"all\"},"
		     "{\"name\":\"a\",\"set\":{\"n\":\"n * "
		     "10\"}},{\"name\":\"b\",\"set\":{\"m\":\"n\"}},"
		     "{\"merge\":[\"a\",\"b\"]}]",
		     "{\"n\":1,\"m\":1}\n{\"n\":20}\n{\"n\":2,\"m\":2}\n");
}

static void validate_lets_pass_what_fits(void **state)
{
	/* A required member and a minimum; what does not fit is told, and counted. */
	(void)state;
	assert_gives("[{\"v\":1},{\"v\":-1},{}]",
		     "[{\"validate\":{\"required\":[\"v\"],\"properties\":{\"v\":{\"minimum\":0}}},"
		     "\"on_error\":\"dead_letter\"}]",
		     "{\"v\":1}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_stages_pass_records_on),
		cmocka_unit_test(set_adds_and_replaces_in_place),
		cmocka_unit_test(set_reaches_into_objects),
		cmocka_unit_test(filter_keeps_what_is_true),
		cmocka_unit_test(drop_takes_members_and_their_commas),
		cmocka_unit_test(rename_keeps_the_place),
		cmocka_unit_test(select_makes_a_record_of_members),
		cmocka_unit_test(limit_and_skip_count_in_order),
		cmocka_unit_test(distinct_keeps_the_first),
		cmocka_unit_test(sort_orders_values_of_all_kinds),
		cmocka_unit_test(top_keeps_the_largest),
		cmocka_unit_test(scripts_make_records),
		cmocka_unit_test(groups_are_made_of_what_flows_in),
		cmocka_unit_test(batches_are_arrays_and_come_apart_again),
		cmocka_unit_test(branches_meet_in_the_order_of_the_input),
		cmocka_unit_test(copies_are_changed_apart),
		cmocka_unit_test(validate_lets_pass_what_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
