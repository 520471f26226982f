/* SPDX-License-Identifier: MIT */
/* pattern.c - PCRE2, made safe against its patterns.
 *
 * PCRE2's own match limit does not bound time: it counts for each start anew, and one
 * count may scan the whole text.  So a pattern is compiled twice:
 *
 *   brisk     plain; for texts so short that starts × counts × length stays small
 *   careful   with a callout before each item, which looks at the thread's CPU time; for
 *             longer texts, and where brisk gave up
 *
 * Both are JIT-compiled; where the system allows no executable memory, PCRE2 interprets
 * them.  The careful one is as fast as the interpreter.
 */
#include "base/pattern.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/utf8.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	BRISK_BYTES_MAX = 512,	 /* an ordinary URL */
	BRISK_STEPS_MAX = 1000,	 /* for each start: 512 × 1,000 × 512 bytes are 0.2 s at worst */
	LONG_BYTES = 64 * 1024,	 /* above, one item may scan long: look at the clock more often */
	CALLOUTS_PER_LOOK = 256, /* a look costs 0.3 µs, a callout 8 ns */
	CALLOUTS_PER_LOOK_LONG = 16,
	JIT_STACK_START = 32 * 1024,
};

struct pattern {
	pcre2_code *brisk, *careful;
	unsigned groups;
};

struct pattern_scratch {
	pcre2_match_data *found;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
	struct span spans[PATTERN_GROUPS_MAX + 1];
	/* The text that is known to be UTF-8, from its start to its end. */
	const char *checked;
	size_t checked_len;
	/* Of the careful search under way. */
	unsigned callouts, callouts_per_look;
	int64_t end_us; /* of the thread's CPU time */
};

static int clock_look(pcre2_callout_block *block, void *ctx)
{
	struct pattern_scratch *scratch = ctx;

	(void)block;
	if (++scratch->callouts % scratch->callouts_per_look)
		return 0;
	return clock_thread_cpu_us() < scratch->end_us ? 0 : PCRE2_ERROR_MATCHLIMIT;
}

/* ---- compiling ---- */

static pcre2_code *code_compile(const char *source, uint32_t options,
				struct pattern_mistake *mistake)
{
	PCRE2_SIZE offset;
	int code;
	pcre2_code *made = pcre2_compile((PCRE2_SPTR)source, PCRE2_ZERO_TERMINATED, options, &code,
					 &offset, NULL);

	if (made) {
		pcre2_jit_compile(made, PCRE2_JIT_COMPLETE); /* or it is interpreted */
		return made;
	}
	mistake->offset = offset;
	pcre2_get_error_message(code, (PCRE2_UCHAR *)mistake->detail, sizeof(mistake->detail));
	return NULL;
}

static uint32_t options_of(unsigned flags)
{
	return PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C |
	       (flags & PATTERN_CASELESS ? PCRE2_CASELESS : 0u) |
	       (flags & PATTERN_ANCHORED ? PCRE2_ANCHORED | PCRE2_ENDANCHORED : 0u);
}

int pattern_compile(const char *source, unsigned flags, struct pattern **ret_pattern,
		    struct pattern_mistake *mistake, struct err *err)
{
	struct pattern *pattern = calloc(1, sizeof(*pattern));
	uint32_t groups = 0;

	*mistake = (struct pattern_mistake){.detail = ""};
	if (!pattern)
		return err_set(err, ERR_NO_MEMORY, "no memory for a pattern");
	if (strlen(source) > PATTERN_BYTES_MAX) {
		mistake->offset = PATTERN_BYTES_MAX;
		snprintf(mistake->detail, sizeof(mistake->detail),
			 "a pattern may have %d bytes, this one has more", PATTERN_BYTES_MAX);
	} else {
		pattern->brisk = code_compile(source, options_of(flags), mistake);
	}
	if (pattern->brisk) {
		pattern->careful =
			code_compile(source, options_of(flags) | PCRE2_AUTO_CALLOUT, mistake);
		pcre2_pattern_info(pattern->brisk, PCRE2_INFO_CAPTURECOUNT, &groups);
		pattern->groups = groups;
	}
	if (pattern->careful && groups > PATTERN_GROUPS_MAX)
		snprintf(mistake->detail, sizeof(mistake->detail),
			 "a pattern may have %d groups, this one has %u", PATTERN_GROUPS_MAX,
			 groups);
	if (mistake->detail[0]) {
		pattern_free(pattern);
		return err_set(err, ERR_INVALID_SPEC, "%s", mistake->detail);
	}
	*ret_pattern = pattern;
	return 0;
}

void pattern_free(struct pattern *pattern)
{
	if (!pattern)
		return;
	pcre2_code_free(pattern->brisk);
	pcre2_code_free(pattern->careful);
	free(pattern);
}

unsigned pattern_groups(const struct pattern *pattern)
{
	return pattern->groups;
}

int pattern_group(const struct pattern *pattern, const char *name)
{
	int number = pcre2_substring_number_from_name(pattern->brisk, (PCRE2_SPTR)name);

	return number > 0 ? number : -1;
}

/* ---- searching ---- */

struct pattern_scratch *pattern_scratch_new(void)
{
	struct pattern_scratch *scratch = calloc(1, sizeof(*scratch));

	if (!scratch)
		return NULL;
	scratch->found = pcre2_match_data_create(PATTERN_GROUPS_MAX + 1, NULL);
	scratch->context = pcre2_match_context_create(NULL);
	scratch->stack =
		pcre2_jit_stack_create(JIT_STACK_START, PATTERN_MEMORY_KIB_MAX * 1024u, NULL);
	if (!scratch->found || !scratch->context) {
		pattern_scratch_free(scratch);
		return NULL;
	}
	if (scratch->stack) /* else PCRE2 takes 32 KiB of ours, or interprets */
		pcre2_jit_stack_assign(scratch->context, NULL, scratch->stack);
	pcre2_set_heap_limit(scratch->context, PATTERN_MEMORY_KIB_MAX);
	pcre2_set_callout(scratch->context, clock_look, scratch);
	return scratch;
}

void pattern_scratch_free(struct pattern_scratch *scratch)
{
	if (!scratch)
		return;
	pcre2_jit_stack_free(scratch->stack);
	pcre2_match_context_free(scratch->context);
	pcre2_match_data_free(scratch->found);
	free(scratch);
}

static bool is_utf8(const char *text, size_t len)
{
	const char *at = text, *end = text + len;

	while (at < end) {
		size_t span = utf8_span(at, end);

		if (span == 0)
			return false;
		at += span;
	}
	return true;
}

/* A search that goes on in the same text does not check it again: all matches of a
 * long text would take quadratic time. */
static int text_check(struct pattern_scratch *scratch, const char *text, size_t len, size_t start,
		      struct err *err)
{
	bool known = start > 0 && text == scratch->checked && len == scratch->checked_len;

	if (!known && !is_utf8(text, len))
		return err_set(err, ERR_INVALID_SPEC, "the text is not UTF-8");
	scratch->checked = text;
	scratch->checked_len = len;
	if (start < len && utf8_continues((unsigned char)text[start]))
		return err_set(err, ERR_INVALID_SPEC, "the search starts inside a character");
	return 0;
}

static int code_run(const pcre2_code *code, struct pattern_scratch *scratch, const char *text,
		    size_t len, size_t start, unsigned steps_max)
{
	pcre2_set_match_limit(scratch->context, steps_max);
	return pcre2_match(code, (PCRE2_SPTR)text, len, start, PCRE2_NO_UTF_CHECK, scratch->found,
			   scratch->context);
}

static int careful_run(const struct pattern *pattern, struct pattern_scratch *scratch,
		       const char *text, size_t len, size_t start)
{
	scratch->callouts = 0;
	scratch->callouts_per_look = len > LONG_BYTES ? CALLOUTS_PER_LOOK_LONG : CALLOUTS_PER_LOOK;
	scratch->end_us = clock_thread_cpu_us() + PATTERN_SEARCH_US_MAX;
	return code_run(pattern->careful, scratch, text, len, start, PATTERN_MATCH_STEPS_MAX);
}

static void spans_take(const struct pattern *pattern, struct pattern_scratch *scratch)
{
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(scratch->found);

	for (unsigned i = 0; i <= pattern->groups; i++) {
		bool part = at[2 * i] != PCRE2_UNSET;

		scratch->spans[i] = part ? (struct span){at[2 * i], at[2 * i + 1]}
					 : (struct span){.start = 1, .end = 0};
	}
}

static int search_error(int rc, struct err *err)
{
	PCRE2_UCHAR text[160];

	if (rc == PCRE2_ERROR_NOMEMORY)
		return err_set(err, ERR_NO_MEMORY, "no memory for a search");
	if (rc == PCRE2_ERROR_MATCHLIMIT || rc == PCRE2_ERROR_DEPTHLIMIT ||
	    rc == PCRE2_ERROR_HEAPLIMIT || rc == PCRE2_ERROR_JIT_STACKLIMIT ||
	    rc == PCRE2_ERROR_RECURSELOOP)
		return err_set(err, ERR_LIMIT, "the pattern takes too much work on this text");
	pcre2_get_error_message(rc, text, sizeof(text));
	return err_set(err, ERR_INTERNAL, "search failed: %s", (const char *)text);
}

int pattern_search(const struct pattern *pattern, struct pattern_scratch *scratch, const char *text,
		   size_t len, size_t start, const struct span **ret_spans, struct err *err)
{
	int rc = PCRE2_ERROR_MATCHLIMIT;

	if (start > len)
		return 0;
	if (text_check(scratch, text, len, start, err))
		return -1;
	if (len <= BRISK_BYTES_MAX) {
		scratch->callouts_per_look = CALLOUTS_PER_LOOK; /* for a (?C) of its own */
		scratch->end_us = INT64_MAX;
		rc = code_run(pattern->brisk, scratch, text, len, start, BRISK_STEPS_MAX);
	}
	if (rc == PCRE2_ERROR_MATCHLIMIT)
		rc = careful_run(pattern, scratch, text, len, start);
	if (rc == PCRE2_ERROR_NOMATCH)
		return 0;
	if (rc < 0)
		return search_error(rc, err);
	spans_take(pattern, scratch);
	*ret_spans = scratch->spans;
	return 1;
}
