/* SPDX-License-Identifier: MIT */
/* fuzz_head.c - the first head, whole and cut at every packet border: what is whole stays
 * whole with more behind it, what is refused stays refused, and nothing is read past the end. */
#include "service/http/head.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* A copy of exactly that size, so that the sanitizer sees one byte too far. */
static enum head_state read_copy(const uint8_t *data, size_t size)
{
	char *copy = malloc(size ? size : 1);
	struct head head;
	struct err err;
	enum head_state state;

	if (!copy)
		abort();
	memcpy(copy, data, size);
	state = head_read(copy, size, &head, &err);
	if (state == HEAD_WHOLE) {
		must(head.method >= copy && head.uri > head.method);
		must(head.uri_len > 0 && head.uri + head.uri_len < copy + size);
		must(head.uri[head.uri_len] == ' ' && !memchr(head.uri, ' ', head.uri_len));
		must(head.memory_bytes <= 32 * 1024);
	} else if (state == HEAD_REFUSED) {
		must(err_status(err.code) >= 400 && err_status(err.code) < 500);
		/* It goes into JSON as it is. */
		must(err.detail[0] && !strpbrk(err.detail, "\"\\\r\n"));
	}
	free(copy);
	return state;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum head_state all = read_copy(data, size), state = HEAD_PARTIAL;
	size_t step = size / 32 + 1;

	for (size_t len = 0; state == HEAD_PARTIAL && len < size; len += step)
		state = read_copy(data, len);
	/* Too large is the only refusal that more bytes may bring, never take back. */
	must(state == HEAD_PARTIAL || state == all);
	return 0;
}
