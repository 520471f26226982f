/* SPDX-License-Identifier: MIT */
/* template.c - texts cut at their places, and put together again for each record.
 *
 * A place is a brace, a path without blanks, quotes or braces, a brace: in JSON nothing else
 * looks like it, for after the brace of an object comes a quote, a blank or its end.
 */
#include "handlers/pipeline/template.h"

#include "base/json.h"
#include "handlers/pipeline/bundle.h"
#include "handlers/pipeline/planner.h"

#include <string.h>

struct template_piece {
	enum piece_kind {
		PIECE_TEXT,
		PIECE_RAW,     /* a value as it is */
		PIECE_SEGMENT, /* percent-encoded, and no way up in the path */
		PIECE_PERCENT,
		PIECE_LINE,   /* a value as it is, in one line */
		PIECE_JSON,   /* a whole value */
		PIECE_STRING, /* inside a string */
	} kind;
	const char *text;
	size_t len;
	bool record; /* the record itself */
	unsigned field;
};

/* ---- planning ---- */

struct cutting {
	struct stage_planner *planner;
	struct stage *stage;
	const char *pointer;
	enum template_use use;
	struct template *template;
	bool in_string; /* of JSON */
	bool in_query;	/* of a URL */
	bool renew, good;
};

/* Bytes of the place that begins at `at`; 0: it is none. */
static size_t place_len(const char *at)
{
	size_t len;

	if (strncmp(at, "{$}", 3) == 0)
		return 3;
	len = strspn(at + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			     "_.-/~");
	return len > 0 && at[1 + len] == '}' ? len + 2 : 0;
}

static void text_add(struct cutting *cutting, const char *text, size_t len)
{
	struct template *template = cutting->template;

	if (len > 0)
		template->pieces[template->count++] =
			(struct template_piece){.kind = PIECE_TEXT, .text = text, .len = len};
}

/* Of a string of JSON that is a place and nothing else the quotes go too. */
static bool quotes_take(struct cutting *cutting, const char *behind)
{
	struct template *template = cutting->template;
	struct template_piece *before;

	if (template->count == 0 || *behind != '"')
		return false;
	before = &template->pieces[template->count - 1];
	if (before->kind != PIECE_TEXT || before->text[before->len - 1] != '"')
		return false;
	if (--before->len == 0)
		template->count--;
	return true;
}

static enum piece_kind kind_of(const struct cutting *cutting, bool whole)
{
	switch (cutting->use) {
	case TEMPLATE_URL:
		if (whole)
			return PIECE_RAW;
		return cutting->in_query ? PIECE_PERCENT : PIECE_SEGMENT;
	case TEMPLATE_FORM:
		return PIECE_PERCENT;
	case TEMPLATE_FIELD:
		return PIECE_LINE;
	default:
		return cutting->in_string ? PIECE_STRING : PIECE_JSON;
	}
}

/* Behind the place, which may have taken a quote. */
static const char *place_add(struct cutting *cutting, const char *at, size_t len, bool whole)
{
	struct template *template = cutting->template;
	struct template_piece piece = {.kind = kind_of(cutting, whole), .record = at[1] == '$'};
	const char *behind = at + len;
	bool renew = false;
	char *path;

	if (piece.kind == PIECE_STRING && quotes_take(cutting, behind)) {
		piece.kind = PIECE_JSON;
		cutting->in_string = false;
		behind++;
	}
	path = plan_alloc(cutting->planner, cutting->stage, len, 1);
	if (!path) {
		cutting->good = false;
		return behind;
	}
	memcpy(path, at + 1, len - 2);
	if (!piece.record && !plan_reads(cutting->planner, cutting->stage, path, cutting->pointer,
					 &piece.field, &renew))
		cutting->good = false;
	cutting->renew = cutting->renew || renew;
	template->pieces[template->count++] = piece;
	template->fixed = false;
	return behind;
}

/* What is no place in a URL is a mistake, not a brace that the server sees. */
static void brace_look(struct cutting *cutting, const char *at)
{
	struct mistake *mistake;
	size_t len = strcspn(at, "}");

	if (cutting->use != TEMPLATE_URL)
		return;
	mistake = mistake_add(cutting->planner->mistakes, cutting->pointer, "bad-template",
			      "'%.*s' is no member of a record", (int)MIN(len + 1, 64), at);
	mistake_hint(cutting->planner->mistakes, mistake, "{name}, {a.b}, {/a/b}; a brace is %%7B");
	cutting->good = false;
}

bool template_plan(struct stage_planner *planner, struct stage *stage, const char *text,
		   const char *pointer, enum template_use use, struct template *ret,
		   bool *ret_renew)
{
	struct cutting cutting = {planner, stage, pointer, use, ret, .good = true};
	size_t places = 0;
	const char *from = text, *at;

	for (at = text; *at; at++)
		places += *at == '{';
	*ret = (struct template){.fixed = true};
	ret->pieces = plan_alloc(planner, stage, 2 * places + 1, sizeof(*ret->pieces));
	if (!ret->pieces)
		return false;
	for (at = text; *at;) {
		size_t len = *at == '{' ? place_len(at) : 0;

		if (len > 0) {
			text_add(&cutting, from, (size_t)(at - from));
			from = at = place_add(&cutting, at, len, at == text && !at[len]);
			continue;
		}
		if (*at == '{')
			brace_look(&cutting, at);
		cutting.in_query |= *at == '?';
		cutting.in_string ^= *at == '"';
		at += *at == '\\' && at[1] ? 2 : 1;
	}
	text_add(&cutting, from, (size_t)(at - from));
	*ret_renew |= cutting.renew;
	return cutting.good;
}

/* ---- filling ---- */

/* RFC 3986, section 2.3: all but unreserved octets. */
static void percent_encode(struct buf *into, const char *text, size_t len)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < len; i++) {
		unsigned char octet = (unsigned char)text[i];

		if ((octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z') ||
		    (octet >= '0' && octet <= '9') || (octet && strchr("-._~", octet))) {
			buf_add_byte(into, text[i]);
			continue;
		}
		buf_add_byte(into, '%');
		buf_add_byte(into, digits[octet >> 4]);
		buf_add_byte(into, digits[octet & 15]);
	}
}

/* A segment of dots alone would lead up in the path, encoded or not. */
static int segment_add(struct buf *into, const char *text, size_t len, struct err *err)
{
	size_t dots = 0;

	while (dots < len && text[dots] == '.')
		dots++;
	if (len > 0 && dots == len)
		return err_set(err, ERR_FETCH_URL, "'%.*s' in the path of a URL", (int)MIN(len, 16),
			       text);
	percent_encode(into, text, len);
	return 0;
}

static int line_add(struct buf *into, const char *text, size_t len, struct err *err)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)text[i] < ' ' && text[i] != '\t') || text[i] == 0x7F)
			return err_set(err, ERR_INVALID_RECORD,
				       "a header field with a control character");
	buf_add(into, text, len);
	return 0;
}

static void string_add(struct buf *into, const char *text, size_t len)
{
	struct buf quoted = BUF(RECORD_BYTES_MAX);

	json_quote(&quoted, text, len);
	if (buf_ok(&quoted))
		buf_add(into, quoted.data + 1, quoted.len - 2);
	else
		into->failed = true;
	buf_done(&quoted);
}

/* The value as a text, in the scratch or the record. */
static const char *piece_text(const struct template_piece *piece, struct bundle *bundle,
			      uint32_t row, struct buf *scratch, size_t *ret_len, struct err *err)
{
	const struct value *value;
	const char *text;

	buf_clear(scratch);
	if (piece->record) {
		if (record_print(bundle, row, scratch, err))
			return NULL;
	} else {
		value = &bundle_values(bundle, row)[piece->field];
		if (value->kind == VALUE_TEXT && piece->kind != PIECE_JSON) {
			text = value_text(value, scratch, ret_len);
			if (!text)
				err_set(err, ERR_NO_MEMORY, "no memory for a request");
			return text;
		}
		if (value->kind > VALUE_NULL || piece->kind == PIECE_JSON)
			value_print(value, scratch);
	}
	*ret_len = scratch->len;
	if (buf_ok(scratch))
		return buf_text(scratch);
	err_set(err, ERR_NO_MEMORY, "no memory for a request");
	return NULL;
}

static int piece_fill(const struct template_piece *piece, struct bundle *bundle, uint32_t row,
		      struct buf *scratch, struct buf *into, struct err *err)
{
	size_t len = 0;
	const char *text = piece_text(piece, bundle, row, scratch, &len, err);

	if (!text)
		return -1;
	switch (piece->kind) {
	case PIECE_SEGMENT:
		return segment_add(into, text, len, err);
	case PIECE_PERCENT:
		percent_encode(into, text, len);
		return 0;
	case PIECE_LINE:
		return line_add(into, text, len, err);
	case PIECE_STRING:
		string_add(into, text, len);
		return 0;
	default:
		buf_add(into, text, len);
		return 0;
	}
}

int template_fill(const struct template *template, struct bundle *bundle, uint32_t row,
		  struct buf *scratch, struct buf *into, struct err *err)
{
	for (size_t i = 0; i < template->count; i++) {
		const struct template_piece *piece = &template->pieces[i];

		if (piece->kind == PIECE_TEXT)
			buf_add(into, piece->text, piece->len);
		else if (piece_fill(piece, bundle, row, scratch, into, err))
			return -1;
	}
	return buf_ok(into)
		       ? 0
		       : err_set(err, ERR_LIMIT, "a request of more than %zu bytes", into->max);
}

void template_sample(const struct template *template, const char *value, struct buf *into)
{
	for (size_t i = 0; i < template->count; i++) {
		const struct template_piece *piece = &template->pieces[i];

		if (piece->kind == PIECE_TEXT)
			buf_add(into, piece->text, piece->len);
		else
			buf_add_text(into, value);
	}
}

bool template_is_open(const struct template *template)
{
	return template->count > 0 && template->pieces[0].kind != PIECE_TEXT;
}
