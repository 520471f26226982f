# SPDX-License-Identifier: MIT
"""Results as CSV, read back by Python's csv module."""
import csv
import io

from origin import page, status


def rows(answer):
    assert (answer.status, answer.media_type) == (200, "text/csv")
    return list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))


def test_items_are_rows_with_flattened_names(jobs, origin):
    """A good page, one with a comma and a quote in its title, a failed one."""
    urls = [origin.at("/a", page("<title>A</title><h1>One</h1>")),
            origin.at("/b", page('<title>B, "bee"</title>')), origin.at("/c", status(404))]
    job = jobs.run("scrape", {"urls": urls, "extract": {"h1": "h1"}})
    items = {item["url"]: item for item in jobs.results(job["id"])}
    for answer in (jobs.get(f"/v1/jobs/{job['id']}/results?format=csv"),
                   jobs.get(f"/v1/jobs/{job['id']}/results", headers={"Accept": "text/csv"})):
        found = {row["url"]: row for row in rows(answer)}
        assert set(found) == set(items)
        for url, row in found.items():
            data = items[url]["data"] or {}
            assert row["http_status"] == str(items[url]["http_status"])
            assert row["data.title"] == (data.get("title") or "")
            assert row["_other"] == ""
        assert found[urls[0]]["data.h1"] == "One"
        assert found[urls[2]]["error.type"] == "http-4xx"


def test_columns_can_be_asked_for(jobs, origin):
    """Only these, in this order."""
    job = jobs.run("scrape", {"urls": [origin.at("/a", page("<title>A</title>"))]})
    answer = jobs.get(f"/v1/jobs/{job['id']}/results?format=csv&columns=data.title,url")
    assert answer.body.decode() == f"data.title,url\r\nA,{origin.url}/a\r\n"


def test_a_long_csv_has_every_item_once(jobs, origin):
    """3,000 rows, more than the columns are learnt from; no results are a header."""
    urls = [f"{origin.url}/{n}" for n in range(3000)]
    job = jobs.run("scrape", {"urls": urls, "concurrency": 64, "per_host": 64})
    found = rows(jobs.get(f"/v1/jobs/{job['id']}/results?format=csv"))
    assert sorted(row["url"] for row in found) == sorted(urls)
    empty = jobs.run("math", {"op": "sum", "numbers": [1]})
    assert rows(jobs.get(f"/v1/jobs/{empty['id']}/results?format=csv")) == []
