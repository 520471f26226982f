/* SPDX-License-Identifier: MIT */
/* spool.h - documents of the web, as files in the job's scratch folder.
 *
 *   spool.c       one document at a time: fetched, written, the same again after a failure
 *   from_urls.c   cut into portions as it comes
 *
 * What was read of a document must not change: when it is fetched again, in this attempt or the
 * next, it is compared with what there was, and ERR_CONFLICT says that it has changed.
 *
 * Threads    feed: the feeding lane's.  `ready` and `whole` are written by it and read by all.
 */
#ifndef HANDLERS_INPUT_SPOOL_H
#define HANDLERS_INPUT_SPOOL_H

#include "handlers/input/source.h"

struct document {
	const char *url;
	_Atomic int64_t ready; /* so many bytes may be read */
	_Atomic bool whole;    /* and they are all */

	/* What an earlier attempt told of its first bytes. */
	int64_t told;
	uint64_t told_digest;
	bool told_whole;
};

struct spool {
	struct document *document; /* NULL: none is open */
	struct input *input;
	unsigned lane;
	int fd;
	int64_t size;	  /* in the file */
	int64_t compared; /* of this fetch: equal to what is there, or written */
	bool under_way, over;
	struct fetch_result *result; /* taken, and not looked at */
	bool waiting;		     /* on a timer */
	unsigned failures;
	struct buf piece, there;
};

void spool_init(struct spool *spool, struct input *input);
void spool_done(struct spool *spool);

/* The path of the file; free().  NULL: *err. */
char *spool_path(struct input *input, int64_t index, struct err *err);

/* Begins with a document: of one that was whole before, its file is taken as it is. */
int spool_begin(struct spool *spool, struct document *document, int64_t index, struct err *err);
void spool_end(struct spool *spool);

/* Takes what has come.  RUN_OK: there is more, or all of it; RUN_LATER, RUN_FULL, RUN_ERROR. */
enum run_answer spool_take(struct spool *spool, struct err *err);
/* Looks again later, by a timer. */
enum run_answer spool_wait(struct spool *spool, int64_t delay_ms);
void spool_completion(struct spool *spool, const struct completion *completion);

#endif
