/* SPDX-License-Identifier: MIT */
/* test_config.c - four places for a setting, and which of them wins. */
#include "service/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A config file with that text; its path. */
static const char *file_with(const char *text)
{
	static char path[] = "/tmp/jobmill-config-XXXXXX";
	int fd;

	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	return path;
}

static void assert_refused(int argc, const char *const argv[], const char *detail)
{
	struct config config;
	struct err err;

	assert_int_equal(config_load(argc, argv, &config, &err), -1);
	assert_int_equal(err.code, ERR_BAD_PARAMETER);
	assert_string_equal(err.detail, detail);
}

static void defaults_are_those_of_the_readme(void **state)
{
	/* Loopback, two million jobs, eight seconds to drain. */
	struct config config;
	struct err err;

	(void)state;
	assert_int_equal(config_load(0, NULL, &config, &err), 0);
	assert_string_equal(config.listen, "127.0.0.1:8080");
	assert_string_equal(config.data, "jobmill-data");
	assert_int_equal(config.queued_max, 2000000);
	assert_int_equal(config.drain_timeout_ms, 8000);
	assert_int_equal(config.log_level, LOG_INFO);
	assert_null(config.token_file);
	assert_int_equal(config.allow_net.count, 0);
	config_done(&config);
}

static void flags_win_over_environment_over_file(void **state)
{
	/* The same setting at three places, and each place alone. */
	struct config config;
	struct err err;
	const char *path = file_with("# comment\nlisten = 127.0.0.1:1\nworkers-min = 3 # three\n"
				     "fetch-max=7\nallow-net = 10.0.0.0/8, 192.168.0.0/16\n");
	const char *argv[] = {"--config",     path, "--listen=127.0.0.1:3", "--allow-host", "a",
			      "--allow-host", "b"};

	(void)state;
	setenv("JOBMILL_LISTEN", "127.0.0.1:2", 1);
	setenv("JOBMILL_WORKERS_MIN", "4", 1);
	assert_int_equal(config_load(7, argv, &config, &err), 0);
	unsetenv("JOBMILL_LISTEN");
	unsetenv("JOBMILL_WORKERS_MIN");
	unlink(path);
	assert_string_equal(config.listen, "127.0.0.1:3");
	assert_int_equal(config.workers_min, 4);
	assert_int_equal(config.fetch_max, 7);
	assert_int_equal(config.allow_net.count, 2);
	assert_string_equal(config.allow_net.items[1], "192.168.0.0/16");
	assert_int_equal(config.allow_host.count, 2);
	assert_string_equal(config.allow_host.items[0], "a");
	config_done(&config);
}

static void a_stronger_place_replaces_a_whole_list(void **state)
{
	/* --allow-net does not add to what the environment allows. */
	const char *argv[] = {"--allow-net", "127.0.0.0/8"};
	struct config config;
	struct err err;

	(void)state;
	setenv("JOBMILL_ALLOW_NET", "10.0.0.0/8,172.16.0.0/12", 1);
	assert_int_equal(config_load(2, argv, &config, &err), 0);
	unsetenv("JOBMILL_ALLOW_NET");
	assert_int_equal(config.allow_net.count, 1);
	assert_string_equal(config.allow_net.items[0], "127.0.0.0/8");
	config_done(&config);
}

static void mistakes_say_where_and_what(void **state)
{
	/* Unknown names with the nearest, missing and wrong values, bounds. */
	(void)state;
	assert_refused(1, (const char *[]){"--lsten"},
		       "unknown setting '--lsten'; did you mean '--listen'?");
	assert_refused(1, (const char *[]){"--frobnicate"}, "unknown setting '--frobnicate'");
	assert_refused(1, (const char *[]){"--data"}, "--data needs DIR");
	assert_refused(1, (const char *[]){"serve"}, "expected a flag, found 'serve'");
	assert_refused(2, (const char *[]){"--workers-min", "0"},
		       "workers-min (flag): 0 is not between 1 and 512");
	assert_refused(2, (const char *[]){"--workers-min", "2x"},
		       "workers-min (flag): '2x' is not a whole number");
	assert_refused(1, (const char *[]){"--check-config=yes"}, "--check-config takes no value");
	assert_refused(2, (const char *[]){"--config", "/nonexistent/file"},
		       "config file /nonexistent/file: No such file or directory");
}

static void mistakes_in_the_file_name_its_line(void **state)
{
	/* The second line has no '='. */
	const char *path = file_with("listen = 127.0.0.1:1\nlisten\n");
	char detail[100];

	(void)state;
	snprintf(detail, sizeof(detail), "%s:2: expected `name = value`", path);
	assert_refused(2, (const char *[]){"--config", path}, detail);
	unlink(path);
}

static void each_value_is_printed_with_its_source(void **state)
{
	/* What --check-config shows. */
	const char *argv[] = {"--log-level", "debug"};
	struct buf text = BUF(65536);
	struct config config;
	struct err err;

	(void)state;
	assert_int_equal(config_load(2, argv, &config, &err), 0);
	config_print(&config, &text);
	assert_non_null(strstr(buf_text(&text), "log-level                debug  (flag)\n"));
	assert_non_null(strstr(buf_text(&text), "drain-timeout            8000ms  (default)\n"));
	buf_done(&text);
	config_done(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_the_readme),
		cmocka_unit_test(flags_win_over_environment_over_file),
		cmocka_unit_test(a_stronger_place_replaces_a_whole_list),
		cmocka_unit_test(mistakes_say_where_and_what),
		cmocka_unit_test(mistakes_in_the_file_name_its_line),
		cmocka_unit_test(each_value_is_printed_with_its_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
