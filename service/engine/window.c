/* SPDX-License-Identifier: MIT */
/* window.c - flows in round robin, found by id in O(1).
 *
 * All entries and flows come from two arrays made at the start, of which only what
 * was ever used becomes resident; so nothing is allocated under the scheduler's
 * lock.  Each job is an entry in the hash by id and in the list of its flow.  A
 * flow is in the hash by fair key, in the ring of turns of its priority, and in
 * the list of all flows of its length, which is how the longest is found when
 * room is needed.
 *
 *   entry:  free ─ window_add ▶ ready ─ take, remove ▶ free
 *                                   └── while loading ▶ ghost ─ refill_done ▶ free
 */
#include "service/engine/window.h"

#include "base/clock.h"
#include "base/limits.h"
#include "service/engine/task.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum {
	LOW_WATER_SHARE = 4, /* a load begins when a quarter of the window is left */
	OLDEST_FLOWS = 8,    /* how many turns ahead window_oldest_ms() looks */
};

struct entry {
	struct id id;
	struct task *task; /* NULL: a ghost */
	int64_t since_ms;
	struct flow *flow;
	struct entry *prev, *next; /* in the flow; of ghosts and free entries only next */
	struct entry *chain;	   /* of the hash */
};

struct flow {
	enum job_priority priority;
	uint64_t hash;
	struct entry *first, *last; /* never empty: the first names the fair key */
	size_t length;
	struct flow *prev, *next;	      /* ring of turns; of free flows only next */
	struct flow *prev_equal, *next_equal; /* flows of the same length */
	struct flow *chain;		      /* of the hash */
};

struct turns { /* one priority */
	struct flow *first, *last;
	size_t count;	/* tasks */
	size_t longest; /* length of the longest flow */
	struct flow **by_length;
	bool more; /* the store holds what the window does not */
	bool loading;
	bool missed; /* something was turned away since the load began */
};

struct window {
	size_t tasks_max;
	uint64_t seed;
	struct turns turns[PRIORITIES];

	struct entry *entries, *entries_free;
	size_t entries_made, entries_max;
	struct flow *flows, *flows_free;
	size_t flows_made;
	struct entry *ghosts;
	size_t ghosts_count;
	unsigned loads;	  /* of single jobs, under way */
	bool ghosts_lost; /* more left than could be remembered: until the load ends, no adds */

	size_t buckets_mask;
	struct entry **entry_buckets;
	struct flow **flow_buckets;
};

static struct entry *entry_find(const struct window *window, const struct id *id);
static struct entry *entry_new(struct window *window);
static void entry_free(struct window *window, struct entry *entry);
static struct task *entry_leave(struct window *window, struct entry *entry);
static struct flow *flow_find(const struct window *window, enum job_priority priority,
			      const char *fair_key, uint64_t hash);
static struct flow *flow_new(struct window *window, enum job_priority priority, uint64_t hash);
static void flow_append(struct window *window, struct flow *flow, struct entry *entry);
static void flow_rotate(struct turns *turns);
static void ghost_add(struct window *window, const struct id *id);
static void ghosts_free(struct window *window);
static bool any_loading(const struct window *window);

int window_new(size_t tasks_max, struct window **ret_window, struct err *err)
{
	struct window *window = calloc(1, sizeof(*window));
	size_t all = tasks_max * PRIORITIES;
	size_t buckets = 64;
	bool complete;

	assert(tasks_max > 0);
	if (!window)
		return err_set(err, ERR_NO_MEMORY, "ready window");
	while (buckets < all)
		buckets *= 2;
	window->tasks_max = tasks_max;
	window->buckets_mask = buckets - 1;
	window->entries_max = all + tasks_max; /* the rest are ghosts */
	random_bytes(&window->seed, sizeof(window->seed));
	window->entries = calloc(window->entries_max, sizeof(*window->entries));
	window->flows = calloc(all, sizeof(*window->flows));
	window->entry_buckets = calloc(buckets, sizeof(struct entry *));
	window->flow_buckets = calloc(buckets, sizeof(struct flow *));
	complete =
		window->entries && window->flows && window->entry_buckets && window->flow_buckets;
	for (int p = 0; p < PRIORITIES; p++) {
		window->turns[p].by_length = calloc(tasks_max + 1, sizeof(struct flow *));
		complete = complete && window->turns[p].by_length;
	}
	if (!complete) {
		window_free(window);
		return err_set(err, ERR_NO_MEMORY, "ready window of %zu jobs", tasks_max);
	}
	*ret_window = window;
	return 0;
}

void window_free(struct window *window)
{
	if (!window)
		return;
	for (size_t i = 0; i < window->entries_made; i++)
		task_free(window->entries[i].task);
	for (int p = 0; p < PRIORITIES; p++)
		free(window->turns[p].by_length);
	free(window->entries);
	free(window->flows);
	free(window->entry_buckets);
	free(window->flow_buckets);
	free(window);
}

static const char *fair_key_of(const struct task *task)
{
	return task->job.fair_key ? task->job.fair_key : "";
}

/* May a job of this flow (NULL: a new one) come in?  *ret_evicted: who made room. */
static bool room_make(struct window *window, struct turns *turns, const struct flow *flow,
		      struct task **ret_evicted)
{
	if (turns->more && !turns->loading && flow)
		return false;
	if (turns->count < window->tasks_max)
		return true;
	if (flow || turns->longest < 2)
		return false;
	*ret_evicted = entry_leave(window, turns->by_length[turns->longest]->last);
	turns->more = turns->missed = true;
	return true;
}

bool window_add(struct window *window, struct task *task, int64_t since_ms,
		struct task **ret_evicted)
{
	enum job_priority priority = task->job.priority;
	struct turns *turns = &window->turns[priority];
	const char *fair_key = fair_key_of(task);
	uint64_t hash = XXH3_64bits_withSeed(fair_key, strlen(fair_key), window->seed + priority);
	struct flow *flow = flow_find(window, priority, fair_key, hash);
	struct entry *entry = entry_find(window, &task->job.id);

	*ret_evicted = NULL;
	if (entry && entry->task)
		return false; /* it is here already */
	if (entry || window->ghosts_lost || !room_make(window, turns, flow, ret_evicted)) {
		turns->more = turns->missed = true;
		return false;
	}
	entry = entry_new(window);
	entry->id = task->job.id;
	entry->task = task;
	entry->since_ms = since_ms;
	flow_append(window, flow ? flow : flow_new(window, priority, hash), entry);
	turns->count++;
	return true;
}

struct task *window_remove(struct window *window, const struct id *id)
{
	struct entry *entry = entry_find(window, id);

	if (entry && entry->task)
		return entry_leave(window, entry);
	if (!entry && any_loading(window)) /* the load may have read it before */
		ghost_add(window, id);
	return NULL;
}

bool window_has(const struct window *window, const struct id *id)
{
	const struct entry *entry = entry_find(window, id);

	return entry && entry->task;
}

bool window_peek(const struct window *window, enum job_priority priority, int64_t *ret_since_ms)
{
	const struct flow *flow = window->turns[priority].first;

	if (flow)
		*ret_since_ms = flow->first->since_ms;
	return flow != NULL;
}

struct task *window_take(struct window *window, enum job_priority priority)
{
	struct turns *turns = &window->turns[priority];
	struct entry *entry;

	assert(turns->first);
	entry = turns->first->first;
	flow_rotate(turns); /* before the entry leaves: it may be the flow's last */
	return entry_leave(window, entry);
}

size_t window_count(const struct window *window, enum job_priority priority)
{
	return window->turns[priority].count;
}

int64_t window_oldest_ms(const struct window *window, enum job_priority priority, int64_t now_ms)
{
	int64_t oldest_ms = now_ms;
	const struct flow *flow = window->turns[priority].first;

	for (int i = 0; flow && i < OLDEST_FLOWS; i++, flow = flow->next)
		oldest_ms = MIN(oldest_ms, flow->first->since_ms);
	return oldest_ms;
}

bool window_refill_wanted(struct window *window, enum job_priority *ret_priority)
{
	for (int p = 0; p < PRIORITIES; p++) {
		struct turns *turns = &window->turns[p];

		if (!turns->more || turns->loading ||
		    turns->count > window->tasks_max / LOW_WATER_SHARE)
			continue;
		turns->loading = true;
		turns->missed = false;
		*ret_priority = (enum job_priority)p;
		return true;
	}
	return false;
}

void window_refill_done(struct window *window, enum job_priority priority, bool more)
{
	struct turns *turns = &window->turns[priority];

	turns->loading = false;
	turns->more = more || turns->missed;
	ghosts_free(window);
}

void window_load_begin(struct window *window)
{
	window->loads++;
}

void window_load_end(struct window *window)
{
	assert(window->loads > 0);
	window->loads--;
	ghosts_free(window);
}

/* Ghosts have no priority: they go with the last load. */
static void ghosts_free(struct window *window)
{
	if (any_loading(window))
		return;
	while (window->ghosts) {
		struct entry *ghost = window->ghosts;
		window->ghosts = ghost->next;
		entry_free(window, ghost);
	}
	window->ghosts_count = 0;
	window->ghosts_lost = false;
}

static bool any_loading(const struct window *window)
{
	for (int p = 0; p < PRIORITIES; p++)
		if (window->turns[p].loading)
			return true;
	return window->loads > 0;
}

/* ---- entries ---- */

static struct entry **entry_bucket(const struct window *window, const struct id *id)
{
	return &window->entry_buckets[id_hash(id) & window->buckets_mask];
}

static struct entry *entry_find(const struct window *window, const struct id *id)
{
	struct entry *entry = *entry_bucket(window, id);

	while (entry && !id_equal(&entry->id, id))
		entry = entry->chain;
	return entry;
}

/* Not NULL: tasks and ghosts are counted, and there are entries for all. */
static struct entry *entry_new(struct window *window)
{
	struct entry *entry = window->entries_free;

	if (entry) {
		window->entries_free = entry->next;
	} else {
		assert(window->entries_made < window->entries_max);
		entry = &window->entries[window->entries_made++];
	}
	memset(entry, 0, sizeof(*entry));
	return entry;
}

static void entry_index(struct window *window, struct entry *entry)
{
	struct entry **bucket = entry_bucket(window, &entry->id);

	entry->chain = *bucket;
	*bucket = entry;
}

static void entry_free(struct window *window, struct entry *entry)
{
	struct entry **at = entry_bucket(window, &entry->id);

	while (*at != entry)
		at = &(*at)->chain;
	*at = entry->chain;
	entry->task = NULL;
	entry->next = window->entries_free;
	window->entries_free = entry;
}

static void ghost_add(struct window *window, const struct id *id)
{
	struct entry *ghost;

	if (window->ghosts_count == window->tasks_max) {
		window->ghosts_lost = true;
		return;
	}
	window->ghosts_count++;
	ghost = entry_new(window);
	ghost->id = *id;
	ghost->next = window->ghosts;
	window->ghosts = ghost;
	entry_index(window, ghost);
}

/* ---- flows ---- */

static struct flow *flow_find(const struct window *window, enum job_priority priority,
			      const char *fair_key, uint64_t hash)
{
	struct flow *flow = window->flow_buckets[hash & window->buckets_mask];

	while (flow && (flow->hash != hash || flow->priority != priority ||
			strcmp(fair_key_of(flow->first->task), fair_key) != 0))
		flow = flow->chain;
	return flow;
}

static void length_link(struct turns *turns, struct flow *flow)
{
	struct flow **head = &turns->by_length[flow->length];

	flow->prev_equal = NULL;
	flow->next_equal = *head;
	if (*head)
		(*head)->prev_equal = flow;
	*head = flow;
	turns->longest = MAX(turns->longest, flow->length);
}

static void length_unlink(struct turns *turns, struct flow *flow)
{
	if (flow->next_equal)
		flow->next_equal->prev_equal = flow->prev_equal;
	if (flow->prev_equal)
		flow->prev_equal->next_equal = flow->next_equal;
	else
		turns->by_length[flow->length] = flow->next_equal;
}

static void turn_link(struct turns *turns, struct flow *flow)
{
	flow->next = NULL;
	flow->prev = turns->last;
	if (turns->last)
		turns->last->next = flow;
	else
		turns->first = flow;
	turns->last = flow;
}

static void turn_unlink(struct turns *turns, struct flow *flow)
{
	if (flow->prev)
		flow->prev->next = flow->next;
	else
		turns->first = flow->next;
	if (flow->next)
		flow->next->prev = flow->prev;
	else
		turns->last = flow->prev;
}

static void flow_rotate(struct turns *turns)
{
	struct flow *flow = turns->first;

	turn_unlink(turns, flow);
	turn_link(turns, flow);
}

static struct flow *flow_new(struct window *window, enum job_priority priority, uint64_t hash)
{
	struct flow **bucket = &window->flow_buckets[hash & window->buckets_mask];
	struct flow *flow = window->flows_free;

	if (flow)
		window->flows_free = flow->next;
	else
		flow = &window->flows[window->flows_made++]; /* as many as tasks */
	memset(flow, 0, sizeof(*flow));
	flow->priority = priority;
	flow->hash = hash;
	flow->chain = *bucket;
	*bucket = flow;
	turn_link(&window->turns[priority], flow);
	length_link(&window->turns[priority], flow);
	return flow;
}

static void flow_free(struct window *window, struct flow *flow)
{
	struct flow **at = &window->flow_buckets[flow->hash & window->buckets_mask];

	while (*at != flow)
		at = &(*at)->chain;
	*at = flow->chain;
	turn_unlink(&window->turns[flow->priority], flow);
	flow->next = window->flows_free;
	window->flows_free = flow;
}

static void flow_append(struct window *window, struct flow *flow, struct entry *entry)
{
	struct turns *turns = &window->turns[flow->priority];

	entry->flow = flow;
	entry->prev = flow->last;
	if (flow->last)
		flow->last->next = entry;
	else
		flow->first = entry;
	flow->last = entry;
	length_unlink(turns, flow);
	flow->length++;
	length_link(turns, flow);
	entry_index(window, entry);
}

/* Out of its flow, which ends with its last; a ghost stays while a load is under way. */
static struct task *entry_leave(struct window *window, struct entry *entry)
{
	struct flow *flow = entry->flow;
	struct turns *turns = &window->turns[flow->priority];
	struct task *task = entry->task;
	struct id id = entry->id;

	if (entry->prev)
		entry->prev->next = entry->next;
	else
		flow->first = entry->next;
	if (entry->next)
		entry->next->prev = entry->prev;
	else
		flow->last = entry->prev;
	length_unlink(turns, flow);
	flow->length--;
	if (flow->length > 0)
		length_link(turns, flow);
	else
		flow_free(window, flow);
	while (turns->longest > 0 && !turns->by_length[turns->longest])
		turns->longest--;
	turns->count--;
	entry_free(window, entry);
	if (any_loading(window))
		ghost_add(window, &id);
	return task;
}
