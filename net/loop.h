/* SPDX-License-Identifier: MIT */
/* loop.h - curl multi handles driven by one epoll, with a way to wake it.
 *
 * Each pool is a multi handle with connections of its own, made when it is first used:
 * what one pool connected to, no other uses again.
 *
 * Threads    one thread owns the loop; loop_wake() from any.
 * Ownership  the loop owns neither easy handles nor what they point to; it closes the
 *            sockets that loop_open() made, when libcurl says so.
 * Errors     0, or -1 and *err.
 * Units      _ms: instants of clock_ms().
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "base/err.h"

#include <curl/curl.h>
#include <stddef.h>
#include <stdint.h>

enum { LOOP_POOLS = 8 };

struct loop;

struct loop_pool {
	struct loop *loop;
	CURLM *multi;	  /* NULL: not used yet */
	int64_t timer_ms; /* when libcurl wants to be called; INT64_MAX: not */
};

/* What is known of one descriptor. */
struct loop_watch {
	uint8_t pool;	 /* whose it is */
	uint8_t wanted;	 /* CURL_POLL_IN, …_OUT: what libcurl waits for */
	uint8_t watched; /* what epoll waits for; may be more than is wanted */
	uint8_t ours;	 /* from loop_open(): we shall hear when it is closed */
};

struct loop {
	int epoll_fd, wake_fd;
	unsigned connections_max; /* kept by each pool */
	struct loop_pool pools[LOOP_POOLS];
	struct loop_watch *watches; /* by descriptor */
	size_t watch_count;
};

int loop_init(struct loop *loop, unsigned connections_max, struct err *err);
void loop_done(struct loop *loop); /* every easy handle was removed */

int loop_transfer(struct loop *loop, unsigned pool, CURL *easy); /* 0, or -1: no memory */
void loop_remove(struct loop *loop, unsigned pool, CURL *easy);

/* For CURLOPT_OPENSOCKETFUNCTION and CURLOPT_CLOSESOCKETFUNCTION (its ctx: the loop). */
curl_socket_t loop_open(struct loop *loop, const struct curl_sockaddr *address);
int loop_close(void *loop, curl_socket_t fd);

/* Waits for sockets, libcurl's timers, a wake-up or until_ms, and lets libcurl work. */
void loop_run(struct loop *loop, int64_t until_ms);
struct loop_end {
	CURL *easy; /* still added */
	CURLcode code;
};

/* Transfers that ended, at most `max`.  Many at a time: removing a handle costs libcurl a
 * look at each message that was not read yet. */
size_t loop_ended(struct loop *loop, struct loop_end *ends, size_t max);

void loop_wake(const struct loop *loop);

#endif
