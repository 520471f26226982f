/* SPDX-License-Identifier: MIT */
/* file_portion.c - a portion of an open file, whatever the file is from. */
#include "handlers/input/file.h"

#include <stdlib.h>

struct file_view *file_view_of(struct portion *portion)
{
	struct file_view *view = portion->view;

	if (view)
		return view;
	view = calloc(1, sizeof(*view));
	if (view) {
		view->fd = -1;
		view->index = -1;
	}
	portion->view = view;
	return view;
}

void file_view_free(struct portion *portion)
{
	file_view_close(portion->view);
	free(portion->view);
}

struct source_head file_view_head(const struct file_view *view)
{
	return (struct source_head){
		.format = view->format,
		.header = view->header.data,
		.header_len = view->header.len,
	};
}

/* From its first byte on when it is a stream, or one has to read to know where records begin. */
enum run_answer file_whole_begin(struct portion *portion, int64_t size, struct err *err)
{
	const struct file_view *view = portion->view;
	bool stream = view->decoder || format_kind(view->format) == FORMAT_JSON;

	portion->from = (int64_t)view->header.len;
	portion->to = view->decoder ? -1 : size;
	if (!stream) {
		portion->offset = MAX(portion->from, portion->seek);
		return RUN_OK;
	}
	if (buf_add(&portion->block, buf_text(&view->head), view->head.len)) {
		err_set(err, ERR_NO_MEMORY, "no memory for the first bytes of '%s'", view->name);
		return RUN_ERROR;
	}
	portion->offset = 0;
	portion->at = view->header.len;
	source_read_count(portion->input,
			  view->decoder ? view->raw_offset : (int64_t)view->head.len);
	return RUN_OK;
}

enum run_answer file_read(struct portion *portion, size_t room, struct err *err)
{
	struct file_view *view = portion->view;
	int64_t offset = portion->offset + (int64_t)portion->block.len;
	int64_t raw = view->raw_offset, got = 0;

	if (view->decoder) {
		got = file_decode(view, &portion->block, room, err);
		source_read_count(portion->input, view->raw_offset - raw);
	} else if (offset < portion->to) {
		room = MIN(room, (size_t)(portion->to - offset));
		got = file_append(view, &portion->block, room, offset, err);
		if (got == 0)
			got = file_changed(view, err);
		source_read_count(portion->input, MAX(got, 0));
	}
	if (got < 0)
		return RUN_ERROR;
	return got > 0 ? RUN_OK : RUN_END;
}

void file_place(struct portion *portion, int64_t offset, struct portion_place *ret_place)
{
	struct file_view *view = portion->view;
	int64_t lines, behind = portion->offset + (int64_t)portion->block.len - offset;
	struct err err;

	if (!portion->begun)
		return;
	if (view->decoder) {
		lines = view->lines - lines_count(portion->block.data + portion->block.len - behind,
						  (size_t)behind);
		ret_place->line = lines + 1;
	} else if (file_lines(view, offset, &lines, &err) == 0) {
		ret_place->line = lines + 1;
	}
}
