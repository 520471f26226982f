# SPDX-License-Identifier: MIT
"""Pages of other origins cannot use a visitor's browser against the daemon."""
import pytest

JOB = {"type": "math", "name": "crossed", "spec": {"op": "sum", "numbers": []}}


@pytest.mark.parametrize("headers", [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:1"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Origin": "http://evil.example", "Content-Type": "text/plain"},
])
def test_a_foreign_origin_is_refused(jobs, headers):
    """403 cross-origin, no CORS headers, and no job."""
    answer = jobs.post("/v1/jobs", JOB, headers)
    assert (answer.status, answer.problem) == (403, "cross-origin")
    assert not any(name.lower().startswith("access-control") for name in answer.headers)
    assert jobs.get("/v1/jobs?name=crossed").json()["items"] == []


def test_our_own_pages_are_served(jobs):
    """Origin equal to Host, and same-origin fetches."""
    host = jobs.address.netloc
    headers = {"Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
    assert jobs.get("/v1/jobs", headers).status == 200


def test_clients_that_are_no_browsers_send_neither(jobs):
    """Without Origin and Sec-Fetch-Site nothing is refused; a typed address is fine too."""
    assert jobs.get("/v1/jobs").status == 200
    assert jobs.get("/", {"Sec-Fetch-Site": "none"}).status == 200
