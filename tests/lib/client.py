# SPDX-License-Identifier: MIT
"""An HTTP client for tests: every answer is held against openapi.yaml as it comes.

    jobs = Client("http://127.0.0.1:41234")
    job = jobs.run("math", {"op": "sum", "numbers": [1, 2]})
    assert job["summary"] == {"value": 3}

Nothing here sleeps: waiting is the daemon's long poll, or reading an event stream.
"""
import http.client
import json
import socket
import time
import urllib.parse

import contract

PATIENCE_S = 60  # sanitizers on a busy machine are slow; nothing that works takes this long
FINAL = ("completed", "failed", "cancelled")


class Answer:
    """A whole answer: status, headers (any case), body."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def media_type(self):
        return (self.headers.get("Content-Type") or "").split(";")[0].strip()

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)

    def lines(self):
        """The values of an NDJSON body."""
        assert self.media_type == "application/x-ndjson", self
        return [json.loads(line) for line in self.body.splitlines()]

    @property
    def problem(self):
        """The last part of a problem's type: "invalid-spec"."""
        assert self.media_type == "application/problem+json", self
        return self.json()["type"].removeprefix("/errors/")

    @property
    def pointers(self):
        """Where the mistakes of a spec are, in the order in which they are told."""
        return [mistake["pointer"] for mistake in self.json()["errors"]]

    def __repr__(self):
        return f"<{self.status} {self.media_type} {self.body[:2000]!r}>"


class Stream:
    """A body that is read while it comes: server-sent events or lines of JSON."""

    def __init__(self, connection, answer):
        self.connection = connection
        self.answer = answer
        self.status = answer.status
        self.headers = answer.headers

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.connection.close()

    def lines(self):
        """Until the daemon ends the stream; a silent daemon fails the test."""
        while line := self.answer.readline():
            yield line.rstrip(b"\n").decode()

    def values(self):
        return (json.loads(line) for line in self.lines())

    def sse(self):
        """Server-sent events as (id, event, data); comments and retry: are left out."""
        fields = {}
        for line in self.lines():
            if line == "":
                if "data" in fields:
                    yield int(fields["id"]), fields["event"], json.loads(fields["data"])
                fields = {}
            elif not line.startswith(":"):
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")


class Client:
    def __init__(self, url, token=None):
        self.url = url
        self.token = token
        self.address = urllib.parse.urlsplit(url)

    # ---- requests ----

    def _send(self, method, path, body, headers):
        connection = http.client.HTTPConnection(
            self.address.hostname, self.address.port, timeout=PATIENCE_S)
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        headers = dict(headers or {})
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        connection.request(method, path, body=body, headers=headers)
        return connection, connection.getresponse()

    def ask(self, method, path, body=None, headers=None):
        connection, response = self._send(method, path, body, headers)
        try:
            answer = Answer(response.status, response.headers, response.read())
        finally:
            connection.close()
        contract.check(method, path, answer)
        return answer

    def get(self, path, headers=None):
        return self.ask("GET", path, headers=headers)

    def post(self, path, body=None, headers=None):
        return self.ask("POST", path, body, headers)

    def stream(self, path, accept=None, headers=None):
        headers = dict(headers or {})
        if accept:
            headers["Accept"] = accept
        stream = Stream(*self._send("GET", path, None, headers))
        contract.check_stream(path, stream.status,
                              stream.headers["Content-Type"].split(";")[0].strip())
        return stream

    def raw(self, request):
        """Bytes in, everything up to the end of the connection out."""
        with self.connect() as connection:
            connection.sendall(request)
            return read_to_end(connection)

    def connect(self):
        return socket.create_connection((self.address.hostname, self.address.port), PATIENCE_S)

    # ---- jobs ----

    def submit(self, kind, spec, **envelope):
        answer = self.post("/v1/jobs", {"type": kind, "spec": spec, **envelope})
        assert answer.status == 202, answer
        return answer.json()

    def run(self, kind, spec, **envelope):
        """Submits a job and waits for its end."""
        return self.ended(self.submit(kind, spec, **envelope)["id"])

    def job(self, job_id):
        answer = self.get(f"/v1/jobs/{job_id}")
        assert answer.status == 200, answer
        return answer.json()

    def ended(self, job_id):
        answer = self.get(f"/v1/jobs/{job_id}?wait={PATIENCE_S // 2}s")
        assert answer.status == 200, answer
        job = answer.json()
        assert job["state"] in FINAL, f"still {job['state']}: {job}"
        return job

    def move(self, job_id, verb):
        return self.post(f"/v1/jobs/{job_id}/{verb}")

    def results(self, job_id):
        return self.get(f"/v1/jobs/{job_id}/results").lines()

    def events(self, job_id):
        """All events of a job, up to its end."""
        with self.stream(f"/v1/jobs/{job_id}/events") as stream:
            return list(stream.values())

    def states(self, job_id):
        return [e["data"]["state"] for e in self.events(job_id) if e["type"] == "state"]

    def attempts(self, job_id):
        return self.get(f"/v1/jobs/{job_id}/attempts").json()["items"]

    def waiting(self, job_id):
        """Asks until a job says what it waits for."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if waiting := self.job(job_id)["waiting"]:
                return waiting
        raise AssertionError(f"{job_id} waits for nothing")

    def reached(self, job_id, state):
        """Waits until a job's log tells that it has been in a state."""
        with self.stream(f"/v1/jobs/{job_id}/events") as stream:
            for event in stream.values():
                if event["type"] == "state" and event["data"]["state"] == state:
                    return
        raise AssertionError(f"job {job_id} ended without being {state}")


def read_to_end(connection):
    received = bytearray()
    while True:
        try:
            chunk = connection.recv(65536)
        except ConnectionResetError:
            break  # what was sent after the refusal is not read any more
        if not chunk:
            break
        received += chunk
    return bytes(received)


def read_answer(connection):
    """One answer from a raw socket that stays open, as (status, body)."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    body = response.read()
    return response.status, body
