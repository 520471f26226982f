/* SPDX-License-Identifier: MIT */
/* test_from_files.c - files as inputs: cut anywhere, compressed, changed, missing. */
#include "tests/lib/fake_copier.h"
#include "tests/lib/fake_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/files.h"

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static char dir[64];
static struct files *files;
static struct fake_run *fake;

/* ---- a tree for each test ---- */

static const char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void file_put(const char *name, const void *bytes, size_t len)
{
	FILE *file = fopen(path_of(name), "we");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void text_put(const char *name, const char *text)
{
	file_put(name, text, strlen(text));
}

static void gzip_put(const char *name, const char *text, const char *mode)
{
	gzFile file = gzopen(path_of(name), mode);

	assert_non_null(file);
	assert_int_equal(gzwrite(file, text, (unsigned)strlen(text)), strlen(text));
	assert_int_equal(gzclose(file), Z_OK);
}

static void fake_renew(const struct fake_options *options)
{
	struct fake_options with = *options;

	if (fake)
		fake_run_free(fake);
	with.files = files;
	fake = fake_run_new(&with);
}

static int place_make(void **state)
{
	const char *mapped[2] = {0};
	struct files_config config = {.folders = mapped};
	struct err err;
	char map[300];

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/jobmill-input-XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(mkdir(path_of("map"), 0700), 0);
	snprintf(map, sizeof(map), "map=%s", path_of("map"));
	mapped[0] = map;
	config.dir = path_of("files");
	assert_int_equal(files_new(&config, &files, &err), 0);
	fake = NULL;
	fake_renew(&(struct fake_options){0});
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
	(void)state;
	fake_run_free(fake);
	files_free(files);
	return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- what tests say ---- */

static void driven(const char *spec, enum fake_end expected)
{
	enum fake_end end = fake_run_drive(fake, &fake_copier, spec);

	if (end != expected)
		print_error("ended as %d: %s\n", (int)end, fake_run_seen(fake)->err.detail);
	assert_int_equal(end, expected);
}

static void items_are(const char *records)
{
	const char *found = fake_run_ndjson(fake);
	size_t at = 0;

	while (found[at] && found[at] == records[at])
		at++;
	if (found[at] || records[at])
		fail_msg("at %zu: found \"%.60s\", expected \"%.60s\"", at, found + at,
			 records + at);
}

static void copied(const char *spec, const char *records)
{
	driven(spec, FAKE_COMPLETED);
	items_are(records);
}

static void failed(const char *spec, enum err_code code, const char *detail)
{
	driven(spec, FAKE_FAILED);
	assert_string_equal(fake_run_seen(fake)->err.detail, detail);
	assert_int_equal(fake_run_seen(fake)->err.code, code);
}

/* ---- small files ---- */

static void a_file_is_its_records(void **state)
{
	/* The last line end may lack; blank lines are no records; a BOM is none. */
	(void)state;
	text_put("files/a.ndjson", "\xef\xbb\xbf{\"a\":1}\r\n\n{\"a\":1.50}");
	copied("{\"input\":{\"file\":\"a.ndjson\"}}", "{\"a\":1}\n{\"a\":1.50}\n");
	assert_int_equal(fake_run_seen(fake)->parts, 1);
}

static void an_empty_file_has_no_records(void **state)
{
	/* Nor has it a portion. */
	(void)state;
	text_put("files/a.csv", "");
	copied("{\"input\":{\"file\":\"a.csv\"}}", "");
	assert_int_equal(fake_run_seen(fake)->parts, 0);
}

static void a_missing_file_is_named_with_what_is_near(void **state)
{
	/* A typing error is the usual cause. */
	(void)state;
	text_put("files/orders.csv", "a\n1\n");
	failed("{\"input\":{\"file\":\"ordres.csv\"}}", ERR_NOT_FOUND,
	       "there is no file 'ordres.csv', but there is 'orders.csv'");
}

static void a_folder_is_no_file(void **state)
{
	/* It says so instead of reading nothing. */
	(void)state;
	assert_int_equal(mkdir(path_of("files/logs"), 0700), 0);
	failed("{\"input\":{\"file\":\"logs\"}}", ERR_NOT_FOUND, "'logs' is a folder");
}

static void a_pattern_that_matches_nothing_fails(void **state)
{
	/* An empty result would hide a mistake. */
	(void)state;
	failed("{\"input\":{\"files\":[\"*.gz\"]}}", ERR_NOT_FOUND, "no file matches '*.gz'");
}

static void files_come_in_order_each_once(void **state)
{
	/* The names as they are given; of a pattern by name; b is matched twice. */
	(void)state;
	text_put("files/c.ndjson", "3\n");
	text_put("files/a.ndjson", "1\n");
	text_put("files/b.ndjson", "2\n");
	text_put("map/z.ndjson", "26\n");
	fake_renew(&(struct fake_options){.lanes_for_cpu = 2});
	copied("{\"input\":{\"files\":[\"map/z.ndjson\",\"b*\",\"*.ndjson\"]}}", "26\n2\n1\n3\n");
}

static void a_bad_name_is_a_mistake_of_the_spec(void **state)
{
	/* Nothing leads out of the folder. */
	const struct mistake *mistake;

	(void)state;
	driven("{\"input\":{\"files\":[\"a\",\"../b\"]}}", FAKE_INVALID);
	mistake = fake_run_seen(fake)->mistakes.first;
	assert_string_equal(mistake->pointer, "/spec/input/files/1");
	assert_string_equal(mistake->type, "file-name");
}

static void each_file_has_a_format_of_its_own(void **state)
{
	/* Name and first bytes say it. */
	(void)state;
	text_put("files/a.csv", "x,y\n1,2\n");
	text_put("files/b.json", "[1,{\"k\":2}]");
	text_put("files/c.ndjson", "{\"z\":3}\n");
	copied("{\"input\":{\"files\":[\"?.*\"]}}",
	       "{\"x\":\"1\",\"y\":\"2\"}\n1\n{\"k\":2}\n{\"z\":3}\n");
}

/* ---- cuts ---- */

enum { ROWS = 20000 };

/* About a megabyte: four portions. */
static void lines_make(struct buf *file, struct buf *records)
{
	for (int i = 0; i < ROWS; i++) {
		buf_printf(file, "{\"id\":%d,\"text\":\"%.*s\"}\n", i, i % 60,
			   "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefgh");
		if (i == 0)
			continue;
	}
	buf_add(records, file->data, file->len);
}

static void a_large_file_is_cut_on_record_boundaries(void **state)
{
	/* On one lane and on three, the same records, each once. */
	struct buf file = BUF(1 << 24), records = BUF(1 << 24);

	(void)state;
	lines_make(&file, &records);
	file_put("files/a.ndjson", file.data, file.len);
	copied("{\"input\":{\"file\":\"a.ndjson\"}}", buf_text(&records));
	assert_true(fake_run_seen(fake)->parts > 3);
	fake_renew(&(struct fake_options){.lanes_for_cpu = 3});
	copied("{\"input\":{\"file\":\"a.ndjson\"}}", buf_text(&records));
	buf_done(&file);
	buf_done(&records);
}

/* Rows of which many have quoted line ends, some thousands of them, so that cuts fall among them;
 * others are mistakes, by quotes where none may stand, as in 5". */
static void quoted_make(struct buf *file, struct buf *records, uint64_t seed)
{
	struct rng rng;

	rng_seed(&rng, seed);
	buf_add_text(file, "\"the\nid\",text\n");
	for (int i = 0; i < ROWS; i++) {
		int kind = (int)rng_between(&rng, 0, 40);

		buf_printf(file, "%d,", i);
		if (kind > 30) {
			buf_add_text(file, "5\" disk\n");
			continue;
		}
		buf_printf(records, "{\"the\\nid\":\"%d\",\"text\":\"", i);
		if (kind == 0) {
			int64_t lines = rng_between(&rng, 1, 3000);

			buf_add_byte(file, '"');
			for (; lines > 0; lines--) {
				buf_add_text(file, "x,\"\"\n");
				buf_add_text(records, "x,\\\"\\n");
			}
			buf_add_text(file, "\"\n");
		} else {
			buf_add_text(file, "\"\"\"plain\"\"\"\n");
			buf_add_text(records, "\\\"plain\\\"");
		}
		buf_add_text(records, "\"}\n");
	}
}

static void quoted_line_ends_are_never_cut(void **state)
{
	/* Whatever a cut falls into; on one lane and on several. */
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct buf file = BUF(1 << 26), records = BUF(1 << 26);

		quoted_make(&file, &records, seed);
		file_put("files/a.csv", file.data, file.len);
		fake_renew(&(struct fake_options){.lanes_for_cpu = (unsigned)seed});
		copied("{\"chunk\":262144,\"input\":{\"file\":\"a.csv\"}}", buf_text(&records));
		assert_true(fake_run_seen(fake)->parts > 10);
		buf_done(&file);
		buf_done(&records);
	}
}

static void parts_are_the_same_after_a_stop(void **state)
{
	/* Stopped again and again, with and without marks, no record is lost or doubled. */
	struct buf file = BUF(1 << 26), records = BUF(1 << 26);

	(void)state;
	quoted_make(&file, &records, 7);
	file_put("files/a.csv", file.data, file.len);
	for (unsigned steps = 20; steps <= 180; steps += 40) {
		const char *spec = steps % 80 == 20
					   ? "{\"chunk\":262144,\"input\":{\"file\":\"a.csv\"}}"
					   : "{\"save\":true,\"chunk\":262144,"
					     "\"input\":{\"file\":\"a.csv\"}}";
		size_t parts = 0;

		fake_renew(&(struct fake_options){.steps_max = steps});
		while (fake_run_drive(fake, &fake_copier, spec) == FAKE_STOPPED) {
			if (fake_run_seen(fake)->steps && parts && steps < 100)
				assert_true(fake_run_seen(fake)->parts >= parts);
			parts = fake_run_seen(fake)->parts;
			fake_run_options(fake)->steps_max += 100;
		}
		assert_string_equal(fake_run_seen(fake)->err.detail, "");
		items_are(buf_text(&records));
	}
	buf_done(&file);
	buf_done(&records);
}

static void bytes_are_whole_records(void **state)
{
	/* Each block ends with a record; the header is not among them. */
	struct buf file = BUF(1 << 24), records = BUF(1 << 24);
	const struct fake_seen *seen;

	(void)state;
	buf_add_text(&file, "a,b\n");
	for (int i = 0; i < 60000; i++)
		buf_printf(&file, "%d,\"x\n%d\"\n", i, i);
	file_put("files/a.csv", file.data, file.len);
	driven("{\"bytes\":true,\"chunk\":262144,\"input\":{\"file\":\"a.csv\"}}", FAKE_COMPLETED);
	seen = fake_run_seen(fake);
	for (size_t i = 0; i < seen->items_count; i++) {
		const char *text = seen->items[i].text;

		assert_memory_equal(text + seen->items[i].len - 4, "\"\\n\"", 4);
		for (text++; text[1]; text++) {
			bool escape = *text == '\\';

			text += escape;
			buf_add_byte(&records, escape && *text == 'n' ? '\n' : *text);
		}
	}
	assert_string_equal(buf_text(&records), file.data + 4);
	buf_done(&file);
	buf_done(&records);
}

static void doubles_are_cut_at_multiples_of_eight(void **state)
{
	/* 65,537 numbers are two portions. */
	enum { COUNT = 65537 };
	double *numbers = calloc(COUNT, sizeof(*numbers));
	struct buf records = BUF(1 << 24);

	(void)state;
	assert_non_null(numbers);
	for (int i = 0; i < COUNT; i++) {
		numbers[i] = i + 0.5;
		buf_printf(&records, "%d.5\n", i);
	}
	file_put("files/n.f64", numbers, COUNT * sizeof(*numbers));
	copied("{\"input\":{\"file\":\"n.f64\",\"format\":\"f64\"}}", buf_text(&records));
	assert_int_equal(fake_run_seen(fake)->parts, 3);
	buf_done(&records);
	free(numbers);
}

static void a_record_may_be_longer_than_a_portion(void **state)
{
	/* The ranges that it covers are empty portions. */
	struct buf file = BUF(1 << 24), records = BUF(1 << 24);

	(void)state;
	buf_add_text(&file, "1\n\"");
	for (int i = 0; i < 1000000; i++)
		buf_add_byte(&file, 'x');
	buf_add_text(&file, "\"\n2\n");
	buf_add(&records, file.data, file.len);
	file_put("files/a.ndjson", file.data, file.len);
	copied("{\"input\":{\"file\":\"a.ndjson\"}}", buf_text(&records));
	buf_done(&file);
	buf_done(&records);
}

/* ---- compressed ---- */

static void gzip_members_are_one_text(void **state)
{
	/* As cat a.gz b.gz makes them; a line may go over their border. */
	(void)state;
	gzip_put("files/a.gz", "{\"a\":1}\n{\"a\":", "w");
	gzip_put("files/a.gz", "2}\n", "a");
	copied("{\"input\":{\"file\":\"a.gz\"}}", "{\"a\":1}\n{\"a\":2}\n");
}

static void a_cut_off_gzip_file_fails(void **state)
{
	/* It was cut off: what is missing cannot be guessed. */
	char bytes[4096];
	size_t len;
	FILE *file;

	(void)state;
	gzip_put("files/a.gz", "1\n2\n3\n4\n", "w");
	file = fopen(path_of("files/a.gz"), "re");
	len = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	file_put("files/a.gz", bytes, len - 3);
	driven("{\"input\":{\"file\":\"a.gz\",\"format\":\"ndjson\"}}", FAKE_FAILED);
	assert_int_equal(fake_run_seen(fake)->err.code, ERR_FAILED);
	assert_memory_equal(fake_run_seen(fake)->err.detail, "a.gz", 4);
}

static void a_compressed_file_goes_on_at_its_mark(void **state)
{
	/* What stands before it is decoded again, and not given. */
	struct buf file = BUF(1 << 24), records = BUF(1 << 24);

	(void)state;
	lines_make(&file, &records);
	gzip_put("files/a.ndjson.gz", buf_text(&file), "w");
	for (unsigned steps = 10; steps < 60; steps += 10) {
		fake_renew(&(struct fake_options){.steps_max = steps});
		while (fake_run_drive(fake, &fake_copier,
				      "{\"save\":true,\"input\":{\"file\":\"a.ndjson.gz\"}}") ==
		       FAKE_STOPPED)
			;
		items_are(buf_text(&records));
	}
	buf_done(&file);
	buf_done(&records);
}

static void a_json_text_goes_on_at_its_mark(void **state)
{
	/* Records of an array are counted by reading them. */
	struct buf file = BUF(1 << 24), records = BUF(1 << 24);

	(void)state;
	buf_add_byte(&file, '[');
	for (int i = 0; i < 5000; i++) {
		buf_printf(&file, "%s{\"i\": %d}", i ? " ,\n" : "", i);
		buf_printf(&records, "{\"i\": %d}\n", i);
	}
	buf_add_byte(&file, ']');
	file_put("files/a.json", file.data, file.len);
	for (unsigned steps = 6; steps < 30; steps += 4) {
		fake_renew(&(struct fake_options){.steps_max = steps});
		while (fake_run_drive(fake, &fake_copier,
				      "{\"save\":true,\"input\":{\"file\":\"a.json\"}}") ==
		       FAKE_STOPPED)
			;
		items_are(buf_text(&records));
	}
	buf_done(&file);
	buf_done(&records);
}

/* ---- places ---- */

static void mistakes_know_their_line(void **state)
{
	/* Also in a later portion, and in what was decompressed. */
	struct buf file = BUF(1 << 24), records = BUF(1 << 24);
	const struct fake_failure *failure;
	int64_t offset;

	(void)state;
	lines_make(&file, &records);
	offset = (int64_t)file.len;
	buf_add_text(&file, "{\"a\":}\n1\n");
	file_put("files/a.ndjson", file.data, file.len);
	gzip_put("files/a.ndjson.gz", buf_text(&file), "w");
	driven("{\"input\":{\"files\":[\"a.*\"]}}", FAKE_COMPLETED);
	assert_int_equal(fake_run_seen(fake)->failures_count, 2);
	for (int i = 0; i < 2; i++) {
		failure = &fake_run_seen(fake)->failures[i];
		assert_string_equal(failure->key, i == 0 ? "a.ndjson" : "a.ndjson.gz");
		assert_int_equal(failure->line, ROWS + 1);
		assert_int_equal(failure->offset, offset);
	}
	buf_done(&file);
	buf_done(&records);
}

/* ---- changes ---- */

static void a_file_that_is_replaced_is_read_as_it_was(void **state)
{
	/* The job has the version that it saw first, also after a stop. */
	struct buf file = BUF(1 << 24), records = BUF(1 << 24);

	(void)state;
	lines_make(&file, &records);
	file_put("files/a.ndjson", file.data, file.len);
	fake_renew(&(struct fake_options){.steps_max = 30});
	driven("{\"input\":{\"file\":\"a.ndjson\"}}", FAKE_STOPPED);
	text_put("files/new", "\"another\"\n");
	assert_int_equal(rename(path_of("files/new"), "/dev/null"), -1);
	{
		char from[256];

		snprintf(from, sizeof(from), "%s", path_of("files/new"));
		assert_int_equal(rename(from, path_of("files/a.ndjson")), 0);
	}
	fake_run_options(fake)->steps_max = 0;
	copied("{\"input\":{\"file\":\"a.ndjson\"}}", buf_text(&records));
	buf_done(&file);
	buf_done(&records);
}

static void a_mapped_file_that_changes_fails_the_job(void **state)
{
	/* Half of one version and half of another is no result. */
	struct buf file = BUF(1 << 24), records = BUF(1 << 24);

	(void)state;
	lines_make(&file, &records);
	file_put("map/a.ndjson", file.data, file.len);
	fake_renew(&(struct fake_options){.steps_max = 30});
	driven("{\"input\":{\"file\":\"map/a.ndjson\"}}", FAKE_STOPPED);
	buf_add_text(&file, "1\n");
	file_put("map/a.ndjson", file.data, file.len);
	fake_run_options(fake)->steps_max = 0;
	failed("{\"input\":{\"file\":\"map/a.ndjson\"}}", ERR_CONFLICT,
	       "'map/a.ndjson' has changed since the job began to read it");
	buf_done(&file);
	buf_done(&records);
}

#define FILES_TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILES_TEST(a_file_is_its_records),
		FILES_TEST(an_empty_file_has_no_records),
		FILES_TEST(a_missing_file_is_named_with_what_is_near),
		FILES_TEST(a_folder_is_no_file),
		FILES_TEST(a_pattern_that_matches_nothing_fails),
		FILES_TEST(files_come_in_order_each_once),
		FILES_TEST(a_bad_name_is_a_mistake_of_the_spec),
		FILES_TEST(each_file_has_a_format_of_its_own),
		FILES_TEST(a_large_file_is_cut_on_record_boundaries),
		FILES_TEST(quoted_line_ends_are_never_cut),
		FILES_TEST(parts_are_the_same_after_a_stop),
		FILES_TEST(bytes_are_whole_records),
		FILES_TEST(doubles_are_cut_at_multiples_of_eight),
		FILES_TEST(a_record_may_be_longer_than_a_portion),
		FILES_TEST(gzip_members_are_one_text),
		FILES_TEST(a_cut_off_gzip_file_fails),
		FILES_TEST(a_compressed_file_goes_on_at_its_mark),
		FILES_TEST(a_json_text_goes_on_at_its_mark),
		FILES_TEST(mistakes_know_their_line),
		FILES_TEST(a_file_that_is_replaced_is_read_as_it_was),
		FILES_TEST(a_mapped_file_that_changes_fails_the_job),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
