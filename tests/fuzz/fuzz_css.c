/* SPDX-License-Identifier: MIT */
/* fuzz_css.c - any text is a selector or a mistake with a place inside it; what compiles
 * runs over a page within its budget.  A NUL separates the selector from the page. */
#include "handlers/html/css.h"
#include "handlers/html/html.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORK_MAX = 1000000 };

static const char page_default[] =
	"<ul class='a b'><li id=x>1<li class=b>2 <b>3</b></ul><p lang=en>t<i></i>u</p>"
	"<div><div><a href=/x rel='y z'>l</a></div></div><svg><rect/></svg>";

static bool note(void *ctx, const struct css_match *match)
{
	const struct html_node **last = ctx;
	size_t len;

	assert(match->part == CSS_ATTR || !*last || (*last)->order <= match->node->order);
	assert(match->part == CSS_NODE || css_match_text(match, &len));
	*last = match->node;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size ? memchr(data, '\0', size) : NULL;
	size_t len = nul ? (size_t)(nul - data) : size;
	const char *page = nul ? (const char *)nul + 1 : page_default;
	size_t page_len = nul ? size - len - 1 : sizeof(page_default) - 1;
	char *text = malloc(len + 1);
	const struct html_node *last = NULL;
	uint64_t work = WORK_MAX;
	struct css *css = NULL;
	struct html *html = NULL;
	struct css_mistake mistake;
	struct err err;

	if (!text)
		return 0;
	memcpy(text, data, len);
	text[len] = '\0';
	if (css_compile(text, &css, &mistake, &err)) {
		assert(mistake.offset <= len && mistake.detail[0]);
	} else if (html_parse(page, page_len, HTML_DEFAULTS, &html, &err) == 0) {
		if (css_select(css, html, html_root(html), &work, note, (void *)&last, &err))
			assert(err.code == ERR_LIMIT);
		html_free(html);
	}
	css_free(css);
	free(text);
	return 0;
}
