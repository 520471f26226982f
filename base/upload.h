/* SPDX-License-Identifier: MIT */
/* upload.h - a named file, written as its bytes come: there whole, or not at all.
 *
 *   upload_begin(files, &(struct upload_order){…}, &upload, &err)
 *   upload_write(upload, bytes, len, &err)      as often as bytes come
 *   upload_finish(upload, &check, &done, &err)  sums, fsync, rename: slow
 *   upload_free(upload)                         in any case
 *
 * Bytes gather in a hidden folder of the tree.  What is given up before its end is removed,
 * but if it was `resumable` it is kept for a day, across restarts of the daemon: an order
 * with `ranged` goes on where it stopped, or adds a part of it.  Of one name there is one
 * such upload; any number of others may be under way beside it, and the last one to finish
 * has the name.
 *
 * Threads    an upload belongs to one thread at a time; several uploads may run at once.
 * Ownership  from begin to free the caller's; the name is copied.
 * Errors     0, or -1 and *err: ERR_FILE_NAME, ERR_FORBIDDEN (a mapped folder), ERR_CONFLICT
 *            (where it goes on; a folder in the way), ERR_DISK_FULL (quota too), ERR_DIGEST,
 *            ERR_PRECONDITION_FAILED, ERR_TOO_MANY_REQUESTS, ERR_IO, ERR_NO_MEMORY.
 * Locks      LOCK_FILES and LOCK_LEAF.
 */
#ifndef BASE_UPLOAD_H
#define BASE_UPLOAD_H

#include "base/files.h"

enum { FILE_SUM512_BYTES = 64 };

struct upload;

struct upload_order {
	const char *name;
	int64_t bytes;	/* that will come; -1: not known */
	bool resumable; /* needs `bytes` */
	bool ranged;	/* these are bytes from `offset` on, of `total` */
	int64_t offset; /* 0: from the beginning, whatever was left */
	int64_t total;	/* -1: not known, so these are not the last */
	bool sha512;	/* will be asked for, besides SHA-256 */
};

/* What must be so; NULL: not asked. */
struct upload_check {
	const uint8_t *part_sha256, *part_sha512;   /* of the bytes of this order */
	const uint8_t *whole_sha256, *whole_sha512; /* of the file */
	struct file_condition condition;	    /* when the name is given */
};

struct upload_done {
	bool whole;	/* the file has its name; else more has to come */
	bool created;	/* the name is new */
	int64_t offset; /* so many bytes are there */
	struct file_version version;
	uint8_t sha256[FILE_SUM_BYTES]; /* of the whole, when it is */
};

/* Room for all bytes that are known to come is reserved. */
int upload_begin(struct files *files, const struct upload_order *order, struct upload **ret_upload,
		 struct err *err);
/* More bytes than were ordered are our bug (assert). */
int upload_write(struct upload *upload, const void *bytes, size_t len, struct err *err);
/* After all bytes.  After ERR_DIGEST nothing of this order is kept. */
int upload_finish(struct upload *upload, const struct upload_check *check,
		  struct upload_done *ret_done, struct err *err);
void upload_free(struct upload *upload); /* NULL is fine */

/* How many bytes of an unfinished resumable upload are there.  ERR_NOT_FOUND. */
int upload_left(const struct files *files, const char *name, int64_t *ret_bytes, struct err *err);
/* Removes them.  ERR_CONFLICT: it is under way. */
int upload_forget(struct files *files, const char *name, struct err *err);

#endif
