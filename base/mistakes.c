/* SPDX-License-Identifier: MIT */
/* mistakes.c - the list, its pointers, and the nearest name. */
#include "base/mistakes.h"

#include "base/limits.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { NAME_COMPARED_MAX = 64 }; /* bytes; longer names are no slips of the finger */

void mistakes_init(struct mistakes *mistakes)
{
	*mistakes = (struct mistakes){.arena = ARENA(SPEC_MISTAKES_BYTES_MAX)};
	mistakes->last = &mistakes->first;
}

void mistakes_done(struct mistakes *mistakes)
{
	arena_done(&mistakes->arena);
	mistakes_init(mistakes);
}

/* A formatted text of at most ERR_DETAIL_MAX bytes; "" when there is no memory. */
static const char *PRINTF(2, 0)
	text_format(struct mistakes *mistakes, const char *fmt, va_list args)
{
	char text[ERR_DETAIL_MAX] = "";
	const char *copy;

	vsnprintf(text, sizeof(text), fmt, args);
	copy = arena_text(&mistakes->arena, text);
	return copy ? copy : "";
}

/* Appends an empty mistake, or empties the spare one. */
static struct mistake *list_append(struct mistakes *mistakes)
{
	struct mistake *mistake = NULL;

	if (mistakes->count++ < SPEC_MISTAKES_MAX)
		mistake = arena_alloc(&mistakes->arena, sizeof(*mistake));
	if (!mistake) {
		mistakes->spare = (struct mistake){.pointer = "", .detail = ""};
		return &mistakes->spare;
	}
	*mistakes->last = mistake;
	mistakes->last = &mistake->next;
	return mistake;
}

static struct mistake *PRINTF(5, 0)
	add(struct mistakes *mistakes, enum err_code code, const char *pointer, const char *type,
	    const char *fmt, va_list args)
{
	struct mistake *mistake;
	const char *copy;

	if (mistakes->count == 0)
		mistakes->code = code;
	else if (mistakes->code != code)
		mistakes->code = ERR_INVALID_SPEC;
	mistake = list_append(mistakes);
	mistake->type = type;
	if (mistake == &mistakes->spare)
		return mistake;
	copy = arena_copy(&mistakes->arena, pointer, strnlen(pointer, SPEC_POINTER_BYTES_MAX));
	mistake->pointer = copy ? copy : "";
	mistake->detail = text_format(mistakes, fmt, args);
	return mistake;
}

struct mistake *mistake_add(struct mistakes *mistakes, const char *pointer, const char *type,
			    const char *fmt, ...)
{
	struct mistake *mistake;
	va_list args;

	va_start(args, fmt);
	mistake = add(mistakes, ERR_INVALID_SPEC, pointer, type, fmt, args);
	va_end(args);
	return mistake;
}

struct mistake *mistake_add_code(struct mistakes *mistakes, enum err_code code, const char *pointer,
				 const char *fmt, ...)
{
	struct mistake *mistake;
	va_list args;

	va_start(args, fmt);
	mistake = add(mistakes, code, pointer, err_name(code), fmt, args);
	va_end(args);
	return mistake;
}

void mistake_hint(struct mistakes *mistakes, struct mistake *mistake, const char *fmt, ...)
{
	va_list args;

	if (mistake == &mistakes->spare)
		return;
	va_start(args, fmt);
	mistake->hint = text_format(mistakes, fmt, args);
	va_end(args);
}

/* ---- pointers ---- */

const char *mistakes_pointer(struct mistakes *mistakes, const char *pointer, const char *name)
{
	char token[SPEC_POINTER_BYTES_MAX];
	const char *joined;
	size_t len = 0;

	for (; *name; name++) {
		if (len + 3 > sizeof(token))
			return pointer;
		if (*name == '~' || *name == '/') {
			token[len++] = '~';
			token[len++] = *name == '~' ? '0' : '1';
		} else {
			token[len++] = *name;
		}
	}
	token[len] = '\0';
	if (strlen(pointer) + 1 + len > SPEC_POINTER_BYTES_MAX)
		return pointer;
	joined = arena_printf(&mistakes->arena, "%s/%s", pointer, token);
	return joined ? joined : pointer;
}

const char *mistakes_pointer_index(struct mistakes *mistakes, const char *pointer, size_t index)
{
	char name[24];

	snprintf(name, sizeof(name), "%zu", index);
	return mistakes_pointer(mistakes, pointer, name);
}

/* ---- the nearest name ---- */

static int folded(char c)
{
	return c == '-' ? '_' : tolower((unsigned char)c);
}

/* Optimal string alignment: insertions, deletions, substitutions and swaps of two
 * neighbours cost one each; three rows of the usual table. */
static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned rows[3][NAME_COMPARED_MAX + 1];

	for (size_t j = 0; j <= b_len; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			bool same = folded(a[i - 1]) == folded(b[j - 1]);
			unsigned cost = MIN(above[j], row[j - 1]) + 1;

			cost = MIN(cost, above[j - 1] + !same);
			if (i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) &&
			    folded(a[i - 2]) == folded(b[j - 1]))
				cost = MIN(cost, rows[(i + 1) % 3][j - 2] + 1);
			row[j] = cost;
		}
	}
	return rows[a_len % 3][b_len];
}

const char *nearest_name(const char *name, const char *const *candidates)
{
	size_t len = strnlen(name, NAME_COMPARED_MAX + 1);
	unsigned best = (unsigned)MIN((len + 2) / 3 + 1, len);
	const char *nearest = NULL;

	if (len > NAME_COMPARED_MAX)
		return NULL;
	for (; *candidates; candidates++) {
		size_t other_len = strnlen(*candidates, NAME_COMPARED_MAX + 1);
		unsigned d;

		if (other_len > NAME_COMPARED_MAX)
			continue;
		d = distance(name, len, *candidates, other_len);
		if (d < best) {
			best = d;
			nearest = *candidates;
		}
	}
	return nearest;
}
