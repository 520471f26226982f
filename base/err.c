/* SPDX-License-Identifier: MIT */
/* err.c - the table of failures as data, and the few ways to fill a struct err. */
#include "base/err.h"

#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

struct entry {
	int status;
	bool retryable;
	const char *name;
	const char *title;
};

static const struct entry entries[ERR_CODES] = {[ERR_NONE] = {200, false, "none", "No error"},
#define X(code, status, retry, name, title) [code] = {status, retry, name, title},
						ERR_TABLE(X)
#undef X
};

static const struct entry *entry_of(enum err_code code)
{
	return (unsigned)code < ERR_CODES ? &entries[code] : &entries[ERR_INTERNAL];
}

/* A detail that was cut must not end inside a UTF-8 sequence. */
static void detail_trim(char *detail, size_t len)
{
	size_t start = len;

	while (start > 0 && utf8_continues((unsigned char)detail[start - 1]))
		start--;
	if (start > 0 && utf8_span(detail + start - 1, detail + len) == 0)
		detail[start - 1] = '\0';
}

/* Writes behind the first `at` bytes; the new length. */
static size_t PRINTF(3, 0) detail_format(struct err *err, size_t at, const char *fmt, va_list args)
{
	int n = vsnprintf(err->detail + at, ERR_DETAIL_MAX - at, fmt, args);

	if (n < 0) {
		err->detail[at] = '\0';
		return at;
	}
	if ((size_t)n >= ERR_DETAIL_MAX - at) {
		detail_trim(err->detail, ERR_DETAIL_MAX - 1);
		return strlen(err->detail);
	}
	return at + (size_t)n;
}

static void PRINTF(3, 4) detail_append(struct err *err, size_t at, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	detail_format(err, at, fmt, args);
	va_end(args);
}

int err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
	va_list args;

	err->code = code;
	va_start(args, fmt);
	detail_format(err, 0, fmt, args);
	va_end(args);
	return -1;
}

int err_set_errno(struct err *err, enum err_code code, int errno_value, const char *fmt, ...)
{
	va_list args;
	size_t len;
	char text[128];

	err->code = code;
	va_start(args, fmt);
	len = detail_format(err, 0, fmt, args);
	va_end(args);
	detail_append(err, len, ": %s", strerror_r(errno_value, text, sizeof(text)));
	return -1;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	struct err inner = *err;
	va_list args;
	size_t len;

	va_start(args, fmt);
	len = detail_format(err, 0, fmt, args);
	va_end(args);
	detail_append(err, len, ": %s", inner.detail);
	return -1;
}

int err_status(enum err_code code)
{
	return entry_of(code)->status;
}

bool err_retryable(enum err_code code)
{
	return entry_of(code)->retryable;
}

const char *err_name(enum err_code code)
{
	return entry_of(code)->name;
}

const char *err_title(enum err_code code)
{
	return entry_of(code)->title;
}

enum err_code err_by_name(const char *name)
{
	for (unsigned code = ERR_NONE + 1; code < ERR_CODES; code++)
		if (strcmp(entries[code].name, name) == 0)
			return (enum err_code)code;
	return ERR_NONE;
}
