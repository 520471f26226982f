/* SPDX-License-Identifier: MIT */
/* overlay.c - a record with some members written: its text with the changes in their places.
 *
 * Nothing but the changed bytes is looked at: scan() has said where each value stands.  A
 * change is a splice (replace, cut, rename, insert); they are few, and are made in the order
 * of their places in one pass.
 */
#include "handlers/pipeline/bundle.h"

#include "base/json.h"

#include <string.h>

/* Bytes of the text that become others. */
struct splice {
	const char *from, *to;
	enum splice_kind { SPLICE_REPLACE, SPLICE_RENAME, SPLICE_CUT, SPLICE_INSERT } kind;
	const struct written *written;
	size_t depth; /* INSERT: how many names of the path are there */
};

static struct value *before_of(struct bundle *bundle, uint32_t row)
{
	return bundle->before + (size_t)row * bundle->stretch->written_count;
}

/* ---- changing ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int not_an_object(struct err *err, const struct path *path, size_t names,
			 const struct value *value)
{
	struct buf text = BUF(ERR_DETAIL_MAX);

	for (size_t i = 0; i < names; i++)
		buf_printf(&text, "%s%.*s", i ? "." : "", (int)MIN(path->names[i].len, 100),
			   path->names[i].text);
	err_set(err, ERR_FAILED, "'%s' is %s, not an object that could get a member '%.*s'",
		buf_ok(&text) && text.data ? text.data : "it", value_kind_name(value->kind),
		(int)MIN(path->names[names].len, 100), path->names[names].text);
	buf_done(&text);
	return -1;
}

/* A member that is not there yet: is there an object for it, or room for one? */
static int room_for_member(const struct bundle *bundle, uint32_t row, const struct written *written,
			   struct err *err)
{
	const struct record *record = &bundle->records[row];
	const struct value *values = bundle_values(bundle, row);
	const char *at = record->text;

	for (size_t names = written->path.count - 1; names > 0; names--) {
		const struct value *around = &values[written->above[names - 1]];

		if (around->kind == VALUE_OBJECT)
			return 0;
		if (around->kind != VALUE_MISSING)
			return not_an_object(err, &written->path, names, around);
	}
	while (at && is_blank(*at))
		at++;
	if (at ? *at == '{' : bundle->objects)
		return 0;
	return err_set(err, ERR_FAILED, "the record is not an object: it has no members");
}

static void written_mark(struct bundle *bundle, uint32_t row, unsigned written,
			 const struct value *value)
{
	struct record *record = &bundle->records[row];
	uint64_t bit = UINT64_C(1) << written;

	if (!(record->edits & bit))
		before_of(bundle, row)[written] = *value;
	record->edits |= bit;
}

int record_put(struct bundle *bundle, uint32_t row, unsigned written, const struct value *value,
	       struct err *err)
{
	const struct written *what = &bundle->stretch->written[written];
	struct value *now = &bundle_values(bundle, row)[what->field];

	if (now->kind == VALUE_MISSING) {
		if (value->kind == VALUE_MISSING)
			return 0;
		if (!(bundle->records[row].edits >> written & 1) &&
		    room_for_member(bundle, row, what, err))
			return -1;
	}
	written_mark(bundle, row, written, now);
	*now = *value;
	return 0;
}

/* Of an array: it has no name. */
static bool is_element(const struct value *values, const struct written *written)
{
	size_t around = written->path.count - 1;

	return around > 0 && values[written->above[around - 1]].kind == VALUE_ARRAY;
}

void record_rename(struct bundle *bundle, uint32_t row, unsigned written)
{
	const struct written *what = &bundle->stretch->written[written];
	struct value *values = bundle_values(bundle, row);
	struct value *now = &values[what->field], *to = &values[what->becomes];

	if (now->kind == VALUE_MISSING || now == to || is_element(values, what))
		return;
	written_mark(bundle, row, written, now);
	if (to->kind != VALUE_MISSING)
		written_mark(bundle, row, written + 1, to);
	*to = *now;
	now->kind = VALUE_MISSING;
}

/* ---- where things stand in the text ---- */

static const char *value_begin(const struct value *value)
{
	return value->at - (value->kind == VALUE_TEXT);
}

static const char *value_end(const struct value *value)
{
	return value->at + value->len + (value->kind == VALUE_TEXT);
}

static const char *blanks_back(const char *at)
{
	while (is_blank(at[-1]))
		at--;
	return at;
}

/* The opening quote of the name whose value begins at `at`; `at` itself in an array.  A quote
 * inside a name has an odd number of backslashes before it. */
static const char *member_begin(const char *at)
{
	const char *quote = blanks_back(at) - 1, *slash;

	if (*quote != ':')
		return at;
	quote = blanks_back(quote) - 1;
	do {
		quote--;
		for (slash = quote; *quote == '"' && slash[-1] == '\\'; slash--)
			continue;
	} while (*quote != '"' || (quote - slash) % 2 != 0);
	return quote;
}

/* ---- splices ---- */

struct printing {
	struct bundle *bundle;
	uint32_t row;
	const char *text;
	size_t len;
	const struct value *before; /* by written; NULL: by field, in `found` */
	struct splice splices[PIPELINE_WRITTEN_MAX];
	size_t count;
};

static const struct value *stood(const struct printing *printing, unsigned written)
{
	const struct bundle *bundle = printing->bundle;

	return printing->before ? &printing->before[written]
				: &bundle->found[bundle->stretch->written[written].field];
}

static void splice_add(struct printing *printing, struct splice splice)
{
	size_t at = printing->count++;

	for (; at > 0 && printing->splices[at - 1].from > splice.from; at--)
		printing->splices[at] = printing->splices[at - 1];
	printing->splices[at] = splice;
}

/* The values around a path are never written themselves: they are as in the text. */
static void insert_add(struct printing *printing, const struct written *written)
{
	const struct bundle *bundle = printing->bundle;
	const struct value *values =
		printing->before ? bundle_values(bundle, printing->row) : bundle->found;
	const char *end = printing->text + printing->len;
	size_t depth = written->path.count - 1;

	while (depth > 0 && values[written->above[depth - 1]].kind == VALUE_MISSING)
		depth--;
	if (depth > 0)
		end = value_end(&values[written->above[depth - 1]]);
	end = blanks_back(end) - 1;
	splice_add(printing, (struct splice){end, end, SPLICE_INSERT, written, depth});
}

/* Has a member that was renamed taken this one's name? */
static bool name_taken(const struct bundle *bundle, uint64_t renames, unsigned field)
{
	for (; renames; renames &= renames - 1)
		if (bundle->stretch->written[__builtin_ctzll(renames)].becomes == field)
			return true;
	return false;
}

static void splices_find(struct printing *printing)
{
	struct bundle *bundle = printing->bundle;
	const struct value *values = bundle_values(bundle, printing->row);
	uint64_t edits = bundle->records[printing->row].edits;
	uint64_t renames = edits & bundle->stretch->renames;

	for (; edits; edits &= edits - 1) {
		unsigned i = (unsigned)__builtin_ctzll(edits);
		const struct written *written = &bundle->stretch->written[i];
		const struct value *was = stood(printing, i);
		bool gone = values[written->field].kind == VALUE_MISSING ||
			    name_taken(bundle, renames, written->field);
		struct splice splice = {.written = written};

		if (was->kind == VALUE_MISSING) {
			if (!gone)
				insert_add(printing, written);
			continue;
		}
		splice.from = value_begin(was);
		splice.to = value_end(was);
		splice.kind = written->renamed ? SPLICE_RENAME : gone ? SPLICE_CUT : SPLICE_REPLACE;
		if (splice.kind != SPLICE_REPLACE)
			splice.from = member_begin(splice.from);
		splice_add(printing, splice);
	}
}

/* ---- writing ---- */

static int name_print(const struct field_name *name, struct buf *into)
{
	json_quote(into, name->text, name->len);
	return buf_add_byte(into, ':');
}

static void insert_print(const struct splice *splice, const struct value *value, struct buf *into)
{
	const struct path *path = &splice->written->path;
	size_t last = into->len;

	while (is_blank(into->data[last - 1]))
		last--;
	if (into->data[last - 1] != '{')
		buf_add_byte(into, ',');
	for (size_t i = splice->depth; i < path->count; i++) {
		if (i > splice->depth)
			buf_add_byte(into, '{');
		name_print(&path->names[i], into);
	}
	value_print(value, into);
	for (size_t i = splice->depth + 1; i < path->count; i++)
		buf_add_byte(into, '}');
}

/* A member that goes takes one comma along: that before it, or else that behind it. */
static const char *cut_print(const struct splice *splice, const char *at, struct buf *into)
{
	const char *from = blanks_back(splice->from), *to = splice->to;

	if (from - 1 >= at && from[-1] == ',') {
		buf_add(into, at, (size_t)(from - 1 - at));
		return to;
	}
	buf_add(into, at, (size_t)(splice->from - at));
	while (is_blank(*to))
		to++;
	if (*to != ',')
		return splice->to;
	while (is_blank(*++to))
		continue;
	return to;
}

static void splices_print(const struct printing *printing, struct buf *into)
{
	const struct value *values = bundle_values(printing->bundle, printing->row);
	const char *at = printing->text, *end = at + printing->len;

	for (size_t i = 0; i < printing->count; i++) {
		const struct splice *splice = &printing->splices[i];
		const struct written *written = splice->written;

		if (splice->kind == SPLICE_CUT) {
			at = cut_print(splice, at, into);
			continue;
		}
		buf_add(into, at, (size_t)(splice->from - at));
		at = splice->to;
		if (splice->kind == SPLICE_INSERT) {
			insert_print(splice, &values[written->field], into);
		} else if (splice->kind == SPLICE_RENAME) {
			name_print(&written->to.names[written->to.count - 1], into);
			value_print(&values[written->becomes], into);
		} else {
			value_print(&values[written->field], into);
		}
	}
	buf_add(into, at, (size_t)(end - at));
}

/* The text of a row of another format, and where its values stand in it. */
static int text_make(struct bundle *bundle, uint32_t row, struct printing *printing,
		     struct err *err)
{
	struct scan_mistake mistake;

	buf_clear(&bundle->text);
	if (bundle->row_text(bundle->row_from, bundle->records[row].order, &bundle->text))
		return err_set(err, ERR_LIMIT, "a record of more than %d bytes", RECORD_BYTES_MAX);
	if (scan(bundle->scanner, bundle->text.data, bundle->text.len, bundle->found, &mistake))
		return err_set(err, ERR_INTERNAL, "a row became no JSON: %s", mistake.detail);
	printing->text = bundle->text.data;
	printing->len = bundle->text.len;
	printing->before = NULL;
	return 0;
}

int record_print(struct bundle *bundle, uint32_t row, struct buf *into, struct err *err)
{
	const struct record *record = &bundle->records[row];
	struct printing printing; /* large: only what is used is set */

	if (record->text && !record->edits) {
		buf_add(into, record->text, record->len);
	} else if (!record->edits) {
		bundle->row_text(bundle->row_from, record->order, into); /* a copy has it too */
	} else {
		printing.bundle = bundle;
		printing.row = row;
		printing.text = record->text;
		printing.len = record->len;
		printing.before = before_of(bundle, row);
		printing.count = 0;
		if (!record->text && text_make(bundle, row, &printing, err))
			return -1;
		splices_find(&printing);
		splices_print(&printing, into);
	}
	if (!buf_ok(into))
		return err_set(err, ERR_LIMIT, "a record of more than %d bytes", RECORD_BYTES_MAX);
	return 0;
}

int record_replace(struct bundle *bundle, uint32_t row, const char *text, size_t len,
		   struct err *err)
{
	struct record *record = &bundle->records[row];
	struct scan_mistake mistake;

	if (scan(bundle->scanner, text, len, bundle_values(bundle, row), &mistake))
		return err_set(err, ERR_FAILED, "%s, at byte %zu of what was made of the record",
			       mistake.detail, mistake.offset);
	record->text = text;
	record->len = (uint32_t)len;
	record->edits = 0;
	return 0;
}

int record_renew(struct bundle *bundle, uint32_t row, struct err *err)
{
	const struct record *record = &bundle->records[row];
	struct buf text = BUF(RECORD_BYTES_MAX);
	char *copy = NULL;
	size_t len = 0;
	int rc;

	if (record->text && !record->edits)
		return 0;
	rc = record_print(bundle, row, &text, err);
	if (rc == 0) {
		len = text.len;
		copy = arena_copy(&bundle->arena, text.data, len);
		if (!copy)
			rc = err_set(err, ERR_NO_MEMORY, "no memory for a record");
	}
	buf_done(&text);
	return rc ? -1 : record_replace(bundle, row, copy, len, err);
}
