/* SPDX-License-Identifier: MIT */
/* fake_copier.h - a handler for tests of inputs: each record becomes an item, in order.
 *
 *   {"input": {…},
 *    "bytes": true    blocks of bytes instead, each one item, a string
 *    "save": true     after each of them the part is saved with its mark
 *    "chunk": 1024}   what a handler says of the size of portions
 *
 * A record with a mistake is a failed item with its place.
 */
#ifndef TESTS_LIB_FAKE_COPIER_H
#define TESTS_LIB_FAKE_COPIER_H

#include "handlers/handler.h"

extern const struct handler fake_copier;

#endif
