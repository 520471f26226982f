/* SPDX-License-Identifier: MIT */
/* meta.c - "prescan a byte stream to determine its encoding" (WHATWG HTML 13.2.3.2). */
#include "handlers/html/meta.h"

#include "base/compiler.h"
#include "handlers/html/tokenizer.h"
#include "net/charset.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum { PRESCAN_BYTES_MAX = 1024 };

struct scan {
	const char *at, *end;
};

struct attr {
	const char *name, *value;
	size_t name_len, value_len;
};

/* "Get an attribute"; false when there is none before the '>' or the end. */
static bool scan_attr(struct scan *scan, struct attr *attr)
{
	const char *p = scan->at;
	const char *end = scan->end;
	const char *stop;

	while (p < end && (is_space(*p) || *p == '/'))
		p++;
	scan->at = p;
	if (p == end || *p == '>')
		return false;
	*attr = (struct attr){.name = p, .value = p};
	for (; p < end && !is_space(*p) && *p != '/' && *p != '>' && (*p != '=' || p == attr->name);
	     p++)
		;
	attr->name_len = (size_t)(p - attr->name);
	while (p < end && is_space(*p))
		p++;
	scan->at = p;
	if (p == end || *p != '=')
		return p < end;
	for (p++; p < end && is_space(*p); p++)
		;
	if (p < end && (*p == '"' || *p == '\'')) {
		stop = memchr(p + 1, *p, (size_t)(end - p - 1));
		attr->value = p + 1;
		scan->at = stop ? stop + 1 : end;
	} else {
		for (stop = p; stop < end && !is_space(*stop) && *stop != '>'; stop++)
			;
		attr->value = p;
		scan->at = stop;
		stop = stop < end ? stop : NULL;
	}
	attr->value_len = stop ? (size_t)(stop - attr->value) : 0;
	return stop != NULL;
}

static bool attr_is(const struct attr *attr, const char *name)
{
	return attr->name_len == strlen(name) && strncasecmp(attr->name, name, attr->name_len) == 0;
}

/* The attributes of a <meta>: does it name an encoding? */
static const char *scan_meta(struct scan *scan)
{
	const char *charset = NULL;
	const char *content = NULL;
	bool pragma = false;
	struct attr attr;

	while (scan_attr(scan, &attr)) {
		if (attr_is(&attr, "http-equiv"))
			pragma = attr.value_len == 12 &&
				 strncasecmp(attr.value, "content-type", 12) == 0;
		else if (attr_is(&attr, "content") && !content)
			content = charset_in(attr.value, attr.value_len);
		else if (attr_is(&attr, "charset") && !charset)
			charset = charset_by_label(attr.value, attr.value_len);
	}
	if (!charset && pragma)
		charset = content;
	if (!charset)
		return NULL;
	/* a page whose ASCII could be read is not in UTF-16 */
	if (strncmp(charset, "UTF-16", 6) == 0)
		return "UTF-8";
	return strcmp(charset, "x-user-defined") == 0 ? "windows-1252" : charset;
}

static bool scan_begins(const struct scan *scan, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(scan->end - scan->at) >= len && strncasecmp(scan->at, word, len) == 0;
}

static void scan_past(struct scan *scan, const char *from, const char *word)
{
	const char *found = from < scan->end
				    ? memmem(from, (size_t)(scan->end - from), word, strlen(word))
				    : NULL;

	scan->at = found ? found + strlen(word) : scan->end;
}

const char *meta_charset(const char *bytes, size_t len)
{
	struct scan scan = {bytes, bytes + MIN(len, PRESCAN_BYTES_MAX)};
	struct attr attr;

	while (scan.at < scan.end &&
	       (scan.at = memchr(scan.at, '<', (size_t)(scan.end - scan.at)))) {
		const char *next = scan.at + 1;

		if (scan_begins(&scan, "<!--")) {
			scan_past(&scan, scan.at + 2, "-->");
		} else if (scan_begins(&scan, "<meta") && scan.end - scan.at > 5 &&
			   (is_space(scan.at[5]) || scan.at[5] == '/')) {
			const char *charset;

			scan.at += 5;
			charset = scan_meta(&scan);
			if (charset)
				return charset;
		} else if (next < scan.end &&
			   (is_letter(*next) ||
			    (*next == '/' && next + 1 < scan.end && is_letter(next[1])))) {
			while (scan.at < scan.end && !is_space(*scan.at) && *scan.at != '>')
				scan.at++;
			while (scan_attr(&scan, &attr))
				;
		} else if (next < scan.end && (*next == '!' || *next == '/' || *next == '?')) {
			scan_past(&scan, next, ">");
		} else {
			scan.at++;
		}
		if (!scan.at)
			break;
	}
	return NULL;
}
