# SPDX-License-Identifier: MIT
"""Requests that two parsers would read differently (CWE-444): 400, and the connection ends.

Each form is followed by a request that would be answered 200 if the first one were taken
for well-formed, or for shorter than it is.  RFC 9112, sections 2.2, 3, 5 and 6.
"""
import re

import pytest

GET = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /v1/jobs/validate HTTP/1.1\r\nHost: localhost\r\n"
SMUGGLED = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: smuggled\r\n\r\n"

FORMS = {
    "length-and-coding": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding-and-length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two-lengths": POST + b"Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde",
    "two-equal-lengths": POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "blank-before-colon": POST + b"Content-Length : 3\r\n\r\nabc",
    "tab-before-colon": POST + b"Content-Length\t: 3\r\n\r\nabc",
    "list-of-lengths": POST + b"Content-Length: 3, 3\r\n\r\nabc",
    "signed-length": POST + b"Content-Length: +3\r\n\r\nabc",
    "negative-length": POST + b"Content-Length: -3\r\n\r\nabc",
    "hex-length": POST + b"Content-Length: 0x3\r\n\r\nabc",
    "empty-length": POST + b"Content-Length:\r\n\r\n",
    "unknown-coding": POST + b"Transfer-Encoding: gzip\r\n\r\nabc",
    "two-codings-listed": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "two-codings": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
                          b"0\r\n\r\n",
    "nearly-chunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "coding-with-control": POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "chunked-in-1.0": b"POST /v1/jobs/validate HTTP/1.0\r\nHost: localhost\r\n"
                      b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunk-size-in-hex-prefix": POST + b"Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
    "chunk-too-long": POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n0\r\n\r\n",
    "two-hosts": GET + b"Host: localhost\r\n\r\n",
    "no-host": b"GET /livez HTTP/1.1\r\n\r\n",
    "empty-host": b"GET /livez HTTP/1.1\r\nHost:\r\n\r\n",
    "bare-line-feeds": b"GET /livez HTTP/1.1\nHost: localhost\n\n",
    "one-bare-line-feed": b"GET /livez HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n",
    "bare-line-feed-at-the-end": GET + b"X: y\r\n\n",
    "nul-in-value": GET + b"X: a\0b\r\n\r\n",
    "carriage-return-in-value": GET + b"X: a\rb\r\n\r\n",
    "nul-in-name": GET + b"X\0Y: a\r\n\r\n",
    "blank-in-name": GET + b"X Y: a\r\n\r\n",
    "empty-name": GET + b": a\r\n\r\n",
    "no-colon": GET + b"no colon\r\n\r\n",
    "folded-line": GET + b"X: a\r\n folded\r\n\r\n",
    "folded-length": GET + b"X: a\r\n\tContent-Length: 5\r\n\r\n",
    "nul-in-path": b"GET /livez\0x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "encoded-nul-in-path": b"GET /livez%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "encoded-line-end-in-path": b"GET /livez%0d%0a HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "blank-in-path": b"GET /li vez HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "two-blanks": b"GET  /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "absolute-uri": b"GET http://localhost/livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "no-version": b"GET /livez\r\nHost: localhost\r\n\r\n",
    "another-version": b"GET /livez HTTP/1.7\r\nHost: localhost\r\n\r\n",
    "unknown-method": b"TRACE /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "method-in-lower-case": b"get /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_request_that_could_smuggle_another(jobs, form):
    """Answered 400, closed, and nothing behind it is read."""
    answer = jobs.raw(FORMS[form] + SMUGGLED)
    # Forms that libmicrohttpd refuses itself are answered with its own page, whose
    # head it sends twice: so what counts is that no other status is ever told.
    assert set(re.findall(rb"^HTTP/1\.[01] (\d{3})", answer, re.MULTILINE)) == {b"400"}
    assert b"smuggled" not in answer
    assert b'"status":"ok"' not in answer


def test_nothing_hides_behind_a_chunked_body(jobs):
    """Chunks are parsed leniently below us: the connection ends after such a body."""
    body = b'{"type":"math","spec":{"op":"sum","numbers":[1]}}'
    request = POST + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    answer = jobs.raw(request + SMUGGLED)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nConnection: close\r\n" in answer
    assert b"smuggled" not in answer


def test_well_formed_requests_in_one_packet_are_all_answered(jobs):
    """Pipelining is no smuggling: two requests, two answers, in order."""
    second = b"GET /v1/pool HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answer = jobs.raw(GET + b"\r\n" + second)
    assert answer.count(b"HTTP/1.1 200 ") == 2
    assert answer.index(b'"status":"ok"') < answer.index(b'"workers"')


def test_a_server_that_refused_still_serves(jobs):
    """After all of this a decent client gets its answer."""
    assert jobs.get("/livez").json() == {"status": "ok"}
