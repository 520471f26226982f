/* SPDX-License-Identifier: MIT */
/* config.h - what an operator may set, and where each value came from.
 *
 * Flags win over the environment (JOBMILL_LISTEN for --listen; JOBMILL_TOKEN_FILE
 * and kin name files), the environment over the file (--config, `listen = …` a
 * line), the file over the defaults.  One table in config.c holds all of it: names,
 * kinds, bounds, defaults and help.
 *
 * Threads    filled once at start, read by all.
 * Ownership  config_done() frees everything.
 * Errors     0, or -1 and *err (ERR_BAD_PARAMETER): says which setting, where it was
 *            set, and what would be right.
 */
#ifndef SERVICE_CONFIG_H
#define SERVICE_CONFIG_H

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"

#include <stdbool.h>
#include <stdint.h>

enum { CONFIG_LIST_MAX = 32 };

struct config_list {
	char *items[CONFIG_LIST_MAX + 1]; /* ended by NULL */
	unsigned count;
};

struct config {
	char *listen; /* "127.0.0.1:8080", "[::1]:0" */
	char *data;
	char *token_file;
	char *file;
	struct config_list allow_net, allow_host;
	char *ca_file;
	bool allow_insecure_tls;
	int64_t workers_min, workers_max; /* 0: by the number of CPUs */
	int64_t active_max, queued_max;
	int64_t fetch_max;
	int64_t cache_bytes_max;
	struct config_list files; /* "name=path" */
	int64_t files_quota_bytes;
	int64_t memory_bytes;
	int64_t connections_max, connections_per_address_max, http_threads;
	int64_t drain_timeout_ms;
	int64_t log_level, log_format; /* enum log_level, enum log_format */
	bool check_only;	       /* --check-config */
};

/* argv[0] is the first flag.  Reads flags, environment and file. */
int config_load(int argc, const char *const argv[], struct config *ret_config, struct err *err);
void config_done(struct config *config);

/* Each setting, its value and its source, a line each. */
void config_print(const struct config *config, struct buf *into);
/* Each flag with its help, for `jobmill help`. */
void config_help(struct buf *into);

#endif
