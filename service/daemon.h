/* SPDX-License-Identifier: MIT */
/* daemon.h - the whole service: built in order, drained, taken down in reverse.
 *
 *   daemon_start   everything up, listening, jobs running
 *   daemon_drain   SIGTERM: no new requests, running jobs commit and yield
 *   daemon_stop    takes down whatever stands: after a whole drain, or a failed start
 *
 * Threads    one thread calls all three.
 * Errors     0, or -1 and *err.
 */
#ifndef SERVICE_DAEMON_H
#define SERVICE_DAEMON_H

#include "base/err.h"
#include "service/config.h"

struct daemon;

int daemon_start(const struct config *config, struct daemon **ret_daemon, struct err *err);
const char *daemon_url(const struct daemon *daemon);
/* Jobs that did not leave their steps within for_ms; when there are any, the end of the
 * process is the only stop that is left: what was promised is on the disk. */
unsigned daemon_drain(struct daemon *daemon, int64_t for_ms);
void daemon_stop(struct daemon *daemon); /* NULL is fine */

#endif
