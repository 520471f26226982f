/* SPDX-License-Identifier: MIT */
/* fuzz_json.c - what json_check allows, json_parse takes; what it printed, it reads
 * again, and prints the same. */
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf first = BUF(64 * 1024 * 1024), second = BUF(64 * 1024 * 1024);
	struct json *json = NULL, *again = NULL;
	struct err check_err = {0}, err = {0};
	const char *text = (const char *)data;
	struct json_place place;
	int checked = json_check(text, size, &place, &check_err);

	must((checked == 0) == (json_parse(text, size, &json, &place, &err) == 0));
	must(check_err.code == err.code);
	if (checked) {
		must(err.code == ERR_INVALID_JSON || err.code == ERR_INVALID_SPEC ||
		     err.code == ERR_BODY_TOO_LARGE);
		must(place.offset <= size && place.line >= 1 && place.column >= 1);
		must(strlen(place.pointer) < sizeof(place.pointer));
		return 0;
	}
	must(json_print(json, &first) == 0);
	must(json_parse(first.data, first.len, &again, &place, &err) == 0);
	must(json_print(again, &second) == 0);
	must(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
	json_free(json);
	json_free(again);
	buf_done(&first);
	buf_done(&second);
	return 0;
}
