/* SPDX-License-Identifier: MIT */
/* TLS: which certificates are believed, and what may switch that off; HTTP/2. */
#include "net/guard.h"
#include "tests/lib/fetch_world.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { STREAMS = 8, SITES_MAX = 16 };

/* tests/lib/tls_site.py, as a process of its own. */
static struct {
	pid_t pid;
	int input; /* it serves until this is closed */
	char ca_file[256];
	struct {
		char name[32], url[64];
	} servers[SITES_MAX];
	unsigned count;
} site;

static int site_start(void **state)
{
	int in[2], out[2];
	char streams[8];
	FILE *lines;

	(void)state;
	snprintf(streams, sizeof(streams), "%d", STREAMS);
	if (pipe(in) || pipe(out) || (site.pid = fork()) < 0)
		return -1;
	if (site.pid == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		close(in[1]);
		execl("/usr/bin/python3", "python3", "tests/lib/tls_site.py", streams, NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	site.input = in[1];
	lines = fdopen(out[0], "r");
	if (!lines || fscanf(lines, "%255s", site.ca_file) != 1)
		return -1;
	while (site.count < SITES_MAX && fscanf(lines, "%31s %63s", site.servers[site.count].name,
						site.servers[site.count].url) == 2)
		if (strcmp(site.servers[site.count++].name, "h2_cut") == 0)
			break;
	fclose(lines);
	return 0;
}

static int site_stop(void **state)
{
	(void)state;
	close(site.input);
	return waitpid(site.pid, NULL, 0) == site.pid ? 0 : -1;
}

static const char *url_of(const char *name)
{
	for (unsigned i = 0; i < site.count; i++)
		if (strcmp(site.servers[i].name, name) == 0)
			return site.servers[i].url;
	fail_msg("no server %s", name);
	return NULL;
}

static void open_with(struct world *world, bool allow_insecure)
{
	struct fetcher_config config = {.ca_file = site.ca_file, .allow_insecure = allow_insecure};

	world_open_with(world, "127.0.0.0/8", &config);
}

static void only_a_right_certificate_is_believed(void **state)
{
	/* Signed by the CA, for this host, and not expired; else `tls`, and no second try. */
	static const struct {
		const char *name;
		enum err_code code;
	} servers[] = {{"right", ERR_NONE},
		       {"self_signed", ERR_FETCH_TLS},
		       {"expired", ERR_FETCH_TLS},
		       {"wrong_host", ERR_FETCH_TLS}};
	struct world world;

	(void)state;
	open_with(&world, false);
	for (size_t i = 0; i < ARRAY_LEN(servers); i++) {
		const struct fetch_result *result =
			world_get(&world, url_of(servers[i].name), NULL);

		if (result->err.code != servers[i].code)
			fail_msg("%s: %s %s", servers[i].name, err_name(result->err.code),
				 result->err.detail);
		assert_int_equal(result->attempts, 1);
	}
	assert_string_equal(world.results[0]->body, "hello");
	world_close(&world);
}

static void the_systems_authorities_do_not_know_ours(void **state)
{
	/* Without the CA file the right one is as good as self-signed. */
	struct world world;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	assert_int_equal(world_get(&world, url_of("right"), NULL)->err.code, ERR_FETCH_TLS);
	world_close(&world);
}

static void insecure_is_refused_unless_the_operator_allows_it(void **state)
{
	/* At the door, with its reason; nothing is sent. */
	struct fetch_request request = {.url = url_of("self_signed"), .insecure = true};
	struct world world;
	struct err err = {0};

	(void)state;
	open_with(&world, false);
	assert_int_equal(fetch_start(world.fetcher, &request, world_done, &world, NULL, &err), -1);
	assert_int_equal(err.code, ERR_FETCH_TLS);
	assert_non_null(strstr(err.detail, "operator"));
	world_close(&world);
}

static void what_was_not_verified_is_not_used_again(void **state)
{
	/* After an insecure fetch its connection is idle, and the next one still refuses. */
	struct fetch_request insecure = {.insecure = true};
	const struct fetch_result *result;
	struct world world;

	(void)state;
	open_with(&world, true);
	result = world_get(&world, url_of("expired"), &insecure);
	assert_int_equal(result->err.code, ERR_NONE);
	assert_string_equal(result->body, "hello");
	assert_int_equal(world_get(&world, url_of("expired"), NULL)->err.code, ERR_FETCH_TLS);
	result = world_get(&world, url_of("expired"), &insecure);
	assert_int_equal(result->err.code, ERR_NONE);
	assert_int_equal(result->connect_us, 0); /* that one may */
	world_close(&world);
}

static void classes_have_connections_of_their_own(void **state)
{
	/* Pages and calls to one origin: two connections, however often. */
	struct fetch_request call = {.class = FETCH_CALLS};
	struct world world;

	(void)state;
	world_open(&world, "127.0.0.0/8", 0);
	for (int i = 0; i < 3; i++) {
		world_get(&world, "/a", NULL);
		world_get(&world, "/a", &call);
	}
	assert_int_equal(origin_hits(world.origin, "/a"), 6);
	assert_int_equal(origin_connections(world.origin), 2);
	world_close(&world);
}

static void a_ca_file_that_cannot_be_read_stops_the_start(void **state)
{
	/* Better now than with `tls` for each fetch. */
	struct fetcher_config config = {.ca_file = "/nonexistent/ca.pem"};
	struct guard *guard = guard_new();
	struct err err;

	(void)state;
	config.guard = guard;
	assert_null(fetcher_new(&config, &err));
	assert_int_equal(err.code, ERR_IO);
	assert_non_null(strstr(err.detail, "/nonexistent/ca.pem"));
	guard_free(guard);
}

/* STREAMS requests at once for a server that answers them side by side; how many came
 * out well, and the reason of the others. */
static unsigned get_h2(const char *name, enum err_code *ret_code)
{
	struct fetch_request request = {.http2 = true, .retry = {.attempts_max = 1}};
	unsigned good = 0;
	struct world world;

	open_with(&world, false);
	*ret_code = ERR_NONE;
	for (int i = 0; i < STREAMS; i++)
		fetch_drop(world_start(&world, url_of(name), &request));
	world_wait(&world, &world.count, STREAMS);
	for (unsigned i = 0; i < STREAMS; i++) {
		const struct fetch_result *result = world.results[i];

		if (result->err.code != ERR_NONE)
			*ret_code = result->err.code;
		good += result->err.code == ERR_NONE && strcmp(result->body, "hello") == 0;
	}
	world_close(&world);
	return good;
}

static void http2_is_spoken_on_request(void **state)
{
	/* The server answers only when all requests came on one connection. */
	enum err_code code;

	(void)state;
	assert_int_equal(get_h2("h2", &code), STREAMS);
}

static void a_short_body_over_http2_is_no_success(void **state)
{
	/* Ended early, reset, or cut off: each of the parallel streams says so. */
	enum err_code code;

	(void)state;
	assert_int_equal(get_h2("h2_short", &code), 0);
	assert_int_equal(code, ERR_FETCH_RESET); /* by libcurl: the length was a lie */
	assert_int_equal(get_h2("h2_reset", &code), 0);
	assert_int_equal(code, ERR_FETCH_RESET);
	assert_int_equal(get_h2("h2_cut", &code), 0);
	assert_int_equal(code, ERR_FETCH_TRUNCATED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_right_certificate_is_believed),
		cmocka_unit_test(the_systems_authorities_do_not_know_ours),
		cmocka_unit_test(insecure_is_refused_unless_the_operator_allows_it),
		cmocka_unit_test(what_was_not_verified_is_not_used_again),
		cmocka_unit_test(classes_have_connections_of_their_own),
		cmocka_unit_test(a_ca_file_that_cannot_be_read_stops_the_start),
		cmocka_unit_test(http2_is_spoken_on_request),
		cmocka_unit_test(a_short_body_over_http2_is_no_success),
	};

	return cmocka_run_group_tests(tests, site_start, site_stop);
}
