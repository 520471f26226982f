/* SPDX-License-Identifier: MIT */
/* primes.h - how many primes there are between two numbers: the sieve of Eratosthenes in
 * segments, on the 8 residues of 30 that are prime to it.
 *
 * Threads    a sieve is one lane's.
 */
#ifndef HANDLERS_MAPREDUCE_PRIMES_H
#define HANDLERS_MAPREDUCE_PRIMES_H

#include "base/err.h"

#include <stdint.h>

struct sieve;

/* For numbers up to `to`, at most 2^53: its primes up to the root take 4 bytes each. */
struct sieve *sieve_new(int64_t to, struct err *err);
void sieve_free(struct sieve *sieve); /* NULL is fine */

/* Those in from … to, both included; any bounds up to the sieve's. */
uint64_t sieve_count(struct sieve *sieve, int64_t from, int64_t to);

#endif
