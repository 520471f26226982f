/* SPDX-License-Identifier: MIT */
/* file_list.c - names and patterns into a list of files, and that list into a text. */
#include "handlers/input/file_list.h"

#include "base/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NEARBY_MAX = 1000 /* names that are looked at for a hint */ };

void file_list_init(struct file_list *list)
{
	*list = (struct file_list){.arena = ARENA(FILE_LIST_BYTES_MAX)};
	lock_init(&list->lock, LOCK_LEAF);
}

void file_list_done(struct file_list *list)
{
	lock_take(&list->lock);
	for (size_t i = 0; i < list->count; i++)
		free(list->files[i].cuts.maps);
	lock_drop(&list->lock);
	lock_done(&list->lock);
	free(list->files);
	arena_done(&list->arena);
}

/* ---- finding ---- */

/* `version` NULL: not known yet. */
static bool file_add(struct file_list *list, const char *name, size_t len,
		     const struct file_version *version)
{
	size_t room = MAX(2 * list->room, 16);
	struct input_file *more;

	if (list->count == list->room) {
		more = realloc(list->files, room * sizeof(*more));
		if (!more)
			return false;
		list->files = more;
		list->room = room;
	}
	list->files[list->count] = (struct input_file){
		.name = arena_copy(&list->arena, name, len),
		.version = version ? *version : (struct file_version){0},
		.cuts = {.lock = &list->lock},
	};
	return list->files[list->count++].name != NULL;
}

struct finding {
	struct file_list *list;
	bool no_memory;
};

static bool file_found(void *ctx, const char *name, const struct file_version *version)
{
	struct finding *finding = ctx;

	(void)version; /* that of the file as it is opened counts */
	finding->no_memory = !file_add(finding->list, name, strlen(name), NULL);
	return !finding->no_memory;
}

static int name_find(struct file_list *list, struct files *files, const char *name, bool pattern,
		     struct err *err)
{
	struct finding finding = {.list = list};
	size_t before = list->count;

	if (pattern && strpbrk(name, "*?[")) {
		if (files_glob(files, name, file_found, &finding, err))
			return -1;
		if (list->count == before && !finding.no_memory)
			return err_set(err, ERR_NOT_FOUND, "no file matches '%s'", name);
	} else {
		finding.no_memory = !file_add(list, name, strlen(name), NULL);
	}
	return finding.no_memory ? err_set(err, ERR_NO_MEMORY, "no memory for names of files") : 0;
}

/* By name, of equal ones the first before the others. */
static int place_compare(const void *left, const void *right)
{
	const struct input_file *a = *(const struct input_file *const *)left;
	const struct input_file *b = *(const struct input_file *const *)right;
	int order = strcmp(a->name, b->name);

	return order ? order : (a > b) - (a < b);
}

/* What several patterns match stands where the first of them has put it. */
static int twins_drop(struct file_list *list, struct err *err)
{
	struct input_file **places = calloc(list->count + 1, sizeof(*places));
	size_t kept = 0;

	if (!places)
		return err_set(err, ERR_NO_MEMORY, "no memory for names of files");
	for (size_t i = 0; i < list->count; i++)
		places[i] = &list->files[i];
	qsort(places, list->count, sizeof(*places), place_compare);
	for (size_t i = 1; i < list->count; i++)
		places[i]->twin = strcmp(places[i]->name, places[i - 1]->name) == 0;
	free(places);
	for (size_t i = 0; i < list->count; i++)
		if (!list->files[i].twin)
			list->files[kept++] = list->files[i];
	list->count = kept;
	return 0;
}

int file_list_find(struct file_list *list, struct files *files, const struct input_plan *plan,
		   struct err *err)
{
	for (size_t i = 0; i < plan->names_count; i++)
		if (name_find(list, files, plan->names[i], plan->patterns, err))
			return -1;
	if (plan->names_count > 1 && twins_drop(list, err))
		return -1;
	list->found = true;
	return 0;
}

/* ---- as text: a line for each file ---- */

int file_list_pack(const struct file_list *list, struct buf *into)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct file_version *version = &list->files[i].version;

		buf_printf(into, "%" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64 " %s\n",
			   version->dev, version->ino, version->size, version->mtime_ns,
			   list->files[i].name);
	}
	return buf_ok(into) ? 0 : -1;
}

int file_list_unpack(struct file_list *list, const char *text, size_t len, struct err *err)
{
	const char *at = text, *end = text + len, *feed;

	for (; at < end && (feed = memchr(at, '\n', (size_t)(end - at))); at = feed + 1) {
		struct file_version version;
		char *number;

		version.dev = strtoull(at, &number, 10);
		version.ino = strtoull(number, &number, 10);
		version.size = strtoll(number, &number, 10);
		version.mtime_ns = strtoll(number, &number, 10);
		if (!file_add(list, number + 1, (size_t)(feed - number - 1), &version))
			return err_set(err, ERR_NO_MEMORY, "no memory for names of files");
	}
	list->found = true;
	return 0;
}

/* ---- hints ---- */

struct nearby {
	struct arena arena;
	const char *names[NEARBY_MAX + 1];
	size_t count;
};

static bool nearby_add(void *ctx, const char *name, const struct file_version *version)
{
	struct nearby *nearby = ctx;

	(void)version;
	nearby->names[nearby->count] = arena_text(&nearby->arena, name);
	if (nearby->names[nearby->count])
		nearby->count++;
	return nearby->count < NEARBY_MAX;
}

void file_list_hint(struct files *files, const char *name, struct err *err)
{
	const char *slash = strrchr(name, '/');
	struct nearby *nearby = calloc(1, sizeof(*nearby));
	const char *nearest = NULL;
	struct err ignored;
	char folder[FILE_NAME_BYTES_MAX + 1];

	if (nearby && err->code == ERR_NOT_FOUND) {
		arena_init(&nearby->arena, NEARBY_MAX * (FILE_NAME_BYTES_MAX + 16));
		snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash + 1 - name) : 0, name);
		if (files_list(files, folder, "", nearby_add, nearby, &ignored) == 0)
			nearest = nearest_name(name, nearby->names);
		if (nearest)
			err_set(err, ERR_NOT_FOUND, "there is no file '%s', but there is '%s'",
				name, nearest);
		arena_done(&nearby->arena);
	}
	free(nearby);
}
