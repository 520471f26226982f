/* SPDX-License-Identifier: MIT */
/* reading.h - what a script reads of its record, and which names it gives to members. */
#ifndef HANDLERS_SCRIPT_READING_H
#define HANDLERS_SCRIPT_READING_H

#include <stddef.h>

struct script;

/* Fills whole, fields and keys from a source that Lua accepts.  -1: no memory. */
int reading_find(struct script *script, const char *source, size_t len);

#endif
