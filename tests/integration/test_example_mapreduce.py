# SPDX-License-Identifier: MIT
"""examples/mapreduce gives what textbooks, Python and other tools give: those of files what
examples/mapreduce/peers made."""
import json
import math
import pathlib
import statistics

import pytest
from daemon import Daemon

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
FOLDER = EXAMPLES / "mapreduce"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """A daemon to which examples/data is data/."""
    with Daemon(tmp_path_factory.mktemp("daemon"), "--files",
                f"data={EXAMPLES / 'data'}") as daemon:
        yield daemon.client


def example(name):
    return json.loads((FOLDER / f"{name}.json").read_text())


def run(jobs, job):
    answer = jobs.post("/v1/jobs?wait=30s", job)
    assert answer.status == 200, answer
    job = answer.json()
    assert job["state"] == "completed", job
    return job


def assert_same(found, expected):
    """Miller rounds means and percentiles a little otherwise; all else is exact."""
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for name, value in expected.items():
            assert_same(found[name], value)
    elif isinstance(expected, float):
        assert math.isclose(found, expected, rel_tol=1e-14)
    else:
        assert found == expected


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("expected/*")))
def test_an_example_gives_what_its_peer_gives(jobs, name):
    """The same items in the same order."""
    expected = (FOLDER / "expected" / f"{name}.ndjson").read_text().splitlines()
    found = jobs.results(run(jobs, example(name))["id"])
    assert len(found) == len(expected)
    for one, line in zip(found, expected):
        assert_same(one, json.loads(line))


@pytest.mark.parametrize("name, value", [
    ("squares", 333383335000),  # n(n + 1)(2n + 1)/6
    ("primes", 1229),           # OEIS A006880
])
def test_ranges_have_the_values_of_textbooks(jobs, name, value):
    """Exact, and in one step."""
    assert run(jobs, example(name))["summary"]["value"] == value


def test_statistics_are_true_and_those_of_parts_are_not(jobs):
    """Python's statistics; a mean of medians and a largest deviation are beside the truth."""
    numbers = example("statistics")["spec"]["input"]["items"]
    parts = [item["x"] for item in example("approximations")["spec"]["input"]["items"]]
    assert numbers == parts
    whole = run(jobs, example("statistics"))["summary"]
    assert whole["median"] == statistics.median(numbers)
    assert math.isclose(whole["stddev"], statistics.stdev(numbers), rel_tol=1e-15)
    of_parts = jobs.results(run(jobs, example("approximations"))["id"])
    for part in of_parts:
        some = numbers[50 * part["part"]:50 * part["part"] + 50]
        assert part["median"] == statistics.median(some)
        assert math.isclose(part["stddev"], statistics.stdev(some), rel_tol=1e-15)
    assert statistics.mean(part["median"] for part in of_parts) != whole["median"]
    assert max(part["stddev"] for part in of_parts) > whole["stddev"]


def test_a_matrix_product_is_that_of_the_definition(jobs):
    """Rows times columns, in integers; in the order of the rows."""
    spec = example("matrix")["spec"]
    left, right = spec["input"]["items"], spec["map"]["by"]
    wanted = [[sum(a * b for a, b in zip(row, column)) for column in zip(*right)] for row in left]
    assert jobs.results(run(jobs, example("matrix"))["id"]) == wanted


def test_words_are_emitted_and_counted(jobs):
    """By hand: "to" three times, "be" and "the" twice."""
    found = jobs.results(run(jobs, example("emitted_words"))["id"])
    assert found == [{"key": "to", "value": 3}, {"key": "be", "value": 2},
                     {"key": "the", "value": 2}]


def test_every_example_is_named_in_the_readme():
    """A file that nobody mentions is a file that nobody finds."""
    readme = (EXAMPLES / "README.md").read_text()
    for name in NAMES:
        assert f"`{name}.json`" in readme
