/* SPDX-License-Identifier: MIT */
/* sample_input.c - the beginning of a job's own input, for dry runs. */
#include "handlers/input/sample_inner.h"

#include "base/files.h"
#include "handlers/input/codec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RANGE_NUMBERS = DRY_RUN_RECORDS_MAX };

/* ---- files ---- */

static bool first_found(void *ctx, const char *name, const struct file_version *version)
{
	char **first = ctx;

	(void)version;
	*first = strdup(name);
	return false;
}

/* The first file that the input names; NULL and *err. */
static char *file_name(const struct input_plan *plan, const struct files *files, struct err *err)
{
	char *name = NULL;

	for (size_t i = 0; i < plan->names_count && !name; i++) {
		if (!plan->patterns)
			name = strdup(plan->names[i]);
		else if (files_glob(files, plan->names[i], first_found, &name, err))
			return NULL;
	}
	if (!name)
		err_set(err, ERR_NOT_FOUND, "no file is called so");
	return name;
}

static int bytes_decode(const struct format *format, const char *bytes, size_t len, bool last,
			struct buf *into, struct err *err)
{
	enum codec codec = format_codec(format);
	struct codec_in in = {.bytes = bytes, .len = len, .last = last};
	struct decoder *decoder;
	char *room = buf_room(into, SAMPLE_FILE_BYTES);
	size_t made = 0, more = 0;
	int rc = 0;

	decoder = decoder_new(codec == CODEC_SNIFF ? codec_sniff(bytes, len) : codec, err);
	if (!decoder || !room) {
		decoder_free(decoder);
		return err_set(err, ERR_NO_MEMORY, "no memory for a file");
	}
	do {
		rc = decoder_run(decoder, &in, room + made, SAMPLE_FILE_BYTES - made, &more, err);
		made += rc == 0 ? more : 0;
	} while (rc == 0 && more > 0 && made < SAMPLE_FILE_BYTES);
	decoder_free(decoder);
	if (rc == 0)
		buf_grown(into, made);
	return rc;
}

/* Whole records only, where it can be told. */
static void end_cut(const struct format *format, bool whole, struct buf *text)
{
	struct cut cut = {0};
	size_t end;

	if (whole || !format_splits(format))
		return;
	end = format_cut(format, text->data, text->len, &cut);
	if (end > 0)
		buf_cut(text, end);
}

static int file_read(const struct input_plan *plan, const struct files *files, const char *name,
		     struct sample *sample, struct err *err)
{
	char *bytes = malloc(SAMPLE_FILE_BYTES);
	struct file_version version;
	ssize_t len;
	int fd, rc;

	if (!bytes)
		return err_set(err, ERR_NO_MEMORY, "no memory for a file");
	if (files_open(files, name, &fd, &version, err)) {
		free(bytes);
		return -1;
	}
	len = pread(fd, bytes, SAMPLE_FILE_BYTES, 0);
	close(fd);
	rc = len < 0 ? err_set_errno(err, ERR_IO, errno, "cannot read %s", name)
		     : bytes_decode(plan->format, bytes, (size_t)len, len == version.size,
				    &sample->records, err);
	free(bytes);
	if (rc)
		return -1;
	sample->format =
		format_sniff(plan->format, name, buf_text(&sample->records), sample->records.len);
	if (!sample->format)
		return err_set(err, ERR_NO_MEMORY, "no memory for a file");
	end_cut(sample->format, len == version.size && sample->records.len < SAMPLE_FILE_BYTES,
		&sample->records);
	return 0;
}

static int files_sample(const struct input_plan *plan, const struct files *files,
			struct sample *sample, struct err *err)
{
	char *name = file_name(plan, files, err);
	int rc = -1;

	if (name)
		rc = file_read(plan, files, name, sample, err);
	free(name);
	return rc;
}

/* ---- the rest ---- */

static void range_print(const struct range *range, struct buf *into)
{
	for (int64_t i = 0; i < MIN(range->count, RANGE_NUMBERS); i++) {
		buf_add_int(into, range->from + range->step * i);
		buf_add_byte(into, '\n');
	}
}

static int sample_fill(const struct input_plan *plan, const struct files *files,
		       struct sample *sample, struct err *err)
{
	if (plan->source == &source_files)
		return files_sample(plan, files, sample, err);
	if (plan->source == &source_items)
		buf_add(&sample->records, buf_text(&plan->items), plan->items.len);
	else if (plan->source == &source_range)
		range_print(&plan->range, &sample->records);
	else
		return err_set(err, ERR_NOT_IMPLEMENTED,
			       "records are tried of items, a range and files; "
			       "POST /v1/handlers/{name}/test takes any");
	sample->format = format_sniff(plan->ndjson, "records.ndjson", "", 0);
	return sample->format ? 0 : err_set(err, ERR_NO_MEMORY, "no memory for a sample");
}

struct sample *sample_of_input(const struct input_plan *plan, const struct files *files,
			       struct err *err)
{
	struct sample *sample = calloc(1, sizeof(*sample));

	if (!sample) {
		err_set(err, ERR_NO_MEMORY, "no memory for a sample");
		return NULL;
	}
	buf_init(&sample->records, 2 * JOB_SPEC_BYTES_MAX);
	if (sample_fill(plan, files, sample, err) == 0) {
		sample->text = buf_text(&sample->records);
		sample->len = sample->records.len;
		return sample;
	}
	sample_free(sample);
	return NULL;
}
