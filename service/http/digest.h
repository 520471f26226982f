/* SPDX-License-Identifier: MIT */
/* digest.h - Content-Digest and Repr-Digest (RFC 9530).
 *
 * Threads    every function from any thread.
 */
#ifndef SERVICE_HTTP_DIGEST_H
#define SERVICE_HTTP_DIGEST_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum { DIGEST_TEXT_MAX = 64 };

struct digest {
	bool has_sha256, has_sha512;
	uint8_t sha256[32], sha512[64];
};

/* The field's value; NULL: it is absent.  Other algorithms are passed over (section 2).
 * ERR_BAD_REQUEST: it is not a dictionary of byte sequences (RFC 9651, section 3.2). */
int digest_read(const char *field, const char *value, struct digest *ret_digest, struct err *err);

/* sha-256=:…: */
void digest_format(const uint8_t sha256[32], char text[DIGEST_TEXT_MAX]);

#endif
