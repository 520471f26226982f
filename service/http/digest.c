/* SPDX-License-Identifier: MIT */
/* digest.c - as much of structured fields as two fields need: `key=:base64:, …`. */
#include "service/http/digest.h"

#include "base/compiler.h"

#include <nettle/base64.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { DIGEST_BYTES_MAX = 64, BASE64_MAX = 88 };

static const char *blanks_skip(const char *at)
{
	return at + strspn(at, " \t");
}

/* Exactly `len` bytes in base64. */
static bool bytes_read(const char *text, size_t text_len, uint8_t *into, size_t len)
{
	struct base64_decode_ctx ctx;
	uint8_t bytes[BASE64_DECODE_LENGTH(BASE64_MAX)];
	size_t found = sizeof(bytes);

	if (text_len > BASE64_MAX)
		return false;
	base64_decode_init(&ctx);
	if (!base64_decode_update(&ctx, &found, bytes, text_len, text) ||
	    !base64_decode_final(&ctx) || found != len)
		return false;
	memcpy(into, bytes, len);
	return true;
}

/* The byte sequence of one key. */
static int member_take(const char *field, const char *key, size_t key_len, const char *text,
		       size_t text_len, struct digest *digest, struct err *err)
{
	bool good = true;

	if (key_len == 7 && memcmp(key, "sha-256", 7) == 0) {
		digest->has_sha256 = true;
		good = bytes_read(text, text_len, digest->sha256, sizeof(digest->sha256));
	} else if (key_len == 7 && memcmp(key, "sha-512", 7) == 0) {
		digest->has_sha512 = true;
		good = bytes_read(text, text_len, digest->sha512, sizeof(digest->sha512));
	}
	if (good)
		return 0;
	return err_set(err, ERR_BAD_REQUEST, "%s: %.*s is no digest of that length in base64",
		       field, (int)key_len, key);
}

int digest_read(const char *field, const char *value, struct digest *ret_digest, struct err *err)
{
	static const char key_chars[] = "abcdefghijklmnopqrstuvwxyz0123456789_-.*";
	const char *at = value ? blanks_skip(value) : "";

	*ret_digest = (struct digest){0};
	while (*at) {
		size_t key_len = strspn(at, key_chars);
		const char *text = at + key_len + 2;
		size_t text_len;

		if (key_len == 0 || at[key_len] != '=' || at[key_len + 1] != ':')
			break;
		text_len = strcspn(text, ":");
		if (text[text_len] != ':')
			break;
		if (member_take(field, at, key_len, text, text_len, ret_digest, err))
			return -1;
		at = text + text_len + 1;
		at = blanks_skip(at + strcspn(at, ",")); /* parameters say nothing here */
		if (*at == '\0')
			return 0;
		at = blanks_skip(at + 1);
		if (*at == '\0')
			break; /* nothing after a comma */
	}
	if (*at == '\0' && (!value || *value == '\0'))
		return 0;
	return err_set(err, ERR_BAD_REQUEST, "%s must read like sha-256=:<base64>:", field);
}

void digest_format(const uint8_t sha256[32], char text[DIGEST_TEXT_MAX])
{
	char base64[BASE64_ENCODE_RAW_LENGTH(32) + 1];

	base64_encode_raw(base64, 32, sha256);
	base64[sizeof(base64) - 1] = '\0';
	snprintf(text, DIGEST_TEXT_MAX, "sha-256=:%s:", base64);
}
