/* SPDX-License-Identifier: MIT */
/* codec.h - gzip (RFC 1952) and zstd (RFC 8878), as streams.
 *
 * Members and frames that follow each other are one text, as gzip and zstd read them.  A decoder
 * refuses what decompresses without measure (INPUT_RATIO_MAX beyond INPUT_RATIO_FREE_BYTES),
 * what wants more memory than INPUT_ZSTD_WINDOW_LOG_MAX says, and an input that ends early.
 *
 * Threads    one at a time.
 * Errors     0, or -1 and *err: ERR_FAILED (broken or cut off), ERR_LIMIT, ERR_NO_MEMORY.
 */
#ifndef HANDLERS_INPUT_CODEC_H
#define HANDLERS_INPUT_CODEC_H

#include "base/buf.h"
#include "base/err.h"
#include "handlers/input/format.h"

struct decoder;
struct encoder;

/* What goes in and comes out: both are moved on by what was used. */
struct codec_in {
	const char *bytes;
	size_t len;
	bool last; /* nothing comes behind */
};

/* CODEC_NONE copies.  NULL and *err: no memory. */
struct decoder *decoder_new(enum codec codec, struct err *err);
void decoder_free(struct decoder *decoder); /* NULL is fine */

/* Decodes until `room` bytes are in `into` or `in` is used up; *ret_len 0 with `in` used up:
 * more input is wanted, or, with in->last, that was all. */
int decoder_run(struct decoder *decoder, struct codec_in *in, char *into, size_t room,
		size_t *ret_len, struct err *err);

/* Appends to `into` what comes of the bytes; `in->last` ends the stream. */
struct encoder *encoder_new(enum codec codec, struct err *err);
void encoder_free(struct encoder *encoder); /* NULL is fine */
int encoder_run(struct encoder *encoder, struct codec_in *in, struct buf *into, struct err *err);

#endif
