# SPDX-License-Identifier: MIT
"""Formats of inputs, held against Python's readers: what comes out of a pipeline is what its csv
and json modules read of the same bytes."""
import csv
import gzip
import io
import json
import random

import pytest

PIECES = ["", "a", "0", "-1.50", "x y", '"', '""', ",", ";", "\n", "\r\n", "ä", "😀", "\t", "\\",
          "null", "\u2028", "'", "q" * 70]
NUMBERS = ["0", "-0", "7", "-12", "1.50", "1e5", "2E+3", "9223372036854775807",
           "9223372036854775808", "123456789012345678901234567890", "0.1", "1e400", "1E-400"]


def read(jobs, body, **members):
    """The lines of the results of a pipeline that passes on what it reads."""
    answer = jobs.ask("PUT", "/v1/files/nasty", body)
    assert answer.status in (200, 201), answer
    job = jobs.run("pipeline", {"input": {"file": "nasty", **members},
                                "stages": [{"filter": "true"}]})
    assert job["state"] == "completed", job
    return jobs.get(f"/v1/jobs/{job['id']}/results").text.split("\n")[:-1]


def nasty_rows(seed):
    rng = random.Random(seed)
    return [["".join(rng.choices(PIECES, k=rng.randrange(4))) for _ in range(4)]
            for _ in range(2000)]


def nasty_value(rng, depth=0):
    """A JSON text of odd pieces, odd numbers and odd blanks."""
    kind = rng.randrange(4 if depth == 3 else 6)
    blank = rng.choice(["", "", " ", "\t", " \r "])
    if kind == 0:
        return rng.choice(NUMBERS)
    if kind == 1:
        return rng.choice(["true", "false", "null", "[]", "{}", r'"\u0000"', r'"\ud83d"', r'"\/"'])
    if kind < 4:
        return json.dumps("".join(rng.choices(PIECES, k=3)), ensure_ascii=rng.random() < 0.5)
    values = [nasty_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind == 4:
        return f"[{blank}" + f"{blank},".join(values) + "]"
    names = [json.dumps(f"{i}{rng.choice(PIECES)}") for i in range(len(values))]
    return "{" + ",".join(f"{n}{blank}:{v}" for n, v in zip(names, values)) + f"{blank}}}"


@pytest.mark.parametrize("delimiter,line_end,quoting", [
    (",", "\n", csv.QUOTE_MINIMAL), (";", "\r\n", csv.QUOTE_ALL), ("\t", "\n", csv.QUOTE_MINIMAL)])
def test_rows_of_csv_are_those_that_python_reads(jobs, delimiter, line_end, quoting):
    """Quotes, delimiters and line ends in fields, as they come by chance; cut into portions."""
    text = io.StringIO(newline="")
    rows = nasty_rows(delimiter)
    writer = csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=quoting)
    writer.writerow(["a", "b", "c.d", "ä"])
    writer.writerows(rows)
    found = [json.loads(line) for line in read(jobs, text.getvalue().encode(), format="csv",
                                               delimiter=delimiter)]
    assert found == list(csv.DictReader(io.StringIO(text.getvalue(), newline=""),
                                        delimiter=delimiter))
    assert [list(row.values()) for row in found] == rows


def test_records_of_json_come_out_as_they_went_in(jobs):
    """Byte by byte, as lines and as elements; and Python reads the same values from them."""
    rng = random.Random(5)
    records = [nasty_value(rng) for _ in range(2000)]
    lines = "\r\n".join(records).encode()
    assert read(jobs, lines, format="ndjson") == records
    array = " [\n" + " ,\n".join(records) + "\n] "
    assert read(jobs, array.encode()) == records
    assert json.loads(array) == [json.loads(record) for record in records]


def test_what_is_compressed_is_read_as_what_it_was(jobs):
    """Two members in one file, sniffed; one that is cut off fails the job."""
    records = [json.dumps({"i": i}) for i in range(50000)]
    half = "\n".join(records[:25000]) + "\n"
    packed = gzip.compress(half.encode()) + gzip.compress("\n".join(records[25000:]).encode())
    assert read(jobs, packed) == records
    jobs.ask("PUT", "/v1/files/cut", packed[:-20])
    job = jobs.run("pipeline", {"input": {"file": "cut"}, "stages": [{"filter": "true"}]})
    assert job["state"] == "failed" and "gzip: the input ends early" in job["error"]["detail"]


def test_mistakes_have_their_line_and_offset(jobs):
    """The line on which the record begins, quoted line ends counted; the byte that is wrong."""
    body = b'id,n\n1,"a\nb"\n2\n3,"c\n\xff"\n4,d\n'
    jobs.ask("PUT", "/v1/files/bad.csv", body)
    job = jobs.run("pipeline", {"input": {"file": "bad.csv"},
                                "stages": [{"filter": "true"}]})
    assert job["state"] == "completed", job
    errors = jobs.get(f"/v1/jobs/{job['id']}/errors").lines()
    assert [(e["line"], e["offset"], e["error"]["detail"]) for e in errors] == [
        (4, 14, "expected 2 fields but found 1"), (5, 20, "byte 0xFF is not UTF-8")]
