/* SPDX-License-Identifier: MIT */
/* json_names.h - the names of the objects that are open during a check.
 *
 * A stack of names, and over it one hash table of (depth, name): closing an
 * object takes its names off again, so memory is bounded by what is open, and an
 * object of 100,000 members costs no more for each than one of ten.  The hash is
 * keyed with a secret of the process: nobody outside can make names collide.
 *
 * Threads    one at a time; the secret is made once.
 * Ownership  names are borrowed from the text or, when they have escapes, copied
 *            decoded; names_done() frees.
 */
#ifndef BASE_JSON_NAMES_H
#define BASE_JSON_NAMES_H

#include "base/arena.h"

#include <stdint.h>

enum { NAMES_FEW = 48, SLOTS_FEW = 128 };

struct name {
	const char *text;
	uint32_t len;
	uint32_t depth;
	uint64_t hash;
};

struct names {
	struct name *stack;
	uint32_t count, stack_max;
	uint32_t *slots; /* place in the stack + 1; 0: free.  A power of two of them */
	uint32_t slot_mask;
	struct arena decoded;
	struct name few_names[NAMES_FEW]; /* an ordinary spec needs no malloc */
	uint32_t few_slots[SLOTS_FEW];
};

enum name_outcome { NAME_NEW, NAME_KNOWN, NAME_NO_MEMORY };

void names_init(struct names *names, size_t text_len);
void names_done(struct names *names);

/* Adds a name of the object at `depth`; `raw` is as it stands between the quotes,
 * well-formed. */
enum name_outcome names_add(struct names *names, uint32_t depth, const char *raw, size_t raw_len,
			    bool escaped);
/* Takes off all above the first `count`. */
void names_drop(struct names *names, uint32_t count);

/* Decodes the inside of a well-formed string; `into` has room for len bytes.  A lone
 * surrogate becomes U+FFFD.  The bytes written. */
size_t name_decode(const char *raw, size_t len, char *into);

#endif
