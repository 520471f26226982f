/* SPDX-License-Identifier: MIT */
/* health.h - `jobmill health`: is the daemon of this configuration alive? */
#ifndef SERVICE_HEALTH_H
#define SERVICE_HEALTH_H

#include "base/err.h"
#include "service/config.h"

/* GET /livez at the address that `config` says the daemon listens on (loopback when it
 * listens everywhere).  0: it answered 200; -1 and *err: it did not, within 2 s. */
int health_ask(const struct config *config, struct err *err);

#endif
