/* SPDX-License-Identifier: MIT */
/* main.c - the command line: serve, health, version, help. */
#include "base/clock.h"
#include "base/log.h"
#include "service/config.h"
#include "service/daemon.h"
#include "service/health.h"
#include "service/notify.h"
#include "service/version.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_TRANSPORT = 3 };

static int usage_mistake(const char *command, const struct err *err)
{
	fprintf(stderr, "jobmill %s: %s\n", command, err->detail);
	fprintf(stderr, "jobmill help lists the flags\n");
	return EXIT_USAGE;
}

/* ---- serve ---- */

static void signals_block(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	/* Every thread inherits this; sigwait() in main takes them. */
	pthread_sigmask(SIG_BLOCK, set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* The default action again: a second signal stops at once.  What was promised is on
 * the disk. */
static void second_signal_kills(const sigset_t *set)
{
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	pthread_sigmask(SIG_UNBLOCK, set, NULL);
}

static int serve_until_told(const struct config *config, struct err *err)
{
	struct daemon *daemon;
	int64_t start_ms;
	unsigned left;
	sigset_t set;
	int sig;

	signals_block(&set);
	if (daemon_start(config, &daemon, err))
		return -1;
	log_info("listening", "url", daemon_url(daemon), "version", JOBMILL_VERSION, "data",
		 config->data);
	notify("READY=1");
	sigwait(&set, &sig);
	notify("STOPPING=1");
	log_info("draining", "signal", sig == SIGTERM ? "SIGTERM" : "SIGINT");
	second_signal_kills(&set);
	start_ms = clock_ms();
	left = daemon_drain(daemon, config->drain_timeout_ms);
	if (left == 0)
		daemon_stop(daemon);
	log_info("stopped", "ms", log_num(clock_ms() - start_ms), "left", log_num(left));
	return 0;
}

static int command_serve(int argc, const char *const argv[])
{
	struct config config;
	struct err err;
	int rc = EXIT_OK;

	if (config_load(argc, argv, &config, &err))
		return usage_mistake("serve", &err);
	if (config.check_only) {
		struct buf text = BUF(1 << 16);

		config_print(&config, &text);
		fputs(buf_text(&text), stdout);
		buf_done(&text);
	} else {
		log_setup((enum log_level)config.log_level, (enum log_format)config.log_format);
		if (serve_until_told(&config, &err)) {
			log_error("cannot start", "error", err.detail);
			rc = EXIT_FAILED;
		}
	}
	config_done(&config);
	return rc;
}

/* ---- the small ones ---- */

static int command_health(int argc, const char *const argv[])
{
	struct config config;
	struct err err;
	int rc = EXIT_OK;

	if (config_load(argc, argv, &config, &err))
		return usage_mistake("health", &err);
	if (health_ask(&config, &err)) {
		fprintf(stderr, "jobmill health: %s: %s\n", config.listen, err.detail);
		rc = EXIT_TRANSPORT;
	}
	config_done(&config);
	return rc;
}

static int command_version(int argc, const char *const argv[])
{
	(void)argc;
	(void)argv;
	puts("jobmill " JOBMILL_VERSION);
	return EXIT_OK;
}

static int command_help(int argc, const char *const argv[]);

static const struct command {
	const char *name, *summary;
	int (*run)(int argc, const char *const argv[]); /* argv[0] is the first word after it */
} commands[] = {
	{"serve", "run the daemon", command_serve},
	{"health", "ask the daemon whether it is alive; exit 0 or 3", command_health},
	{"version", "print the version", command_version},
	{"help", "print this", command_help},
};

static int command_help(int argc, const char *const argv[])
{
	struct buf flags = BUF(1 << 16);

	(void)argc;
	(void)argv;
	printf("jobmill - pipelines, scraping and map-reduce as jobs over HTTP\n\n");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		printf("  jobmill %-10s %s\n", commands[i].name, commands[i].summary);
	config_help(&flags);
	printf("\nFlags of serve and health, each also JOBMILL_… in the environment "
	       "and a line of --config:\n%s",
	       buf_text(&flags));
	buf_done(&flags);
	return EXIT_OK;
}

int main(int argc, char *argv[])
{
	for (size_t i = 0; argc > 1 && i < ARRAY_LEN(commands); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 2, (const char *const *)argv + 2);
	if (argc > 1)
		fprintf(stderr, "jobmill: no command '%s'\n", argv[1]);
	command_help(0, NULL);
	return EXIT_USAGE;
}
