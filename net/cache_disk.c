/* SPDX-License-Identifier: MIT */
/* cache_disk.c - reads, writes, names.  Called by the thread of cache.c.
 *
 * Failure modes of a write: no room is left (the store needs what there is), any call
 * fails: the unfinished file goes, and the entry is not stored.
 */
#include "net/cache_disk.h"

#include "base/limits.h"
#include "net/cache_entry.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { KEY_DIGITS = 32, NAME_BYTES = 3 + KEY_DIGITS + 1, FOLDERS = 256 };

static const char unfinished[] = "new";

/* "5f/5f3c…" */
static void name_of(const struct cache_key *key, char name[NAME_BYTES])
{
	snprintf(name, NAME_BYTES, "%02x/%016" PRIx64 "%016" PRIx64, (unsigned)(key->url >> 56),
		 key->url, key->who);
}

int cache_disk_open(struct cache_disk *disk, const char *dir, struct err *err)
{
	if (mkdir(dir, 0700) && errno != EEXIST)
		return err_set_errno(err, ERR_IO, errno, "cannot make %s", dir);
	disk->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (disk->dir < 0)
		return err_set_errno(err, ERR_IO, errno, "cannot open %s", dir);
	return 0;
}

void cache_disk_close(struct cache_disk *disk)
{
	close(disk->dir);
}

uint32_t cache_disk_bytes(size_t len)
{
	size_t blocks = (len + CACHE_BLOCK_BYTES - 1) / CACHE_BLOCK_BYTES;

	return (uint32_t)MIN(blocks * CACHE_BLOCK_BYTES, UINT32_MAX);
}

/* ---- what is there ---- */

struct found {
	struct cache_key key;
	uint32_t bytes;
	int64_t used_s;
};

struct found_list {
	struct found *list;
	size_t count, room;
};

/* False: not the name of an entry. */
static bool key_read(const char *name, struct cache_key *ret)
{
	char half[KEY_DIGITS / 2 + 1] = {0};

	if (strspn(name, "0123456789abcdef") != KEY_DIGITS || name[KEY_DIGITS])
		return false;
	memcpy(half, name, KEY_DIGITS / 2);
	ret->url = strtoull(half, NULL, 16);
	ret->who = strtoull(name + KEY_DIGITS / 2, NULL, 16);
	return true;
}

static bool found_add(struct found_list *found, const struct found *one)
{
	if (found->count == found->room) {
		size_t room = found->room ? found->room * 2 : 1024;
		struct found *list = realloc(found->list, room * sizeof(*list));

		if (!list)
			return false;
		found->list = list;
		found->room = room;
	}
	found->list[found->count++] = *one;
	return true;
}

/* Files that are more than the cache ever holds, or than there is memory for, go. */
static void folder_scan(int folder, struct found_list *found)
{
	DIR *dir = fdopendir(folder);
	struct dirent *file;

	if (!dir) {
		close(folder);
		return;
	}
	while ((file = readdir(dir))) {
		struct found one;
		struct stat stat;

		if (!key_read(file->d_name, &one.key) ||
		    fstatat(folder, file->d_name, &stat, AT_SYMLINK_NOFOLLOW))
			continue;
		one.bytes = cache_disk_bytes((size_t)stat.st_size);
		one.used_s = stat.st_mtim.tv_sec;
		if (found->count == CACHE_ENTRIES_MAX || !found_add(found, &one))
			unlinkat(folder, file->d_name, 0);
	}
	closedir(dir);
}

static int found_order(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return (x->used_s > y->used_s) - (x->used_s < y->used_s);
}

void cache_disk_scan(struct cache_disk *disk,
		     void (*file)(void *ctx, const struct cache_key *key, uint32_t bytes),
		     void *ctx)
{
	struct found_list found = {0};

	unlinkat(disk->dir, unfinished, 0);
	for (unsigned i = 0; i < FOLDERS; i++) {
		char name[3];
		int folder;

		snprintf(name, sizeof(name), "%02x", i);
		folder = openat(disk->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (folder >= 0)
			folder_scan(folder, &found);
	}
	if (found.count > 0)
		qsort(found.list, found.count, sizeof(*found.list), found_order);
	for (size_t i = 0; i < found.count; i++)
		file(ctx, &found.list[i].key, found.list[i].bytes);
	free(found.list);
}

/* ---- one file ---- */

static int read_all(int fd, char *into, size_t len)
{
	while (len > 0) {
		ssize_t n = read(fd, into, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		into += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_all(int fd, const char *from, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, from, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		from += n;
		len -= (size_t)n;
	}
	return 0;
}

struct cache_entry *cache_disk_read(struct cache_disk *disk, const struct cache_key *key)
{
	struct cache_entry *entry = NULL;
	char name[NAME_BYTES];
	char *bytes = NULL;
	struct stat stat;
	int fd;

	name_of(key, name);
	fd = openat(disk->dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	if (fstat(fd, &stat) == 0 && stat.st_size > 0 && stat.st_size <= CACHE_FILE_BYTES_MAX)
		bytes = malloc((size_t)stat.st_size);
	if (bytes && read_all(fd, bytes, (size_t)stat.st_size) == 0)
		entry = cache_entry_read(bytes, (size_t)stat.st_size);
	if (entry)
		futimens(fd, NULL); /* used now: the order after a restart */
	else
		cache_disk_remove(disk, key);
	free(bytes);
	close(fd);
	return entry;
}

static bool disk_has_room(const struct cache_disk *disk)
{
	struct statvfs stat;

	return fstatvfs(disk->dir, &stat) == 0 &&
	       (uint64_t)stat.f_bavail * stat.f_frsize >= CACHE_DISK_FREE_BYTES_MIN;
}

static int folder_make(struct cache_disk *disk, const char *name)
{
	char folder[3];

	snprintf(folder, sizeof(folder), "%.2s", name);
	return mkdirat(disk->dir, folder, 0700) && errno != EEXIST ? -1 : 0;
}

/* Gives the finished file its name. */
static int file_place(struct cache_disk *disk, const char *name)
{
	if (renameat(disk->dir, unfinished, disk->dir, name) == 0)
		return 0;
	if (errno != ENOENT || folder_make(disk, name))
		return -1;
	return renameat(disk->dir, unfinished, disk->dir, name);
}

static int file_write(struct cache_disk *disk, const struct buf *bytes, const char *name)
{
	int fd = openat(disk->dir, unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int rc;

	if (fd < 0)
		return -1;
	rc = write_all(fd, bytes->data, bytes->len);
	if (close(fd))
		rc = -1;
	if (rc == 0)
		rc = file_place(disk, name);
	if (rc)
		unlinkat(disk->dir, unfinished, 0);
	return rc;
}

int cache_disk_write(struct cache_disk *disk, const struct cache_key *key,
		     const struct cache_entry *entry)
{
	struct buf bytes = BUF(CACHE_FILE_BYTES_MAX);
	char name[NAME_BYTES];
	int rc = -1;

	name_of(key, name);
	if (disk_has_room(disk) && cache_entry_write(entry, &bytes) == 0)
		rc = file_write(disk, &bytes, name);
	buf_done(&bytes);
	return rc;
}

void cache_disk_remove(struct cache_disk *disk, const struct cache_key *key)
{
	char name[NAME_BYTES];

	name_of(key, name);
	unlinkat(disk->dir, name, 0);
}
