# SPDX-License-Identifier: MIT
"""openapi.yaml as a judge: which operation an answer belongs to, and whether it keeps
to the status, the content type and the schema that are promised there.

The client calls check() with every answer of every test; `provoked` then tells which
(operation, status) pairs the tests have seen.
"""
import json
import pathlib
import re
import urllib.parse

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = yaml.safe_load((ROOT / "openapi.yaml").read_text())
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

# Refused before there is a request that could have an id.
NO_REQUEST_YET = {414, 431}

# What any operation may answer besides, as the document's description says.
EVERYWHERE = {400, 401, 403, 408, 413, 414, 417, 421, 431, 503}

provoked = set()  # (operationId, status)

_formats = jsonschema.FormatChecker(formats=("uuid",))


@_formats.checks("date-time")
def _is_instant(value):
    # Stricter than the standard: our answers are UTC with milliseconds.
    return not isinstance(value, str) or bool(
        re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value))


def resolve(node):
    """Follows a $ref, if there is one."""
    while isinstance(node, dict) and "$ref" in node:
        reference = node["$ref"]
        assert reference.startswith("#/"), reference
        node = DOCUMENT
        for token in reference[2:].split("/"):
            node = node[token.replace("~1", "/").replace("~0", "~")]
    return node


def operations():
    """(method, path, operation) of the whole document."""
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield method.upper(), path, operation


def _pattern(path):
    parts = re.split(r"\{[^}]+\}", path)
    # The names of files have slashes of their own.
    value = ".+" if path.endswith("{file}") else "[^/]+"
    return re.compile(value.join(re.escape(part) for part in parts))


# A literal segment goes before a parameter: /v1/jobs/batch is no /v1/jobs/{id}.
_by_pattern = sorted(
    ((_pattern(path), method, operation) for method, path, operation in operations()),
    key=lambda entry: "[^/]+" in entry[0].pattern)


def find(method, target):
    """The operation behind a request; None where the document has none."""
    path = urllib.parse.urlsplit(target).path
    wanted = "GET" if method == "HEAD" else method
    matches = [entry for entry in _by_pattern if entry[0].fullmatch(path)]
    return next((operation for pattern, its_method, operation in matches
                 if its_method == wanted and pattern == matches[0][0]), None)


def validate(schema, value):
    resolver = jsonschema.RefResolver.from_schema(DOCUMENT)
    jsonschema.Draft202012Validator(
        schema, resolver=resolver, format_checker=_formats).validate(value)
    for stray in _undeclared(schema, value, ""):
        raise AssertionError(f"openapi.yaml does not know the member {stray}")


def _undeclared(schema, value, pointer):
    """Members that no schema mentions: JSON Schema lets them pass, a contract does not."""
    schema = resolve(schema)
    if not isinstance(schema, dict):
        return
    if isinstance(value, list):
        for index, element in enumerate(value):
            yield from _undeclared(schema.get("items", {}), element, f"{pointer}/{index}")
    known = schema.get("properties")
    if not isinstance(value, dict) or not known:
        return
    # RFC 9457, 3.2: a problem may be extended.
    open_ended = "additionalProperties" in schema or schema is resolve(
        {"$ref": "#/components/schemas/Problem"})
    for name, member in value.items():
        if name in known:
            yield from _undeclared(known[name], member, f"{pointer}/{name}")
        elif not open_ended:
            yield f"{pointer}/{name}"


def check(method, target, answer):
    """Fails when an answer breaks the contract; paths outside it are not judged."""
    operation = find(method, target)
    assert answer.headers["X-Request-Id"] or answer.status in NO_REQUEST_YET, answer
    if answer.status >= 400 and method != "HEAD":
        _check_problem(answer)
    if operation is None or method == "HEAD":
        return
    declared = operation["responses"].get(str(answer.status))
    if declared is None:
        assert answer.status in EVERYWHERE, (
            f"{operation['operationId']} does not declare {answer!r}")
        return
    provoked.add((operation["operationId"], answer.status))
    _check_content(resolve(declared), answer)


def check_stream(target, status, media_type):
    """The head of a streamed answer; what it says is the test's affair."""
    operation = find("GET", target)
    declared = resolve(operation["responses"][str(status)])
    assert media_type in declared["content"], f"{target}: {media_type}"
    provoked.add((operation["operationId"], status))


def _check_problem(answer):
    assert answer.media_type == "application/problem+json", answer
    problem = answer.json()
    validate({"$ref": "#/components/schemas/Problem"}, problem)
    assert problem["status"] == answer.status, answer
    if "retry_after_ms" in problem:
        seconds = int(answer.headers["Retry-After"])
        assert seconds * 1000 >= problem["retry_after_ms"] > (seconds - 1) * 1000


def _check_content(declared, answer):
    content = declared.get("content")
    if not content:
        assert answer.body == b"", answer
        return
    if "*/*" in content:
        return
    assert answer.media_type in content, f"{answer!r} is none of {list(content)}"
    schema = content[answer.media_type].get("schema", {})
    if answer.media_type in ("application/json", "application/problem+json"):
        validate(schema, json.loads(answer.body))
    elif answer.media_type == "application/x-ndjson" and schema != {"type": "string"}:
        for line in answer.body.splitlines():
            validate(schema, json.loads(line))


def coverage():
    """(provoked, declared, those that were not provoked)."""
    declared = {(operation["operationId"], int(status))
                for _, _, operation in operations() for status in operation["responses"]}
    return len(provoked & declared), len(declared), sorted(declared - provoked)
