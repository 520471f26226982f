/* SPDX-License-Identifier: MIT */
/* test_script.c - handlers/script: what scripts see, give, and what their mistakes read like. */
#include "base/buf.h"
#include "base/compiler.h"
#include "base/limits.h"
#include "base/mistakes.h"
#include "tests/lib/script_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_map_returns_or_changes_its_record(void **state)
{
	/* A value replaces the record, none keeps the changed r; skip drops, emit adds. */
	static const struct script_case cases[] = {
		{"r.label = string.upper(r.category)", "{\"category\":\"a\"}",
		 "{\"category\":\"a\",\"label\":\"A\"}", 0},
		{"return {x = r.a}", "{\"a\":1}", "{\"x\":1}", 0},
		{"{x = r.a}", "{\"a\":1}", "{\"x\":1}", 0},
		{"r.a + i", "{\"a\":41}", "42", 0},
		{"r.a = r.a * 2 return r", "{\"a\":4}", "{\"a\":8}", 0},
		{"if r.a > 1 then skip() end", "{\"a\":4}", "skipped", 0},
		{"if r.a > 1 then skip() end", "{\"a\":1}", "{\"a\":1}", 0},
		{"emit({n = 1}) emit({n = 2}) skip()", "{}", "{\"n\":1} {\"n\":2} skipped", 0},
		{"emit({n = 1})", "{\"a\":1}", "{\"n\":1} {\"a\":1}", 0},
		{"fail('no price')", "{}", "no price", ERR_SCRIPT},
		{"r:upper()", "\"line\"", "\"LINE\"", 0},
		{"r = r .. '!'", "\"line\"", "\"line!\"", 0},
		{"r * 2", "21", "42", 0},
		{"for k, v in pairs(r) do r[k] = v + 1 end", "{\"b\":1,\"a\":2}",
		 "{\"b\":2,\"a\":3}", 0},
		{"local n = 0 for _, x in ipairs(r.list) do n = n + x end r.n = n",
		 "{\"list\":[1,2,3]}", "{\"list\":[1,2,3],\"n\":6}", 0},
	};
	(void)state;

	script_cases_run(SCRIPT_RECORD, cases, ARRAY_LEN(cases));
}

static void what_is_not_changed_stays_byte_for_byte(void **state)
{
	/* Spelling of numbers, escapes, half surrogates, long numbers, order, [] and {}. */
	static const char record[] =
		"{\"z\":1.50,\"big\":123456789012345678901234567890,\"i\":9007199254740993,"
		"\"e\":1E2,\"n\":null,\"s\":\"a\\u0000\\ud800\\/\",\"o\":{},\"l\":[],"
		"\"deep\":{\"y\":[1.0,{\"b\":-0.0,\"a\":[]}],\"x\":{}},\"u\":\"\\u00e9\"}";
	static const char changed[] =
		"{\"z\":1.50,\"big\":123456789012345678901234567890,\"i\":9007199254740993,"
		"\"e\":1E2,\"n\":null,\"s\":\"a\\u0000\\ud800\\/\",\"o\":{},\"l\":[],"
		"\"deep\":{\"y\":[1.0,{\"b\":-0.0,\"a\":[]}],\"x\":{}},\"u\":\"\\u00e9\",\"k\":3}";
	static const struct script_case cases[] = {
		{"return r", record, record, 0},
		{"local x = r return x", record, record, 0},
		{"local copy = r", record, record, 0},
		{"r.k = 3", record, changed, 0},
		{"local x = r x.k = 3", record, changed, 0},
		{"local d = r.deep d.y[2].b = r.deep.y[2].b", record, record, 0},
		{"{big = r.big, n = r.n, s = r.u}", record,
		 "{\"big\":123456789012345678901234567890,\"n\":null,\"s\":\"é\"}", 0},
	};
	(void)state;

	script_cases_run(SCRIPT_RECORD, cases, ARRAY_LEN(cases));
}

static void integers_and_doubles_keep_their_kind(void **state)
{
	/* 3 stays 3, 3.0 stays 3.0, to the ends of int64. */
	static const struct script_case cases[] = {
		{"{r.a, r.b, r.a + 0, r.b + 0}", "{\"a\":3,\"b\":3.0}", "[3,3.0,3,3.0]", 0},
		{"r.a + 1", "{\"a\":9007199254740993}", "9007199254740994", 0},
		{"{math.maxinteger, math.mininteger}", NULL,
		 "[9223372036854775807,-9223372036854775808]", 0},
		{"10 / 2", NULL, "5.0", 0},
		{"10 // 2", NULL, "5", 0},
		{"{0.1, 1e300, -0.0}", NULL, "[0.1,1e+300,-0.0]", 0},
		{"1 / 0", NULL, "infinity is no value of JSON", ERR_SCRIPT},
		{"{x = 0 / 0}", NULL, "nan is no value of JSON", ERR_SCRIPT},
		{"r.big + 1", "{\"big\":123456789012345678901234567890}",
		 "arithmetic on a very large number", ERR_SCRIPT},
		{"tostring(r.big)", "{\"big\":123456789012345678901234567890}",
		 "\"123456789012345678901234567890\"", 0},
	};
	(void)state;

	script_cases_run(SCRIPT_VALUE, cases, ARRAY_LEN(cases));
}

static void null_arrays_and_objects_are_told_apart(void **state)
{
	/* null is a value, nil is none; array{} is [] and {} is {}. */
	static const struct script_case cases[] = {
		{"r.a == null", "{\"a\":null}", "true", 0},
		{"{r.a == null, r.b == nil, type(r.a)}", "{\"a\":null}", "[true,true,\"null\"]", 0},
		{"{a = null}", NULL, "{\"a\":null}", 0},
		{"{a = array{}, o = {}}", NULL, "{\"a\":[],\"o\":{}}", 0},
		{"array{1, 2}", NULL, "[1,2]", 0},
		{"r.l", "{\"l\":[]}", "[]", 0},
		{"(function() local l = r.l table.remove(l) return l end)()", "{\"l\":[1]}", "[]",
		 0},
		{"{1, 2, x = 3}", NULL, "a list has gaps or names", ERR_SCRIPT},
		{"{[1] = 1, [3] = 3}", NULL, "a list", ERR_SCRIPT},
		{"{[2] = 1}", NULL, "key 2 is neither", ERR_SCRIPT},
		{"{[true] = 1}", NULL, "a key of an object is a string, not a boolean", ERR_SCRIPT},
		{"{f = print}", NULL, "a function is no value of JSON", ERR_SCRIPT},
		{"r.a + 1", "{\"a\":null}", "null value", ERR_SCRIPT},
		{"'\\xff'", NULL, "byte 1 of a string is not UTF-8", ERR_SCRIPT},
		{"{['a\\0b'] = '\\0'}", NULL, "{\"a\\u0000b\":\"\\u0000\"}", 0},
		{"(function() local t = {} t.t = t return t end)()", NULL, "in a circle",
		 ERR_SCRIPT},
	};
	(void)state;

	script_cases_run(SCRIPT_VALUE, cases, ARRAY_LEN(cases));
}

static void members_come_in_the_order_of_the_source(void **state)
{
	/* Those of the record first, new ones as the source names them, others by bytes. */
	static const struct script_case cases[] = {
		{"return {zebra = 1, apple = 2, mango = 3}", NULL,
		 "{\"zebra\":1,\"apple\":2,\"mango\":3}", 0},
		{"r.z = 1 r.a = 2 r.m = 3", "{\"m\":0}", "{\"m\":3,\"z\":1,\"a\":2}", 0},
		{"local x = r x.z = 1 x.a = 2 x.m = 3", "{\"m\":0}", "{\"m\":3,\"z\":1,\"a\":2}",
		 0},
		{"local t = {} for _, k in ipairs{'c', 'b', 'a'} do t[k] = 1 end return t", NULL,
		 "{\"a\":1,\"b\":1,\"c\":1}", 0},
		{"r.b = nil", "{\"a\":1,\"b\":2,\"c\":3}", "{\"a\":1,\"c\":3}", 0},
		{"r.a = nil r.d = 4", "{\"a\":1}", "{\"d\":4}", 0},
		{"r.a, r.b = r.b, r.a", "{\"a\":1,\"b\":2}", "{\"a\":2,\"b\":1}", 0},
		{"r['a'] = 'x'", " { \"a\" : [ 1 ] , \"b\" : 2 } ", "{ \"a\" : \"x\" , \"b\" : 2 }",
		 0},
		{"r.x = 1", "{ }", "{ \"x\":1}", 0},
	};
	(void)state;

	script_cases_run(SCRIPT_RECORD, cases, ARRAY_LEN(cases));
}

static void a_script_names_as_many_members_as_it_likes(void **state)
{
	/* Few, as many as have places of their own, and more. */
	static const int counts[] = {30, 60, SCRIPT_FIELDS_MAX, SCRIPT_FIELDS_MAX + 1, 200};
	struct buf source = BUF(10000), made = BUF(10000);

	(void)state;
	for (size_t n = 0; n < ARRAY_LEN(counts); n++) {
		struct script_case one = {.record = "{\"m0\":7}"};

		buf_clear(&source);
		buf_clear(&made);
		for (int i = 0; i < counts[n]; i++) {
			buf_printf(&source, "r.m%d = %d ", i, i);
			buf_printf(&made, "%c\"m%d\":%d", i ? ',' : '{', i, i);
		}
		buf_add_text(&made, "}");
		one.source = buf_text(&source);
		one.result = buf_text(&made);
		script_cases_run(SCRIPT_RECORD, &one, 1);
	}
	buf_done(&source);
	buf_done(&made);
}

static void a_filter_is_true_or_not(void **state)
{
	/* nil, false and null drop; everything else keeps. */
	static const struct script_case cases[] = {
		{"r.value >= 0 and r.category == \"A\"", "{\"value\":1,\"category\":\"A\"}", "true",
		 0},
		{"r.value >= 0 and r.category == \"A\"", "{\"value\":-1,\"category\":\"A\"}",
		 "false", 0},
		{"r.x", "{}", "false", 0},
		{"r.x", "{\"x\":null}", "false", 0},
		{"r.x", "{\"x\":0}", "true", 0},
		{"if r.x then return true end", "{}", "false", 0},
		{"r.value >= 0", "{\"value\":\"x\"}", "attempt to compare", ERR_SCRIPT},
	};
	(void)state;

	script_cases_run(SCRIPT_TEST, cases, ARRAY_LEN(cases));
}

static void loops_over_tables_have_one_order(void **state)
{
	/* As written: elements, members of the record, other numbers, names of the source, others
	 * by their bytes; true of pairs() and next(), and of tables that change in the loop. */
	static const char many[] =
		"{\"q\":1,\"w\":2,\"e\":3,\"r\":4,\"t\":5,\"z\":6,\"u\":7,\"i\":8,\"o\":9}";
	static const struct script_case cases[] = {
		{"(function() local s = '' for k in pairs(r) do s = s .. k end return s end)()",
		 many, "\"qwertzuio\"", 0},
		{"(function() local s = '' for k in next, r do s = s .. k end return s end)()",
		 many, "\"qwertzuio\"", 0},
		{"(function() r.new = 1 r.e = nil r.r = 'x' local s = '' "
		 "for k in pairs(r) do s = s .. k end return s end)()",
		 many, "\"qwrtzuionew\"", 0},
		{"(function() local t, s = {}, '' for _, k in ipairs{'c', 'b', 'a'} do t[k] = 1 "
		 "end "
		 "t.zebra = 1 t.apple = 2 t[-1] = 1 t[2.5] = 1 t[1] = 1 t[2] = 1 t[4] = 1 "
		 "t[true] = 1 t[false] = 1 t[null] = 1 for k in pairs(t) do s = s .. tostring(k) "
		 ".. "
		 "' ' end return s end)()",
		 NULL, "\"1 2 -1 2.5 4 zebra apple a b c false true null \"", 0},
		{"(function() local t, s = {[2^63] = 1, [math.maxinteger] = 1, [1/0] = 1, "
		 "[math.mininteger] = 1, [-1/0] = 1}, '' for k in pairs(t) do s = s .. k .. ' ' "
		 "end "
		 "return s end)()",
		 NULL, "\"-inf -9223372036854775808 9223372036854775807 9.2233720368548e+18 inf \"",
		 0},
		{"(function() local s = '' for k, v in pairs(r) do s = s .. v r[k] = nil r.w = nil "
		 "end return s .. tostring(next(r)) end)()",
		 many, "\"13456789nil\"", 0},
		{"{next({5}), next({b = 1, a = 2}), next(r, 'u')}", many, "[1,\"b\",\"i\",8]", 0},
		{"(function() local a, b, s = {x = 1, y = 2}, {p = 1, q = 2}, '' "
		 "for k in next, a do for l in next, b do s = s .. k .. l .. ' ' end end return s "
		 "end)()",
		 NULL, "\"xp xq yp yq \"", 0},
		{"(function() local s = '' for k in pairs(json.decode('{\"b\":1,\"a\":2}')) do "
		 "s = s .. k end return s end)()",
		 NULL, "\"ba\"", 0},
		{"(function() local s = 0 for i, v in pairs({10, 20, nil, 40}) do s = s + i * v "
		 "end "
		 "return s end)()",
		 NULL, "210", 0},
		{"(function() for k in pairs({[{}] = 1}) do end end)()", NULL,
		 "keys that are a table have no order", ERR_SCRIPT},
		{"next(r, 'none')", many, "a key that the table does not have", ERR_SCRIPT},
		{"pairs(r.none)", many, "table expected, got nil", ERR_SCRIPT},
		{"pairs(null)", NULL, "table expected, got null", ERR_SCRIPT},
	};
	(void)state;

	script_cases_run(SCRIPT_VALUE, cases, ARRAY_LEN(cases));
}

static void pairs_have_keys_of_every_kind(void **state)
{
	/* emit(key, value), in the order of the calls. */
	static const struct script_case cases[] = {
		{"for w in r:gmatch('%S+') do emit(w, 1) end", "\"to be or\"",
		 "\"to\"=1 \"be\"=1 \"or\"=1", 0},
		{"emit(r.k, r) emit({1, 'a'}, null)", "{\"k\":2}", "2={\"k\":2} [1,\"a\"]=null", 0},
		{"emit(1)", NULL, "emit takes a key and a value", ERR_SCRIPT},
		{"emit(nil, 1)", NULL, "the key of emit is nil", ERR_SCRIPT},
	};
	(void)state;

	script_cases_run(SCRIPT_PAIRS, cases, ARRAY_LEN(cases));
}

/* ---- mistakes ---- */

static const struct mistake *mistake_of(struct mistakes *mistakes, const char *json,
					enum script_kind kind)
{
	mistakes_init(mistakes);
	assert_int_equal(source_compile(json, kind, mistakes), -1);
	return mistakes->first;
}

static void a_mistake_says_where_and_what(void **state)
{
	/* Line, column and source of the first byte that is wrong. */
	static const struct {
		const char *json, *detail;
		int line, column;
		const char *hint;
	} cases[] = {
		{"\"r.t = price * r.qty\"", "unknown name 'price'", 1, 7, "r.price"},
		{"[\"local a = 1\", \"local é = 2\"]", "<name> expected near '<\\195>'", 2, 7,
		 NULL},
		{"[\"local a = 1\", \"if a = 2 then end\"]", "'then' expected near '='", 2, 6,
		 NULL},
		{"\"r.x = = 2\"", "unexpected symbol near '='", 1, 7, NULL},
		{"\"r.x >\"", "unexpected symbol near <eof>", 1, 6, NULL},
		{"[\"if r.x then\", \"  r.y = 1\"]", "'end' expected", 2, 10, NULL},
		{"\"r.x = strin.upper(r.y)\"", "unknown name 'strin'", 1, 7, "string"},
		{"\"r.x = string.uper(r.y)\"", "string has no 'uper'", 1, 7, "string.upper"},
		{"\"total = r.x\"", "unknown name 'total'", 1, 1, "local total"},
		{"\"string = nil\"", "'string' cannot be changed", 1, 1, NULL},
		{"\"local _ENV = {} x = 1\"", "unknown name '_ENV'", 1, 7, NULL},
		{"\"return ...\"", "cannot use '...' outside a vararg function near '...'", 1, 8,
		 NULL},
		{"\"load('x')()\"", "unknown name 'load'", 1, 1, NULL},
		{"\"goto nowhere\"", "no visible label 'nowhere'", 1, 0, NULL},
	};
	struct mistakes mistakes;
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct mistake *mistake = mistake_of(&mistakes, cases[i].json, SCRIPT_RECORD);

		if (!strstr(mistake->detail, cases[i].detail) || mistake->line != cases[i].line ||
		    mistake->column != cases[i].column)
			fail_msg("%s\n%d:%d %s", cases[i].json, mistake->line, mistake->column,
				 mistake->detail);
		assert_string_equal(mistake->type, "script");
		assert_string_equal(mistake->pointer, "/spec/stages/2/map");
		if (cases[i].hint)
			assert_string_equal(mistake->hint, cases[i].hint);
		mistakes_done(&mistakes);
	}
}

static void all_names_are_told_at_once(void **state)
{
	/* Each unknown name once, in the order of the source. */
	struct mistakes mistakes;
	const struct mistake *mistake;
	(void)state;

	mistake = mistake_of(&mistakes, "[\"r.a = b + c\", \"r.d = e + b\"]", SCRIPT_RECORD);
	assert_int_equal(mistakes.count, 3);
	assert_string_equal(mistake->detail, "unknown name 'b'");
	assert_string_equal(mistake->next->detail, "unknown name 'c'");
	assert_string_equal(mistake->next->next->detail, "unknown name 'e'");
	assert_int_equal(mistake->next->next->line, 2);
	assert_string_equal(mistake->next->next->source, "r.d = e + b");
	mistakes_done(&mistakes);
}

static void a_verb_of_another_kind_is_refused(void **state)
{
	/* A filter has nothing to emit. */
	struct mistakes mistakes;
	(void)state;

	assert_string_equal(mistake_of(&mistakes, "\"emit(r)\"", SCRIPT_TEST)->detail,
			    "a filter cannot emit");
	mistakes_done(&mistakes);
	assert_string_equal(mistake_of(&mistakes, "\"skip()\"", SCRIPT_REDUCE)->detail,
			    "a reduce cannot skip");
	mistakes_done(&mistakes);
	assert_string_equal(mistake_of(&mistakes, "7", SCRIPT_TEST)->detail,
			    "a script is a string, or an array of strings: its lines");
	mistakes_done(&mistakes);
}

static void a_mistake_of_a_record_says_its_line(void **state)
{
	/* Two lines, the second fails; the next record is fine. */
	struct script_desk desk;
	(void)state;

	desk_open(&desk, SCRIPT_RECORD, "local x = 1\nr.a = r.b.c", NULL);
	assert_int_equal(desk_call(&desk, "{}", 1), -1);
	assert_int_equal(desk.mistake.err.code, ERR_SCRIPT);
	assert_string_equal(desk.mistake.err.detail, "attempt to index a nil value (field 'b')");
	assert_int_equal(desk.mistake.line, 2);
	assert_string_equal(desk.mistake.source, "r.a = r.b.c");
	assert_int_equal(desk_call(&desk, "{\"b\":{\"c\":1}}", 2), 0);
	desk_close(&desk);
}

/* ---- other kinds ---- */

struct list {
	int64_t at, end;
};

static bool list_next(void *from, struct value *ret)
{
	struct list *list = from;

	if (list->at > list->end)
		return false;
	*ret = (struct value){.kind = VALUE_INT, .integer = list->at++};
	return true;
}

static void a_reduce_walks_over_values(void **state)
{
	/* 1 + … + 100 is 5050, whatever their number. */
	struct list list = {1, 100};
	struct value key = {.kind = VALUE_INT, .integer = 7};
	struct script_desk desk;
	struct script_args args = {.extra = &key, .next = list_next, .next_from = &list};
	(void)state;

	desk_open(&desk, SCRIPT_REDUCE, "local n = 0 for v in values do n = n + v end return n",
		  NULL);
	assert_int_equal(script_call(desk.vm, desk.slot, &args, &desk.result, &desk.mistake), 0);
	assert_int_equal(desk.result.value.kind, VALUE_INT);
	assert_int_equal(desk.result.value.integer, 5050);
	desk_close(&desk);
}

static void combine_finish_generate_and_replace(void **state)
{
	/* Each sees its own parameters. */
	static const struct {
		enum script_kind kind;
		const char *source, *extra, *result;
	} cases[] = {
		{SCRIPT_COMBINE, "{n = a.n + b.n, k = key}", "{\"n\":1}\n{\"n\":2}\n\"x\"",
		 "{\"n\":3,\"k\":\"x\"}"},
		{SCRIPT_FINISH, "{key = key, mean = value.sum / value.n}",
		 "\"x\"\n{\"sum\":6,\"n\":4}", "{\"key\":\"x\",\"mean\":1.5}"},
		{SCRIPT_GENERATE, "{id = i, even = i % 2 == 0}", "", "{\"id\":1,\"even\":false}"},
		{SCRIPT_FINISH, "emit({k = key}) emit({v = value})", "1\n2", "{\"k\":1} {\"v\":2}"},
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct script_desk desk;
		struct buf text = BUF(4096);

		desk_open(&desk, cases[i].kind, cases[i].source, NULL);
		assert_int_equal(desk_call_with(&desk, cases[i].extra), 0);
		desk_result_print(&desk, &text);
		assert_string_equal(buf_text(&text), cases[i].result);
		buf_done(&text);
		desk_close(&desk);
	}
}

static void log_keep(void *to, const char *text, size_t len)
{
	buf_add(to, text, len);
	buf_add_byte(to, '\n');
}

static void ctx_and_log_reach_the_house(void **state)
{
	/* ctx is made anew for each record; log joins its values. */
	struct buf log = BUF(4096);
	struct script_options options = {
		.ctx = "{\"params\":{\"min\":5}}",
		.ctx_len = strlen("{\"params\":{\"min\":5}}"),
		.log = log_keep,
		.log_to = &log,
	};
	struct script_desk desk;
	(void)state;

	desk_open(&desk, SCRIPT_VALUE,
		  "ctx.params.min = ctx.params.min + 1 log('min', ctx.params.min, null, {}) "
		  "return ctx.params.min",
		  &options);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(desk_call(&desk, "{}", 1), 0);
		assert_int_equal(desk.result.value.integer, 6);
	}
	assert_string_equal(log.data, "min 6 null table\nmin 6 null table\n");
	desk_close(&desk);
	buf_done(&log);
}

/* ---- the page ---- */

/* What stands in the next pair of backticks; behind it, or NULL. */
static char *code_take(char *at, char **ret_code)
{
	char *end;

	at = strchr(at, '`');
	end = at ? strchr(at + 1, '`') : NULL;
	if (!end)
		return NULL;
	*ret_code = at + 1;
	*end = '\0';
	return end + 1;
}

static void the_examples_of_the_page_hold(void **state)
{
	/* docs/SCRIPTS.md: tables of a script, a record, and what it gives. */
	FILE *page = fopen("docs/SCRIPTS.md", "r");
	char line[1024];
	bool examples = false;
	int count = 0;
	(void)state;

	if (!page)
		skip();
	while (fgets(line, sizeof(line), page)) {
		struct script_case example = {0};
		char *source = NULL, *record = NULL, *result = NULL, *at = line;

		if (*line != '|')
			examples = false;
		else if (strcmp(line, "| script | record | gives |\n") == 0)
			examples = true;
		if (!examples || !(at = code_take(at, &source)))
			continue;
		at = code_take(at, &record);
		assert_non_null(at);
		assert_non_null(code_take(at, &result));
		example.source = source;
		example.record = record;
		example.result = result;
		script_cases_run(SCRIPT_RECORD, &example, 1);
		count++;
	}
	fclose(page);
	assert_int_equal(count, 18);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_map_returns_or_changes_its_record),
		cmocka_unit_test(what_is_not_changed_stays_byte_for_byte),
		cmocka_unit_test(integers_and_doubles_keep_their_kind),
		cmocka_unit_test(null_arrays_and_objects_are_told_apart),
		cmocka_unit_test(members_come_in_the_order_of_the_source),
		cmocka_unit_test(a_script_names_as_many_members_as_it_likes),
		cmocka_unit_test(a_filter_is_true_or_not),
		cmocka_unit_test(loops_over_tables_have_one_order),
		cmocka_unit_test(pairs_have_keys_of_every_kind),
		cmocka_unit_test(a_mistake_says_where_and_what),
		cmocka_unit_test(all_names_are_told_at_once),
		cmocka_unit_test(a_verb_of_another_kind_is_refused),
		cmocka_unit_test(a_mistake_of_a_record_says_its_line),
		cmocka_unit_test(a_reduce_walks_over_values),
		cmocka_unit_test(combine_finish_generate_and_replace),
		cmocka_unit_test(ctx_and_log_reach_the_house),
		cmocka_unit_test(the_examples_of_the_page_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
