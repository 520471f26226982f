/* SPDX-License-Identifier: MIT */
/* from_urls.c - `url` and `urls`: documents of the web, cut as they come.
 *
 *   fetch   into a file in the job's scratch folder (spool.c), at most PORTIONS_AHEAD portions
 *           ahead of what was read: then the sender is slowed down
 *   scan    what has come is gone over once: where records end, and a digest of it
 *   cut     at the first record that ends behind a size; each portion is an eighth of all before
 *           it, so that where they end depends on the bytes alone
 *   keep    before a portion is added, the checkpoint has its end and the digest up to there
 *
 * After a crash a document that was not whole is fetched again.  Nothing of it is read before
 * all that an earlier attempt has cut is there again, with the same digest: else the document
 * has changed, and the job fails.  Compressed documents and json texts are one portion each,
 * when they are whole.
 */
#include "handlers/input/file.h"
#include "handlers/input/spool.h"

#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

enum {
	PORTION_BYTES_MIN = INPUT_CHUNK_BYTES_MIN,
	PORTION_BYTES_MAX = 4 * 1024 * 1024,
	GROWTH = 8,
	PORTIONS_AHEAD = 64,
	LOOK_BYTES = 64 * 1024,	      /* what sniffing wants … */
	LOOK_BYTES_MAX = 1024 * 1024, /* … and the longest header */
	AHEAD_MS = 50,		      /* until it is looked again whether it still is */
	TURNS_PER_STEP = 8,
	BLOB_BYTES_MAX = 256 * 1024,
	KEY_BYTES = URL_BYTES_MAX + 32,
};

struct url_feed {
	struct document *documents;
	size_t count, at;
	struct spool spool;
	struct file_view view; /* of that document, once its first bytes are there */
	bool looked, single;   /* single: it is one portion */
	int64_t look_bytes;
	struct cut cut;
	XXH3_state_t *digest;
	int64_t scanned, next; /* next: where the next portion begins */
	int64_t to;	       /* where it ends; 0: not found yet */
	uint64_t to_digest;
	bool kept;
	struct buf block;
};

/* ---- open and close ---- */

/* A line for each document that was begun: "whole" or "part", its bytes and their digest. */
static void told_read(struct url_feed *feed, const char *text, size_t len)
{
	const char *at = text, *end = text + len, *line;

	for (size_t i = 0; i < feed->count && (line = memchr(at, '\n', (size_t)(end - at))); i++) {
		struct document *document = &feed->documents[i];
		char kind[8] = "";

		sscanf(at, "%7s %" SCNd64 " %" SCNx64, kind, &document->told,
		       &document->told_digest);
		document->told_whole = strcmp(kind, "whole") == 0;
		at = line + 1;
	}
}

static int told_write(const struct url_feed *feed, bool whole, struct buf *into)
{
	for (size_t i = 0; i < feed->at; i++)
		buf_printf(into, "whole %" PRId64 " %" PRIx64 "\n", feed->documents[i].told,
			   feed->documents[i].told_digest);
	return buf_printf(into, "%s %" PRId64 " %" PRIx64 "\n", whole ? "whole" : "part", feed->to,
			  feed->to_digest);
}

static int urls_open(struct input *input, struct err *err)
{
	const struct input_plan *plan = input->plan;
	struct url_feed *feed = calloc(1, sizeof(*feed));
	const char *blob;
	size_t len;

	if (!feed)
		return err_set(err, ERR_NO_MEMORY, "no memory for an input");
	input->state = feed;
	spool_init(&feed->spool, input);
	feed->view.fd = -1;
	buf_init(&feed->block, INPUT_BLOCK_BYTES);
	feed->digest = XXH3_createState();
	feed->documents = calloc(plan->names_count, sizeof(*feed->documents));
	if (!feed->digest || !feed->documents)
		return err_set(err, ERR_NO_MEMORY, "no memory for an input");
	feed->count = plan->names_count;
	for (size_t i = 0; i < feed->count; i++)
		feed->documents[i].url = plan->names[i];
	if (source_left(input, &blob, &len))
		told_read(feed, blob, len);
	return 0;
}

static void urls_close(struct input *input)
{
	struct url_feed *feed = input->state;

	if (!feed)
		return;
	spool_done(&feed->spool);
	file_view_close(&feed->view);
	buf_done(&feed->block);
	XXH3_freeState(feed->digest);
	free(feed->documents);
	free(feed);
}

static void urls_completion(struct input *input, const struct completion *completion)
{
	struct url_feed *feed = input->state;

	spool_completion(&feed->spool, completion);
}

/* ---- one document ---- */

static int document_begin(struct url_feed *feed, struct err *err)
{
	if (spool_begin(&feed->spool, &feed->documents[feed->at], (int64_t)feed->at, err))
		return -1;
	XXH3_64bits_reset(feed->digest);
	feed->looked = feed->single = false;
	feed->look_bytes = LOOK_BYTES;
	feed->scanned = feed->next = feed->to = 0;
	feed->cut = (struct cut){0};
	return 0;
}

static int spool_open(struct input *input, struct file_view *view, int64_t index, struct err *err)
{
	struct url_feed *feed = input->state;
	const struct document *document = &feed->documents[index];
	char *path = spool_path(input, index, err);
	bool whole = atomic_load(&document->whole);
	int fd;

	if (!path)
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	free(path);
	if (fd < 0)
		return err_set_errno(err, ERR_IO, errno, "cannot read what came of %s",
				     document->url);
	file_view_close(view);
	view->run = input->run;
	if (file_view_open(view, input->plan->format, fd, document->url,
			   whole ? atomic_load(&document->ready) : -1, err))
		return -1;
	view->index = index;
	return 0;
}

/* Its format and header, from the first bytes.  0 without feed->looked: more are wanted. */
static int document_look(struct input *input, struct url_feed *feed, struct err *err)
{
	if (feed->spool.size == 0 || (!feed->spool.over && feed->spool.size < feed->look_bytes))
		return 0;
	if (spool_open(input, &feed->view, (int64_t)feed->at, err)) {
		if (err->code != ERR_LIMIT || feed->spool.over ||
		    feed->look_bytes == LOOK_BYTES_MAX)
			return -1;
		feed->look_bytes = LOOK_BYTES_MAX;
		return 0;
	}
	feed->looked = true;
	feed->single = feed->view.codec != CODEC_NONE || !format_splits(feed->view.format);
	feed->next = feed->single ? 0 : (int64_t)feed->view.header.len;
	return 0;
}

/* What has been scanned may be read, once it is what an earlier attempt has seen. */
static int document_tell(struct input *input, struct url_feed *feed, struct err *err)
{
	struct document *document = &feed->documents[feed->at];

	if (feed->scanned == document->told && document->told > 0 &&
	    XXH3_64bits_digest(feed->digest) != document->told_digest)
		return err_set(err, ERR_CONFLICT, "%s has changed since the job began to read it",
			       document->url);
	if (feed->scanned < document->told)
		return 0;
	atomic_store(&document->ready, feed->scanned);
	source_wake(input);
	return 0;
}

/* ---- scanning ---- */

static int64_t portion_size(const struct url_feed *feed)
{
	return MIN(MAX(feed->next / GROWTH / 8 * 8, PORTION_BYTES_MIN), PORTION_BYTES_MAX);
}

/* How far into the block the portion goes that begins at feed->next; 0: beyond it. */
static size_t block_cut(struct url_feed *feed, const char *block, size_t len)
{
	int64_t target = feed->next + portion_size(feed);
	enum format_kind kind = format_kind(feed->view.format);
	size_t at = (size_t)MAX(feed->next - feed->scanned, 0), before;
	const char *line;

	at = MIN(at, len); /* the header */
	before = MIN(len - at, (size_t)MAX(target - feed->scanned - (int64_t)at, 0));
	format_cut(feed->view.format, block + at, before, &feed->cut);
	at += before;
	if (kind == FORMAT_F64 || kind == FORMAT_I64)
		return feed->scanned + (int64_t)at == target ? at : 0;
	while (at < len) {
		line = memchr(block + at, '\n', len - at);
		before = line ? (size_t)(line + 1 - block) - at : len - at;
		at += before;
		if (format_cut(feed->view.format, block + at - before, before, &feed->cut) > 0)
			return at;
	}
	return 0;
}

/* Goes over what has come, up to the end of a portion.  1: something was done; 0; -1: *err. */
static int scan(struct input *input, struct url_feed *feed, struct err *err)
{
	const struct document *document = &feed->documents[feed->at];
	int64_t room = MIN(feed->spool.size - feed->scanned, INPUT_BLOCK_BYTES), got;
	size_t cut = 0;

	if (room == 0 || feed->to > 0)
		return 0;
	if (feed->scanned < document->told)
		room = MIN(room, document->told - feed->scanned);
	buf_clear(&feed->block);
	got = file_append(&feed->view, &feed->block, (size_t)room, feed->scanned, err);
	if (got <= 0)
		return got < 0 ? -1 : file_changed(&feed->view, err);
	if (!feed->single)
		cut = block_cut(feed, feed->block.data, (size_t)got);
	if (cut > 0)
		got = (int64_t)cut;
	XXH3_64bits_update(feed->digest, feed->block.data, (size_t)got);
	feed->scanned += got;
	if (cut > 0) {
		feed->to = feed->scanned;
		feed->to_digest = XXH3_64bits_digest(feed->digest);
		feed->kept = false;
	}
	return document_tell(input, feed, err) ? -1 : 1;
}

/* All of it is there and scanned: what is left is the last portion. */
static int document_whole(struct input *input, struct url_feed *feed, struct err *err)
{
	struct document *document = &feed->documents[feed->at];

	if (!document->whole) {
		if (feed->scanned < document->told)
			return err_set(err, ERR_CONFLICT,
				       "%s has become shorter since the job began to read it",
				       document->url);
		run_block_begin(input->run);
		(void)fsync(feed->spool.fd); /* else a power cut makes it be fetched again */
		run_block_end(input->run);
		atomic_store(&document->whole, true);
		source_wake(input);
	}
	if (feed->next < feed->scanned) {
		feed->to = feed->scanned;
		feed->to_digest = XXH3_64bits_digest(feed->digest);
		feed->kept = false;
	}
	return 0;
}

/* ---- portions ---- */

static enum run_answer portion_keep(struct input *input, struct url_feed *feed, struct err *err)
{
	struct document *document = &feed->documents[feed->at];
	struct buf blob = BUF(BLOB_BYTES_MAX);
	bool whole = document->whole && feed->to == feed->scanned;
	enum run_answer answer = RUN_ERROR;

	if (feed->to <= document->told) { /* an earlier attempt has told more */
		feed->kept = true;
		return RUN_OK;
	}
	if (told_write(feed, whole, &blob))
		err_set(err, ERR_NO_MEMORY, "no memory for a checkpoint of the input");
	else
		answer = run_checkpoint(input->run, INPUT_LANE, blob.data, blob.len, NULL, 0);
	buf_done(&blob);
	if (answer != RUN_OK)
		return answer;
	feed->kept = true;
	document->told = feed->to;
	document->told_digest = feed->to_digest;
	return RUN_OK;
}

static enum run_answer portion_add(struct input *input, struct url_feed *feed, unsigned lane,
				   struct err *err)
{
	const struct portion portion = {
		.index = (int64_t)feed->at,
		.from = feed->next,
		.to = feed->single ? -1 : feed->to,
	};
	enum run_answer answer = feed->kept ? RUN_OK : portion_keep(input, feed, err);
	char key[KEY_BYTES];

	if (answer != RUN_OK)
		return answer;
	snprintf(key, sizeof(key), "%s:%lld", feed->documents[feed->at].url,
		 (long long)portion.from);
	answer = source_part_add(input, lane, key, &portion, err);
	if (answer != RUN_OK && answer != RUN_KNOWN)
		return answer;
	feed->next = feed->to;
	feed->to = 0;
	return RUN_OK;
}

/* Are so many portions open that more need not come yet? */
static bool far_ahead(const struct input *input, const struct url_feed *feed)
{
	const struct document *document = &feed->documents[feed->at];
	struct run_left left;

	if (feed->spool.over || feed->scanned < document->told)
		return false;
	run_left(input->run, &left);
	return left.parts - left.parts_done - left.parts_failed > PORTIONS_AHEAD;
}

/* One turn: whatever comes next of take, look, scan, add, end. */
static enum run_answer document_turn(struct input *input, struct url_feed *feed, unsigned lane,
				     struct err *err)
{
	struct spool *spool = &feed->spool;
	enum run_answer answer;
	int rc = 0;

	if (feed->to > 0)
		return portion_add(input, feed, lane, err);
	if (!feed->looked && document_look(input, feed, err))
		return RUN_ERROR;
	if (feed->looked)
		rc = scan(input, feed, err);
	if (rc)
		return rc < 0 ? RUN_ERROR : RUN_OK;
	if (!spool->over) {
		if (far_ahead(input, feed))
			return spool_wait(spool, AHEAD_MS);
		answer = spool_take(spool, err);
		return answer;
	}
	if (document_whole(input, feed, err))
		return RUN_ERROR;
	if (feed->to > 0)
		return RUN_OK;
	file_view_close(&feed->view);
	spool_end(spool);
	feed->at++;
	return RUN_OK;
}

static enum run_answer urls_feed(struct input *input, unsigned lane, struct err *err)
{
	struct url_feed *feed = input->state;
	enum run_answer answer = RUN_OK;

	feed->spool.lane = lane;
	for (int i = 0; i < TURNS_PER_STEP && answer == RUN_OK; i++) {
		if (feed->at == feed->count)
			return RUN_END;
		if (!feed->spool.document && document_begin(feed, err))
			return RUN_ERROR;
		answer = document_turn(input, feed, lane, err);
	}
	return answer;
}

/* ---- a portion ---- */

static bool is_ready(const struct document *document, const struct portion *portion)
{
	return portion->to < 0 ? atomic_load(&document->whole)
			       : atomic_load(&document->ready) >= portion->to;
}

static enum run_answer urls_begin(struct portion *portion, struct source_head *ret_head,
				  struct err *err)
{
	struct url_feed *feed = portion->input->state;
	const struct document *document = &feed->documents[portion->index];
	struct file_view *view = file_view_of(portion);

	if (!view) {
		err_set(err, ERR_NO_MEMORY, "no memory for a view of %s", document->url);
		return RUN_ERROR;
	}
	/* The bit before the look: what is told behind it wakes the lane. */
	atomic_fetch_or(&portion->input->waiting, UINT64_C(1) << portion->lane);
	if (!is_ready(document, portion))
		return RUN_LATER;
	if (view->index != portion->index || view->decoder) {
		portion_reader_drop(portion);
		if (spool_open(portion->input, view, portion->index, err))
			return RUN_ERROR;
	}
	*ret_head = file_view_head(view);
	if (portion->to < 0)
		return file_whole_begin(portion, atomic_load(&document->ready), err);
	portion->offset = MAX(portion->from, portion->seek);
	return RUN_OK;
}

static void urls_place(struct portion *portion, int64_t offset, struct portion_place *ret_place)
{
	const struct url_feed *feed = portion->input->state;

	ret_place->name = feed->documents[portion->index].url;
	file_place(portion, offset, ret_place);
}

const struct source source_urls = {
	.bytes = true,
	.open = urls_open,
	.close = urls_close,
	.feed = urls_feed,
	.completion = urls_completion,
	.begin = urls_begin,
	.read = file_read,
	.view_free = file_view_free,
	.place = urls_place,
};
