# SPDX-License-Identifier: MIT
"""set, drop and rename of random members in random order, beside a model of dictionaries."""
import json
import random

import pytest

NAMES = ["a", "b", "c", "d"]


def value(rng, depth):
    if depth > 0 and rng.random() < 0.6:
        return {name: value(rng, depth - 1) for name in rng.sample(NAMES, rng.randrange(4))}
    return rng.choice([1, -2.5, "x", "é\n\"", True, None, []])


class Failed(Exception):
    """The record has no object where one is needed."""


def around(record, names, make):
    """The object that holds the last name; None: it is not there."""
    for name in names[:-1]:
        if name not in record:
            if not make:
                return None
            record[name] = {}
        record = record[name]
        if not isinstance(record, dict):
            if make:
                raise Failed
            return None
    return record


def change(record, verb, path, to):
    names = path.split(".")
    holder = around(record, names, verb == "set")
    if verb == "set":
        holder[names[-1]] = to
    elif holder is not None and names[-1] in holder:
        if verb == "drop":
            del holder[names[-1]]
        elif to != names[-1]:
            old = [(to if name == names[-1] else name, held)
                   for name, held in holder.items() if name != to]
            holder.clear()
            holder.update(old)


def stage(rng):
    path = ".".join(rng.choice(NAMES) for _ in range(rng.choice((1, 1, 2, 3))))
    verb = rng.choice(("set", "set", "drop", "rename"))
    if verb == "set":
        to = rng.choice((7, {"n": 1}, [2]))
        return (verb, path, to), {"set": {path: to}, "on_error": "skip"}
    if verb == "drop":
        return (verb, path, None), {"drop": path}
    to = rng.choice(NAMES)
    return (verb, path, to), {"rename": {path: to}}


def expected(records, changes):
    for record in records:
        record = json.loads(json.dumps(record))
        try:
            for verb, path, to in changes:
                change(record, verb, path, json.loads(json.dumps(to)))
        except Failed:
            continue
        yield record


@pytest.mark.parametrize("seed", range(150))
def test_members_are_as_in_a_dictionary(jobs, seed):
    """Texts and places of all others stay; the order of members is that of the model."""
    rng = random.Random(seed)
    records = [value(rng, 3) for _ in range(20)]
    records = [record for record in records if isinstance(record, dict)]
    changes, stages = zip(*(stage(rng) for _ in range(rng.randrange(1, 8))))
    told = jobs.post("/v1/handlers/pipeline/test", {"records": records, "stages": list(stages)}).json()
    assert [json.dumps(record) for record in told["results"]] == [
        json.dumps(record) for record in expected(records, changes)], stages
