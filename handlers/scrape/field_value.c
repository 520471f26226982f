/* SPDX-License-Identifier: MIT */
/* field_value.c - what a find is worth: its text, matched and converted.
 *
 * What cannot be converted is no value, never a guess: "12 €" is the number 12, "twelve"
 * is none.
 */
#include "handlers/scrape/field.h"
#include "handlers/scrape/page.h"

#include "handlers/html/css.h"
#include "handlers/html/html.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct writing {
	const struct field *field;
	struct page *page;
	struct json_out *out;
	const char *name;
};

/* ---- a text as a value: each writes and returns true, or does neither ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\f' || c == '\r';
}

static void text_trim(const char **text, size_t *len)
{
	while (*len > 0 && is_blank(**text)) {
		(*text)++;
		(*len)--;
	}
	while (*len > 0 && is_blank((*text)[*len - 1]))
		(*len)--;
}

/* Runs of whitespace as one space. */
static bool text_write(struct writing *writing, const char *text, size_t len)
{
	struct buf *words = &writing->page->words;
	const char *end;

	text_trim(&text, &len);
	end = text + len;
	buf_clear(words);
	while (text < end) {
		const char *word = text;

		while (text < end && !is_blank(*text))
			text++;
		buf_add(words, word, (size_t)(text - word));
		if (text < end)
			buf_add_byte(words, ' ');
		while (text < end && is_blank(*text))
			text++;
	}
	json_out_text_len(writing->out, writing->name, buf_text(words), words->len);
	return true;
}

/* "3", "3.0", "3,00": digits behind the mark that say nothing are dropped. */
static size_t whole_part(const char *digits, size_t len)
{
	size_t whole = strcspn(digits, ".eE");

	if (whole < len && digits[whole] == '.' &&
	    whole + 1 + strspn(digits + whole + 1, "0") == len)
		return whole;
	return len;
}

static bool number_write(struct writing *writing, const char *text, size_t len)
{
	bool integer = writing->field->type == FIELD_INTEGER;
	char digits[NUMBER_TEXT_MAX];
	size_t n = number_find(text, len, writing->field->locale, digits);

	if (n > 0 && integer) {
		n = whole_part(digits, n);
		digits[n] = '\0';
	}
	if (n == 0 || !isfinite(strtod(digits, NULL)) || (integer && strpbrk(digits, ".eE")))
		return false;
	json_out_raw(writing->out, writing->name, digits, n);
	return true;
}

static bool word_is(const char *const *words, const char *text, size_t len)
{
	for (; *words; words++)
		if (strlen(*words) == len && strncasecmp(*words, text, len) == 0)
			return true;
	return false;
}

static bool boolean_write(struct writing *writing, const char *text, size_t len)
{
	static const char *const yes[] = {"true", "yes", "on",	"1", "ja",
					  "oui",  "si",	 "sim", "y", NULL};
	static const char *const no[] = {"false", "no",	 "off", "0", "nein",
					 "non",	  "nee", "nao", "n", NULL};

	text_trim(&text, &len);
	if (!word_is(yes, text, len) && !word_is(no, text, len))
		return false;
	json_out_bool(writing->out, writing->name, word_is(yes, text, len));
	return true;
}

static bool date_write(struct writing *writing, const char *text, size_t len)
{
	const struct field *field = writing->field;
	char date[DATE_TEXT_MAX];
	size_t n;

	text_trim(&text, &len);
	n = date_find(text, len, field->locale, field->formats, date);
	if (n > 0)
		json_out_text_len(writing->out, writing->name, date, n);
	return n > 0;
}

static bool url_write(struct writing *writing, const char *text, size_t len)
{
	struct url url;
	struct err err;

	if (page_url(writing->page, text, len, writing->page->arena, &url, &err))
		return false;
	json_out_text_len(writing->out, writing->name, url.href, url.len);
	return true;
}

static bool typed_write(struct writing *writing, const char *text, size_t len)
{
	switch (writing->field->type) {
	case FIELD_NUMBER:
	case FIELD_INTEGER:
		return number_write(writing, text, len);
	case FIELD_BOOLEAN:
		return boolean_write(writing, text, len);
	case FIELD_DATE:
		return date_write(writing, text, len);
	case FIELD_URL:
		return url_write(writing, text, len);
	case FIELD_RAW:
	case FIELD_AS_IS:
		break;
	case FIELD_HTML:
		text_trim(&text, &len);
		break;
	case FIELD_TEXT:
		return text_write(writing, text, len);
	}
	json_out_text_len(writing->out, writing->name, text, len);
	return true;
}

/* ---- the text of a find ---- */

/* Where an element keeps what the type asks for, when no attribute was named. */
static const struct html_attr *attr_by_type(const struct html_node *node, enum field_type type)
{
	const struct html_attr *attr = type == FIELD_URL ? html_attr(node, "href") : NULL;

	if (type == FIELD_URL)
		return attr ? attr : html_attr(node, "src");
	return type == FIELD_DATE ? html_attr(node, "datetime") : NULL;
}

/* NULL: this node has none, the next may. */
static const char *node_text(struct writing *writing, const struct html_node *node, size_t *ret_len)
{
	const struct field *field = writing->field;
	struct buf *scratch = &writing->page->scratch;
	const struct html_attr *attr =
		field->attr ? html_attr(node, field->attr) : attr_by_type(node, field->type);

	if (attr) {
		*ret_len = attr->value_len;
		return attr->value;
	}
	if (field->attr || (field->type == FIELD_URL && !field->pattern))
		return NULL;
	buf_clear(scratch);
	if (field->type == FIELD_HTML)
		html_inner(node, scratch);
	else if (field->type == FIELD_RAW)
		html_text(node, scratch);
	else
		html_text_clean(node, scratch);
	*ret_len = scratch->len;
	return buf_text(scratch);
}

static const char *find_text(struct writing *writing, const struct find *find, size_t *ret_len)
{
	switch (find->kind) {
	case FOUND_NODE:
		return node_text(writing, find->node, ret_len);
	case FOUND_JSON:
		if (find->value.kind == VALUE_TEXT) {
			buf_clear(&writing->page->scratch);
			return value_text(&find->value, &writing->page->scratch, ret_len);
		}
		*ret_len = find->value.len;
		return find->value.at;
	case FOUND_TEXT:
		break;
	}
	*ret_len = find->len;
	return find->text;
}

/* ---- patterns ---- */

/* Each match's group, or the first one's. */
static int matches_write(struct writing *writing, const char *text, size_t len, unsigned *ret_count,
			 struct err *err)
{
	const struct field *field = writing->field;
	struct page *page = writing->page;
	const struct span *spans;
	size_t at = 0;
	int found;

	if (!page->patterns && !(page->patterns = pattern_scratch_new()))
		return err_set(err, ERR_NO_MEMORY, "no memory for a search");
	while ((found = pattern_search(field->pattern, page->patterns, text, len, at, &spans,
				       err)) == 1) {
		const struct span *group = &spans[field->group];

		if (group->end >= group->start &&
		    typed_write(writing, text + group->start, group->end - group->start)) {
			++*ret_count;
			if (!field->all)
				return 0;
		}
		at = spans[0].end > at ? spans[0].end : at + 1;
		while (at < len && ((unsigned char)text[at] & 0xC0) == 0x80)
			at++; /* an empty match: on to the next character */
		if (page_check(page, err))
			return -1;
	}
	return found;
}

/* JSON as it stands: what a record can hold and a reader of the item can read. */
static bool json_write(struct writing *writing, const struct value *value)
{
	if (value->kind == VALUE_TEXT)
		return false;
	json_out_raw(writing->out, writing->name, value->at, value->len);
	return true;
}

int value_write(const struct field *field, struct page *page, const struct find *find,
		const struct value_place *place, unsigned *ret_count, struct err *err)
{
	struct writing writing = {
		.field = field, .page = page, .out = place->out, .name = place->name};
	bool as_is = field->type == FIELD_AS_IS || field->type == FIELD_RAW;
	const char *text;
	size_t len;

	*ret_count = 0;
	if (find->kind == FOUND_JSON && as_is && !field->pattern &&
	    json_write(&writing, &find->value)) {
		*ret_count = 1;
		return 0;
	}
	text = find_text(&writing, find, &len);
	if (!text)
		return 0;
	if (field->pattern)
		return matches_write(&writing, text, len, ret_count, err);
	if (field->type == FIELD_BOOLEAN && field->attr && len == 0)
		json_out_bool(place->out, place->name, true); /* <input disabled> */
	else if (!typed_write(&writing, text, len))
		return 0;
	*ret_count = 1;
	return 0;
}
