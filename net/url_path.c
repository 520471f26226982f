/* SPDX-License-Identifier: MIT */
/* url_path.c - what stands behind the authority: segments, opaque paths, query, fragment
 * (the URL Standard's states from "path start" to "fragment").
 */
#include "net/url_draft.h"

#include "net/url_encode.h"

#include <string.h>

void draft_span(struct draft *d, struct span *span, const char *text, size_t len, unsigned set)
{
	span->start = d->out.len;
	url_encode(&d->out, text, len, set);
	span->end = d->out.len;
}

bool is_drive(const char *at, size_t len)
{
	return len == 2 && is_alpha(at[0]) && (at[1] == ':' || at[1] == '|');
}

bool starts_with_drive(const char *at, const char *end)
{
	return end - at >= 2 && is_drive(at, 2) &&
	       (end - at == 2 || memchr("/\\?#", at[2], 4) != NULL);
}

/* Reads "." or "%2e"; how long it is, or 0. */
static size_t dot_len(const char *at, const char *end)
{
	if (at < end && *at == '.')
		return 1;
	return end - at >= 3 && at[0] == '%' && at[1] == '2' && (at[2] | 0x20) == 'e' ? 3 : 0;
}

/* 1 for a single-dot segment, 2 for a double-dot one, else 0. */
static int dots(const char *at, const char *end)
{
	int count = 0;

	while (at < end) {
		size_t len = dot_len(at, end);

		if (len == 0 || ++count > 2)
			return 0;
		at += len;
	}
	return count;
}

size_t path_shortened(const struct draft *d, const char *path, size_t len)
{
	if (d->kind == URL_FILE && len == 3 && is_drive(path + 1, 2) && path[2] == ':')
		return len;
	while (len > 0 && path[len - 1] != '/')
		len--;
	return len > 0 ? len - 1 : 0;
}

static void segment_add(struct draft *d, const char *at, const char *end)
{
	bool first = d->out.len == d->path.start;

	buf_add_byte(&d->out, '/');
	if (d->kind == URL_FILE && first && is_drive(at, (size_t)(end - at))) {
		buf_add_byte(&d->out, at[0]);
		buf_add_byte(&d->out, ':');
	} else {
		url_encode(&d->out, at, (size_t)(end - at), URL_SET_PATH);
	}
}

void path_guard(struct draft *d)
{
	size_t at = d->path.start;

	if (d->host.start != ABSENT || d->out.len - at < 2 ||
	    memcmp(d->out.data + at, "//", 2) != 0)
		return;
	if (!buf_room(&d->out, 2))
		return;
	memmove(d->out.data + at + 2, d->out.data + at, d->out.len - at);
	memcpy(d->out.data + at, "/.", 2);
	buf_grown(&d->out, 2);
	d->path.start += 2;
}

/* The path state, from behind the first slash; what `out` has from path.start on is
 * the part of the base's path that stays. */
int draft_segments(struct draft *d)
{
	bool more = true;

	while (more) {
		const char *end = find_mark(d, d->at, true);
		int up = dots(d->at, end);

		more = is_slash(d, end);
		if (!buf_ok(&d->out))
			return 0; /* url_parse tells */
		if (up == 2)
			buf_cut(&d->out,
				d->path.start + path_shortened(d, d->out.data + d->path.start,
							       d->out.len - d->path.start));
		if (up == 0)
			segment_add(d, d->at, end);
		else if (!more)
			buf_add_byte(&d->out, '/');
		d->at = end + more;
	}
	path_guard(d);
	d->path.end = d->out.len;
	return draft_query(d);
}

/* The path start state. */
int draft_path(struct draft *d)
{
	d->path.start = d->path.end = d->out.len;
	if (!is_special(d) && find_mark(d, d->at, false) == d->at)
		return draft_query(d);
	if (is_slash(d, d->at))
		d->at++;
	return draft_segments(d);
}

/* The opaque path state: only controls are encoded, and the last of spaces that would
 * be trimmed with what follows it. */
int draft_opaque(struct draft *d)
{
	const char *mark = find_mark(d, d->at, false);
	bool space = mark < d->end && mark > d->at && mark[-1] == ' ';

	d->opaque_path = true;
	draft_span(d, &d->path, d->at, (size_t)(mark - d->at) - space, URL_SET_C0);
	if (space)
		percent_add(&d->out, ' ');
	d->path.end = d->out.len;
	d->at = mark;
	return draft_query(d);
}

/* ---- query and fragment ---- */

int draft_fragment(struct draft *d)
{
	if (d->at == d->end)
		return 0;
	buf_add_byte(&d->out, '#');
	draft_span(d, &d->fragment, d->at + 1, (size_t)(d->end - d->at - 1), URL_SET_FRAGMENT);
	return 0;
}

int draft_query(struct draft *d)
{
	const char *mark;

	if (d->at == d->end || *d->at != '?')
		return draft_fragment(d);
	mark = memchr(d->at, '#', (size_t)(d->end - d->at));
	mark = mark ? mark : d->end;
	buf_add_byte(&d->out, '?');
	draft_span(d, &d->query, d->at + 1, (size_t)(mark - d->at - 1),
		   is_special(d) ? URL_SET_SPECIAL_QUERY : URL_SET_QUERY);
	d->at = mark;
	return draft_fragment(d);
}
