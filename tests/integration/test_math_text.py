# SPDX-License-Identifier: MIT
"""math and text: exact values, computed by hand or taken from standards."""
import math

import pytest


def value(jobs, kind, **spec):
    job = jobs.run(kind, spec)
    assert job["state"] == "completed", job
    return job["summary"]["value"]


@pytest.mark.parametrize("numbers, expected", [
    ([], 0),
    ([1, 2, 3], 6),
    ([0.1, 0.2], 0.3),
    ([-1.5, 1.5], 0),
    ([1e15, 1e-15], "1000000000000000.000000000000001"),
    (["9007199254740993", 1], "9007199254740994"),
    ([9007199254740991, 1], 9007199254740992),
    ([9007199254740991, 2], "9007199254740993"),
    (["1e3", "-12.5e-1"], 998.75),
])
def test_a_sum_is_exact(jobs, numbers, expected):
    """Decimals as they are written; beyond 2^53 the digits come as a string."""
    assert value(jobs, "math", op="sum", numbers=numbers) == expected


@pytest.mark.parametrize("numbers, expected", [
    ([], 1),
    ([6, 7], 42),
    ([0.1, 0.1], 0.01),
    (["123456789012345678901234567890", 10], "1234567890123456789012345678900"),
    ([-2, 3], -6),
])
def test_a_product_is_exact(jobs, numbers, expected):
    """The same for products; the empty one is 1."""
    assert value(jobs, "math", op="product", numbers=numbers) == expected


@pytest.mark.parametrize("n, expected", [
    (0, 1),
    (5, 120),
    (18, 6402373705728000),
    (20, "2432902008176640000"),
    (30, "265252859812191058636308480000000"),
])
def test_a_factorial_is_exact(jobs, n, expected):
    """18! is the last below 2^53."""
    assert value(jobs, "math", op="factorial", n=n) == expected


def test_a_large_factorial_has_all_its_digits(jobs):
    """1000! by Python's own arithmetic."""
    assert value(jobs, "math", op="factorial", n=1000) == str(math.factorial(1000))


@pytest.mark.parametrize("n, expected", [
    (0, 0), (1, 1), (10, 55), (78, 8944394323791464), (90, "2880067194370816120"),
    (100, "354224848179261915075"),
])
def test_a_fibonacci_number_is_exact(jobs, n, expected):
    """OEIS A000045; F(78) is the last below 2^53."""
    assert value(jobs, "math", op="fibonacci", n=n) == expected


@pytest.mark.parametrize("text, by, expected", [
    ("abc", "grapheme", "cba"),
    ("", "grapheme", ""),
    ("e\u0301a", "grapheme", "ae\u0301"),
    ("e\u0301a", "codepoint", "a\u0301e"),
    ("a👩\u200d🚀b", "grapheme", "b👩\u200d🚀a"),
    ("🇩🇪🇫🇷", "grapheme", "🇫🇷🇩🇪"),
])
def test_a_text_is_reversed_by_what_people_call_letters(jobs, text, by, expected):
    """UAX #29: accents, families and flags stay whole, unless code points are asked for."""
    assert value(jobs, "text", op="reverse", text=text, by=by) == expected


@pytest.mark.parametrize("text, expected", [
    ("abc", "ABC"), ("straße", "STRASSE"), ("ﬁn", "FIN"), ("éà", "ÉÀ"), ("ŉ", "ʼN"),
])
def test_uppercase_is_that_of_unicode(jobs, text, expected):
    """SpecialCasing.txt: one letter may become two."""
    assert value(jobs, "text", op="uppercase", text=text) == expected


@pytest.mark.parametrize("text, expected", [
    ("", 0), ("one", 1), ("  one\ttwo\nthree  ", 3), ("a\u00a0b", 2), ("a-b", 1),
])
def test_words_are_counted_between_white_space(jobs, text, expected):
    """Unicode's White_Space parts them."""
    assert value(jobs, "text", op="word_count", text=text) == expected


@pytest.mark.parametrize("algorithm, expected", [
    # RFC 1321, A.5 and FIPS 180-2, appendix: of "abc"
    ("md5", "900150983cd24fb0d6963f7d28e17f72"),
    ("sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"),
    ("sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ("sha512", "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
               "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"),
])
def test_a_hash_is_that_of_its_standard(jobs, algorithm, expected):
    """The test vectors of the standards."""
    assert value(jobs, "text", op="hash", text="abc", algorithm=algorithm) == expected


def test_a_product_beyond_measure_fails_and_says_so(jobs):
    """Not retried: it would be as large the next time."""
    huge = "9" * 10000
    job = jobs.run("math", {"op": "product", "numbers": [huge] * 200})
    assert job["state"] == "failed"
    assert job["error"]["type"] == "overflow"
    assert job["attempt"] == 1
