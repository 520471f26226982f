/* SPDX-License-Identifier: MIT */
/* kernels.c - every kernel: one declaration and one line, sorted by name; one that is asked for by
 * a member of its own (lua) is not among the names.
 *
 * Of two of one name the first that can read the input is taken.
 */
#include "handlers/mapreduce/kernel.h"

#include <string.h>

extern const struct kernel kernel_count, kernel_range_count;
extern const struct kernel kernel_correlate;
extern const struct kernel kernel_distinct;
extern const struct kernel kernel_grep;
extern const struct kernel kernel_group_by;
extern const struct kernel kernel_histogram;
extern const struct kernel kernel_lua;
extern const struct kernel kernel_matrix;
extern const struct kernel kernel_primes;
extern const struct kernel kernel_squares, kernel_range_squares;
extern const struct kernel kernel_stats;
extern const struct kernel kernel_sum, kernel_range_sum;
extern const struct kernel kernel_top;
extern const struct kernel kernel_words;

static const struct kernel *const kernels[] = {
	&kernel_correlate, &kernel_range_count,	  &kernel_count,
	&kernel_primes,	   &kernel_distinct,	  &kernel_grep,
	&kernel_group_by,  &kernel_histogram,	  &kernel_lua,
	&kernel_matrix,	   &kernel_stats,	  &kernel_range_sum,
	&kernel_sum,	   &kernel_range_squares, &kernel_squares,
	&kernel_top,	   &kernel_words,	  NULL,
};

const char *const kernel_names[] = {
	"correlate",	  "count",     "count_primes",	  "distinct", "grep",
	"group_by",	  "histogram", "matrix_multiply", "stats",    "sum",
	"sum_of_squares", "top",       "word_count",	  NULL,
};

const struct kernel *kernel_find(const char *name, unsigned food)
{
	for (size_t i = 0; kernels[i]; i++)
		if (strcmp(kernels[i]->name, name) == 0 && kernels[i]->food & food)
			return kernels[i];
	return NULL;
}
