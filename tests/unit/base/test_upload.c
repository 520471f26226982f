/* SPDX-License-Identifier: MIT */
/* test_upload.c - base/upload: a name has all bytes of one version, or of the one before. */
#include "base/upload.h"

#include "base/files_inside.h"

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

struct place {
	char dir[64];
	struct files *files;
};

/* FIPS 180-4, the example of one block: SHA-256 and SHA-512 of "abc". */
static const uint8_t abc_sha256[] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
				     0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
				     0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
				     0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
static const uint8_t abc_sha512[] = {
	0xdd, 0xaf, 0x35, 0xa1, 0x93, 0x61, 0x7a, 0xba, 0xcc, 0x41, 0x73, 0x49, 0xae,
	0x20, 0x41, 0x31, 0x12, 0xe6, 0xfa, 0x4e, 0x89, 0xa9, 0x7e, 0xa2, 0x0a, 0x9e,
	0xee, 0xe6, 0x4b, 0x55, 0xd3, 0x9a, 0x21, 0x92, 0x99, 0x2a, 0x27, 0x4f, 0xc1,
	0xa8, 0x36, 0xba, 0x3c, 0x23, 0xa3, 0xfe, 0xeb, 0xbd, 0x45, 0x4d, 0x44, 0x23,
	0x64, 0x3c, 0xe8, 0x0e, 0x2a, 0x9a, 0xc9, 0x4f, 0xa5, 0x4c, 0xa4, 0x9f};

static void place_open(struct place *place, int64_t quota_bytes)
{
	struct files_config config = {.quota_bytes = quota_bytes};
	char tree[128];
	struct err err;

	snprintf(tree, sizeof(tree), "%s/files", place->dir);
	config.dir = tree;
	files_free(place->files);
	assert_int_equal(files_new(&config, &place->files, &err), 0);
}

static int place_make(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	strcpy(place->dir, "/tmp/jobmill-upload-XXXXXX");
	assert_non_null(mkdtemp(place->dir));
	place_open(place, 0);
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

/* ---- helpers ---- */

static struct upload *begun(const struct place *place, const struct upload_order *order)
{
	struct upload *upload = NULL;
	struct err err;

	if (upload_begin(place->files, order, &upload, &err))
		fail_msg("%s", err.detail);
	return upload;
}

static void written(struct upload *upload, const char *text)
{
	struct err err;

	assert_int_equal(upload_write(upload, text, strlen(text), &err), 0);
}

static struct upload_done finished(struct upload *upload)
{
	struct upload_check check = {0};
	struct upload_done done;
	struct err err;

	if (upload_finish(upload, &check, &done, &err))
		fail_msg("%s", err.detail);
	upload_free(upload);
	return done;
}

static struct upload_done put(const struct place *place, const char *name, const char *text)
{
	struct upload *upload =
		begun(place, &(struct upload_order){.name = name, .bytes = (int64_t)strlen(text)});

	written(upload, text);
	return finished(upload);
}

/* text NULL: there is no such file. */
static void assert_reads(const struct place *place, const char *name, const char *text)
{
	struct file_version version;
	char bytes[64];
	struct err err;
	int fd;

	if (!text) {
		assert_int_equal(files_open(place->files, name, &fd, &version, &err), -1);
		assert_int_equal(err.code, ERR_NOT_FOUND);
		return;
	}
	assert_int_equal(files_open(place->files, name, &fd, &version, &err), 0);
	assert_int_equal(version.size, strlen(text));
	assert_int_equal(read(fd, bytes, sizeof(bytes)), version.size);
	assert_memory_equal(bytes, text, strlen(text));
	close(fd);
}

static void assert_left(const struct place *place, const char *name, int64_t bytes)
{
	int64_t left = -1;
	struct err err;

	if (upload_left(place->files, name, &left, &err))
		assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(left, bytes);
}

/* ---- tests ---- */

static void a_name_appears_when_all_is_there(void **state)
{
	/* Not before the end; with its folders; a second one replaces the first. */
	struct place *place = *state;
	struct upload *upload = begun(place, &(struct upload_order){.name = "a/b/c", .bytes = 3});
	struct upload_done done;

	written(upload, "ab");
	assert_reads(place, "a/b/c", NULL);
	written(upload, "c");
	done = finished(upload);
	assert_true(done.whole);
	assert_true(done.created);
	assert_int_equal(done.version.size, 3);
	assert_memory_equal(done.sha256, abc_sha256, sizeof(abc_sha256));
	assert_reads(place, "a/b/c", "abc");
	done = put(place, "a/b/c", "other");
	assert_false(done.created);
	assert_reads(place, "a/b/c", "other");
}

static void what_is_given_up_leaves_nothing(void **state)
{
	/* Neither a name nor bytes, unless it may be gone on with. */
	struct place *place = *state;
	struct upload *upload = begun(place, &(struct upload_order){.name = "a", .bytes = -1});

	written(upload, "ab");
	upload_free(upload);
	assert_reads(place, "a", NULL);
	assert_left(place, "a", -1);
}

static void what_broke_off_goes_on(void **state)
{
	/* Where it stopped, with the sum of the whole. */
	struct place *place = *state;
	struct upload_order rest = {
		.name = "a", .ranged = true, .offset = 2, .bytes = 1, .total = 3};
	struct upload *upload =
		begun(place, &(struct upload_order){.name = "a", .bytes = 3, .resumable = true});
	struct upload_done done;

	written(upload, "ab");
	upload_free(upload);
	assert_left(place, "a", 2);
	place_open(place, 0); /* another daemon */
	assert_left(place, "a", 2);
	upload = begun(place, &rest);
	written(upload, "c");
	done = finished(upload);
	assert_true(done.whole);
	assert_memory_equal(done.sha256, abc_sha256, sizeof(abc_sha256));
	assert_reads(place, "a", "abc");
	assert_left(place, "a", -1);
}

static void parts_are_added_in_order(void **state)
{
	/* One that is not next is told which is; the total makes the last one the last. */
	struct place *place = *state;
	struct upload_order order = {.name = "a", .ranged = true, .bytes = 2, .total = -1};
	struct upload *upload = begun(place, &order);
	struct upload_done done;
	struct err err;

	written(upload, "ab");
	done = finished(upload);
	assert_false(done.whole);
	assert_int_equal(done.offset, 2);
	order.offset = 5;
	assert_int_equal(upload_begin(place->files, &order, &upload, &err), -1);
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_string_equal(err.detail, "the upload of 'a' goes on at 2, not at 5");
	assert_left(place, "a", 2);
	order.offset = 2;
	order.bytes = 1;
	order.total = 3;
	upload = begun(place, &order);
	written(upload, "c");
	assert_true(finished(upload).whole);
	assert_reads(place, "a", "abc");
	order.name = "never";
	assert_int_equal(upload_begin(place->files, &order, &upload, &err), -1);
	assert_string_equal(err.detail, "no upload of 'never' is there to go on with");
}

static void a_wrong_sum_keeps_nothing(void **state)
{
	/* Of the whole: no file.  Of a part: as if the part had not come. */
	struct place *place = *state;
	struct upload_check check = {.whole_sha256 = abc_sha256};
	struct upload_order part = {.name = "a", .ranged = true, .bytes = 2, .total = -1};
	struct upload *upload = begun(place, &(struct upload_order){.name = "a", .bytes = 3});
	struct upload_done done;
	struct err err;

	written(upload, "abd");
	assert_int_equal(upload_finish(upload, &check, &done, &err), -1);
	assert_int_equal(err.code, ERR_DIGEST);
	/* sha256sum of "abd" */
	assert_string_equal(err.detail,
			    "Repr-Digest: the SHA-256 of all that arrived is "
			    "a52d159f262b2c6ddb724a61840befc36eb30c88877a4030b65cbe86298449c9 "
			    "in hexadecimal");
	upload_free(upload);
	assert_reads(place, "a", NULL);
	upload = begun(place, &part);
	written(upload, "ab");
	finished(upload);
	part.offset = 2;
	check = (struct upload_check){.part_sha256 = abc_sha256};
	upload = begun(place, &part);
	written(upload, "xy");
	assert_int_equal(upload_finish(upload, &check, &done, &err), -1);
	upload_free(upload);
	assert_left(place, "a", 2);
}

static void right_sums_are_fine(void **state)
{
	/* Both, of the part and of the whole. */
	struct place *place = *state;
	struct upload_check check = {.part_sha256 = abc_sha256,
				     .part_sha512 = abc_sha512,
				     .whole_sha256 = abc_sha256,
				     .whole_sha512 = abc_sha512};
	struct upload *upload =
		begun(place, &(struct upload_order){.name = "a", .bytes = 3, .sha512 = true});
	struct upload_done done;
	struct err err;

	written(upload, "abc");
	assert_int_equal(upload_finish(upload, &check, &done, &err), 0);
	upload_free(upload);
	assert_reads(place, "a", "abc");
}

static void the_sum_stays_with_the_bytes(void **state)
{
	/* It is known later, and not believed once somebody has written into the file. */
	struct place *place = *state;
	struct file_version version;
	uint8_t sha256[FILE_SUM_BYTES];
	struct err err;
	int fd;

	put(place, "a", "abc");
	assert_int_equal(files_open(place->files, "a", &fd, &version, &err), 0);
	if (!file_sum_read(fd, &version, sha256)) {
		close(fd);
		print_message("this file system keeps no attributes\n");
		skip();
	}
	assert_memory_equal(sha256, abc_sha256, sizeof(abc_sha256));
	version.mtime_ns++;
	assert_false(file_sum_read(fd, &version, sha256));
	close(fd);
}

static void uploads_beside_each_other_are_whole(void **state)
{
	/* Two of one name at once: the last to finish has it, and one only can be gone on with. */
	struct place *place = *state;
	struct upload_order order = {.name = "a", .bytes = 3, .resumable = true};
	struct upload_order ranged = {.name = "a", .bytes = 3, .ranged = true, .total = 3};
	struct upload *first = begun(place, &order), *second = begun(place, &order), *third;
	struct err err;

	assert_int_equal(upload_begin(place->files, &ranged, &third, &err), -1);
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_int_equal(upload_forget(place->files, "a", &err), -1);
	assert_int_equal(err.code, ERR_CONFLICT);
	written(first, "1");
	written(second, "22");
	written(first, "11");
	written(second, "2");
	finished(second);
	assert_reads(place, "a", "222");
	finished(first);
	assert_reads(place, "a", "111");
}

static void a_condition_holds_when_the_name_is_given(void **state)
{
	/* Whoever was faster is not overwritten. */
	struct place *place = *state;
	struct upload_check absent = {.condition = {.none_match = "*"}}, same = {0};
	struct upload *upload = begun(place, &(struct upload_order){.name = "a", .bytes = 3});
	struct upload_done first, done;
	char tag[FILE_TAG_MAX];
	struct err err;

	written(upload, "abc");
	first = put(place, "a", "new");
	assert_int_equal(upload_finish(upload, &absent, &done, &err), -1);
	assert_int_equal(err.code, ERR_PRECONDITION_FAILED);
	upload_free(upload);
	assert_reads(place, "a", "new");
	file_version_tag(&first.version, tag);
	same.condition.match = tag;
	upload = begun(place, &(struct upload_order){.name = "a", .bytes = 3});
	written(upload, "abc");
	assert_int_equal(upload_finish(upload, &same, &done, &err), 0);
	upload_free(upload);
	upload = begun(place, &(struct upload_order){.name = "a", .bytes = 3});
	written(upload, "xyz");
	assert_int_equal(upload_finish(upload, &same, &done, &err), -1);
	upload_free(upload);
	assert_reads(place, "a", "abc");
}

static void folders_and_files_do_not_take_each_others_place(void **state)
{
	/* Neither a file below a file nor a file over a folder. */
	struct place *place = *state;
	struct upload_check check = {0};
	struct upload_done done;
	struct upload *upload;
	struct err err;

	put(place, "a/b", "x");
	upload = begun(place, &(struct upload_order){.name = "a", .bytes = 0});
	assert_int_equal(upload_finish(upload, &check, &done, &err), -1);
	assert_string_equal(err.detail, "'a' is a folder");
	upload_free(upload);
	upload = begun(place, &(struct upload_order){.name = "a/b/c", .bytes = 0});
	assert_int_equal(upload_finish(upload, &check, &done, &err), -1);
	assert_string_equal(err.detail, "'a/b' is no folder");
	upload_free(upload);
	assert_reads(place, "a/b", "x");
}

static void deleting_takes_empty_folders_along(void **state)
{
	/* And no other; what is not there is not found. */
	struct place *place = *state;
	struct err err;

	put(place, "a/b/c", "x");
	put(place, "a/d", "y");
	assert_int_equal(files_delete(place->files, "a/b/c", NULL, &err), 0);
	assert_reads(place, "a/d", "y");
	assert_int_equal(files_delete(place->files, "a/b/c", NULL, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	put(place, "a/b", "a file where a folder was");
	assert_int_equal(files_delete(place->files, "a", NULL, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void links_in_the_tree_lead_nowhere_for_writers_either(void **state)
{
	/* An operator's link out of the tree: no file is put or deleted behind it. */
	struct place *place = *state;
	struct upload_check check = {0};
	char path[128], victim[128];
	struct upload_done done;
	struct upload *upload;
	struct err err;

	snprintf(path, sizeof(path), "%s/files/up", place->dir);
	snprintf(victim, sizeof(victim), "%s/victim", place->dir);
	assert_int_equal(symlink("..", path), 0);
	close(open(victim, O_CREAT | O_WRONLY, 0600));
	upload = begun(place, &(struct upload_order){.name = "up/victim", .bytes = 0});
	assert_int_equal(upload_finish(upload, &check, &done, &err), -1);
	assert_int_equal(err.code, ERR_CONFLICT);
	upload_free(upload);
	assert_int_equal(files_delete(place->files, "up/victim", NULL, &err), -1);
	assert_int_equal(access(victim, F_OK), 0);
}

static void the_quota_counts_what_is_there(void **state)
{
	/* Reserved at the beginning, given back by what fails, is deleted or replaced, and
	 * summed up at the next start. */
	struct place *place = *state;
	struct upload_order order = {.name = "b", .bytes = 6};
	struct upload *upload;
	struct err err;

	put(place, "before", "12345");
	place_open(place, 10);
	assert_int_equal(upload_begin(place->files, &order, &upload, &err), -1);
	assert_int_equal(err.code, ERR_DISK_FULL);
	assert_string_equal(err.detail, "6 bytes more than the 5 that are there would pass the "
					"quota of 10 (--files-quota)");
	order.bytes = 5;
	upload = begun(place, &order);
	assert_int_equal(upload_begin(place->files, &order, &(struct upload *){NULL}, &err), -1);
	upload_free(upload);
	put(place, "b", "12345");
	assert_int_equal(files_delete(place->files, "before", NULL, &err), 0);
	put(place, "b", "54321");
	order.bytes = -1;
	upload = begun(place, &order);
	written(upload, "12345");
	assert_int_equal(upload_write(upload, "6", 1, &err), -1);
	assert_int_equal(err.code, ERR_DISK_FULL);
	upload_free(upload);
	put(place, "c", "12345");
}

static void what_a_dead_daemon_left_is_swept(void **state)
{
	/* At the next start, but for what can be gone on with and is not a day old. */
	struct place *place = *state;
	struct upload_order order = {.name = "a", .bytes = 3, .resumable = true};
	struct timespec old[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
	char path[256], slot[FILES_TEMP_MAX];
	struct upload *upload = begun(place, &order);

	written(upload, "ab");
	upload_free(upload);
	snprintf(path, sizeof(path), "%s/files/.uploads/0123.7", place->dir);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	place_open(place, 0);
	assert_int_equal(access(path, F_OK), -1);
	assert_left(place, "a", 2);
	files_slot("a", slot);
	clock_gettime(CLOCK_REALTIME, &old[1]);
	old[1].tv_sec -= FILES_UPLOAD_KEPT_S + 60;
	assert_int_equal(utimensat(place->files->uploads_fd, slot, old, 0), 0);
	place_open(place, 0);
	assert_left(place, "a", -1);
}

static void a_finished_file_is_adopted(void **state)
{
	/* From beside the tree, by a rename. */
	struct place *place = *state;
	char path[128];
	struct err err;
	int fd;

	snprintf(path, sizeof(path), "%s/scratch", place->dir);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, "abc", 3), 3);
	close(fd);
	assert_int_equal(files_adopt(place->files, path, "out/a.csv", &err), 0);
	assert_reads(place, "out/a.csv", "abc");
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(files_adopt(place->files, path, "out/a.csv", &err), -1);
}

int main(void)
{
#define PLACED(name) cmocka_unit_test_setup_teardown(name, place_make, place_drop)
	const struct CMUnitTest tests[] = {
		PLACED(a_name_appears_when_all_is_there),
		PLACED(what_is_given_up_leaves_nothing),
		PLACED(what_broke_off_goes_on),
		PLACED(parts_are_added_in_order),
		PLACED(a_wrong_sum_keeps_nothing),
		PLACED(right_sums_are_fine),
		PLACED(the_sum_stays_with_the_bytes),
		PLACED(uploads_beside_each_other_are_whole),
		PLACED(a_condition_holds_when_the_name_is_given),
		PLACED(folders_and_files_do_not_take_each_others_place),
		PLACED(deleting_takes_empty_folders_along),
		PLACED(links_in_the_tree_lead_nowhere_for_writers_either),
		PLACED(the_quota_counts_what_is_there),
		PLACED(what_a_dead_daemon_left_is_swept),
		PLACED(a_finished_file_is_adopted),
	};
#undef PLACED
	return cmocka_run_group_tests(tests, NULL, NULL);
}
