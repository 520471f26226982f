/* SPDX-License-Identifier: MIT */
/* test_state.c - every pair of state and move against the diagram, drawn by hand. */
#include "store/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* One row a state, one column a move: the first letter of where it leads, '.' nowhere.
 *   due expire start complete fail retry yield crash cancel pause resume again mend
 *   s: scheduled p: pending r: running t: retrying z: paused c: completed f: failed x: cancelled */
static const char *const matrix[JOB_STATES] = {
	[JOB_SCHEDULED] = "pf......x....", [JOB_PENDING] = ".fr.....xz...",
	[JOB_RUNNING] = "...cftppxz...",   [JOB_RETRYING] = "pf......x....",
	[JOB_PAUSED] = ".f.cfzz.x.p..",	   [JOB_COMPLETED] = "............p",
	[JOB_FAILED] = "...........pp",	   [JOB_CANCELLED] = "...........p.",
};

static const char letters[] = "sprtzcfx"; /* in the order of enum job_state */

static void every_pair_moves_as_drawn(void **unused)
{
	/* Each move from each state leads where the diagram says, or nowhere. */
	(void)unused;
	for (unsigned from = 0; from < JOB_STATES; from++) {
		for (unsigned move = 0; move < JOB_MOVES; move++) {
			enum job_state to;
			char drawn = matrix[from][move];

			if (!state_move((enum job_state)from, (enum job_move)move, &to)) {
				assert_int_equal(drawn, '.');
				continue;
			}
			assert_int_equal(letters[to], drawn);
		}
	}
}

static void sources_are_the_column_of_a_move(void **unused)
{
	/* The bit set of a move has exactly the states with an edge. */
	(void)unused;
	for (unsigned move = 0; move < JOB_MOVES; move++)
		for (unsigned from = 0; from < JOB_STATES; from++)
			assert_int_equal((state_sources((enum job_move)move) >> from) & 1,
					 matrix[from][move] != '.');
}

static void only_three_states_are_final(void **unused)
{
	/* completed, failed and cancelled end a job, nothing else does. */
	(void)unused;
	assert_true(state_is_final(JOB_COMPLETED));
	assert_true(state_is_final(JOB_FAILED));
	assert_true(state_is_final(JOB_CANCELLED));
	for (unsigned state = JOB_SCHEDULED; state <= JOB_PAUSED; state++)
		assert_false(state_is_final((enum job_state)state));
}

static void names_are_read_back(void **unused)
{
	/* Each state's name parses to it; case and other words do not. */
	enum job_state state;

	(void)unused;
	for (unsigned i = 0; i < JOB_STATES; i++) {
		assert_true(state_parse(state_name((enum job_state)i), &state));
		assert_int_equal(state, i);
	}
	assert_string_equal(state_name(JOB_RETRYING), "retrying");
	assert_string_equal(move_name(JOB_MOVE_AGAIN), "again");
	assert_false(state_parse("Pending", &state));
	assert_false(state_parse("", &state));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair_moves_as_drawn),
		cmocka_unit_test(sources_are_the_column_of_a_move),
		cmocka_unit_test(only_three_states_are_final),
		cmocka_unit_test(names_are_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
