/* SPDX-License-Identifier: MIT */
/* walk.h - what is inside a record that scan() has found valid: children, and the value
 * that a JSON pointer names (RFC 6901).
 *
 * For texts that are looked into a few times; many paths of many records are scan()'s.
 * Nothing recurses, nothing is copied.
 *
 *	value_read(text, len, &array);
 *	walk_begin(&walk, &array);
 *	while (walk_next(&walk, &name, &child))
 *		…
 *
 * Threads    any: values are constant.
 * Ownership  found values point into the text.
 * Errors     none for valid texts; what is not there is VALUE_MISSING.
 */
#ifndef BASE_RECORD_WALK_H
#define BASE_RECORD_WALK_H

#include "base/record/value.h"

/* Reads a whole valid text with blanks around it. */
void value_read(const char *text, size_t len, struct value *ret_value);

struct walk {
	const char *at, *end;
	bool object;
};

/* Of a value that is neither array nor object there are no children. */
void walk_begin(struct walk *walk, const struct value *container);
/* name: VALUE_MISSING in an array. */
bool walk_next(struct walk *walk, struct value *ret_name, struct value *ret_child);

/* Is `text` a JSON pointer?  False: *ret_offset is the first wrong byte. */
bool pointer_check(const char *text, size_t *ret_offset);

/* The value that a pointer (one that passed pointer_check) names inside `root`. */
struct value pointer_find(const char *pointer, const struct value *root);

/* The member of an object; VALUE_MISSING when there is none or it is no object. */
struct value walk_member(const struct value *object, const char *name);

/* Is this text, escapes decoded, the same bytes? */
bool value_text_is(const struct value *value, const char *bytes, size_t len);

#endif
