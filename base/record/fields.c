/* SPDX-License-Identifier: MIT */
/* fields.c - paths as a tree of names; plans have few, so children are a list. */
#include "base/record/fields.h"

#include "base/limits.h"

#include <string.h>

enum { FIELDS_BYTES_MAX = 4 * 1024 * 1024, INDEX_DIGITS_MAX = 15 };

void fields_init(struct fields *fields)
{
	*fields = (struct fields){.root = {.index = -1, .element = -1}};
	arena_init(&fields->arena, FIELDS_BYTES_MAX);
}

void fields_done(struct fields *fields)
{
	arena_done(&fields->arena);
}

/* "0", "17"; not "017", which is a name only. */
static int64_t element_of(const char *name, size_t len)
{
	int64_t element = 0;

	if (len == 0 || len > INDEX_DIGITS_MAX || (name[0] == '0' && len > 1))
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return -1;
		element = element * 10 + (name[i] - '0');
	}
	return element;
}

const struct field_node *field_child(const struct field_node *node, const char *name, size_t len)
{
	const struct field_node *child;

	for (child = node->first; child; child = child->sibling)
		if (child->name.len == len && memcmp(child->name.text, name, len) == 0)
			break;
	return child;
}

static struct field_node *node_make(struct fields *fields, struct field_node *parent,
				    const struct field_name *name)
{
	const struct field_node *known = field_child(parent, name->text, name->len);
	struct field_node *node;

	if (known)
		return (struct field_node *)known; /* ours, and not yet shared */
	node = arena_alloc(&fields->arena, sizeof(*node));
	if (!node)
		return NULL;
	node->name.text = arena_copy(&fields->arena, name->text, name->len);
	if (!node->name.text)
		return NULL;
	node->name.len = name->len;
	node->index = -1;
	node->element = element_of(name->text, name->len);
	node->sibling = parent->first;
	parent->first = node;
	return node;
}

int fields_add(struct fields *fields, const struct field_name *names, size_t count,
	       unsigned *ret_index, struct err *err)
{
	struct field_node *node = &fields->root;

	if (count > RECORD_DEPTH_MAX)
		return err_set(err, ERR_LIMIT, "a path has at most %d names", RECORD_DEPTH_MAX);
	if (fields->count == RECORD_FIELDS_MAX)
		return err_set(err, ERR_LIMIT, "at most %d fields are read of a record",
			       RECORD_FIELDS_MAX);
	for (size_t i = 0; i < count; i++) {
		node = node_make(fields, node, &names[i]);
		if (!node)
			return err_set(err, ERR_NO_MEMORY, "no memory for a path");
	}
	if (node->index < 0)
		node->index = (int32_t)fields->count++;
	*ret_index = (unsigned)node->index;
	return 0;
}

/* ---- paths as text ---- */

static size_t dotted_split(const char *path, struct field_name *names, size_t max)
{
	size_t count = 0;

	for (;; path++) {
		size_t len = strcspn(path, ".");

		if (count < max)
			names[count] = (struct field_name){path, len};
		count++;
		path += len;
		if (!*path)
			return count;
	}
}

/* One token of a pointer, "~1" and "~0" decoded into `text`; false: another '~'. */
static bool token_decode(const char *token, size_t len, char *text, struct field_name *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (token[i] == '~') {
			if (++i == len || (token[i] != '0' && token[i] != '1'))
				return false;
			text[n++] = token[i] == '0' ? '~' : '/';
		} else {
			text[n++] = token[i];
		}
	}
	*ret = (struct field_name){text, n};
	return true;
}

static int pointer_add(struct fields *fields, const char *path, unsigned *ret_index,
		       struct err *err)
{
	struct field_name names[RECORD_DEPTH_MAX];
	char *text = arena_alloc(&fields->arena, strlen(path) + 1);
	size_t count = 0;

	if (!text)
		return err_set(err, ERR_NO_MEMORY, "no memory for a path");
	while (*path) {
		size_t len = strcspn(++path, "/");

		if (count == RECORD_DEPTH_MAX)
			return err_set(err, ERR_LIMIT, "a path has at most %d names",
				       RECORD_DEPTH_MAX);
		if (!token_decode(path, len, text, &names[count]))
			return err_set(err, ERR_INVALID_SPEC,
				       "in a JSON pointer '~' is written \"~0\" and '/' \"~1\"");
		text += len;
		path += len;
		count++;
	}
	return fields_add(fields, names, count, ret_index, err);
}

int fields_add_path(struct fields *fields, const char *path, unsigned *ret_index, struct err *err)
{
	struct field_name names[RECORD_DEPTH_MAX];
	size_t count;

	if (strcmp(path, "$") == 0)
		return fields_add(fields, NULL, 0, ret_index, err);
	if (*path == '/' || *path == '\0')
		return pointer_add(fields, path, ret_index, err);
	count = dotted_split(path, names, ARRAY_LEN(names));
	for (size_t i = 0; i < MIN(count, ARRAY_LEN(names)); i++)
		if (names[i].len == 0)
			return err_set(err, ERR_INVALID_SPEC, "'%s' has a name that is empty",
				       path);
	return fields_add(fields, names, count, ret_index, err);
}
