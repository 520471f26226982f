/* SPDX-License-Identifier: MIT */
/* test_html_tree.c - trees as browsers build them.
 *
 * The public tree-construction suite (html5lib-tests) is read at run time when it lies
 * beside the project; the literal cases below it need nothing.
 */
#include "base/buf.h"
#include "handlers/html/html.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char suite_folder[] = "../shared/conformance/html";

enum { PERCENT_WANTED = 94, DUMP_BYTES_MAX = 16 * 1024 * 1024 };

/* ---- a tree as the suite writes it ---- */

static void indent_add(struct buf *buf, unsigned depth)
{
	buf_add_text(buf, "| ");
	for (unsigned i = 0; i < depth; i++)
		buf_add_text(buf, "  ");
}

static int attr_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "name="value"", with the namespace before it: "xlink href="x"". */
static char *attr_line(const struct html_attr *attr)
{
	static const char *const spaces[] = {"", "xlink ", "xml ", "xmlns "};
	struct buf buf = BUF(DUMP_BYTES_MAX);
	const char *name = attr->name;
	size_t len = attr->name_len;
	const char *colon = memchr(name, ':', len);

	if (attr->space != HTML_ATTR_PLAIN && colon) {
		len -= (size_t)(colon + 1 - name);
		name = colon + 1;
	}
	buf_add_text(&buf, spaces[attr->space]);
	buf_add(&buf, name, len);
	buf_add_text(&buf, "=\"");
	buf_add(&buf, attr->value, attr->value_len);
	buf_add_text(&buf, "\"");
	return buf_take(&buf, NULL);
}

static void attrs_dump(const struct html_node *node, unsigned depth, struct buf *buf)
{
	char *lines[64];
	size_t count = 0;

	for (const struct html_attr *attr = node->attrs; attr && count < 64; attr = attr->next)
		lines[count++] = attr_line(attr);
	qsort(lines, count, sizeof(lines[0]), attr_order);
	for (size_t i = 0; i < count; i++) {
		indent_add(buf, depth);
		buf_printf(buf, "%s\n", lines[i]);
		free(lines[i]);
	}
}

static void doctype_dump(const struct html_node *node, struct buf *buf)
{
	const struct html_attr *public = html_attr(node, "public");
	const struct html_attr *system = html_attr(node, "system");

	buf_add_text(buf, "<!DOCTYPE ");
	buf_add(buf, node->text, node->len);
	if (public && (public->value_len || system->value_len))
		buf_printf(buf, " \"%.*s\" \"%.*s\"", (int)public->value_len, public->value,
			   (int)system->value_len, system->value);
	buf_add_text(buf, ">\n");
}

static void node_dump(const struct html_node *node, unsigned depth, struct buf *buf)
{
	static const char *const spaces[] = {"", "svg ", "math "};

	indent_add(buf, depth);
	switch ((enum html_kind)node->kind) {
	case HTML_ELEMENT:
		buf_printf(buf, "<%s%.*s>\n", spaces[node->space], (int)node->len, node->text);
		attrs_dump(node, depth + 1, buf);
		break;
	case HTML_TEXT:
		buf_add_text(buf, "\"");
		buf_add(buf, node->text, node->len);
		buf_add_text(buf, "\"\n");
		break;
	case HTML_COMMENT:
		buf_add_text(buf, "<!-- ");
		buf_add(buf, node->text, node->len);
		buf_add_text(buf, " -->\n");
		break;
	case HTML_DOCTYPE:
		doctype_dump(node, buf);
		break;
	case HTML_CONTENT:
		buf_add_text(buf, "content\n");
		break;
	case HTML_DOCUMENT:
		break;
	}
}

static char *tree_dump(const struct html *html)
{
	struct buf buf = BUF(DUMP_BYTES_MAX);
	const struct html_node *node = html_root(html)->first;
	unsigned depth = 0;

	while (node) {
		node_dump(node, depth, &buf);
		if (node->first) {
			node = node->first;
			depth++;
			continue;
		}
		while (node && !node->next) {
			node = node->parent;
			depth--;
		}
		node = node ? node->next : NULL;
	}
	return buf_take(&buf, NULL);
}

/* The dump of a page parsed with the defaults; free() it. */
static char *dump_of(const char *page, size_t len)
{
	struct html *html = NULL;
	struct err err;
	char *dump;

	assert_int_equal(html_parse(page, len, HTML_DEFAULTS, &html, &err), 0);
	dump = tree_dump(html);
	html_free(html);
	return dump;
}

static void assert_tree(const char *page, const char *expected)
{
	char *dump = dump_of(page, strlen(page));

	assert_string_equal(dump, expected);
	free(dump);
}

/* ---- the suite ---- */

struct score {
	unsigned documents, documents_exact;
	unsigned fragments, fragments_exact;
};

struct test_case {
	struct buf data, document;
	char context[64];
	int scripting; /* -1: both */
};

static void case_clear(struct test_case *test)
{
	buf_clear(&test->data);
	buf_clear(&test->document);
	test->context[0] = '\0';
	test->scripting = -1;
}

static bool case_exact(const struct test_case *test, bool scripting)
{
	struct html_limits limits = HTML_DEFAULTS;
	enum html_space space = HTML_SPACE_HTML;
	const char *context = test->context;
	struct html *html = NULL;
	struct err err;
	char *dump;
	bool exact;
	int rc;

	limits.scripting = scripting;
	if (strncmp(context, "svg ", 4) == 0) {
		space = HTML_SPACE_SVG;
		context += 4;
	} else if (strncmp(context, "math ", 5) == 0) {
		space = HTML_SPACE_MATH;
		context += 5;
	}
	rc = *context ? html_parse_fragment(test->data.data, test->data.len, limits, context, space,
					    &html, &err)
		      : html_parse(buf_text(&test->data), test->data.len, limits, &html, &err);
	assert_int_equal(rc, 0);
	dump = tree_dump(html);
	exact = strcmp(dump, buf_text(&test->document)) == 0;
	if (!exact && getenv("HTML_SHOW"))
		printf("---- %s\n%s\n---- expected\n%s---- got\n%s", test->context,
		       buf_text(&test->data), buf_text(&test->document), dump);
	free(dump);
	html_free(html);
	return exact;
}

static void case_run(struct test_case *test, struct score *score)
{
	bool exact;

	if (test->document.len == 0)
		return;
	/* the newline before the next "#" belongs to the format */
	if (test->data.len)
		buf_cut(&test->data, test->data.len - 1);
	while (test->document.len > 1 && test->document.data[test->document.len - 2] == '\n')
		buf_cut(&test->document, test->document.len - 1);
	exact = (test->scripting == 1 || case_exact(test, false)) &&
		(test->scripting == 0 || case_exact(test, true));
	if (test->context[0]) {
		score->fragments++;
		score->fragments_exact += exact;
	} else {
		score->documents++;
		score->documents_exact += exact;
	}
}

static void file_run(const char *path, struct score *score)
{
	struct test_case test = {.data = BUF(DUMP_BYTES_MAX), .document = BUF(DUMP_BYTES_MAX)};
	enum { NOTHING, DATA, FRAGMENT, DOCUMENT } section = NOTHING;
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;

	assert_non_null(file);
	case_clear(&test);
	while ((len = getline(&line, &cap, file)) >= 0) {
		if (strcmp(line, "#data\n") == 0) {
			case_run(&test, score);
			case_clear(&test);
			section = DATA;
		} else if (strcmp(line, "#errors\n") == 0 || strcmp(line, "#new-errors\n") == 0) {
			section = NOTHING;
		} else if (strcmp(line, "#script-off\n") == 0) {
			test.scripting = 0;
		} else if (strcmp(line, "#script-on\n") == 0) {
			test.scripting = 1;
		} else if (strcmp(line, "#document-fragment\n") == 0) {
			section = FRAGMENT;
		} else if (strcmp(line, "#document\n") == 0) {
			section = DOCUMENT;
		} else if (section == DATA) {
			buf_add(&test.data, line, (size_t)len);
		} else if (section == DOCUMENT) {
			buf_add(&test.document, line, (size_t)len);
		} else if (section == FRAGMENT) {
			snprintf(test.context, sizeof(test.context), "%.*s", (int)len - 1, line);
		}
	}
	if (test.document.len && test.document.data[test.document.len - 1] != '\n')
		buf_add_byte(&test.document, '\n');
	case_run(&test, score);
	free(line);
	fclose(file);
	buf_done(&test.data);
	buf_done(&test.document);
}

static void the_public_suite_gives_exact_trees(void **state)
{
	/* Of the document cases of html5lib-tests at least 94 % are exact. */
	struct score score = {0};
	DIR *folder = opendir(suite_folder);
	struct dirent *entry;
	char path[512];

	(void)state;
	if (!folder) {
		print_message("skipped: no %s here\n", suite_folder);
		skip();
	}
	while ((entry = readdir(folder))) {
		size_t len = strlen(entry->d_name);

		if (len < 4 || strcmp(entry->d_name + len - 4, ".dat") != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", suite_folder, entry->d_name);
		file_run(path, &score);
	}
	closedir(folder);
	print_message("exact trees: %u of %u documents, %u of %u fragments\n",
		      score.documents_exact, score.documents, score.fragments_exact,
		      score.fragments);
	assert_true(score.documents > 0);
	assert_true(score.documents_exact * 100 >= score.documents * PERCENT_WANTED);
}
/* ---- literal cases ---- */

static void misnested_formatting_is_adopted(void **state)
{
	/* The example of the standard, 13.2.10.1: <p>1<b>2<i>3</b>4</i>5</p>. */
	(void)state;
	assert_tree("<p>1<b>2<i>3</b>4</i>5</p>", "| <html>\n"
						  "|   <head>\n"
						  "|   <body>\n"
						  "|     <p>\n"
						  "|       \"1\"\n"
						  "|       <b>\n"
						  "|         \"2\"\n"
						  "|         <i>\n"
						  "|           \"3\"\n"
						  "|       <i>\n"
						  "|         \"4\"\n"
						  "|       \"5\"\n");
}

static void blocks_inside_formatting_are_adopted(void **state)
{
	/* The example of the standard, 13.2.10.2: <b>1<p>2</b>3</p>. */
	(void)state;
	assert_tree("<b>1<p>2</b>3</p>", "| <html>\n"
					 "|   <head>\n"
					 "|   <body>\n"
					 "|     <b>\n"
					 "|       \"1\"\n"
					 "|     <p>\n"
					 "|       <b>\n"
					 "|         \"2\"\n"
					 "|       \"3\"\n");
}

static void what_a_table_does_not_take_goes_before_it(void **state)
{
	/* The example of the standard, 13.2.10.3: <table><b><tr><td>aaa</td></tr>bbb</table>ccc. */
	(void)state;
	assert_tree("<table><b><tr><td>aaa</td></tr>bbb</table>ccc", "| <html>\n"
								     "|   <head>\n"
								     "|   <body>\n"
								     "|     <b>\n"
								     "|     <b>\n"
								     "|       \"bbb\"\n"
								     "|     <table>\n"
								     "|       <tbody>\n"
								     "|         <tr>\n"
								     "|           <td>\n"
								     "|             \"aaa\"\n"
								     "|     <b>\n"
								     "|       \"ccc\"\n");
}

static void references_newlines_and_nuls_are_read(void **state)
{
	/* &copy without ';' counts in text, not in an attribute; CR LF is one LF; NUL goes. */
	static const char page[] = "<body title='&copy=1&amp;'>a&copy b\r\nc\rd\0e&#x80;&notit;";
	char *dump = dump_of(page, sizeof(page) - 1);

	(void)state;
	assert_string_equal(dump, "| <html>\n"
				  "|   <head>\n"
				  "|   <body>\n"
				  "|     title=\"&copy=1&\"\n"
				  "|     \"a© b\nc\nde€¬it;\"\n");
	free(dump);
}

static void templates_keep_their_content_apart(void **state)
{
	/* A walk does not enter the content of a template; the tree has it. */
	static const char page[] = "<template><p>in</p></template><p>out";
	struct html *html = NULL;
	struct buf text = BUF(100);
	struct err err;

	(void)state;
	assert_int_equal(html_parse(page, strlen(page), HTML_DEFAULTS, &html, &err), 0);
	html_text(html_root(html), &text);
	assert_string_equal(buf_text(&text), "out");
	buf_clear(&text);
	html_outer(html_root(html), &text);
	assert_string_equal(buf_text(&text), "<html><head><template><p>in</p></template></head>"
					     "<body><p>out</p></body></html>");
	buf_done(&text);
	html_free(html);
}

static void text_for_people_is_collapsed(void **state)
{
	/* Cells and paragraphs are set apart, scripts unseen, inline elements joined. */
	static const char page[] = "<title> A\n title </title><script>no</script><table><td>a<td>b"
				   "</table><p> x<b>y</b>  z <style>p{}</style></p>end";
	struct html *html = NULL;
	struct buf text = BUF(100);
	struct err err;

	(void)state;
	assert_int_equal(html_parse(page, strlen(page), HTML_DEFAULTS, &html, &err), 0);
	html_text_clean(html_body(html), &text);
	assert_string_equal(buf_text(&text), "a b xy z end");
	buf_clear(&text);
	html_title(html, &text);
	assert_string_equal(buf_text(&text), "A title");
	buf_done(&text);
	html_free(html);
}

static void markup_is_written_with_escapes(void **state)
{
	/* &, <, >, no-break space in text; " in attributes; nothing in a script. */
	static const char page[] = "<p title='\"&lt;'>a&lt;b&nbsp;&amp;<br><script>1<2</script>";
	struct html *html = NULL;
	struct buf text = BUF(1000);
	struct err err;

	(void)state;
	assert_int_equal(html_parse(page, strlen(page), HTML_DEFAULTS, &html, &err), 0);
	html_inner(html_body(html), &text);
	assert_string_equal(buf_text(&text), "<p title=\"&quot;&lt;\">a&lt;b&nbsp;&amp;<br>"
					     "<script>1<2</script></p>");
	buf_done(&text);
	html_free(html);
}

static void nodes_are_numbered_in_document_order(void **state)
{
	/* html 1, head 2, body 3, p 4, text 5, b 6, text 7: the <p> spans 4 to 7. */
	static const char page[] = "<p>a<b>c";
	struct html *html = NULL;
	struct html_node *p;
	struct err err;

	(void)state;
	assert_int_equal(html_parse(page, strlen(page), HTML_DEFAULTS, &html, &err), 0);
	p = html_body(html)->first;
	assert_int_equal(p->order, 4);
	assert_int_equal(p->last_order, 7);
	assert_int_equal(html_root(html)->last_order, 7);
	html_free(html);
}

/* Parses `count` times `piece`, a '#' in it as a running number; returns the greatest
 * depth of a node. */
static unsigned depth_of(const char *before, const char *piece, unsigned count)
{
	struct buf page = BUF(HTML_DEFAULTS.bytes_max);
	struct html *html = NULL;
	struct err err;
	unsigned deepest = 0;

	buf_add_text(&page, before);
	for (unsigned i = 0; i < count; i++)
		for (const char *c = piece; *c; c++)
			if (*c == '#')
				buf_add_int(&page, i);
			else
				buf_add_byte(&page, *c);
	assert_int_equal(html_parse(page.data, page.len, HTML_DEFAULTS, &html, &err), 0);
	for (const struct html_node *node = html_root(html); node;
	     node = html_next(node, html_root(html))) {
		unsigned depth = 0;

		if (node->first)
			continue;
		for (const struct html_node *up = node; up && depth <= 600; up = up->parent)
			depth++;
		deepest = depth > deepest ? depth : deepest;
	}
	html_free(html);
	buf_done(&page);
	return deepest;
}

static void depth_is_capped(void **state)
{
	/* 20,000 nested <div> become a tree of at most 512 levels and a few. */
	(void)state;
	assert_in_range(depth_of("", "<div>", 20000), 500, 520);
	assert_in_range(depth_of("<p><button>", "<div>", 2000), 500, 520);
}

static void hostile_pages_stay_linear(void **state)
{
	/* Each of these has a quadratic trap; all fit the default work budget. */
	(void)state;
	depth_of("", "<b>", 100000);
	depth_of("", "<b id=#>", 100000);
	depth_of("<p>", "<a href=x>", 100000);
	depth_of("", "<b><div>", 20000);
	depth_of("<div ", "a ", 100000);
	depth_of("", "&amp;<x>", 100000);
	depth_of("<table>", "x<tr>", 50000);
}

static void many_attributes_keep_the_first_of_each_name(void **state)
{
	/* 100,000 attributes: a0 … a49999 twice; the first values stay. */
	struct buf page = BUF(HTML_DEFAULTS.bytes_max);
	struct html *html = NULL;
	struct err err;
	unsigned count = 0;

	(void)state;
	buf_add_text(&page, "<body ");
	for (unsigned i = 0; i < 100000; i++)
		buf_printf(&page, "a%u=%u ", i % 50000, i);
	buf_add_text(&page, ">");
	assert_int_equal(html_parse(page.data, page.len, HTML_DEFAULTS, &html, &err), 0);
	for (const struct html_attr *attr = html_body(html)->attrs; attr; attr = attr->next)
		count++;
	assert_int_equal(count, 50000);
	assert_memory_equal(html_attr(html_body(html), "a49999")->value, "49999", 5);
	html_free(html);
	buf_done(&page);
}

static void a_page_past_a_limit_is_an_error(void **state)
{
	/* Bytes, memory, work and CPU time: each ends the parse with ERR_LIMIT. */
	struct html_limits limits = HTML_DEFAULTS;
	struct html *html = NULL;
	struct err err = {0};

	(void)state;
	limits.bytes_max = 10;
	assert_int_equal(html_parse("<p>12345678", 11, limits, &html, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	limits = HTML_DEFAULTS;
	limits.arena_bytes_max = 600;
	assert_int_equal(html_parse("<p><p><p><p><p><p>", 18, limits, &html, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	limits = HTML_DEFAULTS;
	limits.work_base = 3;
	limits.work_per_byte = 0;
	assert_int_equal(html_parse("<p><p><p><p><p><p>", 18, limits, &html, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	limits = HTML_DEFAULTS;
	limits.cpu_us_max = -1;
	assert_int_equal(html_parse("<p><p><p><p><p><p>", 18, limits, &html, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_null(html);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_public_suite_gives_exact_trees),
		cmocka_unit_test(misnested_formatting_is_adopted),
		cmocka_unit_test(blocks_inside_formatting_are_adopted),
		cmocka_unit_test(what_a_table_does_not_take_goes_before_it),
		cmocka_unit_test(references_newlines_and_nuls_are_read),
		cmocka_unit_test(templates_keep_their_content_apart),
		cmocka_unit_test(text_for_people_is_collapsed),
		cmocka_unit_test(markup_is_written_with_escapes),
		cmocka_unit_test(nodes_are_numbered_in_document_order),
		cmocka_unit_test(depth_is_capped),
		cmocka_unit_test(hostile_pages_stay_linear),
		cmocka_unit_test(many_attributes_keep_the_first_of_each_name),
		cmocka_unit_test(a_page_past_a_limit_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
