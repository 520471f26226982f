/* SPDX-License-Identifier: MIT */
/* extract.c - one field of a page: select, take, convert.
 *
 * What cannot be converted is null, never a guess: "12 €" is the number 12 (digits
 * with a point or a comma, signs and blanks around), "twelve" is null.
 */
#include "handlers/scrape/scrape.h"

#include "base/limits.h"
#include "handlers/html/tree.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct taking {
	const struct field *field;
	struct page *page;
	struct json_out *out;
	const char *name; /* of the member; NULL inside an array */
	bool found;
};

/* ---- numbers ---- */

/* The first number in a text: "1,234.50", "1.234,50", "-3", "4e2".  A mark is the
 * decimal one when it comes last, once, and not before exactly three digits of a text
 * that has another mark before it. */
static bool number_find(const char *text, size_t len, char *into, size_t room)
{
	const char *end = text + len, *start = text, *stop, *mark = NULL;
	size_t points = 0, commas = 0, n = 0;

	while (start < end && !isdigit((unsigned char)*start))
		start++;
	if (start == end)
		return false;
	for (stop = start; stop < end; stop++) {
		bool between = stop + 1 < end && isdigit((unsigned char)stop[1]);

		if (*stop == '.' && between)
			points++, mark = stop;
		else if (*stop == ',' && between)
			commas++, mark = stop;
		else if (!isdigit((unsigned char)*stop))
			break;
	}
	if (mark && *mark == ',' && commas == 1 && points == 0 && stop - mark == 4)
		mark = NULL; /* "1,234": thousands */
	if (mark && ((*mark == '.' && points > 1) || (*mark == ',' && commas > 1)))
		mark = NULL; /* "1.234.567": thousands */
	if (start > text && (start[-1] == '-' || start[-1] == '+') &&
	    (start - text == 1 || !isalnum((unsigned char)start[-2])))
		into[n++] = start[-1];
	for (; start < stop && n + 2 < room; start++) {
		if (isdigit((unsigned char)*start))
			into[n++] = *start;
		else if (start == mark)
			into[n++] = '.';
	}
	into[n] = '\0';
	return start == stop;
}

static void number_out(struct taking *taking, const char *text, size_t len)
{
	char digits[64];
	char *end;

	if (!number_find(text, len, digits, sizeof(digits))) {
		json_out_null(taking->out, taking->name);
	} else if (taking->field->type == FIELD_INTEGER || !strchr(digits, '.')) {
		long long whole;

		errno = 0;
		whole = strtoll(digits, &end, 10);
		if (errno || (*end != '\0' && taking->field->type == FIELD_INTEGER))
			json_out_null(taking->out, taking->name);
		else
			json_out_int(taking->out, taking->name, whole);
	} else {
		json_out_double(taking->out, taking->name, strtod(digits, NULL));
	}
}

/* ---- taking ---- */

static void url_out(struct taking *taking, const char *text, size_t len)
{
	struct url url;
	struct err err;

	if (url_parse(text, len, taking->page->base, taking->page->arena, &url, &err))
		json_out_null(taking->out, taking->name);
	else
		json_out_text_len(taking->out, taking->name, url.href, url.len);
}

static void text_out(struct taking *taking, const char *text, size_t len)
{
	while (len > 0 && isspace((unsigned char)*text))
		text++, len--;
	while (len > 0 && isspace((unsigned char)text[len - 1]))
		len--;
	json_out_text_len(taking->out, taking->name, text, len);
}

static void value_out(struct taking *taking, const char *text, size_t len)
{
	switch (taking->field->type) {
	case FIELD_NUMBER:
	case FIELD_INTEGER:
		number_out(taking, text, len);
		break;
	case FIELD_URL:
		url_out(taking, text, len);
		break;
	case FIELD_TEXT:
	case FIELD_HTML:
		text_out(taking, text, len);
		break;
	}
}

/* A URL of an element without `attr` is where it leads. */
static const struct html_attr *attr_of(const struct field *field, const struct html_node *node)
{
	const struct html_attr *attr;

	if (field->attr)
		return html_attr(node, field->attr);
	if (field->type != FIELD_URL)
		return NULL;
	attr = html_attr(node, "href");
	return attr ? attr : html_attr(node, "src");
}

static bool take(void *ctx, const struct css_match *match)
{
	struct taking *taking = ctx;
	const struct field *field = taking->field;
	struct buf *text = &taking->page->text;
	const struct html_attr *attr;
	size_t len;
	const char *own = css_match_text(match, &len);

	if (own) {
		value_out(taking, own, len);
	} else if ((attr = attr_of(field, match->node)) != NULL) {
		value_out(taking, attr->value, attr->value_len);
	} else if (field->attr || field->type == FIELD_URL) {
		return true; /* this match lacks it; the next may have it */
	} else {
		buf_clear(text);
		if (field->type == FIELD_HTML)
			html_inner(match->node, text);
		else
			html_text_clean(match->node, text);
		value_out(taking, buf_text(text), text->len);
	}
	taking->found = true;
	return field->all;
}

int field_extract(const struct field *field, struct page *page, struct json_out *out,
		  struct err *err)
{
	struct taking taking = {.field = field, .page = page, .out = out, .name = field->name};
	int rc;

	if (field->all) {
		json_out_array(out, field->name);
		taking.name = NULL;
	}
	rc = css_select(field->css, page->html, html_root(page->html), &page->work, take, &taking,
			err);
	if (field->all)
		json_out_end(out, ']');
	else if (!taking.found)
		json_out_null(out, field->name);
	return rc;
}

/* ---- links ---- */

int links_extract(struct page *page, struct json_out *out, struct err *err)
{
	const struct html_node *root = html_root(page->html), *node = root;
	unsigned count = 0;

	json_out_array(out, "links");
	while (count < PAGE_LINKS_MAX && (node = html_next_element(node, root)) != NULL) {
		const struct html_attr *href;
		struct url url;

		if (!html_is(node, HTML_TAG_A) && !html_is(node, HTML_TAG_AREA))
			continue;
		href = html_attr(node, "href");
		if (!href ||
		    url_parse(href->value, href->value_len, page->base, page->arena, &url, err))
			continue;
		if (url.kind != URL_HTTP && url.kind != URL_HTTPS)
			continue;
		json_out_text_len(out, NULL, url.href, url.len);
		count++;
	}
	json_out_end(out, ']');
	json_out_int(out, "link_count", count);
	return 0;
}
