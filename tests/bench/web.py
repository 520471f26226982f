# SPDX-License-Identifier: MIT
"""Origins on loopback for crawls: nginx with generated pages, and one that takes its time."""
import asyncio
import os
import random
import socket
import subprocess
import sys
import time

from peers import Failed, Server

LINKS = 20

NGINX = """
master_process off; daemon off; pid {dir}/nginx.pid; error_log {dir}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; open_file_cache max=20000; keepalive_requests 10000000;
  types {{ text/html html; }} default_type text/html;
  client_body_temp_path {dir}/a; proxy_temp_path {dir}/b; fastcgi_temp_path {dir}/c;
  uwsgi_temp_path {dir}/d; scgi_temp_path {dir}/e;
  server {{
    listen 127.0.0.1:{port} backlog=4096; root {dir}/site;
    location /leaf/ {{ try_files /1.html =404; }}
    location /large/ {{ try_files /large.html =404; }}
  }}
}}
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


class Web(Server):
    """`pages` pages of about 10 KB with 20 links each, so that all are found from the first;
    `hubs` pages of 6,000 links, each to leaves of its own and to the next hub; one of 100 KB."""

    name = "nginx"

    def __init__(self, pages=2, hubs=0):
        super().__init__()
        self.pages, self.hubs = pages, hubs

    def start(self):
        os.mkdir(f"{self.dir}/site")
        os.chmod(self.dir, 0o755)  # nginx may serve as another user
        words = self._words()
        for n in range(self.pages):
            links = [2 * n + 1, 2 * n + 2] + [words.randrange(self.pages) for _ in range(LINKS - 2)]
            self._write(f"{n}.html", self._page(n, [k % self.pages for k in links], words))
        for hub in range(self.hubs):
            leaves = "".join(f"<a href=/leaf/{hub * 6000 + k}>x</a>" for k in range(5999))
            self._write(f"hub{hub}.html", f"<title>Hub</title><a href=hub{hub + 1}.html>n</a>{leaves}")
        self._write("large.html", self._page(0, range(LINKS), words) * 11)
        self.port = free_port()
        with open(f"{self.dir}/nginx.conf", "w", encoding="ascii") as file:
            file.write(NGINX.format(dir=self.dir, port=self.port))
        self.process = subprocess.Popen(["nginx", "-p", self.dir, "-c", f"{self.dir}/nginx.conf"],
                                        stderr=subprocess.DEVNULL)
        wait_for(self.port)

    def _words(self):
        draw = random.Random(1)
        self.dictionary = ["".join(draw.choices("abcdefghijklmnop", k=draw.randint(2, 9)))
                           for _ in range(3000)]
        return draw

    def _page(self, n, links, draw):
        def some(count):
            return " ".join(draw.choices(self.dictionary, k=count))
        return f"<!DOCTYPE html><html><head><title>Page {n}</title></head><body>" + "".join(
            f'<p class=t id=p{k}>{some(30)} <b>{some(1)}</b> <a href="/{k}.html">{some(1)}</a>'
            f" {some(30)}</p>\n" for k in links) + "</body></html>\n"

    def _write(self, name, text):
        with open(f"{self.dir}/site/{name}", "w", encoding="ascii") as file:
            file.write(text)


class SlowWeb(Server):
    """A page for each URL, after a while."""

    name = "slow"

    def __init__(self, latency_s):
        super().__init__()
        self.latency_s = latency_s

    def start(self):
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(self.port), str(self.latency_s)])
        wait_for(self.port)


def wait_for(port):
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.02)
    raise Failed(f"nobody listens on {port}")


class SlowPage(asyncio.Protocol):
    latency_s = 0.0
    answer = (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 10000\r\n\r\n"
              + b"<title>Slow</title>".ljust(10000))

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        for _ in range(data.count(b"\r\n\r\n")):
            asyncio.get_running_loop().call_later(self.latency_s, self.transport.write, self.answer)


async def serve(port, latency_s):
    SlowPage.latency_s = latency_s
    server = await asyncio.get_running_loop().create_server(
        SlowPage, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
