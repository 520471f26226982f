#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""entities.py - writes the named character references of HTML as a C table.

Python's html.entities.html5 is the standard's list, 2,231 names, some of them
without the final semicolon.  The table is sorted by name, so that charref.c can
narrow a range of it byte by byte.
"""
import html.entities


def c_bytes(text):
    return "".join("\\x%02x" % byte for byte in text.encode())


names = sorted(html.entities.html5.items(), key=lambda item: item[0].encode())
print("/* Made by entities.py: do not edit. */")
print("static const struct entity entities[] = {")
for name, value in names:
    print('\t{"%s", %d, %d, "%s"},' % (name, len(name), len(value.encode()), c_bytes(value)))
print("};")
