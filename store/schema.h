/* SPDX-License-Identifier: MIT */
/* schema.h - the tables, and the steps from each version of them to the next.
 *
 * A step is SQL that takes a database from version N to N + 1; the first one
 * makes it from nothing.  Steps are only ever added.
 *
 * Threads    schema_migrate() by the thread that opens the store.
 * Errors     0, or -1 and *err: ERR_CONFLICT when the file is not ours or newer.
 */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include "base/err.h"

#include <stddef.h>

struct db;

enum { SCHEMA_APPLICATION_ID = 0x4A4D494C }; /* "JMIL" */

struct schema_step {
	const char *sql;
};

extern const struct schema_step schema_steps[];
extern const size_t schema_steps_count;

/* Brings the database to version `count`.  An older one is first copied to
 * `path`.vN.bak; all steps are one transaction, so that a failure leaves the
 * file as it was. */
int schema_migrate(struct db *db, const char *path, const struct schema_step *steps, size_t count,
		   struct err *err);

#endif
