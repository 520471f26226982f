/* SPDX-License-Identifier: MIT */
/* stack.c - the stack of open elements (13.2.4.2) and what is asked of it.
 *
 * A search for a tag that is not open at all ends at once (open_tags), which keeps
 * twenty thousand nested <div> linear: each asks whether a <p> is open.
 */
#include "base/clock.h"
#include "handlers/html/builder.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void build_stop(struct builder *b)
{
	b->stopped = true;
}

/* Steps differ tenfold in what they cost: now and then the clock is asked, too. */
static void clock_look(struct builder *b)
{
	enum { STEPS_PER_LOOK = 1 << 20 }; /* 1 to 13 ms */

	b->work_look = b->work + STEPS_PER_LOOK;
	if (clock_thread_cpu_us() > b->cpu_end_us)
		b->work_max = 0;
}

void build_work(struct builder *b, size_t steps)
{
	b->work += steps;
	if (b->work >= b->work_look)
		clock_look(b);
	if (b->work > b->work_max)
		b->stopped = true;
}

struct html_node *stack_top(const struct builder *b)
{
	return b->open[b->open_count - 1];
}

static void count_open(struct builder *b, const struct html_node *node, int delta)
{
	if (node->space == HTML_SPACE_HTML)
		b->open_tags[node->tag] += (unsigned)delta;
}

static bool stack_room(struct builder *b)
{
	size_t cap = b->open_cap ? b->open_cap * 2 : 64;
	struct html_node **open;

	if (b->open_count < b->open_cap)
		return true;
	open = realloc(b->open, cap * sizeof(*open));
	if (!open) {
		build_stop(b);
		return false;
	}
	b->open = open;
	b->open_cap = cap;
	return true;
}

void stack_push(struct builder *b, struct html_node *node)
{
	if (!stack_room(b))
		return;
	b->open[b->open_count++] = node;
	node->flags |= FLAG_OPEN;
	count_open(b, node, 1);
}

static void stack_drop(struct builder *b, size_t index)
{
	struct html_node *node = b->open[index];

	node->flags &= ~(unsigned)FLAG_OPEN;
	count_open(b, node, -1);
	b->open_count--;
	memmove(&b->open[index], &b->open[index + 1], (b->open_count - index) * sizeof(node));
}

void stack_pop(struct builder *b)
{
	if (b->open_count > 1)
		stack_drop(b, b->open_count - 1);
}

size_t stack_index(struct builder *b, const struct html_node *node)
{
	size_t i = b->open_count;

	if (!node || !(node->flags & FLAG_OPEN))
		return b->open_count;
	while (i-- > 0)
		if (b->open[i] == node)
			break;
	build_work(b, b->open_count - i);
	return i;
}

void stack_remove(struct builder *b, struct html_node *node)
{
	size_t index = stack_index(b, node);

	if (index < b->open_count && index > 0)
		stack_drop(b, index);
}

void stack_insert_after(struct builder *b, const struct html_node *above, struct html_node *node)
{
	size_t index = stack_index(b, above) + 1;

	if (index > b->open_count || !stack_room(b))
		return;
	build_work(b, b->open_count - index);
	memmove(&b->open[index + 1], &b->open[index], (b->open_count - index) * sizeof(node));
	b->open[index] = node;
	b->open_count++;
	node->flags |= FLAG_OPEN;
	count_open(b, node, 1);
}

void stack_replace(struct builder *b, struct html_node *old, struct html_node *node)
{
	size_t index = stack_index(b, old);

	if (index == b->open_count)
		return;
	old->flags &= ~(unsigned)FLAG_OPEN;
	count_open(b, old, -1);
	b->open[index] = node;
	node->flags |= FLAG_OPEN;
	count_open(b, node, 1);
}

void stack_pop_until(struct builder *b, enum html_tag tag)
{
	while (b->open_count > 1) {
		bool found = html_is(stack_top(b), tag);

		stack_pop(b);
		if (found)
			break;
	}
}

void stack_pop_until_node(struct builder *b, const struct html_node *node)
{
	while (b->open_count > 1 && stack_top(b) != node)
		stack_pop(b);
	stack_pop(b);
}

static bool is_heading(const struct html_node *node)
{
	return node->space == HTML_SPACE_HTML && node->tag >= HTML_TAG_H1 &&
	       node->tag <= HTML_TAG_H6;
}

void stack_pop_until_heading(struct builder *b)
{
	while (b->open_count > 1) {
		bool found = is_heading(stack_top(b));

		stack_pop(b);
		if (found)
			break;
	}
}

static bool scope_ends(const struct html_node *node, enum scope scope)
{
	enum html_tag tag = node->tag;

	if (node->space == HTML_SPACE_MATH)
		return scope != SCOPE_TABLE && ((tag >= HTML_TAG_MI && tag <= HTML_TAG_MTEXT) ||
						tag == HTML_TAG_ANNOTATION_XML);
	if (node->space == HTML_SPACE_SVG)
		return scope != SCOPE_TABLE && (tag == HTML_TAG_FOREIGNOBJECT ||
						tag == HTML_TAG_DESC || tag == HTML_TAG_TITLE);
	if (scope == SCOPE_TABLE)
		return tag == HTML_TAG_HTML || tag == HTML_TAG_TABLE || tag == HTML_TAG_TEMPLATE;
	if (scope == SCOPE_BUTTON && tag == HTML_TAG_BUTTON)
		return true;
	if (scope == SCOPE_LIST_ITEM && (tag == HTML_TAG_OL || tag == HTML_TAG_UL))
		return true;
	return html_tag_flags(tag) & TAG_SCOPE;
}

bool stack_has(struct builder *b, enum html_tag tag, enum scope scope)
{
	size_t i = b->open_count;

	if (b->open_tags[tag] == 0)
		return false;
	while (i-- > 0) {
		if (html_is(b->open[i], tag)) {
			build_work(b, b->open_count - i);
			return true;
		}
		if (scope_ends(b->open[i], scope))
			break;
	}
	build_work(b, b->open_count - i);
	return false;
}

bool stack_has_node(struct builder *b, const struct html_node *node)
{
	size_t i = b->open_count;

	if (!(node->flags & FLAG_OPEN))
		return false;
	while (i-- > 0) {
		if (b->open[i] == node || scope_ends(b->open[i], SCOPE_DEFAULT))
			break;
	}
	build_work(b, b->open_count - i);
	return i < b->open_count && b->open[i] == node;
}

bool stack_has_heading(struct builder *b)
{
	for (enum html_tag tag = HTML_TAG_H1; tag <= HTML_TAG_H6; tag++)
		if (stack_has(b, tag, SCOPE_DEFAULT))
			return true;
	return false;
}

/* Pops until the current node is one of `tags` (ended by 0), <template> or <html>. */
void stack_clear_to(struct builder *b, const enum html_tag *tags)
{
	for (; b->open_count > 1; stack_pop(b)) {
		const struct html_node *top = stack_top(b);

		if (html_is(top, HTML_TAG_TEMPLATE) || html_is(top, HTML_TAG_HTML))
			return;
		for (const enum html_tag *tag = tags; *tag; tag++)
			if (html_is(top, *tag))
				return;
	}
}

static bool has_flag(const struct html_node *node, unsigned flags)
{
	return node->space == HTML_SPACE_HTML && (html_tag_flags(node->tag) & flags);
}

void implied_end_tags(struct builder *b, enum html_tag except)
{
	while (has_flag(stack_top(b), TAG_IMPLIED) &&
	       (except == HTML_TAG_OTHER || stack_top(b)->tag != except))
		stack_pop(b);
}

void implied_end_tags_thorough(struct builder *b)
{
	while (has_flag(stack_top(b), TAG_IMPLIED | TAG_THOROUGH))
		stack_pop(b);
}

void close_p(struct builder *b)
{
	if (!stack_has(b, HTML_TAG_P, SCOPE_BUTTON))
		return;
	implied_end_tags(b, HTML_TAG_P);
	stack_pop_until(b, HTML_TAG_P);
}

static enum mode mode_of(const struct builder *b, const struct html_node *node, bool last)
{
	if (node->space != HTML_SPACE_HTML)
		return last ? MODE_IN_BODY : MODES;
	switch ((enum html_tag)node->tag) {
	case HTML_TAG_TD:
	case HTML_TAG_TH:
		return last ? MODE_IN_BODY : MODE_IN_CELL;
	case HTML_TAG_TR:
		return MODE_IN_ROW;
	case HTML_TAG_TBODY:
	case HTML_TAG_THEAD:
	case HTML_TAG_TFOOT:
		return MODE_IN_TABLE_BODY;
	case HTML_TAG_CAPTION:
		return MODE_IN_CAPTION;
	case HTML_TAG_COLGROUP:
		return MODE_IN_COLUMN_GROUP;
	case HTML_TAG_TABLE:
		return MODE_IN_TABLE;
	case HTML_TAG_TEMPLATE:
		return b->template_count ? b->template_modes[b->template_count - 1] : MODE_IN_BODY;
	case HTML_TAG_HEAD:
		return last ? MODE_IN_BODY : MODE_IN_HEAD;
	case HTML_TAG_BODY:
		return MODE_IN_BODY;
	case HTML_TAG_FRAMESET:
		return MODE_IN_FRAMESET;
	case HTML_TAG_HTML:
		return b->head ? MODE_AFTER_HEAD : MODE_BEFORE_HEAD;
	default:
		return last ? MODE_IN_BODY : MODES;
	}
}

void mode_reset(struct builder *b)
{
	for (size_t i = b->open_count; i-- > 0;) {
		bool last = i == 0;
		const struct html_node *node = last && b->context ? b->context : b->open[i];
		enum mode mode = mode_of(b, node, last);

		if (mode != MODES) {
			build_work(b, b->open_count - i);
			b->mode = mode;
			return;
		}
	}
}

void template_mode_push(struct builder *b, enum mode mode)
{
	if (b->template_count == b->template_cap) {
		size_t cap = b->template_cap ? b->template_cap * 2 : 16;
		enum mode *modes = realloc(b->template_modes, cap * sizeof(*modes));

		if (!modes) {
			build_stop(b);
			return;
		}
		b->template_modes = modes;
		b->template_cap = cap;
	}
	b->template_modes[b->template_count++] = mode;
}

void template_mode_pop(struct builder *b)
{
	if (b->template_count)
		b->template_count--;
}

void template_mode_set(struct builder *b, enum mode mode)
{
	template_mode_pop(b);
	template_mode_push(b, mode);
}
