/* SPDX-License-Identifier: MIT */
/* url.c - the basic URL parser of the URL Standard (section 4.4), written by structure
 * instead of by character: each state of the standard that survives is a function.
 *
 * The serialised URL grows in one buf while the text is read; parts are spans of it.
 *
 *   trim, clean -> scheme? -+- yes -> parse_after_scheme -> authority -> path
 *                           +- no  -> relative to the base: its prefix is copied
 *   -> query -> fragment -> copied to the arena
 */
#include "net/url.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/limits.h"
#include "net/url_encode.h"
#include "net/url_host.h"

#include <stdlib.h>
#include <string.h>
#include <unistr.h>

static const struct {
	const char *name;
	int port;
} schemes[] = {
	[URL_OTHER] = {"", 0},	  [URL_HTTP] = {"http", 80}, [URL_HTTPS] = {"https", 443},
	[URL_WS] = {"ws", 80},	  [URL_WSS] = {"wss", 443},  [URL_FTP] = {"ftp", 21},
	[URL_FILE] = {"file", 0},
};

bool url_is_special(const struct url *url)
{
	return url->kind != URL_OTHER;
}

int url_port(const struct url *url)
{
	return url->port >= 0 ? url->port : schemes[url->kind].port;
}

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

static int draft_parse(struct draft *d);
static int draft_finish(const struct draft *d, struct arena *arena, struct url *ret_url);
static char *text_clean(const char *text, size_t *len);

static bool is_dropped(char c) /* ASCII tab or newline */
{
	return c == '\t' || c == '\n' || c == '\r';
}

/* Must the text be copied before it is parsed: tabs, line ends, octets beyond ASCII? */
static bool is_dirty(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] >= 0x80 || is_dropped(text[i]))
			return true;
	return false;
}

int url_parse(const char *text, size_t len, const struct url *base, struct arena *arena,
	      struct url *ret_url, struct err *err)
{
	struct draft d = {.base = base, .err = err, .port = -1};
	char *copy = NULL;
	int rc;

	for (; len > 0 && (unsigned char)text[0] <= ' '; text++, len--)
		d.skipped++;
	while (len > 0 && (unsigned char)text[len - 1] <= ' ')
		len--;
	if (len > URL_TEXT_BYTES_MAX)
		return err_set(err, ERR_FETCH_URL, "URL is longer than %d bytes",
			       URL_TEXT_BYTES_MAX);
	if (is_dirty(text, len)) {
		text = copy = text_clean(text, &len);
		if (!copy)
			return err_set(err, ERR_NO_MEMORY, "no memory for a URL");
	}

	d.start = d.at = text;
	d.end = text + len;
	d.username = d.password = d.host = (struct span){ABSENT, ABSENT};
	d.path = d.query = d.fragment = d.host;
	/* Each octet becomes three at most; Punycode stays under 64 KiB for a host. */
	buf_init(&d.out, 3 * len + (base ? base->len : 0) + 65536);
	rc = draft_parse(&d);
	if (rc == 0 && (!buf_ok(&d.out) || draft_finish(&d, arena, ret_url)))
		rc = err_set(err, ERR_NO_MEMORY, "no memory for a URL");
	buf_done(&d.out);
	free(copy);
	return rc;
}

/* Without tabs and line ends, and with U+FFFD for what is not UTF-8. */
static char *text_clean(const char *text, size_t *len)
{
	const uint8_t *at = (const uint8_t *)text, *end = at + *len;
	char *copy = malloc(3 * *len + 1), *to = copy;

	while (copy && at < end) {
		ucs4_t point;
		int octets = u8_mbtouc(&point, at, (size_t)(end - at));

		if (point == 0xFFFD) {
			memcpy(to, "\xEF\xBF\xBD", 3);
			to += 3;
		} else if (!is_dropped((char)*at)) {
			memcpy(to, at, (size_t)octets);
			to += octets;
		}
		at += octets;
	}
	*len = copy ? (size_t)(to - copy) : 0;
	return copy;
}

static struct url_part part_of(const char *href, struct span span)
{
	if (span.start == ABSENT)
		return (struct url_part){NULL, 0};
	return (struct url_part){href + span.start, span.end - span.start};
}

static int draft_finish(const struct draft *d, struct arena *arena, struct url *ret_url)
{
	const char *href = arena_copy(arena, buf_text(&d->out), d->out.len);

	if (!href)
		return -1;
	*ret_url = (struct url){
		.href = href,
		.len = d->out.len,
		.kind = d->kind,
		.opaque_path = d->opaque_path,
		.port = d->port,
		.scheme = {href, d->scheme_end},
		.username = part_of(href, d->username),
		.password = part_of(href, d->password),
		.host = part_of(href, d->host),
		.path = part_of(href, d->path),
		.query = part_of(href, d->query),
		.fragment = part_of(href, d->fragment),
	};
	return 0;
}

static size_t offset_of(const struct draft *d, const char *at)
{
	return d->skipped + (size_t)(at - d->start);
}

static bool is_special(const struct draft *d)
{
	return d->kind != URL_OTHER;
}

/* A separator of path segments here? */
static bool is_slash(const struct draft *d, const char *at)
{
	return at < d->end && (*at == '/' || (*at == '\\' && is_special(d)));
}

/* The end of the authority or the path that goes on at `at`. */
static const char *find_mark(const struct draft *d, const char *at, bool slashes)
{
	while (at < d->end && *at != '?' && *at != '#' && !(slashes && is_slash(d, at)))
		at++;
	return at;
}

static void span_add(struct draft *d, struct span *span, const char *text, size_t len, unsigned set)
{
	span->start = d->out.len;
	url_encode(&d->out, text, len, set);
	span->end = d->out.len;
}

/* ---- query and fragment (states of the same names) ---- */

static int parse_fragment(struct draft *d)
{
	if (d->at == d->end)
		return 0;
	buf_add_byte(&d->out, '#');
	span_add(d, &d->fragment, d->at + 1, (size_t)(d->end - d->at - 1), URL_SET_FRAGMENT);
	return 0;
}

static int parse_query(struct draft *d)
{
	const char *mark;

	if (d->at == d->end || *d->at != '?')
		return parse_fragment(d);
	mark = memchr(d->at, '#', (size_t)(d->end - d->at));
	mark = mark ? mark : d->end;
	buf_add_byte(&d->out, '?');
	span_add(d, &d->query, d->at + 1, (size_t)(mark - d->at - 1),
		 is_special(d) ? URL_SET_SPECIAL_QUERY : URL_SET_QUERY);
	d->at = mark;
	return parse_fragment(d);
}

/* ---- paths ---- */

static bool is_alpha(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "C:" or "C|" */
static bool is_drive(const char *at, size_t len)
{
	return len == 2 && is_alpha(at[0]) && (at[1] == ':' || at[1] == '|');
}

/* Does the text at `at` start with a drive letter, as a segment of its own? */
static bool starts_with_drive(const char *at, const char *end)
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

/* "Shorten a URL's path": `path` has its last segment taken off, except a drive. */
static size_t shortened(const struct draft *d, const char *path, size_t len)
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

/* A path "//…" without a host would read as an authority: "/." goes before it. */
static void path_guard(struct draft *d)
{
	size_t at = d->path.start;

	if (d->host.start != ABSENT || d->out.len - at < 2 || memcmp(d->out.data + at, "//", 2))
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
static int parse_segments(struct draft *d)
{
	bool more = true;

	while (more) {
		const char *end = find_mark(d, d->at, true);
		int up = dots(d->at, end);

		more = is_slash(d, end);
		if (!buf_ok(&d->out))
			return 0; /* url_parse tells */
		if (up == 2)
			buf_cut(&d->out, d->path.start + shortened(d, d->out.data + d->path.start,
								   d->out.len - d->path.start));
		if (up == 0)
			segment_add(d, d->at, end);
		else if (!more)
			buf_add_byte(&d->out, '/');
		d->at = end + more;
	}
	path_guard(d);
	d->path.end = d->out.len;
	return parse_query(d);
}

/* The path start state. */
static int parse_path(struct draft *d)
{
	d->path.start = d->path.end = d->out.len;
	if (!is_special(d) && find_mark(d, d->at, false) == d->at)
		return parse_query(d);
	if (is_slash(d, d->at))
		d->at++;
	return parse_segments(d);
}

/* The opaque path state: only controls are encoded, and the last of spaces that would
 * be trimmed with what follows it. */
static int parse_opaque(struct draft *d)
{
	const char *mark = find_mark(d, d->at, false);
	bool space = mark < d->end && mark > d->at && mark[-1] == ' ';

	d->opaque_path = true;
	span_add(d, &d->path, d->at, (size_t)(mark - d->at) - space, URL_SET_C0);
	if (space)
		percent_add(&d->out, ' ');
	d->path.end = d->out.len;
	d->at = mark;
	return parse_query(d);
}

/* ---- authorities ---- */

/* "user:password@"; both may be empty, then nothing is written. */
static void credentials_add(struct draft *d, const char *at, const char *end)
{
	const char *colon = memchr(at, ':', (size_t)(end - at));
	const char *user_end = colon ? colon : end;

	if (user_end == at && (!colon || colon + 1 == end))
		return;
	span_add(d, &d->username, at, (size_t)(user_end - at), URL_SET_USERINFO);
	if (colon && colon + 1 < end) {
		buf_add_byte(&d->out, ':');
		span_add(d, &d->password, colon + 1, (size_t)(end - colon - 1), URL_SET_USERINFO);
	}
	buf_add_byte(&d->out, '@');
}

static int port_add(struct draft *d, const char *at, const char *end)
{
	unsigned port = 0;

	if (at == end)
		return 0;
	for (; at < end; at++) {
		if (!is_digit(*at))
			return err_set(d->err, ERR_FETCH_URL,
				       "port has a character that is no digit at offset %zu",
				       offset_of(d, at));
		port = port * 10 + (unsigned)(*at - '0');
		if (port > 65535)
			return err_set(d->err, ERR_FETCH_URL, "port is above 65535 at offset %zu",
				       offset_of(d, at));
	}
	if (is_special(d) && (int)port == schemes[d->kind].port)
		return 0;
	d->port = (int)port;
	buf_printf(&d->out, ":%u", port);
	return 0;
}

static const char *find_port(const char *at, const char *end)
{
	bool brackets = false;

	for (; at < end && (*at != ':' || brackets); at++) {
		if (*at == '[')
			brackets = true;
		else if (*at == ']')
			brackets = false;
	}
	return at;
}

static int host_add(struct draft *d, const char *at, const char *end)
{
	d->host.start = d->out.len;
	if (host_parse(at, (size_t)(end - at), offset_of(d, at), is_special(d), &d->out, d->err))
		return -1;
	d->host.end = d->out.len;
	return 0;
}

/* The authority, host and port states, from behind "//". */
static int parse_authority(struct draft *d)
{
	const char *end = find_mark(d, d->at, true);
	const char *sign = memrchr(d->at, '@', (size_t)(end - d->at));
	const char *host = sign ? sign + 1 : d->at, *host_end = find_port(host, end);

	buf_add_text(&d->out, "//");
	if (host_end == host && (is_special(d) || sign || host_end < end))
		return err_set(d->err, ERR_FETCH_URL, "host is missing at offset %zu",
			       offset_of(d, host));
	if (sign)
		credentials_add(d, d->at, sign);
	if (host_add(d, host, host_end))
		return -1;
	if (host_end < end && port_add(d, host_end + 1, end))
		return -1;
	d->at = end;
	return parse_path(d);
}

static int parse_special_authority(struct draft *d)
{
	while (is_slash(d, d->at))
		d->at++;
	return parse_authority(d);
}

/* ---- relative to the base ---- */

static size_t base_offset(const struct draft *d, const char *at)
{
	return (size_t)(at - d->base->href);
}

static struct span base_span(const struct draft *d, struct url_part part)
{
	if (!part.at)
		return (struct span){ABSENT, ABSENT};
	return (struct span){base_offset(d, part.at), base_offset(d, part.at) + part.len};
}

/* Everything of the base before its path; a "/." that guards the path is left. */
static void base_authority(struct draft *d)
{
	const struct url *base = d->base;
	size_t len = base->scheme.len + 1;

	d->kind = base->kind;
	d->scheme_end = base->scheme.len;
	d->username = base_span(d, base->username);
	d->password = base_span(d, base->password);
	d->host = base_span(d, base->host);
	d->port = base->port;
	if (base->host.at)
		len = base_offset(d, base->path.at);
	buf_add(&d->out, base->href, len);
	d->path.start = d->path.end = d->out.len;
}

static void base_path(struct draft *d)
{
	buf_add(&d->out, d->base->path.at, d->base->path.len);
	path_guard(d);
	d->path.end = d->out.len;
}

static void base_query(struct draft *d)
{
	if (!d->base->query.at)
		return;
	buf_add_byte(&d->out, '?');
	d->query.start = d->out.len;
	buf_add(&d->out, d->base->query.at, d->base->query.len);
	d->query.end = d->out.len;
}

/* "", "?query" and "#fragment": the base's path stays; true when that is the text. */
static bool keeps_path(struct draft *d)
{
	if (d->at < d->end && *d->at != '?' && *d->at != '#')
		return false;
	base_path(d);
	if (d->at == d->end || *d->at == '#')
		base_query(d);
	return true;
}

/* The relative and relative slash states. */
static int parse_relative(struct draft *d)
{
	d->kind = d->base->kind;
	if (is_slash(d, d->at)) {
		if (is_special(d) ? is_slash(d, d->at + 1)
				  : d->end - d->at >= 2 && d->at[1] == '/') {
			buf_add(&d->out, d->base->href, d->base->scheme.len + 1);
			d->scheme_end = d->base->scheme.len;
			d->at += 2;
			return is_special(d) ? parse_special_authority(d) : parse_authority(d);
		}
		base_authority(d);
		d->at++;
		return parse_segments(d);
	}
	base_authority(d);
	if (keeps_path(d))
		return parse_query(d);
	buf_add(&d->out, d->base->path.at, shortened(d, d->base->path.at, d->base->path.len));
	return parse_segments(d);
}

/* ---- file: URLs (the file, file slash and file host states) ---- */

/* Starts "file://" with the base's host or none; the path comes next. */
static void file_host(struct draft *d, const struct url *base)
{
	buf_add_text(&d->out, "//");
	d->host.start = d->out.len;
	if (base)
		buf_add(&d->out, base->host.at, base->host.len);
	d->host.end = d->path.start = d->out.len;
}

static int parse_file_host(struct draft *d)
{
	const char *end = find_mark(d, d->at, true);

	if (is_drive(d->at, (size_t)(end - d->at))) {
		file_host(d, NULL);
		return parse_segments(d);
	}
	if (end == d->at) {
		file_host(d, NULL);
		return parse_path(d);
	}
	buf_add_text(&d->out, "//");
	if (host_add(d, d->at, end))
		return -1;
	if (d->out.len - d->host.start == 9 &&
	    !memcmp(d->out.data + d->host.start, "localhost", 9)) {
		buf_cut(&d->out, d->host.start);
		d->host.end = d->host.start;
	}
	d->at = end;
	return parse_path(d);
}

static int parse_file_slash(struct draft *d, const struct url *base)
{
	if (is_slash(d, d->at)) {
		d->at++;
		return parse_file_host(d);
	}
	file_host(d, base);
	/* "/path" stays on the base's drive. */
	if (base && !starts_with_drive(d->at, d->end) && base->path.len >= 3 &&
	    is_drive(base->path.at + 1, 2) && base->path.at[2] == ':' &&
	    (base->path.len == 3 || base->path.at[3] == '/'))
		buf_add(&d->out, base->path.at, 3);
	return parse_segments(d);
}

/* From behind "file:", or at the start of a text relative to a file: base. */
static int parse_file(struct draft *d)
{
	const struct url *base = d->base && d->base->kind == URL_FILE ? d->base : NULL;

	if (is_slash(d, d->at)) {
		d->at++;
		return parse_file_slash(d, base);
	}
	file_host(d, base);
	if (base && keeps_path(d))
		return parse_query(d);
	if (base && !starts_with_drive(d->at, d->end))
		buf_add(&d->out, base->path.at, shortened(d, base->path.at, base->path.len));
	return parse_segments(d);
}

/* ---- the start ---- */

/* Past the ':' of a scheme, or NULL (the scheme start and scheme states). */
static const char *scheme_end(const char *at, const char *end)
{
	if (at == end || !is_alpha(*at))
		return NULL;
	for (at++; at < end; at++) {
		if (*at == ':')
			return at + 1;
		if (!is_alpha(*at) && !is_digit(*at) && *at != '+' && *at != '-' && *at != '.')
			return NULL;
	}
	return NULL;
}

static void scheme_add(struct draft *d, const char *after)
{
	char *name = buf_room(&d->out, (size_t)(after - d->at));

	if (!name)
		return;
	d->scheme_end = (size_t)(after - d->at) - 1;
	for (size_t i = 0; i < d->scheme_end; i++)
		name[i] = is_alpha(d->at[i]) ? (char)(d->at[i] | 0x20) : d->at[i];
	for (enum url_scheme kind = URL_HTTP; kind <= URL_FILE; kind++)
		if (strlen(schemes[kind].name) == d->scheme_end &&
		    !memcmp(name, schemes[kind].name, d->scheme_end))
			d->kind = kind;
	name[d->scheme_end] = ':';
	buf_grown(&d->out, d->scheme_end + 1);
	d->at = after;
}

static int parse_after_scheme(struct draft *d, const char *after)
{
	bool slashes;

	scheme_add(d, after);
	slashes = d->end - d->at >= 2 && d->at[0] == '/' && d->at[1] == '/';
	if (d->kind == URL_FILE)
		return parse_file(d);
	if (is_special(d)) {
		if (!d->base || d->base->kind != d->kind || slashes)
			return parse_special_authority(d);
		buf_clear(&d->out); /* "https:page" beside an https: base is relative */
		return parse_relative(d);
	}
	if (slashes) {
		d->at += 2;
		return parse_authority(d);
	}
	if (d->at < d->end && *d->at == '/')
		return parse_path(d);
	return parse_opaque(d);
}

static int draft_parse(struct draft *d)
{
	const char *after = scheme_end(d->at, d->end);

	if (after)
		return parse_after_scheme(d, after);
	if (!d->base)
		return err_set(d->err, ERR_FETCH_URL,
			       "URL has no scheme such as https: and nothing to be relative to");
	if (d->base->opaque_path) {
		if (d->at == d->end || *d->at != '#')
			return err_set(d->err, ERR_FETCH_URL,
				       "URL is relative, but its base has no path of segments");
		base_authority(d);
		d->opaque_path = true;
		base_path(d);
		base_query(d);
		return parse_fragment(d);
	}
	if (d->base->kind == URL_FILE) {
		d->kind = URL_FILE;
		d->scheme_end = d->base->scheme.len;
		buf_add_text(&d->out, "file:");
		return parse_file(d);
	}
	return parse_relative(d);
}
