/* SPDX-License-Identifier: MIT */
/* api_redact.c - specs are shown without their secrets. */
#include "service/http/api_job.h"

#include "net/url_mask.h"

#include <strings.h>

static bool name_is_secret(const char *name)
{
	static const char *const secrets[] = {
		"authorization", "proxy-authorization",
		"cookie",	 "cookies",
		"x-api-key",	 "api_key",
		"apikey",	 "password",
		"passwd",	 "token",
		"access_token",	 "secret",
	};

	for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
		if (strcasecmp(secrets[i], name) == 0)
			return true;
	return false;
}

void spec_out_redacted(struct json_out *out, const char *name, const struct json *spec)
{
	enum json_kind kind = json_kind(spec);
	const struct json *child;

	if (kind == JSON_TEXT) {
		url_out_masked(out, name, json_text(spec, ""));
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

		if (member && name_is_secret(member) && json_kind(child) != JSON_BOOL)
			json_out_text(out, member, "***");
		else
			spec_out_redacted(out, member, child);
	}
	json_out_end(out, kind == JSON_OBJECT ? '}' : ']');
}
