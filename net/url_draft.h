/* SPDX-License-Identifier: MIT */
/* url_draft.h - a URL while it is parsed; what url.c and url_path.c share.
 *
 * The serialised URL grows in `out` while the text is read from `at` to `end`; parts
 * are spans of it.  A failed append shows in buf_ok(), which url_parse() asks once.
 *
 * Threads    one at a time.
 */
#ifndef NET_URL_DRAFT_H
#define NET_URL_DRAFT_H

#include "base/buf.h"
#include "net/url.h"

#include <stdint.h>

#define ABSENT SIZE_MAX /* the start of a part that is not there */

struct span {
	size_t start, end; /* in the serialised URL */
};

struct draft {
	const char *start, *at, *end; /* the text */
	size_t skipped;		      /* octets trimmed before it */
	const struct url *base;
	struct err *err;
	struct buf out;
	enum url_scheme kind;
	bool opaque_path;
	int port;
	size_t scheme_end;
	struct span username, password, host, path, query, fragment;
};

static inline bool is_alpha(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool is_special(const struct draft *d)
{
	return d->kind != URL_OTHER;
}

/* A separator of path segments here? */
static inline bool is_slash(const struct draft *d, const char *at)
{
	return at < d->end && (*at == '/' || (*at == '\\' && is_special(d)));
}

/* The end of the authority or the path that goes on at `at`. */
static inline const char *find_mark(const struct draft *d, const char *at, bool slashes)
{
	while (at < d->end && *at != '?' && *at != '#' && !(slashes && is_slash(d, at)))
		at++;
	return at;
}

/* Adds a part, encoded, and notes where it stands. */
void draft_span(struct draft *d, struct span *span, const char *text, size_t len, unsigned set);

/* The rest of the text, from where the name says on; they end with the fragment. */
int draft_path(struct draft *d);     /* the path start state */
int draft_segments(struct draft *d); /* from behind the first slash, upon a base's path */
int draft_opaque(struct draft *d);
int draft_query(struct draft *d);
int draft_fragment(struct draft *d);

/* "Shorten a URL's path": the length without the last segment; a drive stays. */
size_t path_shortened(const struct draft *d, const char *path, size_t len);

/* A path "//…" without a host would read as an authority: "/." goes before it. */
void path_guard(struct draft *d);

bool is_drive(const char *at, size_t len); /* "C:" or "C|" */

/* Does the text start with a drive letter, as a segment of its own? */
bool starts_with_drive(const char *at, const char *end);

#endif
