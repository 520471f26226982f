/* SPDX-License-Identifier: MIT */
/* test_script_library.c - handlers/script: what the library gives; expected values are those of
 * the standards, of Lua 5.4 itself, and of coreutils. */
#include "base/compiler.h"
#include "tests/lib/script_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RUN(cases) script_cases_run(SCRIPT_VALUE, cases, ARRAY_LEN(cases))

static void patterns_are_those_of_lua(void **state)
{
	/* Reference manual, section 6.4.1, and what lua5.4 answers. */
	static const struct script_case cases[] = {
		{"{('hello world'):find('o w')}", NULL, "[5,7]", 0},
		{"{('hello world'):find('(o)(r)')}", NULL, "[8,9,\"o\",\"r\"]", 0},
		{"{('hello'):find('l', 1, true)}", NULL, "[3,3]", 0},
		{"{('a.b'):find('.', 2, true)}", NULL, "[2,2]", 0},
		{"{('hello'):find('')}", NULL, "[1,0]", 0},
		{"{('hello'):find('', 6)}", NULL, "[6,5]", 0},
		{"{('hello'):find('', 7)}", NULL, "{}", 0},
		{"{('key = value'):match('^(%w+)%s*=%s*(%w+)$')}", NULL, "[\"key\",\"value\"]", 0},
		{"{('  x '):match('^%s*(.-)%s*$')}", NULL, "[\"x\"]", 0},
		{"{('2026-11-21'):match('(%d+)-(%d+)-(%d+)')}", NULL, "[\"2026\",\"11\",\"21\"]",
		 0},
		{"{('abc'):match('()b()')}", NULL, "[2,3]", 0},
		{"{('x=1, y=2'):gsub('(%w)=(%w)', '%2=%1')}", NULL, "[\"1=x, 2=y\",2]", 0},
		{"{('abc'):gsub('', '-')}", NULL, "[\"-a-b-c-\",4]", 0},
		{"{('abc'):gsub('%w', '%0%0', 2)}", NULL, "[\"aabbc\",2]", 0},
		{"{('$name is $age'):gsub('%$(%w+)', {name = 'Lua', age = 30})}", NULL,
		 "[\"Lua is 30\",2]", 0},
		{"{('abc'):gsub('b', function() return false end)}", NULL, "[\"abc\",1]", 0},
		{"{('THE (quick) fox'):find('%((%a+)%)')}", NULL, "[5,11,\"quick\"]", 0},
		{"{('f(a(b)c)d'):match('%b()')}", NULL, "[\"(a(b)c)\"]", 0},
		{"{('THE (quick) fox'):gsub('%f[%a]%a+', string.lower)}", NULL,
		 "[\"the (quick) fox\",3]", 0},
		{"{('\"a\" \\'b\\''):match([[([\"'])(.-)%1]])}", NULL, "[\"\\\"\",\"a\"]", 0},
		{"{('a]b'):match('[]]')}", NULL, "[\"]\"]", 0},
		{"{('a-b'):match('[a%-]+')}", NULL, "[\"a-\"]", 0},
		{"{('a^b'):match('[%^x]')}", NULL, "[\"^\"]", 0},
		{"{('0xFF'):match('^0[xX](%x+)$')}", NULL, "[\"FF\"]", 0},
		{"{('aaa'):match('a-b')}", NULL, "{}", 0},
		{"{('aaab'):match('a-b')}", NULL, "[\"aaab\"]", 0},
		{"{('äö'):match('[\\xc0-\\xff][\\x80-\\xbf]*')}", NULL, "[\"ä\"]", 0},
		{"(function() local t = {} for k, v in ('a=1, b=2'):gmatch('(%w+)=(%w+)') do "
		 "t[#t + 1] = k .. v end return t end)()",
		 NULL, "[\"a1\",\"b2\"]", 0},
		{"(function() local t = {} for w in ('abc'):gmatch('') do t[#t + 1] = 'x' end "
		 "return "
		 "#t end)()",
		 NULL, "4", 0},
		{"('x'):find('[a')", NULL, "malformed pattern (missing ']')", ERR_SCRIPT},
		{"('x'):find('%')", NULL, "malformed pattern (ends with '%')", ERR_SCRIPT},
		{"('x'):find('(x')", NULL, "unfinished capture", ERR_SCRIPT},
		{"('x'):find('.)')", NULL, "invalid pattern capture", ERR_SCRIPT},
		{"('x'):gsub('x', '%2')", NULL, "invalid capture index %2", ERR_SCRIPT},
		{"('x'):find('%b')", NULL, "missing arguments to '%b'", ERR_SCRIPT},
		{"('x'):find('%f')", NULL, "missing '[' after '%f'", ERR_SCRIPT},
	};
	(void)state;

	RUN(cases);
}

static void strings_have_what_lua_lacks(void **state)
{
	/* trim, split, pad, and both ends. */
	static const struct script_case cases[] = {
		{"('  a b \\n'):trim()", NULL, "\"a b\"", 0},
		{"('a,b,,c'):split(',')", NULL, "[\"a\",\"b\",\"\",\"c\"]", 0},
		{"(' to  be '):split()", NULL, "[\"to\",\"be\"]", 0},
		{"(''):split()", NULL, "[]", 0},
		{"(''):split(',')", NULL, "[\"\"]", 0},
		{"('a--b'):split('--')", NULL, "[\"a\",\"b\"]", 0},
		{"('x'):split('')", NULL, "the separator is empty", ERR_SCRIPT},
		{"{('7'):pad(-3, '0'), ('é'):pad(3) .. '|', ('abc'):pad(2)}", NULL,
		 "[\"007\",\"é  |\",\"abc\"]", 0},
		{"{('abc'):starts_with('ab'), ('abc'):ends_with('bc'), ('a'):ends_with('ba')}",
		 NULL, "[true,true,false]", 0},
		{"{('ab'):rep(3, '-'), ('x'):rep(0), (''):rep(1 << 62)}", NULL,
		 "[\"ab-ab-ab\",\"\",\"\"]", 0},
		{"{('abc'):byte(-2, -1)}", NULL, "[98,99]", 0},
		{"string.format('%5.2f|%-4s|%03d|%q', 3.14159, 'ab', 7, 'x')", NULL,
		 "\" 3.14|ab  |007|\\\"x\\\"\"", 0},
		{"{utf8.len('äöü'), utf8.char(228, 8364)}", NULL, "[3,\"ä€\"]", 0},
		{"'10' + 5", NULL, "15", 0},
		{"{tonumber('0x10'), tonumber('10', 2), tonumber('x') == nil}", NULL, "[16,2,true]",
		 0},
	};
	(void)state;

	RUN(cases);
}

static void tables_are_sorted_and_moved(void **state)
{
	/* As lua5.4 answers; sort is stable besides. */
	static const struct script_case cases[] = {
		{"(function() local t = {3, 1, 2} table.sort(t) return t end)()", NULL, "[1,2,3]",
		 0},
		{"(function() local t = {'b', 'C', 'a'} table.sort(t, function(x, y) return "
		 "x:lower() "
		 "< y:lower() end) return t end)()",
		 NULL, "[\"a\",\"b\",\"C\"]", 0},
		{"(function() local t = {} for i = 1, 10 do t[i] = {i % 2, i} end table.sort(t, "
		 "function(x, y) return x[1] < y[1] end) local o = {} for i, x in ipairs(t) do "
		 "o[i] = "
		 "x[2] end return o end)()",
		 NULL, "[2,4,6,8,10,1,3,5,7,9]", 0},
		{"(function() local t = {1, 2, 3} table.insert(t, 1, 0) table.insert(t, 4) return "
		 "{t, table.remove(t), table.remove(t, 1), #t} end)()",
		 NULL, "[[1,2,3],4,0,3]", 0},
		{"{table.concat({1, 2, 'x'}, '-'), table.concat({}), table.concat({1, 2, 3}, ',', "
		 "2)}",
		 NULL, "[\"1-2-x\",\"\",\"2,3\"]", 0},
		{"{table.unpack({1, 2, 3}, 2)}", NULL, "[2,3]", 0},
		{"table.pack('a', 'b').n", NULL, "2", 0},
		{"table.move({1, 2, 3}, 1, 3, 2)", NULL, "[1,1,2,3]", 0},
		{"table.move({1, 2, 3}, 2, 3, 1)", NULL, "[2,3,3]", 0},
		{"{select('#', 1, nil, 3), select(-1, 1, 2), (select(2, 'a', 'b'))}", NULL,
		 "[3,2,\"b\"]", 0},
	};
	(void)state;

	RUN(cases);
}

static void metatables_work_as_classes_do(void **state)
{
	/* What is set when the metatable is; getmetatable() gives back what was given. */
	static const struct script_case cases[] = {
		{"(function() local P = {} P.__index = P function P.sum(self) return self.x + "
		 "self.y "
		 "end local p = setmetatable({x = 1, y = 2}, P) return {p:sum(), getmetatable(p) "
		 "== P} "
		 "end)()",
		 NULL, "[3,true]", 0},
		{"(function() local V = {} V.__add = function(a, b) return a.n + b.n end "
		 "return setmetatable({n = 1}, V) + setmetatable({n = 2}, V) end)()",
		 NULL, "3", 0},
		{"(function() local d = setmetatable({}, {__index = function(_, k) return k .. '!' "
		 "end}) return d.x end)()",
		 NULL, "\"x!\"", 0},
		{"(function() local t = setmetatable({}, {}) setmetatable(t, nil) return "
		 "getmetatable(t) == nil end)()",
		 NULL, "true", 0},
		{"{pcall(error, {code = 7})}", NULL, "[false,{\"code\":7}]", 0},
		{"select(2, pcall(error, 'why', 0))", NULL, "\"why\"", 0},
		{"error({message = 'told'})", NULL, "told", ERR_SCRIPT},
		{"assert(false, 'not so')", NULL, "not so", ERR_SCRIPT},
	};
	(void)state;

	RUN(cases);
}

static void dates_are_milliseconds(void **state)
{
	/* As date -u answers. */
	static const struct script_case cases[] = {
		{"date.parse('2026-11-21T08:30:15.250Z')", NULL, "1795249815250", 0},
		{"date.parse('2024-02-29')", NULL, "1709164800000", 0},
		{"date.parse('2026-11-21T10:30:15+02:00')", NULL, "1795249815000", 0},
		{"date.parse('2025-02-29') == nil", NULL, "true", 0},
		{"date.format(1795249815250)", NULL, "\"2026-11-21T08:30:15.250Z\"", 0},
		{"date.format(1795249815250, '%d.%m.%y %H:%M %a %B %j %u %L%%')", NULL,
		 "\"21.11.26 08:30 Sat November 325 6 250%\"", 0},
		{"date.format(-1)", NULL, "\"1969-12-31T23:59:59.999Z\"", 0},
		{"date.format(0, '%Q')", NULL, "date.format has no '%Q'", ERR_SCRIPT},
		{"date.format(date.add(date.parse('2024-01-31'), 1, 'month'), '%F')", NULL,
		 "\"2024-02-29\"", 0},
		{"date.format(date.add(date.parse('2024-02-29'), -1, 'year'), '%F')", NULL,
		 "\"2023-02-28\"", 0},
		{"date.add(0, 36, 'hour')", NULL, "129600000", 0},
		{"date.add(0, math.maxinteger, 'week')", NULL, "too far", ERR_SCRIPT},
		{"date.add(0, 9000, 'year')", NULL, "leaves the years", ERR_SCRIPT},
		{"date.parts(date.parse('2026-11-21')).weekday", NULL, "6", 0},
		{"{os.date('%Y', 0), os.time() > 1700000000}", NULL, "[\"1970\",true]", 0},
	};
	(void)state;

	RUN(cases);
}

static void bytes_are_hashed_and_encoded(void **state)
{
	/* RFC 1321, FIPS 180-4, RFC 4648, and the check value of CRC-32. */
	static const struct script_case cases[] = {
		{"hash.md5('abc')", NULL, "\"900150983cd24fb0d6963f7d28e17f72\"", 0},
		{"hash.sha1('abc')", NULL, "\"a9993e364706816aba3e25717850c26c9cd0d89d\"", 0},
		{"hash.sha256('abc')", NULL,
		 "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"", 0},
		{"#hash.sha512('abc')", NULL, "128", 0},
		{"hash.crc32('123456789')", NULL, "\"cbf43926\"", 0},
		{"hash.xxh64('')", NULL, "\"ef46db3751d8e999\"", 0},
		{"{base64.encode(''), base64.encode('f'), base64.encode('foobar')}", NULL,
		 "[\"\",\"Zg==\",\"Zm9vYmFy\"]", 0},
		{"{base64.decode('Zm9vYg=='), base64.decode('Zg') == nil, base64.decode('!') == "
		 "nil}",
		 NULL, "[\"foob\",true,true]", 0},
		{"{hex.encode('\\0\\xff'), hex.decode('414a'), hex.decode('4') == nil, "
		 "hex.decode('xx') == nil}",
		 NULL, "[\"00ff\",\"AJ\",true,true]", 0},
		{"uuid.v4():match('^%x+%-%x+%-4%x+%-[89ab]%x+%-%x+$') ~= nil", NULL, "true", 0},
		{"uuid.v4() ~= uuid.v4() and #uuid.v7() == 36", NULL, "true", 0},
	};
	(void)state;

	RUN(cases);
}

static void urls_are_taken_apart(void **state)
{
	/* By the URL Standard; RFC 3986, section 5.4 for the join. */
	static const struct script_case cases[] = {
		{"(function() local u = url.parse('HTTP://Example.com:8080/a/../b?x=1#f') return "
		 "{u.href, u.scheme, u.host, u.port, u.path, u.query, u.fragment} end)()",
		 NULL,
		 "[\"http://example.com:8080/b?x=1#f\",\"http\",\"example.com\",8080,\"/"
		 "b\",\"x=1\","
		 "\"f\"]",
		 0},
		{"url.parse('../g', 'http://a/b/c/d').href", NULL, "\"http://a/b/g\"", 0},
		{"url.parse('no url') == nil", NULL, "true", 0},
		{"{url.encode('a b/ä~'), url.decode('a%20b%2F+')}", NULL,
		 "[\"a%20b%2F%C3%A4~\",\"a b/+\"]", 0},
		{"(function() local q = url.query('a=1&b=x+y%21&a=2&c') return {q.a, q.b, q.c} "
		 "end)()",
		 NULL, "[\"1\",\"x y!\",\"\"]", 0},
	};
	(void)state;

	RUN(cases);
}

static void json_goes_in_and_out(void **state)
{
	/* Without loss, as records do. */
	static const struct script_case cases[] = {
		{"json.encode({a = 1, b = {true, null, 2.0}})", NULL,
		 "\"{\\\"a\\\":1,\\\"b\\\":[true,null,2.0]}\"", 0},
		{"json.decode('{\"b\":1.50,\"a\":[],\"n\":123456789012345678901234567890}')", NULL,
		 "{\"b\":1.50,\"a\":[],\"n\":123456789012345678901234567890}", 0},
		{"json.decode('[1,2').x", NULL, "attempt to index a nil value", ERR_SCRIPT},
		{"select(2, json.decode('[1,2'))", NULL,
		 "\"byte 5: expected ',' or ']' but the record ends\"", 0},
		{"{pcall(function() local t = {} t.t = t json.encode(t) end), json.encode({})}",
		 NULL, "[false,\"{}\"]", 0},
	};
	(void)state;

	RUN(cases);
}

static void regular_expressions_search(void **state)
{
	/* PCRE2's, on UTF-8. */
	static const struct script_case cases[] = {
		{"{re.test('price: 12', '\\\\d+'), re.test('ÄÖ', 'äö', 'i'), re.test('x', 'y')}",
		 NULL, "[true,true,false]", 0},
		{"{re.match('2026-11-21', '(\\\\d+)-(\\\\d+)')}", NULL, "[\"2026\",\"11\"]", 0},
		{"{re.match('abc', 'b')}", NULL, "[\"b\"]", 0},
		{"{re.find('äbc', 'b(c)')}", NULL, "[3,4,\"c\"]", 0},
		{"re.all('a1 b22', '\\\\d+')", NULL, "[\"1\",\"22\"]", 0},
		{"re.all('a=1 b=2', '(\\\\w)=(\\\\w)')", NULL, "[[\"a\",\"1\"],[\"b\",\"2\"]]", 0},
		{"re.all('', 'x')", NULL, "[]", 0},
		{"{re.gsub('a1b2', '(\\\\w)(\\\\d)', '$2$1$$')}", NULL, "[\"1a$2b$\",2]", 0},
		{"{re.gsub('äö', '', '-')}", NULL, "[\"-ä-ö-\",3]", 0},
		{"{re.gsub('a1', '\\\\d', function(d) return d + 1 end)}", NULL, "[\"a2\",1]", 0},
		{"re.test('x', '(')", NULL, "pattern, byte", ERR_SCRIPT},
		{"re.test('x', 'x', 'z')", NULL, "the flag is", ERR_SCRIPT},
		{"re.test('\\xff', 'x')", NULL, "the text is not UTF-8", ERR_SCRIPT},
		{"re.test(('a'):rep(5000), '(a+)+$|b(a+)+c')", NULL, "true", 0},
		{"while true do pcall(re.test, ('a'):rep(100000) .. 'b', '(a+)+$') end", NULL,
		 "the script takes more than", ERR_LIMIT},
		{"local n = 0 while true do n = n + 1 re.test('x', 'x' .. n) end", NULL,
		 "more than 20,000,000 steps", ERR_LIMIT},
	};
	(void)state;

	RUN(cases);
}

static void random_numbers_repeat_with_their_record(void **state)
{
	/* The same of one seed and number, others of the next number. */
	static const char source[] = "return {math.random(1000000), math.random(), uuid.v4()}";
	struct script_desk a, b;
	char first[256];
	(void)state;

	desk_open(&a, SCRIPT_VALUE, source, NULL);
	desk_open(&b, SCRIPT_VALUE, source, NULL);
	assert_int_equal(desk_call(&a, "{}", 7), 0);
	assert_true(a.result.value.len < sizeof(first));
	memcpy(first, a.result.value.at, a.result.value.len);
	assert_int_equal(desk_call(&b, "{}", 1), 0);
	assert_memory_not_equal(first, b.result.value.at, 8);
	assert_int_equal(desk_call(&b, "{}", 7), 0);
	assert_int_equal(a.result.value.len, b.result.value.len);
	assert_memory_equal(first, b.result.value.at, b.result.value.len);
	desk_close(&a);
	desk_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_are_those_of_lua),
		cmocka_unit_test(strings_have_what_lua_lacks),
		cmocka_unit_test(tables_are_sorted_and_moved),
		cmocka_unit_test(metatables_work_as_classes_do),
		cmocka_unit_test(dates_are_milliseconds),
		cmocka_unit_test(bytes_are_hashed_and_encoded),
		cmocka_unit_test(urls_are_taken_apart),
		cmocka_unit_test(json_goes_in_and_out),
		cmocka_unit_test(regular_expressions_search),
		cmocka_unit_test(random_numbers_repeat_with_their_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
