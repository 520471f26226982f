/* SPDX-License-Identifier: MIT */
/* site.h - which hosts belong together: the public suffix list.
 *
 * A public suffix ("com", "co.uk", "github.io") is what anybody may register names under;
 * a site is such a suffix with one label more ("example.co.uk").  The list is the
 * system's when it is newer than the one built into libpsl.
 *
 * Threads    every function from any thread.
 * Ownership  what is returned points into the host given.
 * Errors     none: without a list every last label is a public suffix.
 */
#ifndef NET_SITE_H
#define NET_SITE_H

#include "net/url.h"

#include <stdbool.h>

/* Hosts are as in a struct url: lower case, ASCII, addresses in their canonical form; one
 * dot at the end belongs to the name. */

bool site_is_address(struct url_part host);

/* "co.uk", and every single label; never an address. */
bool site_is_public_suffix(struct url_part host);

/* The registrable domain of the host: "example.co.uk" of "www.example.co.uk"; the host
 * itself when it is an address, a single label or a public suffix. */
struct url_part site_of(struct url_part host);

/* The same site, whatever scheme and port. */
bool site_same(const struct url *a, const struct url *b);

#endif
