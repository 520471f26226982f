/* SPDX-License-Identifier: MIT */
/* files.h - a tree of named files, and folders that an operator maps into it.
 *
 * A name is a path below the tree's folder, `logs/2026/a.ndjson.gz`, and can never lead
 * out of it: names are checked as texts first, and the kernel resolves them beneath that
 * folder, in our own tree without symbolic links, in a mapped folder with such links only
 * as stay inside.  A name whose first segment is a mapped folder's is looked up there, and
 * there nothing is written.
 *
 * A file is replaced by a rename: who has it open goes on reading the version that it
 * opened.  Who opens the same name later compares versions, or had it pinned.
 * Writing as bytes come is upload.h's.
 *
 * Threads    every function from any thread.
 * Ownership  descriptors handed out are the caller's to close; names in callbacks are
 *            borrowed until it returns.
 * Errors     0, or -1 and *err: ERR_FILE_NAME (no name at all), ERR_NOT_FOUND, ERR_CONFLICT
 *            (a folder where a file should be, or the reverse), ERR_FORBIDDEN (a mapped
 *            folder is read-only), ERR_LIMIT, ERR_IO, ERR_NO_MEMORY.
 * Units      _ns since 1970-01-01T00:00:00Z, by the clock of the file system.
 */
#ifndef BASE_FILES_H
#define BASE_FILES_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct files;
struct stat;

struct files_config {
	const char *dir;	    /* of the tree; made when absent */
	const char *const *folders; /* "name=path" of mapped ones, NULL-ended; NULL: none */
	const char *private_dir;    /* what no mapped folder may hold or stand in; NULL: nothing */
	int64_t quota_bytes;	    /* of the tree, without mapped folders; 0: what the disk has */
};

int files_new(const struct files_config *config, struct files **ret_files, struct err *err);
void files_free(struct files *files); /* NULL is fine; no descriptor is needed any more */

/* ---- names ---- */

/* Is this the name of a file?  UTF-8, segments between slashes that are neither empty nor
 * begin with a dot, no control characters or backslashes; at most FILE_NAME_BYTES_MAX in all,
 * FILE_SEGMENT_BYTES_MAX in a segment, FILE_DEPTH_MAX segments.  ERR_FILE_NAME says what is
 * wrong and where. */
int files_name_check(const char *name, size_t len, struct err *err);
/* The same for a pattern: `*` and `?` within a segment, `[a-z]` and `[!a-z]`, `**` as a segment
 * for any number of folders, none too. */
int files_pattern_check(const char *pattern, size_t len, struct err *err);
/* Does the pattern match?  Both are good. */
bool files_pattern_matches(const char *pattern, const char *name);

/* ---- reading ---- */

/* Which bytes a name stands for.  Replacing a file changes it, and so does writing into a
 * mapped one, as far as its clock and size show. */
struct file_version {
	uint64_t dev, ino;
	int64_t size, mtime_ns;
};

void file_version_of(const struct stat *stat, struct file_version *ret_version);
bool file_version_equal(const struct file_version *a, const struct file_version *b);

enum { FILE_TAG_MAX = 56, FILE_SUM_BYTES = 32 };
/* A strong entity tag, quoted (RFC 9110, section 8.8.3). */
void file_version_tag(const struct file_version *version, char tag[FILE_TAG_MAX]);

/* The version that a name stands for now; false: there is no such file. */
bool files_look(const struct files *files, const char *name, struct file_version *ret_version);

/* Is it in a mapped folder, where others may write into it? */
bool files_mapped(const struct files *files, const char *name);

/* A regular file, for pread(2) or read(2). */
int files_open(const struct files *files, const char *name, int *ret_fd,
	       struct file_version *ret_version, struct err *err);

/* The SHA-256 that a file got with its name, if its bytes are still those; false: not known. */
bool file_sum_read(int fd, const struct file_version *version, uint8_t sha256[FILE_SUM_BYTES]);

/* As files_open(), and the version stays under `pin` (a path) when the name gets another one: what
 * is there already is opened, else the file is linked there.  *ret_pinned is false where no
 * link can be (a mapped folder, another file system): compare versions then. */
int files_pin(const struct files *files, const char *name, const char *pin, int *ret_fd,
	      struct file_version *ret_version, bool *ret_pinned, struct err *err);

/* ---- naming ---- */

/* What must be so for a name to be given or taken, as If-Match and If-None-Match say it
 * (RFC 9110, 13.1): "*", or quoted tags and commas.  NULL: anything. */
struct file_condition {
	const char *match, *none_match;
};

/* ERR_PRECONDITION_FAILED says which.  version NULL: there is no such file. */
int file_condition_check(const struct file_condition *condition, const struct file_version *version,
			 struct err *err);

/* Gives the file at `path` (on the file system of the tree, synced by the caller) that name in
 * our own tree, with the folders that it needs, durably: what had the name is replaced. */
int files_adopt(struct files *files, const char *path, const char *name, struct err *err);

/* Takes the name away, and folders that hold nothing any more.  Who has the file open, or
 * pinned, keeps it. */
int files_delete(struct files *files, const char *name, const struct file_condition *condition,
		 struct err *err);

/* ---- finding ---- */

typedef bool file_found_fn(void *ctx, const char *name,
			   const struct file_version *version); /* false: no more */

/* Each file whose name matches, in the order of the names' bytes; over FILES_FOUND_MAX of
 * them, or FILES_FOLDER_BYTES_MAX of names in one folder, is ERR_LIMIT. */
int files_glob(const struct files *files, const char *pattern, file_found_fn *found, void *ctx,
	       struct err *err);

/* Each file whose name begins with `prefix` and comes after `after` ("": from the first). */
int files_list(const struct files *files, const char *prefix, const char *after,
	       file_found_fn *found, void *ctx, struct err *err);

#endif
