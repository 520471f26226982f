/* SPDX-License-Identifier: MIT */
/* field.h - what `extract` says of one name, and how a page answers it.
 *
 *   field_plan.c    spec → fields: everything compiled, every mistake told
 *   field_find.c    source → finds: nodes, texts, JSON values
 *   field_value.c   a find → a value of the field's type
 *   extract.c       finds and values → members of the item
 *
 * A find is where a source led: a node of the page, a text, a JSON value; it is the
 * scope of the fields inside a field that has `fields`.
 *
 * Threads    fields are read by all lanes; a find belongs to its page.
 * Ownership  finds borrow from the page, their texts until the page's next find.
 */
#ifndef SCRAPE_FIELD_H
#define SCRAPE_FIELD_H

#include "base/json.h"
#include "base/mistakes.h"
#include "base/pattern.h"
#include "base/record/value.h"
#include "base/spec.h"
#include "handlers/scrape/locale.h"

struct css;
struct html_node;
struct page;
struct xpath;

enum field_source {
	SOURCE_BODY, /* the whole text; for a regex */
	SOURCE_CSS,
	SOURCE_XPATH,
	SOURCE_JSON,
	SOURCE_JSONLD,
	SOURCE_META,
};

enum field_type {
	FIELD_TEXT,
	FIELD_NUMBER,
	FIELD_INTEGER,
	FIELD_BOOLEAN,
	FIELD_DATE,
	FIELD_URL,
	FIELD_HTML,
	FIELD_RAW,
	FIELD_AS_IS, /* of JSON, when nothing is said: the value as it stands */
};

struct field {
	const char *name; /* borrowed from the spec, as are the texts below */
	enum field_source source;
	struct css *css;
	struct xpath *xpath;
	const char *path;	 /* JSON: the pointer; JSONLD: inside the object; META: the name */
	const char *ld_type;	 /* JSONLD: of the objects; NULL: any */
	struct pattern *pattern; /* NULL: none */
	unsigned group;
	const char *attr; /* NULL: the text */
	bool all, required;
	enum field_type type;
	enum locale locale;
	const char *const *formats; /* of dates, ended by NULL; NULL: the common ones */
	const struct json *preset;  /* when nothing is found; NULL: null */
	struct field *fields;	    /* inside each find; NULL: the find is a value */
	size_t fields_count;
};

struct field_list {
	struct field *at;
	size_t count;
};

/* ---- field_plan.c ---- */

enum { FIELDS_MAX = 200 };
extern const struct param field_element[]; /* the element of `extract` */

/* Reads checked `extract` (NULL: no fields) into the arena: 0, or -1 without memory;
 * mistakes are added, pointers under `pointer`. */
int fields_plan(const struct json *extract, const char *pointer, struct arena *arena,
		struct field_list *ret_list, struct mistakes *mistakes);
void fields_free(const struct field_list *list);

/* ---- field_find.c ---- */

struct find {
	enum { FOUND_NODE, FOUND_TEXT, FOUND_JSON } kind;
	const struct html_node *node;
	const char *text;
	size_t len;
	struct value value;
};

/* Calls found() for each find, in order, until it returns false.  scope NULL: the whole
 * page.  found() must not search the page. */
int field_find(const struct field *field, struct page *page, const struct find *scope,
	       bool (*found)(void *ctx, const struct find *find), void *ctx, struct err *err);

/* ---- field_value.c ---- */

/* Writes the member or element (name NULL) and says so; false: this find has no value of
 * the field's type.  *ret_count: matches of the pattern, all of which are written when the
 * field asks for all; 1 without one. */
struct value_place {
	struct json_out *out;
	const char *name;
};

int value_write(const struct field *field, struct page *page, const struct find *find,
		const struct value_place *place, unsigned *ret_count, struct err *err);

/* ---- extract.c ---- */

/* Adds the member `field->name`: null, a value, or an array.  *ret_count (may be NULL): how
 * many values there are. */
int field_extract(const struct field *field, struct page *page, const struct find *scope,
		  struct json_out *out, unsigned *ret_count, struct err *err);

/* All of them; ERR_FIELD_MISSING names the first required one that is missing. */
int fields_extract(const struct field_list *list, struct page *page, struct json_out *out,
		   struct err *err);

#endif
