/* SPDX-License-Identifier: MIT */
/* spool.c - one document at a time, into a file.
 *
 *   run_stream ─▶ pieces ─▶ compared with what is in the file, then written behind it ─▶ over
 *        ▲                                                                  │
 *        └── failed, and could go better: from the beginning, after a while ┘
 *
 * The fetcher itself tries again while no byte has come.
 */
#include "handlers/input/spool.h"

#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
	PIECE_BYTES = 512 * 1024,
	FAILURES_MAX = 4,
	AGAIN_MS = 1000, /* doubled each time */
	TIMEOUT_MS = 24 * 3600 * 1000,
	STREAM_TAG = 1,
};

void spool_init(struct spool *spool, struct input *input)
{
	*spool = (struct spool){.input = input,
				.fd = -1,
				.piece = BUF(PIECE_BYTES + 1),
				.there = BUF(PIECE_BYTES + 1)};
}

void spool_done(struct spool *spool)
{
	spool_end(spool);
	buf_done(&spool->piece);
	buf_done(&spool->there);
}

char *spool_path(struct input *input, int64_t index, struct err *err)
{
	const char *scratch;
	char *path;

	if (run_scratch(input->run, &scratch, err))
		return NULL;
	if (asprintf(&path, "%s/document-%lld", scratch, (long long)index) >= 0)
		return path;
	err_set(err, ERR_NO_MEMORY, "no memory for a path");
	return NULL;
}

int spool_begin(struct spool *spool, struct document *document, int64_t index, struct err *err)
{
	char *path = spool_path(spool->input, index, err);
	struct stat stat;

	if (!path)
		return -1;
	spool->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	free(path);
	if (spool->fd < 0 || fstat(spool->fd, &stat))
		return err_set_errno(err, ERR_IO, errno, "no file for %s", document->url);
	spool->document = document;
	spool->failures = 0;
	spool->compared = 0;
	spool->over = document->told_whole && stat.st_size == document->told;
	spool->size = spool->over ? stat.st_size : 0;
	atomic_fetch_add(&spool->input->bytes_known, spool->size);
	if (!spool->over && stat.st_size > 0 && ftruncate(spool->fd, 0))
		return err_set_errno(err, ERR_IO, errno, "no file for %s", document->url);
	return 0;
}

void spool_end(struct spool *spool)
{
	fetch_result_free(spool->result);
	spool->result = NULL;
	if (spool->fd >= 0)
		close(spool->fd);
	spool->fd = -1;
	spool->document = NULL;
}

/* ---- bytes ---- */

static int changed(const struct spool *spool, struct err *err)
{
	return err_set(err, ERR_CONFLICT, "%s has changed since the job began to read it",
		       spool->document->url);
}

/* Of bytes that were there before: are they the same?  *ret_len: how many that are. */
static int compare(struct spool *spool, const char *bytes, size_t *len, struct err *err)
{
	char *there;

	*len = MIN(*len, (size_t)MIN(spool->size - spool->compared, PIECE_BYTES));
	if (*len == 0)
		return 0;
	buf_clear(&spool->there);
	there = buf_room(&spool->there, *len);
	if (!there)
		return err_set(err, ERR_NO_MEMORY, "no memory to compare a document");
	if (pread(spool->fd, there, *len, spool->compared) != (ssize_t)*len)
		return err_set(err, ERR_IO, "cannot read what came of %s", spool->document->url);
	spool->compared += (int64_t)*len;
	return memcmp(there, bytes, *len) == 0 ? 0 : changed(spool, err);
}

static int disk_check(const struct spool *spool, struct err *err)
{
	struct statvfs disk;

	if (fstatvfs(spool->fd, &disk) ||
	    (uint64_t)disk.f_bavail * disk.f_frsize > INPUT_DISK_FREE_BYTES_MIN)
		return 0;
	return err_set(err, ERR_DISK_FULL, "the disk is nearly full: %lld bytes of %s are there",
		       (long long)spool->size, spool->document->url);
}

static int bytes_add(struct spool *spool, const char *bytes, size_t len, struct err *err)
{
	while (len > 0) {
		size_t same = len;
		ssize_t wrote;

		if (compare(spool, bytes, &same, err))
			return -1;
		bytes += same;
		len -= same;
		if (same > 0 || len == 0)
			continue;
		wrote = pwrite(spool->fd, bytes, len, spool->size);
		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return err_set_errno(err, errno == ENOSPC ? ERR_DISK_FULL : ERR_IO, errno,
					     "cannot write what comes of %s", spool->document->url);
		bytes += wrote;
		len -= (size_t)wrote;
		spool->size += wrote;
		spool->compared = spool->size;
		atomic_fetch_add(&spool->input->bytes_known, wrote);
	}
	return disk_check(spool, err);
}

/* ---- fetching ---- */

static enum run_answer stream_begin(struct spool *spool, struct err *err)
{
	const struct input_plan *plan = spool->input->plan;
	struct fetch_request request = {
		.url = spool->document->url,
		.headers = plan->headers,
		.header_count = plan->headers_count,
		.owner = id_hash(run_job_id(spool->input->run)),
		.timeout_ms = TIMEOUT_MS,
		.body_bytes_max = SIZE_MAX / 2,
		.class = FETCH_CALLS,
	};
	enum run_answer answer =
		run_stream(spool->input->run, spool->lane, &request, INPUT_TAG | STREAM_TAG, err);

	if (answer == RUN_ERROR)
		err_wrap(err, "%s", spool->document->url);
	spool->under_way = answer == RUN_OK;
	spool->compared = 0;
	return answer == RUN_OK ? RUN_LATER : answer;
}

/* Again from the beginning, after a while; or that was it. */
static enum run_answer failed(struct spool *spool, const struct err *why, struct err *err)
{
	if (err_retryable(why->code) && ++spool->failures < FAILURES_MAX)
		return spool_wait(spool, AGAIN_MS << (spool->failures - 1));
	*err = *why;
	err_wrap(err, "%s", spool->document->url);
	return RUN_ERROR;
}

static enum run_answer stream_end(struct spool *spool, struct err *err)
{
	struct fetch_result *result = spool->result;
	enum run_answer answer = RUN_OK;

	spool->result = NULL;
	if (result->status / 100 == 2 && bytes_add(spool, result->body, result->body_len, err))
		answer = RUN_ERROR;
	else if (result->err.code)
		answer = failed(spool, &result->err, err);
	else if (spool->compared < spool->size)
		answer = changed(spool, err) ? RUN_ERROR : RUN_OK; /* it has become shorter */
	else
		spool->over = true;
	fetch_result_free(result);
	return answer;
}

enum run_answer spool_take(struct spool *spool, struct err *err)
{
	char *piece;
	size_t len;

	if (spool->over)
		return RUN_OK;
	if (spool->result)
		return stream_end(spool, err);
	if (spool->waiting)
		return RUN_LATER;
	if (!spool->under_way)
		return stream_begin(spool, err);
	buf_clear(&spool->piece);
	piece = buf_room(&spool->piece, PIECE_BYTES);
	if (!piece) {
		err_set(err, ERR_NO_MEMORY, "no memory for a piece of %s", spool->document->url);
		return RUN_ERROR;
	}
	len = run_stream_read(spool->input->run, spool->lane, INPUT_TAG | STREAM_TAG, piece,
			      PIECE_BYTES);
	if (len == 0)
		return RUN_LATER;
	return bytes_add(spool, piece, len, err) ? RUN_ERROR : RUN_OK;
}

enum run_answer spool_wait(struct spool *spool, int64_t delay_ms)
{
	if (spool->waiting)
		return RUN_LATER;
	if (run_timer(spool->input->run, spool->lane, delay_ms, INPUT_TAG) == RUN_FULL)
		return RUN_FULL;
	spool->waiting = true;
	return RUN_LATER;
}

void spool_completion(struct spool *spool, const struct completion *completion)
{
	if (completion->kind == COMPLETION_TIMER) {
		spool->waiting = false;
		return;
	}
	spool->under_way = false;
	fetch_result_free(spool->result);
	spool->result = completion->fetch;
}
