/* SPDX-License-Identifier: MIT */
/* stretch.c - which paths touch each other. */
#include "handlers/pipeline/stretch.h"

#include <string.h>

enum { STRETCH_BYTES_MAX = 8 * 1024 * 1024 };

void stretch_init(struct stretch *stretch)
{
	*stretch = (struct stretch){0};
	fields_init(&stretch->fields);
	arena_init(&stretch->arena, STRETCH_BYTES_MAX);
}

void stretch_done(struct stretch *stretch)
{
	fields_done(&stretch->fields);
	arena_done(&stretch->arena);
}

static int no_memory(struct err *err)
{
	return err_set(err, ERR_NO_MEMORY, "no memory for a path");
}

int stretch_path(struct stretch *stretch, const char *text, struct path *ret_path, struct err *err)
{
	struct fields alone;
	struct field_name *names;
	const struct field_node *node;
	unsigned field;
	size_t count = 0;
	int rc = -1;

	fields_init(&alone);
	if (fields_add_path(&alone, text, &field, err))
		goto out;
	for (node = alone.root.first; node; node = node->first)
		count++;
	names = arena_array(&stretch->arena, count + 1, sizeof(*names));
	*ret_path = (struct path){names, count};
	for (node = alone.root.first; names && node; node = node->first, names++) {
		names->text = arena_copy(&stretch->arena, node->name.text, node->name.len);
		names->len = node->name.len;
	}
	rc = arena_failed(&stretch->arena) ? no_memory(err) : 0;
out:
	fields_done(&alone);
	return rc;
}

/* ---- which paths touch ---- */

static bool name_is(const struct field_name *a, const struct field_name *b)
{
	return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

size_t paths_share(const struct path *a, const struct path *b)
{
	size_t n = 0;

	while (n < a->count && n < b->count && name_is(&a->names[n], &b->names[n]))
		n++;
	return n;
}

static bool same_path(const struct path *a, const struct path *b)
{
	return a->count == b->count && paths_share(a, b) == a->count;
}

/* One of them lies inside the other. */
static bool path_inside(const struct path *a, const struct path *b)
{
	return a->count != b->count && paths_share(a, b) == (a->count < b->count ? a : b)->count;
}

static bool is_dirty(uint64_t dirty, unsigned written)
{
	return dirty >> written & 1;
}

/* Does a value below `node`, or at it, stand for bytes that a written path has changed? */
static bool reads_inside(const struct field_node *node, const struct path *path, size_t depth)
{
	if (depth == path->count) { /* the path itself is current, what is below it is not */
		for (const struct field_node *child = node->first; child; child = child->sibling)
			if (child->index >= 0 || child->first)
				return true;
		return false;
	}
	if (node->index >= 0)
		return true; /* around it */
	node = field_child(node, path->names[depth].text, path->names[depth].len);
	return node && reads_inside(node, path, depth + 1);
}

bool stretch_reads(const struct stretch *stretch, const struct fields *from, uint64_t dirty)
{
	if (from->root.index >= 0)
		return true; /* the whole record: rows of CSV have no such text yet */
	for (unsigned i = 0; i < stretch->written_count; i++) {
		const struct written *written = &stretch->written[i];

		if (!is_dirty(dirty, i))
			continue;
		if (reads_inside(&from->root, &written->path, 0))
			return true;
		if (written->renamed && reads_inside(&from->root, &written->to, 0))
			return true;
	}
	return false;
}

/* May `path` be written beside what was written before, with one pass over the text? */
static bool writes_touch(const struct written *before, const struct path *path)
{
	if (before->renamed && (same_path(&before->path, path) || same_path(&before->to, path) ||
				path_inside(&before->to, path)))
		return true;
	/* Two new members of one object that may not be there have to be made in turn. */
	return path_inside(&before->path, path) ||
	       (before->path.count > 1 && path->count > 1 && !same_path(&before->path, path) &&
		paths_share(&before->path, path) > 0);
}

static int written_add(struct stretch *stretch, const struct path *path, struct written **ret,
		       struct err *err)
{
	struct written *written = &stretch->written[stretch->written_count];

	if (stretch->written_count == PIPELINE_WRITTEN_MAX)
		return err_set(err, ERR_LIMIT,
			       "at most %d members are set, dropped and renamed before a "
			       "reduce or sort; one map or select writes any number",
			       PIPELINE_WRITTEN_MAX);
	*written = (struct written){.path = *path};
	written->above = arena_array(&stretch->arena, path->count, sizeof(*written->above));
	if (!written->above)
		return no_memory(err);
	for (size_t n = 1; n < path->count; n++)
		if (fields_add(&stretch->fields, path->names, n, &written->above[n - 1], err))
			return -1;
	if (fields_add(&stretch->fields, path->names, path->count, &written->field, err))
		return -1;
	stretch->written_count++;
	*ret = written;
	return 0;
}

static bool any_touches(const struct stretch *stretch, const struct path *path, uint64_t dirty)
{
	for (unsigned i = 0; i < stretch->written_count; i++)
		if (is_dirty(dirty, i) && writes_touch(&stretch->written[i], path))
			return true;
	return false;
}

/* Was the same member written before? */
static bool any_same(const struct stretch *stretch, const struct path *path, uint64_t dirty,
		     bool dropped)
{
	for (unsigned i = 0; i < stretch->written_count; i++)
		if (is_dirty(dirty, i) && same_path(&stretch->written[i].path, path) &&
		    (stretch->written[i].dropped || dropped))
			return true;
	return false;
}

static int write_add(struct stretch *stretch, const struct path *path, bool dropped,
		     unsigned *ret_written, struct err *err)
{
	struct written *written = NULL;

	for (unsigned i = 0; i < stretch->written_count; i++) {
		const struct written *known = &stretch->written[i];

		if (known->renamed || known->replaced || known->dropped != dropped ||
		    !same_path(&known->path, path))
			continue;
		*ret_written = i;
		return 0;
	}
	*ret_written = stretch->written_count;
	if (written_add(stretch, path, &written, err) || !written)
		return -1;
	written->dropped = dropped;
	return 0;
}

int stretch_writes(struct stretch *stretch, const struct path *path, uint64_t dirty,
		   unsigned *ret_written, bool *ret_renew, struct err *err)
{
	*ret_renew = any_touches(stretch, path, dirty) || any_same(stretch, path, dirty, false);
	return write_add(stretch, path, false, ret_written, err);
}

/* A member that was set goes as a part of the text, so that what is set later is new. */
int stretch_drops(struct stretch *stretch, const struct path *path, uint64_t dirty,
		  unsigned *ret_written, bool *ret_renew, struct err *err)
{
	*ret_renew = any_touches(stretch, path, dirty) || any_same(stretch, path, dirty, true);
	return write_add(stretch, path, true, ret_written, err);
}

int stretch_renames(struct stretch *stretch, const struct path *path, const struct path *to,
		    uint64_t dirty, unsigned *ret_written, bool *ret_renew, struct err *err)
{
	struct written *written = NULL, *before = NULL;
	bool renew = any_touches(stretch, path, dirty) || any_touches(stretch, to, dirty);

	for (unsigned i = 0; i < stretch->written_count; i++)
		renew = renew ||
			(is_dirty(dirty, i) && (same_path(&stretch->written[i].path, path) ||
						same_path(&stretch->written[i].path, to)));
	*ret_renew = renew;
	*ret_written = stretch->written_count;
	if (written_add(stretch, path, &written, err) || written_add(stretch, to, &before, err) ||
	    !written || !before)
		return -1;
	before->replaced = true;
	written->renamed = true;
	written->to = *to;
	written->becomes = before->field;
	stretch->renames |= UINT64_C(1) << *ret_written;
	return 0;
}
