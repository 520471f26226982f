/* SPDX-License-Identifier: MIT */
/* quantile.c - values, sorted when they are asked for, or counted in buckets.
 *
 * A bucket is the leading bits of double_order(): sign, exponent and BUCKET_BITS of the
 * mantissa, so buckets grow as values do.  Those of one exponent are a page, which exists once
 * a value is in it.
 */
#include "handlers/aggregate/quantile.h"

#include "base/compiler.h"
#include "handlers/aggregate/order.h"

#include <math.h>
#include <stdlib.h>

enum {
	BUCKET_BITS = 7,
	PAGE_BUCKETS = 1 << BUCKET_BITS,
	PAGES_MAX = 1 << 12, /* sign and exponent */
	FIRST_VALUES = 4,
	SORT_MAX = 512,	 /* so few values are sorted */
	STEPS_MAX = 128, /* halving takes 64 */
	SAMPLE = 128,
	SAMPLE_MARGIN = 8,
};

struct page {
	uint64_t counts[PAGE_BUCKETS];
};

struct sketch {
	double least, most; /* exact: p0 and p100 are, and no answer lies beyond */
	unsigned first, count;
	struct page **pages; /* [count], those from exponent `first` on */
	size_t pages_made;
};

/* ---- the sketch ---- */

static unsigned bucket_of(double value)
{
	return (unsigned)(double_order(value) >> (52 - BUCKET_BITS));
}

static void sketch_free(struct sketch *sketch)
{
	if (!sketch)
		return;
	for (unsigned i = 0; i < sketch->count; i++)
		free(sketch->pages[i]);
	free(sketch->pages);
	free(sketch);
}

static struct sketch *sketch_new(void)
{
	struct sketch *sketch = calloc(1, sizeof(*sketch));

	if (sketch) {
		sketch->least = INFINITY;
		sketch->most = -INFINITY;
	}
	return sketch;
}

/* Widens the range of pages so that it has this one. */
static int sketch_reach(struct sketch *sketch, unsigned page)
{
	unsigned first = sketch->count ? MIN(sketch->first, page) : page;
	unsigned end = sketch->count ? MAX(sketch->first + sketch->count, page + 1) : page + 1;
	struct page **pages = calloc(end - first, sizeof(struct page *));

	if (!pages)
		return -1;
	if (sketch->count)
		memcpy(pages + (sketch->first - first), sketch->pages,
		       sketch->count * sizeof(struct page *));
	free(sketch->pages);
	sketch->pages = pages;
	sketch->first = first;
	sketch->count = end - first;
	return 0;
}

static uint64_t *sketch_bucket(struct sketch *sketch, unsigned bucket)
{
	unsigned page = bucket >> BUCKET_BITS;
	struct page **at;

	if (page - sketch->first >= sketch->count && sketch_reach(sketch, page))
		return NULL;
	at = &sketch->pages[page - sketch->first];
	if (!*at) {
		*at = calloc(1, sizeof(struct page));
		if (!*at)
			return NULL;
		sketch->pages_made++;
	}
	return &(*at)->counts[bucket & (PAGE_BUCKETS - 1)];
}

static int sketch_add(struct sketch *sketch, double value)
{
	uint64_t *count = sketch_bucket(sketch, bucket_of(value));

	if (!count)
		return -1;
	++*count;
	if (value < sketch->least)
		sketch->least = value;
	if (value > sketch->most)
		sketch->most = value;
	return 0;
}

/* What stands for a bucket: 2ab / (a + b) for its bounds, so that the relative error is the
 * same at both. */
static double bucket_value(const struct sketch *sketch, unsigned bucket)
{
	uint64_t order = (uint64_t)bucket << (52 - BUCKET_BITS);
	double low = order_double(order);
	double high = order_double(order | ((UINT64_C(1) << (52 - BUCKET_BITS)) - 1));
	double value = bucket == bucket_of(0.0) ? 0.0 : high * (2 / (1 + high / low));

	return fmin(fmax(value, sketch->least), sketch->most);
}

/* The value at a rank, from 0. */
static double sketch_rank(const struct sketch *sketch, uint64_t rank)
{
	for (unsigned i = 0; i < sketch->count; i++) {
		const struct page *page = sketch->pages[i];

		for (unsigned j = 0; page && j < PAGE_BUCKETS; j++) {
			if (rank < page->counts[j])
				return bucket_value(sketch, (sketch->first + i) << BUCKET_BITS | j);
			rank -= page->counts[j];
		}
	}
	return sketch->most;
}

/* ---- adding ---- */

/* From values to a sketch of them. */
static int quantile_switch(struct quantile *quantile)
{
	struct sketch *sketch = sketch_new();

	if (!sketch)
		return -1;
	for (uint64_t i = 0; i < quantile->count; i++)
		if (sketch_add(sketch, quantile->values[i])) {
			sketch_free(sketch);
			return -1;
		}
	free(quantile->values);
	quantile->sketch = sketch;
	quantile->capacity = UINT64_MAX;
	return 0;
}

/* Room for `count` values in all, or a sketch. */
static int quantile_reserve(struct quantile *quantile, uint64_t count, uint64_t exact_max)
{
	uint64_t capacity = MAX(quantile->capacity, FIRST_VALUES);
	double *values;

	if (!quantile_is_exact(quantile) || count <= quantile->capacity)
		return 0;
	if (count > exact_max)
		return quantile_switch(quantile);
	while (capacity < count)
		capacity += capacity < 64 ? capacity : capacity / 2;
	capacity = MIN(capacity, exact_max);
	values = realloc(quantile->values, capacity * sizeof(*values));
	if (!values)
		return -1;
	quantile->values = values;
	quantile->capacity = capacity;
	return 0;
}

int quantile_grow(struct quantile *quantile, uint64_t exact_max)
{
	return quantile_reserve(quantile, quantile->count + 1, exact_max);
}

int quantile_sketch_add(struct quantile *quantile, double value)
{
	if (sketch_add(quantile->sketch, value))
		return -1;
	quantile->count++;
	return 0;
}

void quantile_done(struct quantile *quantile)
{
	if (quantile_is_exact(quantile))
		free(quantile->values);
	else
		sketch_free(quantile->sketch);
}

size_t quantile_extra_bytes(const struct quantile *quantile)
{
	if (quantile_is_exact(quantile))
		return quantile->capacity * sizeof(double);
	return sizeof(struct sketch) + quantile->sketch->count * sizeof(struct page *) +
	       quantile->sketch->pages_made * sizeof(struct page);
}

/* ---- merging ---- */

static int sketch_merge(struct quantile *quantile, const struct sketch *from)
{
	struct sketch *into = quantile->sketch;

	for (unsigned i = 0; i < from->count; i++)
		for (unsigned j = 0; from->pages[i] && j < PAGE_BUCKETS; j++) {
			uint64_t more = from->pages[i]->counts[j], *count;

			if (more == 0)
				continue;
			count = sketch_bucket(into, (from->first + i) << BUCKET_BITS | j);
			if (!count)
				return -1;
			*count += more;
			quantile->count += more;
		}
	into->least = fmin(into->least, from->least);
	into->most = fmax(into->most, from->most);
	return 0;
}

static int values_merge(struct quantile *quantile, const double *values, uint64_t count)
{
	if (quantile_is_exact(quantile)) {
		memcpy(quantile->values + quantile->count, values, count * sizeof(*values));
		quantile->count += count;
		return 0;
	}
	for (uint64_t i = 0; i < count; i++)
		if (quantile_sketch_add(quantile, values[i]))
			return -1;
	return 0;
}

int quantile_merge(struct quantile *quantile, struct quantile *from, uint64_t exact_max)
{
	if (quantile->count == 0) {
		struct quantile empty = *quantile;

		*quantile = *from;
		*from = empty;
		return 0;
	}
	if (from->count == 0)
		return 0;
	if (quantile_reserve(quantile, quantile->count + from->count, exact_max) ||
	    (!quantile_is_exact(from) && quantile_is_exact(quantile) && quantile_switch(quantile)))
		return -1;
	if (quantile_is_exact(from) ? values_merge(quantile, from->values, from->count)
				    : sketch_merge(quantile, from->sketch))
		return -1;
	quantile_done(from);
	*from = (struct quantile){0};
	return 0;
}

/* ---- saved: 0, count, values; or 1, least, most, and buckets as steps and counts up to 0 0 ----
 */

static void double_save(double value, struct buf *into)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	bytes_add_u64(into, bits);
}

/* A saved double. */
static double double_at(const uint8_t *at)
{
	uint64_t bits;
	double value;

	memcpy(&bits, at, sizeof(bits));
	bits = le64toh(bits);
	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* A finite one. */
static double double_read(struct bytes *bytes)
{
	const uint8_t *at = bytes_take(bytes, sizeof(double));
	double value = at ? double_at(at) : 0;

	if (isfinite(value))
		return value;
	bytes->damaged = true;
	return 0;
}

static void sketch_save(const struct sketch *sketch, struct buf *into)
{
	unsigned before = 0;

	double_save(sketch->least, into);
	double_save(sketch->most, into);
	for (unsigned i = 0; i < sketch->count; i++)
		for (unsigned j = 0; sketch->pages[i] && j < PAGE_BUCKETS; j++) {
			unsigned bucket = (sketch->first + i) << BUCKET_BITS | j;

			if (sketch->pages[i]->counts[j] == 0)
				continue;
			bytes_add_uint(into, bucket - before);
			bytes_add_uint(into, sketch->pages[i]->counts[j]);
			before = bucket;
		}
	bytes_add_uint(into, 0);
	bytes_add_uint(into, 0);
}

void quantile_save(const struct quantile *quantile, struct buf *into)
{
	uint64_t bits;
	char *at;

	bytes_add_uint(into, !quantile_is_exact(quantile));
	if (!quantile_is_exact(quantile)) {
		sketch_save(quantile->sketch, into);
		return;
	}
	bytes_add_uint(into, quantile->count);
	at = buf_room(into, quantile->count * sizeof(bits));
	for (uint64_t i = 0; at && i < quantile->count; i++) {
		memcpy(&bits, &quantile->values[i], sizeof(bits));
		bits = htole64(bits);
		memcpy(at + i * sizeof(bits), &bits, sizeof(bits));
	}
	if (at)
		buf_grown(into, quantile->count * sizeof(bits));
}

static int sketch_absorb(struct quantile *quantile, struct bytes *bytes)
{
	struct sketch *sketch;
	double least = double_read(bytes), most = double_read(bytes);
	uint64_t bucket = 0;

	if (bytes->damaged || (quantile_is_exact(quantile) && quantile_switch(quantile)))
		return bytes->damaged ? 0 : -1;
	sketch = quantile->sketch;
	sketch->least = fmin(sketch->least, least);
	sketch->most = fmax(sketch->most, most);
	for (;;) {
		uint64_t step = bytes_uint(bytes), more = bytes_uint(bytes), *count;

		if (bytes->damaged || more == 0)
			return 0;
		bucket += step;
		if (step >= PAGES_MAX * PAGE_BUCKETS || bucket >= PAGES_MAX * PAGE_BUCKETS ||
		    more >= UINT64_MAX / 2 - quantile->count) {
			bytes->damaged = true;
			return 0;
		}
		count = sketch_bucket(sketch, (unsigned)bucket);
		if (!count)
			return -1;
		*count += more;
		quantile->count += more;
	}
}

static bool all_finite(const uint8_t *at, uint64_t count)
{
	bool finite = true;

	for (uint64_t i = 0; i < count; i++)
		finite &= isfinite(double_at(at + i * sizeof(double))) != 0;
	return finite;
}

int quantile_absorb(struct quantile *quantile, struct bytes *bytes, uint64_t exact_max)
{
	uint64_t sketched = bytes_uint(bytes), count;
	const uint8_t *at;

	if (sketched == 1)
		return sketch_absorb(quantile, bytes);
	count = bytes_uint(bytes);
	if (sketched > 1 || count > bytes_left(bytes) / sizeof(double)) {
		bytes->damaged = true;
		return 0;
	}
	at = bytes_take(bytes, count * sizeof(double));
	if (!at || !all_finite(at, count)) {
		bytes->damaged = true;
		return 0;
	}
	if (quantile_reserve(quantile, quantile->count + count, exact_max))
		return -1;
	for (uint64_t i = 0; i < count; i++) {
		double value = double_at(at + i * sizeof(value));

		if (quantile_is_exact(quantile))
			quantile->values[quantile->count++] = value;
		else if (quantile_sketch_add(quantile, value))
			return -1;
	}
	return 0;
}

/* ---- answering ---- */

static int double_compare(const void *a, const void *b)
{
	double x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

/* A value of some, at which they are to be split so that the one of that rank is likely to be
 * among the fewer: a little on the far side of where a sample of them has it. */
static double values_pivot(const double *values, uint64_t count, uint64_t rank)
{
	double sample[SAMPLE];
	uint64_t near = rank / (count / SAMPLE);

	for (unsigned i = 0; i < SAMPLE; i++)
		sample[i] = values[count / SAMPLE * i + i % 3];
	qsort(sample, SAMPLE, sizeof(*sample), double_compare);
	near = rank < count / 2 ? near + SAMPLE_MARGIN : near - MIN(near, SAMPLE_MARGIN);
	return sample[MIN(near, SAMPLE - 1)];
}

/* Those below the pivot first, or those up to it; their number.  No branch looks at a value. */
static uint64_t values_split(double *values, uint64_t count, double pivot, bool up_to)
{
	uint64_t low = 0;

	for (uint64_t i = 0; i < count; i++) {
		double value = values[i];

		values[i] = values[low];
		values[low] = value;
		low += (value < pivot) | (up_to & (value == pivot));
	}
	return low;
}

/* The value of that rank (from 0) at its place, smaller ones before it, larger ones behind:
 * C. A. R. Hoare's "Find", 1961, with a pivot from a sample (R. W. Floyd, R. L. Rivest, "Expected
 * Time Bounds for Selection", 1975).  Few steps for any order but a hostile one: then all is
 * sorted. */
static void values_select(double *values, uint64_t count, uint64_t rank)
{
	for (unsigned steps = 0; count > SORT_MAX && steps < STEPS_MAX; steps++) {
		double pivot = values_pivot(values, count, rank);
		uint64_t low = values_split(values, count, pivot, false);

		if (rank < low) {
			count = low;
			continue;
		}
		values += low, count -= low, rank -= low;
		if (low > 0)
			continue;
		low = values_split(values, count, pivot, true);
		if (rank < low)
			return; /* they are all the same */
		values += low, count -= low, rank -= low;
	}
	qsort(values, count, sizeof(*values), double_compare);
}

double quantile_at(struct quantile *quantile, double q)
{
	double place = (double)(quantile->count - 1) * q, share = place - floor(place);
	uint64_t rank = MIN((uint64_t)place, quantile->count - 1);
	uint64_t next = MIN(rank + 1, quantile->count - 1);
	double low, high;

	if (quantile_is_exact(quantile)) {
		double *values = quantile->values;

		values_select(values, quantile->count, rank);
		low = high = values[rank];
		if (next > rank) {
			values_select(values + next, quantile->count - next, 0);
			high = values[next];
		}
	} else if (rank == 0 && share == 0) {
		low = high = quantile->sketch->least;
	} else if (rank == quantile->count - 1) {
		low = high = quantile->sketch->most;
	} else {
		low = sketch_rank(quantile->sketch, rank);
		high = sketch_rank(quantile->sketch, next);
	}
	if (low == high || share == 0)
		return low;
	return isfinite(high - low) ? low + (high - low) * share : low * (1 - share) + high * share;
}
