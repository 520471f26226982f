/* SPDX-License-Identifier: MIT */
/* test_store_migrate.c - versions of the schema: forward, refused, failed. */
#include "tests/unit/store/fixture.h"

#include "store/db.h"
#include "store/schema.h"

static const struct schema_step steps[] = {
	{"CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1);"},
	{"ALTER TABLE a ADD COLUMN y INTEGER NOT NULL DEFAULT 7;"},
};

static const struct schema_step bad_steps[] = {
	{"CREATE TABLE a (x INTEGER) STRICT;"},
	{"ALTER TABLE a ADD COLUMN z INTEGER; CREATE TABLE a (again INTEGER);"},
};

struct place {
	char dir[64], path[96], backup[112];
	struct db db;
};

static void place_open(struct place *p)
{
	struct db_config config = {.path = p->path, .mode = DB_WRITER, .sync = true};
	struct err err;

	if (db_open(&p->db, &config, &err))
		fail_msg("db_open: %s", err.detail);
}

static int place_setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->dir, "/tmp/jobmill-test-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->path, sizeof(p->path), "%s/jobmill.db", p->dir);
	snprintf(p->backup, sizeof(p->backup), "%s.v1.bak", p->path);
	place_open(p);
	*state = p;
	return 0;
}

static int place_teardown(void **state)
{
	struct place *p = *state;
	char command[128];

	db_close(&p->db);
	snprintf(command, sizeof(command), "rm -rf %s", p->dir);
	assert_int_equal(system(command), 0);
	free(p);
	return 0;
}

static int64_t number(struct place *p, const char *sql)
{
	int64_t value;
	struct err err;

	if (db_number(&p->db, sql, &value, &err))
		fail_msg("%s: %s", sql, err.detail);
	return value;
}

static void new_file_gets_all_steps(void **state)
{
	/* From nothing to the last version, marked as ours, without a copy. */
	struct place *p = *state;
	struct err err;

	assert_int_equal(schema_migrate(&p->db, p->path, steps, 2, &err), 0);
	assert_int_equal(number(p, "PRAGMA user_version"), 2);
	assert_int_equal(number(p, "PRAGMA application_id"), 0x4A4D494C);
	assert_int_equal(number(p, "SELECT y FROM a"), 7);
	assert_int_not_equal(access(p->backup, F_OK), 0);
}

static void old_file_is_copied_then_moved_on(void **state)
{
	/* Version 1 becomes 2 and keeps its rows; the copy is still version 1. */
	struct place *p = *state;
	struct err err;

	assert_int_equal(schema_migrate(&p->db, p->path, steps, 1, &err), 0);
	assert_int_equal(schema_migrate(&p->db, p->path, steps, 2, &err), 0);
	assert_int_equal(number(p, "SELECT x + y FROM a"), 8);
	db_close(&p->db);
	strcpy(p->path, p->backup);
	place_open(p);
	assert_int_equal(number(p, "PRAGMA user_version"), 1);
	assert_int_equal(number(p, "SELECT x FROM a"), 1);
	assert_int_equal(number(p, "SELECT count(*) FROM pragma_table_info('a')"), 1);
}

static void failed_migration_leaves_the_file(void **state)
{
	/* Half of a step worked: nothing of it is there, and the version is the old one. */
	struct place *p = *state;
	struct err err;

	assert_int_equal(schema_migrate(&p->db, p->path, steps, 1, &err), 0);
	assert_int_equal(schema_migrate(&p->db, p->path, bad_steps, 2, &err), -1);
	assert_non_null(strstr(err.detail, "migration to version 2"));
	assert_int_equal(number(p, "PRAGMA user_version"), 1);
	assert_int_equal(number(p, "SELECT count(*) FROM pragma_table_info('a')"), 1);
	assert_int_equal(number(p, "SELECT x FROM a"), 1);
}

static void newer_file_is_refused(void **state)
{
	/* Both versions are named and the file is not touched. */
	struct place *p = *state;
	struct err err;

	assert_int_equal(schema_migrate(&p->db, p->path, steps, 2, &err), 0);
	assert_int_equal(schema_migrate(&p->db, p->path, steps, 1, &err), -1);
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_non_null(strstr(err.detail, "has schema version 2, this jobmill knows up to 1"));
	assert_int_equal(number(p, "PRAGMA user_version"), 2);
}

static void foreign_file_is_refused(void **state)
{
	/* Somebody else's database is not migrated. */
	struct place *p = *state;
	struct err err;

	assert_int_equal(db_exec(&p->db, "CREATE TABLE theirs (x)", &err), 0);
	assert_int_equal(schema_migrate(&p->db, p->path, steps, 2, &err), -1);
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_int_equal(number(p, "SELECT count(*) FROM sqlite_schema"), 1);
}

static void plain_queries_use_their_index(void **state)
{
	/* A partial index helps only a query that repeats its predicate: each does. */
	struct place *p = *state;
	struct err err;

	assert_int_equal(schema_migrate(&p->db, p->path, schema_steps, schema_steps_count, &err),
			 0);
	/* INDEXED BY makes a statement that cannot use its index fail to prepare. */
	for (int sql = 0; sql < SQL_STATEMENTS; sql++)
		if (!db_statement(&p->db, (enum sql)sql).stmt)
			fail_msg("statement %d: %s", sql, sqlite3_errmsg(p->db.handle));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)
	const struct CMUnitTest tests[] = {
		TEST(new_file_gets_all_steps),		TEST(old_file_is_copied_then_moved_on),
		TEST(failed_migration_leaves_the_file), TEST(newer_file_is_refused),
		TEST(foreign_file_is_refused),		TEST(plain_queries_use_their_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
