/* SPDX-License-Identifier: MIT */
/* lobby.h - sockets on their way in and on their way out.
 *
 * In: a connection waits here until its first head is complete.  A malformed or too large
 * one is answered with a problem; the others go to libmicrohttpd, with little memory if
 * all they ask for is a stream, with enough for any head if not.
 *
 * Out: a refusal whose request is still arriving would be lost when the socket is closed:
 * unread bytes make the kernel reset the connection.  Such a socket stays here, half
 * closed, and what it sends is thrown away until its client closes or time is up.
 *
 * Threads    lobby_enter() the acceptor's; lobby_linger(), lobby_answer() HTTP threads;
 *            lobby_refuse() both; one maker.  The lobby has a thread of its own.
 * Errors     0, or -1 and *err.
 * Locks      LOCK_LEAF, for the list of those who leave.
 */
#ifndef SERVICE_HTTP_LOBBY_H
#define SERVICE_HTTP_LOBBY_H

#include "base/err.h"

#include <stddef.h>

struct conn;
struct conns;
struct lobby;
struct routes;

int lobby_new(struct conns *conns, const struct routes *routes, struct lobby **ret_lobby,
	      struct err *err);
void lobby_stop(struct lobby *lobby); /* ends the thread, closes who is inside */
void lobby_free(struct lobby *lobby); /* when no HTTP thread is left */

void lobby_enter(struct lobby *lobby, struct conn *conn);	       /* admitted */
void lobby_refuse(struct lobby *lobby, int fd, const struct err *err); /* takes the socket */
/* A whole answer in the middle of a request; on a copy, too. */
void lobby_answer(struct lobby *lobby, int fd, const char *text, size_t len);
void lobby_linger(struct lobby *lobby, int fd); /* a copy of it, its owner may close */

#endif
