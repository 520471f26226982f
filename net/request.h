/* SPDX-License-Identifier: MIT */
/* request.h - a request of our own: copied, checked, and turned when redirected.
 *
 * Threads    one at a time.
 * Ownership  a request owns copies of everything it was made from.
 * Errors     0, or -1 and *err: ERR_FETCH_URL, ERR_FETCH_GUARD, ERR_FETCH_REDIRECTS,
 *            ERR_NO_MEMORY.
 */
#ifndef NET_REQUEST_H
#define NET_REQUEST_H

#include "base/err.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

struct fetch_request;
struct guard;

enum { METHOD_BYTES_MAX = 16 };

struct request {
	char *url; /* serialised, without fragment */
	char *key; /* of its host */
	char method[METHOD_BYTES_MAX + 1];
	struct curl_slist *headers;
	char *body;
	size_t body_len;
	char *robots;	  /* the product token; NULL: robots.txt is not asked */
	bool credentials; /* in the URL or a header */
	bool inside;	  /* the host is an address in --allow-net */
};

int request_init(struct request *request, const struct fetch_request *from,
		 const struct guard *guard, struct err *err);
void request_done(struct request *request);

/* The value of the first header of that name, in any case; NULL: there is none. */
const char *request_own_header(const struct request *request, const char *name);

/* A header line at the end of a list, checked. */
int headers_add(struct curl_slist **headers, const char *name, const char *value, struct err *err);

bool status_is_redirect(int status);

/* Where an answer of `status` with this Location leads: method and body by the Fetch
 * Standard (section 4.4, HTTP-redirect fetch), credentials only within the origin, never
 * from https to http with credentials.  *ret_old_key: the key before, to be freed by the
 * caller when nobody reads it any more.  On failure the request is as it was. */
int request_redirect(struct request *request, int status, const char *location,
		     const struct guard *guard, char **ret_old_key, struct err *err);

#endif
