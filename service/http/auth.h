/* SPDX-License-Identifier: MIT */
/* auth.h - bearer tokens (RFC 6750, section 2.1).
 *
 * Only SHA-256 hashes of tokens are kept; a presented one is hashed and compared
 * with all of them in constant time.
 *
 * Threads    auth_check() from any thread; the rest before the server starts.
 */
#ifndef SERVICE_HTTP_AUTH_H
#define SERVICE_HTTP_AUTH_H

#include "base/err.h"

#include <stddef.h>

enum scope {
	SCOPE_ANY = 0,
	SCOPE_READ = 1,
	SCOPE_WRITE = 2, /* submit and change jobs */
	SCOPE_ADMIN = 4, /* the daemon itself: hosts, limits */
	SCOPE_ALL = 7,
};

struct auth;

int auth_new(struct auth **ret_auth, struct err *err);
void auth_free(struct auth *auth);

/* One token a line: "TOKEN [NAME [SCOPE,SCOPE…]]"; blank lines and lines that begin
 * with '#' are skipped; without scopes a token may do everything.  At least 16 bytes
 * each.  ERR_BAD_PARAMETER names the line, never the token. */
int auth_add_lines(struct auth *auth, const char *text, size_t len, struct err *err);

/* A token that is known by its hash only (from the database). */
int auth_add_hash(struct auth *auth, const unsigned char hash[32], const char *name,
		  unsigned scopes, struct err *err);

size_t auth_count(const struct auth *auth);

/* `header` is the value of Authorization, NULL when absent.  0 and the token's name;
 * ERR_UNAUTHORIZED or, when its scopes do not hold `scope`, ERR_FORBIDDEN. */
int auth_check(const struct auth *auth, const char *header, enum scope scope, const char **ret_name,
	       struct err *err);

/* 32 random bytes as 43 characters of base64url, for a first token. */
enum { AUTH_TOKEN_LEN = 43 };
void auth_token_new(char text[AUTH_TOKEN_LEN + 1]);

#endif
