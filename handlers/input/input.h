/* SPDX-License-Identifier: MIT */
/* input.h - what a job reads: one object of its spec, whatever the records come from.
 *
 *   {"items": [ … ]}                             records in the spec itself
 *   {"file": "a.csv"}  {"files": ["*.gz"]}       of the data directory or a mapped folder
 *   {"url": "…"}  {"urls": [ … ]}                streamed through net/
 *   {"job": "<id>"}                              the results of another job, as they come
 *   {"range": {"from": 1, "to": 10}}             integers
 *   {"generate": {"count": 10, "lua": "…"}}      what a script makes of i
 *
 * An input is cut into portions, each a part of the job (run.h): ranges of bytes on record
 * boundaries, about chunk_size each.  Cuts depend on the input and the spec alone, so parts
 * found again after a crash are the same parts.  Compressed files and json texts are one
 * portion each; urls are spooled into the job's scratch folder as they come, and cut there.
 *
 *   open:  input_open()
 *   step:  input_feed() on one lane until RUN_END        finds portions
 *          input_next() on every lane                    claims one, as run_part_next()
 *          input_rows() or input_bytes() until RUN_END   reads it
 *          run_part_done(), run_checkpoint(), …          the handler's; then portion_close()
 *
 * A file that changes while it is read fails the job: ERR_CONFLICT names it.
 *
 * The checkpoint of INPUT_LANE is the input's own (what an attempt has found out once, and a
 * later one must find the same): a handler has fewer lanes, and passes over that blob.  So
 * are completions whose tag has INPUT_TAG: hand them to input_completion().
 *
 * Threads    the plan is constant.  An input: feed from one lane at a time; next from any
 *            lane of the run; a portion belongs to the lane that claimed it.
 * Ownership  said at each function.
 * Errors     RUN_ERROR or -1, and *err.
 * Units      offsets in bytes, decompressed.
 */
#ifndef HANDLERS_INPUT_INPUT_H
#define HANDLERS_INPUT_INPUT_H

#include "base/limits.h"
#include "handlers/handler.h"
#include "handlers/input/reader.h"
#include "handlers/run.h"

enum { INPUT_LANE = LANES_MAX - 1 };
#define INPUT_TAG (UINT64_C(1) << 63)

struct input;
struct input_plan;
struct portion;

/* The members of `input`, for the table of a spec: PARAM_OBJECT with these members. */
extern const struct param input_params[];

/* Compiles an input object that passed its table.  NULL: mistakes were added, or no memory. */
struct input_plan *input_plan_new(const struct json *input, const char *pointer,
				  struct planner *planner);
void input_plan_free(struct input_plan *plan);

/* In the handler's open.  chunk_bytes 0: INPUT_CHUNK_BYTES. */
int input_open(struct run *run, const struct input_plan *plan, const struct fields *fields,
	       int64_t chunk_bytes, struct input **ret_input, struct err *err);
void input_free(struct input *input); /* in close */

/* Finds more portions, about 5 ms of work.  RUN_OK: call again; RUN_FULL, RUN_LATER: the lane is
 * woken; RUN_END: all were found; RUN_ERROR. */
enum run_answer input_feed(struct input *input, unsigned lane, struct err *err);

/* RUN_OK and a portion, RUN_LATER, RUN_END (every portion is finished) or RUN_ERROR. */
enum run_answer input_next(struct input *input, unsigned lane, struct portion **ret_portion,
			   struct err *err);
struct part *portion_part(const struct portion *portion);
/* Of a range: the numbers that input_rows() would give, for kernels that count for themselves
 * and end the portion then.  False: it is none. */
struct input_range {
	int64_t first, step, count;
};
bool portion_range(const struct portion *portion, struct input_range *ret_range);
/* A handler that went on inside a part (part->resume) says from where: a portion_mark(). */
int portion_seek(struct portion *portion, int64_t mark, struct err *err);

/* RUN_OK and rows, borrowed until the next call for this lane; RUN_LATER; RUN_END; RUN_ERROR. */
enum run_answer input_rows(struct portion *portion, struct rows *ret_rows, struct err *err);
/* What its bytes mean; known once rows or bytes were given. */
const struct format *portion_format(const struct portion *portion);
/* The same as bytes: whole records, line ends and all, decompressed, without the header. */
enum run_answer input_bytes(struct portion *portion, const char **ret_bytes, size_t *ret_len,
			    struct err *err);
/* Row i of what input_rows() gave, as JSON text (reader_row_json). */
int input_row_json(struct portion *portion, const struct rows *rows, size_t i, struct buf *into);

/* Where to go on after all that was given so far. */
int64_t portion_mark(const struct portion *portion);
void portion_close(struct portion *portion); /* the part stays the handler's to finish */

/* For item errors and progress: what the rows of a portion are from. */
struct portion_place {
	const char *name; /* the file, the url, the job's id; NULL: the spec itself */
	int64_t line;	  /* from 1; counts line ends from the beginning of the input: not for
			     each row, only for mistakes that are shown; -1: not known */
	int64_t offset;	  /* in that file */
};
void portion_place(struct portion *portion, int64_t row_offset, struct portion_place *ret_place);

/* Takes what run_completion() gave; false: it is the handler's own. */
bool input_completion(struct input *input, const struct completion *completion);

/* For progress: bytes (of a range its numbers) of all that is known so far, and whether that is
 * all; and those that this attempt has read. */
int64_t input_bytes_known(const struct input *input, bool *ret_all);
int64_t input_bytes_read(const struct input *input);

#endif
