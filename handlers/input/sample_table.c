/* SPDX-License-Identifier: MIT */
/* sample_table.c - an input that is read whole, into memory: a table to look records up in.
 *
 * The version of a file is pinned in the job's scratch folder.  Where nothing can be pinned (a
 * mapped folder) it is noted there: a later attempt that finds another one fails.
 */
#include "handlers/input/sample_inner.h"

#include "base/files.h"
#include "handlers/input/codec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BLOCK_BYTES = 64 * 1024 };

bool sample_takes(const struct input_plan *plan)
{
	return plan->source == &source_items || (plan->source == &source_files && !plan->patterns);
}

/* ---- the version ---- */

static int version_note(int note, const char *name, const struct file_version *version,
			struct err *err)
{
	struct file_version before = {0};
	ssize_t len = pread(note, &before, sizeof(before), 0);

	if (len == 0)
		len = pwrite(note, version, sizeof(*version), 0);
	else if (len == sizeof(before) && !file_version_equal(&before, version))
		return err_set(err, ERR_CONFLICT, "'%s' has changed since the job began", name);
	return len == sizeof(before) ? 0 : err_set(err, ERR_IO, "cannot note a version");
}

static int version_keep(const char *pin, const char *name, const struct file_version *version,
			struct err *err)
{
	char *path;
	int note, rc;

	if (asprintf(&path, "%s-version", pin) < 0)
		return err_set(err, ERR_NO_MEMORY, "no memory for a path");
	note = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	free(path);
	if (note < 0)
		return err_set_errno(err, ERR_IO, errno, "cannot note a version");
	rc = version_note(note, name, version, err);
	close(note);
	return rc;
}

static int table_open(const struct table_place *place, const char *name, int *ret_fd,
		      struct err *err)
{
	struct file_version version;
	bool pinned;

	if (!place->pin)
		return files_open(place->files, name, ret_fd, &version, err);
	if (files_pin(place->files, name, place->pin, ret_fd, &version, &pinned, err))
		return -1;
	if (pinned || version_keep(place->pin, name, &version, err) == 0)
		return 0;
	close(*ret_fd);
	return -1;
}

/* ---- its bytes ---- */

static int block_decode(struct decoder *decoder, struct codec_in *in, int64_t bytes_max,
			struct buf *into, struct err *err)
{
	size_t made;
	char *room;

	do {
		room = buf_room(into, BLOCK_BYTES);
		if (!room)
			return err_set(err, ERR_NO_MEMORY, "no memory for a table");
		if (decoder_run(decoder, in, room, BLOCK_BYTES, &made, err))
			return -1;
		buf_grown(into, made);
		if ((int64_t)into->len > bytes_max)
			return err_set(err, ERR_LIMIT, "a table of more than %lld bytes",
				       (long long)bytes_max);
	} while (made > 0);
	return 0;
}

static int bytes_read(int fd, enum codec codec, int64_t bytes_max, struct buf *into,
		      struct err *err)
{
	char *block = malloc(BLOCK_BYTES);
	struct decoder *decoder = NULL;
	ssize_t len;
	int rc = 0;

	if (!block)
		return err_set(err, ERR_NO_MEMORY, "no memory for a table");
	do {
		struct codec_in in = {.bytes = block};

		len = read(fd, block, BLOCK_BYTES);
		in.len = len > 0 ? (size_t)len : 0;
		in.last = len == 0;
		if (!decoder && len >= 0)
			decoder = decoder_new(
				codec == CODEC_SNIFF ? codec_sniff(block, in.len) : codec, err);
		if (len < 0)
			rc = err_set_errno(err, ERR_IO, errno, "cannot read a table");
		else
			rc = decoder ? block_decode(decoder, &in, bytes_max, into, err) : -1;
	} while (rc == 0 && len > 0);
	decoder_free(decoder);
	free(block);
	return rc;
}

static int table_fill(const struct input_plan *plan, const struct table_place *place,
		      struct sample *sample, struct err *err)
{
	const char *name = "items.ndjson";
	int fd, rc = 0;

	buf_init(&sample->records, (size_t)place->bytes_max + 2 * BLOCK_BYTES);
	if (plan->source == &source_items) {
		rc = buf_add(&sample->records, buf_text(&plan->items), plan->items.len);
		if (rc)
			err_set(err, ERR_LIMIT, "a table of more than %lld bytes",
				(long long)place->bytes_max);
	} else {
		name = plan->names[0];
		if (table_open(place, name, &fd, err))
			return -1;
		rc = bytes_read(fd, format_codec(plan->format), place->bytes_max, &sample->records,
				err);
		close(fd);
	}
	if (rc)
		return err_wrap(err, "%s", name);
	sample->text = buf_text(&sample->records);
	sample->len = sample->records.len;
	sample->format = plan->source == &source_items
				 ? format_sniff(plan->ndjson, name, "", 0)
				 : format_sniff(plan->format, name, sample->text, sample->len);
	return sample->format ? 0 : err_set(err, ERR_NO_MEMORY, "no memory for a table");
}

struct sample *sample_of_table(const struct input_plan *plan, const struct table_place *place,
			       struct err *err)
{
	struct sample *sample = calloc(1, sizeof(*sample));

	if (!sample)
		err_set(err, ERR_NO_MEMORY, "no memory for a table");
	else if (table_fill(plan, place, sample, err) == 0)
		return sample;
	sample_free(sample);
	return NULL;
}
