/* SPDX-License-Identifier: MIT */
/* words.h - how often each word stands in a text: a small table in front of the groups.
 *
 * A word is what stands between white space (blank, tab, line feed, carriage return, vertical
 * tab, form feed), any other bytes.  The table takes words until it is full; whoever has it
 * takes its counts away then (words_each(), words_clear()).
 *
 * Most of the time of counting words goes into waiting for memory: so words come in batches,
 * all of a batch are hashed and their slots asked for before the first is looked at; a word of
 * up to 24 bytes stands in its slot itself; and large tables ask for huge pages.
 *
 * Threads    one lane's.
 * Ownership  words_each() lends each word for the call.
 */
#ifndef HANDLERS_MAPREDUCE_WORDS_H
#define HANDLERS_MAPREDUCE_WORDS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct words;

struct words_options {
	uint64_t seed; /* of hashes: known to no client */
	int64_t bytes_max;
	bool fold; /* A to Z count as a to z */
};

struct words *words_new(const struct words_options *options, struct err *err);
void words_free(struct words *words); /* NULL is fine */

/* Counts the words of a text (less than 4 GiB), whose last one ends with it.  How many bytes
 * were counted: fewer than `len`, the table is full. */
size_t words_add(struct words *words, const char *text, size_t len);
/* The same for one word alone.  False: the table is full. */
bool words_add_one(struct words *words, const char *word, size_t len, uint64_t count);

int64_t words_bytes_held(const struct words *words); /* of memory */
size_t words_count(const struct words *words);	     /* different ones */
int words_each(const struct words *words,
	       int (*each)(void *ctx, const char *word, size_t len, uint64_t count), void *ctx);
void words_clear(struct words *words);

#endif
