# SPDX-License-Identifier: MIT
"""openapi.yaml against the route table, the error table, the handlers and real answers.

Every answer of every test is held against the document by the client; what is left for
here are the document itself, and answers that no other test asks for.
"""
import json
import pathlib
import re

import contract
import jsonschema
import pytest
from client import Client
from origin import page, status

ROOT = pathlib.Path(__file__).resolve().parents[2]
SUM = {"type": "math", "spec": {"op": "sum", "numbers": [1]}}


# ---- the document ----

def nodes(node, pointer=""):
    """Every node of a document with its JSON pointer (names are not escaped)."""
    yield pointer, node
    if isinstance(node, list):
        node = dict(enumerate(node))
    if isinstance(node, dict):
        for name, child in node.items():
            yield from nodes(child, f"{pointer}/{name}")


def test_the_document_is_of_openapi_3_1():
    """What the specification requires (OpenAPI 3.1.0, 4.8)."""
    document = contract.DOCUMENT
    assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
    assert {"title", "version"} <= document["info"].keys()
    assert {"openapi", "info", "servers", "security", "tags", "paths", "components"} \
        >= document.keys()
    tags = {tag["name"] for tag in document["tags"]}
    for method, path, operation in contract.operations():
        assert operation["responses"], (method, path)
        assert set(operation["tags"]) <= tags
        assert operation["summary"]
        for answer in map(contract.resolve, operation["responses"].values()):
            assert answer["description"]


def test_every_reference_leads_somewhere():
    """No $ref into nothing."""
    for pointer, node in nodes(contract.DOCUMENT):
        if isinstance(node, dict) and "$ref" in node:
            assert contract.resolve(node) is not None, pointer


def test_every_component_is_used():
    """Nothing is left over from what was there once."""
    text = json.dumps(contract.DOCUMENT)
    for kind, components in contract.DOCUMENT["components"].items():
        if kind != "securitySchemes":
            for name in components:
                assert f'"#/components/{kind}/{name}"' in text, name


def test_operation_ids_are_unique():
    """Generated clients make functions of them."""
    ids = [operation["operationId"] for _, _, operation in contract.operations()]
    assert len(ids) == len(set(ids))


def test_every_schema_is_one():
    """JSON Schema 2020-12 agrees with each."""
    for pointer, node in nodes(contract.DOCUMENT):
        if pointer.endswith("/schema") or re.fullmatch(r"/components/schemas/\w+", pointer):
            jsonschema.Draft202012Validator.check_schema(node)


def test_every_path_parameter_is_declared():
    """{id} in a path is a parameter of it."""
    for path, item in contract.DOCUMENT["paths"].items():
        for method, _, operation in filter(lambda entry: entry[1] == path, contract.operations()):
            declared = {parameter["name"]
                        for parameter in map(contract.resolve, item.get("parameters", [])
                                             + operation.get("parameters", []))
                        if parameter["in"] == "path"}
            assert declared == set(re.findall(r"\{(\w+)\}", path)), (method, path)


# ---- the document and the code ----

def test_the_routes_are_those_of_the_document():
    """Both ways: no route without a word, no word without a route."""
    table = (ROOT / "service" / "http" / "api_routes.c").read_text()
    routes = set(re.findall(r'\{METHOD_(\w+),\s*"([^"]+)"', table))
    assert len(routes) > 30
    routes = {(method, path.replace("...}", "}")) for method, path in routes}
    assert routes == {(method, path) for method, path, _ in contract.operations()}


def error_table():
    """name → status, from base/err.h."""
    table = (ROOT / "base" / "err.h").read_text()
    return {name: int(code) for code, name in
            re.findall(r'X\(ERR_\w+,\s*(\d+),\s*\w+,\s*"([a-z0-9-]+)"', table)}


def test_each_error_has_one_name():
    """Names are unique, fit the Problem schema, and are those that the document mentions."""
    names = error_table()
    assert len(names) > 50
    pattern = contract.DOCUMENT["components"]["schemas"]["Problem"]["properties"]["type"]["pattern"]
    for name in names:
        assert re.fullmatch(pattern, f"/errors/{name}")
    text = (ROOT / "openapi.yaml").read_text()
    for mentioned in re.findall(r"/errors/([a-z0-9-]+)", text):
        assert mentioned in names


def test_problems_have_the_status_of_the_error_table(jobs):
    """A few that are easily provoked: the answer's status is that of the table."""
    names = error_table()
    for path in ("/v1/jobs?limit=0", "/nothing", "/v1/jobs?cursor=x"):
        answer = jobs.get(path)
        assert answer.status == names[answer.problem]


def shape(schema):
    """What two schemas must agree on: types, members, bounds, choices."""
    schema = contract.resolve(schema)
    kept = {name: schema[name] for name in ("type", "minimum", "maximum", "minLength", "maxLength",
                                            "enum", "required", "minProperties", "maxProperties")
            if name in schema}
    if "enum" in kept:
        kept.pop("type", None)
    if "required" in kept:
        kept["required"] = sorted(kept["required"])
    if "properties" in schema:
        kept["properties"] = {name: shape(member) for name, member in schema["properties"].items()}
    return kept


def test_the_envelope_of_the_handlers_is_the_submission(jobs):
    """GET /v1/handlers and openapi.yaml describe the same job, member by member."""
    envelope = jobs.get("/v1/handlers").json()["envelope"]
    submission = contract.DOCUMENT["components"]["schemas"]["Submission"]
    assert envelope["properties"].keys() | {"depends_on", "callback"} \
        == submission["properties"].keys()
    assert set(envelope["required"]) == set(submission["required"])
    for name in ("type", "name", "priority", "retry", "unique", "fair_key", "params"):
        ours, theirs = shape(submission["properties"][name]), shape(envelope["properties"][name])
        for member, value in ours.items():
            if member != "properties":
                assert theirs.get(member) == value, (name, member)
        assert ours.get("properties", {}).keys() == theirs.get("properties", {}).keys(), name


def test_each_handler_describes_its_spec(jobs):
    """A JSON Schema that takes what the handler takes, and refuses what it refuses."""
    listed = {h["name"]: h for h in jobs.get("/v1/handlers").json()["items"]}
    assert set(listed) == {"mapreduce", "math", "pipeline", "text", "sleep", "scrape"}
    good = {"mapreduce": {"input": {"range": {"from": 1, "to": 9}}, "map": {"builtin": "sum"}},
            "pipeline": {"input": {"items": [{"a": 1}]}, "stages": [{"filter": "a > 0"}]},
            "math": {"op": "sum", "numbers": [1, "2"]},
            "text": {"op": "hash", "text": "x", "algorithm": "md5"},
            "sleep": {"for": "1s", "fail_rate": 0.5},
            "scrape": {"urls": ["http://a.example/"], "extract": {"h": "h1", "p": {"css": "p"}}}}
    for name, handler in listed.items():
        assert jobs.get(f"/v1/handlers/{name}").json() == handler
        jsonschema.Draft202012Validator.check_schema(handler["spec"])
        judge = jsonschema.Draft202012Validator(handler["spec"])
        judge.validate(good[name])
        for bad in ({}, {**good[name], "unknown": 1}, []):
            if name == "scrape" and bad == {}:
                continue  # urls or urls_from: the daemon says which is missing
            assert not judge.is_valid(bad), (name, bad)
            assert jobs.post("/v1/jobs/validate", {"type": name, "spec": bad}).status == 422


def test_the_daemon_serves_the_document(jobs):
    """/openapi.yaml is the file, byte for byte."""
    answer = jobs.get("/openapi.yaml")
    assert answer.body == (ROOT / "openapi.yaml").read_bytes()


def test_the_examples_of_the_document_work(jobs, origin):
    """What a reader copies is accepted."""
    submit = contract.DOCUMENT["paths"]["/v1/jobs"]["post"]
    examples = submit["requestBody"]["content"]["application/json"]["examples"]
    for example in examples.values():
        body = json.dumps(example["value"]).replace("http://127.0.0.1:9000", origin.url)
        assert jobs.post("/v1/jobs/validate", body).status == 200


def test_the_front_page_is_text_for_curl(jobs):
    """A few lines that can be copied."""
    answer = jobs.get("/")
    assert answer.media_type == "text/plain"
    assert "curl" in answer.text


# ---- answers ----

@pytest.mark.parametrize("path", ["/livez", "/v1/jobs", "/v1/pool", "/openapi.yaml", "/"])
def test_head_is_get_without_the_body(jobs, path):
    """RFC 9110, 9.3.2: the same headers."""
    get, head = jobs.get(path), jobs.ask("HEAD", path)
    assert (head.status, head.body) == (get.status, b"")
    assert head.headers["Content-Type"] == get.headers["Content-Type"]


def test_each_operation_answers_as_it_is_written(jobs, origin):
    """One walk over all of them, on real jobs, with the client as the judge."""
    urls = [origin.at("/a", page("<title>A</title>")), origin.at("/b", status(404))]
    job = jobs.run("scrape", {"urls": urls}, tags={"team": "data"})
    done = f"/v1/jobs/{job['id']}"
    later = jobs.submit("sleep", {"for": "1h"}, delay="1h")
    etag = jobs.get(done).headers["ETag"]
    for part in ("results", "errors", "logs", "attempts", "events"):
        assert jobs.get(f"{done}/{part}").status == 200
    last = jobs.events(job["id"])[-1]["seq"]
    for status_wanted, method, path, body, headers in (
            (304, "GET", done, None, {"If-None-Match": etag}),
            (204, "GET", f"{done}/events?after={last}", None, {}),
            (206, "GET", f"{done}/results", None, {"Range": "bytes=0-9"}),
            (200, "GET", f"{done}/results?limit=1", None, {}),
            (200, "GET", "/v1/hosts?limit=1", None, {}),
            (200, "GET", f"/v1/hosts/{origin.key}", None, {}),
            (200, "PATCH", f"/v1/hosts/{origin.key}", {"concurrency": 64}, {}),
            (200, "POST", f"/v1/hosts/{origin.key}/open", None, {}),
            (200, "POST", f"/v1/hosts/{origin.key}/close", None, {}),
            (200, "POST", f"/v1/hosts/{origin.key}/reset", None, {}),
            (200, "POST", "/v1/jobs/batch", [SUM, {}], {}),
            (200, "POST", "/v1/jobs/validate", SUM, {}),
            (200, "PATCH", f"/v1/jobs/{later['id']}", {"priority": "low"}, {}),
            (200, "POST", f"/v1/jobs/{later['id']}/cancel", None, {}),
            (200, "POST", f"/v1/jobs/{later['id']}/retry", None, {}),
            (200, "GET", "/v1/pool", None, {}),
            (200, "GET", "/metrics", None, {}),
            (200, "GET", "/readyz", None, {}),
            (204, "DELETE", done, None, {})):
        answer = jobs.ask(method, path, body, headers)
        assert answer.status == status_wanted, (method, path, answer)
    jobs.post("/v1/jobs/cancel?all=true")


def test_401_and_403_are_problems(start_daemon, tmp_path):
    """Of each operation that is not open, with the contract's Problem."""
    tokens = tmp_path / "tokens"
    tokens.write_text("reader-0123456789abcdef reader read\n")
    daemon = start_daemon("--token-file", tokens, token="reader-0123456789abcdef")
    nobody = Client(daemon.url)
    for method, path, operation in contract.operations():
        path = re.sub(r"\{\w+\}", "x", path)
        answer = nobody.ask(method, path)
        assert (answer.status == 401) != (operation.get("security") == [{}]), (method, path, answer)
    assert daemon.client.post("/v1/jobs", SUM).problem == "forbidden"
