/* SPDX-License-Identifier: MIT */
/* test_schema.c - handlers/schema: each keyword of JSON Schema 2020-12 by what its section of
 * the specification says, mistakes in schemas, and schemas that would take for ever. */
#include "handlers/schema/schema.h"

#include "base/json.h"
#include "base/record/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct schema *compile(const char *text, struct mistakes *mistakes, struct json **ret_json)
{
	struct json_place place;
	struct err err;

	if (json_parse(text, strlen(text), ret_json, &place, &err))
		fail_msg("%s: %s", text, err.detail);
	return schema_new(*ret_json, "/s", mistakes);
}

/* What is wrong with the record; "" when nothing is. */
static void check(const char *schema_text, const char *record, struct err *ret_err)
{
	struct mistakes mistakes;
	struct json *json;
	struct schema *schema;
	struct fields fields;
	struct scanner *scanner;
	struct schema_scratch *scratch = schema_scratch_new();
	struct scan_mistake wrong;
	struct value values[16];

	mistakes_init(&mistakes);
	fields_init(&fields);
	schema = compile(schema_text, &mistakes, &json);
	if (!schema)
		fail_msg("%s: %s", schema_text, mistakes.first->detail);
	*ret_err = (struct err){0};
	assert_int_equal(schema_fields(schema, &fields, ret_err), 0);
	scanner = scanner_new(&fields);
	assert_true(fields.count <= 16);
	if (scan(scanner, record, strlen(record), values, &wrong))
		fail_msg("%s: %s", record, wrong.detail);
	if (schema_check(schema, scratch, values, ret_err) == 0)
		*ret_err = (struct err){0};
	scanner_free(scanner);
	schema_scratch_free(scratch);
	fields_done(&fields);
	schema_free(schema);
	json_free(json);
	mistakes_done(&mistakes);
}

struct trial {
	const char *schema, *record, *detail; /* NULL: it fits */
};

static void expect_all(const struct trial *trials, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *wanted = trials[i].detail ? trials[i].detail : "";
		struct err err;

		check(trials[i].schema, trials[i].record, &err);
		if (strcmp(err.detail, wanted) != 0)
			fail_msg("%s\n%s\ngives  %s\nwanted %s", trials[i].schema, trials[i].record,
				 err.detail, wanted);
		if (*wanted)
			assert_int_equal(err.code, ERR_INVALID_RECORD);
	}
}

#define EXPECT(...)                                                                                \
	expect_all((const struct trial[]){__VA_ARGS__},                                            \
		   sizeof((const struct trial[]){__VA_ARGS__}) / sizeof(struct trial))

static void types(void **state)
{
	/* Validation, section 6.1.1: an integer is any number without a fraction. */
	(void)state;
	EXPECT({"{\"type\":\"integer\"}", "3", NULL}, {"{\"type\":\"integer\"}", "3.0", NULL},
	       {"{\"type\":\"integer\"}", "1e300", NULL},
	       {"{\"type\":\"integer\"}", "123456789012345678901234567890", NULL},
	       {"{\"type\":\"integer\"}", "3.5", "is a number, not an integer"},
	       {"{\"type\":\"number\"}", "3", NULL},
	       {"{\"type\":\"number\"}", "\"3\"", "is a string, not a number"},
	       {"{\"type\":[\"string\",\"null\"]}", "null", NULL},
	       {"{\"type\":[\"string\",\"null\"]}", "true", "is true, not null or a string"},
	       {"{\"type\":\"boolean\"}", "false", NULL}, {"{\"type\":\"array\"}", "[]", NULL},
	       {"{\"type\":\"object\"}", "[]", "is an array, not an object"}, {"true", "{}", NULL},
	       {"{}", "7", NULL}, {"false", "7", "must not be there"});
}

static void values_that_are_allowed(void **state)
{
	/* Sections 6.1.2 and 6.1.3, by the equality of core, 4.2.2. */
	(void)state;
	EXPECT({"{\"enum\":[1,\"a\",null]}", "1.0", NULL},
	       {"{\"enum\":[1,\"a\",null]}", "null", NULL},
	       {"{\"enum\":[1,\"a\",null]}", "\"\\u0061\"", NULL},
	       {"{\"enum\":[1,\"a\",null]}", "2", "is none of the 3 values of enum"},
	       {"{\"const\":{\"a\":[1,2],\"b\":0}}", "{\"b\":0.0,\"a\":[1,2e0]}", NULL},
	       {"{\"const\":{\"a\":[1,2]}}", "{\"a\":[2,1]}", "is not {\"a\":[1,2]}"},
	       {"{\"const\":\"x\"}", "\"y\"", "is not \"x\""}, {"{\"const\":0}", "-0.0", NULL},
	       {"{\"const\":0}", "false", "is not 0"}, {"{\"const\":100}", "1e2", NULL},
	       {"{\"const\":9007199254740992}", "9007199254740993", "is not 9007199254740992"});
}

static void bounds_of_numbers(void **state)
{
	/* Section 6.2; multiples are decimal. */
	(void)state;
	EXPECT({"{\"minimum\":0}", "0", NULL}, {"{\"minimum\":0}", "-0.5", "-0.5 is below 0"},
	       {"{\"maximum\":1.5}", "1.5", NULL}, {"{\"maximum\":1.5}", "2", "2 is above 1.5"},
	       {"{\"exclusiveMinimum\":0}", "0", "0 is not above 0"},
	       {"{\"exclusiveMaximum\":10}", "10.0", "10.0 is not below 10"},
	       {"{\"maximum\":9007199254740992}", "9007199254740993",
		"9007199254740993 is above 9007199254740992"},
	       {"{\"maximum\":5}", "1e400", "1e400 is above 5"},
	       {"{\"minimum\":5}", "-123456789012345678901234567890",
		"-123456789012345678901234567890 is below 5"},
	       {"{\"multipleOf\":0.1}", "0.3", NULL}, {"{\"multipleOf\":0.01}", "4.02", NULL},
	       {"{\"multipleOf\":0.1}", "0.35", "0.35 is no multiple of 0.1"},
	       {"{\"multipleOf\":10}", "5", "5 is no multiple of 10"},
	       {"{\"multipleOf\":2.5}", "1e400", NULL},
	       {"{\"multipleOf\":3}", "1e400", "1e400 is no multiple of 3"},
	       {"{\"multipleOf\":7}", "0", NULL}, {"{\"minimum\":3}", "\"text\"", NULL});
}

static void texts(void **state)
{
	/* Section 6.3: lengths in code points, patterns anywhere. */
	(void)state;
	EXPECT({"{\"maxLength\":2}", "\"\\ud83d\\ude00\\u00e9\"", NULL},
	       {"{\"minLength\":3}", "\"ab\"", "has 2 characters, fewer than 3"},
	       {"{\"maxLength\":1}", "\"ab\"", "has 2 characters, more than 1"},
	       {"{\"pattern\":\"b+\"}", "\"abbc\"", NULL},
	       {"{\"pattern\":\"^b\"}", "\"ab\"", "does not match ^b"},
	       {"{\"properties\":{\"a/b\":{\"format\":\"date\",\"pattern\":\"x\"}}}",
		"{\"a\\/b\":\"\\u0061\"}", "/a~1b: is no date; /a~1b: does not match x"});
}

static void formats(void **state)
{
	/* Section 7.3, with the RFCs that it names. */
	(void)state;
	EXPECT({"{\"format\":\"date-time\"}", "\"2024-02-29T12:00:00.5+01:00\"", NULL},
	       {"{\"format\":\"date-time\"}", "\"2023-02-29T12:00:00Z\"", "is no date-time"},
	       {"{\"format\":\"date-time\"}", "\"2024-02-29T12:00:00\"", "is no date-time"},
	       {"{\"format\":\"date\"}", "\"2024-02-29\"", NULL},
	       {"{\"format\":\"date\"}", "\"2024-2-29\"", "is no date"},
	       {"{\"format\":\"time\"}", "\"23:59:60Z\"", NULL},
	       {"{\"format\":\"time\"}", "\"12:00\"", "is no time"},
	       {"{\"format\":\"email\"}", "\"joe.bloggs+x@example.com\"", NULL},
	       {"{\"format\":\"email\"}", "\"joe@[127.0.0.1]\"", NULL},
	       {"{\"format\":\"email\"}", "\"joe@[IPv6:::1]\"", NULL},
	       {"{\"format\":\"email\"}", "\".joe@example.com\"", "is no email"},
	       {"{\"format\":\"email\"}", "\"joe\"", "is no email"},
	       {"{\"format\":\"hostname\"}", "\"a-b.example\"", NULL},
	       {"{\"format\":\"hostname\"}", "\"-a.example\"", "is no hostname"},
	       {"{\"format\":\"hostname\"}", "\"a..b\"", "is no hostname"},
	       {"{\"format\":\"ipv4\"}", "\"192.0.2.1\"", NULL},
	       {"{\"format\":\"ipv4\"}", "\"192.0.2.256\"", "is no ipv4"},
	       {"{\"format\":\"ipv6\"}", "\"2001:db8::1\"", NULL},
	       {"{\"format\":\"ipv6\"}", "\"2001:db8:::1\"", "is no ipv6"},
	       {"{\"format\":\"uri\"}", "\"http://example.com/a%20b?c#d\"", NULL},
	       {"{\"format\":\"uri\"}", "\"//example.com/\"", "is no uri"},
	       {"{\"format\":\"uri\"}", "\"http://example.com/a b\"", "is no uri"},
	       {"{\"format\":\"uuid\"}", "\"f81d4fae-7dec-11d0-A765-00a0c91e6bf6\"", NULL},
	       {"{\"format\":\"uuid\"}", "\"f81d4fae7dec11d0a76500a0c91e6bf6\"", "is no uuid"},
	       {"{\"format\":\"json-pointer\"}", "\"/a~1b\"", NULL},
	       {"{\"format\":\"json-pointer\"}", "\"/a~2b\"", "is no json-pointer"},
	       {"{\"format\":\"regex\"}", "\"(a|b)+\"", NULL},
	       {"{\"format\":\"regex\"}", "\"(a\"", "is no regex"},
	       {"{\"format\":\"date\"}", "7", NULL});
}

static void members(void **state)
{
	/* Section 6.5 and core, section 10.3.2: every violation, each with its pointer. */
	(void)state;
	EXPECT({"{\"required\":[\"id\"],\"properties\":{\"value\":{\"minimum\":0}}}",
		"{\"value\":-3}", "/id: is missing; /value: -3 is below 0"},
	       {"{\"required\":[\"id\"],\"properties\":{\"value\":{\"minimum\":0}}}",
		"{\"id\":1,\"value\":3}", NULL},
	       {"{\"required\":[\"id\"]}", "[]", NULL},
	       {"{\"type\":\"object\",\"required\":[\"id\"]}", "[]", "is an array, not an object"},
	       {"{\"required\":[\"a\",\"a\"],\"minProperties\":2}", "{\"a\":1}",
		"has 1 members, fewer than 2"},
	       {"{\"maxProperties\":0}", "{\"a\":1}", "has 1 members, more than 0"},
	       {"{\"properties\":{\"a\":{}},\"additionalProperties\":false}", "{\"a\":1,\"b\":2}",
		"/b: is not among the properties"},
	       {"{\"properties\":{\"a\":{}},\"additionalProperties\":{\"type\":\"string\"}}",
		"{\"a\":1,\"b\":2}", "/b: is an integer, not a string"},
	       {"{\"patternProperties\":{\"^x-\":{\"type\":\"string\"}},\"additionalProperties\":"
		"false}",
		"{\"x-a\":\"1\",\"x-b\":2}", "/x-b: is an integer, not a string"},
	       {"{\"propertyNames\":{\"maxLength\":1}}", "{\"a\":1,\"bc\":2}",
		"/bc: is a name that propertyNames does not allow"},
	       {"{\"dependentRequired\":{\"card\":[\"address\"]}}", "{\"card\":1}",
		"has 'card', but not 'address'"},
	       {"{\"dependentSchemas\":{\"card\":{\"required\":[\"address\"]}}}", "{\"card\":1}",
		"/address: is missing"},
	       {"{\"properties\":{\"o\":{\"properties\":{\"p\":{\"type\":\"null\"}}}}}",
		"{\"o\":{\"p\":1}}", "/o/p: is an integer, not null"},
	       {"{\"properties\":{\"a\":{\"type\":\"null\"}}}", "{\"\\u0061\":1}",
		"/a: is an integer, not null"});
}

static void elements(void **state)
{
	/* Section 6.4 and core, section 10.3.1. */
	(void)state;
	EXPECT({"{\"items\":{\"type\":\"integer\"}}", "[1,\"a\",null]",
		"/1: is a string, not an integer; /2: is null, not an integer"},
	       {"{\"prefixItems\":[{\"const\":1}],\"items\":false}", "[1]", NULL},
	       {"{\"prefixItems\":[{\"const\":1}],\"items\":false}", "[1,2]",
		"/1: must not be there"},
	       {"{\"minItems\":2}", "[1]", "has 1 elements, fewer than 2"},
	       {"{\"maxItems\":0}", "[1]", "has 1 elements, more than 0"},
	       {"{\"uniqueItems\":true}", "[1,{\"a\":[0]},1.5]", NULL},
	       {"{\"uniqueItems\":true}", "[{\"a\":1,\"b\":2},0,{\"b\":2,\"a\":1.0}]",
		"elements 0 and 2 are equal"},
	       {"{\"contains\":{\"const\":1}}", "[2,1]", NULL},
	       {"{\"contains\":{\"const\":1}}", "[2]", "contains 0 fitting elements, fewer than 1"},
	       {"{\"contains\":{\"const\":1},\"minContains\":0}", "[2]", NULL},
	       {"{\"contains\":{\"const\":1},\"maxContains\":1}", "[1,1]",
		"contains 2 fitting elements, more than 1"});
}

static void schemas_together(void **state)
{
	/* Core, section 10.2. */
	(void)state;
	EXPECT({"{\"allOf\":[{\"minimum\":1},{\"maximum\":0}]}", "0.5",
		"0.5 is below 1; 0.5 is above 0"},
	       {"{\"anyOf\":[{\"type\":\"null\"},{\"minimum\":1}]}", "1", NULL},
	       {"{\"anyOf\":[{\"type\":\"null\"},{\"minimum\":1}]}", "0",
		"fits none of the 2 of anyOf"},
	       {"{\"oneOf\":[{\"minimum\":1},{\"maximum\":2}]}", "3", NULL},
	       {"{\"oneOf\":[{\"minimum\":1},{\"maximum\":2}]}", "1.5",
		"fits more than one of the 2 of oneOf"},
	       {"{\"oneOf\":[{\"minimum\":1},{\"minimum\":2}]}", "0",
		"fits none of the 2 of oneOf"},
	       {"{\"not\":{\"type\":\"null\"}}", "null", "fits what it must not"},
	       {"{\"if\":{\"minimum\":10},\"then\":{\"multipleOf\":10},\"else\":{\"minimum\":0}}",
		"15", "15 is no multiple of 10"},
	       {"{\"if\":{\"minimum\":10},\"then\":{\"multipleOf\":10},\"else\":{\"minimum\":0}}",
		"-1", "-1 is below 0"},
	       {"{\"if\":{\"minimum\":10}}", "1", NULL}, {"{\"then\":false}", "1", NULL});
}

static void references(void **state)
{
	/* Core, section 8.2: pointers, anchors, and a tree of itself. */
	static const char tree[] = "{\"type\":\"object\",\"properties\":{\"children\":{\"type\":"
				   "\"array\",\"items\":{\"$ref\":\"#\"}}},\"required\":[\"n\"]}";

	(void)state;
	EXPECT({"{\"$defs\":{\"a/b%\":{\"const\":1}},\"$ref\":\"#/$defs/a~1b%25\"}", "2",
		"is not 1"},
	       {"{\"$defs\":{\"x\":{\"$anchor\":\"me\",\"const\":1}},\"$ref\":\"#me\"}", "1", NULL},
	       {"{\"allOf\":[{\"const\":1}],\"properties\":{\"a\":{\"$ref\":\"#/allOf/0\"}}}", "1",
		NULL},
	       {tree, "{\"n\":1,\"children\":[{\"n\":2},{\"children\":[]}]}",
		"/children/1/n: is missing"});
}

static void mistake_is(const char *schema_text, const char *pointer, const char *type,
		       const char *hint)
{
	struct mistakes mistakes;
	struct json *json;
	struct schema *schema;

	mistakes_init(&mistakes);
	schema = compile(schema_text, &mistakes, &json);
	if (schema || !mistakes.first)
		fail_msg("%s is no mistake", schema_text);
	if (strcmp(mistakes.first->pointer, pointer) || strcmp(mistakes.first->type, type))
		fail_msg("%s: %s %s", schema_text, mistakes.first->pointer, mistakes.first->type);
	if (hint)
		assert_string_equal(mistakes.first->hint, hint);
	json_free(json);
	mistakes_done(&mistakes);
}

static void mistakes_in_schemas(void **state)
{
	/* Each is told where it stands, with what was meant. */
	(void)state;
	mistake_is("{\"propertis\":{}}", "/s/propertis", "unknown-member", "properties");
	mistake_is("{\"definitions\":{}}", "/s/definitions", "unknown-member", "$defs");
	mistake_is("{\"properties\":{\"a\":{\"typ\":1}}}", "/s/properties/a/typ", "unknown-member",
		   "type");
	mistake_is("{\"type\":\"int\"}", "/s/type", "unknown-choice", NULL);
	mistake_is("{\"type\":[]}", "/s/type", "out-of-range", NULL);
	mistake_is("{\"minimum\":\"0\"}", "/s/minimum", "wrong-type", NULL);
	mistake_is("{\"minimum\":9007199254740994}", "/s/minimum", "out-of-range", NULL);
	mistake_is("{\"multipleOf\":0}", "/s/multipleOf", "out-of-range", NULL);
	mistake_is("{\"minLength\":-1}", "/s/minLength", "wrong-type", NULL);
	mistake_is("{\"pattern\":\"(\"}", "/s/pattern", "pattern", NULL);
	mistake_is("{\"format\":\"e-mail\"}", "/s/format", "unknown-choice", "email");
	mistake_is("{\"required\":\"a\"}", "/s/required", "wrong-type", NULL);
	mistake_is("{\"required\":[1]}", "/s/required", "wrong-type", NULL);
	mistake_is("{\"anyOf\":[]}", "/s/anyOf", "out-of-range", NULL);
	mistake_is("{\"allOf\":[{},7]}", "/s/allOf/1", "wrong-type", NULL);
	mistake_is("{\"enum\":[]}", "/s/enum", "out-of-range", NULL);
	mistake_is("{\"$ref\":\"#/$defs/no\"}", "/s/$ref", "unknown-ref", "#/$defs/name");
	mistake_is("{\"$ref\":\"other.json\"}", "/s/$ref", "unknown-ref", NULL);
	mistake_is("{\"$ref\":\"#\"}", "/s/$ref", "loop", NULL);
	mistake_is("{\"unevaluatedItems\":false}", "/s/unevaluatedItems", "not-implemented", NULL);
	mistake_is("{\"$schema\":\"http://json-schema.org/draft-07/schema#\"}", "/s/$schema",
		   "unknown-choice", NULL);
	mistake_is("[]", "/s", "wrong-type", NULL);
}

static void a_schema_that_doubles_is_stopped(void **state)
{
	/* Forty levels that each ask twice are 2^40 checks: they end as a limit. */
	char text[8192], part[128];
	struct err err;

	(void)state;
	strcpy(text, "{\"$ref\":\"#/$defs/d0\",\"$defs\":{");
	for (int i = 0; i < 40; i++) {
		snprintf(part, sizeof(part),
			 "\"d%d\":{\"allOf\":[{\"$ref\":\"#/$defs/d%d\"},{\"$ref\":\"#/$defs/"
			 "d%d\"}]},",
			 i, i + 1, i + 1);
		strcat(text, part);
	}
	strcat(text, "\"d40\":{}}}");
	check(text, "1", &err);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_string_equal(err.detail, "checking it takes too many steps");
}

static void a_deep_record_is_stopped(void **state)
{
	/* Five nodes for each of 127 levels are more than the stack is lent. */
	static const char text[] =
		"{\"items\":{\"allOf\":[{\"allOf\":[{\"allOf\":[{\"$ref\":\"#\"}]}]}]}}";
	char record[256];
	struct err err;

	(void)state;
	memset(record, '[', 127);
	memset(record + 127, ']', 127);
	record[254] = '\0';
	check(text, record, &err);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_string_equal(err.detail, "checking it goes too deep");
	EXPECT({"{\"items\":{\"$ref\":\"#\"}}", record, NULL});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types),
		cmocka_unit_test(values_that_are_allowed),
		cmocka_unit_test(bounds_of_numbers),
		cmocka_unit_test(texts),
		cmocka_unit_test(formats),
		cmocka_unit_test(members),
		cmocka_unit_test(elements),
		cmocka_unit_test(schemas_together),
		cmocka_unit_test(references),
		cmocka_unit_test(mistakes_in_schemas),
		cmocka_unit_test(a_schema_that_doubles_is_stopped),
		cmocka_unit_test(a_deep_record_is_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
