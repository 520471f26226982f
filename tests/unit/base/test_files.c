/* SPDX-License-Identifier: MIT */
/* test_files.c - base/files: names, what they lead to, and what they cannot lead to. */
#include "base/files.h"

#include "base/buf.h"
#include "base/files_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A folder of each test: data/files is the tree, map is mapped as "shared". */
struct place {
	char dir[64];
	struct files *files;
};

static const char *place_path(const struct place *place, const char *name)
{
	static char paths[4][512];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", place->dir, name);
	return path;
}

static void file_put(const struct place *place, const char *name, const char *text)
{
	const char *path = place_path(place, name);
	char *slash, folder[512];
	FILE *file;

	snprintf(folder, sizeof(folder), "%s", path);
	for (slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		assert_true(mkdir(folder, 0700) == 0 || errno == EEXIST);
		*slash = '/';
	}
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void link_put(const struct place *place, const char *to, const char *name)
{
	assert_int_equal(symlink(to, place_path(place, name)), 0);
}

static int place_make(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	struct files_config config = {0};
	char mapped[128], tree[128], private_dir[128];
	const char *folders[] = {mapped, NULL};
	struct err err;

	assert_non_null(place);
	strcpy(place->dir, "/tmp/jobmill-files-XXXXXX");
	assert_non_null(mkdtemp(place->dir));
	file_put(place, "data/jobmill.db", "secret");
	file_put(place, "map/a.csv", "mapped");
	snprintf(mapped, sizeof(mapped), "shared=%s/map", place->dir);
	snprintf(tree, sizeof(tree), "%s/data/files", place->dir);
	snprintf(private_dir, sizeof(private_dir), "%s/data", place->dir);
	config.dir = tree;
	config.folders = folders;
	config.private_dir = private_dir;
	assert_int_equal(files_new(&config, &place->files, &err), 0);
	*state = place;
	return 0;
}

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *ftw)
{
	(void)stat;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static int place_drop(void **state)
{
	struct place *place = *state;

	files_free(place->files);
	nftw(place->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(place);
	return 0;
}

/* ---- names ---- */

static void assert_refused(const char *name, size_t len, const char *detail)
{
	struct err err;

	assert_int_equal(files_name_check(name, len, &err), -1);
	assert_int_equal(err.code, ERR_FILE_NAME);
	assert_string_equal(err.detail, detail);
}

static void a_wrong_name_is_told_what_is_wrong_and_where(void **state)
{
	/* Each way in which a text is not the name of a file has its own words. */
	char longest[FILE_NAME_BYTES_MAX + 2];
	(void)state;

#define REFUSED(name, detail) assert_refused(name, sizeof(name) - 1, detail)
	REFUSED("", "a name is not empty");
	REFUSED("/etc/passwd", "a name does not begin with '/'");
	REFUSED("a//b", "the segment at byte 2 is empty");
	REFUSED("a/", "the segment at byte 2 is empty");
	REFUSED("..", "'..' begins with a dot, which names may not");
	REFUSED("a/../b", "'..' begins with a dot, which names may not");
	REFUSED("a/.", "'.' begins with a dot, which names may not");
	REFUSED(".ssh/id", "'.ssh' begins with a dot, which names may not");
	REFUSED("a\\b", "byte 1 is a backslash; folders are separated by '/'");
	REFUSED("a\0b", "byte 1 is a control character (0)");
	REFUSED("a\nb", "byte 1 is a control character (10)");
	REFUSED("ab\x7F", "byte 2 is a control character (127)");
	REFUSED("a\xC0\xAF", "byte 1 is not UTF-8");
	REFUSED("a/b\xED\xA0\x80", "byte 3 is not UTF-8");
	REFUSED("a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q", "more than 16 segments");
#undef REFUSED
	memset(longest, 'a', sizeof(longest));
	assert_refused(longest, 256, "the segment at byte 0 has 256 bytes, 255 are allowed");
	assert_refused(longest, 1001, "a name of 1001 bytes, 1000 are allowed");
}

static void an_odd_name_is_a_name(void **state)
{
	/* What is printable is fine, in any script, with blanks and stars. */
	static const char *const names[] = {
		"a", "logs/2026/a.ndjson.gz", "Bericht März.csv", "a..b", "-rf",
		"*", "a b/%2e%2e/c",	      "数据/表.csv"};
	struct err err;
	(void)state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(files_name_check(names[i], strlen(names[i]), &err), 0);
}

static void a_pattern_matches_as_shells_do(void **state)
{
	/* The outcomes are those of bash with globstar (files below a folder for a last **). */
	static const struct {
		const char *pattern, *name;
		bool matches;
	} cases[] = {
		{"*.csv", "a.csv", true},
		{"*.csv", "logs/a.csv", false},
		{"*", "a", true},
		{"a*b*c", "aXbYbc", true},
		{"a*b*c", "aXbYb", false},
		{"?.csv", "é.csv", true},
		{"??.csv", "é.csv", false},
		{"[a-c].csv", "b.csv", true},
		{"[!a-c].csv", "b.csv", false},
		{"[!a-c].csv", "d.csv", true},
		{"[]x].csv", "].csv", true},
		{"[a-].csv", "-.csv", true},
		{"[à-ü].csv", "é.csv", true},
		{"logs/**", "logs/2026/01/a.gz", true},
		{"logs/**", "logs", false},
		{"**/a.gz", "a.gz", true},
		{"**/a.gz", "x/y/a.gz", true},
		{"**/y/*.gz", "x/y/z/y/a.gz", true},
		{"**/y/*.gz", "x/y/z/a.gz", false},
		{"logs/**/x/**/*.gz", "logs/x/a.gz", true},
		{"a", "b", false},
		{"a/b", "a", false},
	};
	struct err err;
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *pattern = cases[i].pattern;

		assert_int_equal(files_pattern_check(pattern, strlen(pattern), &err), 0);
		if (files_pattern_matches(pattern, cases[i].name) != cases[i].matches)
			fail_msg("%s against %s", pattern, cases[i].name);
	}
}

static void a_wrong_pattern_is_told_what_is_wrong(void **state)
{
	/* Brackets close, and two stars are a segment; names' own rules hold, too. */
	struct err err;
	(void)state;

	assert_int_equal(files_pattern_check("a/[b", 4, &err), -1);
	assert_string_equal(err.detail, "'[b' has a '[' without its ']'");
	assert_int_equal(files_pattern_check("a**/b", 5, &err), -1);
	assert_string_equal(err.detail, "'a**' has '**' beside something else; it is a segment of "
					"its own, or it is '*'");
	assert_int_equal(files_pattern_check("../*", 4, &err), -1);
	assert_string_equal(err.detail, "'..' begins with a dot, which names may not");
}

/* ---- opening ---- */

static void assert_reads(const struct place *place, const char *name, const char *text)
{
	struct file_version version;
	char bytes[64];
	struct err err;
	ssize_t n;
	int fd;

	if (files_open(place->files, name, &fd, &version, &err))
		fail_msg("%s: %s", name, err.detail);
	n = read(fd, bytes, sizeof(bytes));
	assert_int_equal(n, strlen(text));
	assert_int_equal(version.size, n);
	assert_memory_equal(bytes, text, (size_t)n);
	close(fd);
}

static void assert_closed(const struct place *place, const char *name, enum err_code code)
{
	struct file_version version;
	struct err err;
	int fd;

	assert_int_equal(files_open(place->files, name, &fd, &version, &err), -1);
	if (err.code != code)
		fail_msg("%s: %s (%s)", name, err.detail, err_name(err.code));
}

static void names_lead_into_the_tree_and_mapped_folders(void **state)
{
	/* A mapped folder is looked into instead of the tree's own of that name. */
	struct place *place = *state;

	file_put(place, "data/files/a.csv", "own");
	file_put(place, "data/files/logs/2026/b.csv", "deep");
	file_put(place, "data/files/shared/a.csv", "hidden");
	assert_reads(place, "a.csv", "own");
	assert_reads(place, "logs/2026/b.csv", "deep");
	assert_reads(place, "shared/a.csv", "mapped");
	assert_closed(place, "shared/b.csv", ERR_NOT_FOUND);
	assert_closed(place, "shared", ERR_NOT_FOUND);
	assert_closed(place, "logs", ERR_NOT_FOUND);
	assert_closed(place, "a.csv/b", ERR_NOT_FOUND);
}

static void no_name_leads_out(void **state)
{
	/* Not by its text, not by links in the tree, not by links out of a mapped folder. */
	struct place *place = *state;

	file_put(place, "map/in/c.csv", "inside");
	link_put(place, "../jobmill.db", "data/files/link.db");
	link_put(place, "..", "data/files/up");
	link_put(place, "a.csv", "map/same.csv");
	link_put(place, "in", "map/also");
	link_put(place, "../data/jobmill.db", "map/out.db");
	link_put(place, "/etc", "map/etc");
	assert_closed(place, "../jobmill.db", ERR_FILE_NAME);
	assert_closed(place, "link.db", ERR_NOT_FOUND);
	assert_closed(place, "up/jobmill.db", ERR_NOT_FOUND);
	assert_reads(place, "shared/same.csv", "mapped");
	assert_reads(place, "shared/also/c.csv", "inside");
	assert_closed(place, "shared/out.db", ERR_NOT_FOUND);
	assert_closed(place, "shared/etc/passwd", ERR_NOT_FOUND);
}

static void only_regular_files_are_opened(void **state)
{
	/* A pipe that nobody writes to does not hold the one who opens it. */
	struct place *place = *state;

	assert_int_equal(mkfifo(place_path(place, "map/pipe"), 0600), 0);
	assert_closed(place, "shared/pipe", ERR_NOT_FOUND);
}

static void without_openat2_links_are_not_followed(void **state)
{
	/* The way for older kernels opens the same files, through no link at all. */
	struct place *place = *state;
	struct file_root root = {.fd = open(place_path(place, "map"), O_PATH | O_DIRECTORY)};
	int fd;

	file_put(place, "map/x/y/z.csv", "z");
	link_put(place, "x", "map/also");
	link_put(place, "a.csv", "map/same.csv");
	fd = root_open_stepwise(&root, "x/y/z.csv", O_RDONLY);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(root_open_stepwise(&root, "also/y/z.csv", O_RDONLY), -1);
	assert_int_equal(errno, ENOTDIR);
	assert_int_equal(root_open_stepwise(&root, "same.csv", O_RDONLY), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(root_open_stepwise(&root, "a.csv/b", O_RDONLY), -1);
	assert_int_equal(errno, ENOTDIR);
	close(root.fd);
}

static void a_version_changes_with_the_bytes(void **state)
{
	/* A file that another was renamed over is another version, also of the same size. */
	struct place *place = *state;
	struct file_version before, again, after;
	char tag_before[FILE_TAG_MAX], tag_after[FILE_TAG_MAX];
	struct err err;
	int fd;

	file_put(place, "data/files/a", "one");
	assert_int_equal(files_open(place->files, "a", &fd, &before, &err), 0);
	close(fd);
	assert_int_equal(files_open(place->files, "a", &fd, &again, &err), 0);
	close(fd);
	file_put(place, "data/files/b", "two");
	assert_int_equal(
		rename(place_path(place, "data/files/b"), place_path(place, "data/files/a")), 0);
	assert_int_equal(files_open(place->files, "a", &fd, &after, &err), 0);
	close(fd);
	assert_true(file_version_equal(&before, &again));
	assert_false(file_version_equal(&before, &after));
	file_version_tag(&before, tag_before);
	file_version_tag(&after, tag_after);
	assert_string_not_equal(tag_before, tag_after);
}

static void a_pinned_version_stays(void **state)
{
	/* After the name got other bytes, and after it is gone, the pin reads the first. */
	struct place *place = *state;
	struct file_version before, after;
	char pin[512];
	struct err err;
	bool pinned;
	int fd;

	snprintf(pin, sizeof(pin), "%s", place_path(place, "data/pin"));
	file_put(place, "data/files/d/a", "one");
	assert_int_equal(files_pin(place->files, "d/a", pin, &fd, &before, &pinned, &err), 0);
	close(fd);
	assert_true(pinned);
	assert_int_equal(remove(place_path(place, "data/files/d/a")), 0);
	file_put(place, "data/files/d/a", "another");
	assert_int_equal(files_pin(place->files, "d/a", pin, &fd, &after, &pinned, &err), 0);
	close(fd);
	assert_true(pinned);
	assert_true(file_version_equal(&before, &after));
	assert_int_equal(after.size, 3);
}

static void a_mapped_file_is_opened_unpinned(void **state)
{
	/* An operator's folder gets no links; what is no file gets none either. */
	struct place *place = *state;
	struct file_version version;
	char pin[512];
	struct err err;
	bool pinned;
	int fd;

	snprintf(pin, sizeof(pin), "%s", place_path(place, "data/pin"));
	assert_int_equal(files_pin(place->files, "shared/a.csv", pin, &fd, &version, &pinned, &err),
			 0);
	close(fd);
	assert_false(pinned);
	link_put(place, "../jobmill.db", "data/files/link.db");
	assert_int_equal(files_pin(place->files, "link.db", pin, &fd, &version, &pinned, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

/* ---- finding ---- */

static bool gather(void *ctx, const char *name, const struct file_version *version)
{
	buf_printf(ctx, "%s:%d ", name, (int)version->size);
	return true;
}

static void assert_found(const struct place *place, const char *pattern, const char *names)
{
	struct buf found = BUF(4096);
	struct err err;

	assert_int_equal(files_glob(place->files, pattern, gather, &found, &err), 0);
	assert_string_equal(buf_text(&found), names);
	buf_done(&found);
}

static void assert_listed(const struct place *place, const char *prefix, const char *after,
			  const char *names)
{
	struct buf found = BUF(4096);
	struct err err;

	assert_int_equal(files_list(place->files, prefix, after, gather, &found, &err), 0);
	assert_string_equal(buf_text(&found), names);
	buf_done(&found);
}

static void tree_fill(const struct place *place)
{
	file_put(place, "data/files/logs.txt", "1");
	file_put(place, "data/files/logs/2026/b.gz", "22");
	file_put(place, "data/files/logs/2026/a.gz", "1");
	file_put(place, "data/files/logs/2025/c.gz", "333");
	file_put(place, "data/files/logs-old", "1");
	file_put(place, "data/files/.hidden/x.gz", "1");
	file_put(place, "data/files/z", "");
	link_put(place, "logs", "data/files/link");
	link_put(place, "logs.txt", "data/files/link.txt");
	link_put(place, "a.csv", "map/b.csv");
	link_put(place, ".", "map/loop");
	link_put(place, "../data/jobmill.db", "map/out.csv");
}

static void a_pattern_finds_files_in_order(void **state)
{
	/* Hidden ones, links out and folders are not found; mapped folders are part of it. */
	struct place *place = *state;

	tree_fill(place);
	assert_found(place, "logs/2026/*.gz", "logs/2026/a.gz:1 logs/2026/b.gz:2 ");
	assert_found(place, "**/*.gz", "logs/2025/c.gz:3 logs/2026/a.gz:1 logs/2026/b.gz:2 ");
	assert_found(place, "logs*", "logs-old:1 logs.txt:1 ");
	assert_found(place, "*/*.csv", "shared/a.csv:6 shared/b.csv:6 ");
	assert_found(place, "z", "z:0 ");
	assert_found(place, "nothing/*", "");
	assert_found(place, "**",
		     "logs-old:1 logs.txt:1 logs/2025/c.gz:3 logs/2026/a.gz:1 logs/2026/b.gz:2 "
		     "shared/a.csv:6 shared/b.csv:6 z:0 ");
}

static void a_list_goes_on_after_any_name(void **state)
{
	/* Names after the cursor, whether it still exists or not, and with that prefix. */
	struct place *place = *state;

	tree_fill(place);
	assert_listed(place, "logs/", "", "logs/2025/c.gz:3 logs/2026/a.gz:1 logs/2026/b.gz:2 ");
	assert_listed(place, "logs/", "logs/2025/c.gz", "logs/2026/a.gz:1 logs/2026/b.gz:2 ");
	assert_listed(place, "logs/2026/a", "", "logs/2026/a.gz:1 ");
	assert_listed(place, "log", "logs/2026/a.gz", "logs/2026/b.gz:2 ");
	assert_listed(place, "", "logs/2026/zzz", "shared/a.csv:6 shared/b.csv:6 z:0 ");
	assert_listed(place, "", "shared/a.csv", "shared/b.csv:6 z:0 ");
	assert_listed(place, "nothing/", "", "");
}

static bool stop_at_once(void *ctx, const char *name, const struct file_version *version)
{
	(void)name;
	(void)version;
	++*(int *)ctx;
	return false;
}

static void who_has_seen_enough_stops_the_walk(void **state)
{
	/* Also from within folders. */
	struct place *place = *state;
	struct err err;
	int count = 0;

	tree_fill(place);
	assert_int_equal(files_glob(place->files, "**/*.gz", stop_at_once, &count, &err), 0);
	assert_int_equal(count, 1);
}

/* ---- mapping ---- */

static void assert_unmapped(const struct place *place, const char *text, const char *detail)
{
	const char *folders[] = {text, NULL};
	char tree[128], private_dir[128];
	struct files_config config = {.dir = tree, .folders = folders, .private_dir = private_dir};
	struct files *files;
	struct err err;

	snprintf(tree, sizeof(tree), "%s/data/files", place->dir);
	snprintf(private_dir, sizeof(private_dir), "%s/data", place->dir);
	assert_int_equal(files_new(&config, &files, &err), -1);
	if (!strstr(err.detail, detail))
		fail_msg("%s", err.detail);
}

static void a_wrong_mapping_is_refused_at_start(void **state)
{
	/* Above all one that would show the database, from either side. */
	struct place *place = *state;
	char text[256];

	assert_unmapped(place, "shared", "expected name=path, found 'shared'");
	assert_unmapped(place, "shared=", "expected name=path");
	assert_unmapped(place, "=/tmp", "expected name=path");
	assert_unmapped(place, "a=nowhere/at-all", "cannot open nowhere/at-all: No such file");
	assert_unmapped(place, "a/b=/tmp", "'a/b=/tmp': a mapped folder's name has no '/'");
	assert_unmapped(place, "..=/tmp", "'..' begins with a dot");
	assert_unmapped(place, "a=/nowhere-at-all", "cannot open /nowhere-at-all: No such file");
	assert_unmapped(place, "a=/", "may not lie in one another");
	snprintf(text, sizeof(text), "a=%s", place->dir);
	assert_unmapped(place, text, "may not lie in one another");
	snprintf(text, sizeof(text), "a=%s/map/../data/files", place->dir);
	assert_unmapped(place, text, "may not lie in one another");
}

int main(void)
{
#define TEST(name)   cmocka_unit_test(name)
#define PLACED(name) cmocka_unit_test_setup_teardown(name, place_make, place_drop)
	const struct CMUnitTest tests[] = {
		TEST(a_wrong_name_is_told_what_is_wrong_and_where),
		TEST(an_odd_name_is_a_name),
		TEST(a_pattern_matches_as_shells_do),
		TEST(a_wrong_pattern_is_told_what_is_wrong),
		PLACED(names_lead_into_the_tree_and_mapped_folders),
		PLACED(no_name_leads_out),
		PLACED(only_regular_files_are_opened),
		PLACED(without_openat2_links_are_not_followed),
		PLACED(a_version_changes_with_the_bytes),
		PLACED(a_pinned_version_stays),
		PLACED(a_mapped_file_is_opened_unpinned),
		PLACED(a_pattern_finds_files_in_order),
		PLACED(a_list_goes_on_after_any_name),
		PLACED(who_has_seen_enough_stops_the_walk),
		PLACED(a_wrong_mapping_is_refused_at_start),
	};
#undef TEST
#undef PLACED
	return cmocka_run_group_tests(tests, NULL, NULL);
}
