/* SPDX-License-Identifier: MIT */
/* vm.c - one Lua state of a lane, its limits, and the calls.
 *
 * Everything that can raise runs inside the one lua_pcall() of script_call().  Limits:
 *
 *   work     a count hook every WATCH_STEP instructions; the library and the allocator add
 *            what they do.  Once a limit is reached the hook fires at every instruction,
 *            and pcall() of the box passes the error on: nothing catches it.
 *   CPU      looked at by the hook, since some instructions are dear: one may copy a string
 *            of 4 MiB.  Once something that large exists the hook fires every HEAVY_STEP.
 *   memory   the allocator counts and refuses; strings by their own bound.
 *
 * A record of a script that only names fields is one table for all calls: nothing but its
 * fields can be told from a new one.
 */
#include "handlers/script/vm.h"

#include "base/pattern.h"
#include "base/record/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	WATCH_STEP = 1000,	 /* instructions: 5 µs */
	WATCH_CPU_EVERY = 8,	 /* of these; a look at the clock costs 0.3 µs */
	HEAVY_STEP = 20,	 /* each may cost a millisecond */
	HEAVY_BYTES = 64 * 1024, /* a block of that size makes it so */
	BYTES_PER_WORK = 32,	 /* copied in the time of an instruction or two */
	STRING_HEAD_BYTES = 64,	 /* of a string in Lua, and more */
	CALLS_MANY = 10000,	 /* under way when memory ends: then they are the reason */
	ANCHORS_KEPT_MAX = 64,	 /* tables of a former record that may stay in memory */
	UPVALUE_FUNCTION = 1,
	UPVALUE_RECORD = 2,
	UPVALUE_FIELDS = 3,
};

const struct kind_facts kind_facts[] = {
	[SCRIPT_RECORD] =
		{.name = "a map", .params = "r,i", .record = true, .emits = true, .skips = true},
	[SCRIPT_TEST] = {.name = "a filter", .params = "r,i", .record = true},
	[SCRIPT_VALUE] = {.name = "a value", .params = "r,i", .record = true},
	[SCRIPT_PAIRS] =
		{.name = "a map", .params = "r,i", .record = true, .pairs = true, .skips = true},
	[SCRIPT_REPLACE] = {.name = "a replacement",
			    .params = "r,err",
			    .record = true,
			    .skips = true},
	[SCRIPT_GENERATE] = {.name = "a generator", .params = "i", .emits = true, .skips = true},
	[SCRIPT_REDUCE] = {.name = "a reduce", .params = "key,values"},
	[SCRIPT_COMBINE] = {.name = "a combine", .params = "a,b,key"},
	[SCRIPT_FINISH] = {.name = "a finish", .params = "key,value", .emits = true, .skips = true},
};

/* ---- limits ---- */

static void watch(lua_State *L, lua_Debug *debug);

static void watch_every(lua_State *L, int instructions)
{
	lua_sethook(L, watch, LUA_MASKCOUNT, instructions);
}

/* Instructions from one look to the next. */
static int watch_step(const struct script_vm *vm)
{
	if (vm->options.exact)
		return 1;
	return vm->heavy ? HEAVY_STEP : WATCH_STEP;
}

static const char *limit_text(enum limit limit)
{
	static const char *const texts[] = {
		[LIMIT_NONE] = "no memory",
		[LIMIT_WORK] = "the script takes more than 20,000,000 steps for one record",
		[LIMIT_CPU] = "the script takes more than 1 s for one record",
		[LIMIT_MEMORY] = "the script needs more than 32 MiB",
		[LIMIT_STRING] = "a string is longer than 4 MiB",
		[LIMIT_DEPTH] = "the script calls itself too deep",
	};
	_Static_assert(SCRIPT_WORK_MAX == 20000000 && SCRIPT_CPU_US_MAX == 1000000 &&
			       SCRIPT_MEMORY_BYTES_MAX == 32 << 20 &&
			       SCRIPT_STRING_BYTES_MAX == 4 << 20,
		       "the texts above");

	return texts[limit];
}

int vm_line(lua_State *L)
{
	lua_Debug debug;

	for (int level = 0; lua_getstack(L, level, &debug); level++) {
		lua_getinfo(L, "l", &debug);
		if (debug.currentline > 0)
			return debug.currentline;
	}
	return 0;
}

int vm_limit_raise(lua_State *L, enum limit limit)
{
	struct script_vm *vm = vm_of(L);

	if (!vm->expired) {
		vm->expired = limit;
		vm->line = vm_line(L);
	}
	watch_every(L, 1);
	lua_pushstring(L, "limit");
	lua_error(L);
	abort(); /* lua_error() does not return */
}

void vm_no_memory(lua_State *L)
{
	vm_of(L)->no_memory = true;
	lua_pushliteral(L, "no memory");
	lua_error(L);
	abort(); /* as above */
}

bool vm_unwinds(struct script_vm *vm, int status)
{
	if (status == LUA_ERRMEM && !vm->expired && !vm->no_memory) {
		vm->expired = vm->refused;
		vm->no_memory = !vm->refused;
	}
	return vm->no_memory || vm->expired || vm->skipped || vm->failed || status == LUA_ERRERR;
}

void vm_charge(lua_State *L, uint64_t work)
{
	struct script_vm *vm = vm_of(L);

	vm->work += work;
	if (vm->work > SCRIPT_WORK_MAX && vm->bounded)
		vm_limit_raise(L, LIMIT_WORK);
}

static void watch(lua_State *L, lua_Debug *debug)
{
	struct script_vm *vm = vm_of(L);

	(void)debug;
	if (vm->expired)
		vm_limit_raise(L, vm->expired);
	vm->work += (uint64_t)watch_step(vm);
	if (vm->work > SCRIPT_WORK_MAX)
		vm_limit_raise(L, LIMIT_WORK);
	if (!vm->heavy && ++vm->watches % WATCH_CPU_EVERY)
		return;
	if (vm->cpu_end_us == 0)
		vm->cpu_end_us = clock_thread_cpu_us() + SCRIPT_CPU_US_MAX;
	else if (clock_thread_cpu_us() > vm->cpu_end_us)
		vm_limit_raise(L, LIMIT_CPU);
}

static enum limit refusal(const struct script_vm *vm, const void *block, size_t was, size_t size)
{
	lua_Debug debug;

	if (!block && was == LUA_TSTRING && size > SCRIPT_STRING_BYTES_MAX + STRING_HEAD_BYTES)
		return LIMIT_STRING;
	if (vm->bytes - (block ? was : 0) + size <= SCRIPT_MEMORY_BYTES_MAX)
		return LIMIT_NONE;
	return lua_getstack(vm->L, CALLS_MANY, &debug) ? LIMIT_DEPTH : LIMIT_MEMORY;
}

/* lua_Alloc.  `was` is the size of `block`; without one it is the kind of object. */
static void *allocate(void *ctx, void *block, size_t was, size_t size)
{
	struct script_vm *vm = ctx;
	size_t had = block ? was : 0;
	void *made;

	if (size == 0) {
		free(block);
		vm->bytes -= had;
		return NULL;
	}
	if (vm->bounded && size > had) {
		enum limit limit = refusal(vm, block, was, size);

		if (limit) {
			vm->refused = limit;
			vm->refused_line = vm_line(vm->L);
			return NULL;
		}
		vm->work += size / BYTES_PER_WORK;
		if (size >= HEAVY_BYTES && !vm->heavy) {
			vm->heavy = true;
			watch_every(vm->L, watch_step(vm));
		}
	}
	made = realloc(block, size);
	if (made)
		vm->bytes += size - had;
	return made;
}

int scratch_push(lua_State *L)
{
	struct buf *scratch = &vm_of(L)->scratch;

	if (!buf_ok(scratch))
		vm_limit_raise(L, LIMIT_STRING);
	lua_pushlstring(L, buf_text(scratch), scratch->len);
	return 1;
}

/* ---- making ---- */

static int ctx_copy(struct script_vm *vm)
{
	if (!vm->options.ctx) {
		vm->options.ctx = "{}";
		vm->options.ctx_len = 2;
	}
	vm->ctx = malloc(vm->options.ctx_len + 1);
	if (!vm->ctx)
		return -1;
	memcpy(vm->ctx, vm->options.ctx, vm->options.ctx_len);
	vm->ctx[vm->options.ctx_len] = '\0';
	vm->options.ctx = vm->ctx;
	return 0;
}

/* The stack's first slot is the message handler of all calls. */
static int message_take(lua_State *L);

int script_vm_new(const struct script_options *options, struct script_vm **ret_vm, struct err *err)
{
	struct script_vm *vm = calloc(1, sizeof(*vm));

	if (!vm)
		return err_set(err, ERR_NO_MEMORY, "no memory for scripts");
	vm->options = *options;
	buf_init(&vm->told, SCRIPT_TOLD_BYTES_MAX);
	buf_init(&vm->scratch, RECORD_BYTES_MAX);
	arena_init(&vm->arena, SCRIPT_MEMORY_BYTES_MAX);
	vm->patterns = pattern_scratch_new();
	vm->L = lua_newstate(allocate, vm);
	if (ctx_copy(vm) || !vm->patterns || !vm->L || !buf_room(&vm->told, 1))
		goto no_memory;
	*(struct script_vm **)lua_getextraspace(vm->L) = vm;
	lua_pushcfunction(vm->L, message_take);
	lua_pushcfunction(vm->L, box_open);
	if (lua_pcall(vm->L, 0, 0, 0) != LUA_OK)
		goto no_memory;
	lua_gc(vm->L, LUA_GCGEN, 0, 0);
	vm->bounded = true;
	*ret_vm = vm;
	return 0;
no_memory:
	script_vm_free(vm);
	return err_set(err, ERR_NO_MEMORY, "no memory for scripts");
}

void script_vm_free(struct script_vm *vm)
{
	if (!vm)
		return;
	vm->bounded = false;
	if (vm->L)
		lua_close(vm->L);
	pattern_scratch_free(vm->patterns);
	re_cache_free(vm->re_cache);
	scanner_free(vm->scanner);
	arena_done(&vm->arena);
	buf_done(&vm->told);
	buf_done(&vm->scratch);
	free(vm->ctx);
	free(vm->items);
	free(vm->keys);
	free(vm->origins);
	free(vm);
}

/* ---- loading ---- */

static int call_body(lua_State *L);

static void ranks_push(lua_State *L, const struct script *script)
{
	lua_createtable(L, 0, (int)script->key_count);
	for (size_t i = 0; i < script->key_count; i++) {
		lua_pushinteger(L, (lua_Integer)i);
		lua_setfield(L, -2, script->keys[i]);
	}
}

/* The script, as light userdata, becomes its function and its closure. */
static int load_body(lua_State *L)
{
	struct script_vm *vm = vm_of(L);
	const struct script *script = lua_touserdata(L, 1);
	struct loaded *loaded = &vm->loaded[vm->loaded_count];

	ranks_push(L, script);
	loaded->ranks_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	if (luaL_loadbufferx(L, script->text, script->len, script->chunk, "t") != LUA_OK)
		return lua_error(L);
	box_env_push(L);
	lua_setupvalue(L, -2, 1);
	lua_call(L, 0, 1);
	luaL_checkstack(L, (int)script->field_count + 1, "too many members");
	lua_createtable(L, 0, (int)script->field_count);
	for (size_t i = 0; i < script->field_count; i++)
		lua_pushlstring(L, script->fields[i].name, script->fields[i].len);
	lua_pushcclosure(L, call_body, UPVALUE_FIELDS - 1 + (int)script->field_count);
	loaded->call_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	return 0;
}

int script_vm_load(struct script_vm *vm, const struct script *script, unsigned *ret_slot,
		   struct err *err)
{
	if (vm->loaded_count == SCRIPTS_MAX)
		return err_set(err, ERR_LIMIT, "a spec has at most %d scripts", SCRIPTS_MAX);
	vm->loaded[vm->loaded_count] = (struct loaded){.script = script};
	vm->expired = LIMIT_NONE;
	vm->work = 0;
	lua_pushcfunction(vm->L, load_body);
	lua_pushlightuserdata(vm->L, (void *)script); /* only read */
	if (lua_pcall(vm->L, 1, 0, 0) != LUA_OK) {
		err_set(err, ERR_NO_MEMORY, "a script cannot be loaded: %.200s",
			lua_tostring(vm->L, -1));
		lua_pop(vm->L, 1);
		return -1;
	}
	*ret_slot = vm->loaded_count++;
	return 0;
}

/* ---- calling: the arguments ---- */

/* Only the fields that the script names, in the table that all calls share. */
static void fields_push(struct script_vm *vm, const struct script *script)
{
	lua_State *L = vm->L;

	lua_pushvalue(L, lua_upvalueindex(UPVALUE_RECORD));
	for (size_t i = 0; i < script->field_count; i++) {
		lua_pushvalue(L, lua_upvalueindex(UPVALUE_FIELDS + (int)i));
		value_push(vm, &vm->args->values[script->fields[i].index]);
		lua_rawset(L, -3);
	}
}

static int next_value(lua_State *L)
{
	struct script_vm *vm = vm_of(L);
	struct value value;

	vm_charge(L, 4);
	if (!vm->args->next(vm->args->next_from, &value))
		return 0;
	value_push(vm, &value);
	return 1;
}

static bool is_in_fields(const struct script_vm *vm)
{
	const struct script *script = vm->loaded_now->script;

	return !script->whole && vm->args->values[script->root].kind == VALUE_OBJECT;
}

/* Pushes what the kind sees; how many. */
static int args_push(struct script_vm *vm, const struct script *script)
{
	const struct script_args *args = vm->args;
	lua_State *L = vm->L;

	switch (script->kind) {
	case SCRIPT_RECORD:
	case SCRIPT_TEST:
	case SCRIPT_VALUE:
	case SCRIPT_PAIRS:
	case SCRIPT_REPLACE:
		if (is_in_fields(vm))
			fields_push(vm, script);
		else
			value_push(vm, &args->values[script->root]);
		if (script->kind == SCRIPT_REPLACE)
			value_push(vm, &args->extra[0]);
		else
			lua_pushinteger(L, args->number);
		return 2;
	case SCRIPT_GENERATE:
		lua_pushinteger(L, args->number);
		return 1;
	case SCRIPT_REDUCE:
		value_push(vm, &args->extra[0]);
		lua_pushcfunction(L, next_value);
		return 2;
	case SCRIPT_COMBINE:
		for (int i = 0; i < 3; i++)
			value_push(vm, &args->extra[i]);
		return 3;
	case SCRIPT_FINISH:
		value_push(vm, &args->extra[0]);
		value_push(vm, &args->extra[1]);
		return 2;
	}
	return 0;
}

static void ctx_push(struct script_vm *vm)
{
	struct value ctx = {.kind = VALUE_OBJECT, .at = vm->ctx, .len = vm->options.ctx_len};

	value_push(vm, &ctx);
}

/* ---- calling: what comes out ---- */

enum { RECORD = 1, RETURNED = 2 }; /* places on the stack behind the call */

static void result_take(struct script_vm *vm, const struct script *script)
{
	lua_State *L = vm->L;
	bool returned = lua_gettop(L) >= RETURNED && !lua_isnil(L, RETURNED);

	switch (script->kind) {
	case SCRIPT_TEST:
		vm->result.truth = returned && lua_toboolean(L, RETURNED) && !is_null(L, RETURNED);
		return;
	case SCRIPT_PAIRS:
		return;
	case SCRIPT_RECORD:
		if (returned && !lua_rawequal(L, RECORD, RETURNED))
			vm->result.value = value_take_out(vm, RETURNED);
		else if (is_in_fields(vm))
			vm->result.value = record_splice(vm, RECORD);
		else
			vm->result.value = value_take_out(vm, RECORD);
		return;
	default:
		if (returned)
			vm->result.value = value_take_out(vm, RETURNED);
	}
}

static int call_body(lua_State *L)
{
	struct script_vm *vm = vm_of(L);
	const struct script *script = vm->loaded_now->script;
	int args;

	if (vm->anchored > ANCHORS_KEPT_MAX) {
		lua_newtable(L);
		lua_rawsetp(L, LUA_REGISTRYINDEX, &anchors_tag);
		vm->anchored = 0;
	}
	keys_next_forget(vm);
	lua_pushnil(L);
	lua_pushvalue(L, lua_upvalueindex(UPVALUE_FUNCTION));
	args = args_push(vm, script);
	if (script->kind == SCRIPT_RECORD) {
		lua_pushvalue(L, RECORD + 2);
		lua_replace(L, RECORD);
	}
	if (script->ctx)
		ctx_push(vm);
	lua_call(L, args + script->ctx, LUA_MULTRET);
	luaL_checkstack(L, 16, "too many results");
	result_take(vm, script);
	return 0;
}

/* ---- calling: mistakes ---- */

/* Without "stages[2].map:12: " before it. */
static const char *position_skip(const struct script *script, const char *message)
{
	size_t len = strlen(script->chunk + 1), digits;

	if (strncmp(message, script->chunk + 1, len) != 0 || message[len] != ':')
		return message;
	digits = strspn(message + len + 1, "0123456789");
	if (digits == 0 || strncmp(message + len + 1 + digits, ": ", 2) != 0)
		return message;
	return message + len + 1 + digits + 2;
}

/* What error() was given, as a text. */
static const char *message_text(lua_State *L)
{
	if (lua_type(L, 1) == LUA_TTABLE) {
		lua_pushliteral(L, "message");
		lua_rawget(L, 1);
		lua_replace(L, 1);
	}
	if (lua_type(L, 1) == LUA_TSTRING || lua_type(L, 1) == LUA_TNUMBER)
		return lua_tostring(L, 1);
	return lua_pushfstring(L, "error() was given a %s", luaL_typename(L, 1));
}

/* The message handler: runs where the mistake was made. */
static int message_take(lua_State *L)
{
	struct script_vm *vm = vm_of(L);
	const char *text;

	if (!vm->loaded_now || vm->skipped || vm->expired || vm->no_memory)
		return 0;
	if (!vm->failed)
		vm->line = vm_line(L);
	text = position_skip(vm->loaded_now->script, message_text(L));
	snprintf(vm->message, sizeof(vm->message), "%s", text);
	return 0;
}

/* null is the only light userdata, but Lua names the kind of value. */
static void message_polish(char *message)
{
	static const char userdata[] = "userdata value", null[] = "null value";
	char *at = strstr(message, userdata);

	if (!at)
		return;
	memmove(at + strlen(null), at + strlen(userdata), strlen(at + strlen(userdata)) + 1);
	memcpy(at, null, strlen(null));
}

static int mistake_tell(struct script_vm *vm, int status, struct script_mistake *ret)
{
	const struct script *script = vm->loaded_now->script;

	*ret = (struct script_mistake){.line = vm->line, .work = vm->work};
	if (vm->expired) {
		err_set(&ret->err, ERR_LIMIT, "%s", limit_text(vm->expired));
		if (vm->expired == vm->refused)
			ret->line = vm->refused_line;
	} else if (vm->no_memory) {
		err_set(&ret->err, ERR_NO_MEMORY, "no memory for a script");
	} else if (status == LUA_ERRERR) {
		err_set(&ret->err, ERR_LIMIT, "%s", limit_text(LIMIT_DEPTH));
	} else {
		message_polish(vm->message);
		err_set(&ret->err, ERR_SCRIPT, "%s", vm->message);
	}
	if (ret->line > script->line_count)
		ret->line = 0;
	if (ret->line > 0)
		ret->source = script->lines[ret->line - 1];
	return -1;
}

/* ---- calling ---- */

static void call_begin(struct script_vm *vm, unsigned slot, const struct script_args *args)
{
	vm->loaded_now = &vm->loaded[slot];
	vm->args = args;
	vm->work = 0;
	vm->watches = 0;
	vm->cpu_end_us = 0;
	vm->expired = vm->refused = LIMIT_NONE;
	vm->heavy = vm->skipped = vm->failed = vm->no_memory = vm->rng_seeded = false;
	vm->line = vm->refused_line = 0;
	vm->result = (struct script_result){.value = {.kind = VALUE_MISSING}};
	vm->result_borrowed = false;
	buf_clear(&vm->told);
	if (vm->arena.used > 0)
		arena_clear(&vm->arena);
	origins_clear(vm);
	watch_every(vm->L, watch_step(vm));
}

static void value_settle(const struct script_vm *vm, struct value *value)
{
	if (value->kind >= VALUE_BIG)
		value->at = vm->told.data + (uintptr_t)value->at;
}

static void result_settle(struct script_vm *vm, struct script_result *ret)
{
	for (size_t i = 0; i < vm->result.count; i++) {
		value_settle(vm, &vm->items[i].key);
		value_settle(vm, &vm->items[i].value);
	}
	if (!vm->result_borrowed)
		value_settle(vm, &vm->result.value);
	*ret = vm->result;
	ret->items = vm->items;
	ret->skipped = vm->skipped;
	ret->work = vm->work;
}

int script_call(struct script_vm *vm, unsigned slot, const struct script_args *args,
		struct script_result *ret_result, struct script_mistake *ret_mistake)
{
	int status;

	call_begin(vm, slot, args);
	lua_rawgeti(vm->L, LUA_REGISTRYINDEX, vm->loaded_now->call_ref);
	status = lua_pcall(vm->L, 0, 0, 1);
	if (status != LUA_OK) {
		vm_unwinds(vm, status);
		lua_settop(vm->L, 1);
	}
	if (vm->refused)
		lua_gc(vm->L, LUA_GCCOLLECT);
	if (status != LUA_OK && (!vm->skipped || vm->expired))
		return mistake_tell(vm, status, ret_mistake);
	if (vm->skipped)
		vm->result.value.kind = VALUE_MISSING;
	result_settle(vm, ret_result);
	return 0;
}
