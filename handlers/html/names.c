/* SPDX-License-Identifier: MIT */
/* names.c - a small open-addressing table from names to numbers, built once.
 *
 * The tokenizer asks for each tag.  The table is four times as large as its content,
 * so nearly every question is answered by one comparison.
 */
#include "handlers/html/names.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

enum { SLOTS = 1024, NAME_LEN_MAX = 15 };

struct name {
	const char *text;
	uint8_t len;
	uint16_t flags;
};

static const struct name names[HTML_TAGS] = {[HTML_TAG_OTHER] = {"", 0, 0},
#define X(id, text, flags) [HTML_TAG_##id] = {text, sizeof(text) - 1, flags},
					     HTML_TAG_TABLE(X)
#undef X
};

/* Written once under pthread_once, read-only from then on. */
static uint16_t slots[SLOTS];
static pthread_once_t slots_once = PTHREAD_ONCE_INIT;

static unsigned name_hash(const char *name, size_t len)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)name[i]) * 16777619u;
	return (hash ^ (hash >> 15)) % SLOTS;
}

static void slots_fill(void)
{
	for (unsigned tag = 1; tag < HTML_TAGS; tag++) {
		unsigned at = name_hash(names[tag].text, names[tag].len);

		while (slots[at])
			at = (at + 1) % SLOTS;
		slots[at] = (uint16_t)tag;
	}
}

enum html_tag html_tag(const char *name, size_t len)
{
	pthread_once(&slots_once, slots_fill);
	if (len == 0 || len > NAME_LEN_MAX)
		return HTML_TAG_OTHER;
	for (unsigned at = name_hash(name, len); slots[at]; at = (at + 1) % SLOTS) {
		const struct name *known = &names[slots[at]];

		if (known->len == len && memcmp(known->text, name, len) == 0)
			return (enum html_tag)slots[at];
	}
	return HTML_TAG_OTHER;
}

const char *html_tag_name(enum html_tag tag)
{
	return names[tag].text;
}

unsigned html_tag_flags(enum html_tag tag)
{
	return names[tag].flags;
}
