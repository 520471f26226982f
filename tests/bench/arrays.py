#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""arrays.py stats FILE | primes LAST | matrix SIDE - numpy; prints {"ms": …, …}."""
import json
import sys
import time

import numpy


def stats(path):
    array = numpy.fromfile(path, dtype="<f8")
    return {"count": len(array), "of": [float(f(array)) for f in (
        numpy.sum, numpy.mean, numpy.std, numpy.min, numpy.max, numpy.median)]}


def primes(last):
    sieve = numpy.ones(int(last) // 2 + 1, dtype=bool) # odd numbers: i stands for 2i + 1
    sieve[0] = False
    for i in range(1, (int(int(last) ** 0.5) - 1) // 2 + 1):
        if sieve[i]:
            sieve[2 * i * (i + 1)::2 * i + 1] = False
    return {"primes": int(numpy.count_nonzero(sieve[:(int(last) + 1) // 2])) + 1}


def matrix(side):
    return {"rows": len(LEFT @ RIGHT), "side": side}


if sys.argv[1] == "matrix": # in memory already
    LEFT, RIGHT = numpy.random.default_rng(1).integers(
        -9, 9, (2, int(sys.argv[2]), int(sys.argv[2]))).astype(float)
start = time.perf_counter()
answer = {"stats": stats, "primes": primes, "matrix": matrix}[sys.argv[1]](sys.argv[2])
print(json.dumps({"ms": (time.perf_counter() - start) * 1e3, **answer}))
