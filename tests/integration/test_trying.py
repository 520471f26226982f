# SPDX-License-Identifier: MIT
"""Trying specs without jobs: tests of stages on records that come with the request."""
import gzip

RECORDS = [{"id": 1, "value": 5, "category": "A"}, {"id": 2, "value": -3, "category": "B"},
           {"id": 3, "value": 7, "category": "A"}, {"value": 1, "category": "A"}]

STAGES = [{"name": "check", "on_error": "dead_letter",
           "validate": {"required": ["id"], "properties": {"value": {"minimum": 0}}}},
          {"set": {"square": "value * value"}},
          {"filter": "square > 30"},
          {"map": "log('seen', r.id) r.label = ctx.params.sign .. r.category"}]


def tried(jobs, **body):
    answer = jobs.post("/v1/handlers/pipeline/test", body)
    assert answer.status == 200, answer
    return answer.json()


def pipeline(*stages, items, **more):
    return {"input": {"items": items}, "stages": list(stages), **more}


def flow(answer):
    """Of each stage what came, went on, failed and was filtered."""
    return [(s["stage"], s["in"], s["out"], s["failed"], s["filtered"]) for s in answer["stages"]]


def test_each_stage_shows_what_it_made(jobs):
    """Counts, the first records behind it, what scripts said, and the instructions they took."""
    answer = tried(jobs, stages=STAGES, records=RECORDS, params={"sign": "#"})
    assert answer["results"] == [{"id": 3, "value": 7, "category": "A", "square": 49, "label": "#A"}]
    assert (answer["records_in"], answer["results_count"], answer["stopped"]) == (4, 1, None)
    assert flow(answer) == [("check", 4, 2, 2, 0), ("stages[1]", 2, 2, 0, 0),
                            ("stages[2]", 2, 1, 0, 1), ("stages[3]", 1, 1, 0, 0)]
    assert [r["square"] for r in answer["stages"][1]["records"]] == [25, 49]
    assert [s["pointer"] for s in answer["stages"]] == [f"/stages/{i}" for i in range(4)]
    assert answer["logs"] == [{"stage": "stages[3]", "record": 3, "text": "seen 3"}]
    assert "instructions" not in answer["stages"][2] and answer["stages"][3]["instructions"] > 0


def test_failures_have_their_place_in_a_pasted_text(jobs):
    """The header is line 1; a stage that would fail the job says so, and the rest goes on."""
    answer = tried(jobs, text="n,s\n1,a\n0,b\nx,c\n", format="csv", types={"n": "integer"},
                   stages=[{"name": "calc", "set": {"m": "6 // n"}}])
    assert answer["results"] == [{"n": 1, "s": "a", "m": 6}]
    assert [(e["stage"], e["record"], e["line"], e["offset"], e["fails_the_job"])
            for e in answer["errors"]] == [("calc", 2, 3, 8, True), ("input", 3, 4, 12, False)]
    assert answer["errors"][0]["error"] == {"type": "invalid-record", "detail": "division by zero"}


def test_what_a_test_says_is_what_a_job_gives(jobs):
    """Groups, a branch and a merge, a sort: the same results, the same counts."""
    stages = [{"branch": [{"when": "value > 4", "to": "big"}, {"to": "small"}]},
              {"name": "big", "set": {"size": "'big'"}}, {"name": "small", "set": {"size": "'small'"}},
              {"merge": ["big", "small"]},
              {"reduce": {"group_by": ["size"], "aggregates": {"n": "count", "sum": "sum(value)"}}},
              {"sort": "-n"}]
    answer = tried(jobs, stages=stages, records=RECORDS)
    job = jobs.run("pipeline", {"input": {"items": RECORDS}, "stages": stages})
    assert answer["results"] == jobs.results(job["id"])
    assert flow(answer) == [(s["stage"], s["in"], s["out"], s["failed"], s["filtered"])
                            for s in job["summary"]["stages"]]


def test_mistakes_of_a_test_come_at_once(jobs):
    """With pointers into the body."""
    answer = jobs.post("/v1/handlers/pipeline/test", {
        "stages": [{"fliter": "a"}, {"map": "r.t = price * r.qty"}], "format": "csv"})
    assert answer.status == 422
    assert [(e["pointer"], e["type"]) for e in answer.json()["errors"]] == [
        ("/records", "missing-member"), ("/format", "conflict"),
        ("/stages/0/fliter", "unknown-member"), ("/stages/1/map", "script")]


def test_a_script_without_end_ends_the_test(jobs):
    """Each record has its own limit, and all of them together another."""
    answer = tried(jobs, records=list(range(1000)), stages=[{"map": "while true do end"}])
    assert answer["stopped"] == "time" and answer["records_in"] < 1000
    assert answer["errors"][0]["error"]["type"] == "limit"


def test_what_waits_outside_lets_records_pass(jobs):
    """Nobody waits, nothing is asked: and the answer says so."""
    answer = tried(jobs, records=[1, 2], stages=[{"rate_limit": {"records": 1}}])
    assert answer["results"] == [1, 2] and answer["stages"][0]["tried"] is False


def test_a_spec_brings_its_tests(jobs):
    """One that comes out otherwise is a mistake of the spec, with what came and what should."""
    good = pipeline({"set": {"w": "v * v"}}, items=[{"v": 5}],
                    tests=[{"input": [{"v": 2}], "expect": [{"w": 4.0, "v": 2}]}])
    assert jobs.results(jobs.run("pipeline", good)["id"]) == [{"v": 5, "w": 25}]
    bad = {**good, "tests": [{"input": [{"v": 2}], "expect": [{"v": 2, "w": 5}]},
                             {"input": [{"v": 2}], "expect": []},
                             {"input": [], "expect": [1]}, {"input": [{"v": "x"}], "expect": []}]}
    answer = jobs.post("/v1/jobs/validate", {"type": "pipeline", "spec": bad})
    assert answer.status == 422
    assert answer.pointers == ["/spec/tests/0/expect/0", "/spec/tests/1/expect",
                               "/spec/tests/2/expect/0", "/spec/tests/3"]
    assert answer.json()["errors"][0]["detail"] == 'the result is {"v":2,"w":4}: it differs at /w'


def test_tests_are_tried_by_validate_and_dry_runs_alone(jobs):
    """They may take seconds: a submit looks at their shape only.  They see the job's params."""
    spec = pipeline({"map": "r.y = r.x * ctx.params.by"}, items=[{"x": 1}],
                    tests=[{"input": [{"x": 2}], "expect": [{"x": 2, "y": 6}]}])
    body = {"type": "pipeline", "spec": spec, "params": {"by": 3}}
    assert jobs.post("/v1/jobs/validate", body).status == 200
    body["params"]["by"] = 4
    for path in ("/v1/jobs/validate", "/v1/jobs?dry_run=true"):
        assert jobs.post(path, body).pointers == ["/spec/tests/0/expect/0"]
    assert jobs.post("/v1/jobs?wait=10s", body).json()["state"] == "completed"
    spec["tests"] = [{"inputs": []}]
    assert set(jobs.post("/v1/jobs", body).pointers) >= {"/spec/tests/0/inputs"}


# ---- dry runs ----

def test_a_dry_run_shows_what_the_first_records_become(jobs):
    """As many as are asked for, of a compressed file too; the plan says how stages are done."""
    text = b"n,s\n" + b"".join(b'%d,"a\nb"\n' % n for n in range(100000))
    assert jobs.ask("PUT", "/v1/files/dry.csv.gz", gzip.compress(text)).status == 201
    spec = {"input": {"file": "dry.csv.gz", "types": {"n": "integer"}},
            "stages": [{"filter": "n > 0"}, {"sort": "-n"}, {"set": {"m": "n * 2"}}]}
    told = jobs.post("/v1/jobs?dry_run=3", {"type": "pipeline", "spec": spec}).json()
    assert told["trial"]["results"] == [{"n": 2, "s": "a\nb", "m": 4}, {"n": 1, "s": "a\nb", "m": 2}]
    assert flow(told["trial"])[0] == ("stages[0]", 3, 2, 0, 1)
    assert [(s["pass"], s["gathers"], s["to"]) for s in told["plan"]["stages"]] == [
        (0, False, ["stages[1]"]), (0, True, ["stages[2]"]), (1, False, [])]
    assert jobs.get("/v1/jobs?type=pipeline&state=pending").json()["items"] == []
    spec["input"] = {"range": {"from": 5, "to": 9}}
    spec["stages"] = [{"map": "return {v = r}"}]
    told = jobs.post("/v1/jobs/validate?dry_run", {"type": "pipeline", "spec": spec}).json()
    assert [r["v"] for r in told["trial"]["results"]] == [5, 6, 7, 8, 9]


def test_a_dry_run_says_what_cannot_be_tried(jobs):
    """A file that is not there yet, a document of the web: no mistakes of the spec."""
    for inputs, error in (({"file": "none.csv"}, "not-found"),
                          ({"url": "http://127.0.0.1:9/"}, "not-implemented")):
        told = jobs.post("/v1/jobs?dry_run=true", {
            "type": "pipeline", "spec": {"input": inputs, "stages": []}}).json()
        assert told["valid"] and told["trial"]["error"]["type"] == error
    assert jobs.post("/v1/jobs?dry_run=1001", {}).problem == "bad-parameter"


# ---- map-reduce ----

def mapped(jobs, **body):
    answer = jobs.post("/v1/handlers/mapreduce/test", body)
    assert answer.status == 200, answer
    return answer.json()


def test_a_script_that_maps_is_tried(jobs):
    """The pairs reduced, what it said of which record, and the record that failed, by its line."""
    told = mapped(jobs, map={"lua": "log(r.a) emit(r.a % 2, r.a * ctx.params.by)"}, reduce="sum",
                  text='{"a":1}\n{"a":2}\n{"a":"x"}\n{"a":3}\n', params={"by": 10})
    assert told["results"] == [{"key": 0, "value": 20}, {"key": 1, "value": 40}]
    assert [(e["record"], e["line"], e["offset"]) for e in told["errors"]] == [(3, 3, 16)]
    assert [(log["record"], log["text"]) for log in told["logs"]] == [
        (1, "1"), (2, "2"), (3, "x"), (4, "3")]
    assert (told["records_in"], told["failed"], told["stopped"]) == (4, 1, None)


def test_a_test_of_a_kernel_is_what_a_job_gives(jobs):
    """Groups of CSV, words of bytes, lines that match, one value: items and summary alike."""
    assert jobs.ask("PUT", "/v1/files/try.csv", b"s,v\na,1\nb,2\nb,3\nc,0\n").status == 201
    kinds = ({"map": {"group_by": ["s"], "aggregates": {"n": "count", "m": "mean(v)"},
                      "filter": "v > 0"}, "sort": ["-n"]},
             {"map": {"builtin": "word_count"}}, {"map": {"builtin": "grep", "pattern": "b"}},
             {"map": {"builtin": "stats", "of": "v"}})
    for work in kinds:
        told = mapped(jobs, text="s,v\na,1\nb,2\nb,3\nc,0\n", format="csv", types={"v": "number"},
                      **work)
        job = jobs.run("mapreduce", {"input": {"file": "try.csv", "types": {"v": "number"}}, **work})
        assert job["state"] == "completed", job
        assert told["results"] == jobs.results(job["id"])
        assert told["summary"].items() <= job["summary"].items()


def test_mistakes_of_a_map_have_pointers_into_the_body(jobs):
    """Those of kernels and scripts too; what reads files cannot be tried."""
    answer = jobs.post("/v1/handlers/mapreduce/test", {
        "map": {"lua": "emit(x, 1)"}, "reduce": "sme", "records": []})
    assert sorted(answer.pointers) == ["/map/lua", "/reduce"]
    answer = jobs.post("/v1/handlers/mapreduce/test", {
        "map": {"builtin": "matrix_multiply", "by": {"file": "m.f64", "columns": 2}}, "records": []})
    assert answer.pointers == ["/map/builtin"]
