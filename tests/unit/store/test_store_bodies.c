/* SPDX-License-Identifier: MIT */
/* test_store_bodies.c - bodies beside a job: once each, whole, and gone with it. */
#include "tests/unit/store/fixture.h"

#include <sys/stat.h>

/* echo -n abc | sha256sum, and of "hello": names are not checked against the bytes here. */
static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char hello[] = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

static enum err_code body_put(struct fixture *f, struct id id, const char *name, const char *text,
			      int64_t room, bool *ret_new)
{
	struct body_bytes body = {.name = name, .bytes = text, .len = strlen(text)};
	struct err err;

	return store_body_put(f->store, &id, &body, room, ret_new, &err) ? err.code : ERR_NONE;
}

static void body_check(struct fixture *f, struct id id, const char *name, const char *text)
{
	char got[64];
	int64_t bytes;
	struct err err;
	int fd;

	assert_int_equal(store_body_open(f->store, &id, name, &fd, &bytes, &err), 0);
	assert_int_equal(bytes, strlen(text));
	assert_int_equal(read(fd, got, sizeof(got)), strlen(text));
	assert_memory_equal(got, text, strlen(text));
	close(fd);
}

static enum err_code body_open(struct fixture *f, struct id id, const char *name)
{
	int64_t bytes;
	struct err err;
	int fd;

	if (store_body_open(f->store, &id, name, &fd, &bytes, &err))
		return err.code;
	close(fd);
	return ERR_NONE;
}

static void body_path(struct fixture *f, struct id id, const char *name, char path[256])
{
	char text[ID_TEXT_LEN + 1];

	id_format(&id, text);
	snprintf(path, 256, "%s/bodies/%s/%s", f->dir, text, name);
}

static void equal_bodies_are_kept_once(void **state)
{
	/* The second of the same name is not new; another job has its own. */
	struct fixture *f = *state;
	struct id id = submit_plain(f), other = submit_plain(f);
	bool new;

	assert_int_equal(body_put(f, id, abc, "abc", 100, &new), ERR_NONE);
	assert_true(new);
	assert_int_equal(body_put(f, id, abc, "abc", 100, &new), ERR_NONE);
	assert_false(new);
	assert_int_equal(body_open(f, other, abc), ERR_NOT_FOUND);
	body_check(f, id, abc, "abc");
}

static void a_body_beyond_the_room_is_refused_but_not_one_that_is_there(void **state)
{
	/* Five bytes do not go into four; three that are kept already need none. */
	struct fixture *f = *state;
	struct id id = submit_plain(f);
	bool new;

	assert_int_equal(body_put(f, id, hello, "hello", 4, &new), ERR_LIMIT);
	assert_int_equal(body_open(f, id, hello), ERR_NOT_FOUND);
	assert_int_equal(body_put(f, id, abc, "abc", 3, &new), ERR_NONE);
	assert_int_equal(body_put(f, id, abc, "abc", 0, &new), ERR_NONE);
	assert_false(new);
}

static void a_torn_body_is_written_anew(void **state)
{
	/* What a power failure may leave under the right name is not believed: other bytes
	 * of the same length, and too few. */
	struct fixture *f = *state;
	struct id id = submit_plain(f);
	static const char *const torn[] = {"ab\0", "ab"};
	char path[256];
	bool new;

	for (int i = 0; i < 2; i++) {
		FILE *file;

		assert_int_equal(body_put(f, id, abc, "abc", 100, &new), ERR_NONE);
		body_path(f, id, abc, path);
		file = fopen(path, "w");
		assert_non_null(file);
		assert_int_equal(fwrite(torn[i], 1, (size_t)(3 - i), file), 3 - i);
		fclose(file);
		assert_int_equal(body_put(f, id, abc, "abc", 100, &new), ERR_NONE);
		assert_true(new);
		body_check(f, id, abc, "abc");
	}
}

static void only_a_hash_names_a_body(void **state)
{
	/* No paths, no upper case, no other length; and no link leads out of the folder. */
	struct fixture *f = *state;
	struct id id = submit_plain(f);
	static const char *const names[] = {
		"",
		"..",
		"../../jobmill.db",
		"new-0",
		"BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a",
		"../816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	};
	char path[256];
	bool new;

	assert_int_equal(body_put(f, id, abc, "abc", 100, &new), ERR_NONE);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(body_open(f, id, names[i]), ERR_NOT_FOUND);
	body_path(f, id, hello, path);
	assert_int_equal(symlink(abc, path), 0);
	assert_int_equal(body_open(f, id, hello), ERR_NOT_FOUND);
	assert_int_equal(body_open(f, id, abc), ERR_NONE);
}

static void a_commit_with_bodies_shows_its_items(void **state)
{
	/* It takes the way through the results thread, small as it is, and the ones behind it
	 * keep their order. */
	struct fixture *f = *state;
	struct id id = submit_plain(f);
	char got[64];
	struct err err;
	size_t len;

	for (int i = 0; i < 3; i++) {
		struct op_commit commit = {.op.kind = OP_COMMIT,
					   .id = id,
					   .attempt = 1,
					   .results = i == 0   ? "1\n"
						      : i == 1 ? "2\n"
							       : "3\n",
					   .results_len = 2,
					   .items = 1,
					   .bodies = i == 1};

		assert_int_equal(put_wait(f, &commit.op), ERR_NONE);
	}
	assert_int_equal(store_results_read(f->store, &id, 0, got, sizeof(got), &len, &err), 0);
	assert_int_equal(len, 6);
	assert_memory_equal(got, "1\n2\n3\n", 6);
}

static void bodies_go_with_their_job(void **state)
{
	/* Deleted, or found without a job at the next start; those of others stay. */
	struct fixture *f = *state;
	struct id id = submit_plain(f), other = submit_plain(f), nobody;
	struct op_delete op = {.op.kind = OP_DELETE, .id = id};
	bool new;

	id_new(&nobody);
	assert_int_equal(body_put(f, id, abc, "abc", 100, &new), ERR_NONE);
	assert_int_equal(body_put(f, other, abc, "abc", 100, &new), ERR_NONE);
	assert_int_equal(body_put(f, nobody, abc, "abc", 100, &new), ERR_NONE);
	assert_int_equal(move_job(f, id, JOB_MOVE_CANCEL), ERR_NONE);
	assert_int_equal(put_wait(f, &op.op), ERR_NONE);
	fixture_reopen(f);
	assert_int_equal(body_open(f, id, abc), ERR_NOT_FOUND);
	assert_int_equal(body_open(f, nobody, abc), ERR_NOT_FOUND);
	body_check(f, other, abc, "abc");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(equal_bodies_are_kept_once),
		TEST(a_body_beyond_the_room_is_refused_but_not_one_that_is_there),
		TEST(a_torn_body_is_written_anew),
		TEST(only_a_hash_names_a_body),
		TEST(a_commit_with_bodies_shows_its_items),
		TEST(bodies_go_with_their_job),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
