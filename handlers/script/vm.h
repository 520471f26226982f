/* SPDX-License-Identifier: MIT */
/* vm.h - what the files of this room share: a compiled script, a vm, and its limits.
 *
 * Every C function that a script can call runs under the limits: what it does beyond a few
 * instructions it says to vm_charge(), which does not return when there was too much; so
 * does Lua's allocator, by arming the hook.
 *
 * Threads    one lane at a time; a struct script is constant.
 */
#ifndef HANDLERS_SCRIPT_VM_H
#define HANDLERS_SCRIPT_VM_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "handlers/script/script.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

enum {
	CHUNK_NAME_MAX = 59,	    /* bytes; Lua cuts longer ones */
	MEMBERS_EXPECTED_MAX = 256, /* slots that a table has before it is filled */
};

struct pattern_scratch;
struct re_cache;
struct scanner;

/* What a kind sees and may do. */
struct kind_facts {
	const char *name;   /* in messages: "a filter" */
	const char *params; /* as in Lua: "r,i" */
	bool record;	    /* the first one is `r`, of struct script_args.values */
	bool emits, pairs, skips;
};
extern const struct kind_facts kind_facts[];

/* A member of `r` that a script names. */
struct script_field {
	const char *name;
	size_t len;
	unsigned index; /* among the values */
	bool assigned;	/* perhaps */
};

struct script {
	struct arena arena;
	enum script_kind kind;
	char chunk[CHUNK_NAME_MAX + 1]; /* "=stages[2].map" */
	const char *text;		/* what Lua loads: a function around the source */
	size_t len;
	const char *const *lines; /* of the source */
	int line_count;
	bool ctx;		     /* the script names it */
	bool whole;		     /* `r` as a table of all its members */
	unsigned root;		     /* index of the record among the values */
	struct script_field *fields; /* unless whole; in the order in which they are assigned */
	size_t field_count;
	const char *const *keys; /* names that it gives to members, in their order */
	size_t key_count;
};

enum limit {
	LIMIT_NONE,
	LIMIT_WORK,
	LIMIT_CPU,
	LIMIT_MEMORY,
	LIMIT_STRING,
	LIMIT_DEPTH,
};

/* A table made of a record: members that are still the same are copied from there. */
struct origin {
	const void *table;
	struct value value;
};

struct member_key {
	int kind;
	const char *text; /* of a name */
	size_t len;
	int64_t rank; /* or the integer that it is */
	double number;
	bool integer;
};

/* A script in a vm; the refs are of the registry. */
struct loaded {
	const struct script *script;
	int call_ref;  /* the closure that calls it */
	int ranks_ref; /* the names that it gives to members, and their places */
};

struct script_vm {
	lua_State *L;
	struct script_options options;
	char *ctx;
	struct loaded loaded[SCRIPTS_MAX];
	unsigned loaded_count;

	/* memory of Lua */
	size_t bytes;
	bool bounded;	    /* false while the box is built */
	enum limit refused; /* why the last allocation failed, and … */
	int refused_line;   /* … where */
	bool heavy;	    /* something is so large that one instruction may take long */

	/* the call under way */
	const struct loaded *loaded_now;
	const struct script_args *args;
	uint64_t work;
	int64_t cpu_end_us;
	enum limit expired;
	bool skipped, failed; /* skip() or fail() unwinds */
	bool no_memory;
	unsigned watches; /* of the hook */
	int line;	  /* of the mistake */
	bool rng_seeded;
	struct rng rng;

	/* what comes out */
	struct script_result result;
	struct buf told;      /* texts of results; their offsets until the call ends */
	bool result_borrowed; /* result.value points into the record */
	struct script_item *items;
	size_t item_max;
	struct member_key *keys; /* of the tables being written, a stack */
	size_t key_count, key_max;
	struct origin *origins; /* a hash table by address */
	size_t origin_count, origin_max;
	size_t anchor_count;	/* of what is kept alive, in the registry … */
	size_t anchored;	/* … and was kept in calls before */
	int members_expected;	/* as many as the last record had */
	unsigned depth;		/* of the table being written */
	lua_Integer next_place; /* of the key that next() gave last; 0: it has noted none */
	lua_Integer next_elements;

	struct buf scratch; /* one decoded text, or what the library builds */
	struct arena arena; /* of the library, until the call ends */
	struct pattern_scratch *patterns;
	struct re_cache *re_cache; /* NULL until a script has a regular expression */
	struct scanner *scanner;   /* of json.decode(); likewise */
	char message[ERR_DETAIL_MAX];
};

static inline struct script_vm *vm_of(lua_State *L)
{
	return *(struct script_vm **)lua_getextraspace(L);
}

/* ---- vm.c ---- */

/* Counts work; raises when it is too much. */
void vm_charge(lua_State *L, uint64_t work);
/* Raise, and are not caught on the way out: a limit was reached; malloc() failed. */
int vm_limit_raise(lua_State *L, enum limit limit) __attribute__((noreturn));
void vm_no_memory(lua_State *L) __attribute__((noreturn));
/* Is the error that unwinds none of the script's own: a limit, skip(), fail()? */
bool vm_unwinds(struct script_vm *vm, int status);
int vm_line(lua_State *L); /* of the source, where the script is now; 0: not known */

/* ---- box.c: what a script sees ---- */

int box_open(lua_State *L); /* a lua_CFunction: leaves nothing, fills the registry */
/* Pushes the environment that a script's chunk gets as its _ENV. */
void box_env_push(lua_State *L);
/* Pushes the table of its names, without the protection around it. */
void box_names_push(lua_State *L);

/* ---- push.c: values into Lua ---- */

extern const char array_tag, big_tag; /* keys of metatables in the registry */
extern const char anchors_tag;	      /* of the tables that origins stand for */
void value_push(struct script_vm *vm, const struct value *value);
void null_push(lua_State *L);
bool is_null(lua_State *L, int index);
/* The digits of a number that Lua has no kind for; NULL: it is none. */
const char *big_text(lua_State *L, int index, size_t *ret_len);
bool is_array_marked(lua_State *L, int index);
void origins_clear(struct script_vm *vm);
void anchor_keep(struct script_vm *vm); /* what is on top lives until the call ends */
const struct value *origin_find(const struct script_vm *vm, const void *table);

/* ---- take.c: values out of Lua ---- */

/* What is at that offset of vm->told, which moves as it grows, until the call ends. */
static inline const char *told_offset(size_t offset)
{
	return (const char *)(uintptr_t)offset; // NOLINT(performance-no-int-to-ptr)
}

/* The value at `index`; texts go to vm->told, `at` is their offset there. */
struct value value_take_out(struct script_vm *vm, int index);
/* The record, whose table at `index` has the members that the script names; others are
 * copied from its text. */
struct value record_splice(struct script_vm *vm, int index);
/* As JSON text, at the end of told; after take_begin(), which forgets what a mistake that a
 * script has caught left half done. */
void take_begin(struct script_vm *vm);
void json_take_out(struct script_vm *vm, int index);

/* ---- keys.c: the order of keys ---- */

/* The keys of the table at `table` that are not in `except` (a table; 0: none): sorted, on
 * vm->keys from the returned place on.  `names`: others are a mistake. */
size_t keys_gather(struct script_vm *vm, int table, int except, bool names);
lua_Integer keys_count(lua_State *L, int table);
int keys_pairs(lua_State *L); /* pairs() */
int keys_next(lua_State *L);  /* next() */
void keys_next_forget(struct script_vm *vm);

/* ---- the library ---- */

int lib_string(lua_State *L);
int lib_table(lua_State *L);
int lib_math(lua_State *L);
int lib_utf8(lua_State *L);
int lib_os(lua_State *L);
int lib_base64(lua_State *L);
int lib_date(lua_State *L);
int lib_hash(lua_State *L);
int lib_hex(lua_State *L);
int lib_json(lua_State *L);
int lib_re(lua_State *L);
int lib_url(lua_State *L);
int lib_uuid(lua_State *L);

int scratch_push(lua_State *L);		  /* vm->scratch as a string; 1 */
struct rng *vm_rng(struct script_vm *vm); /* seeded with the job's seed and the record's number */
void re_cache_free(struct re_cache *cache);

#endif
