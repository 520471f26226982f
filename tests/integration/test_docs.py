# SPDX-License-Identifier: MIT
"""What docs/ says of pipelines and map-reduce is so: tables of examples, and whole jobs."""
import json
import pathlib
import re

import pytest

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"


def page(name):
    return (DOCS / f"{name}.md").read_text()


def values(text):
    """JSON values, one behind the other."""
    decoder, found = json.JSONDecoder(), []
    while text := text.lstrip(" ,"):
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:]
    return found


def rows(name, heading):
    """The cells of the table under its heading, three texts in backticks a row."""
    table = page(name).split(heading)[1].split("\n\n")[0]
    return re.findall(r"^\| `(.*?)` \| `(.*?)` \| `(.*?)` \|$", table, re.MULTILINE)


@pytest.mark.parametrize("stages, records, results", [
    pytest.param(*row, id=row[0][:40])
    for row in rows("PIPELINES", "| stages | records | results |\n|---|---|---|")])
def test_stages_make_these_results_of_these_records(jobs, stages, records, results):
    """The same numbers, members in the same order."""
    job = jobs.run("pipeline", {"input": {"items": values(records)}, "stages": values(stages)})
    assert job["state"] == "completed", job
    found = jobs.results(job["id"])
    assert json.dumps(found) == json.dumps(values(results))


@pytest.mark.parametrize("name", ["MAPREDUCE", "PIPELINES"])
def test_whole_jobs_are_valid(jobs, name):
    """Blocks of JSON, and what curl posts, that begin with a type; others are parts of a job."""
    found = re.findall(r"^```json\n(\{\"type\".*?)^```", page(name), re.MULTILINE | re.DOTALL)
    found += re.findall(r"-d '(\{\"type\".*?\})'", page(name), re.DOTALL)
    assert found
    for job in found:
        answer = jobs.post("/v1/jobs/validate", job)
        assert answer.status == 200 and answer.json()["valid"], answer
