# SPDX-License-Identifier: MIT
"""Heads that are legal line by line and too much as a whole: the daemon outlives each."""
import pytest

ALIVE = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
PARAMETERS = 3000  # two bytes each on the wire, a record each in the library's memory


@pytest.mark.parametrize("before", [b"", ALIVE], ids=["first", "second"])
def test_a_query_of_thousands_of_parameters_ends_its_connection_only(jobs, before):
    """The library neither answers nor completes it; it once took the daemon with it."""
    query = b"GET /v1/jobs?" + b"a&" * PARAMETERS + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
    jobs.raw(before + query)
    assert jobs.get("/livez").status == 200


def test_a_search_longer_than_any_name_is_refused(jobs):
    """AddressSanitizer sees at the end whether what was built of it has been freed."""
    assert jobs.get("/v1/jobs?q=" + "x" * 1000).problem == "bad-parameter"
