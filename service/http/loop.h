/* SPDX-License-Identifier: MIT */
/* loop.h - the HTTP threads: each runs a libmicrohttpd daemon of its own.
 *
 * Why not the library's threads and pool: when its epoll_wait(2) returns exactly as
 * many events as it has room for (128), it waits again before it handles them.  With
 * 128 busy connections on a thread nothing more comes, and throughput falls from
 * 140,000 to some hundred requests a second (measured with 0.9.75; 256 connections on
 * two threads).  Called from a loop of our own it never waits itself.
 *
 * Threads    loop_serve() and loop_kick() from any thread; _new(), _free() by one.
 * Errors     0, or -1 and *err.
 * Locks      LOCK_LEAF, for the connections that were handed over.
 */
#ifndef SERVICE_HTTP_LOOP_H
#define SERVICE_HTTP_LOOP_H

#include "base/err.h"

struct MHD_Daemon;
struct conn;
struct loop;

/* Starts a thread that runs `daemon`, which needs MHD_USE_EPOLL and no threads. */
int loop_new(struct MHD_Daemon *daemon, struct loop **ret_loop, struct err *err);
void loop_free(struct loop *loop); /* ends the thread, then the daemon with its connections */

void loop_serve(struct loop *loop, struct conn *conn); /* an admitted connection */

/* After MHD_resume_connection(): without threads of its own the library tells nobody. */
void loop_kick(struct loop *loop);

#endif
