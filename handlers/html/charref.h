/* SPDX-License-Identifier: MIT */
/* charref.h - "&amp;", "&#38;", "&#x26;": character references (WHATWG HTML 13.2.5.72 on).
 *
 * Threads    any.
 */
#ifndef HTML_CHARREF_H
#define HTML_CHARREF_H

#include <stdbool.h>
#include <stddef.h>

enum { CHARREF_BYTES_MAX = 8 };

/* Reads the reference that begins at `at` (an '&').  Returns how many bytes of the page it
 * takes, and its meaning in UTF-8; 0 when the '&' is only an ampersand.  In an attribute
 * "&copy=1" is no reference. */
size_t charref_read(const char *at, const char *end, bool in_attribute,
		    char ret_text[CHARREF_BYTES_MAX], size_t *ret_len);

/* The code point in UTF-8; returns its length. */
size_t utf8_put(unsigned code, char *at);

#endif
