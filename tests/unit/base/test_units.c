/* SPDX-License-Identifier: MIT */
/* test_units.c - base/units: durations, sizes, instants; instants against date(1). */
#include "base/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct sample {
	const char *text;
	int64_t value; /* -1: refused */
};

static void parses(int (*parse)(const char *, int64_t *, struct err *),
		   const struct sample *samples, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct err err = {0};
		int64_t value = -1;
		int rc = parse(samples[i].text, &value, &err);

		if (value != samples[i].value || rc != (samples[i].value < 0 ? -1 : 0))
			fail_msg("'%s' is %lld", samples[i].text, (long long)value);
		assert_int_equal(err.code, rc ? ERR_INVALID_SPEC : ERR_NONE);
	}
}

static void durations_need_a_unit(void **state)
{
	/* Milliseconds by hand; a bare number, a sign, two units and blanks are refused. */
	static const struct sample samples[] = {
		{"250ms", 250},
		{"30s", 30000},
		{"1.5h", 5400000},
		{"10m", 600000},
		{"7d", 604800000},
		{"0s", 0},
		{"0.0015s", 1},
		{"0.000000001d", 0},
		{"999999999999999ms", 999999999999999},
		{"30", -1},
		{"", -1},
		{"s", -1},
		{".5s", -1},
		{"1.s", -1},
		{"-1s", -1},
		{"+1s", -1},
		{"1h30m", -1},
		{"1 s", -1},
		{" 1s", -1},
		{"1S", -1},
		{"1e3s", -1},
		{"1.0000000000s", -1},
		{"1000000000000000ms", -1},
		{"999999999999999d", -1},
		{"99999999999999999999999999999999999999999999999999999999999999s", -1},
	};
	(void)state;

	parses(duration_parse, samples, ARRAY_LEN(samples));
}

static void sizes_are_powers_of_1024(void **state)
{
	/* Bytes by hand; a bare number is bytes. */
	static const struct sample samples[] = {
		{"512", 512},	  {"1B", 1},	       {"64KB", 65536},
		{"4MB", 4194304}, {"1GB", 1073741824}, {"2TB", 2199023255552},
		{"1.5KiB", 1536}, {"1MiB", 1048576},   {"0", 0},
		{"4mb", -1},	  {"4M", -1},	       {"MB", -1},
		{"-1", -1},	  {"1,5MB", -1},       {"999999999999999TB", -1},
	};
	(void)state;

	parses(size_parse, samples, ARRAY_LEN(samples));
}

static void instants_follow_rfc_3339(void **state)
{
	/* Seconds by `date -u -d … +%s`; the leap second of section 5.8 is the one before. */
	static const struct sample samples[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"2026-12-01T08:30:00Z", 1796113800000},
		{"2026-12-01T08:30:00.25+01:00", 1796110200250},
		{"2024-02-29t23:59:59.9999z", 1709251199999},
		{"2000-02-29 12:00:00-08:30", 951856200000},
		{"1990-12-31T23:59:60Z", 662687999000},
		{"9999-12-31T23:59:59.999Z", 253402300799999},
		{"9999-12-31T23:59:59-00:01", -1},
		{"1970-01-01T00:00:00+00:01", -1},
		{"1969-12-31T23:59:59Z", -1},
		{"2023-02-29T00:00:00Z", -1},
		{"2100-02-29T00:00:00Z", -1},
		{"2026-13-01T00:00:00Z", -1},
		{"2026-00-01T00:00:00Z", -1},
		{"2026-04-31T00:00:00Z", -1},
		{"2026-12-01T24:00:00Z", -1},
		{"2026-12-01T08:60:00Z", -1},
		{"2026-12-01T08:30:61Z", -1},
		{"2026-12-01T08:30:00", -1},
		{"2026-12-01T08:30Z", -1},
		{"2026-12-01", -1},
		{"2026-12-01T08:30:00.Z", -1},
		{"2026-12-01T08:30:00+0100", -1},
		{"2026-12-01T08:30:00+24:00", -1},
		{"2026-12-01T08:30:00Z ", -1},
		{"", -1},
	};
	(void)state;

	parses(instant_parse, samples, ARRAY_LEN(samples));
}

static void instants_are_written_with_milliseconds(void **state)
{
	/* The same dates back, and one before 1970. */
	static const struct {
		int64_t wall_ms;
		const char *text;
	} cases[] = {
		{0, "1970-01-01T00:00:00.000Z"},
		{1796113800007, "2026-12-01T08:30:00.007Z"},
		{951825599999, "2000-02-29T11:59:59.999Z"},
		{253402300799999, "9999-12-31T23:59:59.999Z"},
		{-1, "1969-12-31T23:59:59.999Z"},
	};
	char text[INSTANT_TEXT_LEN + 1];
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		instant_format(cases[i].wall_ms, text);
		assert_string_equal(text, cases[i].text);
	}
	instant_format(INT64_MAX, text);
	assert_int_equal(strlen(text), INSTANT_TEXT_LEN);
	instant_format(INT64_MIN, text);
	assert_int_equal(strlen(text), INSTANT_TEXT_LEN);
}

static void amounts_are_written_with_their_largest_whole_unit(void **state)
{
	/* 90 s are no whole minutes; 1,000 bytes no whole KB. */
	char text[UNIT_TEXT_LEN + 1];
	(void)state;

	duration_format(90000, text);
	assert_string_equal(text, "90s");
	duration_format(604800000, text);
	assert_string_equal(text, "7d");
	duration_format(1500, text);
	assert_string_equal(text, "1500ms");
	duration_format(0, text);
	assert_string_equal(text, "0ms");
	size_format(4194304, text);
	assert_string_equal(text, "4MB");
	size_format(1000, text);
	assert_string_equal(text, "1000B");
	size_format(INT64_MAX, text);
	assert_string_equal(text, "9223372036854775807B");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_need_a_unit),
		cmocka_unit_test(sizes_are_powers_of_1024),
		cmocka_unit_test(instants_follow_rfc_3339),
		cmocka_unit_test(instants_are_written_with_milliseconds),
		cmocka_unit_test(amounts_are_written_with_their_largest_whole_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
