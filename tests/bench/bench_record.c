/* SPDX-License-Identifier: MIT */
/* bench_record.c - records a second of one thread and of two: scanned alone, and with a
 * filter evaluated over their fields.
 *
 *	bench_record [rounds]     120 MB of records of about 60 bytes, in memory
 *
 * ns of CPU for each record stand beside, which a loaded machine changes less.
 */
#include "base/clock.h"
#include "base/expr/expr.h"
#include "base/record/scan.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES = 120 * 1000 * 1000, RECORD_MAX = 128, THREADS_MAX = 2, FIELDS_MAX = 8 };

static const char filter[] = "value >= 0 and category == \"A\"";

static char *records;
static size_t records_len;

/* What one thread reads, and what it has found. */
struct share {
	const char *at, *end;
	const struct fields *fields;
	const struct expr *expr; /* NULL: scan alone */
	uint64_t count, kept;
	int64_t cpu_us;
};

static void die(const char *why)
{
	fprintf(stderr, "bench_record: %s\n", why);
	exit(1);
}

/* {"id":1234567,"value":-512,"category":"A","name":"item 42"} */
static void records_make(void)
{
	struct rng rng;

	rng_seed(&rng, 1);
	records = malloc(BYTES + RECORD_MAX);
	if (!records)
		die("no memory");
	for (int id = 1000000; records_len < BYTES; id++)
		records_len += (size_t)snprintf(
			records + records_len, RECORD_MAX,
			"{\"id\":%d,\"value\":%d,\"category\":\"%c\",\"name\":\"item %d\"}\n", id,
			(int)rng_between(&rng, -1000, 1000), 'A' + (int)rng_between(&rng, 0, 3),
			(int)rng_between(&rng, 0, 9999));
}

static void *share_read(void *ctx)
{
	struct share *share = ctx;
	struct expr_scratch *scratch = expr_scratch_new();
	struct scanner *scanner = scanner_new(share->fields);
	struct value values[FIELDS_MAX];
	struct scan_mistake mistake;
	struct err err;
	bool yes = false;

	if (!scratch || !scanner)
		die("no memory");
	for (const char *at = share->at, *line; at < share->end; at = line + 1) {
		line = memchr(at, '\n', (size_t)(share->end - at));
		if (scan(scanner, at, (size_t)(line - at), values, &mistake))
			die(mistake.detail);
		share->count++;
		if (!share->expr)
			continue;
		expr_scratch_clear(scratch);
		if (expr_test(share->expr, values, scratch, &yes, &err))
			die(err.detail);
		share->kept += yes;
	}
	scanner_free(scanner);
	expr_scratch_free(scratch);
	share->cpu_us = clock_thread_cpu_us();
	return NULL;
}

static void measure(const char *what, const struct fields *fields, const struct expr *expr,
		    int threads)
{
	struct share shares[THREADS_MAX];
	pthread_t ids[THREADS_MAX];
	uint64_t count = 0, kept = 0;
	const char *at = records, *end = records + records_len;
	int64_t start_us = clock_us(), us, cpu_us = 0;

	for (int i = 0; i < threads; i++) {
		const char *stop = at + (size_t)(end - at) / (size_t)(threads - i);

		stop = (const char *)memchr(stop - 1, '\n', (size_t)(end - stop) + 1) + 1;
		shares[i] = (struct share){.at = at, .end = stop, .fields = fields, .expr = expr};
		at = stop;
		if (pthread_create(&ids[i], NULL, share_read, &shares[i]))
			die("no thread");
	}
	for (int i = 0; i < threads; i++) {
		pthread_join(ids[i], NULL);
		count += shares[i].count;
		kept += shares[i].kept;
		cpu_us += shares[i].cpu_us;
	}
	us = clock_us() - start_us;
	printf("%-16s %d thread%s %8.2f M records/s %8.0f MB/s %6.0f ns of CPU   %llu of %llu "
	       "kept\n",
	       what, threads, threads == 1 ? " " : "s", (double)count / (double)us,
	       (double)records_len / (double)us, (double)cpu_us * 1e3 / (double)count,
	       (unsigned long long)kept, (unsigned long long)count);
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 3;
	struct expr_mistake mistake;
	struct fields fields;
	struct expr *expr;
	struct err err;

	fields_init(&fields);
	if (expr_compile(filter, &fields, &expr, &mistake, &err))
		die(mistake.detail);
	records_make();
	printf("%s\n", filter);
	for (int round = 0; round < rounds; round++) {
		for (int threads = 1; threads <= THREADS_MAX; threads++) {
			measure("scan", &fields, NULL, threads);
			measure("scan and filter", &fields, expr, threads);
		}
	}
	expr_free(expr);
	fields_done(&fields);
	free(records);
	return 0;
}
