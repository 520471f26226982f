/* SPDX-License-Identifier: MIT */
/* kernels.c - every kernel: one declaration and one line, sorted by name.
 *
 * Two of one name read different inputs.
 */
#include "handlers/mapreduce/kernel.h"

#include <string.h>

extern const struct kernel kernel_primes;
extern const struct kernel kernel_range_count;
extern const struct kernel kernel_range_squares;
extern const struct kernel kernel_range_sum;

static const struct kernel *const kernels[] = {
	&kernel_range_count, &kernel_primes, &kernel_range_sum, &kernel_range_squares, NULL,
};

const char *const kernel_names[] = {"count", "count_primes", "sum", "sum_of_squares", NULL};

const struct kernel *kernel_find(const char *name, unsigned food)
{
	for (size_t i = 0; kernels[i]; i++)
		if (strcmp(kernels[i]->name, name) == 0 && kernels[i]->food & food)
			return kernels[i];
	return NULL;
}
