/* SPDX-License-Identifier: MIT */
/* url_mask.h - URLs for people: user and password are shown as "***". */
#ifndef NET_URL_MASK_H
#define NET_URL_MASK_H

#include "base/json.h"

/* Adds the text as a member, with three stars before the '@' of a URL's authority.
 * Texts without such a part, and those that are no URLs, stay as they are. */
void url_out_masked(struct json_out *out, const char *name, const char *text);

#endif
