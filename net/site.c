/* SPDX-License-Identifier: MIT */
/* site.c - asks libpsl.  Called by the cookies and by a crawl that stays on its site. */
#include "net/site.h"

#include <libpsl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

enum { HOST_BYTES_MAX = 255 };

/* Written once, by whoever asks first; kept until the process ends. */
static const psl_ctx_t *list;
static pthread_once_t list_once = PTHREAD_ONCE_INIT;

static void list_load(void)
{
	list = psl_latest(NULL);
}

/* The host for libpsl, which wants a C string without the dot at the end; false: no name
 * that a list could have. */
static bool host_text(struct url_part host, char text[HOST_BYTES_MAX + 1])
{
	size_t len = host.len;

	if (len > 0 && host.at[len - 1] == '.')
		len--;
	if (len == 0 || len > HOST_BYTES_MAX)
		return false;
	memcpy(text, host.at, len);
	text[len] = '\0';
	return true;
}

bool site_is_address(struct url_part host)
{
	struct url url = {.kind = URL_HTTP, .port = -1, .host = host};
	struct sockaddr_storage address;

	return url_address(&url, &address);
}

bool site_is_public_suffix(struct url_part host)
{
	char text[HOST_BYTES_MAX + 1];

	if (!host_text(host, text) || site_is_address(host))
		return false;
	if (!strchr(text, '.'))
		return true;
	pthread_once(&list_once, list_load);
	return list && psl_is_public_suffix(list, text) == 1;
}

struct url_part site_of(struct url_part host)
{
	char text[HOST_BYTES_MAX + 1];
	const char *site;

	if (!host_text(host, text) || site_is_address(host) || !strchr(text, '.'))
		return host;
	pthread_once(&list_once, list_load);
	site = list ? psl_registrable_domain(list, text) : NULL;
	if (!site)
		return host;
	return (struct url_part){host.at + (site - text), host.len - (size_t)(site - text)};
}

bool site_same(const struct url *a, const struct url *b)
{
	struct url_part x = site_of(a->host), y = site_of(b->host);

	return x.len > 0 && x.len == y.len && memcmp(x.at, y.at, x.len) == 0;
}
