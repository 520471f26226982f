/* SPDX-License-Identifier: MIT */
/* file_list.h - the files of an input, in the order in which they are read.
 *
 * Threads    the feed's, until it has its versions; constant then but for the cuts.
 * Ownership  a list owns its names.
 * Errors     0, or -1 and *err.
 */
#ifndef HANDLERS_INPUT_FILE_LIST_H
#define HANDLERS_INPUT_FILE_LIST_H

#include "base/files.h"
#include "handlers/input/file.h"

enum { FILE_LIST_BYTES_MAX = 256 * 1024 * 1024 }; /* FILES_FOUND_MAX names, the longest there are */

struct input_file {
	const char *name;
	struct file_version version;
	struct file_cuts cuts;
	bool twin; /* there is the same before it */
};

struct file_list {
	struct arena arena; /* of the names */
	struct input_file *files;
	size_t count, room;
	bool found;	  /* all that the plan names */
	struct lock lock; /* of all cuts */
};

void file_list_init(struct file_list *list);
void file_list_done(struct file_list *list);

/* Each name, and what matches each pattern, once.  ERR_NOT_FOUND: a pattern matches nothing. */
int file_list_find(struct file_list *list, struct files *files, const struct input_plan *plan,
		   struct err *err);

/* As text, for a checkpoint; as buf_add(). */
int file_list_pack(const struct file_list *list, struct buf *into);
int file_list_unpack(struct file_list *list, const char *text, size_t len, struct err *err);

/* What a name that is not there may have meant, added to the error. */
void file_list_hint(struct files *files, const char *name, struct err *err);

#endif
