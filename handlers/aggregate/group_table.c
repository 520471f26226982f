/* SPDX-License-Identifier: MIT */
/* group_table.c - rows into groups in memory.
 *
 * A batch goes through in steps, so that what one row waits for in memory the next ones have
 * asked for already: columns are filled, keys hashed and their slots fetched, groups found,
 * and then each state goes over all rows of the batch.
 */
#include "base/limits.h"
#include "handlers/aggregate/columns.h"
#include "handlers/aggregate/order.h"
#include "handlers/aggregate/table.h"

#include <stdlib.h>
#include <xxhash.h>

enum {
	KEY_WORDS_BYTES = 16,
	FIRST_SLOTS_BITS = 4,
	SLOTS_BITS_MAX = 40,
	CHUNK_BYTES_MIN = 1024,
	CHUNK_BYTES_MAX = 1024 * 1024,
	PAGE_BYTES = 4096,
	FAR_SLOTS_BITS = 14, /* larger tables are not in the cache: groups are fetched ahead */
	KEYS_BYTES_MAX = BATCH_ROWS * AGGREGATE_KEYS_MAX * (2 * GROUP_VALUE_BYTES_MAX + 16),
};

/* A key is a tag and bytes (order.h); of most keys the bytes are in the record.  One of up to
 * KEY_WORDS_BYTES bytes is two words as well, filled up with zeros, so that it is hashed and
 * compared without a branch; a group keeps as many bytes at least. */
struct key {
	const uint8_t *bytes;
	uint32_t len; /* without the tag */
	uint8_t tag;
	uint64_t low, high;
};

int group_table_new(const struct group_table_options *options, struct group_table **ret_table,
		    struct err *err)
{
	struct group_table *table = calloc(1, sizeof(*table));

	if (!table)
		goto no_memory;
	table->plan = options->plan;
	table->seed = options->seed;
	table->bytes_max = options->bytes_max;
	table->dir = options->dir ? strdup(options->dir) : NULL;
	table->name = strdup(options->name ? options->name : "groups");
	buf_init(&table->keys, KEYS_BYTES_MAX);
	buf_init(&table->scratch, RECORD_BYTES_MAX);
	buf_init(&table->rank, RECORD_BYTES_MAX);
	buf_init(&table->text, RECORD_BYTES_MAX);
	if ((options->dir && !table->dir) || !table->name)
		goto no_memory;
	*ret_table = table;
	return 0;
no_memory:
	group_table_free(table);
	return err_set(err, ERR_NO_MEMORY, "no memory for groups");
}

void group_table_free(struct group_table *table)
{
	if (!table)
		return;
	groups_forget(table);
	runs_forget(table, false);
	columns_free(table->columns);
	buf_done(&table->keys);
	buf_done(&table->scratch);
	buf_done(&table->rank);
	buf_done(&table->text);
	free(table->dir);
	free(table->name);
	free(table);
}

void group_table_clear(struct group_table *table)
{
	groups_forget(table);
	runs_forget(table, true);
}

void group_table_size(const struct group_table *table, struct group_table_size *ret_size)
{
	*ret_size = (struct group_table_size){
		.groups = (int64_t)table->count,
		.bytes = table->chunk_bytes + table->extra_bytes +
			 (table->slots ? (int64_t)sizeof(uint64_t) << table->slots_bits : 0),
	};
	for (unsigned i = 0; i < table->runs_count; i++) {
		ret_size->spilled_groups += table->runs[i].groups;
		ret_size->spilled_bytes += table->runs[i].bytes;
	}
}

bool group_table_full(const struct group_table *table)
{
	struct group_table_size size;

	group_table_size(table, &size);
	return size.bytes > table->bytes_max;
}

/* ---- groups in memory ---- */

static void states_done(const struct group_table *table, struct group *group)
{
	for (unsigned i = 0; i < table->plan->states_count; i++) {
		const struct state_plan *state = &table->plan->states[i];

		if (state->ops->done)
			state->ops->done(state, group_states(group) + state->offset);
	}
}

/* key_len: with the tag. */
static size_t group_bytes(const struct aggregates *plan, size_t key_len)
{
	size_t room = MAX(key_len, KEY_WORDS_BYTES + 1);

	return (sizeof(struct group) + plan->states_bytes + room + 7) & ~(size_t)7;
}

void groups_forget(struct group_table *table)
{
	struct group_chunk *next;
	struct group *group;

	for (struct group_chunk *chunk = table->chunks; chunk; chunk = next) {
		char *at = (char *)(chunk + 1);

		for (char *end = at + chunk->used; at < end;
		     at += group_bytes(table->plan, group->key_len)) {
			group = (struct group *)(void *)at;
			states_done(table, group);
		}
		next = chunk->next;
		free(chunk);
	}
	free(table->slots);
	table->slots = NULL;
	table->chunks = NULL;
	table->slots_bits = 0;
	table->count = 0;
	table->chunk_bytes = table->extra_bytes = 0;
}

static void *chunk_take(struct group_table *table, size_t bytes)
{
	struct group_chunk *chunk = table->chunks;
	void *at;

	if (!chunk || chunk->size - chunk->used < bytes) {
		size_t size = chunk ? MIN(chunk->size * 2, CHUNK_BYTES_MAX) : CHUNK_BYTES_MIN;

		size = MAX(size, bytes);
		chunk = malloc(sizeof(*chunk) + size);
		if (!chunk)
			return NULL;
		*chunk = (struct group_chunk){.next = table->chunks, .size = size};
		table->chunks = chunk;
		table->chunk_bytes += (int64_t)(sizeof(*chunk) + size);
	}
	at = (char *)(chunk + 1) + chunk->used;
	chunk->used += bytes;
	return at;
}

static struct group *group_new(struct group_table *table, const struct key *key, uint64_t hash)
{
	struct group *group = chunk_take(table, group_bytes(table->plan, key->len + 1));
	uint8_t *at;

	if (!group)
		return NULL;
	*group = (struct group){.hash = hash, .key_len = key->len + 1};
	memset(group_states(group), 0, table->plan->states_bytes + KEY_WORDS_BYTES + 1);
	at = group_key(table->plan, group);
	*at = key->tag;
	memcpy(at + 1, key->bytes, key->len);
	return group;
}

/* ---- hashing ---- */

static uint64_t mix(uint64_t a, uint64_t b)
{
	uint128 product = (uint128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t word_at(const uint8_t *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

/* At the end of a page: what is behind it may not be read. */
__attribute__((noinline)) static void words_copy(const uint8_t *at, size_t len, struct key *ret)
{
	uint8_t copy[KEY_WORDS_BYTES] = {0};

	memcpy(copy, at, len);
	ret->low = word_at(copy);
	ret->high = word_at(copy + 8);
}

/* Up to 16 bytes with zeros behind.  It reads 16, of which those beyond `len` may belong to
 * somebody else, but never to another page, and does not use them. */
__attribute__((no_sanitize("address", "thread"))) static inline void
words_read(const uint8_t *at, size_t len, struct key *ret)
{
	static const uint8_t ones[2 * KEY_WORDS_BYTES] = {
		255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
	};
	uint64_t words[2], masks[2];

	if (((uintptr_t)at & (PAGE_BYTES - 1)) > PAGE_BYTES - KEY_WORDS_BYTES) {
		words_copy(at, len, ret);
		return;
	}
	memcpy(words, at, sizeof(words));
	memcpy(masks, ones + KEY_WORDS_BYTES - len, sizeof(masks));
	ret->low = words[0] & masks[0];
	ret->high = words[1] & masks[1];
}

static inline void key_set(struct key *key, uint8_t tag, const void *bytes, size_t len)
{
	key->bytes = bytes;
	key->len = (uint32_t)len;
	key->tag = tag;
	key->low = key->high = 0;
	if (len <= KEY_WORDS_BYTES)
		words_read(bytes, len, key);
}

/* Short keys by two multiplications of their words with the seed. */
static inline uint64_t key_hash(const struct key *key, uint64_t seed)
{
	seed += UINT64_C(0x9e3779b97f4a7c15) * (key->tag + ((uint64_t)key->len << 8));
	if (key->len > KEY_WORDS_BYTES)
		return XXH3_64bits_withSeed(key->bytes, key->len, seed);
	return mix(mix(key->low ^ seed, key->high ^ UINT64_C(0xd6e8feb86659fd93)), seed | 1);
}

/* ---- finding ---- */

static size_t slot_home(const struct group_table *table, uint64_t hash)
{
	return (size_t)(hash << table->same_bits >> (64 - table->slots_bits));
}

static int slots_grow(struct group_table *table)
{
	unsigned bits = table->slots ? table->slots_bits + 1 : FIRST_SLOTS_BITS;
	size_t mask = ((size_t)1 << bits) - 1;
	uint64_t *slots = bits <= SLOTS_BITS_MAX ? calloc(mask + 1, sizeof(*slots)) : NULL;
	size_t count = table->slots ? (size_t)1 << table->slots_bits : 0;

	if (!slots)
		return -1;
	for (size_t i = 0; i < count; i++) {
		size_t at;

		if (!table->slots[i])
			continue;
		if (i + 8 < count)
			__builtin_prefetch(slot_group(table->slots[i + 8]));
		at = (size_t)(slot_group(table->slots[i])->hash << table->same_bits >> (64 - bits));
		while (slots[at])
			at = (at + 1) & mask;
		slots[at] = table->slots[i];
	}
	free(table->slots);
	table->slots = slots;
	table->slots_bits = bits;
	return 0;
}

static inline bool group_has_key(const struct aggregates *plan, struct group *group,
				 const struct key *key, uint64_t hash)
{
	const uint8_t *own = group_key(plan, group);

	if (group->hash != hash || group->key_len != key->len + 1 || *own != key->tag)
		return false;
	if (key->len > KEY_WORDS_BYTES)
		return memcmp(own + 1, key->bytes, key->len) == 0;
	return word_at(own + 1) == key->low && word_at(own + 9) == key->high;
}

/* The slot of the group, or the free one where it goes. */
static inline uint64_t *slot_find(struct group_table *table, const struct key *key, uint64_t hash)
{
	size_t mask = ((size_t)1 << table->slots_bits) - 1, at = slot_home(table, hash);
	uint64_t slot;

	for (; (slot = table->slots[at]); at = (at + 1) & mask)
		if (slot >> 48 == (hash & 0xffff) &&
		    group_has_key(table->plan, slot_group(slot), key, hash))
			break;
	return &table->slots[at];
}

/* At most five eighths of the slots are in use. */
static bool slots_crowded(const struct group_table *table)
{
	return !table->slots || table->count * 8 >= (size_t)5 << table->slots_bits;
}

__attribute__((noinline)) static struct group *group_add(struct group_table *table,
							 const struct key *key, uint64_t hash)
{
	struct group *group;

	if (slots_crowded(table) && slots_grow(table))
		return NULL;
	group = group_new(table, key, hash);
	if (!group)
		return NULL;
	*slot_find(table, key, hash) = hash << 48 | (uintptr_t)group;
	table->count++;
	return group;
}

static inline struct group *group_find(struct group_table *table, const struct key *key,
				       uint64_t hash)
{
	uint64_t slot = table->slots ? *slot_find(table, key, hash) : 0;

	return slot ? slot_group(slot) : group_add(table, key, hash);
}

void group_walk(const struct group_table *table, unsigned first, unsigned end,
		struct group_walk *ret)
{
	uint64_t slots = table->slots ? UINT64_C(1) << table->slots_bits : 0;
	/* where they are among those of this table */
	uint64_t own_first = (uint64_t)first << table->same_bits & (DIVISIONS - 1);
	uint64_t own_end =
		MIN(own_first + ((uint64_t)(end - first) << table->same_bits), (uint64_t)DIVISIONS);

	*ret = (struct group_walk){
		.table = table,
		.at = (size_t)((own_first * slots) >> DIVISION_BITS),
		.home_end = (size_t)((own_end * slots + DIVISIONS - 1) >> DIVISION_BITS),
		.first = first,
		.end = end,
	};
}

/* Those of the range, and behind it what was displaced from it. */
struct group *group_next(struct group_walk *walk)
{
	const struct group_table *table = walk->table;
	size_t slots = table->slots ? (size_t)1 << table->slots_bits : 0;

	while (walk->steps < slots) {
		uint64_t slot = table->slots[walk->at & (slots - 1)];
		uint64_t ahead = table->slots[(walk->at + 8) & (slots - 1)];
		unsigned division;

		if (!slot && walk->at >= walk->home_end)
			return NULL;
		walk->at++;
		walk->steps++;
		__builtin_prefetch(slot_group(ahead));
		if (!slot)
			continue;
		division = hash_division(slot_group(slot)->hash);
		if (division >= walk->first && division < walk->end)
			return slot_group(slot);
	}
	return NULL;
}

/* ---- adding ---- */

/* One text is its own key. */
static bool key_is_text(const struct value *value)
{
	return value->kind == VALUE_TEXT && value->form != TEXT_ESCAPED;
}

static int key_write(struct group_table *table, const struct columns *columns, size_t row)
{
	unsigned keys = table->plan->keys;

	for (unsigned i = 0; i < keys; i++)
		if (order_add(&table->keys, columns->column[i].at[row], i + 1 == keys,
			      &table->scratch))
			return -1;
	return 0;
}

/* Keys whose bytes stand in the record are left there, all others are written one behind the
 * other; only then is it known where they are. */
static int keys_fill(struct group_table *table, const struct columns *columns, struct key *keys)
{
	bool one = table->plan->keys == 1;
	size_t start = 0;

	buf_clear(&table->keys);
	for (size_t i = 0; i < columns->count; i++) {
		const struct value *value = columns->column[0].at[i];

		if (one && key_is_text(value)) {
			key_set(&keys[i], ORDER_TEXT, value->at, value->len);
			continue;
		}
		if (key_write(table, columns, i))
			return -1;
		keys[i] = (struct key){.len = (uint32_t)(table->keys.len - start - 1)};
		start = table->keys.len;
	}
	start = 0;
	for (size_t i = 0; table->keys.len > 0 && i < columns->count; i++)
		if (keys[i].tag == ORDER_NONE) {
			const uint8_t *at = (const uint8_t *)table->keys.data + start;

			start += keys[i].len + 1;
			key_set(&keys[i], *at, at + 1, keys[i].len);
		}
	return 0;
}

/* The states of each row's group.  -1: no memory. */
static int groups_of(struct group_table *table, const struct columns *columns, uint8_t **ret_states)
{
	struct key keys[BATCH_ROWS];
	uint64_t hashes[BATCH_ROWS];
	bool far = table->slots_bits >= FAR_SLOTS_BITS;

	if (keys_fill(table, columns, keys))
		return -1;
	for (size_t i = 0; i < columns->count; i++) {
		hashes[i] = key_hash(&keys[i], table->seed);
		if (far)
			__builtin_prefetch(&table->slots[slot_home(table, hashes[i])]);
	}
	for (size_t i = 0; far && i < columns->count; i++)
		__builtin_prefetch(slot_group(table->slots[slot_home(table, hashes[i])]), 1);
	for (size_t i = 0; i < columns->count; i++) {
		struct group *group = group_find(table, &keys[i], hashes[i]);

		if (!group)
			return -1;
		ret_states[i] = group_states(group);
	}
	return 0;
}

struct group *group_only(struct group_table *table)
{
	static const uint8_t nothing[KEY_WORDS_BYTES];
	struct key none;

	key_set(&none, ORDER_NULL, nothing, 0);
	return group_find(table, &none, key_hash(&none, table->seed));
}

static int only_group(struct group_table *table, size_t count, uint8_t **ret_states)
{
	struct group *group = group_only(table);

	if (!group)
		return -1;
	for (size_t i = 0; i < count; i++)
		ret_states[i] = group_states(group);
	return 0;
}

static int states_add(struct group_table *table, const struct columns *columns,
		      uint8_t *const *states)
{
	struct state_rows rows = {.count = columns->count,
				  .groups = states,
				  .sequence = columns->sequence,
				  .scratch = &table->scratch,
				  .rank = &table->rank,
				  .text = &table->text,
				  .extra = &table->extra_bytes};

	for (unsigned i = 0; i < table->plan->states_count; i++) {
		const struct state_plan *state = &table->plan->states[i];

		rows.column = &columns->column[state->input];
		if (state->ops->add(state, &rows))
			return -1;
	}
	return 0;
}

static int batch_add(struct group_table *table, const struct columns *columns)
{
	uint8_t *states[BATCH_ROWS];
	int rc = table->plan->keys == 0 ? only_group(table, columns->count, states)
					: groups_of(table, columns, states);

	return rc ? rc : states_add(table, columns, states);
}

int group_table_add(struct group_table *table, const struct group_rows *rows,
		    const struct group_failures *failures, struct err *err)
{
	size_t all = rows->pick ? rows->picked : rows->count, taken;
	struct group_table_size size;

	group_table_size(table, &size);
	if (size.bytes / 2 > table->bytes_max)
		return err_set(err, ERR_LIMIT,
			       "the groups need more than %lld bytes of memory: give a larger "
			       "`memory`, or fewer keys",
			       (long long)table->bytes_max);
	if (!table->columns) {
		table->columns = columns_new(table->plan);
		if (!table->columns)
			return err_set(err, ERR_NO_MEMORY, "no memory for groups");
	}
	for (size_t from = 0; from < all; from += taken) {
		if (columns_fill(table->columns, rows, from, failures, &taken, err))
			return -1;
		if (batch_add(table, table->columns))
			return err_set(err, ERR_NO_MEMORY, "no memory for groups");
	}
	return 0;
}

/* ---- records ---- */

void group_write(const struct aggregates *plan, struct group *group, struct buf *into)
{
	bytes_add_uint(into, group->key_len);
	buf_add(into, group_key(plan, group), group->key_len);
	for (unsigned i = 0; i < plan->states_count; i++)
		plan->states[i].ops->save(&plan->states[i],
					  group_states(group) + plan->states[i].offset, into);
}

static size_t group_extra(const struct aggregates *plan, struct group *group)
{
	size_t extra = 0;

	for (unsigned i = 0; i < plan->states_count; i++)
		if (plan->states[i].ops->extra_bytes)
			extra += plan->states[i].ops->extra_bytes(
				&plan->states[i], group_states(group) + plan->states[i].offset);
	return extra;
}

/* Do these bytes say as many values as there are keys? */
static bool key_sound(struct group_table *table, const uint8_t *at, size_t len)
{
	struct bytes bytes = {.at = at, .end = at + len};
	unsigned keys = table->plan->keys;
	struct value value;

	if (keys == 0)
		return len == 1 && *at == ORDER_NULL;
	buf_clear(&table->scratch);
	for (unsigned i = 0; i < keys; i++)
		if (!order_read(&bytes, i + 1 == keys, &table->scratch, &value))
			return false;
	return bytes.at == bytes.end;
}

int group_absorb(struct group_table *table, struct bytes *bytes, struct err *err)
{
	const struct aggregates *plan = table->plan;
	uint64_t key_len = bytes_uint(bytes);
	const uint8_t *at = bytes_take(bytes, key_len);
	struct group *group;
	struct key key;
	size_t before;

	if (!at || key_len == 0 || key_len > KEYS_BYTES_MAX || !key_sound(table, at, key_len))
		return err_set(err, ERR_IO, "saved groups are damaged");
	key_set(&key, *at, at + 1, key_len - 1);
	group = group_find(table, &key, key_hash(&key, table->seed));
	if (!group)
		return err_set(err, ERR_NO_MEMORY, "no memory for groups");
	before = group_extra(plan, group);
	for (unsigned i = 0; i < plan->states_count; i++)
		if (plan->states[i].ops->absorb(
			    &plan->states[i], group_states(group) + plan->states[i].offset, bytes))
			return err_set(err, ERR_NO_MEMORY, "no memory for groups");
	table->extra_bytes += (int64_t)(group_extra(plan, group) - before);
	return bytes->damaged ? err_set(err, ERR_IO, "saved groups are damaged") : 0;
}
