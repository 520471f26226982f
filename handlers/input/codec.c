/* SPDX-License-Identifier: MIT */
/* codec.c - gzip by zlib, zstd by libzstd; the only place that knows either for inputs. */
#include "handlers/input/codec.h"

#include "base/limits.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum {
	GZIP_WINDOW = 15 + 16, /* the largest, with gzip's head */
	GZIP_LEVEL = 6,	       /* gzip's own */
	GZIP_MEMORY = 8,       /* zlib's own */
	ZSTD_LEVEL = 3,	       /* zstd's own */
	SLICE_BYTES = 1 << 30, /* fits zlib's counters */
};

struct decoder {
	enum codec codec;
	z_stream gzip;
	ZSTD_DCtx *zstd;
	bool begun;	  /* bytes came */
	bool ended;	  /* behind a member or a frame: there may be another */
	bool padding;	  /* behind the last member: what follows is none */
	uint64_t in, out; /* bytes */
};

struct encoder {
	enum codec codec;
	z_stream gzip;
	ZSTD_CCtx *zstd;
};

/* ---- decoding ---- */

struct decoder *decoder_new(enum codec codec, struct err *err)
{
	struct decoder *decoder = calloc(1, sizeof(*decoder));
	bool good = decoder != NULL;

	if (good && codec == CODEC_GZIP)
		good = inflateInit2(&decoder->gzip, GZIP_WINDOW) == Z_OK;
	if (good && codec == CODEC_ZSTD) {
		decoder->zstd = ZSTD_createDCtx();
		good = decoder->zstd &&
		       !ZSTD_isError(ZSTD_DCtx_setParameter(decoder->zstd, ZSTD_d_windowLogMax,
							    INPUT_ZSTD_WINDOW_LOG_MAX));
	}
	if (good) {
		decoder->codec = codec;
		return decoder;
	}
	decoder_free(decoder);
	err_set(err, ERR_NO_MEMORY, "no memory to decompress");
	return NULL;
}

void decoder_free(struct decoder *decoder)
{
	if (!decoder)
		return;
	if (decoder->codec == CODEC_GZIP)
		inflateEnd(&decoder->gzip);
	ZSTD_freeDCtx(decoder->zstd);
	free(decoder);
}

static void none_run(struct codec_in *in, char *into, size_t room, size_t *ret_len)
{
	*ret_len = MIN(in->len, room);
	if (*ret_len > 0)
		memcpy(into, in->bytes, *ret_len);
	in->bytes += *ret_len;
	in->len -= *ret_len;
}

/* Members may follow each other (RFC 1952, 2.2), and zeros them, as on tapes. */
static void member_begin(struct decoder *decoder, const struct codec_in *in)
{
	decoder->padding = *in->bytes == 0;
	if (decoder->padding)
		return;
	inflateReset(&decoder->gzip);
	decoder->ended = false;
}

static int padding_skip(struct codec_in *in, struct err *err)
{
	for (; in->len > 0 && *in->bytes == 0; in->len--)
		in->bytes++;
	return in->len == 0 ? 0 : err_set(err, ERR_FAILED, "gzip: bytes behind the padding");
}

static int gzip_run(struct decoder *decoder, struct codec_in *in, char *into, size_t room,
		    size_t *ret_len, struct err *err)
{
	z_stream *z = &decoder->gzip;
	int rc;

	if (decoder->ended && in->len > 0 && !decoder->padding)
		member_begin(decoder, in);
	if (decoder->padding)
		return padding_skip(in, err);
	z->next_in = (Bytef *)in->bytes; /* only read */
	z->avail_in = (uInt)MIN(in->len, (size_t)SLICE_BYTES);
	z->next_out = (Bytef *)into;
	z->avail_out = (uInt)MIN(room, (size_t)SLICE_BYTES);
	rc = inflate(z, Z_NO_FLUSH);
	in->len -= (size_t)((const char *)z->next_in - in->bytes);
	in->bytes = (const char *)z->next_in;
	*ret_len = (size_t)((char *)z->next_out - into);
	if (rc == Z_STREAM_END)
		decoder->ended = true;
	else if (rc == Z_MEM_ERROR)
		return err_set(err, ERR_NO_MEMORY, "no memory to decompress");
	else if (rc != Z_OK && rc != Z_BUF_ERROR)
		return err_set(err, ERR_FAILED, "gzip, behind %llu decompressed bytes: %s",
			       (unsigned long long)decoder->out, z->msg ? z->msg : "broken");
	return 0;
}

static int zstd_run(struct decoder *decoder, struct codec_in *in, char *into, size_t room,
		    size_t *ret_len, struct err *err)
{
	ZSTD_inBuffer from = {.src = in->bytes, .size = in->len};
	ZSTD_outBuffer to = {.dst = into, .size = room};
	size_t rc = ZSTD_decompressStream(decoder->zstd, &to, &from);

	in->bytes += from.pos;
	in->len -= from.pos;
	*ret_len = to.pos;
	if (ZSTD_isError(rc))
		return err_set(err, ERR_FAILED, "zstd, behind %llu decompressed bytes: %s",
			       (unsigned long long)decoder->out, ZSTD_getErrorName(rc));
	if (from.pos > 0 || to.pos > 0)
		decoder->ended = rc == 0;
	return 0;
}

static int decoder_step(struct decoder *decoder, struct codec_in *in, char *into, size_t room,
			size_t *ret_len, struct err *err)
{
	size_t before = in->len;
	int rc = 0;

	*ret_len = 0;
	decoder->begun |= in->len > 0;
	if (decoder->codec == CODEC_GZIP)
		rc = gzip_run(decoder, in, into, room, ret_len, err);
	else if (decoder->codec == CODEC_ZSTD)
		rc = zstd_run(decoder, in, into, room, ret_len, err);
	else
		none_run(in, into, room, ret_len);
	decoder->in += before - in->len;
	decoder->out += *ret_len;
	return rc;
}

int decoder_run(struct decoder *decoder, struct codec_in *in, char *into, size_t room,
		size_t *ret_len, struct err *err)
{
	size_t got, before;

	*ret_len = 0;
	do {
		before = in->len;
		if (decoder_step(decoder, in, into + *ret_len, room - *ret_len, &got, err))
			return -1;
		*ret_len += got;
	} while (*ret_len < room && (got > 0 || in->len < before));
	if (decoder->codec == CODEC_NONE)
		return 0;
	if (decoder->out > INPUT_RATIO_FREE_BYTES && decoder->out / INPUT_RATIO_MAX > decoder->in)
		return err_set(err, ERR_LIMIT, "decompresses more than %d to 1", INPUT_RATIO_MAX);
	if (in->last && in->len == 0 && *ret_len < room && decoder->begun && !decoder->ended)
		return err_set(err, ERR_FAILED, "%s: the input ends early",
			       decoder->codec == CODEC_GZIP ? "gzip" : "zstd");
	return 0;
}

/* ---- encoding ---- */

struct encoder *encoder_new(enum codec codec, struct err *err)
{
	struct encoder *encoder = calloc(1, sizeof(*encoder));
	bool good = encoder != NULL;

	if (good && codec == CODEC_GZIP)
		good = deflateInit2(&encoder->gzip, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW,
				    GZIP_MEMORY, Z_DEFAULT_STRATEGY) == Z_OK;
	if (good && codec == CODEC_ZSTD) {
		encoder->zstd = ZSTD_createCCtx();
		good = encoder->zstd &&
		       !ZSTD_isError(ZSTD_CCtx_setParameter(encoder->zstd, ZSTD_c_compressionLevel,
							    ZSTD_LEVEL)) &&
		       !ZSTD_isError(ZSTD_CCtx_setParameter(encoder->zstd, ZSTD_c_checksumFlag, 1));
	}
	if (good) {
		encoder->codec = codec;
		return encoder;
	}
	encoder_free(encoder);
	err_set(err, ERR_NO_MEMORY, "no memory to compress");
	return NULL;
}

void encoder_free(struct encoder *encoder)
{
	if (!encoder)
		return;
	if (encoder->codec == CODEC_GZIP)
		deflateEnd(&encoder->gzip);
	ZSTD_freeCCtx(encoder->zstd);
	free(encoder);
}

/* Room that a step may write into; what was written is counted by the caller. */
enum { STEP_BYTES = 64 * 1024 };

/* *ret_more: there is more to come out. */
static int deflate_step(struct encoder *encoder, struct codec_in *in, char *room, size_t *ret_len,
			bool *ret_more)
{
	z_stream *z = &encoder->gzip;
	size_t taken = MIN(in->len, (size_t)SLICE_BYTES);
	bool end = in->last && taken == in->len;
	int rc;

	z->next_in = (Bytef *)in->bytes;
	z->avail_in = (uInt)taken;
	z->next_out = (Bytef *)room;
	z->avail_out = STEP_BYTES;
	rc = deflate(z, end ? Z_FINISH : Z_NO_FLUSH);
	in->len -= (size_t)((const char *)z->next_in - in->bytes);
	in->bytes = (const char *)z->next_in;
	*ret_len = STEP_BYTES - z->avail_out;
	*ret_more = end ? rc != Z_STREAM_END : in->len > 0 || z->avail_out == 0;
	return rc == Z_STREAM_ERROR ? -1 : 0;
}

static int zstd_step(struct encoder *encoder, struct codec_in *in, char *room, size_t *ret_len,
		     bool *ret_more)
{
	ZSTD_inBuffer from = {.src = in->bytes, .size = in->len};
	ZSTD_outBuffer to = {.dst = room, .size = STEP_BYTES};
	size_t rc = ZSTD_compressStream2(encoder->zstd, &to, &from,
					 in->last ? ZSTD_e_end : ZSTD_e_continue);

	in->bytes += from.pos;
	in->len -= from.pos;
	*ret_len = to.pos;
	*ret_more = in->last ? rc != 0 : in->len > 0 || to.pos == to.size;
	return ZSTD_isError(rc) ? -1 : 0;
}

int encoder_run(struct encoder *encoder, struct codec_in *in, struct buf *into, struct err *err)
{
	bool more = in->len > 0 || in->last;
	size_t len;
	char *room;
	int rc;

	if (encoder->codec != CODEC_GZIP && encoder->codec != CODEC_ZSTD) {
		rc = buf_add(into, in->bytes, in->len);
		in->len = 0;
		return rc ? err_set(err, ERR_NO_MEMORY, "no memory for output") : 0;
	}
	while (more) {
		room = buf_room(into, STEP_BYTES);
		if (!room)
			return err_set(err, ERR_NO_MEMORY, "no memory for output");
		rc = encoder->codec == CODEC_GZIP ? deflate_step(encoder, in, room, &len, &more)
						  : zstd_step(encoder, in, room, &len, &more);
		if (rc)
			return err_set(err, ERR_NO_MEMORY, "no memory to compress");
		buf_grown(into, len);
	}
	return 0;
}
