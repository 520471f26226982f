/* SPDX-License-Identifier: MIT */
/* guard.h - which addresses may be connected to (server-side request forgery).
 *
 * One table of denied ranges; what the operator allows (--allow-net) wins over it, and
 * nothing wins over our own listening addresses.  The guard is asked for each address
 * that is about to be connected to, and for literal addresses when a job is planned.
 *
 * Threads    filled by one thread before others ask; then any number may ask.
 * Ownership  guard_new() to guard_free(); nothing that is passed in is kept.
 * Errors     0, or -1 and ERR_FETCH_GUARD ("127.0.0.1 is loopback"), ERR_INVALID_SPEC
 *            for a CIDR, ERR_LIMIT, ERR_NO_MEMORY.
 */
#ifndef NET_GUARD_H
#define NET_GUARD_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

struct err;
struct guard;
struct sockaddr;

struct guard *guard_new(void); /* NULL: no memory */
void guard_free(struct guard *guard);

/* "10.0.0.0/8", "::1/128", or one address; at most GUARD_ALLOW_MAX of them. */
int guard_allow(struct guard *guard, const char *cidr, struct err *err);

/* A socket of ours listens there: denied for good.  For a wildcard address add also
 * each interface's address with the port; loopback is understood. */
int guard_deny_own(struct guard *guard, const struct sockaddr *address, struct err *err);

/* May we connect?  IPv4-mapped addresses are judged as IPv4. */
int guard_check(const struct guard *guard, const struct sockaddr *address,
		struct err *err) MUST_USE;

/* May the name be looked up?  .local, .internal, .onion may not, whoever allows them. */
int guard_check_name(const struct guard *guard, const char *name, size_t len,
		     struct err *err) MUST_USE;

/* Did the operator allow the network that the address is in? */
bool guard_inside(const struct guard *guard, const struct sockaddr *address);

enum { GUARD_HINT_LEN = 80 };

/* What an operator would do to allow it: "serve --allow-net 127.0.0.0/8"; "" when
 * nothing would help.  Returns `text`. */
const char *guard_hint(const struct guard *guard, const struct sockaddr *address,
		       char text[GUARD_HINT_LEN]);

#endif
