/* SPDX-License-Identifier: MIT */
/* files.c - roots, and opening what a name stands for.
 *
 * A name has passed files_name_check() when it comes to a disk; the kernel resolves it
 * beneath its root in one call (openat2).  Where the kernel lacks that call, or a sandbox
 * refuses it, the path is walked a segment at a time and no symbolic link is followed.
 */
#include "base/files.h"

#include "base/files_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { RESOLVE_TRIES = 8 }; /* while others rename folders that it walks through */

/* ---- resolving ---- */

int root_open_stepwise(const struct file_root *root, const char *path, int flags)
{
	int at = root->fd;
	int fd = -1;

	while (*path) {
		size_t len = strcspn(path, "/");
		char segment[FILE_SEGMENT_BYTES_MAX + 1];
		bool last = path[len] == '\0';

		if (len >= sizeof(segment)) {
			errno = ENAMETOOLONG;
			fd = -1;
			break;
		}
		memcpy(segment, path, len);
		segment[len] = '\0';
		fd = openat(at, segment,
			    (last ? flags : O_PATH | O_DIRECTORY) | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 || last)
			break;
		if (at != root->fd)
			close(at);
		at = fd;
		path += len + 1;
	}
	if (at != root->fd)
		close(at); /* closing leaves errno alone when it succeeds */
	return fd;
}

int root_open(const struct file_root *root, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS |
			   (root->name ? 0 : RESOLVE_NO_SYMLINKS),
	};
	long fd = -1;

	if (*path == '\0')
		return openat(root->fd, ".", flags | O_CLOEXEC);
	for (int i = 0; i < RESOLVE_TRIES; i++) {
		fd = syscall(SYS_openat2, root->fd, path, &how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		return root_open_stepwise(root, path, flags);
	return (int)fd;
}

int root_open_folder(const struct file_root *root, const char *path, const char **ret_base)
{
	const char *slash = strrchr(path, '/');
	char folder[FILE_NAME_BYTES_MAX + 1];

	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) : 0, path);
	*ret_base = slash ? slash + 1 : path;
	return root_open(root, folder, O_PATH | O_DIRECTORY);
}

static int root_compare(const void *left, const void *right)
{
	return strcmp(((const struct file_root *)left)->name,
		      ((const struct file_root *)right)->name);
}

const struct file_root *files_root(const struct files *files, const char *name,
				   const char **ret_path)
{
	size_t len = strcspn(name, "/");

	for (unsigned i = 0; i < files->mapped_count; i++) {
		const struct file_root *root = &files->mapped[i];

		if (strlen(root->name) == len && memcmp(root->name, name, len) == 0) {
			*ret_path = name + len + (name[len] == '/');
			return root;
		}
	}
	*ret_path = name;
	return &files->own;
}

bool files_mapped(const struct files *files, const char *name)
{
	const char *path;

	return files_root(files, name, &path)->name != NULL;
}

/* ---- opening ---- */

void file_version_of(const struct stat *stat, struct file_version *ret_version)
{
	*ret_version = (struct file_version){
		.dev = stat->st_dev,
		.ino = stat->st_ino,
		.size = stat->st_size,
		.mtime_ns = (int64_t)stat->st_mtim.tv_sec * 1000000000 + stat->st_mtim.tv_nsec,
	};
}

bool file_version_equal(const struct file_version *a, const struct file_version *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->mtime_ns == b->mtime_ns;
}

void file_version_tag(const struct file_version *version, char tag[FILE_TAG_MAX])
{
	snprintf(tag, FILE_TAG_MAX, "\"%" PRIx64 "-%" PRIx64 "-%" PRIx64 "\"", version->ino,
		 (uint64_t)version->size, (uint64_t)version->mtime_ns);
}

int files_errno(struct err *err, const char *name, int errno_value)
{
	switch (errno_value) {
	case ENOENT:
	case ENOTDIR:
	case ENAMETOOLONG:
		return err_set(err, ERR_NOT_FOUND, "there is no file '%s'", name);
	case ELOOP:
	case EXDEV:
		return err_set(err, ERR_NOT_FOUND,
			       "there is no file '%s': a symbolic link on the way leads out of its "
			       "folder, or may not be followed",
			       name);
	case EACCES:
	case EPERM:
		return err_set(err, ERR_FORBIDDEN, "the daemon may not open '%s'", name);
	case ENOSPC:
	case EDQUOT:
		return err_set_errno(err, ERR_DISK_FULL, errno_value, "'%s'", name);
	default:
		return err_set_errno(err, ERR_IO, errno_value, "'%s'", name);
	}
}

/* Takes the descriptor: hands it on when it is a regular file's, else closes it. */
static int regular_take(int fd, const char *name, int *ret_fd, struct file_version *ret_version,
			struct err *err)
{
	struct stat stat;

	if (fd < 0)
		return files_errno(err, name, errno);
	if (fstat(fd, &stat)) {
		files_errno(err, name, errno);
		close(fd);
		return -1;
	}
	if (!S_ISREG(stat.st_mode)) {
		close(fd);
		return err_set(err, ERR_NOT_FOUND, "'%s' is %s", name,
			       S_ISDIR(stat.st_mode) ? "a folder" : "no regular file");
	}
	file_version_of(&stat, ret_version);
	*ret_fd = fd;
	return 0;
}

int files_open(const struct files *files, const char *name, int *ret_fd,
	       struct file_version *ret_version, struct err *err)
{
	const struct file_root *root;
	const char *path;

	if (files_name_check(name, strlen(name), err))
		return -1;
	root = files_root(files, name, &path);
	return regular_take(root_open(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY), name, ret_fd,
			    ret_version, err);
}

bool files_look(const struct files *files, const char *name, struct file_version *ret_version)
{
	const char *path;
	const struct file_root *root = files_root(files, name, &path);
	int fd = *path ? root_open(root, path, O_PATH) : -1;
	struct stat stat;
	bool is_file;

	if (fd < 0)
		return false;
	is_file = fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode);
	if (is_file)
		file_version_of(&stat, ret_version);
	close(fd);
	return is_file;
}

/* A link to the file at `pin`.  0, or -1 with errno. */
static int pin_link(const struct file_root *root, const char *path, const char *pin)
{
	const char *base;
	int fd = root_open_folder(root, path, &base);
	int rc, failure;

	if (fd < 0)
		return -1;
	rc = linkat(fd, base, AT_FDCWD, pin, 0);
	failure = errno;
	close(fd);
	errno = failure;
	return rc && failure != EEXIST ? -1 : 0;
}

int files_pin(const struct files *files, const char *name, const char *pin, int *ret_fd,
	      struct file_version *ret_version, bool *ret_pinned, struct err *err)
{
	const struct file_root *root;
	const char *path;
	int fd;

	*ret_pinned = false;
	if (files_name_check(name, strlen(name), err))
		return -1;
	root = files_root(files, name, &path);
	fd = open(pin, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && !root->name && pin_link(root, path, pin) == 0)
		fd = open(pin, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return files_open(files, name, ret_fd, ret_version, err);
	*ret_pinned = true;
	return regular_take(fd, name, ret_fd, ret_version, err);
}

/* ---- the tree ---- */

/* Does one of two absolute paths lie in the other? */
static bool paths_overlap(const char *a, const char *b)
{
	size_t len = MIN(strlen(a), strlen(b));

	if (strncmp(a, b, len) != 0)
		return false;
	return strlen(a) == strlen(b) || len == 1 || (strlen(a) > len ? a[len] : b[len]) == '/';
}

static int private_check(const char *path, const char *private_dir, struct err *err)
{
	char *mapped = realpath(path, NULL);
	char *kept = private_dir ? realpath(private_dir, NULL) : NULL;
	int rc = 0;

	if (mapped && kept && paths_overlap(mapped, kept))
		rc = err_set(err, ERR_BAD_PARAMETER,
			     "%s and the data directory %s may not lie in one another", mapped,
			     kept);
	free(mapped);
	free(kept);
	return rc;
}

/* "name=path" */
static int folder_map(struct files *files, const char *text, const char *private_dir,
		      struct err *err)
{
	const char *path = strchr(text, '=');
	struct file_root *root = &files->mapped[files->mapped_count];

	if (!path || path == text || path[1] == '\0')
		return err_set(err, ERR_BAD_PARAMETER, "expected name=path, found '%s'", text);
	if (memchr(text, '/', (size_t)(path - text)))
		return err_set(err, ERR_BAD_PARAMETER, "'%s': a mapped folder's name has no '/'",
			       text);
	if (files_name_check(text, (size_t)(path - text), err) ||
	    private_check(path + 1, private_dir, err))
		return -1;
	if (files->mapped_count == FILE_FOLDERS_MAX)
		return err_set(err, ERR_BAD_PARAMETER, "at most %d folders", FILE_FOLDERS_MAX);
	root->name = strndup(text, (size_t)(path - text));
	if (!root->name)
		return err_set(err, ERR_NO_MEMORY, "no memory for the folders");
	root->fd = open(path + 1, O_PATH | O_DIRECTORY | O_CLOEXEC);
	files->mapped_count++;
	if (root->fd < 0)
		return err_set_errno(err, ERR_BAD_PARAMETER, errno, "cannot open %s", path + 1);
	return 0;
}

static int folders_map(struct files *files, const struct files_config *config, struct err *err)
{
	for (const char *const *text = config->folders; text && *text; text++)
		if (folder_map(files, *text, config->private_dir, err))
			return -1;
	qsort(files->mapped, files->mapped_count, sizeof(files->mapped[0]), root_compare);
	for (unsigned i = 1; i < files->mapped_count; i++)
		if (root_compare(&files->mapped[i - 1], &files->mapped[i]) == 0)
			return err_set(err, ERR_BAD_PARAMETER, "two folders are named '%s'",
				       files->mapped[i].name);
	return 0;
}

int files_new(const struct files_config *config, struct files **ret_files, struct err *err)
{
	struct files *files = calloc(1, sizeof(*files));

	if (!files)
		return err_set(err, ERR_NO_MEMORY, "no memory for the files");
	lock_init(&files->naming, LOCK_FILES);
	lock_init(&files->lock, LOCK_LEAF);
	files->quota_bytes = config->quota_bytes;
	files->own.fd = files->uploads_fd = -1;
	if (mkdir(config->dir, 0700) == 0 || errno == EEXIST)
		files->own.fd = open(config->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (files->own.fd < 0)
		err_set_errno(err, ERR_IO, errno, "cannot open %s", config->dir);
	else if (folders_map(files, config, err) == 0 &&
		 files_room_open(files, config->dir, err) == 0) {
		*ret_files = files;
		return 0;
	}
	files_free(files);
	return -1;
}

void files_free(struct files *files)
{
	if (!files)
		return;
	for (unsigned i = 0; i < files->mapped_count; i++) {
		if (files->mapped[i].fd >= 0)
			close(files->mapped[i].fd);
		free(files->mapped[i].name);
	}
	if (files->uploads_fd >= 0)
		close(files->uploads_fd);
	if (files->own.fd >= 0)
		close(files->own.fd);
	lock_done(&files->lock);
	lock_done(&files->naming);
	free(files);
}
