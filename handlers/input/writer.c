/* SPDX-License-Identifier: MIT */
/* writer.c - records gather as text, and go through the encoder when somebody takes them or
 * when they have become many. */
#include "handlers/input/writer.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/record/csv.h"
#include "handlers/input/codec.h"

#include <stdlib.h>
#include <string.h>

enum { ENCODE_BYTES = 256 * 1024 }; /* gathered, before they are compressed */

struct writer {
	enum format_kind kind;
	struct csv *csv;
	struct encoder *encoder; /* NULL: plain */
	bool begun;		 /* the header, or the first element, is written */
	bool taken;		 /* what has gathered was, and goes with the next call */
	struct buf text;
	struct buf packed;
};

struct writer *writer_new(const struct writer_form *form, struct err *err)
{
	struct writer *writer = calloc(1, sizeof(*writer));
	bool good = writer != NULL;

	if (!good) {
		err_set(err, ERR_NO_MEMORY, "no memory for output");
		return NULL;
	}
	writer->kind = form->kind;
	buf_init(&writer->text, WRITER_BYTES_MAX);
	buf_init(&writer->packed, WRITER_BYTES_MAX);
	if (form->kind == FORMAT_CSV) {
		writer->csv =
			csv_new_strict(form->delimiter ? form->delimiter : ',', form->columns, err);
		good = writer->csv != NULL;
	}
	if (good && (form->codec == CODEC_GZIP || form->codec == CODEC_ZSTD)) {
		writer->encoder = encoder_new(form->codec, err);
		good = writer->encoder != NULL;
	}
	if (good)
		return writer;
	writer_free(writer);
	return NULL;
}

void writer_free(struct writer *writer)
{
	if (!writer)
		return;
	csv_free(writer->csv);
	encoder_free(writer->encoder);
	buf_done(&writer->text);
	buf_done(&writer->packed);
	free(writer);
}

/* ---- records ---- */

static void taken_drop(struct writer *writer)
{
	if (!writer->taken)
		return;
	buf_clear(writer->encoder ? &writer->packed : &writer->text);
	writer->taken = false;
}

static int gathered_encode(struct writer *writer, bool last, struct err *err)
{
	struct codec_in in = {
		.bytes = buf_text(&writer->text), .len = writer->text.len, .last = last};

	if (!writer->encoder)
		return 0;
	if (encoder_run(writer->encoder, &in, &writer->packed, err))
		return -1;
	buf_clear(&writer->text);
	return 0;
}

/* A line end in valid JSON is a blank between two tokens. */
static void line_add(struct buf *into, const char *record, size_t len)
{
	const char *end = record + len, *feed;

	while ((feed = memchr(record, '\n', (size_t)(end - record)))) {
		buf_add(into, record, (size_t)(feed - record));
		buf_add_byte(into, ' ');
		record = feed + 1;
	}
	buf_add(into, record, (size_t)(end - record));
	buf_add_byte(into, '\n');
}

static int row_add(struct writer *writer, const char *record, size_t len, struct err *err)
{
	const char *missed;

	if (!writer->begun) {
		csv_learn(writer->csv, record, len);
		if (csv_columns(writer->csv) == 0)
			return err_set(err, ERR_FAILED, "a record without members names no column");
		csv_header(writer->csv, &writer->text);
	}
	csv_row(writer->csv, record, len, &writer->text);
	missed = csv_missed(writer->csv);
	if (missed)
		return err_set(err, ERR_FAILED, "the member '%.100s' has no column", missed);
	return 0;
}

int writer_add(struct writer *writer, const char *record, size_t len, struct err *err)
{
	size_t before;
	int rc = 0;

	taken_drop(writer);
	before = writer->text.len;
	if (writer->kind == FORMAT_CSV) {
		rc = row_add(writer, record, len, err);
	} else if (writer->kind == FORMAT_JSON) {
		buf_add_text(&writer->text, writer->begun ? ",\n" : "[");
		buf_add(&writer->text, record, len);
	} else {
		line_add(&writer->text, record, len);
	}
	if (rc == 0 && !buf_ok(&writer->text))
		rc = err_set(err, ERR_LIMIT, "a record of %zu bytes does not fit into the output",
			     len);
	if (rc) {
		writer->text.failed = false;
		buf_cut(&writer->text, before);
		return -1;
	}
	writer->begun = true;
	return writer->text.len < ENCODE_BYTES ? 0 : gathered_encode(writer, false, err);
}

int writer_end(struct writer *writer, struct err *err)
{
	taken_drop(writer);
	if (writer->kind == FORMAT_JSON)
		buf_add_text(&writer->text, writer->begun ? "]\n" : "[]\n");
	else if (writer->kind == FORMAT_CSV && !writer->begun && csv_columns(writer->csv) > 0)
		csv_header(writer->csv, &writer->text);
	if (!buf_ok(&writer->text))
		return err_set(err, ERR_LIMIT, "the end does not fit into the output");
	return gathered_encode(writer, true, err);
}

const char *writer_take(struct writer *writer, size_t *ret_len, struct err *err)
{
	struct buf *out = writer->encoder ? &writer->packed : &writer->text;

	taken_drop(writer);
	if (writer->text.len > 0 && gathered_encode(writer, false, err))
		return NULL;
	writer->taken = true;
	*ret_len = out->len;
	return buf_text(out);
}
