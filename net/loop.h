/* SPDX-License-Identifier: MIT */
/* loop.h - a curl multi handle driven by epoll, with a way to wake it.
 *
 * Threads    one thread owns the loop; loop_wake() from any.
 * Ownership  the loop owns neither easy handles nor what they point to.
 * Errors     0, or -1 and *err.
 * Units      _ms: instants of clock_ms().
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "base/err.h"

#include <curl/curl.h>
#include <stdint.h>

struct loop {
	CURLM *multi;
	int epoll_fd, wake_fd;
	int64_t timer_ms; /* when libcurl wants to be called; INT64_MAX: not */
};

int loop_init(struct loop *loop, unsigned connections_max, struct err *err);
void loop_done(struct loop *loop); /* every easy handle was removed */

int loop_transfer(struct loop *loop, CURL *easy); /* 0, or -1: no memory */
void loop_remove(struct loop *loop, CURL *easy);

/* Waits for sockets, libcurl's timers, a wake-up or until_ms, and lets libcurl work. */
void loop_run(struct loop *loop, int64_t until_ms);
/* The next transfer that ended, with its code; it is still added.  NULL: no more. */
CURL *loop_ended(struct loop *loop, CURLcode *ret_code);

void loop_wake(const struct loop *loop);

#endif
