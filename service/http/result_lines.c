/* SPDX-License-Identifier: MIT */
/* result_lines.c - for formats that look at items: CSV and WARC. */
#include "service/http/result_lines.h"

#include "base/limits.h"
#include "store/store.h"

#include <string.h>

enum { PIECE_BYTES = 64 * 1024 };

void lines_init(struct result_lines *lines, struct store *store, const struct job *job,
		size_t held_max)
{
	*lines = (struct result_lines){
		.store = store,
		.job = job->id,
		.end = job->result_bytes,
		.read = BUF(ITEM_BYTES_MAX + PIECE_BYTES + held_max),
	};
}

void lines_done(struct result_lines *lines)
{
	buf_done(&lines->read);
}

int lines_read(struct result_lines *lines, struct err *err)
{
	size_t room = PIECE_BYTES, len = 0;
	char *into;

	if (lines->offset >= lines->end)
		return 0;
	room = (size_t)MIN((int64_t)room, lines->end - lines->offset);
	into = buf_room(&lines->read, room);
	if (!into)
		return err_set(err, ERR_NO_MEMORY, "no memory for result items");
	if (store_results_next(lines->store, &lines->job, &lines->offset, into, room, &len, err))
		return -1;
	buf_grown(&lines->read, len);
	return len > 0;
}

const char *lines_next(const struct result_lines *lines, size_t *at, size_t *ret_len)
{
	const char *line = buf_text(&lines->read) + *at;
	const char *end = memchr(line, '\n', lines->read.len - *at);

	if (!end)
		return NULL;
	*ret_len = (size_t)(end - line);
	*at += *ret_len + 1;
	return line;
}

void lines_drop(struct result_lines *lines, size_t at)
{
	buf_drop_front(&lines->read, at);
}
