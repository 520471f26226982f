/* SPDX-License-Identifier: MIT */
/* meta.h - the encoding that a page declares about itself.
 *
 * Threads    every function from any thread.
 * Ownership  names are static (net/charset.h).
 */
#ifndef HTML_META_H
#define HTML_META_H

#include <stddef.h>

/* The encoding that a <meta> in the first 1,024 bytes names; NULL: none does.  What
 * charset_detect() asks for HTML. */
const char *meta_charset(const char *bytes, size_t len);

#endif
