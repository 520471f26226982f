/* SPDX-License-Identifier: MIT */
/* log.c - builds a line in a bounded buffer and writes it at once. */
#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/units.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static enum log_level level_min = LOG_INFO;
static enum log_format format_used = LOG_LOGFMT;

void log_setup(enum log_level level, enum log_format format)
{
	level_min = level;
	format_used = format;
}

int log_level_parse(const char *text, enum log_level *ret_level)
{
	for (unsigned i = 0; i < ARRAY_LEN(level_names); i++) {
		if (strcmp(text, level_names[i]) == 0) {
			*ret_level = (enum log_level)i;
			return 0;
		}
	}
	return -1;
}

bool log_enabled(enum log_level level)
{
	return level >= level_min;
}

static bool value_is_plain(const char *value)
{
	if (*value == '\0')
		return false;
	for (const unsigned char *at = (const unsigned char *)value; *at; at++)
		if (*at <= ' ' || *at == '"' || *at == '=' || *at == '\\' || *at >= 0x7F)
			return false;
	return true;
}

/* A value longer than LOG_VALUE_BYTES_MAX is cut, and a field that could not fit
 * whatever its escapes is left out: a line is always whole. */
static void field_add(struct buf *line, const char *name, const char *value)
{
	size_t len = strnlen(value, LOG_VALUE_BYTES_MAX);
	bool first = line->len == 0;

	if (line->len + 6 * (strlen(name) + len) + 16 > line->max)
		return;
	if (format_used == LOG_JSON) {
		buf_add_text(line, first ? "{" : ",");
		json_quote(line, name, strlen(name));
		buf_add_byte(line, ':');
		json_quote(line, value, len);
		return;
	}
	buf_printf(line, "%s%s=", first ? "" : " ", name);
	if (value_is_plain(value))
		buf_add(line, value, len);
	else
		json_quote(line, value, len); /* logfmt readers take the same escapes */
}

void log_write(enum log_level level, const char *msg, ...)
{
	struct buf line = BUF(LOG_LINE_BYTES_MAX);
	char now[INSTANT_TEXT_LEN + 1];
	const char *name;
	va_list args;

	if (!log_enabled(level))
		return;
	instant_format(clock_wall_ms(), now);
	field_add(&line, "time", now);
	field_add(&line, "level", level_names[level]);
	field_add(&line, "msg", msg);
	va_start(args, msg);
	while ((name = va_arg(args, const char *)) != NULL) {
		const char *value = va_arg(args, const char *);
		field_add(&line, name, value ? value : "");
	}
	va_end(args);
	buf_add_text(&line, format_used == LOG_JSON ? "}\n" : "\n");
	if (line.data && write(STDERR_FILENO, line.data, line.len) < 0) {
		/* nowhere left to say it */
	}
	buf_done(&line);
}

const char *log_int_text(struct log_text *into, long long number)
{
	snprintf(into->text, sizeof(into->text), "%lld", number);
	return into->text;
}
