/* SPDX-License-Identifier: MIT */
/* url.c - the basic URL parser of the URL Standard (section 4.4), written by structure
 * instead of by character: each state of the standard that survives is a function.
 *
 * url_path.c has the states behind the authority, url_host.c the hosts.
 *
 *   trim, clean -> scheme? -+- yes -> parse_after_scheme -> authority -> path
 *                           +- no  -> relative to the base: its prefix is copied
 *   -> query -> fragment -> copied to the arena
 */
#include "net/url.h"

#include "base/arena.h"
#include "base/limits.h"
#include "net/url_draft.h"
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
	buf_room(&d.out, len + (base ? base->len : 0) + 16); /* enough for most */
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

/* ---- authorities ---- */

/* "user:password@"; both may be empty, then nothing is written. */
static void credentials_add(struct draft *d, const char *at, const char *end)
{
	const char *colon = memchr(at, ':', (size_t)(end - at));
	const char *user_end = colon ? colon : end;

	if (user_end == at && (!colon || colon + 1 == end))
		return;
	draft_span(d, &d->username, at, (size_t)(user_end - at), URL_SET_USERINFO);
	if (colon && colon + 1 < end) {
		buf_add_byte(&d->out, ':');
		draft_span(d, &d->password, colon + 1, (size_t)(end - colon - 1), URL_SET_USERINFO);
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
	return draft_path(d);
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
		return draft_segments(d);
	}
	base_authority(d);
	if (keeps_path(d))
		return draft_query(d);
	buf_add(&d->out, d->base->path.at, path_shortened(d, d->base->path.at, d->base->path.len));
	return draft_segments(d);
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
		return draft_segments(d);
	}
	if (end == d->at) {
		file_host(d, NULL);
		return draft_path(d);
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
	return draft_path(d);
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
	return draft_segments(d);
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
		return draft_query(d);
	if (base && !starts_with_drive(d->at, d->end))
		buf_add(&d->out, base->path.at, path_shortened(d, base->path.at, base->path.len));
	return draft_segments(d);
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
		return draft_path(d);
	return draft_opaque(d);
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
		return draft_fragment(d);
	}
	if (d->base->kind == URL_FILE) {
		d->kind = URL_FILE;
		d->scheme_end = d->base->scheme.len;
		buf_add_text(&d->out, "file:");
		return parse_file(d);
	}
	return parse_relative(d);
}
