/* SPDX-License-Identifier: MIT */
/* json_check.h - what json_parse() learns from the check besides yes or no.
 *
 * Errors     as json_check() in json.h.
 */
#ifndef BASE_JSON_CHECK_H
#define BASE_JSON_CHECK_H

#include "base/json.h"

enum {
	JSON_NUMBER_PLAIN_MAX = 63, /* bytes: cJSON reads a longer number only in part */
	JSON_NUMBER_DIGITS = 15,    /* of an integer: they survive as a double */
};

struct json_facts {
	bool long_numbers;    /* some number is longer than JSON_NUMBER_PLAIN_MAX */
	bool spelled_numbers; /* some is more than an integer of JSON_NUMBER_DIGITS */
};

int json_check_facts(const char *text, size_t len, struct json_facts *ret_facts,
		     struct json_place *ret_place, struct err *err);

#endif
