/* SPDX-License-Identifier: MIT */
/* raw_http.h - an HTTP client that sends exactly the bytes it is given.
 *
 * Threads    a connection belongs to one thread at a time.
 * Errors     a test that cannot connect or waits longer than RAW_WAIT_MS aborts.
 */
#ifndef TESTS_LIB_RAW_HTTP_H
#define TESTS_LIB_RAW_HTTP_H

#include <stdbool.h>
#include <stddef.h>

enum { RAW_WAIT_MS = 60000 };

struct raw_answer {
	int status; /* 0: the connection was closed without one */
	bool closed;
	char *text; /* head and body, NUL-terminated */
	const char *body;
	size_t len;
};

int raw_connect(const char *url); /* "http://127.0.0.1:PORT" */
void raw_send(int fd, const char *bytes, size_t len);

/* One answer: its head, and the body by Content-Length (or to the end, without one). */
struct raw_answer raw_read(int fd);
/* Everything up to the end of the connection. */
struct raw_answer raw_read_to_end(int fd);
/* Waits until `text` has arrived; false: the end came first.  What came is dropped. */
bool raw_wait_for(int fd, const char *text);
/* Waits for the end of the connection, dropping what comes. */
void raw_wait_for_end(int fd);
void raw_answer_done(struct raw_answer *answer);

/* Connects, sends, reads to the end, closes. */
struct raw_answer raw_ask(const char *url, const char *bytes, size_t len);

#endif
