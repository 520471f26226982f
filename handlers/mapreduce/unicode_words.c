/* SPDX-License-Identifier: MIT */
/* unicode_words.c - boundaries, folding and what is a letter are libunistring's. */
#include "handlers/mapreduce/unicode_words.h"

#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>
#include <uniwbrk.h>

void unicode_words_init(struct unicode_words *words, bool fold)
{
	words->fold = fold;
	buf_init(&words->text, UNICODE_WORDS_BYTES_MAX);
	buf_init(&words->breaks, UNICODE_WORDS_BYTES_MAX);
}

void unicode_words_done(struct unicode_words *words)
{
	buf_done(&words->text);
	buf_done(&words->breaks);
}

/* Valid UTF-8: a blank for each other byte. */
static int text_copy(struct unicode_words *words, const char *line, size_t len)
{
	const uint8_t *wrong;
	uint8_t *text;

	buf_clear(&words->text);
	if (buf_add(&words->text, line, len))
		return -1;
	text = (uint8_t *)words->text.data;
	while ((wrong = u8_check(text, len)) != NULL) {
		size_t good = (size_t)(wrong - text);

		text[good] = ' ';
		text += good + 1;
		len -= good + 1;
	}
	return 0;
}

static int text_fold(struct unicode_words *words)
{
	size_t len;
	uint8_t *folded = u8_casefold((const uint8_t *)words->text.data, words->text.len, NULL,
				      UNINORM_NFC, NULL, &len);
	int rc;

	if (!folded)
		return -1;
	buf_clear(&words->text);
	rc = buf_add(&words->text, folded, len);
	free(folded);
	return rc;
}

static bool is_word(const uint8_t *at, size_t len)
{
	ucs4_t point;

	for (size_t i = 0; i < len; i += (size_t)u8_mbtouc_unsafe(&point, at + i, len - i)) {
		u8_mbtouc_unsafe(&point, at + i, len - i);
		if (uc_is_property_alphabetic(point) ||
		    uc_is_general_category(point, UC_CATEGORY_N))
			return true;
	}
	return false;
}

static int segments_add(const struct unicode_words *words, const char *breaks, struct buf *into)
{
	const char *text = words->text.data;
	size_t len = words->text.len, begin = 0;

	for (size_t end = 1; end <= len; end++) {
		if (end < len && !breaks[end])
			continue;
		if (is_word((const uint8_t *)text + begin, end - begin) &&
		    (buf_add(into, text + begin, end - begin) || buf_add_byte(into, '\n')))
			return -1;
		begin = end;
	}
	return 0;
}

int unicode_words_add(struct unicode_words *words, const char *line, size_t len, struct buf *into,
		      struct err *err)
{
	char *breaks;

	if (len == 0)
		return 0;
	if (text_copy(words, line, len) || (words->fold && text_fold(words)))
		return err_set(err, ERR_NO_MEMORY, "no memory for a line of %zu bytes", len);
	buf_clear(&words->breaks);
	breaks = buf_room(&words->breaks, words->text.len);
	if (!breaks)
		return err_set(err, ERR_NO_MEMORY, "no memory for a line of %zu bytes", len);
	u8_wordbreaks((const uint8_t *)words->text.data, words->text.len, breaks);
	if (segments_add(words, breaks, into))
		return err_set(err, ERR_NO_MEMORY, "no memory for the words of %zu bytes", len);
	return 0;
}
