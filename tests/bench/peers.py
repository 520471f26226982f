# SPDX-License-Identifier: MIT
"""The daemon and what it is measured against, and the clients that load them.

Each server is a context: it starts on an empty directory below SCRATCH, and is killed
and its directory removed at the end, so that no measure inherits from another.  All of
them are on the same disk.
"""

import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(os.environ.get("BUILD", os.path.join(HERE, "../../build")))
START_S_MAX = 10


class Failed(Exception):
    """A measure that could not be made."""


def sync_at_least(us):
    """From now on servers see a disk whose syncs take so long (slow_sync.c)."""
    os.environ["SLOW_SYNC_US"] = str(us)


def serve(command, **pipes):
    """Starts a server, on the slower disk if there is one."""
    environment = dict(os.environ)
    if "SLOW_SYNC_US" in environment:
        environment["LD_PRELOAD"] = f"{BUILD}/slow_sync.so"
    return subprocess.Popen(command, env=environment, **pipes)


class Server:
    """A process with a directory and a port."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="bench-", dir=BUILD)
        self.port = 0
        self.process = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.kill()
            self.process.wait()
            for pipe in (self.process.stdout, self.process.stderr):
                if pipe:
                    pipe.close()
        shutil.rmtree(self.dir)

    def start(self):
        """Sets process and port; returns when it answers."""
        raise NotImplementedError

    def cpu_s(self):
        """The CPU time that it has used: what a busy machine cannot stretch."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_mib(self):
        """(resident now, its peak) in MiB."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            status = file.read()
        return tuple(int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) / 1024
                     for name in ("VmRSS", "VmHWM"))


class Jobmill(Server):
    """The daemon."""

    name = "jobmill"

    def __init__(self, *flags):
        super().__init__()
        self.flags = flags

    def start(self):
        self.process = serve(
            [f"{BUILD}/jobmill", "serve", "--listen", "127.0.0.1:0",
             "--data", f"{self.dir}/data", *self.flags],
            stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if found := re.search(r"msg=listening.* url=http://[^:]+:(\d+)", line):
                self.port = int(found[1])
                return
        raise Failed("jobmill did not start")

    @contextlib.contextmanager
    def connection(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            yield connection
        finally:
            connection.close()

    def ask(self, method, path, body=None, expect=(200, 202)):
        """The answer's body; Failed unless its status is one of `expect`."""
        with self.connection() as connection:
            connection.request(method, path, body)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status not in expect:
                raise Failed(f"{method} {path}: {answer.status} {text[:200]}")
            return text

    def jobs(self):
        """The number of jobs in each state."""
        text = self.ask("GET", "/metrics").decode()
        return {state: int(float(count)) for state, count in
                re.findall(r'^jobmill_jobs\{state="(\w+)"\} (\S+)$', text, re.M)}

    def fill(self, count, job, at_once=1000):
        """Submits `count` times `job` in batches."""
        batch = "\n".join([json.dumps(job)] * at_once)
        with self.connection() as connection:
            for _ in range(count // at_once):
                connection.request("POST", "/v1/jobs/batch", batch,
                                   {"Content-Type": "application/x-ndjson"})
                answer = connection.getresponse()
                text = answer.read()
                if answer.status != 200 or b'"problem"' in text:
                    raise Failed(f"batch: {answer.status} {text[:200]}")


class Prototype(Server):
    """bench_prototype: libmicrohttpd and SQLite, nothing else."""

    name = "prototype"

    def start(self):
        self.process = serve([f"{BUILD}/bench_prototype", self.dir],
                             stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline() or 0)
        if not self.port:
            raise Failed("the prototype did not start")


class Beanstalkd(Server):
    """beanstalkd with an fsync for each write to its log."""

    name = "beanstalkd"

    def start(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.process = serve(
            ["beanstalkd", "-l", "127.0.0.1", "-p", str(self.port), "-f0", "-b", self.dir],
            stderr=subprocess.DEVNULL)
        end = time.monotonic() + START_S_MAX
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            time.sleep(0.02)
        raise Failed("beanstalkd did not start")


def told(command, seconds):
    """The JSON in the last line that a client prints."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True,
                          timeout=seconds + 60, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def wrk_command(server, path, connections, seconds, body=None, threads=2):
    """wrk, closed loop: each connection has one request under way."""
    command = ["wrk", f"-t{min(threads, connections)}", f"-c{connections}", f"-d{seconds}s",
               "--timeout", "15s", "-s", f"{HERE}/request.lua",
               f"http://127.0.0.1:{server.port}{path}"]
    return command + ["--", json.dumps(body, separators=(",", ":"))] if body else command


def wrk(server, path, connections, seconds, body=None):
    """requests, rate, p50_us, p99_us, cpu_us (the server's, for one request); Failed when
    an answer was no success."""
    before_s = server.cpu_s()
    result = told(wrk_command(server, path, connections, seconds, body), seconds)
    result["cpu_us"] = (server.cpu_s() - before_s) * 1e6 / result["requests"]
    if result["errors"]:
        raise Failed(f"{server.name}: {result['errors']} of {result['requests']} failed")
    return result


def beanstalk(server, verb, connections, seconds, body):
    """The same for beanstalkd; verb: put, work or trip (bench_beanstalk.c)."""
    before_s = server.cpu_s()
    length = len(json.dumps(body, separators=(",", ":")))
    result = told([f"{BUILD}/bench_beanstalk", verb, str(server.port), str(connections),
                   str(seconds), str(length)], seconds)
    result["cpu_us"] = (server.cpu_s() - before_s) * 1e6 / result["requests"]
    return result
