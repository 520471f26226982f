/* SPDX-License-Identifier: MIT */
/* from_files.c - `file` and `files`: of the data directory, or of folders that are mapped.
 *
 *   find   names and patterns become a list, each name once
 *   pin    each file is opened once for its version, and linked into the job's scratch folder:
 *          who replaces it meanwhile changes nothing for this job
 *   keep   the list becomes the input's checkpoint, so that it is the same after a crash
 *   cut    large files become ranges of bytes, others one portion each
 *
 * A version that is not that of the list any more (a mapped file that somebody writes to, or one
 * that could not be linked) fails the job.
 */
#include "handlers/input/file.h"

#include "base/limits.h"
#include "handlers/input/file_list.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FILES_PER_STEP = 50, /* opened by the feed: some milliseconds */
	PARTS_PER_STEP = 1000,
	KEY_BYTES = FILE_NAME_BYTES_MAX + 24,
};

/* What the feed has done. */
struct file_feed {
	struct file_list list;
	size_t pinned, fed;    /* files */
	bool kept, looked;     /* looked: at the file whose turn it is */
	int64_t step, fed_to;  /* of that file */
	struct file_view view; /* likewise */
};

/* ---- open and close ---- */

static int list_left(struct input *input, struct file_feed *feed, struct err *err)
{
	const char *blob;
	size_t len;

	feed->kept = source_left(input, &blob, &len);
	if (feed->kept && file_list_unpack(&feed->list, blob, len, err))
		return -1;
	feed->pinned = feed->list.count;
	return 0;
}

static int files_source_open(struct input *input, struct err *err)
{
	struct file_feed *feed = calloc(1, sizeof(*feed));

	if (!feed)
		return err_set(err, ERR_NO_MEMORY, "no memory for an input");
	input->state = feed;
	feed->view.fd = -1;
	file_list_init(&feed->list);
	return list_left(input, feed, err);
}

static void files_source_close(struct input *input)
{
	struct file_feed *feed = input->state;

	if (!feed)
		return;
	file_view_close(&feed->view);
	file_list_done(&feed->list);
	free(feed);
}

/* ---- one file ---- */

/* The version that the job reads, wherever its name leads now. */
static int file_open(struct input *input, const char *name, int64_t index, int *ret_fd,
		     struct file_version *ret_version, struct err *err)
{
	const char *scratch;
	bool pinned;
	char *pin;
	int rc;

	if (run_scratch(input->run, &scratch, err))
		return -1;
	if (asprintf(&pin, "%s/input-%lld", scratch, (long long)index) < 0)
		return err_set(err, ERR_NO_MEMORY, "no memory for a path");
	rc = files_pin(run_files(input->run), name, pin, ret_fd, ret_version, &pinned, err);
	free(pin);
	return rc;
}

static int version_check(const struct file_view *view, const struct input_file *file,
			 struct err *err)
{
	struct file_version version;
	struct stat stat;

	if (fstat(view->fd, &stat))
		return err_set(err, ERR_IO, "cannot look at '%s'", file->name);
	file_version_of(&stat, &version);
	return file_version_equal(&version, &file->version) ? 0 : file_changed(view, err);
}

static int view_open(struct input *input, struct file_view *view, int64_t index, struct err *err)
{
	const struct file_feed *feed = input->state;
	const struct input_file *file = &feed->list.files[index];
	struct file_version version = {0};
	int fd = -1;

	file_view_close(view);
	if (file_open(input, file->name, index, &fd, &version, err))
		return -1;
	view->run = input->run;
	if (file_view_open(view, input->plan->format, fd, file->name, version.size, err))
		return -1;
	view->index = index;
	return version_check(view, file, err);
}

/* ---- the feed ---- */

static enum run_answer files_pin_some(struct input *input, struct file_feed *feed, struct err *err)
{
	for (int i = 0; i < FILES_PER_STEP && feed->pinned < feed->list.count; i++) {
		struct input_file *file = &feed->list.files[feed->pinned];
		int fd = -1;

		if (file_open(input, file->name, (int64_t)feed->pinned, &fd, &file->version, err)) {
			file_list_hint(run_files(input->run), file->name, err);
			return RUN_ERROR;
		}
		close(fd);
		feed->pinned++;
	}
	return RUN_OK;
}

static enum run_answer list_keep(struct input *input, struct file_feed *feed, struct err *err)
{
	struct buf blob = BUF(FILE_LIST_BYTES_MAX);
	enum run_answer answer = RUN_ERROR;

	if (file_list_pack(&feed->list, &blob))
		err_set(err, ERR_NO_MEMORY, "no memory for %zu files", feed->list.count);
	else
		answer = run_checkpoint(input->run, INPUT_LANE, blob.data, blob.len, NULL, 0);
	buf_done(&blob);
	feed->kept = answer == RUN_OK;
	return answer;
}

/* How the file whose turn it is will be cut. */
static int file_look(struct input *input, struct file_feed *feed, struct err *err)
{
	const struct input_file *file = &feed->list.files[feed->fed];

	feed->step = 0;
	/* A small one is one portion whatever is in it. */
	if (file->version.size > INPUT_CHUNK_BYTES_MIN) {
		if (view_open(input, &feed->view, (int64_t)feed->fed, err))
			return -1;
		feed->step = file_step(&feed->view, input->chunk_bytes);
		file_view_close(&feed->view);
	}
	feed->looked = true;
	feed->fed_to = 0;
	return 0;
}

/* The next portion of the file whose turn it is. */
static enum run_answer portion_feed(struct input *input, struct file_feed *feed, unsigned lane,
				    struct err *err)
{
	const struct input_file *file = &feed->list.files[feed->fed];
	struct portion portion = {.index = (int64_t)feed->fed, .to = -1};
	int64_t size = file->version.size;
	enum run_answer answer;
	char key[KEY_BYTES];

	if (feed->fed_to == 0)
		atomic_fetch_add(&input->bytes_known, size);
	if (feed->step > 0) {
		portion.from = feed->fed_to;
		portion.to = MIN(feed->fed_to + feed->step, size);
		snprintf(key, sizeof(key), "%s:%lld", file->name, (long long)portion.from);
	} else {
		snprintf(key, sizeof(key), "%s", file->name);
	}
	answer = size > 0 ? source_part_add(input, lane, key, &portion, err) : RUN_OK;
	if (answer != RUN_OK && answer != RUN_KNOWN) {
		if (feed->fed_to == 0)
			atomic_fetch_sub(&input->bytes_known, size);
		return answer;
	}
	feed->fed_to = portion.to < 0 ? size : portion.to;
	if (feed->fed_to == size) {
		feed->fed++;
		feed->looked = false;
	}
	return RUN_OK;
}

static enum run_answer files_feed(struct input *input, unsigned lane, struct err *err)
{
	struct file_feed *feed = input->state;
	enum run_answer answer = RUN_OK;
	int looks = 0;

	if (!feed->list.found && !feed->kept) {
		run_block_begin(input->run);
		answer = file_list_find(&feed->list, run_files(input->run), input->plan, err)
				 ? RUN_ERROR
				 : RUN_OK;
		run_block_end(input->run);
		return answer;
	}
	if (feed->pinned < feed->list.count)
		return files_pin_some(input, feed, err);
	if (!feed->kept)
		return list_keep(input, feed, err);
	for (int i = 0; i < PARTS_PER_STEP && looks < FILES_PER_STEP && answer == RUN_OK; i++) {
		if (feed->fed == feed->list.count)
			return RUN_END;
		looks += !feed->looked;
		if (!feed->looked && file_look(input, feed, err))
			return RUN_ERROR;
		answer = portion_feed(input, feed, lane, err);
	}
	return answer;
}

/* ---- a portion ---- */

static enum run_answer files_begin(struct portion *portion, struct source_head *ret_head,
				   struct err *err)
{
	struct file_feed *feed = portion->input->state;
	struct file_view *view = file_view_of(portion);
	struct input_file *file;
	enum run_answer answer;

	if (!view || portion->index < 0 || (size_t)portion->index >= feed->list.count) {
		err_set(err, view ? ERR_INTERNAL : ERR_NO_MEMORY, "portion %lld has no file",
			(long long)portion->index);
		return RUN_ERROR;
	}
	file = &feed->list.files[portion->index];
	if (view->index != portion->index || view->decoder) {
		portion_reader_drop(portion);
		if (view_open(portion->input, view, portion->index, err))
			return RUN_ERROR;
	} else if (version_check(view, file, err)) {
		return RUN_ERROR;
	}
	*ret_head = file_view_head(view);
	if (portion->to < 0)
		return file_whole_begin(portion, view->size, err);
	posix_fadvise(view->fd, portion->from, portion->to - portion->from, POSIX_FADV_WILLNEED);
	answer = file_cut(view, &file->cuts, file_step(view, portion->input->chunk_bytes), portion,
			  err);
	source_read_count(portion->input, (int64_t)portion->block.len);
	return answer;
}

static enum run_answer files_read(struct portion *portion, size_t room, struct err *err)
{
	const struct file_feed *feed = portion->input->state;
	enum run_answer answer = file_read(portion, room, err);

	if (answer == RUN_END &&
	    version_check(portion->view, &feed->list.files[portion->index], err))
		return RUN_ERROR;
	return answer;
}

static void files_place(struct portion *portion, int64_t offset, struct portion_place *ret_place)
{
	const struct file_feed *feed = portion->input->state;

	ret_place->name = feed->list.files[portion->index].name;
	file_place(portion, offset, ret_place);
}

const struct source source_files = {
	.bytes = true,
	.open = files_source_open,
	.close = files_source_close,
	.feed = files_feed,
	.begin = files_begin,
	.read = files_read,
	.view_free = file_view_free,
	.place = files_place,
};
