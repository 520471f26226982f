# SPDX-License-Identifier: MIT
"""Pipelines and groups at random against plain Python; the same bytes on 1, 2 and 7 lanes."""
import fractions
import json
import random
import statistics

import pytest

MISSING = object()
TEXTS = ["", "a", "B", "é", "日本", "😀", "5", " 7 ", "5x", "null", 'q"\\', "tab\t"]


def some_value(rng, depth=0):
    kind = rng.randrange(12)
    if kind < 3:
        return [None, True, False][kind]
    if kind < 7:
        return rng.choice([rng.randrange(-3, 8), 0.5, -2.25, 1e300, 2 ** 53 + 1, 2 ** 63 - 1])
    if kind < 10 or depth == 2:
        return rng.choice(TEXTS)
    if kind == 10:
        return [some_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {name: some_value(rng, depth + 1) for name in rng.sample("xyz", rng.randrange(4))}


def some_record(rng):
    return {name: some_value(rng) for name in rng.sample("abcdo", rng.randrange(6))}


def get(record, path):
    for name in path.split("."):
        if not isinstance(record, dict) or name not in record:
            return MISSING
        record = record[name]
    return record


def known(record, path):
    value = get(record, path)
    return None if value is MISSING else value


def place(value):
    """The order of values, as docs/AGGREGATES.md has it; arrays and objects by their spelling."""
    kinds = [type(None), bool, (int, float), str, list, dict]
    kind = next(i for i, of in enumerate(kinds) if isinstance(value, of))
    return kind, 0 if value is None else dumped(value) if kind > 3 else value


def dumped(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def one_each(change):
    return lambda records: [made for made in map(change, records) if made is not MISSING]


def first_of_each(path):
    def run(records):
        seen, kept = set(), []
        for record in records:
            key = place(known(record, path))
            if key not in seen:
                seen.add(key)
                kept.append(record)
        return kept
    return run


def without(record, name):
    return {key: value for key, value in record.items() if key != name}


def renamed(record, old, new):
    if old not in record:
        return record
    return {new if key == old else key: value for key, value in record.items() if key != new}


def branched(path, name):
    arms = [{"when": f"{path} is null", "to": f"x{name}"}, {"to": f"y{name}"}]
    return [{"branch": arms}, {"name": f"x{name}", "set": {"new": "'x'"}},
            {"name": f"y{name}", "drop": "a"}, {"merge": [f"y{name}", f"x{name}"]}], one_each(
        lambda r: {**r, "new": "x"} if known(r, path) is None else without(r, "a"))


def some_stages(rng, name):
    """Stages, and what they do to a list of records."""
    a, b = rng.sample("abcd", 2)
    path, down, count = rng.choice([a, "o.x"]), rng.random() < .5, rng.choice([1, 7, 200])
    return rng.choice([
        ([{"filter": f"{path} is not null"}],
         one_each(lambda r: MISSING if known(r, path) is None else r)),
        ([{"set": {a: f"coalesce({b}, {path}, 'none')"}}], one_each(lambda r: {**r, a: next(
            (v for v in (known(r, b), known(r, path)) if v is not None), "none")})),
        ([{"drop": [a, b]}], one_each(lambda r: without(without(r, a), b))),
        ([{"rename": {a: b}}], one_each(lambda r: renamed(r, a, b))),
        ([{"select": [b, a]}], one_each(lambda r: {n: r[n] for n in (b, a) if n in r})),
        ([{"distinct": path}], first_of_each(path)),
        ([{"skip": count}], lambda records: records[count:]),
        ([{"limit": 3 * count}], lambda records: records[:3 * count]),
        ([{"sort": ("-" if down else "") + path}], lambda records: sorted(
            records, key=lambda r: place(known(r, path)), reverse=down)),
        ([{"top": {"n": count, "by": path}}], lambda records: sorted(
            records, key=lambda r: place(known(r, path)), reverse=True)[:count]),
        ([{"batch": {"size": count}}, {"unbatch": True}], lambda records: records),
        branched(path, name),
    ])


@pytest.mark.parametrize("seed", range(30))
def test_a_pipeline_gives_what_python_gives(jobs, seed):
    """Up to six stages over up to 2,000 records, in parts of 1 KiB; more lanes, same bytes."""
    rng = random.Random(seed)
    records = [some_record(rng) for _ in range(rng.choice([0, 1, 30, 500, 2000]))]
    wanted, stages = records, []
    for number in range(rng.randrange(1, 7)):
        more, run = some_stages(rng, number)
        stages += more
        wanted = run(wanted)
    text = "".join(dumped(record) + "\n" for record in records)
    assert jobs.ask("PUT", f"/v1/files/random-{seed}.ndjson", text).status == 201
    spec = {"input": {"file": f"random-{seed}.ndjson"}, "stages": stages, "chunk_size": "1KiB"}
    for workers in (1, 2, 7):
        job = jobs.run("pipeline", {**spec, "workers": workers})
        assert job["state"] == "completed" and job["summary"]["adds_up"], job
        results = jobs.get(f"/v1/jobs/{job['id']}/results").text
        assert [json.loads(line) for line in results.splitlines()] == wanted
        assert workers == 1 or results == undisturbed
        undisturbed = results


def of_group(values):
    """What Python's exact fractions say of numbers, some of them null."""
    numbers = [fractions.Fraction(value) for value in values if value is not None]
    whole = all(not isinstance(value, float) for value in values)
    total = sum(numbers)
    return {"n": len(values), "some": len(numbers),
            "total": None if not numbers else int(total) if whole else float(total),
            "mean": float(total / len(numbers)) if numbers else None,
            "spread": float(statistics.variance(numbers)) if len(numbers) > 1 else None,
            "least": float(min(numbers)) if numbers else None,
            # on the line between two doubles, in doubles
            "middle": pytest.approx(float(statistics.median(numbers)), 1e-15) if numbers else None}


@pytest.mark.parametrize("type", ["pipeline", "mapreduce"])
@pytest.mark.parametrize("seed", range(8))
def test_groups_say_what_exact_fractions_say(jobs, type, seed):
    """Sums that cancel, integers beyond 64 bits, variances of large offsets, keys of all kinds."""
    rng = random.Random(seed)
    pool = rng.choice([[1e16, 1, -1e16, 1e-9, None], [2 ** 63 - 1, 2 ** 62, -5, None],
                       [1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16], [0.1, 0.2, 0.3, -0.5, 7, None]])
    keys = [None, True, False, -1, 2, 2.5, "", "2", "é", 2 ** 60]
    records = [{"k": rng.choice(keys), "v": rng.choice(pool)}
               for _ in range(rng.choice([1, 50, 3000]))]
    groups = {}
    for record in records:
        groups.setdefault(place(record["k"]), (record["k"], []))[1].append(record["v"])
    wanted = [{"k": groups[at][0], **of_group(groups[at][1])} for at in sorted(groups)]
    text = "".join(dumped(record) + "\n" for record in records)
    file = f"groups-{type}-{seed}.ndjson"
    assert jobs.ask("PUT", f"/v1/files/{file}", text).status == 201
    plan = {"group_by": ["k"], "aggregates": {
        "n": "count", "some": "count(v)", "total": "sum(v)", "mean": "mean(v)",
        "spread": "variance(v)", "least": "min(v)", "middle": "median(v)"}}
    spec = {"stages": [{"reduce": plan}]} if type == "pipeline" else {"map": plan}
    for workers in (1, 2, 7):
        job = jobs.run(type, {"input": {"file": file}, "chunk_size": "64KiB",
                              "memory": "1MiB", "workers": workers, **spec})
        assert job["state"] == "completed", job
        results = jobs.results(job["id"])
        assert results == wanted
