# SPDX-License-Identifier: MIT
"""GET /v1/jobs/{id}/results?limit=…&cursor=…: pages as lines and as arrays, and bad cursors."""
import pytest
from origin import Origin, page


@pytest.fixture(scope="module")
def results(jobs):
    """The path of seven items."""
    with Origin() as origin:
        urls = [origin.at(f"/{n}", page(f"<title>Page {n}</title>")) for n in range(7)]
        yield f"/v1/jobs/{jobs.run('scrape', {'urls': urls})['id']}/results"


def pages(jobs, path):
    """Each page, by following Link: rel=next."""
    while path:
        answer = jobs.get(path)
        assert answer.status == 200
        yield answer
        link = answer.headers.get("Link")
        path = link[1:link.index(">")] if link else None


@pytest.mark.parametrize("limit, sizes", [(3, [3, 3, 1]), (7, [7]), (100, [7])])
@pytest.mark.parametrize("array", [False, True])
def test_pages_hold_all_items_once(jobs, results, limit, sizes, array):
    """The last page has no next, also when it is full; the format goes along in the link."""
    found = [answer.json() if array else answer.lines() for answer in
             pages(jobs, f"{results}?limit={limit}" + ("&format=json" if array else ""))]
    assert [len(items) for items in found] == sizes
    assert sum(found, []) == jobs.get(results).lines()


@pytest.mark.parametrize("cursor", ["1", "99999999", "9223372036854775807"])
def test_a_cursor_that_no_item_begins_at_is_refused(jobs, results, cursor):
    """In the middle of an item, or behind the last."""
    answer = jobs.get(f"{results}?cursor={cursor}")
    assert answer.status == 400
    assert answer.json()["type"] == "/errors/bad-cursor"


def test_pages_cannot_be_followed(jobs, results):
    """A page ends; following does not."""
    assert jobs.get(f"{results}?limit=3&follow=true").status == 400


def test_if_range_with_another_etag_gets_everything(jobs, results):
    """RFC 9110, 13.1.5: a range of what has changed would be a mixture."""
    whole = jobs.get(results)
    same = jobs.get(results, {"Range": "bytes=0-9", "If-Range": whole.headers["ETag"]})
    assert (same.status, same.body) == (206, whole.body[:10])
    other = jobs.get(results, {"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (other.status, other.body) == (200, whole.body)
