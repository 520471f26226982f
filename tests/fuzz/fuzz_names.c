/* SPDX-License-Identifier: MIT */
/* fuzz_names.c - base/files: what passes the check leads nowhere else, and globs end.
 *
 * The input: a name up to the first line feed, then a pattern.  A good name is opened in an
 * empty tree and must not be found; a good pattern is matched against the name both by the
 * code and by a slow matcher that follows the definition.
 */
#include "base/files.h"

#include "base/limits.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Short ones only: this is exponential. */
enum { SLOW_BYTES_MAX = 24 };

/* What a name may not hold whatever else it is. */
static void name_judge(const char *name, size_t len)
{
	assert(len > 0 && len <= FILE_NAME_BYTES_MAX && strlen(name) == len);
	assert(name[0] != '/' && name[len - 1] != '/' && name[0] != '.');
	assert(!strstr(name, "//") && !strstr(name, "/.") && !strchr(name, '\\'));
}

static bool ascii(const char *text)
{
	while (*text > 0)
		text++;
	return *text == '\0';
}

/* By the definition, bytes only: one star any run without '/', a segment of two any
 * segments.  No classes. */
static bool slow_matches(const char *pattern, const char *name, bool begins)
{
	if (begins && strcmp(pattern, "**") == 0)
		return *name != '\0';
	if (begins && strncmp(pattern, "**/", 3) == 0) {
		for (const char *at = name; at; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL)
			if (slow_matches(pattern + 3, at, true))
				return true;
		return false;
	}
	if (*pattern == '*') {
		for (const char *at = name;; at++) {
			if (slow_matches(pattern + 1, at, false))
				return true;
			if (*at == '\0' || *at == '/')
				return false;
		}
	}
	if (*pattern == '\0' || *name == '\0')
		return *pattern == *name;
	if (*pattern != *name && (*pattern != '?' || *name == '/'))
		return false;
	return slow_matches(pattern + 1, name + 1, *pattern == '/');
}

static bool found(void *ctx, const char *name, const struct file_version *version)
{
	(void)ctx;
	(void)name;
	(void)version;
	abort(); /* the tree is empty */
}

static char dir[] = "/tmp/jobmill-fuzz-XXXXXX";
static struct files *files;

static void tree_drop(void)
{
	files_free(files);
	if (chdir(dir) == 0)
		rmdir(".uploads");
	rmdir(dir);
}

static struct files *tree(void)
{
	struct files_config config = {.dir = dir};
	struct err err;

	if (!files && mkdtemp(dir) && files_new(&config, &files, &err) == 0)
		atexit(tree_drop);
	assert(files);
	return files;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *line = memchr(data, '\n', size);
	size_t len = line ? (size_t)(line - data) : size;
	size_t pattern_len = line ? size - len - 1 : 0;
	char *name = strndup((const char *)data, len);
	char *pattern = line ? strndup((const char *)line + 1, pattern_len) : NULL;
	struct file_version version;
	struct err err;
	int fd;
	bool good = name && files_name_check((const char *)data, len, &err) == 0;

	if (good) {
		name_judge(name, len);
		assert(files_open(tree(), name, &fd, &version, &err) == -1);
		assert(err.code == ERR_NOT_FOUND);
	}
	if (pattern && files_pattern_check((const char *)line + 1, pattern_len, &err) == 0) {
		assert(files_glob(tree(), pattern, found, NULL, &err) == 0);
		if (good && ascii(name) && ascii(pattern) && !strchr(pattern, '[') &&
		    len <= SLOW_BYTES_MAX && pattern_len <= SLOW_BYTES_MAX)
			assert(files_pattern_matches(pattern, name) ==
			       slow_matches(pattern, name, true));
	}
	free(pattern);
	free(name);
	return 0;
}
