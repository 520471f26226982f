/* SPDX-License-Identifier: MIT */
/* upload.c - from the first byte to the name.
 *
 *   1. upload_begin() claims the resumable place of the name (a slot), or makes a file of
 *      its own beside it, and reserves room: what was begun does not fail for room later;
 *   2. upload_write() writes and sums up; what came is on its way to the disk meanwhile, so
 *      that the fsync at the end is short;
 *   3. upload_finish() compares sums, syncs, and gives the name (files_place.c).
 *
 * Failure modes
 *   given up, crash in 1, 2   a slot stays and can be gone on with; any other file is removed,
 *                             here or at the next start
 *   crash in 3                the name has the old version or the new one
 *   wrong sum                 the bytes of this order are cut off again
 */
#include "base/upload.h"

#include "base/files_inside.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { READ_BYTES = 256 * 1024 };

struct sums {
	struct sha256_ctx sha256;
	struct sha512_ctx sha512;
	bool both;
};

struct upload {
	struct files *files;
	struct upload *next; /* guarded by files->lock */
	char name[FILE_NAME_BYTES_MAX + 1];
	char temp[FILES_TEMP_MAX]; /* in the hidden folder */
	int fd;
	bool keeps;	    /* unfinished, it stays */
	bool opened;	    /* there is a file */
	bool placed;	    /* it has the name */
	int64_t start, end; /* offsets: of this order's first byte, behind the last one written */
	int64_t bytes;	    /* ordered; -1: not known */
	bool whole;	    /* the last byte is among those of this order */
	int64_t taken;	    /* of the quota */
	int64_t flushed;    /* up to there on its way to the disk */
	struct sums sums;   /* of this order's bytes */
};

/* ---- sums ---- */

static void sums_init(struct sums *sums, bool both)
{
	sums->both = both;
	sha256_init(&sums->sha256);
	sha512_init(&sums->sha512);
}

static void sums_add(struct sums *sums, const void *bytes, size_t len)
{
	sha256_update(&sums->sha256, len, bytes);
	if (sums->both)
		sha512_update(&sums->sha512, len, bytes);
}

static int sum_compare(const char *what, const uint8_t *wanted, const uint8_t *found, size_t len,
		       struct err *err)
{
	char hex[2 * FILE_SUM_BYTES + 1];

	if (!wanted || memcmp(wanted, found, len) == 0)
		return 0;
	for (size_t i = 0; i < FILE_SUM_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", found[i]);
	return err_set(err, ERR_DIGEST, "%s that arrived is %s%s in hexadecimal", what, hex,
		       len > FILE_SUM_BYTES ? "…" : "");
}

/* Ends the sums; the SHA-256 is handed out. */
static int sums_check(struct sums *sums, const char *what[2], const uint8_t *sha256,
		      const uint8_t *sha512, uint8_t ret_sha256[FILE_SUM_BYTES], struct err *err)
{
	uint8_t found[FILE_SUM512_BYTES];

	assert(!sha512 || sums->both);
	sha512_digest(&sums->sha512, sizeof(found), found);
	sha256_digest(&sums->sha256, FILE_SUM_BYTES, ret_sha256);
	if (sum_compare(what[0], sha256, ret_sha256, FILE_SUM_BYTES, err))
		return -1;
	return sum_compare(what[1], sha512, found, sizeof(found), err);
}

/* ---- beginning ---- */

static bool slot_is_busy_locked(const struct files *files, const char *slot) REQUIRES(files->lock)
{
	for (const struct upload *at = files->uploads; at; at = at->next)
		if (strcmp(at->temp, slot) == 0)
			return true;
	return false;
}

/* Chooses the place, which is then nobody else's. */
static int upload_enter(struct upload *upload, const struct upload_order *order, struct err *err)
{
	struct files *files = upload->files;
	char slot[FILES_TEMP_MAX];
	bool full, busy;

	files_slot(order->name, slot);
	lock_take(&files->lock);
	full = files->uploads_count == FILES_UPLOADS_MAX;
	busy = slot_is_busy_locked(files, slot);
	upload->keeps = order->ranged || (order->resumable && !busy);
	if (!full && !(busy && order->ranged)) {
		snprintf(upload->temp, sizeof(upload->temp), "%s", slot);
		if (!upload->keeps)
			snprintf(upload->temp + FILES_SLOT_LEN,
				 sizeof(upload->temp) - FILES_SLOT_LEN, ".%" PRIu64,
				 files->uploads_made++);
		upload->next = files->uploads;
		files->uploads = upload;
		files->uploads_count++;
	}
	lock_drop(&files->lock);
	if (full)
		return err_set(err, ERR_TOO_MANY_REQUESTS, "%d uploads are under way already",
			       FILES_UPLOADS_MAX);
	if (busy && order->ranged)
		return err_set(err, ERR_CONFLICT, "another upload of '%s' is under way",
			       order->name);
	return 0;
}

static void upload_leave(struct upload *upload)
{
	struct files *files = upload->files;

	lock_take(&files->lock);
	for (struct upload **at = &files->uploads; *at; at = &(*at)->next) {
		if (*at == upload) {
			*at = upload->next;
			files->uploads_count--;
			break;
		}
	}
	lock_drop(&files->lock);
}

/* Opens the place, empty or with the bytes to go on behind. */
static int upload_open(struct upload *upload, const struct upload_order *order, struct err *err)
{
	int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | (upload->start > 0 ? 0 : O_CREAT);
	struct stat stat;

	upload->fd = openat(upload->files->uploads_fd, upload->temp, flags, 0600);
	if (upload->fd < 0 && errno == ENOENT && upload->start > 0)
		return err_set(err, ERR_CONFLICT, "no upload of '%s' is there to go on with",
			       order->name);
	if (upload->fd < 0)
		return files_errno(err, order->name, errno);
	if (fstat(upload->fd, &stat))
		return files_errno(err, order->name, errno);
	upload->taken = stat.st_size; /* counted when it was left */
	if (upload->start > 0 && stat.st_size != upload->start) {
		upload->end = stat.st_size;
		return err_set(err, ERR_CONFLICT,
			       "the upload of '%s' goes on at %" PRId64 ", not at %" PRId64,
			       order->name, (int64_t)stat.st_size, upload->start);
	}
	if (upload->start == 0 && ftruncate(upload->fd, 0))
		return files_errno(err, order->name, errno);
	(void)futimens(upload->fd, NULL); /* it is not old any more */
	return 0;
}

/* So that it does not end in the middle for want of room. */
static int upload_reserve(struct upload *upload, struct err *err)
{
	int64_t more = MAX(upload->bytes, 0);

	if (files_room_check(upload->files, more, err) || files_room_take(upload->files, more, err))
		return -1;
	upload->taken += more;
	if (more >= FILES_FLUSH_BYTES &&
	    fallocate(upload->fd, FALLOC_FL_KEEP_SIZE, upload->start, more) &&
	    (errno == ENOSPC || errno == EDQUOT))
		return files_errno(err, upload->name, errno);
	return 0;
}

static struct upload *upload_new(struct files *files, const struct upload_order *order,
				 struct err *err)
{
	struct upload *upload = calloc(1, sizeof(*upload));

	if (!upload) {
		err_set(err, ERR_NO_MEMORY, "no memory for an upload");
		return NULL;
	}
	*upload = (struct upload){
		.files = files,
		.fd = -1,
		.start = order->offset,
		.end = order->offset,
		.flushed = order->offset,
		.bytes = order->bytes,
		.whole = !order->ranged || order->offset + order->bytes == order->total,
	};
	snprintf(upload->name, sizeof(upload->name), "%s", order->name);
	sums_init(&upload->sums, order->sha512);
	if (upload_enter(upload, order, err) == 0)
		return upload;
	free(upload);
	return NULL;
}

int upload_begin(struct files *files, const struct upload_order *order, struct upload **ret_upload,
		 struct err *err)
{
	struct upload *upload;

	assert(order->offset >= 0 && (order->ranged || order->offset == 0));
	assert(order->bytes >= 0 || (!order->resumable && !order->ranged));
	if (files_writable(files, order->name, err))
		return -1;
	files_room_sweep(files);
	upload = upload_new(files, order, err);
	if (!upload)
		return -1;
	if (upload_open(upload, order, err) == 0 && upload_reserve(upload, err) == 0) {
		*ret_upload = upload;
		return 0;
	}
	upload_free(upload);
	return -1;
}

/* ---- writing ---- */

static int bytes_write(int fd, const char *bytes, size_t len, int64_t offset)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, bytes, len, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		bytes += n;
		offset += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The room for bytes that nobody announced. */
static int unknown_take(struct upload *upload, size_t len, struct err *err)
{
	if (upload->bytes >= 0)
		return 0;
	if (files_room_take(upload->files, (int64_t)len, err))
		return -1;
	upload->taken += (int64_t)len;
	return 0;
}

int upload_write(struct upload *upload, const void *bytes, size_t len, struct err *err)
{
	int64_t written = upload->end - upload->start;

	assert(upload->bytes < 0 || (int64_t)len <= upload->bytes - written);
	if (unknown_take(upload, len, err))
		return -1;
	if (bytes_write(upload->fd, bytes, len, upload->end))
		return files_errno(err, upload->name, errno);
	sums_add(&upload->sums, bytes, len);
	upload->end += (int64_t)len;
	if (upload->end - upload->flushed < FILES_FLUSH_BYTES)
		return 0;
	(void)sync_file_range(upload->fd, upload->flushed, upload->end - upload->flushed,
			      SYNC_FILE_RANGE_WRITE);
	upload->flushed = upload->end;
	return upload->bytes < 0 ? files_room_check(upload->files, 0, err) : 0;
}

/* ---- finishing ---- */

/* The sums of bytes that came with several orders. */
static int file_sum(struct upload *upload, struct sums *sums, struct err *err)
{
	char *chunk = malloc(READ_BYTES);
	int64_t at = 0;
	ssize_t n = 1;

	if (!chunk)
		return err_set(err, ERR_NO_MEMORY, "no memory to sum up '%s'", upload->name);
	while (at < upload->end && n > 0) {
		n = pread(upload->fd, chunk, READ_BYTES, at);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			sums_add(sums, chunk, (size_t)n), at += n;
	}
	free(chunk);
	return at == upload->end ? 0 : files_errno(err, upload->name, n < 0 ? errno : EIO);
}

/* A digest ends its context, so the whole, which may be the same bytes, has a copy. */
static int part_check(struct upload *upload, const struct upload_check *check, struct err *err)
{
	static const char *what[] = {"Content-Digest: the SHA-256 of the body",
				     "Content-Digest: the SHA-512 of the body"};
	struct sums sums = upload->sums;
	uint8_t sha256[FILE_SUM_BYTES];

	return sums_check(&sums, what, check->part_sha256, check->part_sha512, sha256, err);
}

static int whole_check(struct upload *upload, const struct upload_check *check,
		       uint8_t ret_sha256[FILE_SUM_BYTES], struct err *err)
{
	static const char *what[] = {"Repr-Digest: the SHA-256 of all",
				     "Repr-Digest: the SHA-512 of all"};
	struct sums sums = upload->sums;

	if (upload->start > 0) {
		sums_init(&sums, check->whole_sha512 != NULL);
		if (file_sum(upload, &sums, err))
			return -1;
	}
	return sums_check(&sums, what, check->whole_sha256, check->whole_sha512, ret_sha256, err);
}

static int upload_sync(struct upload *upload, const uint8_t sha256[FILE_SUM_BYTES], struct err *err)
{
	struct timespec times[2];

	/* The time makes the version, and the kernel's own is as coarse as its tick. */
	clock_gettime(CLOCK_REALTIME, &times[0]);
	times[1] = times[0];
	if (futimens(upload->fd, times))
		return files_errno(err, upload->name, errno);
	file_sum_write(upload->fd, sha256);
	return fsync(upload->fd) ? files_errno(err, upload->name, errno) : 0;
}

static int upload_place(struct upload *upload, const struct upload_check *check,
			struct upload_done *ret_done, struct err *err)
{
	struct files *files = upload->files;
	struct stat stat;

	if (upload_sync(upload, ret_done->sha256, err) ||
	    files_give(files, files->uploads_fd, upload->temp, upload->name, &check->condition,
		       &ret_done->created, err))
		return -1;
	upload->placed = true;
	if (fstat(upload->fd, &stat))
		return files_errno(err, upload->name, errno);
	file_version_of(&stat, &ret_done->version);
	return 0;
}

int upload_finish(struct upload *upload, const struct upload_check *check,
		  struct upload_done *ret_done, struct err *err)
{
	assert(upload->bytes < 0 || upload->end - upload->start == upload->bytes);
	*ret_done = (struct upload_done){.whole = upload->whole, .offset = upload->end};
	if (part_check(upload, check, err)) {
		upload->end = upload->start; /* as if it had not come */
		return -1;
	}
	if (!upload->whole)
		return 0;
	upload->keeps = false;
	if (whole_check(upload, check, ret_done->sha256, err))
		return -1;
	return upload_place(upload, check, ret_done, err);
}

/* Removes what has no name and cannot be gone on with; how many bytes stay. */
static int64_t upload_settle(struct upload *upload)
{
	if (upload->placed)
		return upload->end;
	/* Cut to its own size it gives back what was reserved. */
	if (upload->keeps && upload->end > 0 && ftruncate(upload->fd, upload->end) == 0)
		return upload->end;
	unlinkat(upload->files->uploads_fd, upload->temp, 0);
	return 0;
}

void upload_free(struct upload *upload)
{
	if (!upload)
		return;
	if (upload->fd >= 0) {
		files_room_give(upload->files, upload->taken - upload_settle(upload));
		close(upload->fd);
	}
	upload_leave(upload);
	free(upload);
}

/* ---- what is unfinished ---- */

int upload_left(const struct files *files, const char *name, int64_t *ret_bytes, struct err *err)
{
	char slot[FILES_TEMP_MAX];
	struct stat stat;

	if (files_name_check(name, strlen(name), err))
		return -1;
	files_slot(name, slot);
	if (fstatat(files->uploads_fd, slot, &stat, AT_SYMLINK_NOFOLLOW))
		return err_set(err, ERR_NOT_FOUND, "no upload of '%s' has been left unfinished",
			       name);
	*ret_bytes = stat.st_size;
	return 0;
}

int upload_forget(struct files *files, const char *name, struct err *err)
{
	struct upload_order order = {.name = name, .ranged = true, .total = -1};
	struct upload *upload;
	int64_t bytes = 0;

	if (upload_left(files, name, &bytes, err))
		return -1;
	upload = upload_new(files, &order, err); /* from here on nobody goes on with it */
	if (!upload)
		return -1;
	if (unlinkat(files->uploads_fd, upload->temp, 0) == 0)
		files_room_give(files, bytes);
	upload_free(upload);
	return 0;
}
