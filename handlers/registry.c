/* SPDX-License-Identifier: MIT */
/* registry.c - every job type: one declaration and one line, sorted by name. */
#include "handlers/handler.h"

#include <string.h>

extern const struct handler mapreduce_handler;
extern const struct handler math_handler;
extern const struct handler pipeline_handler;
extern const struct handler scrape_handler;
extern const struct handler sleep_handler;
extern const struct handler text_handler;

const struct handler *const handlers[] = {
	&mapreduce_handler, &math_handler, &pipeline_handler, &scrape_handler, &sleep_handler,
	&text_handler,	    NULL,
};

const struct handler *handler_find(const char *name)
{
	for (size_t i = 0; handlers[i]; i++)
		if (strcmp(handlers[i]->name, name) == 0)
			return handlers[i];
	return NULL;
}
