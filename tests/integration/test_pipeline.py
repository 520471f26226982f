# SPDX-License-Identifier: MIT
"""Pipelines over HTTP: results, what failed, the summary, mistakes of a spec."""

RECORDS = [{"id": 1, "value": 5, "category": "A"}, {"id": 2, "value": -3, "category": "B"},
           {"id": 3, "value": 7, "category": "A"}, {"value": 1, "category": "A"},
           {"id": 5, "value": 2, "category": "B"}]

STAGES = [{"name": "check", "on_error": "dead_letter",
           "validate": {"required": ["id"], "properties": {"value": {"minimum": 0}}}},
          {"set": {"value_squared": "value * value"}},
          {"filter": "category == 'A'"},
          {"map": "r.label = r.category:lower()"}]


def pipeline(*stages, items=None, **more):
    return {"input": {"items": RECORDS if items is None else items}, "stages": list(stages), **more}


def flow(job):
    """Of each stage what came, went on, failed and was filtered."""
    assert job["summary"]["adds_up"]
    return [(s["stage"], s["in"], s["out"], s["failed"], s["filtered"])
            for s in job["summary"]["stages"]]


def test_records_go_through_stages(jobs):
    """Validated, changed, filtered, mapped; every record is accounted for."""
    job = jobs.run("pipeline", pipeline(*STAGES))
    assert job["state"] == "completed"
    assert jobs.results(job["id"]) == [
        {"id": 1, "value": 5, "category": "A", "value_squared": 25, "label": "a"},
        {"id": 3, "value": 7, "category": "A", "value_squared": 49, "label": "a"}]
    assert flow(job) == [("check", 5, 3, 2, 0), ("stages[1]", 3, 3, 0, 0), ("stages[2]", 3, 2, 0, 1),
                         ("stages[3]", 2, 2, 0, 0)]
    assert job["counts"] == {"items": 2, "failed": 2}
    assert job["summary"]["elapsed_ms"] > 0


def test_failed_records_are_listed_with_their_place(jobs):
    """Line and byte of the record in the input, and which stage it failed in."""
    job = jobs.run("pipeline", pipeline(*STAGES))
    errors = jobs.get(f"/v1/jobs/{job['id']}/errors").lines()
    assert [(e["stage"], e["line"], e["error"]["type"]) for e in errors] == [
        ("check", 2, "invalid-record"), ("check", 4, "invalid-record")]
    assert "/value" in errors[0]["error"]["detail"] and "id" in errors[1]["error"]["detail"]


def test_groups_flow_on(jobs):
    """What a reduce gives goes through the stages behind it, by key."""
    job = jobs.run("pipeline", pipeline(
        {"reduce": {"group_by": ["category"], "aggregates": {"n": "count", "total": "sum(value)"}}},
        {"set": {"mean": "total / n"}}))
    assert jobs.results(job["id"]) == [{"category": "A", "n": 3, "total": 13, "mean": 13 / 3},
                                       {"category": "B", "n": 2, "total": -1, "mean": -0.5}]


def test_a_failing_record_fails_the_job_by_default(jobs):
    """At once, with its stage and line; the same record would fail each attempt."""
    job = jobs.run("pipeline", pipeline({"name": "calc", "set": {"x": "value / (id - 3)"}}))
    assert job["state"] == "failed" and job["attempt"] == 1
    assert job["error"]["type"] == "invalid-record"
    assert job["error"]["detail"].startswith("calc: division by zero (line 3")


def test_errors_are_skipped_or_replaced(jobs):
    """skip counts them; a script may put another record in place."""
    job = jobs.run("pipeline", pipeline({"set": {"x": "1 // (id - 3)"}, "on_error": "skip"}))
    assert flow(job) == [("stages[0]", 5, 4, 1, 0)]
    assert job["counts"] == {"items": 4, "failed": 1}
    assert jobs.get(f"/v1/jobs/{job['id']}/errors").lines() == []
    job = jobs.run("pipeline", pipeline(
        {"filter": "id == 3"},
        {"set": {"x": "1 // (id - 3)"}, "on_error": {"replace": "return {id = r.id, why = err}"}}))
    assert jobs.results(job["id"]) == [{"id": 3, "why": "division by zero"}]


def test_a_stage_may_name_the_branch_or_tee_that_leads_to_it(jobs):
    """Said twice, it is still the same records, once."""
    for verb in ({"branch": [{"to": "x"}]}, {"tee": ["x"]}):
        job = jobs.run("pipeline", pipeline({"name": "b", **verb},
                                            {"name": "x", "from": "b", "select": ["id"]}))
        assert jobs.results(job["id"]) == [{"id": 1}, {"id": 2}, {"id": 3}, {}, {"id": 5}]


def test_a_files_records_come_in_order(jobs):
    """30,000 records in parts of 16 KiB, on two lanes, as one lane would give them."""
    lines = b"".join(b'{"n":%d}\n' % n for n in range(30000))
    assert jobs.ask("PUT", "/v1/files/n.ndjson", lines).status == 201
    for workers in (1, 2, 7):
        spec = {"input": {"file": "n.ndjson"}, "chunk_size": "16KiB", "workers": workers,
                "stages": [{"filter": "n % 3 == 0"}, {"set": {"m": "n // 3"}}]}
        job = jobs.run("pipeline", spec)
        assert job["state"] == "completed", job
        assert [r["m"] for r in jobs.results(job["id"])] == list(range(10000))


def test_progress_says_what_each_stage_does(jobs):
    """While it runs: counts that add up, records a second, share of time."""
    spec = {"input": {"range": {"from": 1, "to": 10 ** 9}},
            "stages": [{"map": "return {n = r}"}, {"name": "some", "filter": "n % 3 == 0"},
                       {"reduce": {"aggregates": {"n": "count"}}}]}
    job = jobs.submit("pipeline", spec)
    stages = None
    while not stages:
        details = jobs.job(job["id"])["progress"]["details"]
        stages = details and details.get("pipeline", {}).get("stages")
    jobs.move(job["id"], "cancel")
    assert [s["stage"] for s in stages] == ["stages[0]", "some", "stages[2]"]
    assert stages[0]["in"] > 0 and stages[0]["records_per_s"] > 0
    for stage in stages:
        assert stage["in"] == stage["out"] + stage["failed"] + stage["filtered"]
        assert 0 <= stage["busy"]


def test_results_of_json_texts_are_lines(jobs):
    """A record that is spread over lines in its file is one line, whatever made it."""
    text = b'[\n{"a":\n2},\n{"a":1,\n"b":[1,\n2]}]\n'
    assert jobs.ask("PUT", "/v1/files/lines.json", text).status == 201
    first, second = {"a": 2}, {"a": 1, "b": [1, 2]}
    for stage, results in (({"sort": "a"}, [second, first]), ({"batch": {}}, [[first, second]]),
                           ({"top": {"n": 1, "by": "a"}}, [first]), ({"drop": "b"}, [first, {"a": 1}]),
                           ({"reduce": {"group_by": ["b"]}}, [{"b": None}, {"b": [1, 2]}])):
        spec = {"input": {"file": "lines.json"}, "stages": [stage]}
        assert jobs.results(jobs.run("pipeline", spec)["id"]) == results


def test_a_result_that_is_too_long_fails_once(jobs):
    """Of reduce: no other attempt would make it shorter."""
    spec = {"input": {"range": {"from": 1, "to": 200}}, "stages": [
        {"name": "all", "reduce": {"aggregates": {"c": "collect(pad_left('', 60000, 'x'), 200)"}}}]}
    job = jobs.run("pipeline", spec)
    assert job["state"] == "failed" and job["attempt"] == 1
    assert job["error"]["detail"] == "all: a result of more than 8388608 bytes"


def test_a_limit_ends_the_reading(jobs):
    """Of a billion numbers three, at once; the rest of the input is not read."""
    spec = {"input": {"range": {"from": 1, "to": 10 ** 9}}, "stages": [{"filter": "$ % 2 == 0"}, {"limit": 3}]}
    job = jobs.run("pipeline", spec)
    assert jobs.results(job["id"]) == [2, 4, 6]
    assert job["summary"]["records"] < 10 ** 6
    job = jobs.run("pipeline", {**spec, "stages": [{"skip": 10}, {"limit": 5}, {"sort": {"by": "-$"}}]})
    assert jobs.results(job["id"]) == [15, 14, 13, 12, 11]


def test_records_without_members_are_named_by_a_dollar(jobs):
    """`$` is the record, in lists of members as in expressions."""
    for stages, results in (([{"sort": ["-$"]}, {"limit": 3}], [9, 8, 7]),
                            ([{"map": "r % 3"}, {"distinct": ["$"]}], [1, 2, 0])):
        spec = {"input": {"range": {"from": 1, "to": 9}}, "stages": stages}
        assert jobs.results(jobs.run("pipeline", spec)["id"]) == results


def test_every_format_goes_through_the_same_stages(jobs):
    """NDJSON, a JSON text over several lines, CSV: the same results, a line each."""
    texts = {"a.ndjson": '{"id":1,"v":"x"}\n{"id":2,"v":"y,z"}\n',
             "a.json": '[\n  {\n    "id": 1,\n    "v": "x"\n  },\n  {"id": 2, "v": "y,z"}\n]\n',
             "a.csv": 'id,v\n1,x\n2,"y,z"\n'}
    for name, text in texts.items():
        assert jobs.ask("PUT", f"/v1/files/{name}", text.encode()).status in (200, 201)
        job = jobs.run("pipeline", {
            "input": {"file": name, **({"types": {"id": "integer"}} if "csv" in name else {})},
            "stages": [{"filter": "id >= 1"}, {"set": {"w": "upper(v)"}}, {"rename": {"v": "old"}}]})
        assert job["state"] == "completed", job
        body = jobs.get(f"/v1/jobs/{job['id']}/results").body
        assert body.count(b"\n") == 2
        assert jobs.results(job["id"]) == [{"id": 1, "old": "x", "w": "X"},
                                           {"id": 2, "old": "y,z", "w": "Y,Z"}]


def test_malformed_records_are_listed_with_line_and_byte(jobs):
    """Each costs itself only; the summary counts them."""
    text = b'{"a":1}\n{"a":}\n{"a":3}\n[1,]\n'
    assert jobs.ask("PUT", "/v1/files/bad.ndjson", text).status == 201
    job = jobs.run("pipeline", {"input": {"file": "bad.ndjson"}, "stages": [{"filter": "a > 0"}]})
    assert job["summary"]["records"] == 4 and job["summary"]["malformed"] == 2
    assert flow(job) == [("stages[0]", 2, 2, 0, 0)]
    assert job["counts"] == {"items": 2, "failed": 2}
    errors = jobs.get(f"/v1/jobs/{job['id']}/errors").lines()
    assert [(e["stage"], e["key"], e["line"], e["offset"]) for e in errors] == [
        ("input", "bad.ndjson", 2, 13), ("input", "bad.ndjson", 4, 26)]


def test_what_was_gathered_cannot_be_retried(jobs):
    """A failed record that others of its part were grouped with: 409, and why."""
    job = jobs.run("pipeline", pipeline(STAGES[0], {"reduce": {"aggregates": {"n": "count"}}}))
    assert job["counts"]["failed"] == 2
    answer = jobs.post(f"/v1/jobs/{job['id']}/retry?items=failed")
    assert answer.status == 409 and answer.problem == "items-not-retryable"


def test_mistakes_come_at_once(jobs):
    """A verb, an expression, a script, a name: each with its place."""
    answer = jobs.post("/v1/jobs", {"type": "pipeline", "spec": pipeline(
        {"fliter": "a"}, {"set": {"x": "value +"}}, {"map": "r.t = price * r.qty"},
        {"from": "nowhere", "limit": 1})})
    assert answer.status == 422
    assert answer.pointers == ["/spec/stages/0/fliter", "/spec/stages/1/set/x",
                                 "/spec/stages/2/map"]
    assert answer.json()["errors"][0]["hint"] == "filter"


def test_what_is_not_built_says_so(jobs):
    """Members of the contract are refused, never ignored."""
    answer = jobs.post("/v1/jobs", {"type": "pipeline", "spec": pipeline({"window": {"size": 5}})})
    assert answer.status == 422
    assert answer.problem == "not-implemented"


def test_slow_scripts_leave_room_for_others(jobs):
    """A step ends between two records, also when hundreds were read at once."""
    endless = "while true do end"
    slow = [jobs.submit("pipeline", {"input": {"range": {"from": 1, "to": 100000}}, "stages": [stage]})
            for stage in ({"map": endless, "on_error": "skip"},
                          {"flat_map": endless, "on_error": "skip"},
                          {"filter": {"lua": endless}, "on_error": "skip"},
                          {"map": "fail('x')", "on_error": {"replace": endless}})
            for _ in range(2)]
    slow += [jobs.submit("pipeline", {"input": {"generate": {
        "count": 10**9, "lua": "for n = 1, 10^7 do end return nil"}}, "stages": []}) for _ in range(2)]
    try:
        assert jobs.run("math", {"op": "sum", "numbers": [1, 2]})["state"] == "completed"
    finally:
        for job in slow:
            jobs.move(job["id"], "cancel")
    assert {jobs.ended(job["id"])["state"] for job in slow} == {"cancelled"}


def test_scripts_see_numbers_from_one(jobs):
    """Each record its own; those that are made of one have that one's."""
    job = jobs.run("pipeline", {"input": {"range": {"from": 1, "to": 3000}}, "stages": [
        {"flat_map": "emit({r = r}) emit({r = r})"}, {"map": "{r = r.r, i = i}"}]})
    assert all(item["i"] == item["r"] for item in jobs.results(job["id"]))


def test_uuids_differ_in_all_parts(jobs):
    """Numbers begin anew in each part of the input, random ones do not."""
    job = jobs.run("pipeline", {"input": {"range": {"from": 1, "to": 200000}},
                                "stages": [{"map": "{u = uuid.v4()}"}, {"distinct": ["u"]}]})
    assert job["counts"]["items"] == 200000


def test_copies_of_rows_of_csv_are_whole(jobs):
    """A tee copies rows that are no JSON yet; one way changes them, the other does not."""
    jobs.ask("PUT", "/v1/files/tee.csv", b"a,b\n1,x\n3,y\n")
    job = jobs.run("pipeline", {"input": {"file": "tee.csv"}, "stages": [
        {"name": "both", "tee": ["second"]}, {"name": "first", "filter": "true"},
        {"name": "second", "from": "both", "filter": "true"}, {"merge": ["first", "second"]}]})
    assert jobs.results(job["id"]) == [{"a": "1", "b": "x"}, {"a": "1", "b": "x"},
                                       {"a": "3", "b": "y"}, {"a": "3", "b": "y"}]
    job = jobs.run("pipeline", {"input": {"file": "tee.csv"}, "stages": [
        {"name": "both", "tee": ["second"]}, {"name": "first", "drop": "a"},
        {"name": "second", "from": "both", "set": {"b": "upper(b)", "c": 1}},
        {"merge": ["first", "second"]}]})
    assert jobs.results(job["id"]) == [{"a": "1", "b": "X", "c": 1}, {"b": "x"},
                                       {"a": "3", "b": "Y", "c": 1}, {"b": "y"}]
