/* SPDX-License-Identifier: MIT */
/* xpath.c - compiles expressions and runs them over a mirrored page.
 *
 * libxml2 bounds the operations of an evaluation (opLimit); xpath_work.c adds what texts
 * cost.
 */
#include "handlers/html/xpath_inside.h"

#include "base/clock.h"
#include "base/limits.h"
#include "handlers/html/document.h"
#include "handlers/html/tree.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct xpath {
	const struct xpath_lib *lib;
	xmlXPathCompExpr *compiled;
	bool has_union;
};

struct xpath_page {
	const struct xpath_lib *lib;
	struct mirror mirror;
	xmlXPathContext *context;
	uint32_t nodes;
	unsigned long work; /* operations left */
	int wrong;	    /* the first error of the evaluation under way: xmlXPathError */
	int wrong_at;	    /* of a compilation: the offset */
};

static void error_note(void *ctx, xmlError *error)
{
	struct xpath_page *page = ctx;

	if (page->wrong)
		return;
	page->wrong = error->code - XML_XPATH_EXPRESSION_OK;
	page->wrong_at = error->int1;
}

/* ---- compiling ---- */

static const char *error_words(int wrong)
{
	static const struct {
		int code;
		const char *words;
	} table[] = {
		{XPATH_NUMBER_ERROR, "this is no number"},
		{XPATH_UNFINISHED_LITERAL_ERROR, "a string has no closing quote"},
		{XPATH_START_LITERAL_ERROR, "a string is expected here"},
		{XPATH_VARIABLE_REF_ERROR, "a variable is expected here"},
		{XPATH_UNCLOSED_ERROR, "a bracket is not closed"},
		{XPATH_INVALID_PREDICATE_ERROR, "a predicate ends with ']'"},
		{XPATH_INVALID_CHAR_ERROR, "a character that no expression has"},
		{XPATH_INVALID_ARITY, "a function has the wrong number of arguments"},
		{XPATH_INVALID_TYPE, "an operand has the wrong type"},
		{XPATH_RECURSION_LIMIT_EXCEEDED, "the expression is nested too deeply"},
		{XPATH_OP_LIMIT_EXCEEDED, "the expression is too long"},
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].code == wrong)
			return table[i].words;
	return "this is no XPath expression";
}

static int mistake_told(struct xpath_mistake *mistake, struct err *err)
{
	return err_set(err, ERR_INVALID_SPEC, "%s", mistake->detail);
}

static int text_compile(const char *text, struct xpath *xpath, struct xpath_mistake *mistake,
			struct err *err)
{
	struct xpath_page errors = {.wrong = 0};
	xmlXPathContext *context = xpath->lib->xmlXPathNewContext(NULL);

	if (!context)
		return err_set(err, ERR_NO_MEMORY, "no memory for an XPath expression");
	context->error = error_note;
	context->userData = &errors;
	xpath->compiled = xpath->lib->xmlXPathCtxtCompile(context, (const xmlChar *)text);
	xpath->lib->xmlXPathFreeContext(context);
	if (xpath->compiled)
		return 0;
	mistake->offset = (size_t)MAX(errors.wrong_at, 0);
	snprintf(mistake->detail, sizeof(mistake->detail), "%s", error_words(errors.wrong));
	return mistake_told(mistake, err);
}

int xpath_compile(const char *text, struct xpath **ret_xpath, struct xpath_mistake *ret_mistake,
		  struct err *err)
{
	const struct xpath_lib *lib = xpath_lib_get(err);
	struct xpath *xpath;

	*ret_mistake = (struct xpath_mistake){.detail = ""};
	if (!lib) {
		snprintf(ret_mistake->detail, sizeof(ret_mistake->detail), "%.150s", err->detail);
		return -1;
	}
	if (strlen(text) > SELECTOR_BYTES_MAX) {
		ret_mistake->offset = SELECTOR_BYTES_MAX;
		snprintf(ret_mistake->detail, sizeof(ret_mistake->detail),
			 "an expression may have %d bytes, this one has more", SELECTOR_BYTES_MAX);
		return mistake_told(ret_mistake, err);
	}
	xpath = calloc(1, sizeof(*xpath));
	if (!xpath)
		return err_set(err, ERR_NO_MEMORY, "no memory for an XPath expression");
	xpath->lib = lib;
	xpath->has_union = strchr(text, '|') != NULL;
	if (!xpath_words_check(text, ret_mistake)) {
		mistake_told(ret_mistake, err);
	} else if (text_compile(text, xpath, ret_mistake, err) == 0) {
		*ret_xpath = xpath;
		return 0;
	}
	xpath_free(xpath);
	return -1;
}

void xpath_free(struct xpath *xpath)
{
	if (!xpath)
		return;
	if (xpath->compiled)
		xpath->lib->xmlXPathFreeCompExpr(xpath->compiled);
	free(xpath);
}

/* ---- pages ---- */

int xpath_page_new(const struct html *html, struct xpath_page **ret_page, struct err *err)
{
	const struct xpath_lib *lib = xpath_lib_get(err);
	struct xpath_page *page;

	if (!lib)
		return -1;
	page = calloc(1, sizeof(*page));
	if (!page)
		return err_set(err, ERR_NO_MEMORY, "no memory for a page's XPath tree");
	page->lib = lib;
	page->nodes = html->nodes;
	if (mirror_init(&page->mirror, html, err)) {
		free(page);
		return -1;
	}
	page->work = XPATH_WORK_MAX;
	page->context = lib->xmlXPathNewContext(&page->mirror.doc);
	if (!page->context) {
		xpath_page_free(page);
		return err_set(err, ERR_NO_MEMORY, "no memory for a page's XPath tree");
	}
	page->context->error = error_note;
	page->context->userData = page;
	xpath_work_hook(lib, page->context);
	*ret_page = page;
	return 0;
}

void xpath_page_free(struct xpath_page *page)
{
	if (!page)
		return;
	if (page->context)
		page->lib->xmlXPathFreeContext(page->context);
	mirror_done(&page->mirror);
	free(page);
}

/* ---- searching ---- */

static struct xpath_match node_match(const xmlNode *node)
{
	if (node->type == XML_ATTRIBUTE_NODE) {
		const struct html_attr *attr = node->_private;

		return (struct xpath_match){
			.kind = XPATH_IS_TEXT, .text = attr->value, .len = attr->value_len};
	}
	if (node->type == XML_ELEMENT_NODE || node->type == XML_HTML_DOCUMENT_NODE)
		return (struct xpath_match){.kind = XPATH_IS_NODE, .node = node->_private};
	return (struct xpath_match){.kind = XPATH_IS_TEXT,
				    .text = ((const struct html_node *)node->_private)->text,
				    .len = ((const struct html_node *)node->_private)->len};
}

static void nodes_tell(const struct xpath_lib *lib, xmlNodeSet *nodes,
		       bool (*found)(void *ctx, const struct xpath_match *match), void *ctx)
{
	if (!nodes)
		return;
	lib->xmlXPathNodeSetSort(nodes);
	for (int i = 0; i < nodes->nodeNr; i++) {
		struct xpath_match match;

		/* The namespace axis gives nodes that are libxml2's own. */
		if (nodes->nodeTab[i]->type == XML_NAMESPACE_DECL)
			continue;
		match = node_match(nodes->nodeTab[i]);
		if (!found(ctx, &match))
			return;
	}
}

static void result_tell(const struct xpath_lib *lib, const xmlXPathObject *result,
			bool (*found)(void *ctx, const struct xpath_match *match), void *ctx)
{
	struct xpath_match match = {.kind = XPATH_IS_TEXT};

	switch (result->type) {
	case XPATH_NODESET:
		nodes_tell(lib, result->nodesetval, found, ctx);
		return;
	case XPATH_STRING:
		match.text = (const char *)result->stringval;
		match.len = strlen(match.text);
		break;
	case XPATH_NUMBER:
		match.kind = XPATH_IS_NUMBER;
		match.number = result->floatval;
		break;
	case XPATH_BOOLEAN:
		match.kind = XPATH_IS_TRUTH;
		match.truth = result->boolval != 0;
		break;
	default:
		return;
	}
	found(ctx, &match);
}

/* A union compares each of its nodes with each other, and counts them once. */
static unsigned long work_allowed(const struct xpath *xpath, const struct xpath_page *page)
{
	enum { COMPARED_PER_OPERATION = 200 };
	unsigned long allowed = page->work;

	if (xpath->has_union && page->nodes > COMPARED_PER_OPERATION)
		allowed = allowed / page->nodes * COMPARED_PER_OPERATION;
	return MAX(allowed, 1); /* 0 would be without limit */
}

static int search_error(const struct xpath_page *page, struct err *err)
{
	if (page->wrong == XPATH_MEMORY_ERROR)
		return err_set(err, ERR_NO_MEMORY, "no memory for an XPath search");
	if (page->wrong == XPATH_OP_LIMIT_EXCEEDED || page->wrong == XPATH_RECURSION_LIMIT_EXCEEDED)
		return err_set(err, ERR_LIMIT, "XPath takes too much work on this page");
	return err_set(err, ERR_FAILED, "XPath: %s", error_words(page->wrong));
}

int xpath_select(const struct xpath *xpath, struct xpath_page *page,
		 const struct html_node *context,
		 bool (*found)(void *ctx, const struct xpath_match *match), void *ctx,
		 struct err *err)
{
	enum { OPERATIONS_PER_US = 20 };
	int64_t start_us = clock_thread_cpu_us();
	xmlXPathObject *result;
	unsigned long spent;

	page->wrong = 0;
	page->context->node = page->mirror.nodes[context->order];
	page->context->opLimit = work_allowed(xpath, page);
	page->context->opCount = 0;
	result = page->lib->xmlXPathCompiledEval(xpath->compiled, page->context);
	spent = MAX(page->context->opCount,
		    (unsigned long)(clock_thread_cpu_us() - start_us) * OPERATIONS_PER_US);
	page->work -= MIN(page->work, spent);
	if (!result || page->wrong) {
		if (!page->wrong && page->context->opCount >= page->context->opLimit)
			page->wrong = XPATH_OP_LIMIT_EXCEEDED;
		page->lib->xmlXPathFreeObject(result);
		return search_error(page, err);
	}
	result_tell(page->lib, result, found, ctx);
	page->lib->xmlXPathFreeObject(result);
	return 0;
}
