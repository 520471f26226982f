/* SPDX-License-Identifier: MIT */
/* stages.c - asks the neighbours of a fetch in turn.  Called by attempt.c. */
#include "net/stages.h"

#include "net/attempt.h"
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
	(void)fetch;
	return 0;
}

void stage_head(struct fetch *fetch, int status)
{
	(void)fetch;
	(void)status;
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
