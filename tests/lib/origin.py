# SPDX-License-Identifier: MIT
"""A web site that behaves as a test tells it to, and counts what it was asked for.

    with Origin() as origin:
        origin.at("/a", status(503, retry_after=1), page("<title>A</title>"))
        …
        assert origin.count("/a") == 2

A path has a list of acts: each request takes the next, the last one stays.
"""
import collections
import gzip
import http.server
import socket
import struct
import threading
import time

PATIENCE_S = 60
ROBOTS = "/robots.txt"


# ---- acts: what one request gets ----

def page(body="<title>A page</title>", status=200, latency_s=0.0, **headers):
    """A whole answer; header names are written with underscores, a list is a field each."""
    body = body.encode() if isinstance(body, str) else body

    def act(request):
        time.sleep(latency_s)
        request.send_response(status)
        fields = {"Content-Type": "text/html", "Content-Length": str(len(body))}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in fields.items():
            for each in value if isinstance(value, list) else [value]:
                request.send_header(name, each)
        request.end_headers()
        request.wfile.write(body)
    return act


def status(code, retry_after=None):
    headers = {} if retry_after is None else {"Retry_After": str(retry_after)}
    return page("", code, **headers)


def redirect(location, code=302):
    return page("", code, Location=location)


def hang(origin):
    """No answer until origin.released is set."""
    def act(request):
        origin.released.wait(PATIENCE_S)
        page("<title>At last</title>")(request)
    return act


def reset():
    """RST instead of an answer."""
    def act(request):
        request.connection.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.close_connection = True
        request.connection.close()
    return act


def truncated(promised=1000, sent=10):
    def act(request):
        request.send_response(200)
        request.send_header("Content-Type", "text/html")
        request.send_header("Content-Length", str(promised))
        request.end_headers()
        request.wfile.write(b"x" * sent)
        request.close_connection = True
    return act


def endless(block=b"x" * 65536):
    """A body in chunks, without an end."""
    def act(request):
        request.send_response(200)
        request.send_header("Content-Type", "text/html")
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        request.close_connection = True
        while not request.server.origin.closing:
            request.wfile.write(b"%x\r\n%s\r\n" % (len(block), block))
    return act


def bomb(decoded_bytes=200 * 1024 * 1024):
    """A small body that decompresses a thousandfold."""
    return page(_bomb(decoded_bytes), Content_Encoding="gzip")


_bombs = {}


def _bomb(decoded_bytes):
    if decoded_bytes not in _bombs:
        _bombs[decoded_bytes] = gzip.compress(bytes(decoded_bytes), 6)
    return _bombs[decoded_bytes]


def wide_headers(count=300, width=2000):
    return page("", **{f"X_{number}": "v" * width for number in range(count)})


def garbage(text=b"SSH-2.0-OpenSSH_9.2\r\n"):
    """Something that is not HTTP."""
    def act(request):
        request.wfile.write(text)
        request.close_connection = True
    return act


# ---- the server ----

class _Request(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a head and a body are two writes

    def do_GET(self):
        try:
            self.sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.server.origin._next_act(self)(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the fetcher had enough

    do_POST = do_GET

    def log_message(self, *_):
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, *_):
        pass  # a peer that goes away is part of the play


class Origin:
    def __init__(self, latency_s=0.0, address="127.0.0.1"):
        self.server = _Server((address, 0), _Request)
        self.server.origin = self
        self.port = self.server.server_port
        self.url = f"http://{address}:{self.port}"
        self.key = f"http:{address}:{self.port}"
        self.released = threading.Event()
        self.closing = False
        self.otherwise = page(latency_s=latency_s)
        self.requests = collections.Counter()
        self.headers = {}  # of the last request for a path
        self.posted = []   # (path, headers, body) of each POST
        self.acts = {ROBOTS: [status(404)]}
        self.news = threading.Condition()
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.closing = True
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    def at(self, path, *acts):
        """What a path does; its URL."""
        with self.news:
            self.acts[path] = list(acts)
        return self.url + path

    def _next_act(self, request):
        with self.news:
            self.requests[request.path] += 1
            self.headers[request.path] = request.headers
            if request.command == "POST":
                self.posted.append((request.path, request.headers, request.sent))
            acts = self.acts.get(request.path)
            self.news.notify_all()
            if not acts:
                return self.otherwise
            return acts.pop(0) if len(acts) > 1 else acts[0]

    def count(self, path):
        with self.news:
            return self.requests[path]

    def counts(self):
        """Of all paths but /robots.txt."""
        with self.news:
            return {path: count for path, count in self.requests.items() if path != ROBOTS}

    def wait_for(self, path, count=1):
        with self.news:
            came = self.news.wait_for(lambda: self.requests[path] >= count, PATIENCE_S)
        assert came, f"{path} was asked for {self.count(path)} times, not {count}"

    def wait_for_total(self, count):
        with self.news:
            came = self.news.wait_for(lambda: self._total() >= count, PATIENCE_S)
        assert came, f"{self._total()} requests came, not {count}"

    def _total(self):
        return self.requests.total() - self.requests[ROBOTS]
