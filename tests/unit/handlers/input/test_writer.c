/* SPDX-License-Identifier: MIT */
/* test_writer.c - input/writer: records as NDJSON, JSON and CSV. */
#include "handlers/input/codec.h"
#include "handlers/input/writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { ROOM = 1 << 20 };

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Adds the records (ended by NULL), which must fit, and takes now and then. */
static void records_write(const struct writer_form *form, const char *const *records,
			  struct buf *into)
{
	struct err err = {0};
	struct writer *writer = writer_new(form, &err);
	const char *out;
	size_t len;

	assert_non_null(writer);
	buf_clear(into);
	for (int i = 0; records[i]; i++) {
		assert_int_equal(writer_add(writer, records[i], strlen(records[i]), &err), 0);
		if (i % 2 == 0)
			continue;
		out = writer_take(writer, &len, &err);
		assert_non_null(out);
		buf_add(into, out, len);
	}
	assert_int_equal(writer_end(writer, &err), 0);
	out = writer_take(writer, &len, &err);
	assert_non_null(out);
	buf_add(into, out, len);
	out = writer_take(writer, &len, &err);
	assert_non_null(out);
	assert_int_equal(len, 0);
	writer_free(writer);
}

static void are_written(struct writer_form form, const char *const *records, const char *expected)
{
	struct buf text = BUF(ROOM);

	records_write(&form, records, &text);
	assert_string_equal(buf_text(&text), expected);
	buf_done(&text);
}

static void each_record_is_a_line(void **state)
{
	/* Unchanged, but for line ends between its tokens. */
	(void)state;
	are_written((struct writer_form){.kind = FORMAT_NDJSON},
		    NAMES("{\"a\":1.10}", "[1,\n 2\n]", "\"\\n\""),
		    "{\"a\":1.10}\n[1,  2 ]\n\"\\n\"\n");
	are_written((struct writer_form){.kind = FORMAT_NDJSON}, NAMES(NULL), "");
}

static void an_array_holds_the_records(void **state)
{
	/* One, some, none. */
	(void)state;
	are_written((struct writer_form){.kind = FORMAT_JSON}, NAMES("1", "{}", "null"),
		    "[1,\n{},\nnull]\n");
	are_written((struct writer_form){.kind = FORMAT_JSON}, NAMES("[]"), "[[]]\n");
	are_written((struct writer_form){.kind = FORMAT_JSON}, NAMES(NULL), "[]\n");
}

static void the_first_record_names_the_columns(void **state)
{
	/* Objects have dotted names, what lacks is empty; or the spec names them. */
	(void)state;
	are_written((struct writer_form){.kind = FORMAT_CSV},
		    NAMES("{\"a\":{\"b\":1,\"c\":\"x,y\"},\"d\":[1,\"z\"]}", "{\"d\":null}"),
		    "a.b,a.c,d\r\n1,\"x,y\",\"[1,\"\"z\"\"]\"\r\n,,\r\n");
	are_written((struct writer_form){.kind = FORMAT_CSV,
					 .delimiter = ';',
					 .columns = NAMES("z", "a")},
		    NAMES("{\"a\":\"1,2;3\",\"z\":true}"), "z;a\r\ntrue;\"1,2;3\"\r\n");
	are_written((struct writer_form){.kind = FORMAT_CSV, .columns = NAMES("z", "a")},
		    NAMES(NULL), "z,a\r\n");
	are_written((struct writer_form){.kind = FORMAT_CSV}, NAMES("{\"a\":\"\"}"),
		    "a\r\n\"\"\r\n");
}

static void a_record_that_does_not_fit_is_not_written(void **state)
{
	/* Nor any part of it: the next one follows the one before. */
	struct writer_form form = {.kind = FORMAT_CSV};
	struct err err = {0};
	struct writer *writer = writer_new(&form, &err);
	const char *out;
	size_t len;

	(void)state;
	assert_int_equal(writer_add(writer, "{}", 2, &err), -1);
	assert_int_equal(writer_add(writer, "{\"a\":1}", 7, &err), 0);
	assert_int_equal(writer_add(writer, "{\"a\":2,\"b\":3}", 13, &err), -1);
	assert_int_equal(err.code, ERR_FAILED);
	assert_string_equal(err.detail, "the member 'b' has no column");
	assert_int_equal(writer_add(writer, "{\"a\":4}", 7, &err), 0);
	out = writer_take(writer, &len, &err);
	assert_non_null(out);
	assert_int_equal(len, 9);
	assert_memory_equal(out, "a\r\n1\r\n4\r\n", 9);
	writer_free(writer);
	form.columns = NAMES("a", "a");
	assert_null(writer_new(&form, &err));
	assert_int_equal(err.code, ERR_BAD_PARAMETER);
}

static void output_may_be_compressed(void **state)
{
	/* What is taken in pieces is one stream. */
	struct buf packed = BUF(ROOM);
	struct err err = {0};
	char text[100];
	size_t len;

	(void)state;
	for (enum codec codec = CODEC_GZIP; codec <= CODEC_ZSTD; codec++) {
		struct writer_form form = {.kind = FORMAT_NDJSON, .codec = codec};
		struct decoder *decoder = decoder_new(codec, &err);
		struct codec_in in = {.last = true};

		records_write(&form, NAMES("1", "2", "3", "4"), &packed);
		in.bytes = packed.data;
		in.len = packed.len;
		assert_int_equal(decoder_run(decoder, &in, text, sizeof(text), &len, &err), 0);
		assert_int_equal(len, 8);
		assert_memory_equal(text, "1\n2\n3\n4\n", 8);
		decoder_free(decoder);
	}
	buf_done(&packed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_record_is_a_line),
		cmocka_unit_test(an_array_holds_the_records),
		cmocka_unit_test(the_first_record_names_the_columns),
		cmocka_unit_test(a_record_that_does_not_fit_is_not_written),
		cmocka_unit_test(output_may_be_compressed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
