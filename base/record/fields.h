/* SPDX-License-Identifier: MIT */
/* fields.h - which members of a record somebody wants.
 *
 * Expressions, selections and group keys add the paths that they read; one pass over
 * a record (scan.h) then finds all of them.  A path is a list of names; in an array a
 * name of digits is an index from 0.  The empty path is the whole record.
 *
 * Threads    constant once the first scan has begun: shared by all lanes.
 * Ownership  names are copied.
 * Errors     0, or -1 and *err: ERR_LIMIT (RECORD_FIELDS_MAX paths, RECORD_DEPTH_MAX
 *            names in one), ERR_INVALID_SPEC, ERR_NO_MEMORY.
 */
#ifndef BASE_RECORD_FIELDS_H
#define BASE_RECORD_FIELDS_H

#include "base/arena.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct field_name {
	const char *text;
	size_t len;
};

/* One step of the paths: what stands under a name of its parent. */
struct field_node {
	struct field_name name;
	struct field_node *first, *sibling; /* children */
	int32_t index;			    /* among the values; -1: only passed through */
	int64_t element;		    /* the name as an array index; -1: it is none */
};

struct fields {
	struct arena arena;
	struct field_node root;
	unsigned count; /* of values: indices run from 0 */
};

void fields_init(struct fields *fields);
void fields_done(struct fields *fields);

/* Adds a path; one that is there already keeps its index. */
int fields_add(struct fields *fields, const struct field_name *names, size_t count,
	       unsigned *ret_index, struct err *err);

/* The same from text: "a.b.0" (a name with dots cannot be said that way), or a JSON
 * pointer "/a/b/0" (RFC 6901) when it begins with a slash; "$" is the record, as in expressions. */
int fields_add_path(struct fields *fields, const char *path, unsigned *ret_index, struct err *err);

/* The child of a node under a name; NULL: nobody wants it. */
const struct field_node *field_child(const struct field_node *node, const char *name, size_t len);

#endif
