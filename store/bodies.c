/* SPDX-License-Identifier: MIT */
/* bodies.c - bytes that are kept beside a job: DIR/bodies/<job>/<SHA-256 of them>.
 *
 *   1. a worker writes a body under another name and renames it (store_body_put),
 *   2. the commit that shows what names it says `bodies`: it goes through the results
 *      thread, which syncs the whole file system once before the writer commits.
 * So a page costs no fsync, and no committed item names a body that is not there whole.
 *
 * A folder goes with its job: it is renamed after the commit that deletes the job, and
 * emptied by the results thread, a slice at a time, when that has nothing else to do.
 *
 * Failure modes
 *   crash in 1         a file under another name, written over or removed with its job
 *   power fails        a body may be torn that no committed item names; one that is there
 *                      is compared before it is believed, and written anew
 *   crash in a delete  at the next open a folder without a job is renamed too
 */
#include "store/room.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { COMPARE_BYTES = 16 * 1024, SWEEP_FILES = 256, FILE_NAME_MAX = 64 };

static const char gone[] = "gone-"; /* a folder whose job is deleted */

static int errno_tell(struct err *err, const char *what)
{
	enum err_code code = errno == ENOSPC || errno == EDQUOT ? ERR_DISK_FULL : ERR_STORE;

	return err_set_errno(err, code, errno, "%s", what);
}

/* ---- writing ---- */

/* A descriptor of the job's folder, or -1. */
static int folder_open(const struct store *store, const struct id *id)
{
	char text[ID_TEXT_LEN + 1];

	id_format(id, text);
	return openat(store->bodies_fd, text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int folder_make(struct store *store, const struct id *id, struct err *err)
{
	char text[ID_TEXT_LEN + 1];
	int fd = folder_open(store, id);

	if (fd >= 0)
		return fd;
	id_format(id, text);
	atomic_store(&store->bodies_any, true);
	if ((errno != ENOENT || mkdirat(store->bodies_fd, text, 0700)) && errno != EEXIST)
		return errno_tell(err, "cannot make a folder for bodies");
	fd = folder_open(store, id);
	return fd >= 0 ? fd : errno_tell(err, "cannot open the folder of the job's bodies");
}

static bool bytes_equal(int fd, const char *bytes, size_t len)
{
	char chunk[COMPARE_BYTES];
	struct stat now;

	if (fstat(fd, &now) || !S_ISREG(now.st_mode) || now.st_size != (off_t)len)
		return false;
	for (size_t at = 0; at < len;) {
		ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n <= 0 || (size_t)n > len - at || memcmp(chunk, bytes + at, (size_t)n) != 0)
			return false;
		at += (size_t)n;
	}
	return true;
}

/* Is it there as it should be? */
static bool body_is_kept(int folder, const char *name, const char *bytes, size_t len)
{
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	bool kept = fd >= 0 && bytes_equal(fd, bytes, len);

	if (fd >= 0)
		close(fd);
	return kept;
}

static int bytes_write(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

/* 0, or -1 with errno. */
static int file_write(int folder, const char *under, const char *name, const char *bytes,
		      size_t len)
{
	int fd = openat(folder, under, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int failure;

	if (fd < 0)
		return -1;
	failure = bytes_write(fd, bytes, len) ? errno : 0;
	if (close(fd) && !failure)
		failure = errno;
	if (!failure && renameat(folder, under, folder, name) == 0)
		return 0;
	if (!failure)
		failure = errno;
	unlinkat(folder, under, 0);
	errno = failure;
	return -1;
}

static int body_write(struct store *store, int folder, const char *name, const char *bytes,
		      size_t len, struct err *err)
{
	char under[FILE_NAME_MAX];
	struct statvfs fs;

	if (fstatvfs(folder, &fs) == 0 &&
	    (int64_t)fs.f_bavail * (int64_t)fs.f_frsize < BODIES_DISK_FREE_BYTES_MIN + (int64_t)len)
		return err_set(err, ERR_DISK_FULL, "no room for bodies: less than %d MiB are free",
			       BODIES_DISK_FREE_BYTES_MIN >> 20);
	snprintf(under, sizeof(under), "new-%u", atomic_fetch_add(&store->bodies_new, 1));
	return file_write(folder, under, name, bytes, len) ? errno_tell(err, "cannot keep a body")
							   : 0;
}

int store_body_put(struct store *store, const struct id *id, const struct body_bytes *body,
		   int64_t room, bool *ret_new, struct err *err)
{
	int folder = folder_make(store, id, err);
	int rc = 0;

	if (folder < 0)
		return -1;
	*ret_new = !body_is_kept(folder, body->name, body->bytes, body->len);
	if (*ret_new && (int64_t)body->len > room)
		rc = err_set(err, ERR_LIMIT, "a body of %zu bytes is more than may be kept",
			     body->len);
	else if (*ret_new)
		rc = body_write(store, folder, body->name, body->bytes, body->len, err);
	close(folder);
	return rc;
}

int bodies_sync(struct store *store, struct err *err)
{
	/* The descriptor is as old as the store: no failed write escapes it. */
	if (store->config.sync && syncfs(store->bodies_fd))
		return errno_tell(err, "cannot sync bodies");
	return 0;
}

/* ---- reading ---- */

bool body_name_is_good(const char *name)
{
	return strlen(name) == BODY_NAME_LEN && strspn(name, "0123456789abcdef") == BODY_NAME_LEN;
}

int store_body_open(struct store *store, const struct id *id, const char *name, int *ret_fd,
		    int64_t *ret_bytes, struct err *err)
{
	int folder, fd = -1;
	struct stat now;

	folder = body_name_is_good(name) ? folder_open(store, id) : -1;
	if (folder >= 0) {
		fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		close(folder);
	}
	if (fd < 0 || fstat(fd, &now) || !S_ISREG(now.st_mode)) {
		if (fd >= 0)
			close(fd);
		return err_set(err, ERR_NOT_FOUND, "the job keeps no body '%.80s'", name);
	}
	*ret_fd = fd;
	*ret_bytes = now.st_size;
	return 0;
}

/* ---- going with the job ---- */

void bodies_drop(struct store *store, const char *folder)
{
	char under[FILE_NAME_MAX];

	snprintf(under, sizeof(under), "%s%s", gone, folder);
	if (atomic_load(&store->bodies_any) &&
	    renameat(store->bodies_fd, folder, store->bodies_fd, under) == 0)
		results_sweep(store);
}

/* What its attempts kept to go on from (DIR/scratch/<job>) goes the same way. */
void scratch_drop(struct store *store, const char *folder)
{
	char path[RESULTS_PATH_MAX], under[FILE_NAME_MAX];

	snprintf(under, sizeof(under), "%sscratch-%s", gone, folder);
	if (snprintf(path, sizeof(path), "%s/scratch/%s", store->dir, folder) < (int)sizeof(path) &&
	    renameat(AT_FDCWD, path, store->bodies_fd, under) == 0)
		results_sweep(store);
}

static DIR *folder_list(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (fd >= 0 && !dir)
		close(fd);
	return dir;
}

/* How many files it removed; fewer than `most`: all that can be, and the folder. */
static unsigned folder_clear(const struct store *store, const char *name, unsigned most)
{
	DIR *dir = folder_list(store->bodies_fd, name);
	struct dirent *entry;
	unsigned removed = 0;

	while (dir && removed < most && (entry = readdir(dir)))
		removed += unlinkat(dirfd(dir), entry->d_name, 0) == 0;
	if (dir)
		closedir(dir);
	if (removed < most)
		unlinkat(store->bodies_fd, name, AT_REMOVEDIR);
	return removed;
}

bool bodies_sweep(struct store *store)
{
	DIR *dir = folder_list(store->bodies_fd, ".");
	unsigned left = SWEEP_FILES;
	struct dirent *entry;

	while (dir && left > 0 && (entry = readdir(dir)))
		if (strncmp(entry->d_name, gone, strlen(gone)) == 0)
			left -= folder_clear(store, entry->d_name, left);
	if (dir)
		closedir(dir);
	return left == 0;
}

/* ---- opening ---- */

static int folder_recover(struct store *store, const char *name, struct err *err)
{
	struct results_head head;
	struct id id;

	atomic_store(&store->bodies_any, true);
	if (id_parse(name, &id))
		return 0; /* not one of ours, or gone already */
	if (results_head(store, &id, &head, err) == 0)
		return 0;
	if (err->code != ERR_NOT_FOUND)
		return -1;
	if (store->next_seq > 1) /* else the database is new, and the folder another's */
		bodies_drop(store, name);
	return 0;
}

int bodies_open(struct store *store, struct err *err)
{
	struct dirent *entry;
	char path[RESULTS_PATH_MAX];
	DIR *dir;
	int rc = 0;

	if (snprintf(path, sizeof(path), "%s/bodies", store->dir) >= (int)sizeof(path))
		return err_set(err, ERR_STORE, "path of the data directory is too long");
	if (mkdir(path, 0700) && errno != EEXIST)
		return err_set_errno(err, ERR_STORE, errno, "cannot make %s", path);
	store->bodies_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = store->bodies_fd >= 0 ? folder_list(store->bodies_fd, ".") : NULL;
	if (!dir)
		return err_set_errno(err, ERR_STORE, errno, "cannot read %s", path);
	while (rc == 0 && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			rc = folder_recover(store, entry->d_name, err);
	closedir(dir);
	return rc;
}
