/* SPDX-License-Identifier: MIT */
/* api_redact.c - specs are shown without their secrets. */
#include "service/http/api_job.h"

#include "base/limits.h"

#include <string.h>
#include <strings.h>

static const char hidden[] = "***";

static bool name_is_secret(const char *name)
{
	static const char *const secrets[] = {
		"authorization", "proxy-authorization",
		"cookie",	 "x-api-key",
		"api_key",	 "apikey",
		"password",	 "passwd",
		"token",	 "access_token",
		"secret",
	};

	for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
		if (strcasecmp(secrets[i], name) == 0)
			return true;
	return false;
}

/* "https://user:password@host/…": where the user information ends; NULL: none. */
static const char *userinfo_end(const char *text, const char **ret_start)
{
	const char *start = strstr(text, "://");
	const char *end, *at;

	if (!start)
		return NULL;
	start += 3;
	end = start + strcspn(start, "/?#");
	at = memrchr(start, '@', (size_t)(end - start));
	*ret_start = start;
	return at;
}

static void text_out(struct json_out *out, const char *name, const char *text)
{
	const char *start;
	const char *end = userinfo_end(text, &start);

	if (end)
		json_out_printf(out, name, "%.*s%s%s", (int)(start - text), text, hidden, end);
	else
		json_out_text(out, name, text);
}

void spec_out_redacted(struct json_out *out, const char *name, const struct json *spec)
{
	enum json_kind kind = json_kind(spec);
	const struct json *child;

	if (kind == JSON_TEXT) {
		text_out(out, name, json_text(spec, ""));
		return;
	}
	if (kind != JSON_OBJECT && kind != JSON_ARRAY) {
		json_out_json(out, name, spec);
		return;
	}
	if (kind == JSON_OBJECT)
		json_out_object(out, name);
	else
		json_out_array(out, name);
	/* Not deeper than JSON_DEPTH_MAX: the parser saw to it. */
	for (child = json_first(spec); child; child = json_next(child)) {
		const char *member = kind == JSON_OBJECT ? json_name(child) : NULL;

		if (member && name_is_secret(member))
			json_out_text(out, member, hidden);
		else
			spec_out_redacted(out, member, child);
	}
	json_out_end(out, kind == JSON_OBJECT ? '}' : ']');
}
