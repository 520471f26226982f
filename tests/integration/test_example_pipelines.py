# SPDX-License-Identifier: MIT
"""examples/pipelines gives what other tools give: expected/ is theirs (examples/pipelines/peers)."""
import csv
import json
import os
import pathlib

import pytest
from daemon import Daemon
from origin import page, status

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
PIPELINES = EXAMPLES / "pipelines"
NAMES = sorted(path.stem for path in PIPELINES.glob("*.json"))
SERVED = {"enrich"}  # need a server beside the daemon


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """A daemon to which examples/data is data/, by a relative path as in the readme."""
    with Daemon(tmp_path_factory.mktemp("daemon"), "--allow-net", "127.0.0.0/8", "--files",
                f"data={os.path.relpath(EXAMPLES / 'data')}") as daemon:
        yield daemon.client


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def run(jobs, name, server="http://127.0.0.1:9000"):
    text = (PIPELINES / f"{name}.json").read_text().replace("http://127.0.0.1:9000", server)
    answer = jobs.post("/v1/jobs?wait=30s", text)
    assert answer.status == 200, answer
    job = answer.json()
    assert job["state"] == "completed" and job["summary"]["adds_up"], job
    return job


@pytest.mark.parametrize("name", [name for name in NAMES if name not in SERVED])
def test_an_example_gives_what_its_peer_gives(jobs, name):
    """The same members in the same order; jq writes 43.0 as 43.  A CSV file byte for byte."""
    job = run(jobs, name)
    table = PIPELINES / "expected" / f"{name}.csv"
    if table.exists():
        answer = jobs.get(f"/v1/files/{job['spec']['output']['file']}")
        assert answer.body == table.read_bytes()
    else:
        assert [list(item.items()) for item in jobs.results(job["id"])] == [
            list(item.items()) for item in lines(PIPELINES / "expected" / f"{name}.ndjson")]


def test_what_is_quarantined_is_listed_with_its_line(jobs):
    """By hand, from the file: what is wrong with six shipments."""
    job = run(jobs, "quarantine")
    errors = jobs.get(f"/v1/jobs/{job['id']}/errors").lines()
    assert [(error["line"], error["error"]["detail"].split(":")[0]) for error in errors] == [
        (6, "/id"), (14, "/lines/0/quantity"), (22, "/id"), (30, "/email"), (38, "/email"),
        (46, "/id")]


def test_a_flaky_server_enriches_what_it_knows(jobs, origin):
    """Each third customer answers at the second request only; two are unknown: 19 of the sales."""
    with open(EXAMPLES / "data" / "customers.csv", newline="") as table:
        for n, customer in enumerate(csv.DictReader(table, delimiter=";")):
            answer = page(json.dumps(customer), Content_Type="application/json")
            acts = [status(503), answer] if n % 3 == 0 else [answer]
            origin.at(f"/customers/{customer['id']}.json", *acts)
    for unknown in ("C013", "C014"):
        origin.at(f"/customers/{unknown}.json", status(404))
    job = run(jobs, "enrich", origin.url)
    assert jobs.results(job["id"]) == lines(PIPELINES / "expected" / "enrich.ndjson")
    errors = jobs.get(f"/v1/jobs/{job['id']}/errors").lines()
    assert [error["error"]["type"] for error in errors] == ["http-4xx"] * 19


def test_every_example_is_named_in_the_readme():
    """A file that nobody mentions is a file that nobody finds."""
    readme = (EXAMPLES / "README.md").read_text()
    for name in NAMES:
        assert f"`{name}.json`" in readme
