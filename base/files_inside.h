/* SPDX-License-Identifier: MIT */
/* files_inside.h - struct files as files*.c and upload.c share it.
 *
 * Nobody else includes this.
 */
#ifndef BASE_FILES_INSIDE_H
#define BASE_FILES_INSIDE_H

#include "base/files.h"
#include "base/limits.h"
#include "base/lock.h"

#include <sys/stat.h>

/* A folder that names are resolved beneath. */
struct file_root {
	char *name; /* of a mapped one; NULL: our own tree */
	int fd;
};

struct files {
	struct file_root own;
	struct file_root mapped[FILE_FOLDERS_MAX]; /* sorted by name */
	unsigned mapped_count;
};

/* Where a name is resolved, and the path beneath it: never NULL, `*ret_path` may be "". */
const struct file_root *files_root(const struct files *files, const char *name,
				   const char **ret_path);

/* openat(2) that cannot leave the root; -1 and errno.  path "": the root itself. */
int root_open(const struct file_root *root, const char *path, int flags);

/* The same a segment at a time, with no symbolic link; for kernels without openat2(2). */
int root_open_stepwise(const struct file_root *root, const char *path, int flags);

/* Can files of that folder, or of one below it, match the pattern? */
bool files_pattern_reaches(const char *pattern, const char *folder);

/* The error for an errno about a named file; returns -1. */
int files_errno(struct err *err, const char *name, int errno_value);

void file_version_of(const struct stat *stat, struct file_version *ret_version);

#endif
