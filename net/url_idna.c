/* SPDX-License-Identifier: MIT */
/* url_idna.c - UTS 46, section 4: map, normalise, break into labels, convert and check.
 *
 * url_host.c calls it for hosts with anything beyond ASCII.  The mapping table is
 * not stored: section 7 of UTS 46 derives it from NFKC case folding and the general
 * category, both libunistring's, and from the few exceptions below.
 *
 * Happy path: map_all -> normalise -> labels_unpack (decodes xn--) -> label_check ->
 * label_write for each label.
 */
#include "net/url_idna.h"

#include "base/buf.h"
#include "base/compiler.h"
#include "base/err.h"
#include "net/url_punycode.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

enum { EXPANSION_MAX = 32 }; /* U+FDFA becomes 18 code points */
enum { ZWNJ = 0x200C, ZWJ = 0x200D, VIRAMA = 9 };

struct points {
	size_t len;
	uint32_t at[IDNA_DOMAIN_MAX];
};

struct label {
	const uint32_t *at;
	size_t len;
};

static int map_all(const char *domain, size_t len, struct points *to, struct err *err);
static int normalise(const struct points *from, struct points *to, struct err *err);
static int labels_unpack(const struct points *from, struct points *to, struct err *err);
static bool label_next(const struct points *points, size_t *at, struct label *ret);
static bool is_bidi(const struct points *points);
static int label_check(const struct label *label, bool bidi, struct err *err);
static int label_write(const struct label *label, struct buf *out, struct err *err);

int idna_to_ascii(const char *domain, size_t len, struct buf *out, struct err *err)
{
	struct points mapped, points;
	struct label label;
	bool bidi, first = true;
	size_t at = 0;

	if (map_all(domain, len, &mapped, err) || normalise(&mapped, &points, err) ||
	    labels_unpack(&points, &mapped, err))
		return -1;
	bidi = is_bidi(&mapped);
	while (label_next(&mapped, &at, &label)) {
		if (!first)
			buf_add_byte(out, '.');
		first = false;
		if (label_check(&label, bidi, err) || label_write(&label, out, err))
			return -1;
	}
	return 0;
}

static int too_long(struct err *err)
{
	return err_set(err, ERR_FETCH_URL, "host is longer than %d code points", IDNA_DOMAIN_MAX);
}

static int push(struct points *to, const uint32_t *points, size_t count, struct err *err)
{
	if (count > ARRAY_LEN(to->at) - to->len)
		return too_long(err);
	memcpy(to->at + to->len, points, count * sizeof(*points));
	to->len += count;
	return 0;
}

/* What section 7 excludes although it is assigned and neither control nor space:
 * ideographic description, object replacement, musical and shorthand format. */
static bool is_excluded(uint32_t c)
{
	return (c >= 0x2FF0 && c <= 0x2FFF) || c == 0x31EF || c == 0xFFFC || c == 0xFFFD;
}

static bool is_valid(uint32_t c)
{
	if (c < 0x80 || c == ZWNJ || c == ZWJ)
		return true;
	if (is_excluded(c))
		return false;
	return !uc_is_general_category_withtable(
		c, UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Cf | UC_CATEGORY_MASK_Cs |
			   UC_CATEGORY_MASK_Co | UC_CATEGORY_MASK_Cn | UC_CATEGORY_MASK_Z);
}

/* Default ignorable, yet refused: direction marks, language tags, unassigned. */
static bool is_refused(uint32_t c)
{
	return uc_is_property_bidi_control(c) || (c >= 0xE0000 && c <= 0xE00FF) ||
	       uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Cn);
}

/* What folds to a full stop or has one inside ("1.", "...") is disallowed; only the
 * ideographic, halfwidth and fullwidth full stops separate labels. */
static uint32_t stop_of(uint32_t c)
{
	return c == 0x3002 || c == 0xFF0E || c == 0xFF61 ? '.' : 0xFFFD;
}

/* The mapping of one code point: `to` gets 0 to EXPANSION_MAX of them. */
static int map_one(uint32_t c, uint32_t to[EXPANSION_MAX], size_t *ret_count)
{
	size_t count = EXPANSION_MAX, kept = 0;

	*ret_count = 1;
	to[0] = c;
	if (c < 0x80) {
		to[0] = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
		return 0;
	}
	switch (c) {
	case 0x00DF: /* sharp s, final sigma, joiners: deviations, kept as they are */
	case 0x03C2:
	case ZWNJ:
	case ZWJ:
		return 0;
	case 0x1E9E: /* capital sharp s follows the small one */
		to[0] = 0x00DF;
		return 0;
	default:
		break;
	}
	if (is_refused(c))
		return 0;
	if (!u32_casefold(&c, 1, NULL, UNINORM_NFKC, to, &count))
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (to[i] == '.' || to[i] == 0x3002)
			to[i] = stop_of(c);
		if (!uc_is_property_default_ignorable_code_point(to[i]))
			to[kept++] = to[i];
	}
	*ret_count = kept;
	return 0;
}

static int map_all(const char *domain, size_t len, struct points *to, struct err *err)
{
	const uint8_t *at = (const uint8_t *)domain, *end = at + len;
	uint32_t mapped[EXPANSION_MAX];

	to->len = 0;
	while (at < end) {
		size_t count;
		ucs4_t c;

		at += u8_mbtouc(&c, at, (size_t)(end - at)); /* U+FFFD for what is not UTF-8 */
		if (map_one(c, mapped, &count))
			return err_set(err, ERR_NO_MEMORY, "no memory for a host name");
		if (push(to, mapped, count, err))
			return -1;
	}
	return 0;
}

static int normalise(const struct points *from, struct points *to, struct err *err)
{
	to->len = ARRAY_LEN(to->at);
	if (from->len == 0) {
		to->len = 0;
		return 0;
	}
	/* A result that fits is written in place; a longer one would be malloc'd. */
	uint32_t *result = u32_normalize(UNINORM_NFC, from->at, from->len, to->at, &to->len);

	if (result == to->at)
		return 0;
	free(result);
	return too_long(err);
}

/* Labels are between full stops; an empty domain has one, empty. */
static bool label_next(const struct points *points, size_t *at, struct label *ret)
{
	size_t end = *at;

	if (*at > points->len)
		return false;
	while (end < points->len && points->at[end] != '.')
		end++;
	*ret = (struct label){.at = points->at + *at, .len = end - *at};
	*at = end + 1;
	return true;
}

static bool has_prefix(const struct label *label)
{
	return label->len >= 4 && label->at[0] == 'x' && label->at[1] == 'n' &&
	       label->at[2] == '-' && label->at[3] == '-';
}

static bool is_ascii(const uint32_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (at[i] >= 0x80)
			return false;
	return true;
}

/* An xn-- label in its Unicode form, which must be one that encodes to it. */
static int label_unpack(const struct label *label, struct points *to, struct err *err)
{
	uint32_t text[IDNA_LABEL_MAX], nfc[IDNA_LABEL_MAX];
	size_t nfc_len = ARRAY_LEN(nfc);
	uint32_t *result;
	bool same;
	int len = punycode_decode(label->at + 4, label->len - 4, text, ARRAY_LEN(text));

	if (len <= 0 || is_ascii(text, (size_t)len))
		return err_set(err, ERR_FETCH_URL, "host has a label xn-- that is not Punycode");
	result = u32_normalize(UNINORM_NFC, text, (size_t)len, nfc, &nfc_len);
	same = result == nfc && nfc_len == (size_t)len &&
	       !memcmp(nfc, text, nfc_len * sizeof(*nfc));
	if (result != nfc)
		free(result);
	if (!same)
		return err_set(err, ERR_FETCH_URL, "host has a label xn-- that is not in NFC");
	return push(to, text, (size_t)len, err);
}

static int labels_unpack(const struct points *from, struct points *to, struct err *err)
{
	static const uint32_t stop = '.';
	struct label label;
	size_t at = 0;

	to->len = 0;
	while (label_next(from, &at, &label)) {
		int rc = has_prefix(&label) ? label_unpack(&label, to, err)
					    : push(to, label.at, label.len, err);

		if (rc || (at <= from->len && push(to, &stop, 1, err)))
			return -1;
	}
	return 0;
}

/* RFC 5893, section 1.4: one right-to-left label makes a Bidi domain. */
static bool is_bidi(const struct points *points)
{
	for (size_t i = 0; i < points->len; i++) {
		int class = uc_bidi_class(points->at[i]);

		if (class == UC_BIDI_R || class == UC_BIDI_AL || class == UC_BIDI_AN)
			return true;
	}
	return false;
}

#define BIDI(class) (1U << UC_BIDI_##class)

/* RFC 5893, section 2: the six conditions of the Bidi rule. */
static bool bidi_ok(const struct label *label)
{
	const unsigned neutral =
		BIDI(ES) | BIDI(CS) | BIDI(ET) | BIDI(ON) | BIDI(BN) | BIDI(NSM) | BIDI(EN);
	unsigned first = 1U << uc_bidi_class(label->at[0]), seen = 0, last = 0;
	bool rtl = first & (BIDI(R) | BIDI(AL));

	if (!rtl && first != BIDI(L))
		return false;
	for (size_t i = 0; i < label->len; i++) {
		unsigned class = 1U << uc_bidi_class(label->at[i]);

		seen |= class;
		if (class != BIDI(NSM))
			last = class;
	}
	if (!rtl)
		return !(seen & ~(neutral | BIDI(L))) && (last & (BIDI(L) | BIDI(EN)));
	return !(seen & ~(neutral | BIDI(R) | BIDI(AL) | BIDI(AN))) &&
	       (last & (BIDI(R) | BIDI(AL) | BIDI(EN) | BIDI(AN))) &&
	       !((seen & BIDI(EN)) && (seen & BIDI(AN)));
}

/* RFC 5892, appendix A.1: (L or D) T* ZWNJ T* (R or D). */
static bool joins(const struct label *label, size_t at)
{
	size_t before = at, after = at;
	int type = UC_JOINING_TYPE_T;

	while (before > 0 && type == UC_JOINING_TYPE_T)
		type = uc_joining_type(label->at[--before]);
	if (type != UC_JOINING_TYPE_L && type != UC_JOINING_TYPE_D)
		return false;
	type = UC_JOINING_TYPE_T;
	while (after + 1 < label->len && type == UC_JOINING_TYPE_T)
		type = uc_joining_type(label->at[++after]);
	return type == UC_JOINING_TYPE_R || type == UC_JOINING_TYPE_D;
}

/* RFC 5892, appendices A.1 and A.2: a joiner after a virama, or a ZWNJ that joins. */
static bool joiner_ok(const struct label *label, size_t at)
{
	if (at > 0 && uc_combining_class(label->at[at - 1]) == VIRAMA)
		return true;
	return label->at[at] == ZWNJ && joins(label, at);
}

/* A valid code point is one that maps to itself; only xn-- labels can have others. */
static bool is_mapped(uint32_t c)
{
	uint32_t to[EXPANSION_MAX];
	size_t count;

	return c >= 0x80 && (map_one(c, to, &count) || count != 1 || to[0] != c);
}

/* UTS 46, section 4.1: the validity criteria. */
static int label_check(const struct label *label, bool bidi, struct err *err)
{
	if (label->len == 0)
		return 0;
	if (has_prefix(label))
		return err_set(err, ERR_FETCH_URL, "host has a label that decodes to xn-- again");
	if (uc_is_general_category_withtable(label->at[0], UC_CATEGORY_MASK_M))
		return err_set(err, ERR_FETCH_URL,
			       "host has a label that begins with the combining mark U+%04X",
			       label->at[0]);
	for (size_t i = 0; i < label->len; i++) {
		uint32_t c = label->at[i];

		if (!is_valid(c) || is_mapped(c) || c == '.')
			return err_set(err, ERR_FETCH_URL,
				       "host has the forbidden character U+%04X", c);
		if ((c == ZWNJ || c == ZWJ) && !joiner_ok(label, i))
			return err_set(err, ERR_FETCH_URL,
				       "host has the joiner U+%04X where nothing joins", c);
	}
	if (bidi && !bidi_ok(label))
		return err_set(err, ERR_FETCH_URL,
			       "host mixes writing directions in a label (RFC 5893)");
	return 0;
}

static int label_write(const struct label *label, struct buf *out, struct err *err)
{
	char text[4 * IDNA_LABEL_MAX];
	int len;

	if (label->len > IDNA_LABEL_MAX)
		return err_set(err, ERR_FETCH_URL, "host has a label longer than %d code points",
			       IDNA_LABEL_MAX);
	if (is_ascii(label->at, label->len)) {
		for (size_t i = 0; i < label->len; i++)
			text[i] = (char)label->at[i];
		buf_add(out, text, label->len);
		return 0;
	}
	len = punycode_encode(label->at, label->len, text, sizeof(text));
	if (len < 0)
		return err_set(err, ERR_FETCH_URL, "host has a label that is too long");
	buf_add_text(out, "xn--");
	buf_add(out, text, (size_t)len);
	return 0;
}
