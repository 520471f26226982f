# SPDX-License-Identifier: MIT
"""Map-reduce over HTTP: values that are known, crashes that change nothing."""
import collections
import gzip
import math
import random
import statistics
import struct
import time

import pytest
from client import PATIENCE_S


def answer(job):
    """What must not depend on lanes or crashes."""
    assert job["state"] == "completed", job
    return {name: value for name, value in job["summary"].items() if name != "speed"}


def of_range(kernel, first, last, **more):
    return {"input": {"range": {"from": first, "to": last}}, "map": {"builtin": kernel}, **more}


@pytest.mark.parametrize("kernel, first, last, value", [
    ("count", 1, 10000, 10000),
    ("sum", 1, 10000, 50005000),
    ("sum_of_squares", 1, 10000, 333383335000),
    ("count_primes", 1, 10000, 1229),
    ("sum_of_squares", 1, 10 ** 7, "333333383333335000000"),
])
def test_a_range_has_its_value(jobs, kernel, first, last, value):
    """Numbers up to 2^53 are JSON numbers, larger ones strings with all their digits."""
    assert answer(jobs.run("mapreduce", of_range(kernel, first, last)))["value"] == value


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_the_answer_is_that_of_any_number_of_workers(jobs, workers):
    """pi(2 · 10^7) is 1,270,607 (OEIS A006880 and a table of pi(x))."""
    job = jobs.run("mapreduce", of_range("count_primes", 1, 2 * 10 ** 7, workers=workers))
    assert answer(job) == {"kernel": "count_primes", "value": 1270607, "records": 2 * 10 ** 7,
                           "chunks": 306}


def test_a_killed_job_goes_on_and_counts_nothing_twice(start_daemon):
    """kill -9 in the middle, twice; the sum of the squares of 1 … 2·10^9 by hand."""
    daemon = start_daemon()
    job = daemon.client.submit("mapreduce", of_range("sum_of_squares", 1, 2 * 10 ** 9))
    for _ in range(2):
        with daemon.client.stream(f"/v1/jobs/{job['id']}/events") as stream:
            next(event for event in stream.values() if event["type"] == "progress")
        daemon.kill()
        daemon.start()
    assert answer(daemon.client.ended(job["id"])) == {
        "kernel": "sum_of_squares", "value": "2666666668666666667000000000",
        "records": 2 * 10 ** 9, "chunks": 1024}


@pytest.mark.parametrize("change, pointer, kind", [
    ({"map": {"builtin": "cuont"}}, "/spec/map/builtin", "bad-choice"),
    ({"map": {}}, "/spec/map", "missing-member"),
    ({"input": {}}, "/spec/input", "missing-member"),
    ({"input": {"range": {"from": 2, "to": 1, "step": 0}}}, "/spec/input/range/step",
     "out-of-range"),
    ({"input": {"items": [1]}, "map": {"builtin": "count_primes"}}, "/spec/map/builtin",
     "conflict"),
    ({"map": {"builtin": "grep", "pattern": "("}}, "/spec/map/pattern", "pattern"),
    ({"workers": 0}, "/spec/workers", "out-of-range"),
    ({"memory": "1KB"}, "/spec/memory", "out-of-range"),
])
def test_mistakes_are_told_with_their_place(jobs, change, pointer, kind):
    """All at the door, none in a job that runs."""
    told = jobs.post("/v1/jobs", {"type": "mapreduce", "spec": {**of_range("sum", 1, 2), **change}})
    assert told.status == 422
    assert [(m["pointer"], m["type"]) for m in told.json()["errors"]] == [(pointer, kind)]


def test_texts_of_the_only_group_are_texts_in_the_summary(jobs):
    """Quoted and escaped, a text that is written like a number too."""
    records = [{"a": "b\"\u00e9", "n": "7"}, {"a": "z", "n": "1"}]
    value = answer(jobs.run("mapreduce", {"input": {"items": records}, "map": {"aggregates": {
        "first": "first(a)", "last": "last(n)", "some": "collect(a)"}}}))
    assert value["first"] == "b\"\u00e9" and value["some"] == ["b\"\u00e9", "z"]
    assert value["last"] == "1"


def test_items_of_json_texts_are_lines(jobs):
    """A record that is spread over lines in its file is one line, found or a key."""
    put(jobs, "lines.json", b'[\n{"a":\n2},\n{"a":1,\n"b":[1,\n2]}]\n')
    for kernel, wanted in (({"builtin": "grep", "pattern": "1"}, [{"a": 1, "b": [1, 2]}]),
                           ({"group_by": ["b"]}, [{"b": None}, {"b": [1, 2]}])):
        assert jobs.results(jobs.run("mapreduce", {
            "input": {"file": "lines.json"}, "map": kernel})["id"]) == wanted


def test_a_dry_run_shows_the_plan(jobs):
    """Which kernel, what it is given, and how much of everything."""
    told = jobs.post("/v1/jobs/validate", {"type": "mapreduce", "spec": {
        "input": {"items": []}, "map": {"group_by": ["a"], "filter": "b > 1"}, "workers": 3}})
    plan = told.json()["plan"]
    assert {name: plan[name] for name in ("kernel", "reads", "fields", "filter", "workers",
                                          "memory_bytes", "on_error")} == {
        "kernel": "group_by", "reads": "records", "fields": 2, "filter": True, "workers": 3,
        "memory_bytes": 256 * 1024 * 1024, "on_error": "fail"}


def test_the_summary_says_what_it_took(jobs):
    """Of every job; the figures themselves are the machine's."""
    speed = jobs.run("mapreduce", of_range("sum", 1, 10 ** 6))["summary"]["speed"]
    assert speed["lanes"] >= 1 and speed["cpu_ms"] >= 0 and speed["records_per_s"] > 0
    assert speed["spilled_bytes"] == 0
    assert speed["bound_by"] in ("cpu", "disk", "memory", "input")


def test_what_has_ended_is_done(jobs):
    """To the last byte, the header of a CSV too."""
    job = jobs.run("mapreduce", {"input": {"file": put(jobs, "three.csv", "number\n1\n2\n3\n")},
                                 "map": {"builtin": "count"}})
    assert job["summary"]["value"] == 3
    assert [job["progress"][name] for name in ("done", "total", "percent")] == [13, 13, 100]


def test_items_of_one_job_are_another_ones_input(jobs):
    """By the id of the first."""
    first = jobs.run("mapreduce", {"input": {"items": list("abacab")},
                                   "map": {"builtin": "distinct"}})
    second = jobs.run("mapreduce", {"input": {"job": first["id"]},
                                    "map": {"builtin": "sum", "of": "count"}})
    assert answer(second)["value"] == 6


# ---- files ----

def put(jobs, name, content):
    """A named file, as a client uploads it."""
    content = content.encode() if isinstance(content, str) else content
    assert jobs.ask("PUT", f"/v1/files/{name}", content).status in (200, 201)
    return name


def items(jobs, spec, **envelope):
    job = jobs.run("mapreduce", spec, **envelope)
    assert job["state"] == "completed", job
    return jobs.results(job["id"])


def test_words_are_counted_and_come_by_word(jobs):
    """Python's Counter over the same text; more words than one block has."""
    rng = random.Random(20261121)
    words = [f"w{int(rng.paretovariate(0.7)) % 5000}" for _ in range(200000)]
    name = put(jobs, "words.txt", "".join(w + " \n\t  "[rng.randrange(5)] for w in words))
    wanted = collections.Counter(words)
    spec = {"input": {"file": name, "format": "lines"}, "map": {"builtin": "word_count"}}
    for workers in (1, 2, 7):
        job = jobs.run("mapreduce", {**spec, "workers": workers})
        assert answer(job)["value"] == len(wanted)
        assert [(i["word"], i["count"]) for i in jobs.results(job["id"])] == sorted(wanted.items())
    first = items(jobs, {**spec, "sort": ["-count", "word"], "limit": 3})
    assert [(i["word"], i["count"]) for i in first] == \
        sorted(wanted.items(), key=lambda pair: (-pair[1], pair[0]))[:3]


def test_words_fold_when_asked(jobs):
    """A to Z only."""
    spec = {"input": {"items": []}, "map": {"builtin": "word_count", "fold": True}}
    spec["input"] = {"file": put(jobs, "fold.txt", "The the\nTHE end"), "format": "lines"}
    assert items(jobs, spec) == [{"word": "end", "count": 1}, {"word": "the", "count": 3}]


def test_words_of_the_unicode_standard(jobs):
    """UAX #29 finds them, full case folding makes two spellings one; on any number of lanes."""
    text = "Die Straße (can’t) 3.14,\nDIE STRASSE — 3.14!\n" * 50000
    spec = {"input": {"file": put(jobs, "strasse.txt", text), "format": "lines"},
            "map": {"builtin": "word_count", "words": "unicode", "fold": True}}
    for workers in (1, 2, 7):
        assert items(jobs, {**spec, "workers": workers}) == [
            {"word": "3.14", "count": 100000}, {"word": "can’t", "count": 50000},
            {"word": "die", "count": 100000}, {"word": "strasse", "count": 100000}]


def rows(count):
    rng = random.Random(7)
    return [(rng.choice("abcdefgh"), rng.randrange(-990, 991) / 10) for _ in range(count)]


def test_groups_of_csv_have_what_python_says(jobs):
    """Means within a rounding, medians within the sketch's bound, all else exact; the same bytes
    from 1, 2 and 7 workers."""
    table = rows(100000)
    name = put(jobs, "rows.csv", "name;temp\n" + "".join(f"{n};{t}\n" for n, t in table))
    spec = {"input": {"file": name, "format": "csv", "delimiter": ";"},
            "map": {"group_by": ["name"], "filter": "temp > -60",
                    "aggregates": {"n": "count", "mean": "mean(temp)", "max": "max(temp)",
                                   "p50": "p50(temp)"}}}
    found = [items(jobs, {**spec, "workers": workers, "chunk_size": "64KB"})
             for workers in (1, 2, 7)]
    assert found[0] == found[1] == found[2]
    groups = collections.defaultdict(list)
    for letter, temp in table:
        if temp > -60:
            groups[letter].append(temp)
    assert [item["name"] for item in found[0]] == sorted(groups)
    for item in found[0]:
        temps = groups[item["name"]]
        assert item["n"] == len(temps) and float(item["max"]) == max(temps)
        assert math.isclose(item["mean"], math.fsum(temps) / len(temps), rel_tol=1e-15)
        assert math.isclose(item["p50"], statistics.median(temps), rel_tol=1 / 257)


def test_statistics_are_those_of_python(jobs):
    """Of numbers on lines, of items, and of little-endian doubles."""
    numbers = [3.5, -1.25, 8, 2, 2, 11.75]
    wanted = {"count": 6, "sum": 26, "mean": 26 / 6, "min": -1.25, "max": 11.75,
              "median": statistics.median(numbers), "stddev": statistics.stdev(numbers),
              "variance": statistics.variance(numbers)}
    name = put(jobs, "numbers.txt", "".join(f"{n}\n" for n in numbers))
    for source in ({"items": numbers}, {"file": name, "format": "lines"}):
        told = answer(jobs.run("mapreduce", {"input": source, "map": {"builtin": "stats"}}))
        for member, value in wanted.items():
            assert math.isclose(float(told[member]), value, rel_tol=1e-15), (member, told)


def test_no_records_are_zero_or_null(jobs):
    """What an empty input answers."""
    def of_nothing(kernel):
        return answer(jobs.run("mapreduce", {"input": {"items": []}, "map": {"builtin": kernel}}))
    assert of_nothing("count")["value"] == 0
    assert of_nothing("sum")["value"] is None
    told = of_nothing("stats")
    assert told["count"] == 0 and told["mean"] is None and told["median"] is None
    assert items(jobs, {"input": {"items": []}, "map": {"group_by": ["a"]}}) == []


@pytest.mark.parametrize("map_, found", [
    ({"builtin": "distinct"}, [{"value": 1, "count": 2}, {"value": 2, "count": 1},
                               {"value": "x", "count": 1}]),
    ({"builtin": "histogram", "width": 2, "filter": "$ != 'x'"},
     [{"from": 0.0, "to": 2.0, "count": 2}, {"from": 2.0, "to": 4.0, "count": 1}]),
])
def test_values_are_told_apart_and_put_into_bars(jobs, map_, found):
    """By value, numbers before texts."""
    assert items(jobs, {"input": {"items": [2, 1, "x", 1]}, "map": map_}) == found


def test_the_largest_values_come_first(jobs):
    """As Python sorts them; all when there are fewer."""
    numbers = [5, -1, 12, 3, 12, 7]
    spec = {"input": {"items": numbers}, "map": {"builtin": "top", "n": 3}}
    assert answer(jobs.run("mapreduce", spec))["value"] == sorted(numbers, reverse=True)[:3]
    spec["map"]["n"] = 100
    assert answer(jobs.run("mapreduce", spec))["value"] == sorted(numbers, reverse=True)


def test_two_numbers_go_together(jobs):
    """Python's statistics; pairs that lack one are left out, a far mean does not matter."""
    pairs = [(1e9 + x, 3 * x + (x * 7) % 5) for x in range(200)]
    records = [{"a": a, "b": b} for a, b in pairs] + [{"a": 1}, {"b": 2}, {"a": None, "b": 3}]
    told = answer(jobs.run("mapreduce", {"input": {"items": records},
                                         "map": {"builtin": "correlate", "x": "a", "y": "b"}}))
    xs, ys = zip(*pairs)
    line = statistics.linear_regression(xs, ys)
    assert told["count"] == 200
    for member, value in (("mean_x", statistics.fmean(xs)), ("mean_y", statistics.fmean(ys)),
                          ("covariance", statistics.covariance(xs, ys)),
                          ("correlation", statistics.correlation(xs, ys)),
                          ("slope", line.slope), ("intercept", line.intercept)):
        assert math.isclose(told[member], value, rel_tol=1e-9), (member, told[member], value)
    alone = answer(jobs.run("mapreduce", {"input": {"items": [{"a": 1, "b": 1}]},
                                          "map": {"builtin": "correlate", "x": "a", "y": "b"}}))
    assert alone["count"] == 1 and alone["correlation"] is None and alone["slope"] is None


def test_no_number_is_left_out(jobs):
    """NaN and infinity of a file of doubles are null."""
    name = put(jobs, "odd.f64", struct.pack("<4d", 1, math.nan, math.inf, 3))
    told = answer(jobs.run("mapreduce", {"input": {"file": name, "format": "f64"},
                                         "map": {"builtin": "stats"}}))
    assert (told["count"], told["sum"], told["max"]) == (2, 4, 3)


# ---- kernels that emit ----

def test_grep_gives_records_in_their_order(jobs):
    """As grep does, whatever the chunks and lanes."""
    lines = [f"line {n} {'needle' if n % 97 == 0 else 'hay'} Needle" for n in range(20000)]
    name = put(jobs, "hay.txt", "\n".join(lines) + "\n")
    spec = {"input": {"file": name, "format": "lines"}, "chunk_size": "64KB",
            "map": {"builtin": "grep", "pattern": "^line \\d+ needle"}}
    for workers in (1, 2, 7):
        job = jobs.run("mapreduce", {**spec, "workers": workers})
        assert answer(job)["value"] == 207
        assert jobs.results(job["id"]) == [line for line in lines if "needle" in line]
    folded = {**spec, "map": {"builtin": "grep", "pattern": "NEEDLE$", "ignore_case": True,
                              "invert": True}}
    assert items(jobs, folded) == []


def test_a_long_chunk_shows_its_items_as_it_goes(start_daemon):
    """One compressed file is one chunk: 12 MB of matches, killed in the middle, come once each."""
    daemon = start_daemon()
    lines = [f"{n} {'x' * 50}" for n in range(200000)]
    name = put(daemon.client, "long.gz", gzip.compress("\n".join(lines).encode(), 1))
    spec = {"input": {"file": name, "format": "lines"}, "map": {"builtin": "grep", "pattern": "x$"}}
    job = daemon.client.submit("mapreduce", spec)
    with daemon.client.stream(f"/v1/jobs/{job['id']}/results?follow=true") as stream:
        next(stream.lines())
    daemon.kill()
    daemon.start()
    job = daemon.client.ended(job["id"])
    assert answer(job)["value"] == answer(job)["records"] == len(lines)
    assert daemon.client.results(job["id"]) == lines


def test_grep_looks_into_a_field(jobs):
    """`of` is an expression; what is no text is not found."""
    records = [{"a": "xyz"}, {"a": 5}, {"b": "xyz"}, {"a": "zyx"}]
    spec = {"input": {"items": records}, "map": {"builtin": "grep", "pattern": "^x", "of": "a"}}
    assert items(jobs, spec) == [{"a": "xyz"}]


def test_a_matrix_has_bad_rows_like_any_input(jobs):
    """A row that is too short, and one that is none."""
    spec = {"input": {"items": [[1, 2], [3], "x", [0.5, -1]]}, "on_error": "skip",
            "map": {"builtin": "matrix_multiply", "by": [[1, 0, 2], [0, 1, 1]]}}
    job = jobs.run("mapreduce", spec)
    assert answer(job)["failed"] == 2 and answer(job)["value"] == 2
    assert jobs.results(job["id"]) == [[1, 2, 4], [0.5, -1, 0]]


def test_the_right_factor_may_be_a_file(jobs):
    """Little-endian doubles, row by row."""
    name = put(jobs, "right.f64", struct.pack("<4d", 1, 2, 3, 4))
    spec = {"input": {"items": [[1, 1], [0, 2]]},
            "map": {"builtin": "matrix_multiply", "by": {"file": name, "columns": 2}}}
    assert items(jobs, spec) == [[4, 6], [6, 8]]


# ---- scripts ----

LINES = {"input": {"items": ["a b a", "c a"]},
         "map": {"lua": "for w in r:gmatch('%S+') do emit(w, #w + i * 0) end"}}


@pytest.mark.parametrize("reduce, values", [
    ("sum", [3, 1, 1]),
    ("count", [3, 1, 1]),
    ("p50", [1, 1, 1]),
    ({"lua": ["local n = 0", "for v in values do n = n + v end", "return key .. n"]},
     ["a3", "b1", "c1"]),
    (None, [[1, 1, 1], [1], [1]]),
])
def test_a_script_emits_pairs_that_are_reduced_by_key(jobs, reduce, values):
    """By a named aggregate, by a script, or given as they are."""
    spec = {**LINES, **({"reduce": reduce} if reduce else {})}
    assert [(item["key"], item["value"]) for item in items(jobs, spec)] == \
        list(zip("abc", values))


def test_mistakes_in_scripts_are_told_together(jobs):
    """Of map and of reduce, at the door."""
    told = jobs.post("/v1/jobs", {"type": "mapreduce", "spec": {
        "input": {"items": []}, "map": {"lua": "emit(x, 1)"}, "reduce": "smu"}})
    assert sorted((m["pointer"], m["type"]) for m in told.json()["errors"]) == [
        ("/spec/map/lua", "script"), ("/spec/reduce", "bad-choice")]


def test_a_script_that_fails_fails_its_record(jobs):
    """With the line of the script."""
    spec = {"input": {"items": [1, None, 3]}, "map": {"lua": ["local x = r + 1", "emit('k', x)"]},
            "reduce": "sum"}
    job = jobs.run("mapreduce", spec)
    assert job["state"] == "failed" and "line 1" in job["error"]["detail"]
    job = jobs.run("mapreduce", {**spec, "on_error": "skip"})
    assert answer(job)["failed"] == 1
    assert jobs.results(job["id"]) == [{"key": "k", "value": 6}]


# ---- bad records ----

BAD = '{"v":1}\n{"v":\n{"v":3}\n{"v":"x"}\n'


def of_bad(jobs, **more):
    return {"input": {"file": put(jobs, "bad.ndjson", BAD)}, "map": {"builtin": "sum", "of": "v"},
            **more}


def test_a_bad_record_fails_the_job_and_says_where(jobs):
    """Without on_error: the first that is found, and no other attempt."""
    job = jobs.run("mapreduce", of_bad(jobs))
    assert job["state"] == "failed" and job["attempt"] == 1
    assert job["error"]["type"] == "invalid-record"
    assert "bad.ndjson, line 2, byte 13" in job["error"]["detail"]


@pytest.mark.parametrize("on_error, listed", [("skip", []), ("dead_letter", [2, 4])])
def test_bad_records_are_left_out_and_counted(jobs, on_error, listed):
    """Malformed ones and those that the kernel cannot add."""
    job = jobs.run("mapreduce", of_bad(jobs, on_error=on_error))
    told = answer(job)
    assert told["value"] == 4 and told["records"] == 4 and told["failed"] == 2
    assert job["counts"]["failed"] == 2
    errors = jobs.get(f"/v1/jobs/{job['id']}/errors").lines()
    assert [error["line"] for error in errors] == listed


def test_retried_bad_records_are_not_counted_twice(jobs):
    """The chunk is read again; its good records are in the sum already."""
    job = jobs.run("mapreduce", of_bad(jobs, on_error="dead_letter"))
    assert jobs.post(f"/v1/jobs/{job['id']}/retry?items=failed").status == 200
    job = jobs.ended(job["id"])
    assert answer(job)["value"] == 4 and job["counts"]["failed"] == 2


def test_a_chunk_that_cannot_be_read_is_left_out_as_a_whole(jobs):
    """A gzip file that breaks off: none of it counts; the job fails by default."""
    text = "".join(f"{n}\n" for n in range(200000))
    good = put(jobs, "cut/good.gz", gzip.compress(b"1\n2\n"))
    broken = put(jobs, "cut/broken.gz", gzip.compress(text.encode())[:-1000])
    spec = {"input": {"files": [good, broken, good.replace("good", "more")], "format": "lines"},
            "map": {"builtin": "sum"}}
    put(jobs, "cut/more.gz", gzip.compress(b"3\n"))
    job = jobs.run("mapreduce", spec, retry={"max_attempts": 1})
    assert job["state"] == "failed" and "broken.gz" in job["error"]["detail"]
    for kernel, value in (("sum", 6), ("count", 3)):
        job = jobs.run("mapreduce", {**spec, "map": {"builtin": kernel}, "on_error": "skip"})
        assert answer(job)["value"] == value
        errors = jobs.get(f"/v1/jobs/{job['id']}/errors").lines()
        assert [error["error"]["type"] for error in errors] == ["failed"]


def test_items_are_made_again_with_the_chunks_that_failed(jobs):
    """The output lacks a chunk and says so; retried, it is replaced."""
    good = put(jobs, "half/good.gz", gzip.compress(b"a b\n"))
    broken = put(jobs, "half/broken.gz", gzip.compress(b"c d\n" * 50000)[:-50])
    spec = {"input": {"files": [good, broken], "format": "lines"},
            "map": {"builtin": "word_count"}, "on_error": "dead_letter"}
    job = jobs.run("mapreduce", spec)
    words = [{"word": "a", "count": 1}, {"word": "b", "count": 1}]
    assert job["state"] == "completed" and jobs.results(job["id"]) == words
    assert job["counts"]["failed"] == 2
    assert jobs.post(f"/v1/jobs/{job['id']}/retry?items=failed").status == 200
    job = jobs.ended(job["id"])
    assert job["state"] == "completed" and jobs.results(job["id"]) == words


def test_what_was_sealed_in_files_is_there_for_a_retry(start_daemon):
    """More groups than a checkpoint holds: their files stay with the job until it is deleted."""
    daemon = start_daemon()
    jobs = daemon.client
    good = put(jobs, "many.txt", " ".join(f"w{n}" for n in range(50000)))
    broken = put(jobs, "broken.gz", gzip.compress(b"c d\n" * 50000)[:-50])
    job = jobs.run("mapreduce", {"input": {"files": [good, broken], "format": "lines"},
                                 "map": {"builtin": "word_count"}, "on_error": "skip"})
    assert job["counts"] == {"items": 50000, "failed": 2}
    folder = daemon.data / "scratch" / job["id"]
    assert any(folder.iterdir())
    assert jobs.post(f"/v1/jobs/{job['id']}/retry?items=failed").status == 200
    job = jobs.ended(job["id"])
    assert job["state"] == "completed" and job["summary"]["value"] == 50000
    assert jobs.ask("DELETE", f"/v1/jobs/{job['id']}").status == 204
    end = time.monotonic() + PATIENCE_S
    while folder.exists():
        assert time.monotonic() < end, "the folder is still there"
        time.sleep(0.01)
    clean = jobs.run("mapreduce", {"input": {"file": good, "format": "lines"},
                                   "map": {"builtin": "word_count"}})
    assert not (daemon.data / "scratch" / clean["id"]).exists()


def test_a_killed_job_over_files_gives_the_same_bytes(start_daemon):
    """kill -9 in the middle, twice, against a run that nobody disturbed."""
    daemon = start_daemon()
    rng = random.Random(3)
    name = put(daemon.client, "big.txt",
               " ".join(f"w{rng.randrange(30000)}" for _ in range(2000000)))
    spec = {"input": {"file": name, "format": "lines"}, "map": {"builtin": "word_count"},
            "chunk_size": "64KB"}
    calm = items(daemon.client, spec)
    job = daemon.client.submit("mapreduce", spec)
    for _ in range(2):
        daemon.kill()
        daemon.start()
    job = daemon.client.ended(job["id"])
    assert job["state"] == "completed"
    assert daemon.client.results(job["id"]) == calm


def test_slow_scripts_leave_room_for_others(jobs):
    """A step ends between two records, and a cancelled job takes no more of the CPU."""
    slow = [jobs.submit("mapreduce", {"input": {"range": {"from": 1, "to": 10**6}}, "reduce": "sum",
                                      "map": {"lua": "while true do end"}, "on_error": "skip"})
            for _ in range(4)]
    try:
        assert jobs.run("math", {"op": "sum", "numbers": [1, 2]})["state"] == "completed"
    finally:
        for job in slow:
            jobs.move(job["id"], "cancel")
    assert {jobs.ended(job["id"])["state"] for job in slow} == {"cancelled"}
