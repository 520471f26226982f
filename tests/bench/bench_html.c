/* SPDX-License-Identifier: MIT */
/* bench_html.c - parse, title and all links of real pages, in MB/s of one core, beside
 * libgumbo and libxml2 in the same run.
 *
 *	bench_html folder…     reads every .html file below, at most 64 MiB in all
 *
 * And 50 selectors over the page whose size is nearest to 500 KB, the index included.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "handlers/html/css.h"
#include "handlers/html/html.h"

#include <ftw.h>
#include <gumbo.h>
#include <libxml/HTMLparser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGES_MAX = 8192, BYTES_MAX = 64 * 1024 * 1024, ROUNDS = 3 };

static struct page {
	char *text;
	size_t len;
} pages[PAGES_MAX];
static size_t page_count, bytes_all;

static int page_read(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	size_t len = (size_t)st->st_size;
	const char *dot = strrchr(path, '.');
	FILE *file;

	(void)ftw;
	if (type != FTW_F || !dot || strcmp(dot, ".html") != 0 || page_count == PAGES_MAX ||
	    bytes_all + len > BYTES_MAX)
		return 0;
	file = fopen(path, "r");
	if (!file)
		return 0;
	pages[page_count].text = malloc(len + 1);
	if (pages[page_count].text && fread(pages[page_count].text, 1, len, file) == len) {
		pages[page_count].text[len] = '\0';
		pages[page_count++].len = len;
		bytes_all += len;
	}
	fclose(file);
	return 0;
}

static size_t ours(const struct page *page)
{
	struct buf title = BUF(100000);
	struct html *html = NULL;
	struct err err;
	size_t links = 0;

	if (html_parse(page->text, page->len, HTML_DEFAULTS, &html, &err))
		return 0;
	html_title(html, &title);
	for (struct html_node *node = html_root(html); node;
	     node = html_next_element(node, html_root(html)))
		if (html_is(node, HTML_TAG_A) && html_attr(node, "href"))
			links++;
	buf_done(&title);
	html_free(html);
	return links;
}

static size_t gumbo_links(const GumboNode *node)
{
	size_t links = 0;

	if (node->type != GUMBO_NODE_ELEMENT)
		return 0;
	if (node->v.element.tag == GUMBO_TAG_A &&
	    gumbo_get_attribute(&node->v.element.attributes, "href"))
		links = 1;
	for (unsigned i = 0; i < node->v.element.children.length; i++)
		links += gumbo_links(node->v.element.children.data[i]);
	return links;
}

static size_t gumbo(const struct page *page)
{
	GumboOutput *output =
		gumbo_parse_with_options(&kGumboDefaultOptions, page->text, page->len);
	size_t links = gumbo_links(output->root);

	gumbo_destroy_output(&kGumboDefaultOptions, output);
	return links;
}

static size_t xml_links(const xmlNode *node)
{
	size_t links = 0;

	for (; node; node = node->next) {
		if (node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, "a") == 0 &&
		    xmlHasProp((xmlNode *)(uintptr_t)node, (const xmlChar *)"href"))
			links++;
		links += xml_links(node->children);
	}
	return links;
}

static size_t libxml2(const struct page *page)
{
	htmlDocPtr doc =
		htmlReadMemory(page->text, (int)page->len, NULL, "UTF-8",
			       HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_RECOVER);
	size_t links = doc ? xml_links(xmlDocGetRootElement(doc)) : 0;

	xmlFreeDoc(doc);
	return links;
}

static void measure(const char *name, size_t (*parse)(const struct page *page))
{
	int64_t best_us = INT64_MAX;
	size_t links = 0;

	for (int round = 0; round < ROUNDS; round++) {
		int64_t start_us = clock_thread_cpu_us();

		links = 0;
		for (size_t i = 0; i < page_count; i++)
			links += parse(&pages[i]);
		best_us = MIN(best_us, clock_thread_cpu_us() - start_us);
	}
	printf("%-8s %7.1f MB/s  %zu links\n", name, (double)bytes_all / (double)best_us, links);
}

static const char *const selectors[] = {
	"title",
	"h1",
	"h2",
	"h3",
	"p",
	"a[href]",
	"a::attr(href)",
	"div",
	"div > p",
	"div p a",
	"ul > li",
	"ul li:first-child",
	"ol li",
	"li:nth-child(2n+1)",
	"table tr td",
	"tr > td",
	"td:nth-child(2)",
	"pre",
	"code",
	"pre code",
	"dl > dt",
	"dt a",
	"dd p",
	"dd > p",
	".section",
	"div.section",
	".highlight",
	".highlight pre",
	".headerlink",
	"a.headerlink",
	".class",
	".method > dt",
	".sig",
	"#index",
	"#contents",
	"[id]",
	"[class]",
	"a[href^=http]",
	"a[href$='.html']",
	"a[title]",
	"a.reference.internal",
	"span.pre",
	"em",
	"em, strong",
	"h1, h2, h3",
	"p:not(.x)",
	"div:has(> h2)",
	"p ::text",
	"h1::text",
	"body > div > div",
};

static bool count(void *ctx, const struct css_match *match)
{
	(void)match;
	++*(size_t *)ctx;
	return true;
}

static void selectors_run(struct css *const *compiled, struct html *html, size_t *matches)
{
	uint64_t work = CSS_WORK_DEFAULT;
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(selectors); i++)
		if (css_select(compiled[i], html, html_root(html), &work, count, matches, &err))
			printf("%s: %s\n", selectors[i], err.detail);
}

static void measure_selectors(void)
{
	struct css *compiled[ARRAY_LEN(selectors)];
	const struct page *page = &pages[0];
	int64_t first_us = INT64_MAX, later_us = INT64_MAX;
	struct css_mistake mistake;
	size_t matches = 0;
	struct err err;

	for (size_t i = 0; i < page_count; i++)
		if (llabs((long long)pages[i].len - 500000) < llabs((long long)page->len - 500000))
			page = &pages[i];
	for (size_t i = 0; i < ARRAY_LEN(selectors); i++)
		if (css_compile(selectors[i], &compiled[i], &mistake, &err))
			exit(1);
	for (int round = 0; round < 10; round++) {
		struct html *html = NULL;
		int64_t start_us;

		if (html_parse(page->text, page->len, HTML_DEFAULTS, &html, &err))
			exit(1);
		matches = 0;
		start_us = clock_thread_cpu_us();
		selectors_run(compiled, html, &matches);
		first_us = MIN(first_us, clock_thread_cpu_us() - start_us);
		start_us = clock_thread_cpu_us();
		selectors_run(compiled, html, &matches);
		later_us = MIN(later_us, clock_thread_cpu_us() - start_us);
		html_free(html);
	}
	printf("%zu selectors over %zu bytes: %.2f ms with the index, %.2f ms without, %zu "
	       "matches\n",
	       ARRAY_LEN(selectors), page->len, (double)first_us / 1e3, (double)later_us / 1e3,
	       matches / 2);
	for (size_t i = 0; i < ARRAY_LEN(selectors); i++)
		css_free(compiled[i]);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		nftw(argv[i], page_read, 32, FTW_PHYS);
	printf("%zu pages, %.1f MB\n", page_count, (double)bytes_all / 1e6);
	if (page_count == 0)
		return 1;
	measure_selectors();
	measure("ours", ours);
	measure("libxml2", libxml2);
	measure("gumbo", gumbo);
	return 0;
}
