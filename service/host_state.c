/* SPDX-License-Identifier: MIT */
/* host_state.c - hosts in the store: their states by key, their moves as events.
 *
 * Called by daemon.c for the fetcher, and by http/api_hosts.c for what a client was
 * promised.  A state is stored behind the wall-clock time of its
 * saving: the durations in it are told how long it was away.
 */
#include "service/host_state.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "net/hosts.h"
#include "store/store.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char hosts_space[] = "hosts";

static int host_load(void *ctx, const char *key, const void *value, size_t len)
{
	struct hosts *hosts = ctx;
	int64_t saved_ms;

	if (len <= sizeof(saved_ms))
		return 0;
	memcpy(&saved_ms, value, sizeof(saved_ms));
	hosts_import(hosts, key, (const uint8_t *)value + sizeof(saved_ms), len - sizeof(saved_ms),
		     MAX(0, clock_wall_ms() - saved_ms), clock_ms());
	return 0;
}

int host_states_load(struct store *store, struct hosts *hosts, struct err *err)
{
	return store_kv_each(store, hosts_space, host_load, hosts, err);
}

struct state_save {
	struct op_kv kv;
	host_kept_fn *kept; /* NULL: nobody waits */
	void *ctx;
	char key[HOST_KEY_BYTES_MAX + 1];
	uint8_t state[sizeof(int64_t) + HOST_STATE_BYTES_MAX];
};

static void save_done(struct store_op *op)
{
	struct state_save *save = op->ctx;

	if (save->kept)
		save->kept(save->ctx, &op->err);
	free(save);
}

/* NULL: no memory. */
static struct state_save *save_new(const char *key, const void *state, size_t len)
{
	struct state_save *save = calloc(1, sizeof(*save));
	int64_t now_ms = clock_wall_ms();

	assert(len <= HOST_STATE_BYTES_MAX);
	if (!save)
		return NULL;
	snprintf(save->key, sizeof(save->key), "%s", key);
	memcpy(save->state, &now_ms, sizeof(now_ms));
	memcpy(save->state + sizeof(now_ms), state, len);
	save->kv = (struct op_kv){
		.op = {.kind = OP_KV, .done = save_done, .ctx = save},
		.space = hosts_space,
		.key = save->key,
		.value = len ? save->state : NULL,
		.len = len ? len + sizeof(now_ms) : 0,
	};
	return save;
}

void host_state_save(struct store *store, const char *key, const void *state, size_t len)
{
	struct state_save *save = store ? save_new(key, state, len) : NULL;
	struct err err;

	if (!save)
		return; /* the host's state is told anew when it changes next */
	save->kv.op.lazy = true;
	if (store_put(store, &save->kv.op, &err))
		free(save);
}

/* One who waits for a state to be durable. */
struct keeper {
	struct store *store;
	host_kept_fn *kept;
	void *ctx;
	struct err *err;
	int rc;
};

static void keeper_save(void *ctx, const char *key, const void *state, size_t len)
{
	struct keeper *keeper = ctx;
	struct state_save *save = save_new(key, state, len);

	if (!save) {
		keeper->rc = err_set(keeper->err, ERR_NO_MEMORY, "no memory for the host's state");
		return;
	}
	save->kept = keeper->kept;
	save->ctx = keeper->ctx;
	keeper->rc = store_put(keeper->store, &save->kv.op, keeper->err);
	if (keeper->rc)
		free(save);
}

int host_state_keep(struct store *store, struct hosts *hosts, const char *key, host_kept_fn *kept,
		    void *ctx, struct err *err)
{
	struct keeper keeper = {.store = store, .kept = kept, .ctx = ctx, .err = err};

	hosts_save_one(hosts, key, clock_ms(),
		       &(struct hosts_saver){.save = keeper_save, .ctx = &keeper});
	return keeper.rc;
}

/* ---- moves ---- */

struct host_note {
	struct op_note note;
	char data[512]; /* a key, and words of ours */
};

static void note_done(struct store_op *op)
{
	free(op->ctx);
}

static bool move_write(const struct host_view *host, int64_t now_ms, char *text, size_t size)
{
	struct buf data = BUF(size - 1);
	struct json_out out = JSON_OUT(&data);
	int64_t left_ms = host->open_left_ms;
	bool ok;

	json_out_object(&out, NULL);
	json_out_text(&out, "key", host->key);
	json_out_text(&out, "from", breaker_state_name(host->from));
	json_out_text(&out, "to", breaker_state_name(host->state));
	json_out_text(&out, "reason", breaker_reason_name(host->reason));
	json_out_instant(&out, "until", left_ms > 0 && left_ms != INT64_MAX ? now_ms + left_ms : 0);
	json_out_end(&out, '}');
	ok = buf_ok(&data);
	if (ok)
		snprintf(text, size, "%s", buf_text(&data));
	buf_done(&data);
	return ok;
}

void host_move_tell(struct store *store, const struct host_view *host)
{
	struct host_note *told = store ? calloc(1, sizeof(*told)) : NULL;
	int64_t now_ms = clock_wall_ms();
	struct err err;

	if (!told)
		return;
	told->note = (struct op_note){
		.op = {.kind = OP_NOTE, .lazy = true, .done = note_done, .ctx = told},
		.at_ms = now_ms,
		.type = EVENT_HOST,
		.data = told->data,
	};
	if (!move_write(host, now_ms, told->data, sizeof(told->data)) ||
	    store_put(store, &told->note.op, &err))
		free(told);
}
