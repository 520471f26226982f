/* SPDX-License-Identifier: MIT */
/* xpath_work.c - what texts cost in an XPath evaluation.
 *
 * The text of a node is put together from all that is below it: a predicate with
 * contains(/, "x") reads the page for each element, which libxml2 counts as one
 * operation each.  So the functions that take texts are called through here, and each
 * node below their
 * arguments is one operation.
 */
#include "handlers/html/xpath_inside.h"

#include "handlers/html/tree.h"

#include <string.h>

enum { ALPHABET_BYTES_MAX = 1024 };

static const char *const names[] = {
#define X(symbol, name) [TEXT_##symbol] = name,
	XPATH_TEXT_FUNCTIONS(X)
#undef X
};

/* The nodes below a node, itself included. */
static unsigned long span_of(const xmlNode *node)
{
	const struct html_node *from = node ? node->_private : NULL;

	if (!node || (node->type != XML_ELEMENT_NODE && node->type != XML_HTML_DOCUMENT_NODE))
		return 1;
	return (unsigned long)(from->last_order - from->order) + 1;
}

/* Of a set the first node's text is taken, sum() takes all. */
static unsigned long argument_work(const xmlXPathObject *argument, bool all)
{
	const xmlNodeSet *nodes = argument->type == XPATH_NODESET ? argument->nodesetval : NULL;
	unsigned long work = 1;

	if (!nodes || nodes->nodeNr == 0)
		return work;
	for (int i = 0; all && i < nodes->nodeNr; i++)
		work += span_of(nodes->nodeTab[i]);
	return work + span_of(nodes->nodeTab[0]);
}

/* translate() looks each character of its text up in the whole alphabet. */
static bool alphabet_is_long(const xmlXPathObject *alphabet)
{
	return alphabet->type == XPATH_NODESET ||
	       (alphabet->type == XPATH_STRING &&
		strlen((const char *)alphabet->stringval) > ALPHABET_BYTES_MAX);
}

static enum xpath_text_function function_find(const char *name)
{
	enum xpath_text_function found = (enum xpath_text_function)0;

	while (found < TEXT_FUNCTIONS - 1 && strcmp(names[found], name) != 0)
		found++;
	return found;
}

static void text_function(xmlXPathParserContext *parser, int argument_count)
{
	xmlXPathContext *context = parser->context;
	const struct xpath_lib *lib = context->funcLookupData;
	enum xpath_text_function called = function_find((const char *)context->function);

	if (argument_count == 0)
		context->opCount += span_of(context->node);
	for (int i = 1; i <= argument_count && i <= parser->valueNr; i++)
		context->opCount += argument_work(parser->valueTab[parser->valueNr - i],
						  called == TEXT_xmlXPathSumFunction);
	if (context->opCount > context->opLimit ||
	    (called == TEXT_xmlXPathTranslateFunction && argument_count == 3 &&
	     parser->valueNr >= 3 && alphabet_is_long(parser->valueTab[parser->valueNr - 2]))) {
		lib->xmlXPathErr(parser, XPATH_OP_LIMIT_EXCEEDED);
		return;
	}
	lib->text_functions[called](parser, argument_count);
}

void xpath_work_hook(const struct xpath_lib *lib, xmlXPathContext *context)
{
	/* A place of the context that libxml2 itself uses only with a lookup of functions. */
	context->funcLookupData = (void *)lib;
	for (size_t i = 0; i < TEXT_FUNCTIONS; i++) {
		lib->xmlXPathRegisterFunc(context, (const xmlChar *)names[i], NULL); /* its own */
		lib->xmlXPathRegisterFunc(context, (const xmlChar *)names[i], text_function);
	}
}
