/* SPDX-License-Identifier: MIT */
/* test_log.c - base/log: whole lines that nobody can forge, in both formats. */
#include "base/log.h"

#include "base/json.h"
#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

static char line[2 * LOG_LINE_BYTES_MAX];
static int stderr_kept, ends[2];

/* From here to caught() standard error goes into a pipe, which holds 64 KiB. */
static void catch_start(void)
{
	assert_int_equal(pipe(ends), 0);
	stderr_kept = dup(STDERR_FILENO);
	assert_true(stderr_kept >= 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	close(ends[1]);
}

/* What was written; the time, its first 24 characters after `time_at`, as dashes. */
static const char *caught(size_t time_at)
{
	ssize_t n;

	assert_true(dup2(stderr_kept, STDERR_FILENO) >= 0);
	close(stderr_kept);
	n = read(ends[0], line, sizeof(line) - 1);
	close(ends[0]);
	assert_true(n >= 0);
	line[n] = '\0';
	if ((size_t)n > time_at + 24)
		memset(line + time_at, '-', 24);
	return line;
}

static void logfmt_quotes_what_is_not_plain(void **state)
{
	/* Blanks, quotes, '=', newlines and the empty text; numbers stand plain. */
	(void)state;
	log_setup(LOG_INFO, LOG_LOGFMT);
	catch_start();
	log_info("job done", "id", "a-1", "path", "/x y", "note", "a\nlevel=error \"q\"", "empty",
		 "", "null", (const char *)NULL, "n", log_num(-12), "eq", "a=b");
	assert_string_equal(caught(5),
			    "time=------------------------ level=info msg=\"job done\" id=a-1 "
			    "path=\"/x y\" note=\"a\\nlevel=error \\\"q\\\"\" empty=\"\" null=\"\" "
			    "n=-12 eq=\"a=b\"\n");
}

static void json_lines_are_json(void **state)
{
	/* Invalid UTF-8 and controls included. */
	(void)state;
	log_setup(LOG_INFO, LOG_JSON);
	catch_start();
	log_warn("odd", "bytes", "\x01\xff\xc3\xa9");
	assert_string_equal(caught(9),
			    "{\"time\":\"------------------------\",\"level\":\"warn\","
			    "\"msg\":\"odd\",\"bytes\":\"\\u0001\xef\xbf\xbd\xc3\xa9\"}\n");
}

static void levels_below_are_silent(void **state)
{
	/* Nothing at all is written. */
	(void)state;
	log_setup(LOG_ERROR, LOG_LOGFMT);
	assert_false(log_enabled(LOG_WARN));
	catch_start();
	log_warn("unheard");
	log_debug("unheard");
	log_error("heard");
	assert_string_equal(caught(5), "time=------------------------ level=error msg=heard\n");
}

static void the_longest_values_leave_a_whole_line(void **state)
{
	/* Each of 20 values of 20,000 controls: cut or left out, the line still is JSON. */
	struct json_place place;
	char value[20001];
	struct json *json;
	struct err err;
	size_t len;
	(void)state;

	memset(value, 1, sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	log_setup(LOG_INFO, LOG_JSON);
	catch_start();
	log_info("long", "a", value, "b", value, "c", value, "d", "short", "e", value);
	len = strlen(caught(9));
	assert_true(len <= LOG_LINE_BYTES_MAX);
	assert_int_equal(line[len - 1], '\n');
	assert_int_equal(json_parse(line, len, &json, &place, &err), 0);
	assert_int_equal(strlen(json_text(json_get(json, "a"), "")), LOG_VALUE_BYTES_MAX);
	assert_null(json_get(json, "b"));
	assert_string_equal(json_text(json_get(json, "d"), ""), "short");
	json_free(json);
}

static void level_names_are_read(void **state)
{
	/* The four names, nothing else. */
	enum log_level level = LOG_INFO;
	(void)state;

	assert_int_equal(log_level_parse("debug", &level), 0);
	assert_int_equal(level, LOG_DEBUG);
	assert_int_equal(log_level_parse("error", &level), 0);
	assert_int_equal(level, LOG_ERROR);
	assert_int_equal(log_level_parse("INFO", &level), -1);
	assert_int_equal(log_level_parse("", &level), -1);
	assert_int_equal(level, LOG_ERROR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logfmt_quotes_what_is_not_plain),
		cmocka_unit_test(json_lines_are_json),
		cmocka_unit_test(levels_below_are_silent),
		cmocka_unit_test(the_longest_values_leave_a_whole_line),
		cmocka_unit_test(level_names_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
