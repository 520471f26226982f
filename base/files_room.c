/* SPDX-License-Identifier: MIT */
/* files_room.c - how much of the disk the files may take, and what nobody will finish.
 *
 * With a quota the tree is summed up once, at start; then each upload takes what it needs
 * and gives back what it replaced.  What an operator copies in by hand counts from the next
 * start on.
 *
 * In the hidden folder stand uploads under way: `<hash of the name>` for the resumable one
 * of a name, `<hash>.<number>` for others.  After a crash of the daemon the former are good
 * as they are; after one of the machine nobody knows what reached the disk, so those older
 * than its start are removed.
 */
#include "base/clock.h"
#include "base/files_inside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum { SWEEP_MS = 3600 * 1000 };

static const char uploads_folder[] = ".uploads"; /* no name begins with a dot */

/* ---- room ---- */

int files_room_take(struct files *files, int64_t bytes, struct err *err)
{
	int64_t used;
	bool fits;

	if (files->quota_bytes == 0)
		return 0;
	lock_take(&files->lock);
	used = files->used_bytes;
	fits = bytes <= files->quota_bytes - used;
	if (fits)
		files->used_bytes += bytes;
	lock_drop(&files->lock);
	if (fits)
		return 0;
	return err_set(err, ERR_DISK_FULL,
		       "%" PRId64 " bytes more than the %" PRId64 " that are there would pass the "
		       "quota of %" PRId64 " (--files-quota)",
		       bytes, used, files->quota_bytes);
}

void files_room_give(struct files *files, int64_t bytes)
{
	lock_take(&files->lock);
	files->used_bytes -=
		MIN(bytes, files->used_bytes); /* somebody else may have removed some */
	lock_drop(&files->lock);
}

int files_room_check(const struct files *files, int64_t bytes, struct err *err)
{
	struct statvfs fs;
	int64_t free_bytes;

	if (fstatvfs(files->uploads_fd, &fs))
		return err_set_errno(err, ERR_IO, errno, "no room is known");
	free_bytes = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
	if (free_bytes - FILES_DISK_FREE_BYTES_MIN < bytes)
		return err_set(err, ERR_DISK_FULL,
			       "%" PRId64 " bytes do not fit: %" PRId64
			       " are free, of which %d MiB "
			       "stay so",
			       bytes, free_bytes, FILES_DISK_FREE_BYTES_MIN >> 20);
	if (fs.f_files > 0 && fs.f_favail < FILES_DISK_FREE_NODES_MIN)
		return err_set(err, ERR_DISK_FULL, "the disk can hold only %" PRIu64 " more files",
			       (uint64_t)fs.f_favail);
	return 0;
}

/* ---- what was left ---- */

void files_slot(const char *name, char slot[FILES_TEMP_MAX])
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx sha;

	sha256_init(&sha);
	sha256_update(&sha, strlen(name), (const uint8_t *)name);
	sha256_digest(&sha, sizeof(digest), digest);
	for (unsigned i = 0; i < FILES_SLOT_LEN / 2; i++)
		snprintf(slot + 2 * (size_t)i, 3, "%02x", digest[i]);
}

static int64_t seconds_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec;
}

static bool is_slot(const char *entry)
{
	return strlen(entry) == FILES_SLOT_LEN;
}

/* Room that was reserved behind the last byte, when a kill came in between. */
static void slot_trim(int folder, const char *slot, int64_t bytes)
{
	int fd = openat(folder, slot, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0) {
		(void)!ftruncate(fd, bytes);
		close(fd);
	}
}

/* Removes uploads older than that; all but slots, whatever their age, when `at_start`. */
static void uploads_remove(struct files *files, int64_t older_s, bool at_start)
{
	int fd = openat(files->uploads_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	struct stat stat;

	if (!dir && fd >= 0)
		close(fd);
	while (dir && (entry = readdir(dir)) != NULL) {
		bool slot = is_slot(entry->d_name);

		if (entry->d_name[0] == '.' || (!slot && !at_start) ||
		    fstatat(fd, entry->d_name, &stat, AT_SYMLINK_NOFOLLOW))
			continue;
		if (slot && stat.st_mtim.tv_sec >= older_s) {
			if (at_start)
				slot_trim(fd, entry->d_name, stat.st_size);
		} else if (unlinkat(fd, entry->d_name, 0) == 0 && !at_start) {
			files_room_give(files, stat.st_size);
		}
	}
	if (dir)
		closedir(dir);
}

void files_room_sweep(struct files *files)
{
	int64_t now_ms = clock_ms();
	bool due;

	lock_take(&files->lock);
	due = now_ms - files->swept_ms >= SWEEP_MS;
	if (due)
		files->swept_ms = now_ms;
	lock_drop(&files->lock);
	if (due)
		uploads_remove(files, seconds_of(CLOCK_REALTIME) - FILES_UPLOAD_KEPT_S, false);
}

/* ---- at start ---- */

static int64_t bytes_below(const char *dir)
{
	char *paths[] = {(char *)dir, NULL};
	FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_COMFOLLOW, NULL);
	int64_t bytes = 0;
	FTSENT *entry;

	while (walk && (entry = fts_read(walk)) != NULL)
		if (entry->fts_info == FTS_F)
			bytes += entry->fts_statp->st_size;
	if (walk)
		fts_close(walk);
	return bytes;
}

int files_room_open(struct files *files, const char *dir, struct err *err)
{
	int64_t now_s = seconds_of(CLOCK_REALTIME);
	int64_t booted_s = now_s - seconds_of(CLOCK_BOOTTIME);

	if (mkdirat(files->own.fd, uploads_folder, 0700) && errno != EEXIST)
		return err_set_errno(err, ERR_IO, errno, "cannot make %s/%s", dir, uploads_folder);
	files->uploads_fd = openat(files->own.fd, uploads_folder,
				   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (files->uploads_fd < 0)
		return err_set_errno(err, ERR_IO, errno, "cannot open %s/%s", dir, uploads_folder);
	uploads_remove(files, MAX(now_s - FILES_UPLOAD_KEPT_S, booted_s), true);
	lock_take(&files->lock);
	files->swept_ms = clock_ms();
	files->used_bytes = 0;
	lock_drop(&files->lock);
	if (files->quota_bytes > 0) {
		int64_t used = bytes_below(dir);

		lock_take(&files->lock);
		files->used_bytes = used;
		lock_drop(&files->lock);
	}
	return 0;
}
