/* SPDX-License-Identifier: MIT */
/* url_canonical.c - one spelling for the URLs that lead to one page.
 *
 * What changes nothing for any server is levelled: the fragment goes, %XX is in upper
 * case.  The order of parameters changes nothing for nearly all, so the query is
 * sorted; nothing else of it is touched, blank values least of all.
 */
#include "net/url.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "net/url_encode.h"

#include <stdlib.h>
#include <string.h>

/* Parameters that say where a visitor came from, never what the page is; one that ends
 * with '*' stands for all that begin so. */
static const char *const tracking[] = {
	"utm_*",      "gclid",	 "gclsrc",    "dclid",	  "gbraid",    "wbraid",  "fbclid",
	"msclkid",    "yclid",	 "ttclid",    "twclid",	  "li_fat_id", "igshid",  "mc_cid",
	"mc_eid",     "_ga",	 "_gl",	      "_hsenc",	  "_hsmi",     "mkt_tok", "oly_anon_id",
	"oly_enc_id", "vero_id", "vero_conv", "wickedid", "s_cid",
};

static bool is_tracking(struct url_part parameter)
{
	const char *equals = memchr(parameter.at, '=', parameter.len);
	size_t len = equals ? (size_t)(equals - parameter.at) : parameter.len;

	for (size_t i = 0; i < ARRAY_LEN(tracking); i++) {
		size_t name_len = strlen(tracking[i]);
		bool prefix = tracking[i][name_len - 1] == '*';

		name_len -= prefix;
		if ((prefix ? len >= name_len : len == name_len) &&
		    !memcmp(parameter.at, tracking[i], name_len))
			return true;
	}
	return false;
}

static int parameter_compare(const void *a, const void *b)
{
	const struct url_part *x = a, *y = b;
	int order = memcmp(x->at, y->at, MIN(x->len, y->len));

	if (order != 0)
		return order;
	return (x->len > y->len) - (x->len < y->len);
}

static size_t count_byte(const char *text, size_t len, char byte)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += text[i] == byte;
	return count;
}

/* The query of `text`, sorted, at the end of `out`, with its '?' if any is left. */
static int query_add(struct buf *out, const char *text, size_t len, bool strip_tracking)
{
	struct url_part *part = malloc((count_byte(text, len, '&') + 1) * sizeof(*part));
	const char *at = text, *end = text + len;
	size_t count = 0;

	if (!part)
		return -1;
	while (at < end) {
		const char *mark = memchr(at, '&', (size_t)(end - at));

		mark = mark ? mark : end;
		part[count] = (struct url_part){at, (size_t)(mark - at)};
		if (mark > at && !(strip_tracking && is_tracking(part[count])))
			count++;
		at = mark < end ? mark + 1 : end;
	}
	qsort(part, count, sizeof(*part), parameter_compare);
	for (size_t i = 0; i < count; i++) {
		buf_add_byte(out, i == 0 ? '?' : '&');
		buf_add(out, part[i].at, part[i].len);
	}
	free(part);
	return 0;
}

const char *url_canonical(const struct url *url, bool strip_tracking, struct arena *arena)
{
	size_t path_end = (size_t)(url->path.at + url->path.len - url->href);
	struct buf out = BUF(url->len), query = BUF(url->len);
	const char *text = NULL;
	int rc = 0;

	percent_upper(&out, url->href, path_end);
	if (url->query.len > 0) {
		percent_upper(&query, url->query.at, url->query.len);
		rc = buf_ok(&query) ? query_add(&out, query.data, query.len, strip_tracking) : -1;
	}
	if (rc == 0 && buf_ok(&out))
		text = arena_copy(arena, out.data, out.len);
	buf_done(&query);
	buf_done(&out);
	return text;
}
