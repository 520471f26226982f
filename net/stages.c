/* SPDX-License-Identifier: MIT */
/* stages.c - asks the neighbours of a fetch in turn.  Called by attempt.c. */
#include "net/stages.h"

#include "net/attempt.h"
#include "net/cookies_stage.h"
#include "net/robots_stage.h"

enum admit stage_admit(struct fetch *fetch)
{
	return robots_admit(fetch);
}

void stage_let_go(struct fetch *fetch)
{
	robots_let_go(fetch);
}

int stage_headers(struct fetch *fetch)
{
	return cookies_headers(fetch);
}

void stage_head(struct fetch *fetch, int status)
{
	(void)status;
	cookies_head(fetch);
}

void stage_answer(struct fetch *fetch)
{
	(void)fetch;
}

bool stage_rescue(struct fetch *fetch)
{
	(void)fetch;
	return false;
}
