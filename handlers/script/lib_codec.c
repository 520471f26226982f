/* SPDX-License-Identifier: MIT */
/* lib_codec.c - hash, base64, hex and uuid: bytes as texts. */
#include "handlers/script/vm.h"

#include "base/id.h"

#include <nettle/base64.h>
#include <nettle/nettle-meta.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>
#include <zlib.h>

enum { DIGEST_BYTES_MAX = 64, WORK_PER_BYTE = 2 };

static const char digits[] = "0123456789abcdef";

/* The first argument: bytes, whose hashing is counted. */
static const char *bytes_check(lua_State *L, size_t *ret_len)
{
	const char *bytes = luaL_checklstring(L, 1, ret_len);

	vm_charge(L, *ret_len * WORK_PER_BYTE);
	return bytes;
}

static void hex_push(lua_State *L, const uint8_t *bytes, size_t len)
{
	luaL_Buffer into;
	char *at = luaL_buffinitsize(L, &into, 2 * len);

	for (size_t i = 0; i < len; i++) {
		*at++ = digits[bytes[i] >> 4];
		*at++ = digits[bytes[i] & 15];
	}
	luaL_pushresultsize(&into, 2 * len);
}

/* ---- hash ---- */

/* Upvalue: the struct nettle_hash. */
static int hash_digest(lua_State *L)
{
	const struct nettle_hash *hash = lua_touserdata(L, lua_upvalueindex(1));
	uint8_t digest[DIGEST_BYTES_MAX];
	uint64_t ctx[64]; /* larger than any of theirs */
	size_t len;
	const char *bytes = bytes_check(L, &len);

	if (hash->context_size > sizeof(ctx) || hash->digest_size > sizeof(digest))
		return luaL_error(L, "no such digest");
	hash->init(ctx);
	hash->update(ctx, len, (const uint8_t *)bytes);
	hash->digest(ctx, hash->digest_size, digest);
	hex_push(L, digest, hash->digest_size);
	return 1;
}

static int hash_xxh64(lua_State *L)
{
	size_t len;
	const char *bytes = bytes_check(L, &len);
	char text[17];

	snprintf(text, sizeof(text), "%016llx", (unsigned long long)XXH64(bytes, len, 0));
	lua_pushstring(L, text);
	return 1;
}

static int hash_crc32(lua_State *L)
{
	size_t len;
	const char *bytes = bytes_check(L, &len);
	char text[9];

	snprintf(text, sizeof(text), "%08lx", crc32(0, (const Bytef *)bytes, (uInt)len));
	lua_pushstring(L, text);
	return 1;
}

int lib_hash(lua_State *L)
{
	static const struct {
		const char *name;
		const struct nettle_hash *hash;
	} digests[] = {
		{"md5", &nettle_md5},
		{"sha1", &nettle_sha1},
		{"sha256", &nettle_sha256},
		{"sha512", &nettle_sha512},
	};

	lua_newtable(L);
	for (size_t i = 0; i < ARRAY_LEN(digests); i++) {
		lua_pushlightuserdata(L, (void *)digests[i].hash); /* only read */
		lua_pushcclosure(L, hash_digest, 1);
		lua_setfield(L, -2, digests[i].name);
	}
	lua_pushcfunction(L, hash_xxh64);
	lua_setfield(L, -2, "xxh64");
	lua_pushcfunction(L, hash_crc32);
	lua_setfield(L, -2, "crc32");
	return 1;
}

/* ---- base64 (RFC 4648, section 4) ---- */

static int encode64(lua_State *L)
{
	size_t len;
	const char *bytes = bytes_check(L, &len);
	size_t room = BASE64_ENCODE_RAW_LENGTH(len);
	luaL_Buffer into;

	base64_encode_raw(luaL_buffinitsize(L, &into, room + 1), len, (const uint8_t *)bytes);
	luaL_pushresultsize(&into, room);
	return 1;
}

/* nil: it is not base64 */
static int decode64(lua_State *L)
{
	size_t len, room;
	const char *text = bytes_check(L, &len);
	struct base64_decode_ctx ctx;
	luaL_Buffer into;
	char *at;

	room = BASE64_DECODE_LENGTH(len);
	at = luaL_buffinitsize(L, &into, room + 1);
	base64_decode_init(&ctx);
	if (!base64_decode_update(&ctx, &room, (uint8_t *)at, len, text) ||
	    !base64_decode_final(&ctx)) {
		luaL_pushresultsize(&into, 0);
		lua_pushnil(L);
		return 1;
	}
	luaL_pushresultsize(&into, room);
	return 1;
}

int lib_base64(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"decode", decode64}, {"encode", encode64}, {NULL, NULL}};

	luaL_newlib(L, functions);
	return 1;
}

/* ---- hex ---- */

static int encode16(lua_State *L)
{
	size_t len;
	const char *bytes = bytes_check(L, &len);

	hex_push(L, (const uint8_t *)bytes, len);
	return 1;
}

static int digit_value(char c)
{
	const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* nil: it is not hexadecimal */
static int decode16(lua_State *L)
{
	size_t len;
	const char *text = bytes_check(L, &len);
	luaL_Buffer into;
	char *at = luaL_buffinitsize(L, &into, len / 2 + 1);
	bool good = len % 2 == 0;

	for (size_t i = 0; i < len && good; i += 2) {
		int high = digit_value(text[i]), low = digit_value(text[i + 1]);

		good = high >= 0 && low >= 0;
		*at++ = (char)((unsigned)high << 4 | (unsigned)low);
	}
	luaL_pushresultsize(&into, good ? len / 2 : 0);
	if (!good)
		lua_pushnil(L);
	return 1;
}

int lib_hex(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"decode", decode16}, {"encode", encode16}, {NULL, NULL}};

	luaL_newlib(L, functions);
	return 1;
}

/* ---- uuid (RFC 9562) ---- */

static int id_push(lua_State *L, const struct id *id)
{
	char text[ID_TEXT_LEN + 1];

	id_format(id, text);
	lua_pushstring(L, text);
	return 1;
}

/* Of the job's seed and the record's number: the same when the record is done again. */
static int uuid_v4(lua_State *L)
{
	struct rng *rng = vm_rng(vm_of(L));
	uint64_t halves[2] = {rng_next(rng), rng_next(rng)};
	struct id id;

	memcpy(id.bytes, halves, sizeof(id.bytes));
	id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0F) | 0x40);
	id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3F) | 0x80);
	return id_push(L, &id);
}

/* Of the clock: another one each time. */
static int uuid_v7(lua_State *L)
{
	struct id id;

	vm_charge(L, 16);
	id_new(&id);
	return id_push(L, &id);
}

int lib_uuid(lua_State *L)
{
	static const luaL_Reg functions[] = {{"v4", uuid_v4}, {"v7", uuid_v7}, {NULL, NULL}};

	luaL_newlib(L, functions);
	return 1;
}
