/* SPDX-License-Identifier: MIT */
/* foreign.c - SVG and MathML inside HTML (13.2.6.5), and how they spell names. */
#include "handlers/html/builder.h"

#include <string.h>
#include <strings.h>

/* Spelled with capitals in SVG; sorted without case, for a binary search. */
static const char *const svg_names[] = {"altGlyph",
					"altGlyphDef",
					"altGlyphItem",
					"animateColor",
					"animateMotion",
					"animateTransform",
					"clipPath",
					"feBlend",
					"feColorMatrix",
					"feComponentTransfer",
					"feComposite",
					"feConvolveMatrix",
					"feDiffuseLighting",
					"feDisplacementMap",
					"feDistantLight",
					"feDropShadow",
					"feFlood",
					"feFuncA",
					"feFuncB",
					"feFuncG",
					"feFuncR",
					"feGaussianBlur",
					"feImage",
					"feMerge",
					"feMergeNode",
					"feMorphology",
					"feOffset",
					"fePointLight",
					"feSpecularLighting",
					"feSpotLight",
					"feTile",
					"feTurbulence",
					"foreignObject",
					"glyphRef",
					"linearGradient",
					"radialGradient",
					"textPath"};

static const char *const svg_attrs[] = {"attributeName",
					"attributeType",
					"baseFrequency",
					"baseProfile",
					"calcMode",
					"clipPathUnits",
					"diffuseConstant",
					"edgeMode",
					"filterUnits",
					"glyphRef",
					"gradientTransform",
					"gradientUnits",
					"kernelMatrix",
					"kernelUnitLength",
					"keyPoints",
					"keySplines",
					"keyTimes",
					"lengthAdjust",
					"limitingConeAngle",
					"markerHeight",
					"markerUnits",
					"markerWidth",
					"maskContentUnits",
					"maskUnits",
					"numOctaves",
					"pathLength",
					"patternContentUnits",
					"patternTransform",
					"patternUnits",
					"pointsAtX",
					"pointsAtY",
					"pointsAtZ",
					"preserveAlpha",
					"preserveAspectRatio",
					"primitiveUnits",
					"refX",
					"refY",
					"repeatCount",
					"repeatDur",
					"requiredExtensions",
					"requiredFeatures",
					"specularConstant",
					"specularExponent",
					"spreadMethod",
					"startOffset",
					"stdDeviation",
					"stitchTiles",
					"surfaceScale",
					"systemLanguage",
					"tableValues",
					"targetX",
					"targetY",
					"textLength",
					"viewBox",
					"viewTarget",
					"xChannelSelector",
					"yChannelSelector",
					"zoomAndPan"};

static const struct {
	const char *name;
	uint8_t space;
} spaced_attrs[] = {
	{"xlink:actuate", HTML_ATTR_XLINK}, {"xlink:arcrole", HTML_ATTR_XLINK},
	{"xlink:href", HTML_ATTR_XLINK},    {"xlink:role", HTML_ATTR_XLINK},
	{"xlink:show", HTML_ATTR_XLINK},    {"xlink:title", HTML_ATTR_XLINK},
	{"xlink:type", HTML_ATTR_XLINK},    {"xml:lang", HTML_ATTR_XML},
	{"xml:space", HTML_ATTR_XML},	    {"xmlns", HTML_ATTR_XMLNS},
	{"xmlns:xlink", HTML_ATTR_XMLNS},
};

static const char *spelling(const char *const *names, size_t count, const char *name, size_t len)
{
	for (size_t lo = 0, hi = count; lo < hi;) {
		size_t mid = lo + (hi - lo) / 2;
		int order = strncasecmp(names[mid], name, len);

		if (order == 0 && names[mid][len] == '\0')
			return names[mid];
		if (order < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

struct slice foreign_name(const struct token *token, enum html_space space)
{
	const char *name = NULL;

	if (space == HTML_SPACE_SVG)
		name = spelling(svg_names, ARRAY_LEN(svg_names), token->text.at, token->text.len);
	return name ? (struct slice){name, token->text.len} : token->text;
}

static void attr_adjust(struct html_attr *attr, enum html_space space)
{
	const char *name = NULL;

	if (space == HTML_SPACE_SVG)
		name = spelling(svg_attrs, ARRAY_LEN(svg_attrs), attr->name, attr->name_len);
	else if (attr->name_len == 13 && memcmp(attr->name, "definitionurl", 13) == 0)
		name = "definitionURL";
	if (name)
		attr->name = name;
	if (attr->name_len < 5 || attr->name[0] != 'x')
		return;
	for (size_t i = 0; i < ARRAY_LEN(spaced_attrs); i++)
		if (strlen(spaced_attrs[i].name) == attr->name_len &&
		    memcmp(spaced_attrs[i].name, attr->name, attr->name_len) == 0)
			attr->space = spaced_attrs[i].space;
}

void foreign_attrs_adjust(struct html_attr *attrs, enum html_space space)
{
	for (; attrs; attrs = attrs->next)
		attr_adjust(attrs, space);
}

static bool is_text_point(const struct html_node *node)
{
	return node->space == HTML_SPACE_MATH && node->tag >= HTML_TAG_MI &&
	       node->tag <= HTML_TAG_MTEXT;
}

static bool is_html_point(const struct html_node *node)
{
	if (node->space == HTML_SPACE_MATH)
		return node->flags & FLAG_INTEGRATION;
	return node->space == HTML_SPACE_SVG &&
	       (node->tag == HTML_TAG_FOREIGNOBJECT || node->tag == HTML_TAG_DESC ||
		node->tag == HTML_TAG_TITLE);
}

static const struct html_node *adjusted_node(const struct builder *b)
{
	return b->context && b->open_count == 1 ? b->context : stack_top(b);
}

bool foreign_current(const struct builder *b)
{
	return b->open_count > 0 && adjusted_node(b)->space != HTML_SPACE_HTML;
}

/* The tree construction dispatcher (13.2.6): does the token belong to SVG or MathML? */
bool foreign_applies(struct builder *b, const struct token *token)
{
	const struct html_node *node;

	if (token->kind == TOKEN_EOF || !foreign_current(b))
		return false;
	node = adjusted_node(b);
	if (is_text_point(node) && (token->kind == TOKEN_TEXT ||
				    (token->kind == TOKEN_START && token->tag != HTML_TAG_MGLYPH &&
				     token->tag != HTML_TAG_MALIGNMARK)))
		return false;
	if (node->space == HTML_SPACE_MATH && node->tag == HTML_TAG_ANNOTATION_XML &&
	    is_start(token, HTML_TAG_SVG))
		return false;
	return !(is_html_point(node) && (token->kind == TOKEN_START || token->kind == TOKEN_TEXT));
}

static bool font_breaks_out(const struct token *token)
{
	for (size_t i = 0; i < token->attr_count; i++) {
		const struct html_attr *attr = &token->attrs[i];

		if ((attr->name_len == 5 && memcmp(attr->name, "color", 5) == 0) ||
		    (attr->name_len == 4 &&
		     (memcmp(attr->name, "face", 4) == 0 || memcmp(attr->name, "size", 4) == 0)))
			return true;
	}
	return false;
}

static bool breaks_out(const struct token *token)
{
	if (token->kind == TOKEN_END)
		return token->tag == HTML_TAG_BR || token->tag == HTML_TAG_P;
	return (html_tag_flags(token->tag) & TAG_BREAKOUT) ||
	       (token->tag == HTML_TAG_FONT && font_breaks_out(token));
}

static bool foreign_start(struct builder *b, struct token *token)
{
	enum html_space space = (enum html_space)adjusted_node(b)->space;
	struct html_node *node = element_insert_foreign(b, token, space);
	const struct html_attr *encoding;

	if (space == HTML_SPACE_MATH && token->tag == HTML_TAG_ANNOTATION_XML) {
		encoding = html_attr(node, "encoding");
		if (encoding && ((encoding->value_len == 9 &&
				  strncasecmp(encoding->value, "text/html", 9) == 0) ||
				 (encoding->value_len == 21 &&
				  strncasecmp(encoding->value, "application/xhtml+xml", 21) == 0)))
			node->flags |= FLAG_INTEGRATION;
	}
	if (token->self_closing)
		stack_pop(b);
	return false;
}

static bool name_is(const struct html_node *node, const struct token *token)
{
	return node->len == token->text.len &&
	       strncasecmp(node->text, token->text.at, node->len) == 0;
}

/* Closes the foreign element of that name; an HTML element on the way takes over. */
static bool foreign_end(struct builder *b, struct token *token)
{
	if (b->open_count == 1)
		return false;
	for (size_t i = b->open_count; i-- > 0;) {
		struct html_node *node = b->open[i];

		build_work(b, 1);
		if (node->space == HTML_SPACE_HTML)
			return rule_by_mode(b, token);
		if (name_is(node, token)) {
			stack_pop_until_node(b, node);
			return false;
		}
	}
	return false;
}

static void foreign_text(struct builder *b, struct token *token)
{
	const char *p = token->text.at;
	const char *end = p + token->text.len;

	for (const char *q = p; q < end && b->frameset_ok; q++)
		if (!is_space(*q) && *q != '\0')
			b->frameset_ok = false;
	if (token->has_nul) {
		/* slice_no_nul() works in the scratch that such a text may live in */
		char *copy = arena_copy(b->arena, p, token->text.len);

		if (!copy) {
			build_stop(b);
			return;
		}
		token->text = slice_no_nul(&b->tz, copy, copy + token->text.len);
		token->scratch = false;
	}
	text_insert(b, token, token->text);
}

bool rule_foreign(struct builder *b, struct token *token)
{
	switch (token->kind) {
	case TOKEN_TEXT:
		foreign_text(b, token);
		return false;
	case TOKEN_COMMENT:
		comment_insert(b, token, NULL);
		return false;
	case TOKEN_START:
		if (!breaks_out(token))
			return foreign_start(b, token);
		break;
	case TOKEN_END:
		if (!breaks_out(token))
			return foreign_end(b, token);
		break;
	default:
		return false;
	}
	while (b->open_count > 1 && stack_top(b)->space != HTML_SPACE_HTML &&
	       !is_text_point(stack_top(b)) && !is_html_point(stack_top(b)))
		stack_pop(b);
	return rule_by_mode(b, token);
}
