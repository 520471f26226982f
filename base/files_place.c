/* SPDX-License-Identifier: MIT */
/* files_place.c - giving a name to a file, and taking it away.
 *
 * Names are given and taken one at a time (`naming`), so that a condition holds when it is
 * acted upon, and no folder goes while a file is put into it.  A name is there after the
 * rename, and durable after the folder was synced, which is done without the lock.
 */
#include "base/files_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

/* ---- conditions ---- */

/* Is the tag, which is strong, in a list of tags?  Compared strongly, weak ones are none (RFC
 * 9110, 8.8.3.2). */
static bool tag_is_listed(const char *list, const char *tag, bool strongly)
{
	size_t len = strlen(tag);

	if (strcmp(list, "*") == 0)
		return true;
	for (const char *at = strstr(list, tag); at; at = strstr(at + 1, tag)) {
		bool weak = at - list >= 2 && at[-2] == 'W' && at[-1] == '/';

		if ((at[len] == '\0' || at[len] == ',' || at[len] == ' ') && !(weak && strongly))
			return true;
	}
	return false;
}

int file_condition_check(const struct file_condition *condition, const struct file_version *version,
			 struct err *err)
{
	char tag[FILE_TAG_MAX] = "";

	if (version)
		file_version_tag(version, tag);
	if (condition->match && (!version || !tag_is_listed(condition->match, tag, true)))
		return err_set(err, ERR_PRECONDITION_FAILED, "If-Match: %s %s",
			       version ? "the file is" : "there is no such file", tag);
	if (condition->none_match && version && tag_is_listed(condition->none_match, tag, false))
		return err_set(err, ERR_PRECONDITION_FAILED, "If-None-Match: the file is %s", tag);
	return 0;
}

int files_writable(const struct files *files, const char *name, struct err *err)
{
	const struct file_root *root;
	const char *path;

	if (files_name_check(name, strlen(name), err))
		return -1;
	root = files_root(files, name, &path);
	if (root->name)
		return err_set(err, ERR_FORBIDDEN, "'%s' is a mapped folder, which is only read",
			       root->name);
	return 0;
}

/* ---- folders ---- */

/* The folder of a name, made when it is not there.  A descriptor, or -1. */
static int folder_make(const struct files *files, const char *name, bool *ret_made, struct err *err)
{
	const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int at = openat(files->own.fd, ".", flags);

	for (const char *slash = strchr(name, '/'), *from = name; slash && at >= 0;
	     from = slash + 1, slash = strchr(from, '/')) {
		char segment[FILE_SEGMENT_BYTES_MAX + 1];
		int next;

		snprintf(segment, sizeof(segment), "%.*s", (int)(slash - from), from);
		if (mkdirat(at, segment, 0700) == 0)
			*ret_made = true;
		next = *ret_made || errno == EEXIST ? openat(at, segment, flags) : -1;
		if (next < 0 && (errno == ENOTDIR || errno == ELOOP))
			err_set(err, ERR_CONFLICT, "'%.*s' is no folder", (int)(slash - name),
				name);
		else if (next < 0)
			files_errno(err, name, errno);
		close(at);
		if (next < 0)
			return -1;
		at = next;
	}
	return at >= 0 ? at : files_errno(err, name, errno);
}

/* Makes what a folder says durable, and with `above` what those above it say. */
static int folders_sync(const struct files *files, const char *name, bool above, struct err *err)
{
	char path[FILE_NAME_BYTES_MAX + 1];
	char *end;

	snprintf(path, sizeof(path), "%s", name);
	do {
		int fd, rc;

		end = strrchr(path, '/');
		*(end ? end : path) = '\0';
		fd = root_open(&files->own, path, O_RDONLY | O_DIRECTORY);
		if (fd < 0 && errno == ENOENT)
			continue; /* deleted meanwhile, and who did that syncs */
		rc = fd < 0 ? -1 : fsync(fd);
		if (rc)
			files_errno(err, name, errno);
		if (fd >= 0)
			close(fd);
		if (rc)
			return -1;
	} while (above && end);
	return 0;
}

/* unlinkat(2) of a name in its folder. */
static int name_unlink(const struct files *files, const char *name, int flags)
{
	const char *base;
	int folder = root_open_folder(&files->own, name, &base);
	int rc = folder < 0 ? -1 : unlinkat(folder, base, flags);

	if (folder >= 0)
		close(folder); /* closing leaves errno alone when it succeeds */
	return rc;
}

/* Takes the name, and folders that have become empty, innermost first. */
static int name_take(const struct files *files, const char *name)
{
	char path[FILE_NAME_BYTES_MAX + 1];
	char *slash;

	if (name_unlink(files, name, 0))
		return -1;
	snprintf(path, sizeof(path), "%s", name);
	while ((slash = strrchr(path, '/')) != NULL) {
		*slash = '\0';
		if (name_unlink(files, path, AT_REMOVEDIR))
			break;
	}
	return 0;
}

/* ---- giving and taking ---- */

/* What stands where a name is to be given is a file, or nothing. */
static int place_check(int folder, const char *base, const char *name, struct err *err)
{
	struct stat stat;

	if (fstatat(folder, base, &stat, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : files_errno(err, name, errno);
	if (S_ISREG(stat.st_mode))
		return 0;
	return err_set(err, ERR_CONFLICT, "'%s' is %s", name,
		       S_ISDIR(stat.st_mode) ? "a folder" : "no regular file");
}

static int name_give(struct files *files, int from_fd, const char *from, const char *name,
		     const struct file_condition *condition, bool *ret_made,
		     struct file_version *ret_before, bool *ret_created, struct err *err)
	REQUIRES(files->naming)
{
	const char *slash = strrchr(name, '/');
	const char *base = slash ? slash + 1 : name;
	int folder, rc;

	*ret_created = !files_look(files, name, ret_before);
	if (condition && file_condition_check(condition, *ret_created ? NULL : ret_before, err))
		return -1;
	folder = folder_make(files, name, ret_made, err);
	if (folder < 0)
		return -1;
	rc = place_check(folder, base, name, err);
	if (rc == 0 && renameat(from_fd, from, folder, base))
		rc = files_errno(err, name, errno);
	close(folder);
	return rc;
}

int files_give(struct files *files, int from_fd, const char *from, const char *name,
	       const struct file_condition *condition, bool *ret_created, struct err *err)
{
	struct file_version before = {0};
	bool made = false;
	int rc;

	lock_take(&files->naming);
	rc = name_give(files, from_fd, from, name, condition, &made, &before, ret_created, err);
	lock_drop(&files->naming);
	if (rc)
		return -1;
	if (!*ret_created)
		files_room_give(files, before.size);
	return folders_sync(files, name, made, err);
}

int files_adopt(struct files *files, const char *path, const char *name, struct err *err)
{
	struct stat stat;
	bool created;

	if (files_writable(files, name, err))
		return -1;
	if (lstat(path, &stat) || !S_ISREG(stat.st_mode))
		return err_set(err, ERR_IO, "%s is no file to be named '%s'", path, name);
	if (files_room_take(files, stat.st_size, err))
		return -1;
	if (files_give(files, AT_FDCWD, path, name, NULL, &created, err) == 0)
		return 0;
	files_room_give(files, stat.st_size);
	return -1;
}

int files_delete(struct files *files, const char *name, const struct file_condition *condition,
		 struct err *err)
{
	struct file_version before;
	int rc = -1;

	if (files_writable(files, name, err))
		return -1;
	lock_take(&files->naming);
	if (!files_look(files, name, &before))
		err_set(err, ERR_NOT_FOUND, "there is no file '%s'", name);
	else if (!condition || file_condition_check(condition, &before, err) == 0)
		rc = name_take(files, name) ? files_errno(err, name, errno) : 0;
	lock_drop(&files->naming);
	if (rc)
		return -1;
	files_room_give(files, before.size);
	return folders_sync(files, name, true, err);
}

/* ---- sums ---- */

static const char sum_attribute[] = "user.jobmill.sha256";

/* A file that was written to since does not have this time any more. */
struct sum {
	int64_t size, mtime_ns;
	uint8_t sha256[FILE_SUM_BYTES];
};

void file_sum_write(int fd, const uint8_t sha256[FILE_SUM_BYTES])
{
	struct file_version version;
	struct sum sum = {0};
	struct stat stat;

	if (fstat(fd, &stat))
		return;
	file_version_of(&stat, &version);
	sum.size = version.size;
	sum.mtime_ns = version.mtime_ns;
	memcpy(sum.sha256, sha256, FILE_SUM_BYTES);
	/* Without attributes, downloads go without a digest. */
	(void)fsetxattr(fd, sum_attribute, &sum, sizeof(sum), 0);
}

bool file_sum_read(int fd, const struct file_version *version, uint8_t sha256[FILE_SUM_BYTES])
{
	struct sum sum;

	if (fgetxattr(fd, sum_attribute, &sum, sizeof(sum)) != (ssize_t)sizeof(sum) ||
	    sum.size != version->size || sum.mtime_ns != version->mtime_ns)
		return false;
	memcpy(sha256, sum.sha256, FILE_SUM_BYTES);
	return true;
}
