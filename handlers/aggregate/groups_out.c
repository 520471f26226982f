/* SPDX-License-Identifier: MIT */
/* groups_out.c - the groups of all tables and files, division by division, into texts in order.
 *
 * groups_merge(): the groups of a division come together in a table of their own (those of a
 * single table stay where they are), each becomes an entry, entries are sorted and put away, in
 * memory or in a file without a name.  groups_next() takes the first of all divisions.
 *
 *   an entry: lengths (4, 4), what it is sorted by, its text
 */
#include "handlers/aggregate/groups_out.h"

#include "base/json.h"
#include "base/limits.h"
#include "handlers/aggregate/order.h"
#include "handlers/aggregate/table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	DIVISION_GROUPS = 8192, /* as many are merged in some milliseconds */
	DIVISION_BYTES = 4 * 1024 * 1024,
	ENTRIES_BYTES_MAX = 1024 * 1024 * 1024,
	WINDOW_BYTES_MIN = 4 * 1024, /* of a division in the file, read at once: all of them … */
	SORTED_SHARE = 4,	     /* of the budget, however much the tables have */
	WINDOWS_SHARE = 4,	     /* … have a quarter of what there is for sorted groups */
	DIGITS_MAX = 1024,	     /* of a sum beyond 64 bits: it has 60 */
};

struct entry_head {
	uint32_t sort_len, text_len;
};

/* The sorted entries of a division, and how far they are taken. */
struct division {
	char *data; /* all of them, or a window of those in the file */
	size_t len, at;
	int64_t file_at, file_end; /* in the file, behind the window */
	size_t room;		   /* of the window; 0: all is in memory */
};

struct groups_out {
	struct groups_out_options options;
	struct group_table **tables;
	const struct aggregates *plan;
	struct buf *labels; /* ,"name": of each member */
	bool alone;	    /* one table, without files: its groups are finished in place */
	unsigned count;
	int64_t bytes_max; /* of sorted groups */
	struct division *divisions;
	int fd;
	/* Added to by all lanes, read once they are done: relaxed. */
	atomic_int_fast64_t bytes, groups, file_end;
	atomic_int_fast64_t *approximate; /* groups, by member */
	struct division **heap;		  /* the first entry on top */
	unsigned heap_count;
	bool heaped;
	int64_t given;
};

static int no_memory(struct err *err)
{
	return err_set(err, ERR_NO_MEMORY, "no memory for groups");
}

/* ---- making ---- */

static int labels_make(struct groups_out *out)
{
	unsigned count = aggregates_members(out->plan);

	out->labels = calloc(count + 1, sizeof(*out->labels));
	out->approximate = calloc(count + 1, sizeof(*out->approximate));
	if (!out->labels || !out->approximate)
		return -1;
	for (unsigned i = 0; i < count; i++) {
		const char *name = aggregates_member(out->plan, i);

		buf_init(&out->labels[i], JSON_STRING_BYTES_MAX * 6);
		buf_add_byte(&out->labels[i], i == 0 ? '{' : ',');
		json_quote(&out->labels[i], name, strlen(name));
		if (buf_add_byte(&out->labels[i], ':'))
			return -1;
	}
	return 0;
}

static void divisions_plan(struct groups_out *out)
{
	int64_t groups = 0, bytes = 0, memory = 0;

	out->alone = out->options.tables_count == 1;
	for (unsigned i = 0; i < out->options.tables_count; i++) {
		struct group_table_size size;

		group_table_size(out->tables[i], &size);
		groups += size.groups + size.spilled_groups;
		memory += size.bytes;
		bytes += size.bytes + size.spilled_bytes;
		out->alone = out->alone && out->tables[i]->runs_count == 0;
	}
	out->bytes_max =
		MAX(out->options.bytes_max - memory, out->options.bytes_max / SORTED_SHARE);
	out->count = 1;
	while (out->plan->keys > 0 && out->count < DIVISIONS &&
	       (groups / DIVISION_GROUPS > out->count || bytes / DIVISION_BYTES > out->count))
		out->count *= 2;
}

/* A file that is gone with its last descriptor. */
static int file_open(struct groups_out *out, struct err *err)
{
	char *path;

	out->fd = -1;
	if (!out->options.dir)
		return 0;
	if (asprintf(&path, "%s/groups-XXXXXX", out->options.dir) < 0)
		return no_memory(err);
	out->fd = mkostemp(path, O_CLOEXEC);
	if (out->fd < 0)
		err_set_errno(err, ERR_IO, errno, "making %s", path);
	else
		unlink(path);
	free(path);
	return out->fd < 0 ? -1 : 0;
}

int groups_out_new(const struct groups_out_options *options, struct groups_out **ret_out,
		   unsigned *ret_divisions, struct err *err)
{
	struct groups_out *out = calloc(1, sizeof(*out));

	if (!out)
		return no_memory(err);
	out->options = *options;
	out->fd = -1;
	out->plan = options->tables[0]->plan;
	out->tables = calloc(options->tables_count, sizeof(*out->tables));
	if (out->tables) {
		memcpy(out->tables, options->tables, options->tables_count * sizeof(*out->tables));
		divisions_plan(out);
		out->divisions = calloc(out->count, sizeof(*out->divisions));
		out->heap = calloc(out->count, sizeof(*out->heap));
	}
	if (!out->tables || !out->divisions || !out->heap || labels_make(out)) {
		groups_out_free(out);
		return no_memory(err);
	}
	if (file_open(out, err)) {
		groups_out_free(out);
		return -1;
	}
	*ret_divisions = out->count;
	*ret_out = out;
	return 0;
}

void groups_out_free(struct groups_out *out)
{
	if (!out)
		return;
	for (unsigned i = 0; out->divisions && i < out->count; i++)
		free(out->divisions[i].data);
	for (unsigned i = 0; out->labels && i < aggregates_members(out->plan); i++)
		buf_done(&out->labels[i]);
	if (out->fd >= 0)
		close(out->fd);
	free(out->labels);
	free(out->approximate);
	free(out->divisions);
	free(out->heap);
	free(out->tables);
	free(out);
}

/* ---- a group becomes an entry ---- */

struct entry {
	size_t at; /* in `data`: what it is sorted by, then its text */
	uint32_t sort_len, text_len;
};

/* A division at work. */
struct merging {
	struct groups_out *out;
	struct buf data, text, scratch, record;
	struct entry *entries;
	size_t count, capacity;
};

/* The value of key number `which`. */
static void key_value(const struct aggregates *plan, struct group *group, unsigned which,
		      struct buf *scratch, struct value *ret)
{
	struct bytes bytes = {.at = group_key(plan, group)};

	bytes.end = bytes.at + group->key_len;
	for (unsigned i = 0; i <= which; i++) {
		buf_clear(scratch);
		if (!order_read(&bytes, i + 1 == plan->keys, scratch, ret))
			*ret = (struct value){.kind = VALUE_NULL};
	}
}

static int member_value(struct merging *merging, struct group *group, unsigned which,
			struct value *ret, bool *ret_approximate)
{
	const struct aggregates *plan = merging->out->plan;
	struct finish finish = {
		.plan = plan, .states = group_states(group), .text = &merging->text};
	int rc = 0;

	buf_clear(&merging->text);
	if (which < plan->keys) {
		key_value(plan, group, which, &merging->scratch, ret);
	} else {
		finish.member = &plan->members[which - plan->keys];
		rc = finish.member->function->finish(&finish, ret);
	}
	*ret_approximate = finish.approximate;
	return rc;
}

/* A sum beyond 64 bits stands where its double does. */
static struct value sort_value(struct value value)
{
	char text[DIGITS_MAX];
	double number;

	if (value.kind != VALUE_BIG || value.len >= sizeof(text))
		return value;
	memcpy(text, value.at, value.len);
	text[value.len] = '\0';
	number = strtod(text, NULL);
	return number - number == 0 ? (struct value){.kind = VALUE_DOUBLE, .number = number}
				    : value;
}

static int sort_add(struct merging *merging, struct group *group)
{
	const struct group_sort *sort = merging->out->options.sort;
	const struct aggregates *plan = merging->out->plan;

	for (unsigned i = 0; sort && i < sort->count; i++) {
		size_t start = merging->data.len;
		struct value value;
		bool approximate;

		if (member_value(merging, group, sort->by[i].member, &value, &approximate))
			return -1;
		value = sort_value(value);
		if (order_add(&merging->data, &value, false, &merging->scratch))
			return -1;
		for (size_t at = start; sort->by[i].descending && at < merging->data.len; at++)
			merging->data.data[at] = (char)~merging->data.data[at];
	}
	return buf_add(&merging->data, group_key(plan, group), group->key_len);
}

static int text_add(struct merging *merging, struct group *group)
{
	struct groups_out *out = merging->out;

	for (unsigned i = 0; i < aggregates_members(out->plan); i++) {
		struct value value;
		bool approximate;

		if (member_value(merging, group, i, &value, &approximate))
			return -1;
		if (approximate)
			atomic_fetch_add_explicit(&out->approximate[i], 1, memory_order_relaxed);
		buf_add(&merging->data, out->labels[i].data, out->labels[i].len);
		if (value_print(&value, &merging->data))
			return -1;
	}
	return buf_add_byte(&merging->data, '}');
}

static int entry_add(struct merging *merging, struct group *group)
{
	struct entry *entry;

	if (merging->count == merging->capacity) {
		size_t capacity = merging->capacity ? merging->capacity * 2 : 64;
		struct entry *entries =
			realloc(merging->entries, capacity * sizeof(*merging->entries));

		if (!entries)
			return -1;
		merging->entries = entries;
		merging->capacity = capacity;
	}
	entry = &merging->entries[merging->count++];
	entry->at = merging->data.len;
	if (sort_add(merging, group))
		return -1;
	entry->sort_len = (uint32_t)(merging->data.len - entry->at);
	if (text_add(merging, group))
		return -1;
	entry->text_len = (uint32_t)(merging->data.len - entry->at) - entry->sort_len;
	return 0;
}

/* ---- merging ---- */

static int entries_add(struct merging *merging, const struct group_table *table, unsigned first,
		       unsigned end, struct err *err)
{
	struct group_walk walk;
	struct group *group;

	group_walk(table, first, end, &walk);
	while ((group = group_next(&walk)))
		if (entry_add(merging, group))
			return no_memory(err);
	return 0;
}

/* What a table has in memory of the divisions, into `merged`. */
static int memory_absorb(struct merging *merging, const struct group_table *table, unsigned first,
			 unsigned end, struct group_table *merged, struct err *err)
{
	struct buf *record = &merging->record;
	struct group_walk walk;
	struct group *group;

	group_walk(table, first, end, &walk);
	while ((group = group_next(&walk))) {
		struct bytes bytes;

		buf_clear(record);
		group_write(table->plan, group, record);
		if (!buf_ok(record))
			return no_memory(err);
		bytes = (struct bytes){.at = (const uint8_t *)record->data,
				       .end = (const uint8_t *)record->data + record->len};
		if (group_absorb(merged, &bytes, err))
			return -1;
	}
	return 0;
}

static int tables_absorb(struct merging *merging, unsigned first, unsigned end,
			 struct group_table *merged, struct err *err)
{
	struct groups_out *out = merging->out;

	for (unsigned i = 0; i < out->options.tables_count; i++) {
		const struct group_table *table = out->tables[i];

		if (memory_absorb(merging, table, first, end, merged, err))
			return -1;
		for (unsigned j = 0; j < table->runs_count; j++)
			if (run_absorb(&table->runs[j], first, end, &merging->record, merged, err))
				return -1;
	}
	return 0;
}

static int division_entries(struct merging *merging, unsigned first, unsigned end, struct err *err)
{
	struct groups_out *out = merging->out;
	struct group_table_options options = {
		.plan = out->plan, .bytes_max = INT64_MAX, .seed = out->tables[0]->seed};
	struct group_table *merged;
	int rc;

	if (out->alone && (out->plan->keys > 0 || out->tables[0]->count > 0))
		return entries_add(merging, out->tables[0], first, end, err);
	if (group_table_new(&options, &merged, err))
		return -1;
	merged->same_bits = (unsigned)__builtin_ctz(out->count);
	rc = tables_absorb(merging, first, end, merged, err);
	if (rc == 0 && out->plan->keys == 0 && !group_only(merged))
		rc = no_memory(err);
	if (rc == 0)
		rc = entries_add(merging, merged, first, end, err);
	group_table_free(merged);
	return rc;
}

/* ---- sorting, and putting away ---- */

static int sort_compare(const char *a, uint32_t a_len, const char *b, uint32_t b_len)
{
	int order = memcmp(a, b, MIN(a_len, b_len));

	return order ? order : (a_len > b_len) - (a_len < b_len);
}

static int entry_compare(const void *a, const void *b, void *data)
{
	const struct entry *x = a, *y = b;
	const char *bytes = data;

	return sort_compare(bytes + x->at, x->sort_len, bytes + y->at, y->sort_len);
}

static size_t window_bytes(const struct groups_out *out)
{
	return MAX((size_t)out->bytes_max / WINDOWS_SHARE / out->count, WINDOW_BYTES_MIN);
}

static int file_add(struct groups_out *out, struct division *division, const struct buf *sorted,
		    struct err *err)
{
	int64_t offset = atomic_fetch_add_explicit(&out->file_end, (int64_t)sorted->len,
						   memory_order_relaxed);

	for (size_t at = 0; at < sorted->len;) {
		ssize_t written =
			pwrite(out->fd, sorted->data + at, sorted->len - at, offset + (int64_t)at);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return err_set_errno(err, errno == ENOSPC ? ERR_DISK_FULL : ERR_IO, errno,
					     "writing sorted groups");
		at += (size_t)written;
	}
	*division = (struct division){.file_at = offset,
				      .file_end = offset + (int64_t)sorted->len,
				      .room = MIN(window_bytes(out), sorted->len)};
	return 0;
}

static int division_put(struct merging *merging, struct division *division, struct err *err)
{
	struct groups_out *out = merging->out;
	struct buf sorted = BUF(ENTRIES_BYTES_MAX);
	size_t count = merging->count;
	int rc = 0;

	if (out->options.limit > 0)
		count = MIN(count, (size_t)out->options.limit);
	for (size_t i = 0; i < count; i++) {
		const struct entry *entry = &merging->entries[i];
		struct entry_head head = {entry->sort_len, entry->text_len};

		buf_add(&sorted, &head, sizeof(head));
		buf_add(&sorted, merging->data.data + entry->at,
			(size_t)entry->sort_len + entry->text_len);
	}
	if (!buf_ok(&sorted)) {
		rc = no_memory(err);
	} else if (out->fd >= 0 &&
		   atomic_load_explicit(&out->bytes, memory_order_relaxed) + (int64_t)sorted.len >
			   out->bytes_max) {
		rc = file_add(out, division, &sorted, err);
	} else {
		atomic_fetch_add_explicit(&out->bytes, (int64_t)sorted.len, memory_order_relaxed);
		division->len = sorted.len;
		division->data = buf_take(&sorted, NULL);
	}
	buf_done(&sorted);
	return rc;
}

int groups_merge(struct groups_out *out, unsigned division, struct err *err)
{
	unsigned share = DIVISIONS / out->count;
	struct merging merging = {.out = out,
				  .data = BUF(ENTRIES_BYTES_MAX),
				  .text = BUF(ENTRIES_BYTES_MAX),
				  .scratch = BUF(RECORD_BYTES_MAX),
				  .record = BUF(ENTRIES_BYTES_MAX + 1)};
	int rc = division_entries(&merging, division * share, (division + 1) * share, err);

	if (rc == 0) {
		if (merging.count > 1)
			qsort_r(merging.entries, merging.count, sizeof(*merging.entries),
				entry_compare, merging.data.data);
		atomic_fetch_add_explicit(&out->groups, (int64_t)merging.count,
					  memory_order_relaxed);
		rc = division_put(&merging, &out->divisions[division], err);
	}
	free(merging.entries);
	buf_done(&merging.data);
	buf_done(&merging.text);
	buf_done(&merging.scratch);
	buf_done(&merging.record);
	return rc;
}

int64_t groups_count(const struct groups_out *out)
{
	return atomic_load_explicit(&out->groups, memory_order_relaxed);
}

/* ---- taking ---- */

/* The window moves on so that it begins with the next entry and has `bytes` of it. */
static int window_fill(struct groups_out *out, struct division *division, size_t bytes,
		       struct err *err)
{
	size_t left = division->len - division->at;
	char *data;

	if (left >= bytes || division->file_at == division->file_end)
		return 0;
	division->room = MAX(division->room, bytes);
	data = malloc(division->room);
	if (!data)
		return no_memory(err);
	if (left > 0)
		memcpy(data, division->data + division->at, left);
	free(division->data);
	division->data = data;
	division->at = 0;
	division->len = left;
	while (division->len < division->room && division->file_at < division->file_end) {
		size_t want = MIN(division->room - division->len,
				  (size_t)(division->file_end - division->file_at));
		ssize_t got = pread(out->fd, data + division->len, want, division->file_at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return err_set_errno(err, ERR_IO, got < 0 ? errno : EIO,
					     "reading sorted groups");
		division->len += (size_t)got;
		division->file_at += got;
	}
	return 0;
}

static struct entry_head division_head(const struct division *division)
{
	struct entry_head head;

	memcpy(&head, division->data + division->at, sizeof(head));
	return head;
}

/* 1: its first entry is in memory; 0: there is none; -1. */
static int division_ready(struct groups_out *out, struct division *division, struct err *err)
{
	struct entry_head head;

	if (window_fill(out, division, sizeof(head), err))
		return -1;
	if (division->at == division->len) {
		free(division->data);
		division->data = NULL;
		return 0;
	}
	head = division_head(division);
	return window_fill(out, division, sizeof(head) + head.sort_len + head.text_len, err) ? -1
											     : 1;
}

static bool division_before(const struct division *a, const struct division *b)
{
	struct entry_head x = division_head(a), y = division_head(b);

	return sort_compare(a->data + a->at + sizeof(x), x.sort_len, b->data + b->at + sizeof(y),
			    y.sort_len) < 0;
}

static void heap_down(struct groups_out *out, unsigned at)
{
	for (unsigned child; (child = 2 * at + 1) < out->heap_count; at = child) {
		struct division *division = out->heap[at];

		if (child + 1 < out->heap_count &&
		    division_before(out->heap[child + 1], out->heap[child]))
			child++;
		if (!division_before(out->heap[child], division))
			return;
		out->heap[at] = out->heap[child];
		out->heap[child] = division;
	}
}

static int heap_make(struct groups_out *out, struct err *err)
{
	for (unsigned i = 0; i < out->count; i++) {
		int ready = division_ready(out, &out->divisions[i], err);

		if (ready < 0)
			return -1;
		if (ready > 0)
			out->heap[out->heap_count++] = &out->divisions[i];
	}
	for (unsigned i = out->heap_count / 2; i-- > 0;)
		heap_down(out, i);
	out->heaped = true;
	return 0;
}

int groups_next(struct groups_out *out, struct buf *into, struct err *err)
{
	struct division *first;
	struct entry_head head;
	int ready;

	if (!out->heaped && heap_make(out, err))
		return -1;
	if (out->heap_count == 0 || (out->options.limit > 0 && out->given == out->options.limit))
		return 0;
	first = out->heap[0];
	head = division_head(first);
	if (buf_add(into, first->data + first->at + sizeof(head) + head.sort_len, head.text_len))
		return err_set(err, ERR_LIMIT, "a group of %u bytes is too long", head.text_len);
	first->at += sizeof(head) + head.sort_len + head.text_len;
	ready = division_ready(out, first, err);
	if (ready < 0)
		return -1;
	if (ready == 0)
		out->heap[0] = out->heap[--out->heap_count];
	heap_down(out, 0);
	out->given++;
	return 1;
}

/* ---- what is not exact ---- */

static void approximate_out(const struct groups_out *out, unsigned i, struct json_out *json)
{
	bool distinct = out->plan->members[i - out->plan->keys].function->keep == KEEP_DISTINCT;

	json_out_object(json, aggregates_member(out->plan, i));
	json_out_text(json, "method", distinct ? "hyperloglog" : "ddsketch");
	json_out_double(json, distinct ? "standard_error" : "relative_error",
			distinct ? DISTINCT_ERROR : QUANTILE_ERROR);
	json_out_int(json, "groups",
		     atomic_load_explicit(&out->approximate[i], memory_order_relaxed));
	json_out_end(json, '}');
}

bool groups_approximate(const struct groups_out *out, struct json_out *json)
{
	bool any = false;

	for (unsigned i = 0; i < aggregates_members(out->plan); i++) {
		if (atomic_load_explicit(&out->approximate[i], memory_order_relaxed) == 0)
			continue;
		if (!any)
			json_out_object(json, "approximate");
		any = true;
		approximate_out(out, i, json);
	}
	if (any)
		json_out_end(json, '}');
	return any;
}
