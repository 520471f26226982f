/* SPDX-License-Identifier: MIT */
/* group_save.c - checkpoints of a table, and tables into one.
 *
 *   "grp1"  fingerprint of the plan (8)  seed (8)  number of the next file
 *   files: how many; of each its name, groups, bytes, sum of its directory (8)
 *   groups: how many; group_write() of each
 *   XXH3 of all before (8)
 */
#include "base/limits.h"
#include "handlers/aggregate/table.h"

#include <xxhash.h>

static const char magic[4] = "grp1";

enum { SEAL_BYTES = 2 * GROUP_BLOB_BYTES_MAX }; /* in memory: more is not tried as a blob */

static void runs_write(const struct group_table *table, struct buf *blob)
{
	bytes_add_uint(blob, table->next_run);
	bytes_add_uint(blob, table->runs_count);
	for (unsigned i = 0; i < table->runs_count; i++) {
		const struct group_run *run = &table->runs[i];
		const char *name = strrchr(run->path, '/') + 1;

		bytes_add_uint(blob, strlen(name));
		buf_add_text(blob, name);
		bytes_add_uint(blob, (uint64_t)run->groups);
		bytes_add_uint(blob, (uint64_t)run->bytes);
		bytes_add_u64(blob, run->sum);
	}
}

static void blob_write(struct group_table *table, struct buf *blob)
{
	size_t start = blob->len;
	struct group_walk walk;
	struct group *group;

	buf_add(blob, magic, sizeof(magic));
	bytes_add_u64(blob, table->plan->fingerprint);
	bytes_add_u64(blob, table->seed);
	runs_write(table, blob);
	bytes_add_uint(blob, table->count);
	group_walk(table, 0, DIVISIONS, &walk);
	while (blob->len - start <= GROUP_BLOB_BYTES_MAX && (group = group_next(&walk)))
		group_write(table->plan, group, blob);
	bytes_add_u64(blob, XXH3_64bits(buf_text(blob) + start, blob->len - start));
}

int group_table_save(struct group_table *table, struct buf *blob, struct err *err)
{
	size_t start = blob->len;
	struct group_table_size size;

	group_table_size(table, &size);
	if (size.bytes > SEAL_BYTES && group_table_spill(table, err))
		return -1;
	blob_write(table, blob);
	if (blob->len - start > GROUP_BLOB_BYTES_MAX) {
		buf_cut(blob, start);
		if (group_table_spill(table, err))
			return -1;
		blob_write(table, blob);
	}
	if (runs_sync(table, err))
		return -1;
	table->droppable = table->dropped_count;
	return buf_ok(blob) ? 0 : err_set(err, ERR_NO_MEMORY, "no memory for a checkpoint");
}

/* ---- loading ---- */

static int damaged(struct err *err)
{
	return err_set(err, ERR_IO, "saved groups are damaged");
}

static int runs_read(struct group_table *table, struct bytes *bytes, struct err *err)
{
	uint64_t count;

	table->next_run = bytes_uint(bytes);
	count = bytes_uint(bytes);
	if (bytes->damaged || count > GROUP_RUNS_MAX)
		return damaged(err);
	for (; count > 0; count--) {
		struct group_run run = {0};
		uint64_t len = bytes_uint(bytes);
		const char *name = (const char *)bytes_take(bytes, len);

		run.groups = (int64_t)bytes_uint(bytes);
		run.bytes = (int64_t)bytes_uint(bytes);
		run.sum = bytes_u64(bytes);
		if (bytes->damaged || len == 0 || len > NAME_BYTES_MAX)
			return damaged(err);
		if (run_adopt(table, name, len, &run, err))
			return -1;
	}
	return 0;
}

static int blob_read(struct group_table *table, struct bytes *bytes, struct err *err)
{
	uint64_t count;

	if (runs_read(table, bytes, err))
		return -1;
	for (count = bytes_uint(bytes); count > 0 && !bytes->damaged; count--)
		if (group_absorb(table, bytes, err))
			return -1;
	return bytes->damaged || bytes->at != bytes->end ? damaged(err) : 0;
}

int group_table_load(struct group_table *table, const void *blob, size_t len, struct err *err)
{
	const uint8_t *at = blob;
	struct bytes bytes = {.at = at, .end = at + len};
	const uint8_t *start = bytes_take(&bytes, sizeof(magic));
	uint64_t fingerprint = bytes_u64(&bytes), seed = bytes_u64(&bytes), sum;

	if (bytes.damaged || bytes_left(&bytes) < sizeof(sum))
		return damaged(err);
	if (memcmp(start, magic, sizeof(magic)) != 0 || fingerprint != table->plan->fingerprint ||
	    seed != table->seed)
		return err_set(err, ERR_IO, "saved groups are of another plan or version");
	bytes.end -= sizeof(sum);
	memcpy(&sum, bytes.end, sizeof(sum));
	if (le64toh(sum) != XXH3_64bits(at, (size_t)(bytes.end - at)))
		return damaged(err);
	if (blob_read(table, &bytes, err) == 0)
		return 0;
	groups_forget(table);
	runs_forget(table, false);
	return -1;
}

/* ---- one table into another ---- */

int group_table_merge(struct group_table *table, struct group_table *from, struct err *err)
{
	struct buf record = BUF(INT64_MAX);
	struct group_walk walk;
	struct group *group;
	int rc = 0;

	group_walk(from, 0, DIVISIONS, &walk);
	while (rc == 0 && (group = group_next(&walk))) {
		struct bytes bytes;

		buf_clear(&record);
		group_write(from->plan, group, &record);
		if (!buf_ok(&record)) {
			rc = err_set(err, ERR_NO_MEMORY, "no memory for groups");
			break;
		}
		bytes = (struct bytes){.at = (const uint8_t *)record.data,
				       .end = (const uint8_t *)record.data + record.len};
		rc = group_absorb(table, &bytes, err);
	}
	buf_done(&record);
	if (rc == 0)
		rc = runs_move(table, from, err);
	if (rc == 0)
		groups_forget(from);
	return rc;
}
