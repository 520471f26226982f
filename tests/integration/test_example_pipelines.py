# SPDX-License-Identifier: MIT
"""examples/pipelines gives what other tools give: expected/ is theirs (examples/pipelines/peers)."""
import json
import pathlib

import pytest

PIPELINES = pathlib.Path(__file__).resolve().parents[2] / "examples" / "pipelines"
NAMES = sorted(path.stem for path in PIPELINES.glob("*.json"))


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("name", NAMES)
def test_an_example_gives_what_its_peer_gives(start_daemon, name):
    """The same members in the same order; jq writes 43.0 as 43."""
    daemon = start_daemon("--files", f"data={PIPELINES / 'data'}")
    answer = daemon.client.post("/v1/jobs?wait=30s", (PIPELINES / f"{name}.json").read_text())
    assert answer.status == 200, answer
    job = answer.json()
    assert job["state"] == "completed" and job["summary"]["adds_up"], job
    assert [list(item.items()) for item in daemon.client.results(job["id"])] == [
        list(item.items()) for item in lines(PIPELINES / "expected" / f"{name}.ndjson")]


def test_every_example_is_named_in_the_readme():
    """A file that nobody mentions is a file that nobody finds."""
    readme = (PIPELINES.parent / "README.md").read_text()
    for name in NAMES:
        assert f"`{name}.json`" in readme
