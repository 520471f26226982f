/* SPDX-License-Identifier: MIT */
/* unicode_words.h - the words of a text by the Unicode standard.
 *
 * A word is a segment between word boundaries (UAX #29, section 4) that has a letter or a
 * digit: "can't", "3.14" and "naïve" are one, what stands between them is none.  Folded, it is
 * in full case folding and NFC, so that "STRASSE" and "straße" are the same.
 *
 * Threads    one at a time.
 * Errors     0, or -1 and *err: ERR_NO_MEMORY.
 */
#ifndef HANDLERS_MAPREDUCE_UNICODE_WORDS_H
#define HANDLERS_MAPREDUCE_UNICODE_WORDS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

/* A line folded, or its words: each code point becomes three of two bytes at most. */
#define UNICODE_WORDS_BYTES_MAX ((size_t)RECORD_BYTES_MAX * 6)

struct unicode_words {
	bool fold;
	struct buf text, breaks; /* of the line that is under way */
};

void unicode_words_init(struct unicode_words *words, bool fold);
void unicode_words_done(struct unicode_words *words);

/* Adds the words of a line, a line feed behind each.  Bytes that are no UTF-8 stand between words.
 */
int unicode_words_add(struct unicode_words *words, const char *line, size_t len, struct buf *into,
		      struct err *err);

#endif
