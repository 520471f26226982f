/* SPDX-License-Identifier: MIT */
/* stages.c - asks the neighbours of a fetch in turn.  Called by attempt.c. */
#include "net/stages.h"

#include "net/attempt.h"
#include "net/cache_stage.h"
#include "net/cookies_stage.h"
#include "net/robots_stage.h"

enum admit stage_admit(struct fetch *fetch)
{
	enum admit admit = robots_admit(fetch);

	return admit == ADMIT_GO ? cache_admit(fetch) : admit;
}

void stage_let_go(struct fetch *fetch)
{
	robots_let_go(fetch);
	cache_let_go(fetch);
}

int stage_headers(struct fetch *fetch)
{
	return cookies_headers(fetch) || cache_headers(fetch) ? -1 : 0;
}

void stage_head(struct fetch *fetch, int status)
{
	(void)status;
	cookies_head(fetch);
}

void stage_answer(struct fetch *fetch)
{
	cache_answer(fetch);
}

bool stage_rescue(struct fetch *fetch)
{
	return cache_rescue(fetch);
}

void stage_end(struct fetch *fetch)
{
	cache_end(fetch);
}
