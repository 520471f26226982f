/* SPDX-License-Identifier: MIT */
/* blas.h - products of matrices, by OpenBLAS where it is installed.
 *
 * The library is loaded by the first product, and calculates on the calling thread alone: lanes
 * are the parallelism.  Without it a plain loop does the same, slower.
 *
 * Threads    any.
 */
#ifndef HANDLERS_MAPREDUCE_BLAS_H
#define HANDLERS_MAPREDUCE_BLAS_H

#include <stddef.h>

/* All by rows. */
struct matrix_product {
	const double *left;  /* rows x inner */
	const double *right; /* inner x columns */
	double *result;	     /* rows x columns */
	size_t rows, inner, columns;
};

void matrix_multiply(const struct matrix_product *product);
const char *blas_name(void); /* "openblas", or "plain" */

#endif
