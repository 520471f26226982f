# SPDX-License-Identifier: MIT
"""Records joined with a table: a file of CSV, dry runs, tests of stages, kill -9."""
from test_pipeline import flow, pipeline

CUSTOMERS = b"id;name;since\n1;Ada;2019\n2;\"Grace; H\";2020\n3;Ken;\n2;Grace;2024\n"
TABLE = {"file": "join/customers.csv", "delimiter": ";",
         "types": {"id": "integer", "since": "integer"}}
ORDERS = [{"o": 1, "c": 2}, {"o": 2, "c": 9}, {"o": 3, "c": "1"}, {"o": 4, "c": 3}, {"o": 5}]
ON = {"left": "c", "right": "id"}


def put(client, name, body):
    assert client.ask("PUT", f"/v1/files/{name}", body).status in (201, 204, 200)


def join(**more):
    return {"name": "look", "join": {"with": TABLE, "on": ON, **more}}


def test_records_are_joined_with_a_file(jobs):
    """Quoted fields, types, two rows of one key, null; each record is accounted for."""
    put(jobs, "join/customers.csv", CUSTOMERS)
    job = jobs.run("pipeline", pipeline(join(prefix="c_"), {"drop": "c_id"}, items=ORDERS))
    assert jobs.results(job["id"]) == [
        {"o": 1, "c": 2, "c_name": "Grace; H", "c_since": 2020},
        {"o": 1, "c": 2, "c_name": "Grace", "c_since": 2024},
        {"o": 4, "c": 3, "c_name": "Ken", "c_since": None}]
    assert flow(job)[0] == ("look", 5, 2, 0, 3)
    assert job["summary"]["stages"][0]["made"] == 3


def test_records_of_csv_are_joined_too(jobs):
    """Both sides are texts then; records that are no JSON yet become several."""
    put(jobs, "join/customers.csv", CUSTOMERS)
    put(jobs, "join/orders.csv", b"o,c\n7,2\n8,4\n")
    table = {"file": "join/customers.csv", "delimiter": ";"}
    job = jobs.run("pipeline", {"input": {"file": "join/orders.csv"}, "stages": [
        {"join": {"with": table, "on": ON, "kind": "left", "into": "who"}}]})
    assert jobs.results(job["id"]) == [
        {"o": "7", "c": "2", "who": {"id": "2", "name": "Grace; H", "since": "2020"}},
        {"o": "7", "c": "2", "who": {"id": "2", "name": "Grace", "since": "2024"}},
        {"o": "8", "c": "4", "who": None}]


def test_a_table_that_cannot_be_read_fails_the_job(jobs):
    """Not there, a row with a mistake and its line, too large for the memory."""
    put(jobs, "join/bad.csv", b"id,name\n1,a\nx,b\n")
    put(jobs, "join/large.csv", b"id,name\n" + b"1234567,abcdefgh\n" * 70000)
    for name, says in (("none", "none.csv"), ("bad", "line 3"),
                       ("large", "more than 1048576 bytes")):
        table = {"file": f"join/{name}.csv", "types": {"id": "integer"}}
        job = jobs.run("pipeline", pipeline({"join": {"with": table, "on": ON}}, items=ORDERS,
                                            memory="1MiB"))
        assert job["state"] == "failed", job
        assert "/spec/stages/0/join/with" in job["error"]["detail"], job
        assert says in job["error"]["detail"], job


def test_a_join_is_tried(jobs):
    """Dry runs read the file; the test endpoint has tables of items, and says so."""
    put(jobs, "join/customers.csv", CUSTOMERS)
    spec = pipeline(join(kind="anti"), items=ORDERS)
    answer = jobs.post("/v1/jobs?dry_run=10", {"type": "pipeline", "spec": spec})
    assert [record["o"] for record in answer.json()["trial"]["results"]] == [2, 3, 5]
    items = {"join": {"with": {"items": [{"id": 2, "n": "x"}]}, "on": ON, "into": "who"}}
    answer = jobs.post("/v1/handlers/pipeline/test", {"stages": [items], "records": ORDERS})
    assert answer.json()["results"] == [{"o": 1, "c": 2, "who": {"id": 2, "n": "x"}}]
    answer = jobs.post("/v1/handlers/pipeline/test", {"stages": [join()], "records": ORDERS})
    assert answer.problem == "not-implemented"


def test_a_killed_join_goes_on_with_its_table(start_daemon):
    """The file gets other contents in between: the results are those of the first."""
    slow = {"map": ["local h = r", "for k = 1, 300 do h = (h * 31 + k) % 1000003 end",
                    "return {n = r, h = h % 1000}"]}
    spec = {"input": {"range": {"from": 1, "to": 600000}}, "stages": [
        slow, {"join": {"with": {"file": "t.ndjson"}, "on": "h"}}]}
    daemon = start_daemon()
    rows = "".join(f'{{"h":{h % 400},"v":{h}}}\n' for h in range(500))
    put(daemon.client, "t.ndjson", rows.encode())
    undisturbed = daemon.client.ended(daemon.client.submit("pipeline", spec)["id"])
    expected = daemon.client.get(f"/v1/jobs/{undisturbed['id']}/results").body
    job = daemon.client.submit("pipeline", {**spec, "workers": 2})
    with daemon.client.stream(f"/v1/jobs/{job['id']}/events") as stream:
        for event in stream.values():
            if event["type"] == "progress" and event["data"]["done"] > 0:
                break
    put(daemon.client, "t.ndjson", b'{"h":1,"v":"other"}\n')
    daemon.kill()
    daemon.start()
    job = daemon.client.ended(job["id"])
    assert job["state"] == "completed" and job["summary"]["adds_up"], job
    assert daemon.client.get(f"/v1/jobs/{job['id']}/results").body == expected
    assert len(expected) > 1000000
