/* SPDX-License-Identifier: MIT */
/* cookies.c - who may set a cookie, and who gets it.
 *
 * Called by the stages of a fetch (stages.c).  Section numbers are those of RFC 6265bis.
 */
#include "net/cookies.h"

#include "base/limits.h"
#include "net/cookie_store.h"
#include "net/site.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SENT_MAX = 256 }; /* cookies in one header: all that COOKIE_HEADER_BYTES_MAX can hold */

struct cookies *cookies_new(void)
{
	struct cookies *jar = calloc(1, sizeof(*jar));

	if (!jar)
		return NULL;
	atomic_init(&jar->refs, 1);
	lock_init(&jar->lock, LOCK_LEAF);
	ring_init(&jar->used);
	return jar;
}

struct cookies *cookies_share(struct cookies *jar)
{
	if (jar)
		atomic_fetch_add(&jar->refs, 1);
	return jar;
}

void cookies_free(struct cookies *jar)
{
	if (!jar || atomic_fetch_sub(&jar->refs, 1) > 1)
		return;
	lock_take(&jar->lock);
	cookies_clear(jar);
	lock_drop(&jar->lock);
	lock_done(&jar->lock);
	free(jar);
}

/* ---- hosts and paths ---- */

/* 5.1.3: the same, or a name that ends with "." and the domain. */
static bool domain_match(struct url_part host, struct url_part domain)
{
	if (host.len <= domain.len)
		return domain_equal(host, domain);
	return host.at[host.len - domain.len - 1] == '.' &&
	       strncasecmp(host.at + host.len - domain.len, domain.at, domain.len) == 0 &&
	       !site_is_address(host);
}

/* 5.1.4: the path up to its last '/', without that. */
static struct url_part path_default(struct url_part path)
{
	const char *last =
		path.len > 0 && path.at[0] == '/' ? memrchr(path.at, '/', path.len) : NULL;

	if (!last || last == path.at)
		return (struct url_part){"/", 1};
	return (struct url_part){path.at, (size_t)(last - path.at)};
}

/* 5.1.4 */
static bool path_match(struct url_part path, struct url_part cookie_path)
{
	if (path.len < cookie_path.len || memcmp(path.at, cookie_path.at, cookie_path.len) != 0)
		return false;
	return path.len == cookie_path.len || cookie_path.at[cookie_path.len - 1] == '/' ||
	       path.at[cookie_path.len] == '/';
}

static bool begins_with(struct url_part part, const char *prefix)
{
	size_t len = strlen(prefix);

	return part.len >= len && strncasecmp(part.at, prefix, len) == 0;
}

/* ---- receiving ---- */

static bool is_ascii(struct url_part part)
{
	for (size_t i = 0; i < part.len; i++)
		if ((unsigned char)part.at[i] >= 0x80)
			return false;
	return true;
}

/* 5.7: what Domain makes of it; false: not for this host to set. */
static bool domain_judge(struct url_part host, struct url_part domain, struct cookie *cookie)
{
	bool same = domain.len == host.len && strncasecmp(domain.at, host.at, host.len) == 0;

	cookie->domain = host;
	cookie->host_only = true;
	if (domain.len == 0)
		return true;
	if (!is_ascii(domain))
		return false;
	if (same && site_is_public_suffix(host))
		return true;
	if (!same && !domain_match(host, domain))
		return false;
	cookie->domain = (struct url_part){host.at + host.len - domain.len, domain.len};
	cookie->host_only = false;
	return same || !site_is_public_suffix(cookie->domain);
}

/* 5.7: SameSite=None, and the prefixes of names, want more. */
static bool promises_kept(const struct set_cookie *set, const struct cookie *cookie)
{
	if (cookie->same_site == SAME_SITE_NONE && !cookie->secure)
		return false;
	if (begins_with(cookie->name, "__Secure-"))
		return cookie->secure;
	if (begins_with(cookie->name, "__Host-"))
		return cookie->secure && cookie->host_only && set->path_said &&
		       cookie->path.len == 1;
	return cookie->name.len > 0 ||
	       (!begins_with(cookie->value, "__Secure-") && !begins_with(cookie->value, "__Host-"));
}

/* The checks that need nothing but the line and the URL; false: to be ignored. */
static bool cookie_judge(const struct set_cookie *set, const struct url *url, struct cookie *ret)
{
	*ret = (struct cookie){
		.name = set->name,
		.value = set->value,
		.path = set->path.len > 0 ? set->path : path_default(url->path),
		.expires_wall_s = set->expires_wall_s,
		.secure = set->secure,
		.http_only = set->http_only,
		.same_site = set->same_site,
	};
	if (url->host.len == 0 || !domain_judge(url->host, set->domain, ret))
		return false;
	if (ret->secure && url->kind != URL_HTTPS)
		return false;
	return promises_kept(set, ret);
}

/* 5.7: what came in the clear must not lie over a secure cookie. */
static bool overlays_secure(struct cookies *jar, const struct cookie *cookie) REQUIRES(jar->lock)
{
	struct ring *at = jar->secure_count > 0 ? jar->used.next : &jar->used;

	for (; at != &jar->used; at = at->next) {
		const struct cookie *other = CONTAINER_OF(at, struct cookie, used);

		if (other->secure && domain_equal(other->name, cookie->name) &&
		    path_match(cookie->path, other->path) &&
		    (domain_match(other->domain, cookie->domain) ||
		     domain_match(cookie->domain, other->domain)))
			return true;
	}
	return false;
}

void cookies_receive(struct cookies *jar, const struct url *url, const char *line, size_t len,
		     int64_t now_wall_s)
{
	struct cookie like, *cookie;
	struct set_cookie set;

	if (set_cookie_parse(line, len, now_wall_s, &set) || !cookie_judge(&set, url, &like))
		return;
	cookie = cookie_new(&like);
	if (!cookie)
		return;
	lock_take(&jar->lock);
	cookies_expire(jar, now_wall_s);
	if (!cookie->secure && url->kind != URL_HTTPS && overlays_secure(jar, cookie)) {
		cookie_free(cookie);
	} else {
		cookie_add(jar, cookie);
		cookies_expire(jar, now_wall_s); /* this is how a server deletes one */
		cookies_evict(jar, like.domain);
	}
	lock_drop(&jar->lock);
}

/* ---- cookies of the user ---- */

int cookies_check(const char *name, const char *value, struct err *err)
{
	size_t name_len = strlen(name), value_len = strlen(value);
	struct set_cookie set;
	char *line = malloc(name_len + value_len + 2);
	bool good;

	if (!line)
		return err_set(err, ERR_NO_MEMORY, "no memory for a cookie");
	memcpy(line, name, name_len);
	line[name_len] = '=';
	memcpy(line + name_len + 1, value, value_len + 1);
	/* Whatever does not come out as it went in. */
	good = name_len > 0 && set_cookie_parse(line, name_len + 1 + value_len, 0, &set) == 0 &&
	       set.name.len == name_len && set.value.len == value_len;
	free(line);
	if (good)
		return 0;
	if (name_len + value_len > COOKIE_BYTES_MAX)
		return err_set(err, ERR_INVALID_SPEC, "name and value have more than %d bytes",
			       COOKIE_BYTES_MAX);
	return err_set(err, ERR_INVALID_SPEC,
		       "a cookie has a name without '=', and neither ';', control characters nor "
		       "blanks at the ends of name and value");
}

int cookies_put(struct cookies *jar, const struct url *url, const char *name, const char *value,
		struct err *err)
{
	struct cookie like = {
		.name = {name, strlen(name)},
		.value = {value, strlen(value)},
		.domain = url->host,
		.path = {"/", 1},
		.expires_wall_s = COOKIE_NEVER,
		.host_only = true,
		.secure = url->kind == URL_HTTPS,
	};
	struct cookie *cookie, *old;
	int rc = 0;

	if (cookies_check(name, value, err))
		return -1;
	cookie = cookie_new(&like);
	if (!cookie)
		return err_set(err, ERR_NO_MEMORY, "no memory for a cookie");
	lock_take(&jar->lock);
	old = cookie_find(jar, cookie);
	if (old && !old->secure)
		cookie->secure = false;
	if (!old && (jar->count >= COOKIES_MAX || jar->bytes + cookie->bytes > COOKIES_BYTES_MAX)) {
		rc = err_set(err, ERR_LIMIT, "a jar has at most %d cookies and %d bytes",
			     COOKIES_MAX, COOKIES_BYTES_MAX);
		cookie_free(cookie);
	} else {
		cookie_add(jar, cookie);
	}
	lock_drop(&jar->lock);
	return rc;
}

/* ---- sending ---- */

/* Does the user's own header have a cookie of that name? */
static bool own_has(const char *own, struct url_part name)
{
	while (own && *own) {
		size_t len;

		own += strspn(own, "; \t");
		len = strcspn(own, "=;");
		if (len == name.len && memcmp(own, name.at, len) == 0)
			return true;
		own += strcspn(own, ";");
	}
	return false;
}

static bool cookie_fits(const struct cookie *cookie, const struct url *url, bool whole_host)
{
	return (whole_host || !cookie->host_only) && path_match(url->path, cookie->path) &&
	       (!cookie->secure || url->kind == URL_HTTPS);
}

/* 5.8.3, step 2: longer paths first, then older ones. */
static int cookie_order(const void *a, const void *b)
{
	const struct cookie *x = *(struct cookie *const *)a, *y = *(struct cookie *const *)b;

	if (x->path.len != y->path.len)
		return x->path.len > y->path.len ? -1 : 1;
	return (x->created > y->created) - (x->created < y->created);
}

/* 5.8.3, step 1: the host and each of its parents may have cookies for it. */
static size_t cookies_collect(struct cookies *jar, const struct url *url,
			      struct cookie *found[SENT_MAX]) REQUIRES(jar->lock)
{
	struct url_part domain = url->host;
	bool address = site_is_address(url->host);
	size_t count = 0;

	while (domain.len > 0) {
		const char *dot = memchr(domain.at, '.', domain.len);

		for (struct cookie *at = cookie_bucket(jar, domain); at; at = at->next)
			if (count < SENT_MAX && domain_equal(at->domain, domain) &&
			    cookie_fits(at, url, domain.len == url->host.len))
				found[count++] = at;
		if (!dot || address)
			break;
		domain.len -= (size_t)(dot + 1 - domain.at);
		domain.at = dot + 1;
	}
	qsort(found, count, sizeof(struct cookie *), cookie_order);
	return count;
}

/* 5.8.3, step 4, as long as there is room. */
static void pair_add(struct buf *into, const struct cookie *cookie)
{
	size_t len = cookie->name.len + 1 + cookie->value.len;

	if (into->len + 2 + len > COOKIE_HEADER_BYTES_MAX)
		return;
	if (into->len > 0)
		buf_add_text(into, "; ");
	if (cookie->name.len > 0) {
		buf_add(into, cookie->name.at, cookie->name.len);
		buf_add_byte(into, '=');
	}
	buf_add(into, cookie->value.at, cookie->value.len);
}

void cookies_send(struct cookies *jar, const struct url *url, const char *own, int64_t now_wall_s,
		  struct buf *into)
{
	struct cookie *found[SENT_MAX];
	size_t count;

	if (own)
		buf_add_text(into, own);
	lock_take(&jar->lock);
	cookies_expire(jar, now_wall_s);
	count = cookies_collect(jar, url, found);
	for (size_t i = 0; i < count; i++) {
		if (own_has(own, found[i]->name))
			continue;
		pair_add(into, found[i]);
		cookie_touch(jar, found[i]);
	}
	lock_drop(&jar->lock);
}

size_t cookies_count(struct cookies *jar)
{
	size_t count;

	lock_take(&jar->lock);
	count = jar->count;
	lock_drop(&jar->lock);
	return count;
}

uint64_t cookies_version(struct cookies *jar)
{
	uint64_t version;

	lock_take(&jar->lock);
	version = jar->version;
	lock_drop(&jar->lock);
	return version;
}
