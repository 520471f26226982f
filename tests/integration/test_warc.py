# SPDX-License-Identifier: MIT
"""Results as WARC 1.1, read back by a parser that knows the standard and nothing of us."""
import gzip
import hashlib

import pytest
import warc
from origin import page, redirect, status

ONCE = {"max_attempts": 1}


def crawl(jobs, urls, **spec):
    return jobs.run("scrape", {"urls": urls, "save_body": "file", "retry": ONCE, **spec},
                    max_failed=len(urls))


def archive(jobs, job, query="?format=warc"):
    answer = jobs.get(f"/v1/jobs/{job['id']}/results{query}")
    assert answer.status == 200, answer
    return answer


def by_url(records, kind):
    return {record["WARC-Target-URI"]: record for record in records if record.type == kind}


def test_a_file_begins_with_what_it_is(jobs, origin):
    """The warcinfo record names the software, the format and the job; the file has a name."""
    job = crawl(jobs, [origin.at("/", page("x"))])
    answer = archive(jobs, job)
    assert answer.headers["Content-Type"] == "application/warc"
    name = f"{job['id']}.warc"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    info = warc.records(answer.body)[0]
    assert (info.type, info["WARC-Filename"]) == ("warcinfo", name)
    fields = info.named_fields()
    assert fields["software"].startswith("jobmill/")
    assert fields["format"] == "WARC File Format 1.1"
    assert fields["ispartof"] == f"urn:uuid:{job['id']}"


def test_a_page_is_a_response(jobs, origin):
    """Payload as kept, its digest, the answer's head, the instant of the item."""
    url = origin.at("/", page("<title>Grüße</title>", Content_Type="text/html; charset=utf-8",
                              Set_Cookie=["a=1", "b=2"], ETag='"v1"'))
    job = crawl(jobs, [url])
    item = jobs.results(job["id"])[0]
    record = by_url(warc.records(archive(jobs, job).body), "response")[url]
    body = "<title>Grüße</title>".encode()
    first, headers, payload = record.http()
    assert (first, payload) == ("HTTP/1.1 200 OK", body)
    assert record["WARC-Payload-Digest"] == f"sha256:{hashlib.sha256(body).hexdigest()}"
    assert record["WARC-Date"] == item["fetched_at"]
    assert ("content-type", "text/html; charset=utf-8") in headers
    assert ("etag", '"v1"') in headers
    assert [value for name, value in headers if name == "set-cookie"] == ["a=1", "b=2"]
    assert 'etag: "v1"' in item["headers"]


def test_a_decoded_body_does_not_say_that_it_is_encoded(jobs, origin):
    """What was said of the message as sent is there under another name."""
    sent = gzip.compress(b"<p>whole</p>")
    url = origin.at("/", page(sent, Content_Encoding="gzip"))
    _, headers, payload = by_url(warc.records(archive(jobs, crawl(jobs, [url])).body),
                                 "response")[url].http()
    assert payload == b"<p>whole</p>"
    assert "content-encoding" not in dict(headers)
    assert dict(headers)["x-archive-orig-content-encoding"] == "gzip"
    assert dict(headers)["x-archive-orig-content-length"] == str(len(sent))


def test_a_failed_url_is_metadata(jobs, origin):
    """No payload, but why: and beside the response when the page came and could not be used."""
    gone, poor = origin.at("/gone", status(404)), origin.at("/poor", page("<p>no heading"))
    job = crawl(jobs, [gone, poor], extract={"h": {"css": "h1", "required": True}})
    records = warc.records(archive(jobs, job).body)
    about, responses = by_url(records, "metadata"), by_url(records, "response")
    assert set(about) == {gone, poor}
    assert set(responses) == {poor}
    assert about[gone].named_fields() == {
        "httpstatus": "404", "error": "http-4xx",
        "detail": next(item for item in jobs.results(job["id"])
                       if item["url"] == gone)["error"]["detail"]}
    assert about[gone].get("WARC-Concurrent-To") is None
    assert about[poor].named_fields()["error"] == "missing-field"
    assert about[poor]["WARC-Concurrent-To"] == responses[poor]["WARC-Record-ID"]


def test_redirects_of_a_crawl_can_be_replayed(jobs, origin):
    """A redirect that is a link is a response with its Location; its body was not kept."""
    origin.at("/to", page("<title>There</title>"))
    empty = origin.at("/empty", redirect("/to"))
    wordy = origin.at("/wordy", page("moved", 301, Location="/to"))
    job = crawl(jobs, [empty, wordy], follow={"max_depth": 0})
    found = by_url(warc.records(archive(jobs, job).body), "response")
    assert set(found) == {empty, wordy, f"{origin.url}/to"}
    first, headers, payload = found[empty].http()
    assert (first, payload) == ("HTTP/1.1 302 Found", b"")
    assert ("location", "/to") in headers
    assert found[empty].get("WARC-Truncated") is None
    assert found[wordy]["WARC-Truncated"] == "unspecified"
    assert found[wordy].get("WARC-Payload-Digest") is None


def test_a_redirect_that_the_fetch_followed_is_filed_where_it_led(jobs, origin):
    """The bytes are those of the last URL."""
    origin.at("/to", page("<title>There</title>"))
    job = crawl(jobs, [origin.at("/from", redirect("/to"))])
    assert set(by_url(warc.records(archive(jobs, job).body), "response")) == {f"{origin.url}/to"}


def test_each_record_is_a_member_of_its_own(jobs, origin):
    """Annex D: one gzip member a record, so that readers can begin at any of them."""
    urls = [origin.at(f"/{n}", page(f"<title>{n}</title>" + "long " * 20000)) for n in range(5)]
    urls.append(origin.at("/gone", status(404)))
    job = crawl(jobs, urls)
    zipped = archive(jobs, job, "?format=warc.gz")
    assert zipped.headers["Content-Type"] == "application/gzip"
    assert zipped.headers["Content-Disposition"].endswith('.warc.gz"')
    members = warc.members(zipped.body)
    assert [len(warc.records(member)) for member in members] == [1] * 7
    plain = warc.records(archive(jobs, job).body)
    assert [warc.records(member)[0] for member in members][1:] == plain[1:]


def test_a_large_archive_is_streamed_whole(jobs, origin):
    """Hundreds of pages, an empty one and one of megabytes: every item is there once."""
    big, empty = "x" * 3_000_000, ""
    urls = [origin.at("/big", page(big)), origin.at("/empty", page(empty))]
    urls += [origin.at(f"/{n}", page(f"<p>{n}</p>" * 500)) for n in range(300)]
    job = crawl(jobs, urls, concurrency=32, per_host=32)
    found = by_url(warc.records(archive(jobs, job).body), "response")
    assert set(found) == set(urls)
    assert found[urls[0]].http()[2] == big.encode()
    assert found[urls[1]].http()[2] == b""
    assert found[f"{origin.url}/7"].http()[2] == b"<p>7</p>" * 500


def test_accept_asks_for_it(jobs, origin):
    """As for the other formats."""
    job = crawl(jobs, [origin.at("/", page("x"))])
    answer = jobs.get(f"/v1/jobs/{job['id']}/results", {"Accept": "application/warc"})
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/warc")
    assert len(warc.records(answer.body)) == 2


@pytest.mark.parametrize("query", ["&follow=true", "&limit=1", "&columns=url"])
def test_it_is_whole_or_nothing(jobs, origin, query):
    """A page of a WARC file, or one that goes on, is none."""
    job = crawl(jobs, [origin.at("/", page("x"))])
    answer = jobs.get(f"/v1/jobs/{job['id']}/results?format=warc{query}")
    assert (answer.status, answer.problem) == (400, "bad-parameter")


def test_a_job_without_pages_has_none(jobs, origin):
    """409 with what to do, for a crawl without save_body and for other jobs."""
    for job in (jobs.run("scrape", {"urls": [origin.at("/", page("x"))]}),
                jobs.run("math", {"op": "sum", "numbers": [1]})):
        answer = jobs.get(f"/v1/jobs/{job['id']}/results?format=warc")
        assert (answer.status, answer.problem) == (409, "conflict")
        assert '"save_body": "file"' in answer.json()["hint"]
