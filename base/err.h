/* SPDX-License-Identifier: MIT */
/* err.h - what can go wrong, and how it is told.
 *
 * One table lists every failure: its code, the HTTP status it becomes, whether
 * trying again can help, its public name (the last part of a problem's `type`,
 * an item error's `type`) and its title.  A function that can fail returns 0 or
 * -1 and takes `struct err *err` last; it fills *err exactly when it returns -1.
 * Upper layers may prefix the detail (err_wrap), never change the code.
 *
 * Threads    a struct err belongs to one thread at a time; no globals.
 * Ownership  a struct err owns nothing: copy it freely.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/compiler.h"

#include <stdarg.h>
#include <stdbool.h>

/* clang-format off */
/*       code                     status retry  name                  title */
#define ERR_TABLE(X) \
	/* the request, before anybody looked at what it asks for */ \
	X(ERR_BAD_REQUEST,           400, false, "bad-request",          "Request is not valid HTTP") \
	X(ERR_INVALID_JSON,          400, false, "invalid-json",         "Body is not JSON") \
	X(ERR_BAD_PARAMETER,         400, false, "bad-parameter",        "Query parameter is not valid") \
	X(ERR_BAD_CURSOR,            400, false, "bad-cursor",           "Cursor is not one of ours") \
	X(ERR_FILTER_REQUIRED,       400, false, "filter-required",      "A filter is required") \
	X(ERR_UNAUTHORIZED,          401, false, "unauthorized",         "A token is required") \
	X(ERR_FORBIDDEN,             403, false, "forbidden",            "Not allowed") \
	X(ERR_CROSS_ORIGIN,          403, false, "cross-origin",         "Request comes from another origin") \
	X(ERR_NOT_FOUND,             404, false, "not-found",            "Not found") \
	X(ERR_METHOD_NOT_ALLOWED,    405, false, "method-not-allowed",   "Method not allowed") \
	X(ERR_NOT_ACCEPTABLE,        406, false, "not-acceptable",       "No representation of that type") \
	X(ERR_CONFLICT,              409, false, "conflict",             "Conflict") \
	X(ERR_ITEMS,                 409, false, "items-not-retryable",  "Single items cannot be retried") \
	X(ERR_WRONG_STATE,           409, false, "wrong-state",          "Job is in the wrong state") \
	X(ERR_JOB_FAILED,            409, false, "job-failed",           "Job did not complete") \
	X(ERR_UNIQUE_CONFLICT,       409, false, "unique-conflict",      "A job with this unique key exists") \
	X(ERR_GONE,                  410, false, "gone",                 "No longer kept") \
	X(ERR_PRECONDITION_FAILED,   412, false, "precondition-failed",  "Precondition failed") \
	X(ERR_BODY_TOO_LARGE,        413, false, "body-too-large",       "Body is too large") \
	X(ERR_URI_TOO_LONG,          414, false, "uri-too-long",         "URI is too long") \
	X(ERR_BAD_RANGE,             416, false, "range-not-satisfiable", "Range is not satisfiable") \
	X(ERR_EXPECTATION_FAILED,    417, false, "expectation-failed",   "Expectation is not supported") \
	X(ERR_HOST_NOT_ALLOWED,      421, false, "host-not-allowed",     "Unknown Host") \
	X(ERR_INVALID_SPEC,          422, false, "invalid-spec",         "Spec is not valid") \
	X(ERR_DIGEST,                422, false, "digest-mismatch",      "Content is not what its digest says") \
	X(ERR_FILE_NAME,             422, false, "file-name",            "Not the name of a file") \
	X(ERR_ADDRESS_DENIED,        422, false, "address-denied",       "Address not allowed") \
	X(ERR_NOT_IMPLEMENTED,       422, false, "not-implemented",      "Not built yet") \
	X(ERR_IDEMPOTENCY_MISMATCH,  422, false, "idempotency-mismatch", "Idempotency-Key was used for another request") \
	X(ERR_TOO_MANY_REQUESTS,     429, true,  "too-many-requests",    "Too many requests") \
	X(ERR_QUEUE_FULL,            429, true,  "queue-full",           "Queue is full") \
	X(ERR_HEADERS_TOO_LARGE,     431, false, "headers-too-large",    "Headers are too large") \
	X(ERR_INTERNAL,              500, false, "internal",             "Internal error") \
	X(ERR_NO_MEMORY,             503, true,  "no-memory",            "Out of memory") \
	X(ERR_DRAINING,              503, true,  "draining",             "Daemon is shutting down") \
	X(ERR_STORE,                 503, true,  "store-unavailable",    "Store is not writable") \
	X(ERR_TOO_MANY_CONNECTIONS,  503, true,  "too-many-connections", "Too many connections") \
	X(ERR_DISK_FULL,             507, true,  "disk-full",            "Disk is nearly full") \
	/* an attempt, or the whole job */ \
	X(ERR_FAILED,                500, true,  "failed",               "Attempt failed") \
	X(ERR_JOB_TIMEOUT,           500, true,  "job-timeout",          "Attempt took longer than its timeout") \
	X(ERR_DEADLINE,              500, false, "deadline",             "Job did not finish before its deadline") \
	X(ERR_PARENT_FAILED,         500, false, "parent-failed",        "A job that this one needs did not complete") \
	X(ERR_POISON,                500, false, "poison",               "Job crashed the daemon again and again") \
	X(ERR_TOO_MANY_FAILED,       500, false, "too-many-failed",      "More items failed than max_failed allows") \
	X(ERR_LIMIT,                 500, false, "limit",                "A limit was reached") \
	X(ERR_SCRIPT,                500, false, "script",               "Script failed") \
	X(ERR_OVERFLOW,              500, false, "overflow",             "Result is too large") \
	X(ERR_CANCELLED,             500, false, "cancelled",            "Cancelled") \
	X(ERR_INTERRUPTED,           500, true,  "interrupted",          "Daemon stopped while it ran") \
	X(ERR_IO,                    500, true,  "io",                   "Input or output failed") \
	/* one fetch: the fixed list of reasons */ \
	X(ERR_FETCH_URL,             422, false, "url",                  "URL is not valid") \
	X(ERR_FETCH_GUARD,           422, false, "guard",                "Address is not allowed") \
	X(ERR_FETCH_ROBOTS,          500, false, "robots",               "robots.txt disallows it") \
	X(ERR_FETCH_CIRCUIT_OPEN,    500, true,  "circuit-open",         "Circuit breaker of the host is open") \
	X(ERR_FETCH_THROTTLED,       500, true,  "throttled",            "Host asks to slow down") \
	X(ERR_FETCH_BLOCKED,         500, false, "blocked",              "Host refuses us") \
	X(ERR_FETCH_DNS,             500, true,  "dns",                  "Name does not resolve") \
	X(ERR_FETCH_CONNECT,         500, true,  "connect",              "Connection failed") \
	X(ERR_FETCH_TLS,             500, false, "tls",                  "TLS failed") \
	X(ERR_FETCH_TIMEOUT,         500, true,  "timeout",              "Host took too long") \
	X(ERR_FETCH_RESET,           500, true,  "reset",                "Connection was reset") \
	X(ERR_FETCH_TRUNCATED,       500, true,  "truncated",            "Body ended early") \
	X(ERR_FETCH_PROTOCOL,        500, false, "protocol",             "Answer is not valid HTTP") \
	X(ERR_FETCH_TOO_LARGE,       500, false, "too-large",            "Body or header is too large") \
	X(ERR_FETCH_BOMB,            500, false, "bomb",                 "Body decompresses without measure") \
	X(ERR_FETCH_REDIRECTS,       500, false, "redirects",            "Too many redirects") \
	X(ERR_FETCH_HTTP_4XX,        500, false, "http-4xx",             "Host answered 4xx") \
	X(ERR_FETCH_HTTP_5XX,        500, true,  "http-5xx",             "Host answered 5xx") \
	/* one record */ \
	X(ERR_INVALID_RECORD,        500, false, "invalid-record",       "Record is not what it should be") \
	/* one page */ \
	X(ERR_FIELD_MISSING,         500, false, "missing-field",        "Required field was not found")
/* clang-format on */

enum err_code {
	ERR_NONE = 0,
#define X(code, status, retry, name, title) code,
	ERR_TABLE(X)
#undef X
		ERR_CODES
};

enum { ERR_DETAIL_MAX = 400 }; /* bytes with the NUL; longer details are cut at a code point */

struct err {
	enum err_code code;
	char detail[ERR_DETAIL_MAX];
};

/* Fills *err; always returns -1, so that `return err_set(err, …);` reads well. */
int err_set(struct err *err, enum err_code code, const char *fmt, ...) PRINTF(3, 4);

/* The same with strerror(errno_value) appended after ": ". */
int err_set_errno(struct err *err, enum err_code code, int errno_value, const char *fmt, ...)
	PRINTF(4, 5);

/* Puts "prefix: " before the detail; the code stays.  Returns -1. */
int err_wrap(struct err *err, const char *fmt, ...) PRINTF(2, 3);

int err_status(enum err_code code);	     /* the HTTP status */
bool err_retryable(enum err_code code);	     /* may an attempt be repeated? */
const char *err_name(enum err_code code);    /* "queue-full"; "none" for ERR_NONE */
const char *err_title(enum err_code code);   /* "Queue is full" */
enum err_code err_by_name(const char *name); /* ERR_NONE when unknown */

#endif
