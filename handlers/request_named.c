/* SPDX-License-Identifier: MIT */
/* request_named.c - URLs and header fields of a spec. */
#include "handlers/request_named.h"

#include "base/arena.h"
#include "net/fetch.h"
#include "net/guard.h"

#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

/* ---- URLs ---- */

/* Spelled for a mistake only: there may be 100,000 good ones. */
static const char *pointer_of(const struct named_url *named, struct planner *planner)
{
	if (named->index < 0)
		return named->pointer;
	return mistakes_pointer_index(planner->mistakes, named->pointer, (size_t)named->index);
}

static void address_check(const struct url *url, const struct named_url *named,
			  struct planner *planner)
{
	const struct guard *guard = planner->permits ? planner->permits->guard : NULL;
	struct sockaddr_storage address;
	char hint[GUARD_HINT_LEN];
	struct mistake *mistake;
	struct err err;

	if (!guard)
		return;
	if (url_address(url, &address)) {
		if (guard_check(guard, (struct sockaddr *)&address, &err) == 0)
			return;
		mistake = mistake_add_code(planner->mistakes, ERR_ADDRESS_DENIED,
					   pointer_of(named, planner), "%s", err.detail);
		guard_hint(guard, (struct sockaddr *)&address, hint);
		if (hint[0])
			mistake_hint(planner->mistakes, mistake, "%s", hint);
	} else if (guard_check_name(guard, url->host.at, url->host.len, &err)) {
		mistake_add_code(planner->mistakes, ERR_ADDRESS_DENIED, pointer_of(named, planner),
				 "%s", err.detail);
	}
}

int url_named(const struct named_url *named, struct planner *planner, struct arena *arena,
	      struct url *ret_url)
{
	struct err err;

	if (url_parse(named->text, strlen(named->text), NULL, arena, ret_url, &err) ||
	    url_check_fetch(ret_url, &err)) {
		mistake_add(planner->mistakes, pointer_of(named, planner), "bad-url", "%s",
			    err.detail);
		return -1;
	}
	address_check(ret_url, named, planner);
	return 0;
}

/* ---- header fields ---- */

static bool header_is_ours(const char *name)
{
	static const char *const ours[] = {"host",	 "content-length",  "transfer-encoding",
					   "connection", "accept-encoding", "te",
					   "upgrade"};

	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		if (strcasecmp(name, ours[i]) == 0)
			return true;
	return false;
}

static bool header_is_token(const char *name)
{
	static const char token[] = "!#$%&'*+-.^_`|~0123456789"
				    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	return *name && strspn(name, token) == strlen(name);
}

void header_named(const struct fetch_header *header, const char *pointer, struct mistakes *mistakes)
{
	pointer = mistakes_pointer(mistakes, pointer, header->name);
	if (!header_is_token(header->name))
		mistake_add(mistakes, pointer, "bad-header", "'%s' is no name of a header field",
			    header->name);
	else if (header_is_ours(header->name))
		mistake_add(mistakes, pointer, "bad-header", "'%s' is the fetch engine's own",
			    header->name);
	for (const char *at = header->value; *at; at++) {
		if ((unsigned char)*at < ' ' && *at != '\t') {
			mistake_add(mistakes, pointer, "bad-header",
				    "a value has no control characters");
			return;
		}
	}
}
