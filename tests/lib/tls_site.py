#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""HTTPS servers on loopback, each with a certificate or a habit of its own.

    with TlsSite(folder) as site:
        site.url("right")  # https://127.0.0.1:PORT/
        site.ca_file       # who signed it

right, expired, wrong_host and self_signed differ in their certificate. The others have
a right one and speak HTTP/2: h2 answers whole; h2_short promises ten octets, sends five and
ends the stream; h2_reset sends five and resets the stream; h2_cut sends five and closes the
connection without a word. All answer "hello" in five octets; the h2 ones wait until `streams`
requests have come on a connection, so that they are answered side by side.

As a program (tests in C): prints the CA file, then a line "NAME URL" each, and serves until
its input ends.
"""
import pathlib
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading

CERTIFICATES = {  # name: (days, subject alternative name, signed by the CA)
    "right": (2, "IP:127.0.0.1", True),
    "expired": (-1, "IP:127.0.0.1", True),
    "wrong_host": (2, "DNS:other.example", True),
    "self_signed": (2, "IP:127.0.0.1", False),
}

DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0, 1, 3, 4, 7  # RFC 9113, section 6
END_STREAM, END_HEADERS, ACK = 1, 4, 1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def openssl(folder, *words):
    subprocess.run(["openssl", *map(str, words)], cwd=folder, check=True, capture_output=True)


def make_certificates(folder):
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl(folder, "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", 2,
            "-subj", "/CN=a CA of the tests")
    for name, (days, alternative, signed) in CERTIFICATES.items():
        (folder / f"{name}.ext").write_text(f"subjectAltName={alternative}\n")
        openssl(folder, "req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr",
                "-subj", f"/CN={name}")
        signer = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial") if signed \
            else ("-signkey", f"{name}.key")
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", *signer, "-days", days,
                "-extfile", f"{name}.ext", "-out", f"{name}.pem")


# ---- HTTP/1.1 ----

def serve_http1(connection):
    pending = b""
    while True:
        while b"\r\n\r\n" not in pending:
            came = connection.recv(65536)
            if not came:
                return
            pending += came
        pending = pending.split(b"\r\n\r\n", 1)[1]
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
                           b"Content-Length: 5\r\n\r\nhello")


# ---- as much of HTTP/2 as a test needs ----

def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def head(length=None):
    """:status 200 (RFC 7541, appendix A: 8), content-length (28) as a literal."""
    fields = b"\x88"
    if length is not None:
        text = str(length).encode()
        fields += b"\x0f\x0d" + bytes([len(text)]) + text
    return fields


def answer_h2(habit, stream):
    if habit == "h2":
        return frame(HEADERS, END_HEADERS, stream, head(5)) + \
            frame(DATA, END_STREAM, stream, b"hello")
    if habit == "h2_short":
        return frame(HEADERS, END_HEADERS, stream, head(10)) + \
            frame(DATA, END_STREAM, stream, b"hello")
    partial = frame(HEADERS, END_HEADERS, stream, head()) + frame(DATA, 0, stream, b"hello")
    if habit == "h2_reset":
        return partial + frame(RST_STREAM, 0, stream, struct.pack(">I", 2))  # INTERNAL_ERROR
    return partial


def read_exactly(file, count):
    came = file.read(count)
    if len(came) < count:
        raise ConnectionResetError
    return came


def serve_http2(connection, habit, streams):
    file = connection.makefile("rb")
    waiting = []
    read_exactly(file, len(PREFACE))
    connection.sendall(frame(SETTINGS, 0, 0))
    while True:
        size, kind, flags, stream = struct.unpack(">IBBI", b"\0" + read_exactly(file, 9))
        read_exactly(file, size)
        if kind == SETTINGS and not flags & ACK:
            connection.sendall(frame(SETTINGS, ACK, 0))
        if kind == HEADERS:
            waiting.append(stream)
        if kind == HEADERS and len(waiting) == streams:
            connection.sendall(b"".join(answer_h2(habit, stream) for stream in waiting))
            waiting = []
            if habit == "h2_cut":
                return


# ---- the servers ----

class TlsSite:
    def __init__(self, folder, streams=1):
        self.folder = pathlib.Path(folder)
        self.streams = streams
        self.ca_file = self.folder / "ca.pem"
        self.listeners = {}
        make_certificates(self.folder)
        for name in CERTIFICATES:
            self._listen(name, name, "http/1.1")
        for habit in ("h2", "h2_short", "h2_reset", "h2_cut"):
            self._listen(habit, "right", "h2")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for listener in self.listeners.values():
            listener.close()

    def url(self, name):
        return f"https://127.0.0.1:{self.listeners[name].getsockname()[1]}/"

    def _listen(self, name, certificate, protocol):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{certificate}.pem",
                                self.folder / f"{certificate}.key")
        context.set_alpn_protocols([protocol])
        listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.listeners[name] = listener
        threading.Thread(target=self._accept, args=(name, listener, context),
                         daemon=True).start()

    def _accept(self, name, listener, context):
        while True:
            try:
                raw, _ = listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._serve, args=(name, raw, context), daemon=True).start()

    def _serve(self, name, raw, context):
        try:
            with raw, context.wrap_socket(raw, server_side=True) as connection:
                if name.startswith("h2"):
                    serve_http2(connection, name, self.streams)
                else:
                    serve_http1(connection)
        except OSError:
            pass  # a client that refuses the certificate is part of the play


def main():
    streams = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    with tempfile.TemporaryDirectory() as folder, TlsSite(folder, streams) as site:
        print(site.ca_file)
        for name in site.listeners:
            print(name, site.url(name))
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
