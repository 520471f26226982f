/* SPDX-License-Identifier: MIT */
/* auth.c - hashes of tokens in an array; every check walks all of it. */
#include "service/http/auth.h"

#include "base/clock.h"
#include "base/compiler.h"

#include <nettle/base64.h>
#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	TOKEN_BYTES_MIN = 16, /* shorter ones can be guessed */
	TOKEN_BYTES_MAX = 512,
	TOKENS_MAX = 1000, /* each costs a comparison with every request */
	TOKEN_NAME_MAX = 64,
};

struct token {
	unsigned char hash[SHA256_DIGEST_SIZE];
	char name[TOKEN_NAME_MAX + 1];
	unsigned scopes;
};

struct auth {
	struct token *tokens;
	size_t count;
};

int auth_new(struct auth **ret_auth, struct err *err)
{
	struct auth *auth = calloc(1, sizeof(*auth));

	if (!auth)
		return err_set(err, ERR_NO_MEMORY, "tokens");
	*ret_auth = auth;
	return 0;
}

void auth_free(struct auth *auth)
{
	if (auth)
		free(auth->tokens);
	free(auth);
}

static void hash_token(const char *token, size_t len, unsigned char hash[SHA256_DIGEST_SIZE])
{
	struct sha256_ctx sha256;

	sha256_init(&sha256);
	sha256_update(&sha256, len, (const uint8_t *)token);
	sha256_digest(&sha256, SHA256_DIGEST_SIZE, hash);
}

int auth_add_hash(struct auth *auth, const unsigned char hash[32], const char *name,
		  unsigned scopes, struct err *err)
{
	struct token *tokens;

	if (auth->count == TOKENS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d tokens", TOKENS_MAX);
	tokens = reallocarray(auth->tokens, auth->count + 1, sizeof(*tokens));
	if (!tokens)
		return err_set(err, ERR_NO_MEMORY, "tokens");
	auth->tokens = tokens;
	tokens += auth->count++;
	*tokens = (struct token){.scopes = scopes};
	memcpy(tokens->hash, hash, SHA256_DIGEST_SIZE);
	strncpy(tokens->name, name, TOKEN_NAME_MAX);
	return 0;
}

/* "read,write" */
static int scopes_parse(const char *text, size_t len, unsigned *ret_scopes)
{
	static const struct {
		const char *name;
		unsigned scope;
	} known[] = {{"read", SCOPE_READ}, {"write", SCOPE_WRITE}, {"admin", SCOPE_ADMIN}};
	unsigned scopes = 0;

	while (len > 0) {
		const char *comma = memchr(text, ',', len);
		size_t part = comma ? (size_t)(comma - text) : len;
		size_t i = 0;

		while (i < ARRAY_LEN(known) &&
		       (strlen(known[i].name) != part || memcmp(known[i].name, text, part) != 0))
			i++;
		if (i == ARRAY_LEN(known))
			return -1;
		scopes |= known[i].scope;
		text += MIN(part + 1, len);
		len -= MIN(part + 1, len);
	}
	*ret_scopes = scopes;
	return 0;
}

/* The next word of a line; an empty one at its end. */
static const char *word_next(const char **at, const char *end, size_t *ret_len)
{
	const char *word;

	while (*at < end && (**at == ' ' || **at == '\t'))
		(*at)++;
	word = *at;
	while (*at < end && **at != ' ' && **at != '\t')
		(*at)++;
	*ret_len = (size_t)(*at - word);
	return word;
}

static int line_add(struct auth *auth, const char *line, const char *end, unsigned number,
		    struct err *err)
{
	unsigned char hash[SHA256_DIGEST_SIZE];
	char text[TOKEN_NAME_MAX + 1] = "";
	size_t token_len, name_len, scopes_len, rest_len;
	const char *token = word_next(&line, end, &token_len);
	const char *name = word_next(&line, end, &name_len);
	const char *scopes_text = word_next(&line, end, &scopes_len);
	unsigned scopes = SCOPE_ALL;

	word_next(&line, end, &rest_len);
	if (token_len == 0 || token[0] == '#')
		return 0;
	if (token_len < TOKEN_BYTES_MIN || token_len > TOKEN_BYTES_MAX)
		return err_set(err, ERR_BAD_PARAMETER, "line %u: a token has %d to %d bytes",
			       number, TOKEN_BYTES_MIN, TOKEN_BYTES_MAX);
	if (name_len > TOKEN_NAME_MAX || rest_len > 0)
		return err_set(err, ERR_BAD_PARAMETER,
			       "line %u: expected TOKEN [NAME [SCOPE,SCOPE…]]", number);
	if (scopes_len > 0 && scopes_parse(scopes_text, scopes_len, &scopes))
		return err_set(err, ERR_BAD_PARAMETER,
			       "line %u: scopes are read, write and admin, with commas", number);
	memcpy(text, name, name_len);
	hash_token(token, token_len, hash);
	return auth_add_hash(auth, hash, text, scopes, err);
}

int auth_add_lines(struct auth *auth, const char *text, size_t len, struct err *err)
{
	const char *end = text + len;

	for (unsigned number = 1; text < end; number++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *line_end = newline ? newline : end;

		if (line_end > text && line_end[-1] == '\r')
			line_end--;
		if (line_add(auth, text, line_end, number, err))
			return -1;
		text = newline ? newline + 1 : end;
	}
	return 0;
}

size_t auth_count(const struct auth *auth)
{
	return auth->count;
}

int auth_check(const struct auth *auth, const char *header, enum scope scope, const char **ret_name,
	       struct err *err)
{
	unsigned char hash[SHA256_DIGEST_SIZE];
	const struct token *found = NULL;
	size_t len;

	if (!header)
		return err_set(err, ERR_UNAUTHORIZED, "send Authorization: Bearer TOKEN");
	if (strncasecmp(header, "Bearer ", 7) != 0)
		return err_set(err, ERR_UNAUTHORIZED, "the scheme must be Bearer");
	header += 7 + strspn(header + 7, " ");
	len = strlen(header);
	if (len > TOKEN_BYTES_MAX)
		return err_set(err, ERR_UNAUTHORIZED, "no such token");
	hash_token(header, len, hash);
	for (size_t i = 0; i < auth->count; i++)
		if (memeql_sec(auth->tokens[i].hash, hash, sizeof(hash)))
			found = &auth->tokens[i];
	if (!found)
		return err_set(err, ERR_UNAUTHORIZED, "no such token");
	if ((found->scopes & (unsigned)scope) != (unsigned)scope)
		return err_set(err, ERR_FORBIDDEN, "token '%s' has not the scope for this",
			       found->name);
	*ret_name = found->name;
	return 0;
}

void auth_token_new(char text[AUTH_TOKEN_LEN + 1])
{
	uint8_t bytes[32];
	char encoded[BASE64_ENCODE_RAW_LENGTH(32)];

	random_bytes(bytes, sizeof(bytes));
	base64_encode_raw(encoded, sizeof(bytes), bytes);
	for (int i = 0; i < AUTH_TOKEN_LEN; i++) {
		char c = encoded[i];
		text[i] = c == '+' ? '-' : c == '/' ? '_' : c;
	}
	text[AUTH_TOKEN_LEN] = '\0';
}
