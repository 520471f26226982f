/* SPDX-License-Identifier: MIT */
/* test_cache.c - what is kept is found, over restarts too; what is too much goes; what a
 * disk spoiled is not there. */
#include "net/cache.h"

#include "base/compiler.h"
#include "base/limits.h"
#include "base/lock.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB (1024 * 1024)

static char folder[64];
static struct cache *cache;

static void cache_begin(int64_t bytes_max)
{
	struct err err;

	cache = cache_new(folder, bytes_max, &err);
	if (!cache)
		fail_msg("%s", err.detail);
}

static int begin(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/cache-test-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	cache_begin(64 * MIB);
	return 0;
}

static void each_file(void (*act)(const char *path))
{
	DIR *outer = opendir(folder);
	struct dirent *inner_name, *file;

	assert_non_null(outer);
	while ((inner_name = readdir(outer))) {
		char inner_path[400], path[700];
		DIR *inner;

		snprintf(inner_path, sizeof(inner_path), "%s/%s", folder, inner_name->d_name);
		inner = inner_name->d_name[0] == '.' ? NULL : opendir(inner_path);
		while (inner && (file = readdir(inner))) {
			snprintf(path, sizeof(path), "%s/%s", inner_path, file->d_name);
			if (file->d_name[0] != '.')
				act(path);
		}
		if (inner)
			closedir(inner);
	}
	closedir(outer);
}

static unsigned files;

static void count_file(const char *path)
{
	(void)path;
	files++;
}

static unsigned files_count(void)
{
	files = 0;
	each_file(count_file);
	return files;
}

static void remove_file(const char *path)
{
	unlink(path);
}

static int finish(void **state)
{
	char path[100];

	(void)state;
	cache_free(cache);
	each_file(remove_file);
	for (int i = 0; i < 256; i++) {
		snprintf(path, sizeof(path), "%s/%02x", folder, i);
		rmdir(path);
	}
	return rmdir(folder);
}

static struct cache_entry *entry_of(const char *url, size_t body_len)
{
	static const char head[] = "etag\0\"a\"";
	struct cache_entry *entry = calloc(1, sizeof(*entry));

	assert_non_null(entry);
	*entry = (struct cache_entry){
		.status = 200,
		.asked_wall_ms = 1000,
		.answered_wall_ms = 2000,
		.url = strdup(url),
		.vary = calloc(1, 1),
		.head = malloc(sizeof(head)),
		.head_len = sizeof(head),
		.body = malloc(body_len + 1),
		.body_len = body_len,
	};
	memcpy(entry->head, head, sizeof(head));
	memset(entry->body, 'b', body_len + 1);
	return entry;
}

static struct cache_key key_of(uint64_t url, uint64_t who)
{
	return (struct cache_key){url, who};
}

static void keep(uint64_t url, uint64_t who, size_t body_len)
{
	struct cache_key key = key_of(url, who);
	char text[40];

	snprintf(text, sizeof(text), "http://h/%llu", (unsigned long long)url);
	cache_keep(cache, &key, entry_of(text, body_len));
}

static void on_found(void *ctx, struct cache_entry *entry)
{
	*(struct cache_entry **)ctx = entry;
}

/* What is found; the caller's. */
static struct cache_entry *look(uint64_t url, uint64_t who)
{
	struct cache_key key = key_of(url, who);
	struct cache_entry *entry = NULL;
	char text[40];

	snprintf(text, sizeof(text), "http://h/%llu", (unsigned long long)url);
	if (cache_look(cache, &key, text, on_found, &entry))
		cache_settle(cache);
	return entry;
}

static bool has(uint64_t url, uint64_t who)
{
	struct cache_entry *entry = look(url, who);
	bool there = entry != NULL;

	cache_entry_free(entry);
	return there;
}

static void what_was_kept_is_found(void **state)
{
	/* At once, as it was, by its key only. */
	struct cache_entry *entry;

	(void)state;
	keep(1, 0, 5);
	entry = look(1, 0);
	assert_non_null(entry);
	assert_int_equal(entry->status, 200);
	assert_int_equal(entry->asked_wall_ms, 1000);
	assert_int_equal(entry->answered_wall_ms, 2000);
	assert_string_equal(entry->url, "http://h/1");
	assert_int_equal(entry->head_len, 9);
	assert_memory_equal(entry->head, "etag\0\"a\"", 9);
	assert_int_equal(entry->body_len, 5);
	assert_string_equal(entry->body, "bbbbb");
	cache_entry_free(entry);
	assert_false(has(2, 0));
	assert_false(has(1, 7));
}

static void another_url_of_the_same_key_is_not_found(void **state)
{
	/* Digests may meet; the URL decides. */
	struct cache_key key = key_of(1, 0);
	struct cache_entry *entry = NULL;

	(void)state;
	keep(1, 0, 5);
	assert_true(cache_look(cache, &key, "http://h/other", on_found, &entry));
	cache_settle(cache);
	assert_null(entry);
}

static void a_restart_finds_all(void **state)
{
	/* What was written is there; what was being written is not, and goes. */
	char path[100];

	(void)state;
	for (uint64_t i = 0; i < 100; i++)
		keep(i << 56 | i, 0, 1000);
	assert_true(has((uint64_t)99 << 56 | 99, 0)); /* so all are written */
	cache_free(cache);
	snprintf(path, sizeof(path), "%s/new", folder);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	cache_begin(64 * MIB);
	for (uint64_t i = 0; i < 100; i++)
		assert_true(has(i << 56 | i, 0));
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(files_count(), 100);
}

static void the_one_used_longest_ago_goes(void **state)
{
	/* Ten of 100 KiB on the disk fill a MiB; the first was used again, so the second goes. */
	struct cache_view view;

	(void)state;
	cache_free(cache);
	cache_begin(MIB);
	for (uint64_t i = 0; i < 10; i++)
		keep(i, 0, 99 * 1024);
	assert_true(has(0, 0));
	keep(10, 0, 99 * 1024);
	assert_true(has(10, 0));
	assert_true(has(0, 0));
	assert_false(has(1, 0));
	assert_true(has(2, 0));
	cache_view(cache, &view);
	assert_int_equal(view.entries, 10);
	assert_int_equal(view.bytes, 10 * 25 * 4096);
	assert_int_equal(files_count(), 10);
}

static void a_smaller_limit_holds_after_a_restart(void **state)
{
	/* Twenty of 100 KiB, then room for ten. */
	struct cache_view view;

	(void)state;
	for (uint64_t i = 0; i < 20; i++)
		keep(i, 0, 99 * 1024);
	assert_true(has(19, 0));
	cache_free(cache);
	cache_begin(MIB);
	assert_false(has(99, 0)); /* told after the files were counted … */
	keep(98, 0, 10);
	assert_true(has(98, 0)); /* … and this after what was too much went */
	cache_view(cache, &view);
	assert_in_range(view.bytes, 1, MIB);
	assert_int_equal(files_count(), view.entries);
}

static void one_that_is_too_large_is_not_kept(void **state)
{
	/* An eighth of it all is the most. */
	(void)state;
	cache_free(cache);
	cache_begin(MIB);
	keep(1, 0, MIB / 8);
	assert_false(has(1, 0));
	keep(1, 0, MIB / 8 - 4096);
	assert_true(has(1, 0));
}

static void a_url_is_forgotten_for_all(void **state)
{
	/* With and without credentials, but no other URL; over a restart too. */
	(void)state;
	keep(1, 0, 5);
	keep(1, 7, 5);
	keep(2, 0, 5);
	assert_true(has(1, 0) && has(1, 7) && has(2, 0));
	cache_forget(cache, 1);
	assert_false(has(1, 0) || has(1, 7));
	assert_true(has(2, 0));
	cache_free(cache);
	cache_begin(64 * MIB);
	assert_false(has(1, 0) || has(1, 7));
	assert_true(has(2, 0));
}

static void what_is_forgotten_on_its_way_is_not_kept(void **state)
{
	/* The order of the calls counts, not that of the disk. */
	(void)state;
	for (uint64_t i = 0; i < 50; i++) {
		keep(i, 0, 50 * 1024);
		cache_forget(cache, i);
	}
	keep(3, 0, 5);
	assert_true(has(3, 0));
	for (uint64_t i = 0; i < 50; i++)
		assert_true(has(i, 0) == (i == 3));
	assert_int_equal(files_count(), 1);
}

/* Each file loses its last octet, or has one changed. */
static void cut_file(const char *path)
{
	struct stat file;

	assert_int_equal(stat(path, &file), 0);
	assert_int_equal(truncate(path, file.st_size - 1), 0);
}

static void spoil_file(const char *path)
{
	int fd = open(path, O_RDWR);
	char byte;

	assert_int_equal(pread(fd, &byte, 1, 20), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, 20), 1);
	close(fd);
}

static void damaged_files_are_not_found(void **state)
{
	/* One that is short, one with a wrong bit, an empty one: they go. */
	(void)state;
	keep(1, 0, 5);
	assert_true(has(1, 0));
	each_file(cut_file);
	assert_false(has(1, 0));
	keep(1, 0, 5);
	assert_true(has(1, 0));
	each_file(spoil_file);
	assert_false(has(1, 0));
	assert_int_equal(files_count(), 0);
}

static void entries_are_read_as_they_were_written(void **state)
{
	/* And from no prefix of their bytes, nor with any bit changed. */
	struct cache_entry *entry = entry_of("http://h/", 20), *again;
	struct buf bytes = BUF(4096);

	(void)state;
	assert_int_equal(cache_entry_write(entry, &bytes), 0);
	assert_int_equal(bytes.len, cache_entry_bytes(entry));
	for (size_t len = 0; len < bytes.len; len++)
		assert_null(cache_entry_read(bytes.data, len));
	for (size_t bit = 0; bit < bytes.len * 8; bit++) {
		bytes.data[bit / 8] ^= (char)(1 << bit % 8);
		assert_null(cache_entry_read(bytes.data, bytes.len));
		bytes.data[bit / 8] ^= (char)(1 << bit % 8);
	}
	again = cache_entry_read(bytes.data, bytes.len);
	assert_non_null(again);
	assert_memory_equal(again->body, entry->body, 20);
	cache_entry_free(again);
	cache_entry_free(entry);
	buf_done(&bytes);
}

static void the_index_holds_a_hundred_thousand(void **state)
{
	/* Order of use and URLs stay right while it grows and shrinks. */
	struct cache_index index;
	struct cache_key key;

	(void)state;
	cache_index_init(&index);
	for (uint64_t i = 0; i < 100000; i++) {
		key = key_of(i * UINT64_C(0x9e3779b97f4a7c15), 0);
		assert_int_equal(cache_index_add(&index, &key, 4096), 0);
	}
	assert_int_equal(index.count, 100000);
	assert_int_equal(index.bytes, UINT64_C(409600000));
	for (uint64_t i = 0; i < 99999; i++) {
		assert_true(cache_index_oldest(&index, &key));
		assert_int_equal(key.url, i * UINT64_C(0x9e3779b97f4a7c15));
		assert_true(cache_index_of_url(&index, key.url, &key));
		cache_index_remove(&index, &key);
	}
	assert_int_equal(index.count, 1);
	assert_int_equal(index.bytes, 4096);
	cache_index_done(&index);
}

#define CACHE_TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CACHE_TEST(what_was_kept_is_found),
		CACHE_TEST(another_url_of_the_same_key_is_not_found),
		CACHE_TEST(a_restart_finds_all),
		CACHE_TEST(the_one_used_longest_ago_goes),
		CACHE_TEST(a_smaller_limit_holds_after_a_restart),
		CACHE_TEST(one_that_is_too_large_is_not_kept),
		CACHE_TEST(a_url_is_forgotten_for_all),
		CACHE_TEST(what_is_forgotten_on_its_way_is_not_kept),
		CACHE_TEST(damaged_files_are_not_found),
		cmocka_unit_test(entries_are_read_as_they_were_written),
		cmocka_unit_test(the_index_holds_a_hundred_thousand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
