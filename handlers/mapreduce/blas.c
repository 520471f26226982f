/* SPDX-License-Identifier: MIT */
/* blas.c - cblas_dgemm of a library that is not linked, or a loop. */
#include "handlers/mapreduce/blas.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

/* Of the C interface to BLAS: enum CBLAS_ORDER, enum CBLAS_TRANSPOSE. */
enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111 };

typedef void dgemm_fn(int order, int left_transpose, int right_transpose, int rows, int columns,
		      int inner, double alpha, const double *left, int left_stride,
		      const double *right, int right_stride, double beta, double *result,
		      int result_stride);
typedef void set_threads_fn(int threads);

static pthread_once_t once = PTHREAD_ONCE_INIT;
static dgemm_fn *dgemm; /* written once, before anybody reads it; NULL: not installed */

static void library_load(void)
{
	void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
	set_threads_fn *set_threads;

	if (!library)
		return;
	/* POSIX lets a pointer from dlsym() be one to a function; C does not say so. */
	*(void **)&set_threads = dlsym(library, "openblas_set_num_threads");
	*(void **)&dgemm = dlsym(library, "cblas_dgemm");
	if (set_threads)
		set_threads(1);
}

const char *blas_name(void)
{
	pthread_once(&once, library_load);
	return dgemm ? "openblas" : "plain";
}

static void plain_multiply(const struct matrix_product *product)
{
	size_t columns = product->columns;

	memset(product->result, 0, product->rows * columns * sizeof(double));
	for (size_t i = 0; i < product->rows; i++)
		for (size_t k = 0; k < product->inner; k++) {
			double factor = product->left[i * product->inner + k];
			const double *right = product->right + k * columns;
			double *result = product->result + i * columns;

			for (size_t j = 0; j < columns; j++)
				result[j] += factor * right[j];
		}
}

void matrix_multiply(const struct matrix_product *product)
{
	pthread_once(&once, library_load);
	if (!dgemm) {
		plain_multiply(product);
		return;
	}
	dgemm(ROW_MAJOR, NO_TRANSPOSE, NO_TRANSPOSE, (int)product->rows, (int)product->columns,
	      (int)product->inner, 1, product->left, (int)product->inner, product->right,
	      (int)product->columns, 0, product->result, (int)product->columns);
}
