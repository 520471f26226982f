/* SPDX-License-Identifier: MIT */
/* sample_inner.h - what a sample is made of, for the files that make one. */
#ifndef HANDLERS_INPUT_SAMPLE_INNER_H
#define HANDLERS_INPUT_SAMPLE_INNER_H

#include "handlers/input/sample.h"
#include "handlers/input/source.h"

struct sample {
	struct format *said,
		*format;    /* as the body says it; never SNIFF, with names of the other */
	struct buf records; /* as lines, or of a file */
	const char *text;   /* these, or the body's */
	size_t len;
};

#endif
