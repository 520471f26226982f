/* SPDX-License-Identifier: MIT */
/* names.h - the element names that HTML gives a meaning, as small numbers.
 *
 * An element carries the number of its name (HTML_TAG_OTHER when it has none), so
 * that asking "is this an <a>?" compares integers.  The flags beside each name are
 * the sets that the standard's tree construction (WHATWG HTML, 13.2.4 and 13.2.6)
 * asks for again and again; they hold for elements in the HTML namespace.
 *
 * Threads    every function from any thread.
 * Ownership  names are static strings.
 */
#ifndef HTML_NAMES_H
#define HTML_NAMES_H

#include <stddef.h>

enum html_tag_flag {
	TAG_SPECIAL = 1 << 0,  /* "special": stops the search of a stray end tag */
	TAG_SCOPE = 1 << 1,    /* ends the search of "has an element in scope" */
	TAG_IMPLIED = 1 << 2,  /* end tag generated when something else closes */
	TAG_THOROUGH = 1 << 3, /* the same, generated "thoroughly" */
	TAG_VOID = 1 << 4,     /* never has an end tag: serialised without one */
	TAG_FORMAT = 1 << 5,   /* on the list of active formatting elements */
	TAG_BREAKOUT = 1 << 6, /* a start tag that leaves SVG or MathML */
	TAG_BLOCK = 1 << 7,    /* a start tag that closes an open <p> and nests */
	TAG_RAW = 1 << 8,      /* its text is serialised without escapes */
};

/* clang-format off */
/*	name in C            name               flags */
#define HTML_TAG_TABLE(X) \
	X(A,                 "a",               TAG_FORMAT) \
	X(ADDRESS,           "address",         TAG_SPECIAL | TAG_BLOCK) \
	X(ANNOTATION_XML,    "annotation-xml",  0) \
	X(APPLET,            "applet",          TAG_SPECIAL | TAG_SCOPE) \
	X(AREA,              "area",            TAG_SPECIAL | TAG_VOID) \
	X(ARTICLE,           "article",         TAG_SPECIAL | TAG_BLOCK) \
	X(ASIDE,             "aside",           TAG_SPECIAL | TAG_BLOCK) \
	X(B,                 "b",               TAG_FORMAT | TAG_BREAKOUT) \
	X(BASE,              "base",            TAG_SPECIAL | TAG_VOID) \
	X(BASEFONT,          "basefont",        TAG_SPECIAL | TAG_VOID) \
	X(BGSOUND,           "bgsound",         TAG_SPECIAL | TAG_VOID) \
	X(BIG,               "big",             TAG_FORMAT | TAG_BREAKOUT) \
	X(BLOCKQUOTE,        "blockquote",      TAG_SPECIAL | TAG_BLOCK | TAG_BREAKOUT) \
	X(BODY,              "body",            TAG_SPECIAL | TAG_BREAKOUT) \
	X(BR,                "br",              TAG_SPECIAL | TAG_VOID | TAG_BREAKOUT) \
	X(BUTTON,            "button",          TAG_SPECIAL) \
	X(CAPTION,           "caption",         TAG_SPECIAL | TAG_SCOPE | TAG_THOROUGH) \
	X(CENTER,            "center",          TAG_SPECIAL | TAG_BLOCK | TAG_BREAKOUT) \
	X(CODE,              "code",            TAG_FORMAT | TAG_BREAKOUT) \
	X(COL,               "col",             TAG_SPECIAL | TAG_VOID) \
	X(COLGROUP,          "colgroup",        TAG_SPECIAL | TAG_THOROUGH) \
	X(DD,                "dd",              TAG_SPECIAL | TAG_IMPLIED | TAG_BREAKOUT) \
	X(DESC,              "desc",            0) \
	X(DETAILS,           "details",         TAG_SPECIAL | TAG_BLOCK) \
	X(DIALOG,            "dialog",          TAG_BLOCK) \
	X(DIR,               "dir",             TAG_SPECIAL | TAG_BLOCK) \
	X(DIV,               "div",             TAG_SPECIAL | TAG_BLOCK | TAG_BREAKOUT) \
	X(DL,                "dl",              TAG_SPECIAL | TAG_BLOCK | TAG_BREAKOUT) \
	X(DT,                "dt",              TAG_SPECIAL | TAG_IMPLIED | TAG_BREAKOUT) \
	X(EM,                "em",              TAG_FORMAT | TAG_BREAKOUT) \
	X(EMBED,             "embed",           TAG_SPECIAL | TAG_VOID | TAG_BREAKOUT) \
	X(FIELDSET,          "fieldset",        TAG_SPECIAL | TAG_BLOCK) \
	X(FIGCAPTION,        "figcaption",      TAG_SPECIAL | TAG_BLOCK) \
	X(FIGURE,            "figure",          TAG_SPECIAL | TAG_BLOCK) \
	X(FONT,              "font",            TAG_FORMAT) \
	X(FOOTER,            "footer",          TAG_SPECIAL | TAG_BLOCK) \
	X(FOREIGNOBJECT,     "foreignobject",   0) \
	X(FORM,              "form",            TAG_SPECIAL) \
	X(FRAME,             "frame",           TAG_SPECIAL | TAG_VOID) \
	X(FRAMESET,          "frameset",        TAG_SPECIAL) \
	X(H1,                "h1",              TAG_SPECIAL | TAG_BREAKOUT) \
	X(H2,                "h2",              TAG_SPECIAL | TAG_BREAKOUT) \
	X(H3,                "h3",              TAG_SPECIAL | TAG_BREAKOUT) \
	X(H4,                "h4",              TAG_SPECIAL | TAG_BREAKOUT) \
	X(H5,                "h5",              TAG_SPECIAL | TAG_BREAKOUT) \
	X(H6,                "h6",              TAG_SPECIAL | TAG_BREAKOUT) \
	X(HEAD,              "head",            TAG_SPECIAL | TAG_BREAKOUT) \
	X(HEADER,            "header",          TAG_SPECIAL | TAG_BLOCK) \
	X(HGROUP,            "hgroup",          TAG_SPECIAL | TAG_BLOCK) \
	X(HR,                "hr",              TAG_SPECIAL | TAG_VOID | TAG_BREAKOUT) \
	X(HTML,              "html",            TAG_SPECIAL | TAG_SCOPE) \
	X(I,                 "i",               TAG_FORMAT | TAG_BREAKOUT) \
	X(IFRAME,            "iframe",          TAG_SPECIAL | TAG_RAW) \
	X(IMAGE,             "image",           0) \
	X(IMG,               "img",             TAG_SPECIAL | TAG_VOID | TAG_BREAKOUT) \
	X(INPUT,             "input",           TAG_SPECIAL | TAG_VOID) \
	X(KEYGEN,            "keygen",          TAG_SPECIAL | TAG_VOID) \
	X(LI,                "li",              TAG_SPECIAL | TAG_IMPLIED | TAG_BREAKOUT) \
	X(LINK,              "link",            TAG_SPECIAL | TAG_VOID) \
	X(LISTING,           "listing",         TAG_SPECIAL | TAG_BREAKOUT) \
	X(MAIN,              "main",            TAG_SPECIAL | TAG_BLOCK) \
	X(MALIGNMARK,        "malignmark",      0) \
	X(MARQUEE,           "marquee",         TAG_SPECIAL | TAG_SCOPE) \
	X(MATH,              "math",            0) \
	X(MENU,              "menu",            TAG_SPECIAL | TAG_BLOCK | TAG_BREAKOUT) \
	X(META,              "meta",            TAG_SPECIAL | TAG_VOID | TAG_BREAKOUT) \
	X(MGLYPH,            "mglyph",          0) \
	X(MI,                "mi",              0) \
	X(MN,                "mn",              0) \
	X(MO,                "mo",              0) \
	X(MS,                "ms",              0) \
	X(MTEXT,             "mtext",           0) \
	X(NAV,               "nav",             TAG_SPECIAL | TAG_BLOCK) \
	X(NOBR,              "nobr",            TAG_FORMAT | TAG_BREAKOUT) \
	X(NOEMBED,           "noembed",         TAG_SPECIAL | TAG_RAW) \
	X(NOFRAMES,          "noframes",        TAG_SPECIAL | TAG_RAW) \
	X(NOSCRIPT,          "noscript",        TAG_SPECIAL) \
	X(OBJECT,            "object",          TAG_SPECIAL | TAG_SCOPE) \
	X(OL,                "ol",              TAG_SPECIAL | TAG_BLOCK | TAG_BREAKOUT) \
	X(OPTGROUP,          "optgroup",        TAG_IMPLIED) \
	X(OPTION,            "option",          TAG_IMPLIED) \
	X(P,                 "p",               TAG_SPECIAL | TAG_IMPLIED | TAG_BLOCK | TAG_BREAKOUT) \
	X(PARAM,             "param",           TAG_SPECIAL | TAG_VOID) \
	X(PLAINTEXT,         "plaintext",       TAG_SPECIAL | TAG_RAW) \
	X(PRE,               "pre",             TAG_SPECIAL | TAG_BREAKOUT) \
	X(RB,                "rb",              TAG_IMPLIED) \
	X(RP,                "rp",              TAG_IMPLIED) \
	X(RT,                "rt",              TAG_IMPLIED) \
	X(RTC,               "rtc",             TAG_IMPLIED) \
	X(RUBY,              "ruby",            TAG_BREAKOUT) \
	X(S,                 "s",               TAG_FORMAT | TAG_BREAKOUT) \
	X(SCRIPT,            "script",          TAG_SPECIAL | TAG_RAW) \
	X(SEARCH,            "search",          TAG_SPECIAL | TAG_BLOCK) \
	X(SECTION,           "section",         TAG_SPECIAL | TAG_BLOCK) \
	X(SELECT,            "select",          TAG_SPECIAL | TAG_SCOPE) \
	X(SELECTEDCONTENT,   "selectedcontent", 0) \
	X(SMALL,             "small",           TAG_FORMAT | TAG_BREAKOUT) \
	X(SOURCE,            "source",          TAG_SPECIAL | TAG_VOID) \
	X(SPAN,              "span",            TAG_BREAKOUT) \
	X(STRIKE,            "strike",          TAG_FORMAT | TAG_BREAKOUT) \
	X(STRONG,            "strong",          TAG_FORMAT | TAG_BREAKOUT) \
	X(STYLE,             "style",           TAG_SPECIAL | TAG_RAW) \
	X(SUB,               "sub",             TAG_BREAKOUT) \
	X(SUMMARY,           "summary",         TAG_SPECIAL | TAG_BLOCK) \
	X(SUP,               "sup",             TAG_BREAKOUT) \
	X(SVG,               "svg",             0) \
	X(TABLE,             "table",           TAG_SPECIAL | TAG_SCOPE | TAG_BREAKOUT) \
	X(TBODY,             "tbody",           TAG_SPECIAL | TAG_THOROUGH) \
	X(TD,                "td",              TAG_SPECIAL | TAG_SCOPE | TAG_THOROUGH) \
	X(TEMPLATE,          "template",        TAG_SPECIAL | TAG_SCOPE) \
	X(TEXTAREA,          "textarea",        TAG_SPECIAL) \
	X(TFOOT,             "tfoot",           TAG_SPECIAL | TAG_THOROUGH) \
	X(TH,                "th",              TAG_SPECIAL | TAG_SCOPE | TAG_THOROUGH) \
	X(THEAD,             "thead",           TAG_SPECIAL | TAG_THOROUGH) \
	X(TITLE,             "title",           TAG_SPECIAL) \
	X(TR,                "tr",              TAG_SPECIAL | TAG_THOROUGH) \
	X(TRACK,             "track",           TAG_SPECIAL | TAG_VOID) \
	X(TT,                "tt",              TAG_FORMAT | TAG_BREAKOUT) \
	X(U,                 "u",               TAG_FORMAT | TAG_BREAKOUT) \
	X(UL,                "ul",              TAG_SPECIAL | TAG_BLOCK | TAG_BREAKOUT) \
	X(VAR,               "var",             TAG_BREAKOUT) \
	X(WBR,               "wbr",             TAG_SPECIAL | TAG_VOID) \
	X(XMP,               "xmp",             TAG_SPECIAL | TAG_RAW)
/* clang-format on */

enum html_tag {
	HTML_TAG_OTHER = 0,
#define X(id, name, flags) HTML_TAG_##id,
	HTML_TAG_TABLE(X)
#undef X
		HTML_TAGS
};

/* The number of a name in lower case; HTML_TAG_OTHER for one without. */
enum html_tag html_tag(const char *name, size_t len);

const char *html_tag_name(enum html_tag tag); /* "div"; "" for HTML_TAG_OTHER */
unsigned html_tag_flags(enum html_tag tag);   /* enum html_tag_flag, or-ed */

#endif
