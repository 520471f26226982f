/* SPDX-License-Identifier: MIT */
/* acceptor.h - the listening socket and the thread that accepts.
 *
 * libmicrohttpd could listen itself, but then a drain may abort the process
 * (MHD_quiesce_daemon), and no thread could be given its fair share.  Who is one too many
 * is told so (503 or 429) before the connection is closed.
 *
 * Threads    one maker; the accepting thread is its own.
 * Errors     0, or -1 and *err.
 */
#ifndef SERVICE_HTTP_ACCEPTOR_H
#define SERVICE_HTTP_ACCEPTOR_H

#include "base/err.h"

#include <stdbool.h>

struct acceptor;
struct conns;
struct lobby;

/* Binds to "address:port" or "[address]:port"; clients are refused until the start. */
int acceptor_new(const char *listen, struct acceptor **ret_acceptor, struct err *err);
int acceptor_start(struct acceptor *acceptor, struct conns *conns, struct lobby *lobby,
		   struct err *err);
void acceptor_free(struct acceptor *acceptor); /* stops listening */

const char *acceptor_url(const struct acceptor *acceptor);
const char *acceptor_host(const struct acceptor *acceptor); /* "127.0.0.1", "[::1]" */
bool acceptor_is_loopback(const struct acceptor *acceptor);

#endif
