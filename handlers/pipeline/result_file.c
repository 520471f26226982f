/* SPDX-License-Identifier: MIT */
/* result_file.c - results, as they are shown, into a named file.
 *
 *   read (lines of our own job) ─▶ writer (format, compression) ─▶ upload ─▶ rename
 *
 * All that was told is counted already; what is not committed yet is waited for.
 */
#include "handlers/pipeline/result_file.h"

#include "base/clock.h"
#include "base/files.h"
#include "base/limits.h"
#include "base/upload.h"
#include "handlers/run.h"

#include <stdlib.h>
#include <string.h>

enum { STEP_US = 5000, READ_BYTES = 256 * 1024, LOOK_MS = RUN_COMMIT_MS / 4 };

static const char *const kinds[] = {"ndjson", "json", "csv", "tsv", NULL};
static const char *const codecs[] = {"none", "gzip", "zstd", NULL};

/* clang-format off */
const struct param result_file_params[] = {
	{.name = "file", .kind = PARAM_TEXT, .required = true, .min = 1, .max = FILE_NAME_BYTES_MAX,
	 .summary = "Its name; one that is there is replaced"},
	{.name = "format", .kind = PARAM_CHOICE, .choices = kinds,
	 .summary = "By default what the name ends with says it, else ndjson"},
	{.name = "compression", .kind = PARAM_CHOICE, .choices = codecs,
	 .summary = "Likewise: .gz, .zst, else none"},
	{0},
};
/* clang-format on */

/* ---- the plan ---- */

static bool ends_with(const char *name, size_t len, const char *end)
{
	size_t end_len = strlen(end);

	return len > end_len && memcmp(name + len - end_len, end, end_len) == 0;
}

static enum codec codec_by_name(const char *name)
{
	if (ends_with(name, strlen(name), ".gz"))
		return CODEC_GZIP;
	return ends_with(name, strlen(name), ".zst") ? CODEC_ZSTD : CODEC_NONE;
}

/* What stands before the compression's own ending. */
static int kind_by_name(const char *name)
{
	static const char *const endings[] = {".ndjson", ".json", ".csv", ".tsv"};
	size_t len = strlen(name);

	if (ends_with(name, len, ".gz"))
		len -= strlen(".gz");
	else if (ends_with(name, len, ".zst"))
		len -= strlen(".zst");
	for (size_t i = 0; i < ARRAY_LEN(endings); i++)
		if (ends_with(name, len, endings[i]))
			return (int)i;
	return 0;
}

void result_file_plan(const struct json *output, struct mistakes *mistakes,
		      struct result_file_plan *ret)
{
	static const enum format_kind formats[] = {FORMAT_NDJSON, FORMAT_JSON, FORMAT_CSV,
						   FORMAT_CSV};
	const char *file = spec_text(output, "file", NULL);
	struct err err;
	int kind;

	*ret = (struct result_file_plan){.file = file};
	if (!file)
		return;
	if (files_name_check(file, strlen(file), &err))
		mistake_add(mistakes, "/spec/output/file", err_name(err.code), "%s", err.detail);
	kind = spec_choice(output, "format", kinds, kind_by_name(file));
	ret->form.kind = formats[kind];
	ret->form.delimiter = strcmp(kinds[kind], "tsv") == 0 ? '\t' : ',';
	ret->form.codec = (enum codec)(
		spec_choice(output, "compression", codecs, (int)codec_by_name(file) - CODEC_NONE) +
		CODEC_NONE);
}

/* ---- writing ---- */

struct result_file {
	struct run *run;
	const struct result_file_plan *plan;
	const struct buf *rest;
	struct writer *writer;
	struct upload *upload;
	struct buf lines; /* read, and not written yet */
	int64_t offset;	  /* of what was read */
	int64_t items;	  /* written */
};

int result_file_new(struct run *run, const struct result_file_plan *plan, const struct buf *rest,
		    struct result_file **ret_file, struct err *err)
{
	struct upload_order order = {.name = plan->file, .bytes = -1, .total = -1};
	struct result_file *file = calloc(1, sizeof(*file));

	if (!file)
		return err_set(err, ERR_NO_MEMORY, "no memory for the output");
	*file = (struct result_file){.run = run, .plan = plan, .rest = rest};
	buf_init(&file->lines, ITEM_BYTES_MAX + READ_BYTES + 1);
	file->writer = writer_new(&plan->form, err);
	if (!file->writer || upload_begin(run_files(run), &order, &file->upload, err)) {
		result_file_free(file);
		return -1;
	}
	*ret_file = file;
	return 0;
}

void result_file_free(struct result_file *file)
{
	if (!file)
		return;
	upload_free(file->upload);
	writer_free(file->writer);
	buf_done(&file->lines);
	free(file);
}

/* Each whole line of `text`; *ret_taken: their bytes. */
static int lines_add(struct result_file *file, const char *text, size_t len, size_t *ret_taken,
		     struct err *err)
{
	const char *at = text, *end;

	while ((end = memchr(at, '\n', (size_t)(text + len - at)))) {
		if (writer_add(file->writer, at, (size_t)(end - at), err)) {
			if (err->code == ERR_FAILED) /* another attempt would find the same */
				err->code = ERR_INVALID_RECORD;
			return err_wrap(err, "output, record %lld", (long long)file->items + 1);
		}
		file->items++;
		at = end + 1;
	}
	*ret_taken = (size_t)(at - text);
	return 0;
}

/* What the writer has gathered goes to the disk. */
static int bytes_write(struct result_file *file, struct err *err)
{
	size_t len;
	const char *bytes = writer_take(file->writer, &len, err);

	if (!bytes)
		return -1;
	return len > 0 ? upload_write(file->upload, bytes, len, err) : 0;
}

/* More of the results.  RUN_END: those were all; RUN_LATER: they are not committed yet. */
static enum run_answer results_take(struct result_file *file, struct err *err)
{
	char *room = buf_room(&file->lines, READ_BYTES);
	struct run_left left;
	size_t len, taken = 0;
	bool over;

	run_left(file->run, &left);
	if (file->items == left.items)
		return RUN_END;
	if (!room) {
		err_set(err, ERR_NO_MEMORY, "no memory for the output");
		return RUN_ERROR;
	}
	if (run_results_read(file->run, run_job_id(file->run), &file->offset, room, READ_BYTES,
			     &len, &over, err))
		return RUN_ERROR;
	buf_grown(&file->lines, len);
	if (len == 0)
		return RUN_LATER;
	if (lines_add(file, file->lines.data, file->lines.len, &taken, err) ||
	    bytes_write(file, err))
		return RUN_ERROR;
	buf_drop_front(&file->lines, taken);
	return RUN_OK;
}

static int file_end(struct result_file *file, struct err *err)
{
	struct upload_check check = {0};
	struct upload_done done;
	size_t taken = 0;

	if (lines_add(file, buf_text(file->rest), file->rest->len, &taken, err) ||
	    writer_end(file->writer, err) || bytes_write(file, err))
		return -1;
	return upload_finish(file->upload, &check, &done, err);
}

enum step result_file_step(struct result_file *file, struct err *err)
{
	int64_t until_us = clock_us() + STEP_US;
	struct completion completion;
	enum run_answer answer;
	int rc = 0;

	while (run_completion(file->run, 0, &completion))
		;
	run_block_begin(file->run);
	do
		answer = results_take(file, err);
	while (answer == RUN_OK && clock_us() < until_us && !run_cancelled(file->run));
	if (answer == RUN_END)
		rc = file_end(file, err);
	run_block_end(file->run);
	if (answer == RUN_ERROR || rc)
		return STEP_FAIL;
	if (answer == RUN_LATER)
		return run_timer(file->run, 0, LOOK_MS, 0) == RUN_ERROR ? STEP_FAIL : STEP_WAIT;
	return answer == RUN_END ? STEP_DONE : STEP_MORE;
}
