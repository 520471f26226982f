/* SPDX-License-Identifier: MIT */
/* event_text.c - an event as the contract writes it; state events keep no text, it is
 * made here. */
#include "base/units.h"
#include "service/engine/events.h"

#include <inttypes.h>

const char *event_type_name(enum event_type type)
{
	static const char *const names[] = {
		[EVENT_STATE] = "state", [EVENT_PROGRESS] = "progress", [EVENT_LOG] = "log",
		[EVENT_ITEM] = "item",	 [EVENT_END] = "end",		[EVENT_HOST] = "host",
	};

	return names[type];
}

void event_format(const struct event *event, struct buf *into)
{
	char id[ID_TEXT_LEN + 1], at[INSTANT_TEXT_LEN + 1];

	instant_format(event->at_ms, at);
	buf_printf(into, "{\"seq\":%" PRIu64 ",\"job\":", event->seq);
	if (event->type == EVENT_HOST) {
		buf_add_text(into, "null");
	} else {
		id_format(&event->job, id);
		buf_printf(into, "\"%s\"", id);
	}
	buf_printf(into, ",\"at\":\"%s\",\"type\":\"%s\",\"data\":", at,
		   event_type_name(event->type));
	if (event->type == EVENT_STATE)
		buf_printf(into, "{\"state\":\"%s\",\"attempt\":%u}", state_name(event->state),
			   (unsigned)event->attempt);
	else if (event->type == EVENT_END)
		buf_printf(into, "{\"state\":\"%s\"}", state_name(event->state));
	else
		buf_add_text(into, event->data ? event->data : "{}");
	buf_add_byte(into, '}');
}
