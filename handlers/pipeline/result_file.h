/* SPDX-License-Identifier: MIT */
/* result_file.h - {"output": {"file": "out.csv.gz", "format": "csv"}}: the results as a named file.
 *
 * Written in a phase of its own, from the results that the job shows: the same bytes whatever
 * happened before.  The file is there whole, or not at all; a crash writes it again.
 *
 * Threads    the plan is constant; a file that is written is one lane's.
 * Ownership  the plan's texts are the spec's.
 * Errors     mistakes go to the list; STEP_FAIL and *err.
 */
#ifndef HANDLERS_PIPELINE_RESULT_FILE_H
#define HANDLERS_PIPELINE_RESULT_FILE_H

#include "handlers/handler.h"
#include "handlers/input/writer.h"

struct buf;

struct result_file_plan {
	const char *file; /* NULL: none is asked for */
	struct writer_form form;
};

extern const struct param result_file_params[];
void result_file_plan(const struct json *output, struct mistakes *mistakes,
		      struct result_file_plan *ret);

struct result_file;

/* `rest`: lines that the job shows when the attempt completes, borrowed. */
int result_file_new(struct run *run, const struct result_file_plan *plan, const struct buf *rest,
		    struct result_file **ret_file, struct err *err);
void result_file_free(struct result_file *file); /* NULL is fine; what was not whole goes */
enum step result_file_step(struct result_file *file, struct err *err);

#endif
