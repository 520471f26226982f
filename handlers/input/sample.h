/* SPDX-License-Identifier: MIT */
/* sample.h - records that come with a request, to try a spec on: an input without a run.
 *
 *   {"records": [ … ]}                         JSON values
 *   {"text": "a,b\n1,2\n", "format": "csv"}     what stands in a file, and how it is read
 *
 * A sample is one portion, which is read as any other is.
 *
 * Threads    a sample is constant: it may be opened several times at once.
 * Ownership  what sample_open() gives is the caller's, and borrows the sample: first
 *            portion_close(), then input_free().
 * Errors     mistakes are added; of sample_open() -1 and *err.
 */
#ifndef HANDLERS_INPUT_SAMPLE_H
#define HANDLERS_INPUT_SAMPLE_H

#include "handlers/input/input.h"

struct files;

struct sample;

/* The members of a body that say the records, to stand in its table. */
/* clang-format off */
#define SAMPLE_PARAMS \
	{.name = "records", .kind = PARAM_ARRAY, .members = sample_record, .max = SAMPLE_RECORDS_MAX, \
	 .summary = "The records themselves"}, \
	{.name = "text", .kind = PARAM_TEXT, .max = SAMPLE_BYTES_MAX, \
	 .summary = "Or what stands in a file; the members of an input say how it is read"}, \
	FORMAT_PARAMS
/* clang-format on */

extern const struct param sample_record[];

/* From a body that passed its table.  NULL: mistakes were added, or no memory. */
struct sample *sample_new(const struct json *body, const char *pointer, struct mistakes *mistakes);
/* Of the elements of an array alone.  NULL: no memory, or beyond SAMPLE_BYTES_MAX. */
struct sample *sample_of_records(const struct json *records);
/* The beginning of what a job would read; the plan outlives it.  NULL and *err: it is not here
 * (documents, other jobs, scripts), or ERR_NOT_FOUND, ERR_IO, … of a file. */
struct sample *sample_of_input(const struct input_plan *plan, const struct files *files,
			       struct err *err);

/* All of an input, to look records up in (sample_table.c): items, or one file. */
struct table_place {
	const struct files *files; /* NULL: there is no file */
	const char *pin;   /* a path: the file's version stays for later attempts; NULL: not */
	int64_t bytes_max; /* decompressed; with more it is ERR_LIMIT */
};
bool sample_takes(const struct input_plan *plan); /* is it one of these? */
struct sample *sample_of_table(const struct input_plan *plan, const struct table_place *place,
			       struct err *err);
void sample_free(struct sample *sample); /* NULL is fine */

int sample_open(const struct sample *sample, const struct fields *fields, struct input **ret_input,
		struct portion **ret_portion, struct err *err);

#endif
