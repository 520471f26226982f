/* SPDX-License-Identifier: MIT */
/* visit.c - a URL and its place, packed beside the key. */
#include "handlers/scrape/visit.h"

#include "base/arena.h"
#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

static void shared_pack(const char *key, const char *text, struct buf *into)
{
	size_t shared = 0;

	while (key[shared] && key[shared] == text[shared])
		shared++;
	buf_add_byte(into, ' ');
	buf_add_int(into, (int64_t)shared);
	buf_add_byte(into, ':');
	buf_add_text(into, text + shared);
}

void visit_pack(const struct visit *visit, const char *key, struct buf *into)
{
	if (!visit->from && visit->trusted) {
		buf_add_text(into, visit->url);
		return;
	}
	buf_printf(into, "%u %u %d", visit->depth, visit->hops, visit->trusted);
	shared_pack(key, visit->url, into);
	if (visit->from)
		shared_pack(key, visit->from, into);
	else
		buf_add_text(into, " -");
}

/* ---- back again ---- */

struct unpacking {
	const char *key, *at, *end;
	size_t key_len;
	struct arena *arena;
	bool wrong;
};

static unsigned long number_take(struct unpacking *un, char stop)
{
	unsigned long value = 0;

	un->wrong |= un->at == un->end;
	for (; un->at < un->end && *un->at >= '0' && *un->at <= '9'; un->at++) {
		value = value * 10 + (unsigned long)(*un->at - '0');
		un->wrong |= value > 1000 * 1000;
	}
	if (un->at < un->end && *un->at == stop)
		un->at++;
	else
		un->wrong = true;
	return value;
}

/* A text up to the next blank or the end; NULL: no memory, or wrong. */
static const char *text_take(struct unpacking *un)
{
	size_t shared = number_take(un, ':'), rest;
	const char *stop;
	char *text;

	if (un->wrong || shared > un->key_len) {
		un->wrong = true;
		return NULL;
	}
	stop = memchr(un->at, ' ', (size_t)(un->end - un->at));
	rest = (size_t)((stop ? stop : un->end) - un->at);
	text = arena_alloc(un->arena, shared + rest + 1);
	if (!text)
		return NULL;
	memcpy(text, un->key, shared);
	memcpy(text + shared, un->at, rest);
	un->at = stop ? stop + 1 : un->end;
	return text;
}

int visit_unpack(const char *key, size_t key_len, const char *input, size_t input_len,
		 struct arena *arena, struct visit *ret, struct err *err)
{
	struct unpacking un = {
		.key = key,
		.key_len = key_len,
		.at = input,
		.end = input + input_len,
		.arena = arena,
	};

	*ret = (struct visit){.trusted = true};
	if (input_len == 0 || *input < '0' || *input > '9') {
		ret->url = arena_copy(arena, input, input_len);
		return ret->url ? 0 : err_set(err, ERR_NO_MEMORY, "no memory for a URL");
	}
	ret->depth = (unsigned)number_take(&un, ' ');
	ret->hops = (unsigned)number_take(&un, ' ');
	ret->trusted = number_take(&un, ' ') == 1;
	ret->url = text_take(&un);
	if (un.end - un.at != 1 || *un.at != '-')
		ret->from = text_take(&un);
	if (un.wrong)
		return err_set(err, ERR_INTERNAL, "a part of the crawl has no URL");
	return ret->url && !arena_failed(arena)
		       ? 0
		       : err_set(err, ERR_NO_MEMORY, "no memory for a URL");
}
