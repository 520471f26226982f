/* SPDX-License-Identifier: MIT */
/* test_script_escapes.c - handlers/script: ways out of the limits that scripts could try, each
 * of which ends with a clear mistake. */
#include "base/clock.h"
#include "base/compiler.h"
#include "base/limits.h"
#include "base/mistakes.h"
#include "tests/lib/script_cases.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Ten times the limit: sanitizers, and the instruction under way. */
enum { CPU_US_MAX = 10 * SCRIPT_CPU_US_MAX };

/* Sanitizers make instructions so dear that the clock may count first. */
static const char steps[] = "the script takes more than";
static const char memory[] = "the script ";
static const char text[] = "a string is longer than 4 MiB";

struct escape {
	const char *source;
	const char *detail;
	enum err_code code;
};

static void escapes_run(const struct escape *escapes, size_t count)
{
	struct script_desk good;

	desk_open(&good, SCRIPT_VALUE, "r.a + 1", NULL);
	for (size_t i = 0; i < count; i++) {
		struct script_desk desk;
		int64_t start_us = clock_thread_cpu_us();
		int rc;

		desk_open(&desk, SCRIPT_VALUE, escapes[i].source, NULL);
		rc = desk_call(&desk, "{\"a\":1}", 1);
		if (clock_thread_cpu_us() - start_us > CPU_US_MAX)
			fail_msg("%s\ntook %lld us", escapes[i].source,
				 (long long)(clock_thread_cpu_us() - start_us));
		if (rc != -1 || desk.mistake.err.code != escapes[i].code ||
		    !strstr(desk.mistake.err.detail, escapes[i].detail))
			fail_msg("%s\n%d %s", escapes[i].source, rc,
				 rc ? desk.mistake.err.detail : "");
		assert_int_equal(desk_call(&good, "{\"a\":41}", 1), 0);
		assert_int_equal(good.result.value.integer, 42);
		desk_close(&desk);
	}
	desk_close(&good);
}

#define RUN(cases) escapes_run(cases, ARRAY_LEN(cases))

static void loops_end(void **state)
{
	/* However they are written, and whoever tries to catch the limit. */
	static const struct escape cases[] = {
		{"while true do end", steps, ERR_LIMIT},
		{"::again:: goto again", steps, ERR_LIMIT},
		{"for i = math.mininteger, math.maxinteger do end", steps, ERR_LIMIT},
		{"for i = 1, math.huge do end", steps, ERR_LIMIT},
		{"while true do pcall(function() while true do end end) end", steps, ERR_LIMIT},
		{"local function f() return pcall(f) end while true do f() end", steps, ERR_LIMIT},
		{"while true do pcall(error, 'x') end", steps, ERR_LIMIT},
		{"repeat local ok = pcall(string.rep, 'x', 1e9) until ok == 1", text, ERR_LIMIT},
		{"local f = function() return 1 end for _ in f do end", steps, ERR_LIMIT},
		{"for _ in ipairs(setmetatable({}, {__index = function() return 1 end})) do end",
		 steps, ERR_LIMIT},
		{"local t <const> = 1 while t do local x = {} end", steps, ERR_LIMIT},
	};
	(void)state;

	RUN(cases);
}

static void recursion_ends(void **state)
{
	/* In Lua, through C, and through metamethods. */
	static const struct escape cases[] = {
		{"local function f() return 1 + f() end f()", "calls itself too deep", ERR_LIMIT},
		{"local function f() return f() end f()", steps, ERR_LIMIT},
		{"local t = {} setmetatable(t, {__index = function(_, k) return t[k] end}) return "
		 "t.x",
		 "C stack overflow", ERR_SCRIPT},
		{"local t = {} setmetatable(t, {__index = t}) return t.x",
		 "'__index' chain too long", ERR_SCRIPT},
		{"local t = setmetatable({}, {__tostring = function(x) return tostring(x) end}) "
		 "return tostring(t)",
		 "C stack overflow", ERR_SCRIPT},
		{"local m = {} m.__eq = function(a, b) return a == b end "
		 "return setmetatable({}, m) == setmetatable({}, m)",
		 "C stack overflow", ERR_SCRIPT},
		{"local m = {} m.__lt = function(a, b) return a < b end "
		 "return setmetatable({}, m) < setmetatable({}, m)",
		 "C stack overflow", ERR_SCRIPT},
		{"local m = {} m.__concat = function(a, b) return a .. b end "
		 "return setmetatable({}, m) .. setmetatable({}, m)",
		 "C stack overflow", ERR_SCRIPT},
		{"local m = {} m.__call = m setmetatable(m, m) return m()", "__call is a function",
		 ERR_SCRIPT},
		{"local m = {} setmetatable(m, m) m.__call = m return m()",
		 "attempt to call a table", ERR_SCRIPT},
		{"local function f(s) return s:gsub('.', f) end return f('x')", "C stack overflow",
		 ERR_SCRIPT},
		{"local function f() table.sort({1, 2}, f) end f()", "C stack overflow",
		 ERR_SCRIPT},
		{"local f f = function() pcall(f) f() end f()", steps, ERR_LIMIT},
		{"error(setmetatable({}, {__tostring = function() while true do end end}))",
		 "error() was given a nil", ERR_SCRIPT},
	};
	(void)state;

	RUN(cases);
}

static void memory_ends(void **state)
{
	/* Strings by their own bound, all else by that of the vm; caught, it ends the call. */
	static const struct escape cases[] = {
		{"('x'):rep(1e9)", text, ERR_LIMIT},
		{"('x'):rep(1 << 62)", text, ERR_LIMIT},
		{"('x'):rep(1 << 40, ',')", text, ERR_LIMIT},
		{"local s = 'x' while true do s = s .. s end", text, ERR_LIMIT},
		{"local s = 'x' while true do pcall(function() s = s .. s end) end", text,
		 ERR_LIMIT},
		{"local t = {} while true do t[#t + 1] = {} end", memory, ERR_LIMIT},
		{"while true do pcall(function() local t = {} while true do t[#t + 1] = {} end "
		 "end) end",
		 memory, ERR_LIMIT},
		{"local t = {} for i = 1, 1e9 do t['k' .. i] = i end", memory, ERR_LIMIT},
		{"local s = ('x'):rep(4000000) local t = {} for i = 1, 20 do t[i] = s end "
		 "return table.concat(t)",
		 memory, ERR_LIMIT},
		{"local s = ('x'):rep(4000000) return (s:gsub('x', s))", memory, ERR_LIMIT},
		{"('x'):rep(3000000):gsub('x', 'yy')", text, ERR_LIMIT},
		{"local s = ('x'):rep(3000000) return string.format('%s%s', s, s)", text,
		 ERR_LIMIT},
		{"('x'):pad(5000000)", "too wide", ERR_SCRIPT},
		{"string.format('%99999d', 1)", "invalid conversion", ERR_SCRIPT},
		{"string.pack('!16 i16 c9999999', 1, 'x')", text, ERR_LIMIT},
		{"local t = {} for i = 1, 60 do t = {t, t} end return t", steps, ERR_LIMIT},
		{"table.unpack({}, 1, 1e8)", "more than 4000 values at once", ERR_SCRIPT},
		{"table.unpack({}, math.mininteger, math.maxinteger)", "more than 4000 values",
		 ERR_SCRIPT},
		{"('x'):rep(100000):byte(1, -1)", "more than 4000 bytes at once", ERR_SCRIPT},
		{"utf8.codepoint(('x'):rep(100000), 1, -1)", "more than 4000 bytes", ERR_SCRIPT},
	};
	(void)state;

	RUN(cases);
}

static void the_library_counts_its_work(void **state)
{
	/* One call of C could otherwise take hours. */
	static const struct escape cases[] = {
		{"(('a'):rep(30) .. 'b'):find(('a?'):rep(30) .. ('a'):rep(30) .. 'c')", steps,
		 ERR_LIMIT},
		{"('a'):rep(100000):find('.-.-.-.-b')", steps, ERR_LIMIT},
		{"('a'):rep(100000):match('(.-)%1c')", steps, ERR_LIMIT},
		{"('a'):rep(4000000):gsub('.-b', '')", steps, ERR_LIMIT},
		{"for _ in ('a'):rep(4000000):gmatch('.-.-b') do end", steps, ERR_LIMIT},
		{"('('):rep(4000000):find('%b()')", steps, ERR_LIMIT},
		{"('x'):rep(100):find(('('):rep(50) .. (')'):rep(50))", "too many captures",
		 ERR_SCRIPT},
		{"('x'):rep(1000):find(('x?'):rep(1000) .. 'y')", "too complex", ERR_SCRIPT},
		{"while true do (''):rep(1 << 62) end", steps, ERR_LIMIT},
		{"table.move({}, 1, 1 << 62, 2)", "the range is not in the list", ERR_SCRIPT},
		{"table.insert(setmetatable({}, {__index = function() return 1 end}), 1 << 60, "
		 "'x')",
		 "out of bounds", ERR_SCRIPT},
		{"table.concat({}, 'x', 1, 1 << 60)", "out of bounds", ERR_SCRIPT},
		{"local t = {} for i = 1, 1e6 do t[i] = i end while true do table.insert(t, 1, 1) "
		 "table.remove(t, 1) end",
		 steps, ERR_LIMIT},
		{"local t = {} for i = 1, 3000 do t[i] = i end while true do select('#', "
		 "table.unpack(t)) end",
		 steps, ERR_LIMIT},
		{"local t = {} for i = 1, 1e5 do t[i] = i end table.sort(t, function() return true "
		 "end) table.sort(t, function() return false end) while true do table.sort(t) end",
		 steps, ERR_LIMIT},
		{"table.sort({3, 1, 'x'})", "attempt to compare", ERR_SCRIPT},
		{"table.sort({3, 1, 2}, function() error('no order') end)", "no order", ERR_SCRIPT},
		{"local s = ('x'):rep(4000000) while true do local n = #(s .. 'y') end", steps,
		 ERR_LIMIT},
		{"local a, b = ('x'):rep(4000000), ('x'):rep(3999999) .. 'y' while true do local c "
		 "= "
		 "a < b end",
		 steps, ERR_LIMIT},
		{"local s = ('x'):rep(4000000) while true do utf8.len(s) end", steps, ERR_LIMIT},
		{"local s = (' '):rep(4000000) while true do tonumber(s) end", steps, ERR_LIMIT},
		{"local s = (' '):rep(4000000) while true do s:upper() end", steps, ERR_LIMIT},
		{"while true do log('x') end", steps, ERR_LIMIT},
	};
	(void)state;

	RUN(cases);
}

static void loops_over_tables_count_their_work(void **state)
{
	/* The keys are put into order first, by code that no hook interrupts. */
	static const struct escape cases[] = {
		{"local t = {} for i = 1, 100000 do t['k' .. i] = i end while true do pairs(t) end",
		 memory, ERR_LIMIT},
		{"local t = {} for i = 1, 100000 do t[i / 7] = i end while true do next(t) end",
		 memory, ERR_LIMIT},
		{"local t = {} for i = 1, 100000 do t['k' .. i] = i end for k in pairs(t) do t[k] "
		 "= nil "
		 "end while true do next(t) end",
		 memory, ERR_LIMIT},
		{"local a, b = {}, {} for i = 1, 5000 do a['k' .. i] = i b['k' .. i] = i end "
		 "for k in next, a do for l in next, b do end end",
		 memory, ERR_LIMIT},
		{"local t, p = {}, ('p'):rep(10000) for i = 1, 1000 do t[p .. i] = i end "
		 "while true do for k in pairs(t) do break end end",
		 memory, ERR_LIMIT},
		{"pairs(setmetatable({}, {__pairs = function(t) return pairs(t) end}))",
		 "C stack overflow", ERR_SCRIPT},
	};
	(void)state;

	RUN(cases);
}

static void metatables_are_copied_when_set(void **state)
{
	/* What could be added later has no effect: no finalizer, no closing value. */
	static const struct escape cases[] = {
		{"local m = {} local v = setmetatable({}, m) m.__close = function() while true do "
		 "end end do local x <close> = v end",
		 "got a non-closable value", ERR_SCRIPT},
		{"local m = {} local v = setmetatable({}, m) m.__close = function() while true do "
		 "end end for _ in function() end, nil, nil, v do end",
		 "got a non-closable value", ERR_SCRIPT},
		{"setmetatable({}, {__metatable = 1})", "no __metatable here", ERR_SCRIPT},
		{"setmetatable({}, {__gc = function() while true do end end})", "no __gc here",
		 ERR_SCRIPT},
		{"setmetatable({}, {__len = function() return 1 << 62 end})", "no __len here",
		 ERR_SCRIPT},
		{"setmetatable({}, {__close = print})", "no __close here", ERR_SCRIPT},
		{"setmetatable({}, {__mode = 'k'})", "no __mode here", ERR_SCRIPT},
	};
	(void)state;

	RUN(cases);
}

static void the_box_cannot_be_changed(void **state)
{
	/* Nsteps globals, nor the library, nor the metatable of strings. */
	static const struct escape cases[] = {
		{"string.upper = nil", "string cannot be changed", ERR_SCRIPT},
		{"rawset(string, 'upper', print)", "this table cannot be changed", ERR_SCRIPT},
		{"setmetatable(string, {})", "cannot change a protected metatable", ERR_SCRIPT},
		{"getmetatable('').__index = nil", "attempt to index a boolean value", ERR_SCRIPT},
		{"setmetatable(math, nil)", "cannot change a protected metatable", ERR_SCRIPT},
		{"getmetatable(array{}).x = 1", "attempt to index", ERR_SCRIPT},
		{"local s = string local name = 'dump' return s[name]", "string has no 'dump'",
		 ERR_SCRIPT},
		{"('x'):dump()", "string has no 'dump'", ERR_SCRIPT},
		{"local null = null null.x = 1", "null value", ERR_SCRIPT},
		{"string.format('%p', {})", "no %p", ERR_SCRIPT},
	};
	(void)state;

	RUN(cases);
}

static void what_leads_out_is_not_there(void **state)
{
	/* Each is a mistake of the spec already. */
	static const char *const names[] = {
		"xpcall",      "coroutine",	  "load",	  "loadstring",
		"loadfile",    "dofile",	  "require",	  "package",
		"io",	       "debug",		  "_G",		  "collectgarbage",
		"newproxy",    "setfenv",	  "module",	  "warn",
		"os.exit",     "os.getenv",	  "os.execute",	  "os.remove",
		"os.rename",   "os.tmpname",	  "os.setlocale", "os.difftime",
		"string.dump", "math.randomseed",
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct mistakes mistakes;
		char source[64];

		mistakes_init(&mistakes);
		snprintf(source, sizeof(source), "\"return %s\"", names[i]);
		if (source_compile(source, SCRIPT_VALUE, &mistakes) != -1)
			fail_msg("%s is there", names[i]);
		mistakes_done(&mistakes);
	}
}

static void nothing_is_left_for_the_next_record(void **state)
{
	/* Nsteps in upvalues, nor in ctx, nor in the table of the record. */
	struct script_desk desk;
	(void)state;

	desk_open(&desk, SCRIPT_VALUE,
		  "local n = 0 local function f() n = n + 1 return n end "
		  "f() local old = r.left r.left = 'x' ctx.n = (ctx.n or 0) + 1 "
		  "return f() == 2 and old == nil and ctx.n == 1",
		  NULL);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(desk_call(&desk, "{}", i), 0);
		assert_int_equal(desk.result.value.kind, VALUE_TRUE);
	}
	desk_close(&desk);
}

static void a_limit_leaves_the_vm_usable(void **state)
{
	/* Memory, work and depth, then a record that is fine, a hundred times. */
	struct script_desk desk;
	(void)state;

	desk_open(&desk, SCRIPT_VALUE,
		  "if r.bad == 1 then while true do end end "
		  "if r.bad == 2 then local t = {} while true do t[#t + 1] = {} end end "
		  "if r.bad == 3 then local function f() return 1 + f() end f() end "
		  "return r.bad",
		  NULL);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(desk_call(&desk, "{\"bad\":1}", i), -1);
		assert_int_equal(desk_call(&desk, "{\"bad\":2}", i), -1);
		assert_int_equal(desk_call(&desk, "{\"bad\":3}", i), -1);
		assert_int_equal(desk_call(&desk, "{\"bad\":0}", i), 0);
		assert_int_equal(desk.result.value.integer, 0);
	}
	desk_close(&desk);
}

static atomic_bool over; /* set by the test, read by the lane beside it; nothing else is shared */

static void *lane_go_on(void *count)
{
	struct script_desk desk;

	desk_open(&desk, SCRIPT_RECORD, "r.b = r.a * 2", NULL);
	while (!atomic_load(&over)) {
		assert_int_equal(desk_call(&desk, "{\"a\":21}", 1), 0);
		++*(uint64_t *)count;
	}
	desk_close(&desk);
	return NULL;
}

static void another_lane_goes_on(void **state)
{
	/* While a script in one vm runs into its limits, a script in another works. */
	struct script_desk desk;
	uint64_t count = 0;
	pthread_t lane;
	(void)state;

	atomic_store(&over, false);
	assert_int_equal(pthread_create(&lane, NULL, lane_go_on, &count), 0);
	desk_open(&desk, SCRIPT_VALUE, "while true do pcall(error) end", NULL);
	assert_int_equal(desk_call(&desk, "{}", 1), -1);
	assert_int_equal(desk.mistake.err.code, ERR_LIMIT);
	desk_close(&desk);
	atomic_store(&over, true);
	pthread_join(lane, NULL);
	assert_true(count > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loops_end),
		cmocka_unit_test(recursion_ends),
		cmocka_unit_test(memory_ends),
		cmocka_unit_test(the_library_counts_its_work),
		cmocka_unit_test(loops_over_tables_count_their_work),
		cmocka_unit_test(metatables_are_copied_when_set),
		cmocka_unit_test(the_box_cannot_be_changed),
		cmocka_unit_test(what_leads_out_is_not_there),
		cmocka_unit_test(nothing_is_left_for_the_next_record),
		cmocka_unit_test(a_limit_leaves_the_vm_usable),
		cmocka_unit_test(another_lane_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
