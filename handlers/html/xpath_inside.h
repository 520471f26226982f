/* SPDX-License-Identifier: MIT */
/* xpath_inside.h - between the files of xpath.h: the library's functions, the words of an
 * expression, and the mirrored tree. */
#ifndef HTML_XPATH_INSIDE_H
#define HTML_XPATH_INSIDE_H

#include "base/arena.h"
#include "handlers/html/xpath.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>

/* clang-format off */
/* What we call of libxml2, found at run time. */
#define XPATH_LIB_TABLE(X) \
	X(xmlInitParser) \
	X(xmlSetGenericErrorFunc) \
	X(xmlThrDefSetGenericErrorFunc) \
	X(xmlXPathCompiledEval) \
	X(xmlXPathCtxtCompile) \
	X(xmlXPathErr) \
	X(xmlXPathFreeCompExpr) \
	X(xmlXPathFreeContext) \
	X(xmlXPathFreeObject) \
	X(xmlXPathNewContext) \
	X(xmlXPathNodeSetSort) \
	X(xmlXPathRegisterFunc)

/* Functions that take the text of nodes, which costs as much as the nodes hold. */
#define XPATH_TEXT_FUNCTIONS(X) \
	X(xmlXPathConcatFunction,          "concat") \
	X(xmlXPathContainsFunction,        "contains") \
	X(xmlXPathNormalizeFunction,       "normalize-space") \
	X(xmlXPathNumberFunction,          "number") \
	X(xmlXPathStartsWithFunction,      "starts-with") \
	X(xmlXPathStringFunction,          "string") \
	X(xmlXPathStringLengthFunction,    "string-length") \
	X(xmlXPathSubstringAfterFunction,  "substring-after") \
	X(xmlXPathSubstringBeforeFunction, "substring-before") \
	X(xmlXPathSubstringFunction,       "substring") \
	X(xmlXPathSumFunction,             "sum") \
	X(xmlXPathTranslateFunction,       "translate")
/* clang-format on */

enum xpath_text_function {
#define X(symbol, name) TEXT_##symbol,
	XPATH_TEXT_FUNCTIONS(X)
#undef X
		TEXT_FUNCTIONS
};

struct xpath_lib {
#define X(name) __typeof__(&name) name;
	XPATH_LIB_TABLE(X)
#undef X
	xmlXPathFunction text_functions[TEXT_FUNCTIONS];
};

/* xpath_lib.c.  NULL and *err: the library is not there. */
const struct xpath_lib *xpath_lib_get(struct err *err);

/* xpath_words.c: what libxml2 would only find out when it comes to it: unknown functions,
 * prefixes, variables. */
bool xpath_words_check(const char *text, struct xpath_mistake *ret_mistake);

/* xpath_work.c: makes the functions of a context count the nodes whose text they take. */
void xpath_work_hook(const struct xpath_lib *lib, xmlXPathContext *context);

/* xpath_mirror.c */
struct mirror {
	struct arena arena;
	xmlDoc doc;
	xmlNode **nodes; /* by the order of our nodes; NULL: not mirrored */
};

/* In place: the doc is pointed to. */
int mirror_init(struct mirror *mirror, const struct html *html, struct err *err);
void mirror_done(struct mirror *mirror);

#endif
