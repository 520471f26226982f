/* SPDX-License-Identifier: MIT */
/* test_codec.c - input/codec: streams as gzip and zstd write them. */
#include "handlers/input/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROOM = 1 << 20 };

struct sample {
	const char *bytes;
	size_t len;
};

#define SAMPLE(text) ((struct sample){text, sizeof(text) - 1})

/* "hello\n" as Python's zlib and zstd 1.5.4 compress it. */
static const char gzip[] = "\x1F\x8B\x08\x00\x00\x00\x00\x00\x02\x03\xCB\x48\xCD\xC9\xC9\xE7"
			   "\x02\x00\x20\x30\x3A\x36\x06\x00\x00\x00";
static const char zstd[] = "\x28\xB5\x2F\xFD\x04\x58\x31\x00\x00hello\n\x53\x88\xBD\x91";
/* The same behind a frame of four bytes that are not for decoders. */
static const char skipped[] = "\x50\x2A\x4D\x18\x04\x00\x00\x00size"
			      "\x28\xB5\x2F\xFD\x04\x58\x31\x00\x00hello\n\x53\x88\xBD\x91";

/* Decodes with so many bytes at once, in and out; -1: *err. */
static int decodes(enum codec codec, struct sample in, size_t step, struct buf *into,
		   struct err *err)
{
	struct decoder *decoder = decoder_new(codec, err);
	struct codec_in rest = {0};
	size_t given = 0, len;
	char room[64];
	int rc = 0;

	assert_non_null(decoder);
	buf_clear(into);
	while (rc == 0) {
		rest.bytes = in.bytes + given;
		rest.len = step < in.len - given ? step : in.len - given;
		rest.last = given + rest.len == in.len;
		rc = decoder_run(decoder, &rest, room, step < 64 ? step : 64, &len, err);
		if (rc)
			break;
		given = (size_t)(rest.bytes - in.bytes);
		buf_add(into, room, len);
		if (rest.last && rest.len == 0 && len == 0)
			break;
	}
	decoder_free(decoder);
	return rc;
}

static void are_decoded(enum codec codec, struct sample in, const char *expected)
{
	static const size_t steps[] = {1, 3, 1000};
	struct buf text = BUF(ROOM);
	struct err err = {0};

	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(decodes(codec, in, steps[i], &text, &err), 0);
		assert_string_equal(buf_text(&text), expected);
	}
	buf_done(&text);
}

static void are_refused(enum codec codec, struct sample in, const char *detail)
{
	static const size_t steps[] = {1, 3, 1000};
	struct buf text = BUF(ROOM);
	struct err err = {0};

	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(decodes(codec, in, steps[i], &text, &err), -1);
		assert_int_equal(err.code, ERR_FAILED);
		if (!strstr(err.detail, detail))
			fail_msg("'%s' lacks '%s'", err.detail, detail);
	}
	buf_done(&text);
}

static void streams_are_decoded(void **state)
{
	/* One member or frame, two, none at all; and what is not compressed. */
	char twice[100];

	(void)state;
	are_decoded(CODEC_GZIP, SAMPLE(gzip), "hello\n");
	are_decoded(CODEC_ZSTD, SAMPLE(zstd), "hello\n");
	are_decoded(CODEC_ZSTD, SAMPLE(skipped), "hello\n");
	assert_int_equal(codec_sniff(skipped, sizeof(skipped) - 1), CODEC_ZSTD);
	assert_int_equal(codec_sniff("P*M", 3), CODEC_NONE);
	memcpy(twice, gzip, sizeof(gzip) - 1);
	memcpy(twice + sizeof(gzip) - 1, gzip, sizeof(gzip) - 1);
	are_decoded(CODEC_GZIP, (struct sample){twice, 2 * (sizeof(gzip) - 1)}, "hello\nhello\n");
	memset(twice + sizeof(gzip) - 1, 0, 20);
	are_decoded(CODEC_GZIP, (struct sample){twice, sizeof(gzip) - 1 + 20}, "hello\n");
	memcpy(twice, zstd, sizeof(zstd) - 1);
	memcpy(twice + sizeof(zstd) - 1, zstd, sizeof(zstd) - 1);
	are_decoded(CODEC_ZSTD, (struct sample){twice, 2 * (sizeof(zstd) - 1)}, "hello\nhello\n");
	are_decoded(CODEC_NONE, SAMPLE("plain"), "plain");
	are_decoded(CODEC_GZIP, SAMPLE(""), "");
}

static void broken_streams_are_refused(void **state)
{
	/* Cut off anywhere, with a wrong checksum, or followed by something else. */
	char broken[100];

	(void)state;
	for (size_t len = 1; len < sizeof(gzip) - 1; len++)
		are_refused(CODEC_GZIP, (struct sample){gzip, len}, "gzip: the input ends early");
	for (size_t len = 1; len < sizeof(zstd) - 1; len++)
		are_refused(CODEC_ZSTD, (struct sample){zstd, len}, "zstd: the input ends early");
	memcpy(broken, gzip, sizeof(gzip));
	broken[20] ^= 1;
	are_refused(CODEC_GZIP, (struct sample){broken, sizeof(gzip) - 1}, "incorrect data check");
	memcpy(broken, zstd, sizeof(zstd));
	broken[sizeof(zstd) - 2] ^= 1;
	are_refused(CODEC_ZSTD, (struct sample){broken, sizeof(zstd) - 1}, "checksum");
	memcpy(broken, gzip, sizeof(gzip));
	broken[sizeof(gzip) - 1] = 'x';
	are_refused(CODEC_GZIP, (struct sample){broken, sizeof(gzip)}, "gzip");
	memcpy(broken + sizeof(gzip) - 1, "\0x", 2);
	are_refused(CODEC_GZIP, (struct sample){broken, sizeof(gzip) + 1}, "behind the padding");
}

static void what_was_encoded_is_decoded(void **state)
{
	/* A megabyte in pieces, by both. */
	static const enum codec codecs[] = {CODEC_NONE, CODEC_GZIP, CODEC_ZSTD};
	struct buf plain = BUF(ROOM), packed = BUF(ROOM), text = BUF(ROOM);
	struct err err = {0};

	(void)state;
	for (int i = 0; i < 50000; i++)
		buf_printf(&plain, "%d,", i * 7919 % 10007);
	for (int i = 0; i < 3; i++) {
		struct encoder *encoder = encoder_new(codecs[i], &err);

		buf_clear(&packed);
		for (size_t at = 0; at < plain.len; at += 10000) {
			struct codec_in in = {.bytes = plain.data + at,
					      .len = MIN(10000, plain.len - at),
					      .last = at + 10000 >= plain.len};

			assert_int_equal(encoder_run(encoder, &in, &packed, &err), 0);
			assert_int_equal(in.len, 0);
		}
		encoder_free(encoder);
		assert_true(i == 0 || packed.len < plain.len / 2);
		assert_int_equal(decodes(codecs[i], (struct sample){packed.data, packed.len}, 5000,
					 &text, &err),
				 0);
		assert_int_equal(text.len, plain.len);
		assert_memory_equal(text.data, plain.data, text.len);
	}
	buf_done(&plain);
	buf_done(&packed);
	buf_done(&text);
}

static void a_bomb_is_refused(void **state)
{
	/* 512 MiB of zeros in some kilobytes: not all of it is decompressed. */
	struct err err = {0};
	struct encoder *encoder = encoder_new(CODEC_ZSTD, &err);
	struct decoder *decoder = decoder_new(CODEC_ZSTD, &err);
	struct buf packed = BUF(ROOM);
	struct codec_in in = {0};
	char *zeros = calloc(1, ROOM);
	size_t len, out = 0;
	int rc = 0;

	(void)state;
	for (int i = 0; i < 512; i++) {
		in = (struct codec_in){.bytes = zeros, .len = ROOM, .last = i == 511};
		assert_int_equal(encoder_run(encoder, &in, &packed, &err), 0);
	}
	in = (struct codec_in){.bytes = packed.data, .len = packed.len, .last = true};
	while (rc == 0 && out < (size_t)512 * ROOM) {
		rc = decoder_run(decoder, &in, zeros, ROOM, &len, &err);
		out += len;
	}
	assert_int_equal(rc, -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_true(out <= (size_t)300 * ROOM);
	encoder_free(encoder);
	decoder_free(decoder);
	buf_done(&packed);
	free(zeros);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_are_decoded),
		cmocka_unit_test(broken_streams_are_refused),
		cmocka_unit_test(what_was_encoded_is_decoded),
		cmocka_unit_test(a_bomb_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
