/* SPDX-License-Identifier: MIT */
/* group_holds.c - a short list: few hosts are dead at once. */
#include "service/engine/group_holds.h"

/* Those that are over leave. */
static void holds_clean(struct group_holds *holds, int64_t now_ms)
{
	size_t kept = 0;

	for (size_t i = 0; i < holds->count; i++)
		if (holds->at[i].until_ms > now_ms)
			holds->at[kept++] = holds->at[i];
	holds->count = kept;
}

bool group_hold(struct group_holds *holds, uint64_t group, int64_t until_ms, int64_t now_ms)
{
	for (size_t i = 0; i < holds->count; i++) {
		if (holds->at[i].group != group)
			continue;
		if (until_ms > now_ms)
			holds->at[i].until_ms = until_ms;
		else
			holds->at[i] = holds->at[--holds->count];
		return true;
	}
	if (until_ms <= now_ms)
		return true;
	holds_clean(holds, now_ms);
	if (holds->count == GROUP_HOLDS_MAX)
		return false;
	holds->at[holds->count++] = (struct group_hold){group, until_ms};
	return true;
}

int64_t group_held_until(const struct group_holds *holds, uint64_t group, int64_t now_ms)
{
	for (size_t i = 0; i < holds->count; i++)
		if (holds->at[i].group == group && holds->at[i].until_ms > now_ms)
			return holds->at[i].until_ms;
	return 0;
}
