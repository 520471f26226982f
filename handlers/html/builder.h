/* SPDX-License-Identifier: MIT */
/* builder.h - inside the tree construction (WHATWG HTML 13.2.6).
 *
 * html.c drives: token_next(), then build_token(), which finds the rules of the current
 * insertion mode; rules live by their noun in rules_*.c, the stack of open elements in
 * stack.c, the list of active formatting elements and the adoption agency in format.c,
 * insertion in insert.c, SVG and MathML in foreign.c.
 *
 * A rule returns true when the token must be processed again in the mode it switched to.
 *
 * Invariants  1. open[0] is <html> from "before head" on; nothing pops it.
 *             2. open_tags[t] counts the HTML elements of tag t on the stack.
 *             3. a node has FLAG_OPEN exactly while it is on the stack.
 * Work       every search charges builder->work; build_token() stops at the limit.
 */
#ifndef HTML_BUILDER_H
#define HTML_BUILDER_H

#include "base/limits.h"
#include "handlers/html/html.h"
#include "handlers/html/tokenizer.h"

enum mode {
	MODE_INITIAL,
	MODE_BEFORE_HTML,
	MODE_BEFORE_HEAD,
	MODE_IN_HEAD,
	MODE_IN_HEAD_NOSCRIPT,
	MODE_AFTER_HEAD,
	MODE_IN_BODY,
	MODE_TEXT,
	MODE_IN_TABLE,
	MODE_IN_CAPTION,
	MODE_IN_COLUMN_GROUP,
	MODE_IN_TABLE_BODY,
	MODE_IN_ROW,
	MODE_IN_CELL,
	MODE_IN_TEMPLATE,
	MODE_AFTER_BODY,
	MODE_IN_FRAMESET,
	MODE_AFTER_FRAMESET,
	MODE_AFTER_AFTER_BODY,
	MODE_AFTER_AFTER_FRAMESET,
	MODES
};

enum node_flag {
	FLAG_OPEN = 1 << 0,
	FLAG_INTEGRATION = 1 << 1, /* annotation-xml whose content is HTML */
};

enum scope { SCOPE_DEFAULT, SCOPE_LIST_ITEM, SCOPE_BUTTON, SCOPE_TABLE };

struct builder {
	struct html *html;
	struct arena *arena;
	struct tokenizer tz;
	struct html_limits limits;
	struct html_node *document;

	enum mode mode, original; /* original: to return to from MODE_TEXT */
	enum mode *template_modes;
	size_t template_count, template_cap;

	struct html_node **open; /* the stack of open elements, its top last */
	size_t open_count, open_cap;
	unsigned open_tags[HTML_TAGS];

	struct html_node *formats[HTML_FORMAT_MAX]; /* NULL: a marker */
	size_t format_count;

	struct html_node *head, *form, *context; /* context: fragments only */
	bool frameset_ok;
	bool foster;   /* what a table does not take goes before it */
	bool quirks;   /* the DOCTYPE is missing or old: <table> does not close <p> */
	bool skip_lf;  /* the newline after <pre> is not content */
	bool stopped;  /* out of memory or beyond a limit */
	bool selected; /* a <selectedcontent> was seen */

	size_t work, work_max;
	size_t work_look;	/* when the clock is asked again */
	int64_t cpu_end_us;	/* of this thread */
	struct html_node spare; /* what node_new() gives out of memory: rules check nothing,
				 * the parse stops at its next token and throws all away */
};

/* html.c */
void build_token(struct builder *b, struct token *token);

/* rules_*.c: the insertion modes */
bool rule_initial(struct builder *b, struct token *token);
bool rule_before_html(struct builder *b, struct token *token);
bool rule_before_head(struct builder *b, struct token *token);
bool rule_in_head(struct builder *b, struct token *token);
bool rule_in_head_noscript(struct builder *b, struct token *token);
bool rule_after_head(struct builder *b, struct token *token);
bool rule_in_body(struct builder *b, struct token *token);
bool rule_text(struct builder *b, struct token *token);
bool rule_in_table(struct builder *b, struct token *token);
bool rule_in_caption(struct builder *b, struct token *token);
bool rule_in_column_group(struct builder *b, struct token *token);
bool rule_in_table_body(struct builder *b, struct token *token);
bool rule_in_row(struct builder *b, struct token *token);
bool rule_in_cell(struct builder *b, struct token *token);
bool rule_in_template(struct builder *b, struct token *token);
bool rule_after_body(struct builder *b, struct token *token);
bool rule_in_frameset(struct builder *b, struct token *token);
bool rule_after_frameset(struct builder *b, struct token *token);
bool rule_after_after_body(struct builder *b, struct token *token);
bool rule_after_after_frameset(struct builder *b, struct token *token);
bool rule_foreign(struct builder *b, struct token *token);
bool rule_body_end(struct builder *b, struct token *token); /* the end tags of "in body" */
void rule_any_end(struct builder *b, const struct token *token);
void rules_raw_text(struct builder *b, struct token *token, enum token_state state);
bool rule_by_mode(struct builder *b, struct token *token); /* html.c: those of b->mode */

/* stack.c */
struct html_node *stack_top(const struct builder *b); /* the current node */
void stack_push(struct builder *b, struct html_node *node);
void stack_pop(struct builder *b); /* never the last */
void stack_remove(struct builder *b, struct html_node *node);
void stack_insert_after(struct builder *b, const struct html_node *above, struct html_node *node);
void stack_replace(struct builder *b, struct html_node *old, struct html_node *node);
size_t stack_index(struct builder *b, const struct html_node *node); /* open_count: absent */
void stack_pop_until(struct builder *b, enum html_tag tag);	     /* including it */
void stack_pop_until_node(struct builder *b, const struct html_node *node);
void stack_pop_until_heading(struct builder *b);
bool stack_has(struct builder *b, enum html_tag tag, enum scope scope);
bool stack_has_node(struct builder *b, const struct html_node *node); /* in default scope */
bool stack_has_heading(struct builder *b);
void stack_clear_to(struct builder *b, const enum html_tag *tags); /* html and template, too */
void implied_end_tags(struct builder *b, enum html_tag except);
void implied_end_tags_thorough(struct builder *b);
void close_p(struct builder *b);    /* if a <p> is in button scope */
void mode_reset(struct builder *b); /* "reset the insertion mode appropriately" */
void template_mode_push(struct builder *b, enum mode mode);
void template_mode_pop(struct builder *b);
void template_mode_set(struct builder *b, enum mode mode);
void build_stop(struct builder *b);
void build_work(struct builder *b, size_t steps);

/* format.c */
void format_push(struct builder *b, struct html_node *node);
void format_marker(struct builder *b);
void format_clear(struct builder *b); /* up to the last marker */
void format_reconstruct(struct builder *b);
void format_remove(struct builder *b, const struct html_node *node);
struct html_node *format_find(const struct builder *b, enum html_tag tag); /* after the marker */
void format_adopt(struct builder *b, const struct token *token);	   /* the adoption agency */

/* insert.c */
struct token token_of(enum html_tag tag); /* a start tag without attributes */
struct html_node *element_make(struct builder *b, const struct token *token,
			       enum html_space space); /* not linked, not open */
struct html_node *element_insert(struct builder *b, const struct token *token);
struct html_node *element_insert_tag(struct builder *b, enum html_tag tag);
struct html_node *element_insert_foreign(struct builder *b, const struct token *token,
					 enum html_space space);
void element_insert_void(struct builder *b, const struct token *token);
struct html_node *element_copy(struct builder *b, const struct html_node *node);
void element_attrs_add(struct builder *b, struct html_node *node, const struct token *token);
void text_insert(struct builder *b, const struct token *token, struct slice text);
void comment_insert(struct builder *b, const struct token *token, struct html_node *parent);
struct html_node *node_new(struct builder *b, enum html_kind kind);
void node_append(struct html_node *parent, struct html_node *node);
void node_unlink(struct html_node *node);
void node_place(struct builder *b, struct html_node *target, struct html_node *node);
struct html_node *node_inside(struct html_node *node); /* a <template>'s content, or itself */

/* foreign.c */
void foreign_attrs_adjust(struct html_attr *attrs, enum html_space space);
struct slice foreign_name(const struct token *token, enum html_space space);
bool foreign_current(const struct builder *b); /* the adjusted current node is no HTML */
bool foreign_applies(struct builder *b, const struct token *token);

/* Leading whitespace of a text token, cut off it. */
struct slice token_space_take(struct token *token);

bool token_input_hidden(const struct token *token); /* <input type=hidden> */

/* selected.c: what browsers show of a <select> */
void selected_fill(struct builder *b);

static inline bool is_start(const struct token *token, enum html_tag tag)
{
	return token->kind == TOKEN_START && token->tag == tag;
}

static inline bool is_end(const struct token *token, enum html_tag tag)
{
	return token->kind == TOKEN_END && token->tag == tag;
}

#endif
