/* SPDX-License-Identifier: MIT */
/* cookies_blob.c - a jar as bytes, for a checkpoint.
 *
 *   "jar1"  each cookie, the one used longest ago first  XXH3 of all before (8)
 *
 *   a cookie: expires (8) created (8) lengths of name, value, domain, path (4 × 2) flags (1)
 *             and the four texts
 *
 * Integers are little-endian.  What does not add up, to the last byte, is refused.
 */
#include "net/cookies.h"

#include "net/cookie_store.h"

#include <endian.h>
#include <string.h>
#include <xxhash.h>

static const char magic[4] = "jar1";

enum { FLAG_HOST_ONLY = 1, FLAG_SECURE = 2, FLAG_HTTP_ONLY = 4, FLAGS_SAME_SITE = 8 };

struct fixed {
	int64_t expires_wall_s;
	uint64_t created;
	uint16_t name_len, value_len, domain_len, path_len;
	uint8_t flags;
} __attribute__((packed));

/* Smaller in the blob than in memory, so that a jar within its limit always fits. */
_Static_assert(sizeof(struct fixed) < sizeof(struct cookie), "a jar's blob fits");

static void cookie_write(const struct cookie *cookie, struct buf *into)
{
	struct fixed fixed = {
		.expires_wall_s = (int64_t)htole64((uint64_t)cookie->expires_wall_s),
		.created = htole64(cookie->created),
		.name_len = htole16((uint16_t)cookie->name.len),
		.value_len = htole16((uint16_t)cookie->value.len),
		.domain_len = htole16((uint16_t)cookie->domain.len),
		.path_len = htole16((uint16_t)cookie->path.len),
		.flags = (uint8_t)(cookie->host_only * FLAG_HOST_ONLY |
				   cookie->secure * FLAG_SECURE |
				   cookie->http_only * FLAG_HTTP_ONLY |
				   (unsigned)cookie->same_site * FLAGS_SAME_SITE),
	};

	buf_add(into, &fixed, sizeof(fixed));
	buf_add(into, cookie->name.at, cookie->name.len);
	buf_add(into, cookie->value.at, cookie->value.len);
	buf_add(into, cookie->domain.at, cookie->domain.len);
	buf_add(into, cookie->path.at, cookie->path.len);
}

int cookies_save(struct cookies *jar, int64_t now_wall_s, struct buf *into)
{
	size_t start = into->len;
	uint64_t sum;

	buf_add(into, magic, sizeof(magic));
	lock_take(&jar->lock);
	cookies_expire(jar, now_wall_s);
	for (struct ring *at = jar->used.next; at != &jar->used; at = at->next)
		cookie_write(CONTAINER_OF(at, struct cookie, used), into);
	lock_drop(&jar->lock);
	sum = buf_ok(into) ? htole64(XXH3_64bits(into->data + start, into->len - start)) : 0;
	buf_add(into, &sum, sizeof(sum));
	return buf_ok(into) ? 0 : -1;
}

static struct url_part text_read(const char **at, uint16_t len)
{
	struct url_part part = {*at, le16toh(len)};

	*at += part.len;
	return part;
}

/* What the rules of receiving promise of every cookie. */
static bool cookie_sound(const struct cookie *cookie)
{
	return cookie->name.len + cookie->value.len <= COOKIE_BYTES_MAX &&
	       cookie->name.len + cookie->value.len > 0 && cookie->domain.len > 0 &&
	       cookie->path.len > 0 && cookie->path.at[0] == '/' &&
	       !cookie_has_control(cookie->name.at, cookie->name.len + cookie->value.len) &&
	       !memchr(cookie->name.at, ';', cookie->name.len + cookie->value.len);
}

/* The next cookie; false: there is none, or none that is sound. */
static bool cookie_read(const char **at, const char *end, struct cookie *ret)
{
	struct fixed fixed;
	uint8_t same_site;

	if ((size_t)(end - *at) < sizeof(fixed))
		return false;
	memcpy(&fixed, *at, sizeof(fixed));
	*at += sizeof(fixed);
	same_site = fixed.flags / FLAGS_SAME_SITE;
	if (same_site > SAME_SITE_STRICT ||
	    (size_t)(end - *at) < (size_t)le16toh(fixed.name_len) + le16toh(fixed.value_len) +
					  le16toh(fixed.domain_len) + le16toh(fixed.path_len))
		return false;
	*ret = (struct cookie){
		.expires_wall_s = (int64_t)le64toh((uint64_t)fixed.expires_wall_s),
		.created = le64toh(fixed.created),
		.host_only = fixed.flags & FLAG_HOST_ONLY,
		.secure = fixed.flags & FLAG_SECURE,
		.http_only = fixed.flags & FLAG_HTTP_ONLY,
		.same_site = (enum same_site)same_site,
	};
	ret->name = text_read(at, fixed.name_len);
	ret->value = text_read(at, fixed.value_len);
	ret->domain = text_read(at, fixed.domain_len);
	ret->path = text_read(at, fixed.path_len);
	return cookie_sound(ret);
}

/* Each cookie of the blob into the jar, in its old order. */
static int cookies_read(struct cookies *jar, const char *at, const char *end, struct err *err)
	REQUIRES(jar->lock)
{
	uint64_t newest = 0;

	while (at < end) {
		struct cookie like, *cookie;

		if (!cookie_read(&at, end, &like) || cookie_find(jar, &like))
			return err_set(err, ERR_IO, "the saved cookies are damaged");
		cookie = cookie_new(&like);
		if (!cookie)
			return err_set(err, ERR_NO_MEMORY, "no memory for cookies");
		cookie_add(jar, cookie);
		cookie->created = like.created;
		newest = MAX(newest, like.created);
		cookies_evict(jar, cookie->domain);
	}
	jar->happenings = MAX(jar->happenings, newest);
	return 0;
}

/* Is it whole, and of this version? */
static int blob_check(const char *blob, size_t len, struct err *err)
{
	uint64_t sum;

	if (len < sizeof(magic) + sizeof(sum) || memcmp(blob, magic, sizeof(magic)) != 0)
		return err_set(err, ERR_IO, "the saved cookies are of another version");
	memcpy(&sum, blob + len - sizeof(sum), sizeof(sum));
	if (le64toh(sum) != XXH3_64bits(blob, len - sizeof(sum)))
		return err_set(err, ERR_IO, "the saved cookies are damaged");
	return 0;
}

int cookies_load(struct cookies *jar, const void *blob, size_t len, struct err *err)
{
	const char *start = blob;
	int rc = blob_check(blob, len, err);

	lock_take(&jar->lock);
	cookies_clear(jar);
	if (rc == 0)
		rc = cookies_read(jar, start + sizeof(magic), start + len - sizeof(uint64_t), err);
	if (rc)
		cookies_clear(jar);
	lock_drop(&jar->lock);
	return rc;
}
