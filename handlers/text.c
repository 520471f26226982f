/* SPDX-License-Identifier: MIT */
/* text.c - reverse, uppercase, word_count, hash: small work on Unicode text.
 *
 * reverse     by extended grapheme cluster (UAX #29), so that accents stay with
 *             their letters, or by code point on request
 * uppercase   full case mapping of the Unicode standard: "straße" is "STRASSE"
 * word_count  runs of characters without White_Space, as wc -w counts them
 * hash        of the UTF-8 bytes, in lower-case hex
 */
#include "base/limits.h"
#include "handlers/handler.h"
#include "handlers/run.h"
#include "handlers/value.h"

#include <nettle/nettle-meta.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <unigbrk.h>
#include <unistr.h>

enum { TEXT_BYTES_MAX = VALUE_BYTES_MAX / 2, DIGEST_BYTES_MAX = 64 };

enum op { OP_REVERSE, OP_UPPERCASE, OP_WORD_COUNT, OP_HASH };

static const char *const ops[] = {"reverse", "uppercase", "word_count", "hash", NULL};
static const char *const units[] = {"grapheme", "codepoint", NULL};
static const char *const algorithms[] = {"md5", "sha1", "sha256", "sha512", NULL};

/* In the order of `algorithms`. */
static const struct nettle_hash *const digests[] = {
	&nettle_md5,
	&nettle_sha1,
	&nettle_sha256,
	&nettle_sha512,
};

static const struct param params[] = {
	{.name = "op",
	 .kind = PARAM_CHOICE,
	 .required = true,
	 .choices = ops,
	 .summary = "What to do with the text"},
	{.name = "text",
	 .kind = PARAM_TEXT,
	 .required = true,
	 .max = TEXT_BYTES_MAX,
	 .summary = "The text"},
	{.name = "by",
	 .kind = PARAM_CHOICE,
	 .choices = units,
	 .preset = "\"grapheme\"",
	 .summary = "For reverse: what stays together"},
	{.name = "algorithm",
	 .kind = PARAM_CHOICE,
	 .choices = algorithms,
	 .preset = "\"sha256\"",
	 .summary = "For hash"},
	{0},
};

struct plan {
	enum op op;
	const uint8_t *text; /* borrowed from the spec, which outlives the plan */
	size_t len;
	bool by_codepoint;
	const struct nettle_hash *digest;
};

static void member_only_for(const struct json *spec, const char *name, bool fits, enum op op,
			    struct mistakes *mistakes)
{
	if (json_get(spec, name) && !fits)
		mistake_add(mistakes, mistakes_pointer(mistakes, "/spec", name), "unknown-member",
			    "%s takes no '%s'", ops[op], name);
}

static int text_plan(const struct json *spec, struct planner *planner, struct plan **ret_plan)
{
	struct plan *plan = calloc(1, sizeof(*plan));

	if (!plan)
		return -1;
	plan->op = (enum op)spec_choice(spec, "op", ops, OP_REVERSE);
	plan->text = (const uint8_t *)spec_text(spec, "text", "");
	plan->len = strlen((const char *)plan->text);
	plan->by_codepoint = spec_choice(spec, "by", units, 0) == 1;
	plan->digest = digests[spec_choice(spec, "algorithm", algorithms, 2)];
	member_only_for(spec, "by", plan->op == OP_REVERSE, plan->op, planner->mistakes);
	member_only_for(spec, "algorithm", plan->op == OP_HASH, plan->op, planner->mistakes);
	if (planner->mistakes->count > 0) {
		free(plan);
		return -1;
	}
	*ret_plan = plan;
	return 0;
}

static void text_plan_free(struct plan *plan)
{
	free(plan);
}

/* starts[i] is not 0 where a unit, a grapheme cluster or a code point, begins. */
static void units_find(const struct plan *plan, char *starts)
{
	if (plan->by_codepoint)
		for (size_t i = 0; i < plan->len; i++)
			starts[i] = (plan->text[i] & 0xC0) != 0x80;
	else
		u8_grapheme_breaks(plan->text, plan->len, starts);
}

static int reverse(struct run *run, const struct plan *plan, struct err *err)
{
	char *into = malloc(2 * plan->len + 1);
	char *starts = into + plan->len;
	size_t end = plan->len, to = 0;
	int rc;

	if (!into)
		return err_set(err, ERR_NO_MEMORY, "no memory for the text");
	units_find(plan, starts);
	for (size_t at = plan->len; at-- > 0;) {
		if (!starts[at] && at > 0)
			continue;
		memcpy(into + to, plan->text + at, end - at);
		to += end - at;
		end = at;
	}
	rc = value_summary_text(run, into, plan->len, err);
	free(into);
	return rc;
}

static int uppercase(struct run *run, const struct plan *plan, struct err *err)
{
	size_t len = 0;
	uint8_t *upper = u8_toupper(plan->text, plan->len, NULL, NULL, NULL, &len);
	int rc;

	if (!upper && plan->len > 0)
		return err_set(err, ERR_NO_MEMORY, "no memory for the text");
	rc = value_summary_text(run, upper ? (char *)upper : "", len, err);
	free(upper);
	return rc;
}

static int word_count(struct run *run, const struct plan *plan, struct err *err)
{
	const uint8_t *at = plan->text, *end = at + plan->len;
	bool inside = false;
	size_t words = 0;
	char digits[24];

	while (at < end) {
		ucs4_t c;
		bool space;

		at += u8_mbtouc(&c, at, (size_t)(end - at));
		space = uc_is_property_white_space(c);
		words += !space && !inside;
		inside = !space;
	}
	snprintf(digits, sizeof(digits), "%zu", words);
	return value_summary_raw(run, digits, strlen(digits), err);
}

static int hash(struct run *run, const struct plan *plan, struct err *err)
{
	uint8_t digest[DIGEST_BYTES_MAX];
	char hex[2 * DIGEST_BYTES_MAX + 1];
	void *ctx = malloc(plan->digest->context_size);

	if (!ctx)
		return err_set(err, ERR_NO_MEMORY, "no memory for the hash");
	plan->digest->init(ctx);
	plan->digest->update(ctx, plan->len, plan->text);
	plan->digest->digest(ctx, plan->digest->digest_size, digest);
	free(ctx);
	for (unsigned i = 0; i < plan->digest->digest_size; i++)
		snprintf(hex + 2 * (size_t)i, 3, "%02x", digest[i]);
	return value_summary_text(run, hex, strlen(hex), err);
}

static enum step text_step(struct run *run, void *state, unsigned phase, unsigned lane,
			   struct err *err)
{
	static int (*const doers[])(struct run *, const struct plan *, struct err *) = {
		[OP_REVERSE] = reverse,
		[OP_UPPERCASE] = uppercase,
		[OP_WORD_COUNT] = word_count,
		[OP_HASH] = hash,
	};
	const struct plan *plan = run_plan(run);

	(void)state;
	(void)phase;
	(void)lane;
	return doers[plan->op](run, plan, err) ? STEP_FAIL : STEP_DONE;
}

const struct handler text_handler = {
	.name = "text",
	.summary = "Reverse, uppercase, count words and hash text",
	.params = params,
	.plan = text_plan,
	.plan_free = text_plan_free,
	.step = text_step,
};
