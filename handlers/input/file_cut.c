/* SPDX-License-Identifier: MIT */
/* file_cut.c - from a range of bytes to the records that begin in it.
 *
 * A file is cut where nobody has read it yet: at multiples of a step.  A cut moves on to the
 * first line end behind it, which both its neighbours find alike.  Where a line end may stand in
 * quotes (CSV), one has to know whether the cut is in quotes, so all bytes before it count:
 *
 *   each range is read by its own lane, once, into its block, and tried with both states at its
 *   beginning; what it makes of them (its map) is told to all
 *   the state at a cut is that of the last known one, through the maps between them; a map that
 *   nobody has told yet (another lane is at it, or had done it before a crash) is made by
 *   whoever needs it
 *
 * So no bytes are read twice in the ordinary course, no lane waits for another, and the cuts
 * depend on the file alone.
 */
#include "handlers/input/file.h"

#include "base/limits.h"
#include "handlers/input/format_inner.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
	LOOK_BYTES = 4096, /* for a line end: most lines are shorter */
	PORTIONS = 256,	   /* of a middling file */

	MAP_KNOWN = 1,
	MAP_QUOTED_FROM_PLAIN = 2, /* beginning outside of quotes it ends inside */
	MAP_QUOTED_FROM_QUOTED = 4,
	MAP_BEGINS_QUOTED = 8, /* of the ranges whose beginning is known */

	RANGES_PER_STEP = 8,
};

/* ---- how large ---- */

int64_t file_step(const struct file_view *view, int64_t chunk_bytes)
{
	int64_t step = INPUT_CHUNK_BYTES_MIN, most = INPUT_CHUNK_BYTES_MAX;

	if (view->codec != CODEC_NONE || !format_splits(view->format))
		return 0;
	if (!format_cuts_anywhere(view->format))
		most = INPUT_QUOTED_BYTES_MAX;
	while (step < most && step < (chunk_bytes > 0 ? chunk_bytes : view->size / PORTIONS))
		step *= 2;
	return step < view->size ? step : 0;
}

/* ---- line ends ---- */

/* How far into the piece the first line end goes, one that ends a record when `cut` says what
 * came before; 0: there is none. */
static size_t end_in(const struct format *format, const struct buf *piece, struct cut *cut)
{
	const char *at = piece->data, *end = at + piece->len, *feed;

	for (; (feed = memchr(at, '\n', (size_t)(end - at))); at = feed + 1)
		if (!cut || format_cut(format, at, (size_t)(feed + 1 - at), cut) > 0)
			return (size_t)(feed + 1 - piece->data);
	if (cut)
		format_cut(format, at, (size_t)(end - at), cut);
	return 0;
}

/* Behind the first such line end at or after `at`; the size when there is none. */
static int end_after(const struct file_view *view, int64_t at, struct cut *cut, int64_t *ret_end,
		     struct err *err)
{
	struct buf piece = BUF(INPUT_BLOCK_BYTES);
	int64_t begin = at, got = 1;
	size_t room = LOOK_BYTES, end = 0;

	while (at < view->size && at - begin <= RECORD_BYTES_MAX && got > 0 && end == 0) {
		at += (int64_t)piece.len;
		buf_clear(&piece);
		got = file_append(view, &piece, room, at, err);
		end = got > 0 ? end_in(view->format, &piece, cut) : 0;
		room = MIN(4 * room, (size_t)INPUT_BLOCK_BYTES);
	}
	buf_done(&piece);
	*ret_end = end > 0 ? at + (int64_t)end : view->size;
	if (got > 0 && end == 0 && at < view->size)
		return err_set(err, ERR_LIMIT, "%s: no record ends in the %d bytes from %lld on",
			       view->name, RECORD_BYTES_MAX, (long long)begin);
	return got < 0 ? -1 : 0;
}

/* Where the line begins that a cut moves on to. */
static int line_of(const struct file_view *view, int64_t cut, int64_t *ret_line, struct err *err)
{
	int64_t header = (int64_t)view->header.len;
	enum format_kind kind = format_kind(view->format);

	*ret_line = cut;
	if (cut > 0 && cut < view->size && kind != FORMAT_F64 && kind != FORMAT_I64 &&
	    end_after(view, cut, NULL, ret_line, err))
		return -1;
	*ret_line = MAX(*ret_line, header);
	return 0;
}

/* ---- quotes ---- */

struct cutting {
	const struct file_view *view;
	struct file_cuts *cuts;
	int64_t step, count; /* ranges */
	struct err *err;
};

/* The state behind a line end. */
static struct cut cut_at(const struct format *format, bool quoted)
{
	struct cut cut = {0};

	if (quoted)
		format_cut(format, &format->quote, 1, &cut);
	return cut;
}

/* What some bytes make of the states at their beginning: of both, or of the one that it is. */
struct mapping {
	struct cut plain, quoted;
	bool only_plain, only_quoted;
};

static void mapping_read(struct mapping *mapping, const struct format *format, const char *bytes,
			 size_t len)
{
	if (!mapping->only_quoted)
		format_cut(format, bytes, len, &mapping->plain);
	if (!mapping->only_plain)
		format_cut(format, bytes, len, &mapping->quoted);
}

static uint8_t mapping_end(const struct mapping *mapping, const struct format *format)
{
	unsigned quoted = cut_at(format, true).state;

	return (uint8_t)(MAP_KNOWN | (mapping->plain.state == quoted ? MAP_QUOTED_FROM_PLAIN : 0) |
			 (mapping->quoted.state == quoted ? MAP_QUOTED_FROM_QUOTED : 0));
}

static int maps_begin(const struct cutting *cutting)
{
	uint8_t *maps = calloc((size_t)cutting->count, 1);
	struct file_cuts *cuts = cutting->cuts;

	if (!maps)
		return err_set(cutting->err, ERR_NO_MEMORY, "no memory for %lld cuts",
			       (long long)cutting->count);
	lock_take(cuts->lock);
	if (!cuts->maps) {
		cuts->maps = maps;
		maps = NULL;
	}
	lock_drop(cuts->lock);
	free(maps);
	return 0;
}

/* Tells a map, and goes on with what is known. */
static void map_tell(const struct cutting *cutting, int64_t range, uint8_t map)
{
	struct file_cuts *cuts = cutting->cuts;
	uint8_t *at;

	lock_take(cuts->lock);
	cuts->maps[range] |= map;
	for (; cuts->known < cutting->count && cuts->maps[cuts->known]; cuts->known++) {
		at = &cuts->maps[cuts->known];
		*at |= cuts->quoted ? MAP_BEGINS_QUOTED : 0;
		cuts->quoted =
			*at & (cuts->quoted ? MAP_QUOTED_FROM_QUOTED : MAP_QUOTED_FROM_PLAIN);
	}
	lock_drop(cuts->lock);
}

/* Up to which cut the state is known, and whether the line of a known one begins in quotes. */
static int64_t cuts_known(struct file_cuts *cuts, int64_t cut, bool *ret_quoted)
{
	int64_t known;

	lock_take(cuts->lock);
	known = cuts->known;
	*ret_quoted = cut < known ? cuts->maps[cut] & MAP_BEGINS_QUOTED : cuts->quoted;
	lock_drop(cuts->lock);
	return known;
}

/* Reads a range for its map; it stays in `block`. */
static int map_make(const struct cutting *cutting, int64_t range, struct buf *block)
{
	const struct file_view *view = cutting->view;
	struct mapping mapping = {.plain = cut_at(view->format, false),
				  .quoted = cut_at(view->format, true)};
	int64_t at, end, got;
	bool quoted;

	if (range <= cuts_known(cutting->cuts, range, &quoted)) {
		mapping.only_plain = !quoted;
		mapping.only_quoted = quoted;
	}
	buf_clear(block);
	if (line_of(view, range * cutting->step, &at, cutting->err) ||
	    line_of(view, MIN((range + 1) * cutting->step, view->size), &end, cutting->err))
		return -1;
	for (; at < end; at += got) {
		got = file_append(view, block, (size_t)MIN(INPUT_BLOCK_BYTES, end - at), at,
				  cutting->err);
		if (got <= 0)
			return got < 0 ? -1 : file_changed(view, cutting->err);
		mapping_read(&mapping, view->format, block->data + block->len - got, (size_t)got);
	}
	map_tell(cutting, range, mapping_end(&mapping, view->format));
	return 0;
}

/* Makes maps, `most` at most, until the state at the cut is known.  RUN_OK, RUN_LATER (it is not
 * yet) or RUN_ERROR. */
static enum run_answer cut_learn(const struct cutting *cutting, int64_t cut, int most)
{
	struct buf bytes = BUF(INPUT_QUOTED_BYTES_MAX + RECORD_BYTES_MAX + INPUT_BLOCK_BYTES);
	enum run_answer answer = RUN_LATER;
	int64_t known;
	bool quoted;

	for (; answer == RUN_LATER; most--) {
		known = cuts_known(cutting->cuts, cut, &quoted);
		if (cut <= known)
			answer = RUN_OK;
		else if (most == 0)
			break;
		else if (map_make(cutting, known, &bytes))
			answer = RUN_ERROR;
	}
	buf_done(&bytes);
	return answer;
}

/* Where the first record begins at or behind the line of a cut, whose state is known. */
static int record_of(const struct cutting *cutting, int64_t cut, int64_t *at)
{
	struct cut state = cut_at(cutting->view->format, true);
	bool quoted;

	cuts_known(cutting->cuts, cut, &quoted);
	if (!quoted || *at >= cutting->view->size)
		return 0;
	return end_after(cutting->view, *at, &state, at, cutting->err);
}

static enum run_answer quoted_cut(const struct cutting *cutting, struct portion *portion)
{
	int64_t range = portion->from / cutting->step, line, from, to;
	enum run_answer answer;

	if (maps_begin(cutting))
		return RUN_ERROR;
	/* First what a crash has made one forget; at the last few others may just be. */
	answer = cut_learn(cutting, MAX(range - LANES_MAX, 0), RANGES_PER_STEP);
	if (answer != RUN_OK)
		return answer;
	if (map_make(cutting, range, &portion->block) ||
	    cut_learn(cutting, range + 1, INT_MAX) != RUN_OK ||
	    line_of(cutting->view, portion->from, &line, cutting->err) ||
	    line_of(cutting->view, portion->to, &to, cutting->err))
		return RUN_ERROR;
	from = line;
	if (record_of(cutting, range, &from) || record_of(cutting, range + 1, &to))
		return RUN_ERROR;
	portion->offset = line;
	portion->at = MIN((size_t)(from - line), portion->block.len);
	portion->from = from;
	portion->to = to;
	return RUN_OK;
}

/* ---- a portion ---- */

enum run_answer file_cut(const struct file_view *view, struct file_cuts *cuts, int64_t step,
			 struct portion *portion, struct err *err)
{
	struct cutting cutting = {view, cuts, step, (view->size + step - 1) / step, err};

	if (!format_cuts_anywhere(view->format))
		return quoted_cut(&cutting, portion);
	if (line_of(view, portion->from, &portion->from, err) ||
	    line_of(view, portion->to, &portion->to, err))
		return RUN_ERROR;
	portion->offset = MAX(portion->from, portion->seek);
	return RUN_OK;
}
