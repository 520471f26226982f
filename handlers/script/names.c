/* SPDX-License-Identifier: MIT */
/* names.c - the precompiled form of Lua 5.4 (its ldump.c writes it): a header, then functions
 * in functions, each with code, constants, upvalues and what debuggers want.
 *
 * A global is a field of the upvalue _ENV: GETTABUP and SETTABUP.  When a constant has too
 * high a number for these, Lua uses other instructions; such names are only found when the
 * script runs.
 */
#include "handlers/script/names.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	HEADER_BYTES = 4 + 1 + 1 + 6 + 3 + 8 + 8 + 1, /* the last: upvalues of the chunk */
	OP_GET = 11,				      /* R[A] := UpValue[B][K[C]] */
	OP_FIELD = 14,				      /* R[A] := R[B][K[C]] */
	OP_SET = 15,				      /* UpValue[A][K[B]] := … */
	CONSTANT_INT = 0x03,
	CONSTANT_FLOAT = 0x13,
	CONSTANT_SHORT = 0x04,
	CONSTANT_LONG = 0x14,
	LINE_ABSOLUTE = -0x80,
	DEPTH_MAX = 256, /* functions in functions; Lua's own limit is 200 */
};

struct text {
	const char *at;
	size_t len;
};

struct reader {
	const char *at, *end;
	bool bad;
	void (*told)(void *ctx, const struct name_use *use);
	void *ctx;
	unsigned depth;
};

struct function {
	int line;
	const char *code;
	size_t code_count;
	struct text *constants; /* those that are strings */
	size_t constant_count;
	size_t env; /* the upvalue; SIZE_MAX: it has none */
	const char *line_steps;
	size_t line_count;
	const char *absolute; /* pairs of a place and a line, up to absolute_end */
	const char *absolute_end;
	size_t absolute_count;
};

static const char *bytes_read(struct reader *reader, size_t len)
{
	const char *at = reader->at;

	if (reader->bad || (size_t)(reader->end - at) < len) {
		reader->bad = true;
		return NULL;
	}
	reader->at += len;
	return at;
}

static unsigned byte_read(struct reader *reader)
{
	const char *at = bytes_read(reader, 1);

	return at ? (unsigned char)*at : 0;
}

/* Seven bits a byte, the highest first; the last byte has bit 7. */
static size_t size_read(struct reader *reader)
{
	size_t size = 0;
	unsigned byte;

	do {
		byte = byte_read(reader);
		size = size << 7 | (byte & 0x7F);
	} while (!reader->bad && !(byte & 0x80));
	return size;
}

static struct text text_read(struct reader *reader)
{
	size_t size = size_read(reader); /* one more than the bytes; 0: none */
	struct text text = {.len = size > 0 ? size - 1 : 0};

	text.at = bytes_read(reader, text.len);
	return text;
}

static void constants_read(struct reader *reader, struct function *function)
{
	size_t count = size_read(reader);

	if (reader->bad || count > (size_t)(reader->end - reader->at)) {
		reader->bad = true;
		return;
	}
	function->constants = calloc(count + 1, sizeof(*function->constants));
	if (!function->constants) {
		reader->bad = true;
		return;
	}
	function->constant_count = count;
	for (size_t i = 0; i < count && !reader->bad; i++) {
		unsigned kind = byte_read(reader);

		if (kind == CONSTANT_INT || kind == CONSTANT_FLOAT)
			bytes_read(reader, 8);
		else if (kind == CONSTANT_SHORT || kind == CONSTANT_LONG)
			function->constants[i] = text_read(reader);
	}
}

static int line_of(const struct function *function, size_t place)
{
	struct reader reader = {.at = function->absolute, .end = function->absolute_end};
	int line = function->line;
	size_t absolute = 0;

	for (size_t i = 0; i <= place && i < function->line_count; i++) {
		if (function->line_steps[i] != LINE_ABSOLUTE) {
			line += (signed char)function->line_steps[i];
		} else if (absolute++ < function->absolute_count) {
			size_read(&reader);
			line = (int)size_read(&reader);
		}
	}
	return line;
}

static const struct text *constant(const struct function *function, size_t index)
{
	const struct text *text = &function->constants[index];

	return index < function->constant_count && text->at ? text : NULL;
}

static uint32_t instruction(const struct function *function, size_t place)
{
	uint32_t code;

	memcpy(&code, function->code + place * sizeof(code), sizeof(code));
	return code;
}

/* op: 7 bits, A: 8, k: 1, B: 8, C: 8 */
static unsigned op_of(uint32_t code)
{
	return code & 0x7F;
}

static unsigned a_of(uint32_t code)
{
	return code >> 7 & 0xFF;
}

static unsigned b_of(uint32_t code)
{
	return code >> 16 & 0xFF;
}

static unsigned c_of(uint32_t code)
{
	return code >> 24 & 0xFF;
}

static void use_tell(struct reader *reader, const struct function *function, size_t place)
{
	uint32_t code = instruction(function, place), next = 0;
	bool written = op_of(code) == OP_SET;
	const struct text *name = constant(function, written ? b_of(code) : c_of(code));
	const struct text *member = NULL;
	struct name_use use = {.written = written};

	if ((written ? a_of(code) : b_of(code)) != function->env || !name)
		return;
	if (place + 1 < function->code_count)
		next = instruction(function, place + 1);
	if (!written && op_of(next) == OP_FIELD && b_of(next) == a_of(code))
		member = constant(function, c_of(next));
	use.name = name->at;
	use.len = name->len;
	use.line = line_of(function, place);
	if (member) {
		use.member = member->at;
		use.member_len = member->len;
	}
	reader->told(reader->ctx, &use);
}

static void function_read(struct reader *reader);

static void inner_read(struct reader *reader)
{
	size_t count = size_read(reader);

	if (++reader->depth > DEPTH_MAX)
		reader->bad = true;
	for (size_t i = 0; i < count && !reader->bad; i++)
		function_read(reader);
	reader->depth--;
}

static void debug_read(struct reader *reader, struct function *function)
{
	size_t count;

	function->line_count = size_read(reader);
	function->line_steps = bytes_read(reader, function->line_count);
	function->absolute_count = size_read(reader);
	function->absolute = reader->at;
	for (size_t i = 0; i < function->absolute_count && !reader->bad; i++) {
		size_read(reader);
		size_read(reader);
	}
	function->absolute_end = reader->at;
	count = size_read(reader);
	for (size_t i = 0; i < count && !reader->bad; i++) {
		text_read(reader);
		size_read(reader);
		size_read(reader);
	}
	count = size_read(reader);
	for (size_t i = 0; i < count && !reader->bad; i++) {
		struct text name = text_read(reader);

		if (name.len == 4 && name.at && memcmp(name.at, "_ENV", 4) == 0)
			function->env = i;
	}
}

static void function_read(struct reader *reader)
{
	struct function function = {.env = SIZE_MAX};
	size_t upvalues;

	text_read(reader);
	function.line = (int)size_read(reader);
	size_read(reader);
	bytes_read(reader, 3);
	function.code_count = size_read(reader);
	if (function.code_count > (size_t)(reader->end - reader->at))
		reader->bad = true;
	function.code = bytes_read(reader, function.code_count * sizeof(uint32_t));
	constants_read(reader, &function);
	upvalues = size_read(reader);
	if (upvalues <= UINT8_MAX)
		bytes_read(reader, upvalues * 3);
	inner_read(reader);
	debug_read(reader, &function);
	for (size_t i = 0; i < function.code_count && !reader->bad; i++) {
		unsigned op = op_of(instruction(&function, i));

		if (op == OP_GET || op == OP_SET)
			use_tell(reader, &function, i);
	}
	free(function.constants);
}

bool names_used(const char *chunk, size_t len, void (*told)(void *ctx, const struct name_use *use),
		void *ctx)
{
	struct reader reader = {.at = chunk, .end = chunk + len, .told = told, .ctx = ctx};

	if (len < HEADER_BYTES || memcmp(chunk, "\x1BLua\x54\x00", 6) != 0)
		return false;
	bytes_read(&reader, HEADER_BYTES);
	function_read(&reader);
	return !reader.bad;
}
