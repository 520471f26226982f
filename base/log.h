/* SPDX-License-Identifier: MIT */
/* log.h - one line per happening, to standard error: logfmt or JSON.
 *
 *   log_info("listening", "url", "http://127.0.0.1:8080");
 *   → time=2026-11-21T09:00:00.123Z level=info msg=listening url=http://127.0.0.1:8080
 *
 * The field list is pairs of strings; values are quoted and escaped as needed,
 * so nothing a client sends can forge a line.  base, store, net and handlers log
 * at debug only: the layer that decides logs once.
 *
 * Threads    every function from any thread; a line is written in one write(2).
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

enum log_format { LOG_LOGFMT, LOG_JSON };

void log_setup(enum log_level level, enum log_format format); /* before other threads start */
int log_level_parse(const char *text, enum log_level *ret_level);
bool log_enabled(enum log_level level);

/* Pairs (const char *name, const char *value), ended by NULL: use the macros. */
void log_write(enum log_level level, const char *msg, ...) __attribute__((sentinel));

#define log_debug(...)                                                                             \
	(log_enabled(LOG_DEBUG) ? log_write(LOG_DEBUG, __VA_ARGS__, (char *)0) : (void)0)
#define log_info(...)  log_write(LOG_INFO, __VA_ARGS__, (char *)0)
#define log_warn(...)  log_write(LOG_WARN, __VA_ARGS__, (char *)0)
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__, (char *)0)

/* A number or a formatted text as a value, in a buffer of the caller's line:
 * log_info("drained", "jobs", log_num(n), "ms", log_num(ms)). */
struct log_text {
	char text[96];
};
#define log_num(n) log_int_text(&(struct log_text){{0}}, (long long)(n))
const char *log_int_text(struct log_text *into, long long number);

#endif
