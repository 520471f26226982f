/* SPDX-License-Identifier: MIT */
/* url_mask.c - looks at the text alone, so that what does not parse is masked too. */
#include "net/url_mask.h"

#include <string.h>

/* Where the user information ends, at its last '@'; NULL: there is none. */
static const char *userinfo_end(const char *text, const char **ret_start)
{
	const char *start = strstr(text, "://");

	if (!start)
		return NULL;
	start += 3;
	*ret_start = start;
	return memrchr(start, '@', strcspn(start, "/?#"));
}

void url_out_masked(struct json_out *out, const char *name, const char *text)
{
	const char *start;
	const char *end = userinfo_end(text, &start);

	if (end)
		json_out_printf(out, name, "%.*s***%s", (int)(start - text), text, end);
	else
		json_out_text(out, name, text);
}
