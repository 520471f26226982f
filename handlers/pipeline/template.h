/* SPDX-License-Identifier: MIT */
/* template.h - texts with members of the record in them: "https://example.org/users/{id}"
 *
 * `{a.b}` is a member by its path, `{$}` the record as JSON; what is missing or null is an empty
 * text, in JSON null.  How a value is written depends on where it stands:
 *
 *	URL       percent-encoded, so that it stays in its segment or query; a URL that is nothing
 *	          but `{link}` is the value itself
 *	FORM      percent-encoded
 *	FIELD     as it is; a value with a line end fails the record
 *	JSON      inside a string escaped, as a whole string ("{n}") or outside of one as JSON
 *
 * Threads    a template is constant.
 * Ownership  a template lives in the plan's arena.
 * Errors     mistakes go to the list; -1 and *err: the record fails.
 */
#ifndef HANDLERS_PIPELINE_TEMPLATE_H
#define HANDLERS_PIPELINE_TEMPLATE_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bundle;
struct stage;
struct stage_planner;

enum template_use { TEMPLATE_URL, TEMPLATE_FORM, TEMPLATE_FIELD, TEMPLATE_JSON };

struct template_piece;

struct template
{
	struct template_piece *pieces;
	size_t count;
	bool fixed; /* it has no members: all records get the same */
};

/* *ret_renew: or-ed with whether records have to be renewed before.  False: mistakes were added. */
bool template_plan(struct stage_planner *planner, struct stage *stage, const char *text,
		   const char *pointer, enum template_use use, struct template *ret,
		   bool *ret_renew);

/* Adds the text for a row; `scratch` is cleared. */
int template_fill(const struct template *template, struct bundle *bundle, uint32_t row,
		  struct buf *scratch, struct buf *into, struct err *err);

/* The same text with another one in each place: what can be checked of it at submit. */
void template_sample(const struct template *template, const char *value, struct buf *into);

/* Does it begin with a member? */
bool template_is_open(const struct template *template);

#endif
