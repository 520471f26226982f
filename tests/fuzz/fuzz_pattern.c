/* SPDX-License-Identifier: MIT */
/* fuzz_pattern.c - base/pattern: whatever is compiled ends within its bounds.
 *
 * The input: a pattern up to the first line feed, then the text.  Spans lie in the text,
 * groups inside no other order than start before end.
 */
#include "base/limits.h"
#include "base/pattern.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void search_all(const struct pattern *pattern, const char *text, size_t len)
{
	struct pattern_scratch *scratch = pattern_scratch_new();
	const struct span *spans;
	size_t at = 0;
	struct err err;

	for (int matches = 0; scratch && matches < 20; matches++) {
		if (pattern_search(pattern, scratch, text, len, at, &spans, &err) != 1)
			break;
		for (unsigned i = 0; i <= pattern_groups(pattern); i++)
			assert(spans[i].end < spans[i].start || spans[i].end <= len);
		if (spans[0].end <= at)
			break;
		at = spans[0].end;
	}
	pattern_scratch_free(scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *line = memchr(data, '\n', size);
	size_t source_len = line ? (size_t)(line - data) : size;
	char *source = strndup((const char *)data, source_len);
	struct pattern_mistake mistake;
	struct pattern *pattern;
	struct err err;

	for (unsigned flags = 0; source && flags < 4; flags++) {
		if (pattern_compile(source, flags, &pattern, &mistake, &err)) {
			assert(mistake.detail[0] && mistake.offset <= strlen(source));
			continue;
		}
		if (line)
			search_all(pattern, (const char *)line + 1, size - source_len - 1);
		pattern_free(pattern);
	}
	free(source);
	return 0;
}
