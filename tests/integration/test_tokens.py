# SPDX-License-Identifier: MIT
"""Bearer tokens: required off loopback, with scopes, never for health."""
import re
import stat

import pytest
from client import Client

READER, WRITER, ADMIN = "reader-0123456789abcdef", "writer-0123456789abcdef", "admin-0123456789abcdef"
SUM = {"type": "math", "spec": {"op": "sum", "numbers": [1]}}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A daemon with three tokens: one reads, one reads and writes, one may all."""
    from daemon import Daemon
    folder = tmp_path_factory.mktemp("guarded")
    tokens = folder / "tokens"
    tokens.write_text(f"# token name scopes\n{READER} reader read\n{WRITER} writer read,write\n"
                      f"\n{ADMIN}\n")
    with Daemon(folder, "--token-file", tokens, token=ADMIN) as daemon:
        yield daemon


def test_off_loopback_a_first_token_is_made(start_daemon):
    """DIR/token, readable by its owner only; the log names the file, not the token."""
    daemon = start_daemon(listen="0.0.0.0:0")
    path = daemon.data / "token"
    token = path.read_text().strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert re.fullmatch(r"[A-Za-z0-9_-]{40,}", token)
    assert str(path) in str(daemon.log)
    assert token not in str(daemon.log)
    assert daemon.client.get("/v1/jobs").status == 401
    assert Client(daemon.url, token).get("/v1/jobs").status == 200
    daemon.restart()
    assert path.read_text().strip() == token


@pytest.mark.parametrize("authorization", [
    None, "", "Bearer", "Bearer ", "Bearer wrong-0123456789abcdef", f"Basic {ADMIN}", ADMIN,
    f"Bearer {ADMIN}x", f"Bearer {ADMIN[:-1]}", "Bearer " + "x" * 600,
])
def test_without_a_right_token_nothing_is_told(guarded, authorization):
    """401 with WWW-Authenticate, for paths that exist and those that do not."""
    jobs = Client(guarded.url)
    headers = {} if authorization is None else {"Authorization": authorization}
    for path in ("/v1/jobs", "/v1/nothing", "/metrics"):
        answer = jobs.get(path, headers)
        assert (answer.status, answer.problem) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_scopes_say_who_may_what(guarded):
    """A reader reads, a writer submits, only an admin forces a breaker."""
    reader, writer, admin = (Client(guarded.url, token) for token in (READER, WRITER, ADMIN))
    breaker = "/v1/hosts/http:a.example:80/open"
    assert reader.get("/v1/jobs").status == 200
    assert reader.post("/v1/jobs", SUM).problem == "forbidden"
    assert reader.post("/v1/jobs/validate", SUM).status == 200
    assert writer.post("/v1/jobs", SUM).status == 202
    assert writer.post(breaker).status == 403
    assert admin.post(breaker).status == 200


def test_the_scheme_is_read_in_any_case(guarded):
    """RFC 9110, 11.1: schemes are case-insensitive."""
    answer = Client(guarded.url).get("/v1/jobs", {"Authorization": f"bearer {READER}"})
    assert answer.status == 200


def test_health_and_contract_need_no_token(guarded):
    """Probes have none; the contract says how to get in."""
    jobs = Client(guarded.url)
    for path in ("/livez", "/readyz", "/openapi.yaml", "/"):
        assert jobs.get(path).status == 200


def test_idempotency_keys_are_per_token(guarded):
    """Two clients that chose the same key do not meet."""
    first = Client(guarded.url, WRITER).post("/v1/jobs", SUM, {"Idempotency-Key": "k"}).json()
    second = Client(guarded.url, ADMIN).post("/v1/jobs", SUM, {"Idempotency-Key": "k"}).json()
    assert first["id"] != second["id"]


def test_tokens_are_not_in_the_database(guarded):
    """Whoever reads the data directory learns no token."""
    Client(guarded.url, WRITER).post("/v1/jobs", SUM, {"Idempotency-Key": "disk"})
    for file in guarded.data.iterdir():
        if file.is_file():
            assert WRITER.encode() not in file.read_bytes()


@pytest.mark.parametrize("line", ["short", "x" * 600, f"{READER} name owner", f"{READER} a read b"])
def test_a_token_file_with_a_mistake_keeps_the_daemon_down(start_daemon, tmp_path, line):
    """Exit 1, naming file and line."""
    tokens = tmp_path / "tokens"
    tokens.write_text(f"{WRITER}\n{line}\n")
    with pytest.raises(AssertionError, match="line 2"):
        start_daemon("--token-file", tokens)
