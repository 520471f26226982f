# SPDX-License-Identifier: MIT
"""The Host header: names that are ours, against DNS rebinding."""
import pytest


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:8080", "[::1]"])
def test_the_names_of_loopback_are_served(jobs, host):
    """The port does not matter: a tunnel may have another."""
    assert jobs.get("/livez", {"Host": host}).status == 200


@pytest.mark.parametrize("host", [
    "jobmill:8080", "evil.example", "localhost.evil.example", "10.0.0.1", "127.0.0.1.nip.example",
])
def test_another_name_is_refused(jobs, host):
    """421, with the names that are served and the flag that would allow this one."""
    answer = jobs.get("/v1/jobs", {"Host": host})
    assert (answer.status, answer.problem) == (421, "host-not-allowed")
    assert set(answer.json()["allowed"]) == {"localhost", "127.0.0.1", "[::1]"}
    assert answer.json()["hint"] == f"--allow-host {host.split(':')[0]}"


def test_a_refused_name_changes_nothing(jobs):
    """A rebound page cannot submit."""
    body = {"type": "math", "name": "rebound", "spec": {"op": "sum", "numbers": []}}
    assert jobs.post("/v1/jobs", body, {"Host": "evil.example"}).status == 421
    assert jobs.get("/v1/jobs?name=rebound").json()["items"] == []


def test_an_operator_can_allow_a_name(start_daemon):
    """--allow-host, repeatable."""
    jobs = start_daemon("--allow-host", "jobmill", "--allow-host", "jobs.example").client
    assert jobs.get("/livez", {"Host": "jobmill:8080"}).status == 200
    assert jobs.get("/livez", {"Host": "jobs.example"}).status == 200
    assert jobs.get("/livez", {"Host": "other.example"}).status == 421
