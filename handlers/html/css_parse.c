/* SPDX-License-Identifier: MIT */
/* css_parse.c - a selector's text compiled (Selectors level 4, section 17, less what
 * css.h leaves out).
 *
 * Recursive descent; lists in parentheses nest at most SELECTOR_DEPTH_MAX deep.  The
 * first mistake ends it.
 */
#include "base/limits.h"
#include "handlers/html/css_lex.h"

#include <stdlib.h>
#include <string.h>

enum { CSS_ARENA_BYTES_MAX = 64 * 1024 * 1024 };

struct parser {
	struct css_lex lex;
	struct css *css;
	unsigned depth;
};

/* What a list may hold, beside ordinary selectors. */
enum list_kind {
	LIST_TOP,      /* ::text, ::attr(); a leading combinator means :scope */
	LIST_PLAIN,    /* in :is() and :not() */
	LIST_RELATIVE, /* in :has(): a leading combinator means the element asked about */
};

static struct selector *list_parse(struct parser *p, enum list_kind kind, unsigned *ret_count);

static void *make(struct parser *p, size_t size)
{
	void *memory = arena_alloc(&p->css->arena, size);

	if (!memory)
		p->lex.failed = p->lex.no_memory = true;
	return memory;
}

static struct test *test_new(struct parser *p, enum test_kind kind)
{
	struct test *test = make(p, sizeof(*test));

	if (test)
		test->kind = kind;
	return test;
}

static struct test *tag_parse(struct parser *p)
{
	struct test *test = test_new(p, TEST_TAG);
	struct word name = lex_name(&p->lex, true);

	if (*p->lex.at == '|' && p->lex.at[1] != '=')
		lex_fail(&p->lex, p->lex.at, "write the name alone: svg elements match it, too",
			 "namespaces are not supported");
	if (!test)
		return NULL;
	test->name = name;
	test->tag = html_tag(name.at, name.len);
	return test;
}

static struct test *word_test(struct parser *p, enum test_kind kind, struct word value)
{
	struct test *test = test_new(p, kind);

	if (test)
		test->value = value;
	return test;
}

static bool attr_op_parse(struct parser *p, enum attr_op *ret_op)
{
	static const char signs[] = "=~|^$*";
	static const enum attr_op ops[] = {ATTR_EQUALS, ATTR_WORD, ATTR_DASH,
					   ATTR_BEGINS, ATTR_ENDS, ATTR_SUBSTRING};
	const char *sign = *p->lex.at ? strchr(signs, *p->lex.at) : NULL;

	if (!sign || (*sign != '=' && p->lex.at[1] != '='))
		return lex_fail(&p->lex, p->lex.at, "one of ] = ~= |= ^= $= *=",
				"'%.1s' is no way to compare an attribute", p->lex.at);
	p->lex.at += *sign == '=' ? 1 : 2;
	*ret_op = ops[sign - signs];
	return true;
}

static struct test *attr_parse(struct parser *p)
{
	const char *from = p->lex.at - 1;
	struct test *test = test_new(p, TEST_ATTR);
	struct css_lex *lex = &p->lex;

	if (!test)
		return NULL;
	lex_space(lex);
	test->name = lex_name(lex, true);
	if (*lex->at == ':')
		lex_fail(lex, lex->at, "escape the colon: [xlink\\:href]",
			 "':' ends the name of an attribute");
	lex_space(lex);
	if (lex_take(lex, ']'))
		return test;
	if (*lex->at == '\0')
		lex_fail(lex, from, "close it with ]", "attribute test has no end");
	if (lex->failed || !attr_op_parse(p, &test->op))
		return NULL;
	lex_space(lex);
	test->value = *lex->at == '"' || *lex->at == '\'' ? lex_string(lex) : lex_name(lex, false);
	if (lex->failed && !lex->no_memory && !lex->mistake->hint[0])
		strcpy(lex->mistake->hint, "put the value in quotes");
	lex_space(lex);
	if ((*lex->at | 32) == 'i' || (*lex->at | 32) == 's') {
		test->fold = (*lex->at++ | 32) == 'i';
		lex_space(lex);
	}
	if (!lex_take(lex, ']'))
		lex_fail(lex, from, "close it with ]", "attribute test has no end");
	return test;
}

static const struct {
	const char *name;
	enum test_kind kind;
} plain_pseudos[] = {
	{"root", TEST_ROOT},	     {"scope", TEST_SCOPE},	   {"empty", TEST_EMPTY},
	{"link", TEST_LINK},	     {"any-link", TEST_LINK},	   {"checked", TEST_CHECKED},
	{"disabled", TEST_DISABLED}, {"enabled", TEST_ENABLED},	   {"hover", TEST_NEVER},
	{"active", TEST_NEVER},	     {"focus", TEST_NEVER},	   {"visited", TEST_NEVER},
	{"target", TEST_NEVER},	     {"focus-within", TEST_NEVER},
};

/* :first-child and its like are :nth-…(1). */
static const struct {
	const char *name;
	bool function, from_end, of_type;
} nth_pseudos[] = {
	{"first-child", false, false, false},  {"last-child", false, true, false},
	{"first-of-type", false, false, true}, {"last-of-type", false, true, true},
	{"nth-child", true, false, false},     {"nth-last-child", true, true, false},
	{"nth-of-type", true, false, true},    {"nth-last-of-type", true, true, true},
};

static const struct {
	const char *name;
	enum test_kind kind;
	enum list_kind list;
} list_pseudos[] = {
	{"is", TEST_IS, LIST_PLAIN},
	{"where", TEST_IS, LIST_PLAIN},
	{"not", TEST_NOT, LIST_PLAIN},
	{"has", TEST_HAS, LIST_RELATIVE},
};

static const struct {
	const char *name;
	enum test_kind kind;
} text_pseudos[] = {
	{"contains", TEST_CONTAINS},
	{"contains-own", TEST_CONTAINS_OWN},
	{"lang", TEST_LANG},
};

static bool open_parse(struct parser *p, struct word name)
{
	if (!lex_take(&p->lex, '('))
		return lex_fail(&p->lex, p->lex.at, "write it with ( … )",
				":%.*s needs an argument", (int)name.len, name.at);
	lex_space(&p->lex);
	return true;
}

static void close_parse(struct parser *p, const char *from)
{
	lex_space(&p->lex);
	if (lex_take(&p->lex, ')'))
		return;
	if (*p->lex.at == '\0')
		lex_fail(&p->lex, from, "close it with )", "parenthesis has no end");
	else
		lex_fail(&p->lex, p->lex.at, NULL, "'%.1s' stands where ) should be", p->lex.at);
}

static struct test *nth_new(struct parser *p, bool from_end, bool of_type)
{
	struct test *test = test_new(p, TEST_NTH);

	if (!test)
		return NULL;
	test->b = 1;
	test->from_end = from_end;
	test->of_type = of_type;
	test->nth = p->css->nth_count++;
	if (test->nth >= CSS_NTHS_MAX)
		lex_fail(&p->lex, p->lex.at, "split it into several",
			 "more than %d position tests in one selector", CSS_NTHS_MAX);
	return test;
}

static struct test *nth_parse(struct parser *p, size_t which, struct word name, const char *from)
{
	struct test *test = nth_new(p, nth_pseudos[which].from_end, nth_pseudos[which].of_type);
	struct css_lex *lex = &p->lex;

	if (!test || !nth_pseudos[which].function || !open_parse(p, name) ||
	    !lex_nth(lex, &test->a, &test->b))
		return test;
	if (lex_space(lex) && !test->of_type && (lex->at[0] | 32) == 'o' &&
	    (lex->at[1] | 32) == 'f') {
		lex->at += 2;
		test->list = list_parse(p, LIST_PLAIN, NULL);
	}
	close_parse(p, from);
	return test;
}

/* :only-child is :first-child:last-child. */
static struct test *only_parse(struct parser *p, bool of_type)
{
	struct test *first = nth_new(p, false, of_type);
	struct test *last = nth_new(p, true, of_type);

	if (first)
		first->next = last;
	return first;
}

static struct test *text_parse(struct parser *p, enum test_kind kind, struct word name,
			       const char *from)
{
	struct test *test = test_new(p, kind);
	struct css_lex *lex = &p->lex;

	if (!test || !open_parse(p, name))
		return test;
	if (*lex->at == '"' || *lex->at == '\'')
		test->value = lex_string(lex);
	else if (lex_name_begins(lex))
		test->value = lex_name(lex, false);
	else
		lex_fail(lex, lex->at, "write :contains-own(\"text\")", "no text in :%.*s( )",
			 (int)name.len, name.at);
	close_parse(p, from);
	return test;
}

static struct test *pseudo_unknown(struct parser *p, struct word name, const char *from)
{
	const char *hint = "known: :is :not :has :nth-child :first-child :last-child :empty :root "
			   ":scope :contains :contains-own, ::text, ::attr()";

	if (word_is(name, "text") || word_is(name, "attr"))
		hint = "write it with two colons";
	else if (word_is(name, "first") || word_is(name, "last"))
		hint = "write :first-child or :last-child";
	else if (word_is(name, "eq"))
		hint = "write :nth-child( )";
	lex_fail(&p->lex, from, hint, "unknown :%.*s", (int)name.len, name.at);
	return NULL;
}

static struct test *pseudo_parse(struct parser *p)
{
	const char *from = p->lex.at - 1;
	struct word name = lex_name(&p->lex, true);
	struct test *test;

	if (p->lex.failed)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(plain_pseudos); i++)
		if (word_is(name, plain_pseudos[i].name))
			return test_new(p, plain_pseudos[i].kind);
	for (size_t i = 0; i < ARRAY_LEN(nth_pseudos); i++)
		if (word_is(name, nth_pseudos[i].name))
			return nth_parse(p, i, name, from);
	for (size_t i = 0; i < ARRAY_LEN(text_pseudos); i++)
		if (word_is(name, text_pseudos[i].name))
			return text_parse(p, text_pseudos[i].kind, name, from);
	for (size_t i = 0; i < ARRAY_LEN(list_pseudos); i++) {
		if (!word_is(name, list_pseudos[i].name))
			continue;
		test = test_new(p, list_pseudos[i].kind);
		if (test && open_parse(p, name)) {
			test->list = list_parse(p, list_pseudos[i].list, NULL);
			close_parse(p, from);
		}
		return test;
	}
	if (word_is(name, "only-child") || word_is(name, "only-of-type"))
		return only_parse(p, word_is(name, "only-of-type"));
	return pseudo_unknown(p, name, from);
}

/* ::text or ::attr(name), which end a selector. */
static void part_parse(struct parser *p, struct selector *selector)
{
	const char *from = p->lex.at;
	struct css_lex *lex = &p->lex;
	struct word name;

	lex->at += 2;
	name = lex_name(lex, true);
	if (word_is(name, "text")) {
		selector->part = CSS_TEXT;
		p->css->has_text = true;
	} else if (word_is(name, "attr")) {
		selector->part = CSS_ATTR;
		if (open_parse(p, name)) {
			selector->attr = lex_name(lex, true);
			close_parse(p, from);
		}
	} else {
		lex_fail(lex, from, "known: ::text and ::attr(name)", "unknown ::%.*s",
			 (int)name.len, name.at);
	}
}

/* One simple selector at lex.at, or NULL when none begins there. */
static struct test *simple_parse(struct parser *p)
{
	struct css_lex *lex = &p->lex;

	if (lex_take(lex, '#'))
		return word_test(p, TEST_ID, lex_hash(lex));
	if (lex_take(lex, '.'))
		return word_test(p, TEST_CLASS, lex_name(lex, false));
	if (lex_take(lex, '['))
		return attr_parse(p);
	if (lex->at[0] == ':' && lex->at[1] != ':') {
		lex->at++;
		return pseudo_parse(p);
	}
	return NULL;
}

/* Reads a compound into `compound`; false when there is none. */
static bool compound_parse(struct parser *p, struct compound *compound)
{
	struct css_lex *lex = &p->lex;
	const char *from = lex->at;
	struct test **last = &compound->tests;

	if (lex_take(lex, '*')) {
		if (*lex->at == '|' && lex->at[1] != '=')
			lex_fail(lex, lex->at, "leave out *|", "namespaces are not supported");
	} else if (lex_name_begins(lex)) {
		*last = tag_parse(p);
		if (*last)
			last = &(*last)->next;
	}
	while (!lex->failed) {
		*last = simple_parse(p);
		if (!*last)
			break;
		while (*last)
			last = &(*last)->next;
	}
	return lex->at > from;
}

static bool is_combinator(char c)
{
	return c == '>' || c == '+' || c == '~';
}

/* Adds a compound that stands for the anchor of a relative selector. */
static struct compound *anchor_new(struct parser *p, enum list_kind kind)
{
	struct compound *compound = make(p, sizeof(*compound));

	if (compound)
		compound->tests = test_new(p, kind == LIST_TOP ? TEST_SCOPE : TEST_ANCHOR);
	return compound;
}

/* Reads the combinator before the next compound; NONE at the selector's end. */
static enum combinator combinator_parse(struct parser *p)
{
	bool space = lex_space(&p->lex);
	char c = *p->lex.at;

	if (is_combinator(c)) {
		p->lex.at++;
		lex_space(&p->lex);
		return (enum combinator)c;
	}
	return space && c != '\0' && c != ',' && c != ')' ? COMBINATOR_DESCENDANT : COMBINATOR_NONE;
}

static void compound_missing(struct parser *p)
{
	char c = *p->lex.at;

	if (c == '\0')
		lex_fail(&p->lex, p->lex.at, NULL, "selector ends where an element should be");
	else
		lex_fail(&p->lex, p->lex.at, c == '@' ? "an attribute is ::attr(name)" : NULL,
			 "'%c' stands where an element should be", c);
}

/* "p ::text" and "::attr(x)": a bare part means the element before it, too (parsel). */
static void part_finish(struct parser *p, struct selector *selector, bool bare)
{
	if (p->lex.at[0] == ':' && p->lex.at[1] == ':')
		part_parse(p, selector);
	if (selector->part != CSS_NODE && bare && !selector->right->tests &&
	    selector->right->combinator == COMBINATOR_DESCENDANT)
		selector->right->combinator = COMBINATOR_INSIDE;
}

static struct selector *selector_parse(struct parser *p, enum list_kind kind)
{
	struct selector *selector = make(p, sizeof(*selector));
	struct compound *left = NULL;
	enum combinator combinator = COMBINATOR_NONE;
	struct css_lex *lex = &p->lex;
	unsigned count = 0;

	if (!selector)
		return NULL;
	lex_space(lex);
	if (kind != LIST_PLAIN && is_combinator(*lex->at)) {
		left = anchor_new(p, kind);
		combinator = combinator_parse(p);
	} else if (kind == LIST_RELATIVE) {
		left = anchor_new(p, kind);
		combinator = COMBINATOR_DESCENDANT;
	}
	while (!lex->failed) {
		struct compound *compound = make(p, sizeof(*compound));
		bool found = compound && compound_parse(p, compound);

		if (lex->failed || !compound)
			break;
		if (!found && !(kind == LIST_TOP && lex->at[0] == ':')) {
			compound_missing(p);
			break;
		}
		if (++count > CSS_COMPOUNDS_MAX)
			lex_fail(lex, lex->at, NULL, "more than %d steps in one selector",
				 CSS_COMPOUNDS_MAX);
		compound->combinator = combinator;
		compound->left = left;
		selector->right = left = compound;
		if (kind == LIST_TOP && lex->at[0] == ':' && lex->at[1] == ':') {
			part_finish(p, selector, true);
			lex_space(lex);
			if (!lex->failed && *lex->at != '\0' && *lex->at != ',')
				lex_fail(lex, lex->at, "put it last",
					 "::text and ::attr() end a selector");
			break;
		}
		if (lex->at[0] == ':')
			lex_fail(lex, lex->at, "put it at the end of the whole selector",
				 "::text and ::attr() cannot stand in parentheses");
		combinator = combinator_parse(p);
		if (combinator == COMBINATOR_NONE)
			break;
	}
	return lex->failed ? NULL : selector;
}

static struct selector *list_parse(struct parser *p, enum list_kind kind, unsigned *ret_count)
{
	struct selector *first = NULL;
	struct selector **last = &first;
	unsigned count = 0;

	if (++p->depth > SELECTOR_DEPTH_MAX)
		lex_fail(&p->lex, p->lex.at, NULL, "more than %d lists inside each other",
			 SELECTOR_DEPTH_MAX);
	do {
		*last = p->lex.failed ? NULL : selector_parse(p, kind);
		if (!*last)
			break;
		last = &(*last)->next;
		if (++count > CSS_SELECTORS_MAX)
			lex_fail(&p->lex, p->lex.at, NULL, "more than %d selectors in one list",
				 CSS_SELECTORS_MAX);
		lex_space(&p->lex);
	} while (lex_take(&p->lex, ','));
	p->depth--;
	if (ret_count)
		*ret_count = count;
	return p->lex.failed ? NULL : first;
}

static void css_parse(struct parser *p, const char *text)
{
	if (strlen(text) > SELECTOR_BYTES_MAX) {
		lex_fail(&p->lex, text, NULL, "selector is longer than %d bytes",
			 SELECTOR_BYTES_MAX);
		return;
	}
	p->css->selectors = list_parse(p, LIST_TOP, &p->css->selector_count);
	if (!p->lex.failed && *p->lex.at == ')')
		lex_fail(&p->lex, p->lex.at, NULL, "')' closes nothing");
	else if (!p->lex.failed && *p->lex.at)
		lex_fail(&p->lex, p->lex.at, NULL, "'%.1s' means nothing here", p->lex.at);
}

int css_compile(const char *text, struct css **ret_css, struct css_mistake *ret_mistake,
		struct err *err)
{
	struct css *css = calloc(1, sizeof(*css));
	struct parser parser = {.css = css};

	*ret_mistake = (struct css_mistake){0};
	if (!css)
		return err_set(err, ERR_NO_MEMORY, "out of memory for a selector");
	arena_init(&css->arena, CSS_ARENA_BYTES_MAX);
	parser.lex = (struct css_lex){
		.text = text, .at = text, .arena = &css->arena, .mistake = ret_mistake};
	css_parse(&parser, text);
	if (!parser.lex.failed) {
		*ret_css = css;
		return 0;
	}
	css_free(css);
	if (parser.lex.no_memory)
		return err_set(err, ERR_NO_MEMORY, "out of memory for a selector");
	return err_set(err, ERR_INVALID_SPEC, "selector, at %zu: %s", ret_mistake->offset,
		       ret_mistake->detail);
}

void css_free(struct css *css)
{
	if (!css)
		return;
	arena_done(&css->arena);
	free(css);
}
