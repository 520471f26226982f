# SPDX-License-Identifier: MIT
"""/v1/files: whole or not there, nothing outside the tree, resumed where it broke off."""
import base64
import concurrent.futures
import hashlib
import os
import socket
import sys
import threading

import pytest
from client import Client, read_answer, read_to_end
from daemon import Daemon

MIB = 1 << 20
ORDERS = b"id,name\n1,a\n2,b\n"


def noise(length, seed=1):
    """Bytes that differ everywhere, the same ones each time."""
    block = hashlib.shake_256(str(seed).encode()).digest(min(length, MIB))
    return (block * (length // len(block) + 1))[:length] if length else b""


def digest(body, algorithm="sha256"):
    coded = base64.b64encode(hashlib.new(algorithm, body).digest()).decode()
    return f"{algorithm[:3]}-{algorithm[3:]}=:{coded}:"


def put(jobs, name, body, **headers):
    headers = {field.replace("_", "-"): value for field, value in headers.items()}
    return jobs.ask("PUT", f"/v1/files/{name}", body, headers)


def get(jobs, name, **headers):
    return jobs.get(f"/v1/files/{name}", {k.replace("_", "-"): v for k, v in headers.items()})


def names(jobs, query=""):
    return [item["name"] for item in jobs.get(f"/v1/files{query}").json()["items"]]


def head_of(method, name, *fields):
    lines = [f"{method} /v1/files/{name} HTTP/1.1", "Host: localhost", *fields, "", ""]
    return "\r\n".join(lines).encode()


def uploads_left(daemon):
    return sorted(os.listdir(daemon.data / "files" / ".uploads"))


# ---- up and down ----

def test_a_file_comes_back_as_it_was_sent(jobs):
    """201 and where it is, then 200 when it is replaced; sums as hashlib has them."""
    answer = put(jobs, "in/orders.csv", ORDERS)
    assert answer.status == 201, answer
    assert answer.headers["Location"] == "/v1/files/in/orders.csv"
    assert answer.headers["Repr-Digest"] == digest(ORDERS)
    file = answer.json()
    assert (file["name"], file["size"]) == ("in/orders.csv", 16)
    assert file["sha256"] == hashlib.sha256(ORDERS).hexdigest()
    assert file["etag"] == answer.headers["ETag"]
    answer = get(jobs, "in/orders.csv")
    assert (answer.status, answer.body, answer.media_type) == (200, ORDERS, "text/csv")
    assert answer.headers["ETag"] == file["etag"]
    assert answer.headers["Repr-Digest"] == digest(ORDERS)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="orders.csv"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    answer = put(jobs, "in/orders.csv", b"")
    assert answer.status == 200 and answer.json()["size"] == 0
    assert answer.json()["etag"] != file["etag"]
    assert get(jobs, "in/orders.csv").body == b""


def test_head_has_all_but_the_body(jobs):
    """The same fields, the length among them."""
    put(jobs, "head.csv", ORDERS)
    got, head = get(jobs, "head.csv"), jobs.ask("HEAD", "/v1/files/head.csv")
    assert (head.status, head.body) == (200, b"")
    for field in ("ETag", "Content-Length", "Last-Modified", "Repr-Digest", "Content-Type"):
        assert head.headers[field] == got.headers[field]
    assert jobs.ask("HEAD", "/v1/files/none").status == 404


def test_a_part_is_downloaded(jobs):
    """RFC 9110, 14: a range, its end, one that cannot be, one of another version."""
    etag = put(jobs, "digits", b"0123456789").json()["etag"]
    answer = get(jobs, "digits", Range="bytes=2-4")
    assert (answer.status, answer.body) == (206, b"234")
    assert answer.headers["Content-Range"] == "bytes 2-4/10"
    assert get(jobs, "digits", Range="bytes=-3").body == b"789"
    assert get(jobs, "digits", Range="bytes=8-", If_Range=etag).body == b"89"
    assert get(jobs, "digits", Range="bytes=8-", If_Range='"other"').status == 200
    answer = get(jobs, "digits", Range="bytes=10-")
    assert (answer.status, answer.problem) == (416, "range-not-satisfiable")


def test_what_is_known_is_not_sent_again(jobs):
    """304 by tag or by time, and 412 when If-Match names another."""
    answer = put(jobs, "known", b"x")
    etag = answer.json()["etag"]
    modified = get(jobs, "known").headers["Last-Modified"]
    assert get(jobs, "known", If_None_Match=etag).status == 304
    assert get(jobs, "known", If_None_Match=f'"a", W/{etag}').status == 304
    assert get(jobs, "known", If_None_Match='"a"').status == 200
    assert get(jobs, "known", If_Modified_Since=modified).status == 304
    assert get(jobs, "known", If_Modified_Since="Sun, 06 Nov 1994 08:49:37 GMT").status == 200
    assert get(jobs, "known", If_Modified_Since=modified, If_None_Match='"a"').status == 200
    assert get(jobs, "known", If_Match='"a"').problem == "precondition-failed"
    assert get(jobs, "known", If_Match=f"W/{etag}").problem == "precondition-failed"  # RFC 9110, 13.1.1
    assert get(jobs, "known", If_Match=etag).status == 200


def test_any_name_that_is_one(jobs):
    """Blanks, quotes, other scripts; a slash sent as %2F is one."""
    for path in ("a%20b.csv", "M%C3%A4rz.csv", "%22quoted%22", "100%25", "x%2Fy.csv", "%2A"):
        assert put(jobs, path, b"x").status == 201, path
        assert get(jobs, path).status == 200
    assert {"a b.csv", "März.csv", '"quoted"', "100%", "x/y.csv", "*"} <= set(names(jobs))
    assert get(jobs, "M%C3%A4rz.csv").headers["Content-Disposition"] == \
        "attachment; filename*=UTF-8''M%C3%A4rz.csv"


def test_the_list_goes_on_page_by_page(jobs):
    """In the order of names, below a prefix, each once."""
    wanted = [f"list/{i:02}/f" for i in range(7)]
    for name in reversed(wanted):
        put(jobs, name, b"x")
    found, path = [], "/v1/files?prefix=list/&limit=3"
    while path:
        answer = jobs.get(path)
        found += [item["name"] for item in answer.json()["items"]]
        link = answer.headers["Link"]
        assert bool(link) == bool(answer.json()["next_cursor"])
        path = link.split(">")[0].removeprefix("<") if link else None
    assert found == wanted
    assert names(jobs, "?prefix=list/03") == ["list/03/f"]
    assert names(jobs, "?prefix=nothing/") == []
    assert jobs.get("/v1/files?cursor=Li4vYQ==").problem == "bad-cursor"
    assert jobs.get("/v1/files?prefix=../").problem == "file-name"


def test_a_deleted_file_is_gone(daemon, jobs):
    """With the folders that it was alone in; a condition is kept to."""
    put(jobs, "gone/deep/f", b"x")
    assert jobs.ask("DELETE", "/v1/files/gone/deep/f", headers={"If-Match": '"a"'}).status == 412
    answer = jobs.ask("DELETE", "/v1/files/gone/deep/f")
    assert (answer.status, answer.body) == (204, b"")
    assert jobs.ask("DELETE", "/v1/files/gone/deep/f").problem == "not-found"
    assert get(jobs, "gone/deep/f").problem == "not-found"
    assert not (daemon.data / "files" / "gone").exists()


def test_a_reader_keeps_its_version(jobs):
    """A download that began goes on when the file is replaced and deleted."""
    body = noise(24 * MIB)
    put(jobs, "reader", body)
    with jobs.connect() as connection:
        connection.sendall(head_of("GET", "reader"))
        received = connection.recv(1)
        assert put(jobs, "reader", noise(24 * MIB, 2)).status == 200
        assert jobs.ask("DELETE", "/v1/files/reader").status == 204
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        received += read_to_end(connection)
    assert body in received


def test_folders_are_no_files(jobs):
    """Neither can be where the other is."""
    put(jobs, "folder/f", b"x")
    assert get(jobs, "folder").problem == "not-found"
    assert put(jobs, "folder", b"x").problem == "conflict"
    assert put(jobs, "folder/f/g", b"x").problem == "conflict"
    assert get(jobs, "folder/f").body == b"x"


# ---- digests and conditions ----

def test_right_digests_are_fine(jobs):
    """Of the body and of the file, either algorithm; others are passed over."""
    for field in ("Content_Digest", "Repr_Digest"):
        for value in (digest(ORDERS), digest(ORDERS, "sha512"),
                      digest(ORDERS) + ", " + digest(ORDERS, "sha512"), "md5=:AAAA:"):
            assert put(jobs, "sums", ORDERS, **{field: value}).status in (200, 201), value


def test_a_wrong_digest_keeps_nothing(daemon, jobs):
    """422 names what came; the old version stays, and no bytes are left."""
    put(jobs, "wrong", b"old")
    for field in ("Content_Digest", "Repr_Digest"):
        for algorithm in ("sha256", "sha512"):
            answer = put(jobs, "wrong", ORDERS, **{field: digest(b"else", algorithm)})
            assert (answer.status, answer.problem) == (422, "digest-mismatch")
            assert hashlib.new(algorithm, ORDERS).hexdigest()[:64] in answer.json()["detail"]
    assert get(jobs, "wrong").body == b"old"
    assert uploads_left(daemon) == []


@pytest.mark.parametrize("value", [
    "sha-256", "sha-256=abc", "sha-256=:AAAA:", "sha-256=:!!!!:", "sha-256=:AAAA", "=:AAAA:",
    "md5=:AAAA:,", "sha-512=:" + "A" * 500 + ":", "SHA-256=:AAAA:"])
def test_a_malformed_digest_is_refused(jobs, value):
    """400, before a byte is taken."""
    assert put(jobs, "malformed", b"x", Repr_Digest=value).problem == "bad-request"
    assert get(jobs, "malformed").status == 404


def test_conditions_on_what_is_replaced(jobs):
    """Only if absent; only that version: RFC 9110, 13.1."""
    assert put(jobs, "once", b"1", If_None_Match="*").status == 201
    assert put(jobs, "once", b"2", If_None_Match="*").problem == "precondition-failed"
    etag = get(jobs, "once").headers["ETag"]
    assert put(jobs, "once", b"2", If_Match='"other"').problem == "precondition-failed"
    assert put(jobs, "once", b"3", If_Match=etag).status == 200
    assert put(jobs, "once", b"4", If_Match=etag).problem == "precondition-failed"
    assert put(jobs, "absent", b"1", If_Match="*").problem == "precondition-failed"
    assert get(jobs, "once").body == b"3"


# ---- going on ----

def test_parts_are_put_together(jobs):
    """In order; one that is not next is told which is; the last one gives the name."""
    body = noise(1000)
    answer = put(jobs, "parts", body[:400], Content_Range="bytes 0-399/1000")
    assert (answer.status, answer.json()) == (202, {"name": "parts", "offset": 400})
    answer = put(jobs, "parts", body[500:], Content_Range="bytes 500-999/1000")
    assert (answer.status, answer.problem) == (409, "conflict")
    assert (answer.json()["offset"], answer.headers["Upload-Offset"]) == ("400", "400")
    answer = put(jobs, "parts", body[400:700], Content_Range="bytes 400-699/*",
                 Content_Digest=digest(b"else"))
    assert answer.problem == "digest-mismatch"
    assert get(jobs, "parts").status == 404
    answer = put(jobs, "parts", body[400:700], Content_Range="bytes 400-699/*",
                 Content_Digest=digest(body[400:700]))
    assert answer.json()["offset"] == 700
    answer = put(jobs, "parts", body[700:], Content_Range="bytes 700-999/1000",
                 Repr_Digest=digest(body))
    assert (answer.status, answer.json()["sha256"]) == (201, hashlib.sha256(body).hexdigest())
    assert get(jobs, "parts").body == body


@pytest.mark.parametrize("value", [
    "bytes 0-1", "bytes 1-0/2", "bytes 0-2/2", "bytes 0-1/x", "lines 0-1/2", "bytes -1/2",
    "bytes 0-99999999999999999999/*", "bytes 0-9223372036854775807/*", "bytes 0-0/1"])
def test_a_malformed_part_is_refused(jobs, value):
    """400; the last one names fewer bytes than come."""
    assert put(jobs, "range", b"ab", Content_Range=value).problem == "bad-request"


def test_what_broke_off_goes_on(daemon, jobs):
    """A connection that ends in the middle; HEAD tells where; so after a kill."""
    body = noise(3 * MIB)
    with jobs.connect() as connection:
        connection.sendall(head_of("PUT", "broken", f"Content-Length: {len(body)}") + body[:2 * MIB])
        connection.shutdown(socket.SHUT_WR)
        assert read_to_end(connection) == b""
    assert get(jobs, "broken").status == 404
    answer = jobs.ask("HEAD", "/v1/files/broken?upload")
    offset = int(answer.headers["Upload-Offset"])
    assert 0 < offset <= 2 * MIB
    assert jobs.get("/v1/files/broken?upload").json() == {"name": "broken", "offset": offset}
    answer = put(jobs, "broken", body[offset:], Repr_Digest=digest(body),
                 Content_Range=f"bytes {offset}-{len(body) - 1}/{len(body)}")
    assert (answer.status, get(jobs, "broken").body == body) == (201, True)
    assert jobs.get("/v1/files/broken?upload").problem == "not-found"
    assert uploads_left(daemon) == []


def test_a_small_one_that_broke_off_is_forgotten(daemon, jobs):
    """Below 1 MiB it is sent again."""
    with jobs.connect() as connection:
        connection.sendall(head_of("PUT", "small", "Content-Length: 1000") + b"x" * 500)
        connection.shutdown(socket.SHUT_WR)
        assert read_to_end(connection) == b""
    assert jobs.get("/v1/files/small?upload").problem == "not-found"
    assert uploads_left(daemon) == []


def test_what_was_left_can_be_forgotten(daemon, jobs):
    """DELETE ?upload; the file of that name stays."""
    put(jobs, "left", b"old")
    put(jobs, "left", b"ab", Content_Range="bytes 0-1/9")
    assert jobs.get("/v1/files/left?upload").json()["offset"] == 2
    assert jobs.ask("DELETE", "/v1/files/left?upload").status == 204
    assert jobs.ask("DELETE", "/v1/files/left?upload").problem == "not-found"
    assert get(jobs, "left").body == b"old"
    assert uploads_left(daemon) == []


# ---- the way it is sent ----

def chunked(connection, pieces):
    for piece in pieces:
        connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
    connection.sendall(b"0\r\n\r\n")


def test_a_body_of_unknown_length(jobs):
    """Transfer-Encoding: chunked; what breaks off leaves nothing, as nobody knows its size."""
    with jobs.connect() as connection:
        connection.sendall(head_of("PUT", "chunked", "Transfer-Encoding: chunked"))
        chunked(connection, [noise(MIB, i) for i in range(3)])
        assert read_answer(connection)[0] == 201
    assert get(jobs, "chunked").body == b"".join(noise(MIB, i) for i in range(3))
    assert put(jobs, "chunked", iter([b"a"]), Content_Range="bytes 0-0/2",
               Transfer_Encoding="chunked").problem == "bad-request"


def test_a_refusal_comes_before_the_body(jobs):
    """With Expect: 100-continue nothing is sent for nothing; else the go-ahead comes."""
    put(jobs, "expected", b"x")
    head = ("Content-Length: 5000000", "Expect: 100-continue")
    with jobs.connect() as connection:
        connection.sendall(head_of("PUT", "expected", *head, "If-None-Match: *"))
        assert read_answer(connection)[0] == 412
    with jobs.connect() as connection:
        connection.sendall(head_of("PUT", "expected", *head))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(noise(5000000))
        assert read_answer(connection)[0] == 200


def test_a_small_refused_body_leaves_the_connection(jobs):
    """Its bytes are passed over, and the next request is answered."""
    with jobs.connect() as connection:
        for _ in range(2):
            connection.sendall(head_of("PUT", "a/../b", "Content-Length: 3") + b"abc")
            assert read_answer(connection)[0] == 422
        connection.sendall(head_of("PUT", "after", "Content-Length: 3") + b"abc")
        assert read_answer(connection)[0] == 201


def test_no_length_is_no_empty_file(jobs):
    """Who sends until he closes would have replaced a file with nothing."""
    put(jobs, "lengthless", b"old")
    answer = jobs.raw(b"PUT /v1/files/lengthless HTTP/1.0\r\nHost: localhost\r\n\r\nnew")
    assert answer.startswith(b"HTTP/1.0 400") or answer.startswith(b"HTTP/1.1 400")
    assert put(jobs, "lengthless", b"").status == 200


def test_a_content_coding_is_refused(jobs):
    """It would not come back with the file."""
    assert put(jobs, "coded", b"x", Content_Encoding="gzip").problem == "bad-request"


def test_memory_stays_flat(start_daemon):
    """200 MiB up and down: no byte of it stays in the daemon."""
    daemon = start_daemon()
    body = noise(200 * MIB)
    put(daemon.client, "warm", noise(2 * MIB))
    get(daemon.client, "warm")
    status = f"/proc/{daemon.process.pid}/status"
    before = [int(line.split()[1]) for line in open(status) if line.startswith("VmHWM")][0]
    assert put(daemon.client, "big", body).status == 201
    assert get(daemon.client, "big").body == body
    after = [int(line.split()[1]) for line in open(status) if line.startswith("VmHWM")][0]
    assert after - before < 16 * 1024, f"{before} to {after} KiB"


# ---- several at once ----

def test_the_last_of_several_is_whole(jobs):
    """Eight uploads of one name, each of one byte value: the file has one value only."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(
            lambda i: put(jobs, "raced", bytes([65 + i]) * (3 * MIB)), range(8)))
    assert all(answer.status in (200, 201) for answer in answers)
    assert len([answer for answer in answers if answer.status == 201]) == 1
    body = get(jobs, "raced").body
    assert len(body) == 3 * MIB and len(set(body)) == 1


def test_only_one_of_several_is_first(jobs):
    """If-None-Match: * is judged when the name is given."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(
            lambda i: put(jobs, "first", bytes([65 + i]) * MIB, If_None_Match="*"), range(8)))
    assert sorted(answer.status for answer in answers) == [201] + [412] * 7


def test_one_upload_at_a_time_is_gone_on_with(jobs):
    """A part of a name whose upload is under way: 409; beside it a whole one is fine."""
    body = noise(2 * MIB)
    with jobs.connect() as connection:
        connection.sendall(head_of("PUT", "busy", f"Content-Length: {len(body)}",
                                   "Expect: 100-continue"))
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        answer = put(jobs, "busy", b"x", Content_Range="bytes 0-0/2")
        assert (answer.status, answer.problem) == (409, "conflict")
        assert jobs.ask("DELETE", "/v1/files/busy?upload").problem == "conflict"
        assert put(jobs, "busy", b"whole").status == 201
        connection.sendall(body)
        assert read_answer(connection)[0] == 200
    assert get(jobs, "busy").body == body


# ---- crashes ----

def test_a_kill_leaves_the_old_version_or_the_new(tmp_path):
    """In the middle of an upload; what came can be gone on with."""
    old, new = noise(MIB), noise(4 * MIB, 2)
    with Daemon(tmp_path) as daemon:
        put(daemon.client, "f", old)
        with daemon.client.connect() as connection:
            connection.sendall(head_of("PUT", "f", f"Content-Length: {len(new)}") + new[:3 * MIB])
            while daemon.client.get("/v1/files/f?upload").status != 200:
                pass
            daemon.kill()
        daemon.start()
        assert get(daemon.client, "f").body == old
        offset = daemon.client.get("/v1/files/f?upload").json()["offset"]
        answer = put(daemon.client, "f", new[offset:],
                     Content_Range=f"bytes {offset}-{len(new) - 1}/{len(new)}")
        assert answer.status == 200
        assert get(daemon.client, "f").body == new


def test_a_drain_leaves_what_came(tmp_path):
    """SIGTERM in the middle of an upload: a clean end, and it goes on after the restart."""
    body = noise(4 * MIB)
    with Daemon(tmp_path, "--drain-timeout", "100ms") as daemon:
        with daemon.client.connect() as connection:
            connection.sendall(head_of("PUT", "f", f"Content-Length: {len(body)}") + body[:3 * MIB])
            while daemon.client.get("/v1/files/f?upload").status != 200:
                pass
            daemon.restart()
        offset = daemon.client.get("/v1/files/f?upload").json()["offset"]
        answer = put(daemon.client, "f", body[offset:], Repr_Digest=digest(body),
                     Content_Range=f"bytes {offset}-{len(body) - 1}/{len(body)}")
        assert answer.status == 201, answer


def test_kills_at_any_moment(tmp_path):
    """Uploads that go on while the daemon is killed: each file is whole, of one of them."""
    bodies = {i: bytes([65 + i]) * (MIB // 2) for i in range(6)}
    with Daemon(tmp_path) as daemon:
        for round_ in range(4):
            client = daemon.client
            begun = threading.Event()

            def upload(i):
                try:
                    for _ in range(50):
                        put(client, f"k/{i % 2}", bodies[i])
                        begun.set()
                except OSError:
                    pass  # the daemon is dead

            with concurrent.futures.ThreadPoolExecutor(6) as pool:
                running = [pool.submit(upload, i) for i in bodies]
                begun.wait()
                daemon.kill()
                concurrent.futures.wait(running)
            daemon.start()
            for name in names(daemon.client, "?prefix=k/"):
                assert get(daemon.client, name).body in bodies.values(), round_
            assert uploads_left(daemon) == []


# ---- room ----

def test_the_quota_is_kept_to(start_daemon):
    """507 before the body when its length is known, else in the middle; nothing is kept."""
    daemon = start_daemon("--files-quota", "4MB")
    jobs = daemon.client
    assert put(jobs, "a", noise(3 * MIB)).status == 201
    with jobs.connect() as connection:
        connection.sendall(head_of("PUT", "b", f"Content-Length: {2 * MIB}"))
        assert read_answer(connection)[0] == 507
    with jobs.connect() as connection:
        connection.sendall(head_of("PUT", "b", "Transfer-Encoding: chunked"))
        try:
            chunked(connection, [noise(MIB // 4)] * 40)
        except OSError:
            pass  # it does not listen any more
        answer = read_to_end(connection)
    assert answer.startswith(b"HTTP/1.1 507 ") and b"/errors/disk-full" in answer
    assert names(jobs) == ["a"]
    assert uploads_left(daemon) == []
    assert jobs.ask("DELETE", "/v1/files/a").status == 204
    assert put(jobs, "b", noise(3 * MIB)).status == 201


# ---- nothing outside ----

ESCAPES = [
    "../jobmill.db", "..%2fjobmill.db", "%2e%2e/jobmill.db", "%2e%2e%2fjobmill.db",
    "a/../../jobmill.db", "a/..%2f..%2fjobmill.db", "..%5cjobmill.db", "%2fetc%2fpasswd",
    "/etc/passwd", "//etc/passwd", ".uploads/x", "a/./b", ".", "..", "a//b", "a%00b", "a%0ab",
    "a%7fb", "a%5cb", "%c0%ae%c0%ae/jobmill.db", "%ff", "%ed%a0%80", "." * 300, "a" * 256,
    "/".join("a" * 17), "a/" * 600 + "a", "%252e%252e%252f/../x", "link/jobmill.db", "link",
    "link.db", "shared/../../x", "shared/out", "shared/etc/passwd",
]


@pytest.fixture(scope="module")
def fenced(tmp_path_factory):
    """A daemon with a mapped folder, and links out of both, as an operator may leave them."""
    folder = tmp_path_factory.mktemp("fenced")
    (folder / "map" / "in").mkdir(parents=True)
    (folder / "map" / "a.csv").write_text("mapped")
    (folder / "map" / "in" / "b.csv").write_text("deep")
    (folder / "map" / "same.csv").symlink_to("a.csv")
    (folder / "map" / "out").symlink_to("../data/jobmill.db")
    (folder / "map" / "etc").symlink_to("/etc")
    with Daemon(folder, "--files", f"shared={folder}/map") as daemon:
        (daemon.data / "files" / "link").symlink_to("..")
        (daemon.data / "files" / "link.db").symlink_to("../jobmill.db")
        yield daemon


@pytest.mark.parametrize("path", ESCAPES, ids=range(len(ESCAPES)))
def test_no_path_leads_out(fenced, path):
    """Not to read, not to write, not to delete; and the daemon goes on."""
    before = sorted(os.listdir(fenced.data)), sorted(os.listdir(fenced.data / "files"))
    for method, fields, body in (("GET", (), b""), ("HEAD", (), b""), ("DELETE", (), b""),
                                 ("PUT", ("Content-Length: 4",), b"evil")):
        answer = fenced.client.raw(head_of(method, path, *fields, "Connection: close") + body)
        status = int(answer.split(b" ")[1])
        assert status in (400, 403, 404, 409, 414, 422), answer
        assert b"SQLite format" not in answer and b"root:" not in answer
    after = sorted(os.listdir(fenced.data)), sorted(os.listdir(fenced.data / "files"))
    assert after == before
    assert (fenced.data / "jobmill.db").read_bytes()[:16] == b"SQLite format 3\0"
    assert fenced.client.get("/readyz").status == 200


def test_a_mapped_folder_is_only_read(fenced):
    """Its files are there, links inside it too; nothing can be put or deleted."""
    jobs = fenced.client
    assert get(jobs, "shared/a.csv").body == b"mapped"
    assert get(jobs, "shared/same.csv").body == b"mapped"
    assert [name for name in names(jobs) if name.startswith("shared/")] == \
        ["shared/a.csv", "shared/in/b.csv", "shared/same.csv"]
    for answer in (put(jobs, "shared/a.csv", b"x"), put(jobs, "shared", b"x"),
                   jobs.ask("DELETE", "/v1/files/shared/a.csv")):
        assert (answer.status, answer.problem) == (403, "forbidden")
    assert get(jobs, "shared/a.csv").body == b"mapped"


def test_a_mapped_file_that_shrinks_cuts_its_download(fenced):
    """As logs do that are rotated by copying: the client hears of it, and soon."""
    log = fenced.data.parent / "map" / "log"
    log.write_bytes(noise(64 * MIB))
    with fenced.client.connect() as connection:
        connection.sendall(head_of("GET", "shared/log"))
        received = len(connection.recv(1000))
        os.truncate(log, 0)
        received += len(read_to_end(connection))
    assert received < 64 * MIB
    log.unlink()


def test_a_mapping_that_shows_the_database_is_refused(tmp_path, start_daemon):
    """From above and from below; the message says what is wrong."""
    data = start_daemon().data
    for path in (data, data / "files", data.parent, "/"):
        daemon = Daemon.__new__(Daemon)
        daemon.data, daemon.flags, daemon.listen = data, ["--files", f"x={path}"], "127.0.0.1:0"
        daemon.environment = {**os.environ}
        daemon.spawn()
        assert daemon.process.wait(60) != 0


def test_a_reader_may_not_write(tmp_path):
    """The scopes of tokens."""
    tokens = tmp_path / "tokens"
    tokens.write_text(f"{'r' * 32} reader read\n{'w' * 32} writer read,write\n")
    with Daemon(tmp_path, "--token-file", tokens, token="w" * 32) as daemon:
        reader = Client(daemon.url, "r" * 32)
        assert put(daemon.client, "f", b"x").status == 201
        assert put(reader, "f", b"y").problem == "forbidden"
        assert put(Client(daemon.url), "f", noise(MIB)).problem == "unauthorized"
        assert reader.ask("DELETE", "/v1/files/f").problem == "forbidden"
        assert get(reader, "f").body == b"x"
