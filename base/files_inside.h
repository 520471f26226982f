/* SPDX-License-Identifier: MIT */
/* files_inside.h - struct files as files*.c and upload*.c share it.
 *
 * Nobody else includes this.
 */
#ifndef BASE_FILES_INSIDE_H
#define BASE_FILES_INSIDE_H

#include "base/files.h"
#include "base/limits.h"
#include "base/lock.h"

#include <sys/stat.h>

struct upload;
struct upload_done;

/* A folder that names are resolved beneath. */
struct file_root {
	char *name; /* of a mapped one; NULL: our own tree */
	int fd;
};

struct files {
	struct file_root own;
	struct file_root mapped[FILE_FOLDERS_MAX]; /* sorted by name */
	unsigned mapped_count;
	int64_t quota_bytes;
	int uploads_fd; /* the hidden folder of the tree */

	struct lock naming; /* LOCK_FILES: the tree's names; only system calls are made under it */

	struct lock lock; /* LOCK_LEAF */
	struct upload *uploads GUARDED_BY(lock);
	unsigned uploads_count GUARDED_BY(lock);
	uint64_t uploads_made GUARDED_BY(lock);
	int64_t swept_ms GUARDED_BY(lock);
	int64_t used_bytes GUARDED_BY(lock); /* with a quota: of the tree, hidden folder and all */
};

/* ---- files.c ---- */

/* Where a name is resolved, and the path beneath it: never NULL, `*ret_path` may be "". */
const struct file_root *files_root(const struct files *files, const char *name,
				   const char **ret_path);

/* openat(2) that cannot leave the root; -1 and errno.  path "": the root itself. */
int root_open(const struct file_root *root, const char *path, int flags);
/* The same a segment at a time, with no symbolic link; for kernels without openat2(2). */
int root_open_stepwise(const struct file_root *root, const char *path, int flags);

/* The folder that a path lies in, and its last segment there. */
int root_open_folder(const struct file_root *root, const char *path, const char **ret_base);

/* The error for an errno about a named file; returns -1. */
int files_errno(struct err *err, const char *name, int errno_value);

/* ---- files_name.c ---- */

/* Can files of that folder, or of one below it, match the pattern? */
bool files_pattern_reaches(const char *pattern, const char *folder);

/* ---- files_place.c ---- */

/* A name that may be written: good, and in our own tree. */
int files_writable(const struct files *files, const char *name, struct err *err);

/* Renames `from` in the folder `from_fd` to the name. */
int files_give(struct files *files, int from_fd, const char *from, const char *name,
	       const struct file_condition *condition, bool *ret_created, struct err *err);

/* Keeps the sum with the file, for file_sum_read(); where the file system can. */
void file_sum_write(int fd, const uint8_t sha256[FILE_SUM_BYTES]);

/* ---- files_room.c ---- */

/* Makes the hidden folder, removes what a dead daemon left there, counts what there is. */
int files_room_open(struct files *files, const char *dir, struct err *err);
/* Removes unfinished uploads that are too old; looks about once an hour. */
void files_room_sweep(struct files *files);
/* The place of the resumable upload of a name, in the hidden folder. */
enum { FILES_SLOT_LEN = 32, FILES_TEMP_MAX = 64 };
void files_slot(const char *name, char slot[FILES_TEMP_MAX]);

/* Takes bytes of the quota: ERR_DISK_FULL; gives them back. */
int files_room_take(struct files *files, int64_t bytes, struct err *err);
void files_room_give(struct files *files, int64_t bytes);
/* Will the disk have its floor after so many more? */
int files_room_check(const struct files *files, int64_t bytes, struct err *err);

#endif
