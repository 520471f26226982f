/* SPDX-License-Identifier: MIT */
/* scan.h - one pass over the JSON text of a record: is it valid, and where are its fields?
 *
 * Validity is RFC 8259's, with UTF-8 and without a name twice in one object; \u0000,
 * lone surrogates and numbers of any size are fine, since nothing here is changed.  No
 * tree is built and, for records of the shape of the one before, no name is looked up.
 *
 * Threads    one scanner a lane.
 * Ownership  found values point into the text.
 * Errors     a mistake costs its record only: scan() says where and what.
 */
#ifndef BASE_RECORD_SCAN_H
#define BASE_RECORD_SCAN_H

#include "base/record/fields.h"
#include "base/record/value.h"

struct scanner;

struct scan_mistake {
	size_t offset;	  /* in bytes from the beginning of the text */
	char detail[128]; /* "expected ',' or '}' but found 'x'" */
};

/* `fields` may be NULL (only validity is asked) and outlives the scanner.  NULL: no
 * memory. */
struct scanner *scanner_new(const struct fields *fields);
void scanner_free(struct scanner *scanner);

/* Scans one value with blanks around it, which is all of `text`.  0 and
 * values[fields->count] (NULL when there are none) filled, those not found VALUE_MISSING;
 * or -1 and *ret_mistake. */
int scan(struct scanner *scanner, const char *text, size_t len, struct value *values,
	 struct scan_mistake *ret_mistake);

/* Scans the value that `text` begins with; *ret_len: its bytes.  Values that are not found stay
 * as they are.  What begins to be wrong at the end of the text may be right with more of it. */
int scan_first(struct scanner *scanner, const char *text, size_t len, struct value *values,
	       size_t *ret_len, struct scan_mistake *ret_mistake);

/* From now on a line end is no blank: it ends the record. */
void scanner_by_line(struct scanner *scanner);

#endif
