/* SPDX-License-Identifier: MIT */
/* files_find.c - which files there are: one walk for patterns, prefixes and cursors.
 *
 * A folder is read whole, sorted, and walked down in the order of the full names' bytes: a
 * folder is compared as its name and '/'.  What is not wanted, or cannot hold what is, is
 * dropped as it is read.
 * A link to a folder is not walked into, so no walk meets the same place twice on the way
 * down; what is no name (files_name_check) does not exist here.
 */
#include "base/arena.h"
#include "base/files_inside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WALK_ON = 0, WALK_STOP = 1 }; /* or -1: *err */

struct walk {
	const struct files *files;
	const char *pattern;	    /* NULL: prefix and after count */
	const char *prefix, *after; /* "": any */
	file_found_fn *found;
	void *ctx;
	size_t looked_at, found_count;
	char name[FILE_NAME_BYTES_MAX + 2]; /* of the folder, then of what is in it */
	size_t name_len;
	unsigned depth;
	struct err *err;
};

/* What one folder holds. */
struct folder {
	struct arena arena;
	const char **entries; /* folders end in '/' */
	size_t count, room;
};

static int entry_compare(const void *left, const void *right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static int entry_add(struct folder *folder, const char *name, bool is_folder, struct err *err)
{
	char *text = arena_printf(&folder->arena, "%s%s", name, is_folder ? "/" : "");

	if (!text)
		return err_set(err, ERR_LIMIT, "more than %d MiB of names in one folder",
			       FILES_FOLDER_BYTES_MAX >> 20);
	if (folder->count == folder->room) {
		size_t room = MAX(folder->room * 2, 64);
		const char **more = realloc(folder->entries, room * sizeof(*more));

		if (!more)
			return err_set(err, ERR_NO_MEMORY, "no memory for the names of a folder");
		folder->entries = more;
		folder->room = room;
	}
	folder->entries[folder->count++] = text;
	return 0;
}

static bool is_folder(int dir, const struct dirent *entry)
{
	struct stat stat;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return fstatat(dir, entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(stat.st_mode);
}

/* ---- what is wanted ---- */

/* Adds to the walk's name; the length before, for name_cut(). */
static size_t name_grow(struct walk *walk, const char *entry, const char *slash)
{
	size_t before = walk->name_len;

	walk->name_len += (size_t)snprintf(walk->name + before, sizeof(walk->name) - before, "%s%s",
					   entry, slash);
	return before;
}

static void name_cut(struct walk *walk, size_t len)
{
	walk->name_len = len;
	walk->name[len] = '\0';
}

static bool begins_with(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* Of a folder in the one that is read; its name ends in '/'. */
static bool folder_is_wanted(struct walk *walk)
{
	bool reaches;

	if (walk->depth + 1 >= FILE_DEPTH_MAX)
		return false;
	if (walk->pattern) {
		walk->name[walk->name_len - 1] = '\0';
		reaches = files_pattern_reaches(walk->pattern, walk->name);
		walk->name[walk->name_len - 1] = '/';
		return reaches;
	}
	return (begins_with(walk->name, walk->prefix) || begins_with(walk->prefix, walk->name)) &&
	       (begins_with(walk->after, walk->name) || strcmp(walk->name, walk->after) > 0);
}

static bool file_is_wanted(const struct walk *walk)
{
	if (walk->pattern)
		return files_pattern_matches(walk->pattern, walk->name);
	return begins_with(walk->name, walk->prefix) && strcmp(walk->name, walk->after) > 0;
}

static int entry_offer(struct walk *walk, struct folder *folder, const char *name, bool is_folder)
{
	size_t before = name_grow(walk, name, is_folder ? "/" : "");
	bool wanted = is_folder ? folder_is_wanted(walk) : file_is_wanted(walk);

	name_cut(walk, before);
	return wanted ? entry_add(folder, name, is_folder, walk->err) : 0;
}

/* ---- walking ---- */

/* What is wanted of an open folder. */
static int folder_read(struct walk *walk, DIR *dir, struct folder *folder)
{
	struct dirent *entry;
	struct err ignored;

	while ((errno = 0, entry = readdir(dir)) != NULL) {
		size_t len = strlen(entry->d_name);

		if (files_name_check(entry->d_name, len, &ignored) ||
		    walk->name_len + len > FILE_NAME_BYTES_MAX)
			continue;
		if (++walk->looked_at > FILES_LOOKED_AT_MAX)
			return err_set(walk->err, ERR_LIMIT, "more than %d names to look at",
				       FILES_LOOKED_AT_MAX);
		if (entry_offer(walk, folder, entry->d_name, is_folder(dirfd(dir), entry)))
			return -1;
	}
	return errno ? files_errno(walk->err, walk->name, errno) : 0;
}

/* False: gone meanwhile, no regular file, a link that leads out, or behind a mapped folder. */
static bool file_look(const struct walk *walk, int dir, const char *entry, struct stat *ret_stat)
{
	const char *path;
	const struct file_root *root = files_root(walk->files, walk->name, &path);
	int fd;

	if (*path == '\0' || fstatat(dir, entry, ret_stat, AT_SYMLINK_NOFOLLOW))
		return false;
	if (S_ISLNK(ret_stat->st_mode)) {
		fd = root_open(root, path, O_PATH);
		if (fd < 0)
			return false;
		if (fstat(fd, ret_stat))
			ret_stat->st_mode = 0;
		close(fd);
	}
	return S_ISREG(ret_stat->st_mode);
}

static int file_meet(struct walk *walk, int dir, const char *entry)
{
	struct file_version version;
	struct stat stat;

	if (!file_look(walk, dir, entry, &stat))
		return WALK_ON;
	if (walk->pattern && walk->found_count == FILES_FOUND_MAX)
		return err_set(walk->err, ERR_LIMIT, "more than %d files match '%s'",
			       FILES_FOUND_MAX, walk->pattern);
	walk->found_count++;
	file_version_of(&stat, &version);
	return walk->found(walk->ctx, walk->name, &version) ? WALK_ON : WALK_STOP;
}

static int folder_walk(struct walk *walk);

static int entry_walk(struct walk *walk, int dir, const char *entry)
{
	size_t before = name_grow(walk, entry, "");
	bool is_folder = entry[strlen(entry) - 1] == '/';
	int rc;

	walk->depth++;
	rc = is_folder ? folder_walk(walk) : file_meet(walk, dir, entry);
	walk->depth--;
	name_cut(walk, before);
	return rc;
}

static int entries_walk(struct walk *walk, DIR *dir)
{
	struct folder folder = {.arena = ARENA(FILES_FOLDER_BYTES_MAX)};
	int rc = folder_read(walk, dir, &folder);

	/* Mapped folders stand at the top, whatever the tree has under their names. */
	for (unsigned i = 0; rc == 0 && walk->depth == 0 && i < walk->files->mapped_count; i++)
		rc = entry_offer(walk, &folder, walk->files->mapped[i].name, true);
	if (rc == 0 && folder.count > 0)
		qsort(folder.entries, folder.count, sizeof(folder.entries[0]), entry_compare);
	for (size_t i = 0; rc == WALK_ON && i < folder.count; i++)
		if (i == 0 || strcmp(folder.entries[i - 1], folder.entries[i]) != 0)
			rc = entry_walk(walk, dirfd(dir), folder.entries[i]);
	arena_done(&folder.arena);
	free(folder.entries);
	return rc;
}

/* walk->name: the folder's, "" or ending in '/'. */
static int folder_walk(struct walk *walk)
{
	const struct file_root *root;
	const char *path;
	char folder[FILE_NAME_BYTES_MAX + 2];
	DIR *dir;
	int fd, rc;

	root = files_root(walk->files, walk->name, &path);
	snprintf(folder, sizeof(folder), "%.*s", (int)MAX(strlen(path), 1) - 1, path);
	fd = root_open(root, folder, O_RDONLY | O_DIRECTORY);
	dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir && fd >= 0)
		close(fd);
	if (!dir && (errno == ENOENT || errno == ENOTDIR || errno == EACCES || errno == ELOOP))
		return WALK_ON; /* gone meanwhile, or not for us */
	if (!dir)
		return files_errno(walk->err, walk->name, errno);
	rc = entries_walk(walk, dir);
	closedir(dir);
	return rc;
}

/* Begins at the last folder that `text` names in full. */
static int walk_from(struct walk *walk, const char *text, size_t len)
{
	while (len > 0 && text[len - 1] != '/')
		len--;
	memcpy(walk->name, text, len);
	walk->name_len = len;
	for (size_t i = 0; i < len; i++)
		walk->depth += text[i] == '/';
	return folder_walk(walk) < 0 ? -1 : 0;
}

int files_glob(const struct files *files, const char *pattern, file_found_fn *found, void *ctx,
	       struct err *err)
{
	struct walk walk = {
		.files = files, .pattern = pattern, .found = found, .ctx = ctx, .err = err};

	if (files_pattern_check(pattern, strlen(pattern), err))
		return -1;
	return walk_from(&walk, pattern, strcspn(pattern, "*?["));
}

int files_list(const struct files *files, const char *prefix, const char *after,
	       file_found_fn *found, void *ctx, struct err *err)
{
	struct walk walk = {.files = files,
			    .prefix = prefix,
			    .after = after,
			    .found = found,
			    .ctx = ctx,
			    .err = err};
	size_t len = strlen(prefix);

	/* "logs/" is no name, but what it begins with is one. */
	if (len > 0 && files_name_check(prefix, len - (prefix[len - 1] == '/'), err))
		return -1;
	return walk_from(&walk, prefix, len);
}
