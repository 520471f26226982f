/* SPDX-License-Identifier: MIT */
/* names.h - which global names a compiled chunk uses: read out of Lua's own precompiled form,
 * so that scopes are those of Lua.
 *
 * Threads    pure.
 * Ownership  what is told is borrowed during the call.
 */
#ifndef HANDLERS_SCRIPT_NAMES_H
#define HANDLERS_SCRIPT_NAMES_H

#include <stdbool.h>
#include <stddef.h>

struct name_use {
	const char *name; /* not ended by a NUL */
	size_t len;
	const char *member; /* of `string.trim` the latter; NULL: none follows at once */
	size_t member_len;
	int line;
	bool written;
};

/* Tells each use to told().  False: the form is not that of Lua 5.4, nothing is known. */
bool names_used(const char *chunk, size_t len, void (*told)(void *ctx, const struct name_use *use),
		void *ctx);

#endif
