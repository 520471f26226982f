# SPDX-License-Identifier: MIT
"""The real daemon, in a folder of its own, on a port of its own.

    with Daemon(folder, "--allow-net", "127.0.0.0/8") as daemon:
        daemon.client.run(…)

Whatever a sanitizer has to say on standard error fails the test that stops the daemon.
"""
import os
import pathlib
import re
import signal
import subprocess
import threading

from client import PATIENCE_S, Client

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("JOBMILL", str(ROOT / "build" / "jobmill"))
# A sanitizer keeps freed memory for a while, and shadows all of it.
SANITIZED = re.search(rb"__(asan|tsan)_init", pathlib.Path(BINARY).read_bytes()) is not None \
    if pathlib.Path(BINARY).exists() else False
SANITIZER = re.compile(
    r"ERROR: (Address|Leak)Sanitizer|runtime error:|WARNING: ThreadSanitizer|Assertion .* failed"
    r"|lock order")


class Log:
    """The lines of standard error, as they come; wait_for() waits for one."""

    def __init__(self, pipe):
        self.lines = []
        self.ended = False
        self.news = threading.Condition()
        self.reader = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self.reader.start()

    def _read(self, pipe):
        with pipe:
            for line in pipe:
                with self.news:
                    self.lines.append(line.rstrip("\n"))
                    self.news.notify_all()
        with self.news:
            self.ended = True
            self.news.notify_all()

    def _find(self, pattern):
        return next((m for line in self.lines if (m := re.search(pattern, line))), None)

    def wait_for(self, pattern):
        with self.news:
            came = self.news.wait_for(lambda: self.ended or self._find(pattern), PATIENCE_S)
            found = self._find(pattern)
        assert came and found, f"no line {pattern!r} in:\n{self}"
        return found

    def __str__(self):
        return "\n".join(self.lines)


class Daemon:
    def __init__(self, folder, *flags, listen="127.0.0.1:0", token=None, environment=None):
        self.data = pathlib.Path(folder) / "data"
        self.flags = [str(flag) for flag in flags]
        self.listen = listen
        self.token = token
        self.environment = {**os.environ, **(environment or {})}
        self.process = None
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process is None:
            return
        if kind is None:
            self.stop()
        else:
            self.kill()

    def spawn(self):
        """Starts without waiting, for tests of a start that fails."""
        self.process = subprocess.Popen(
            [BINARY, "serve", "--listen", self.listen, "--data", str(self.data), *self.flags],
            stderr=subprocess.PIPE, text=True, errors="replace", env=self.environment)
        self.log = Log(self.process.stderr)

    def start(self):
        self.spawn()
        try:
            found = self.log.wait_for(r"listening url=(http://\S+)")
        except AssertionError:
            self.kill()
            raise
        self.url = found[1].replace("//0.0.0.0:", "//127.0.0.1:")
        self.client = Client(self.url, self.token)

    def wait(self):
        """Waits for the end; the exit status."""
        code = self.process.wait(PATIENCE_S)
        self.log.reader.join(PATIENCE_S)
        self.process = None
        report = SANITIZER.search(str(self.log))
        assert not report, f"{report[0]}:\n{self.log}"
        return code

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        """As systemd and containers do it."""
        self.signal(signal.SIGTERM)
        code = self.wait()
        assert code == 0, f"exit {code}:\n{self.log}"

    def kill(self):
        """As a power failure does it."""
        if self.process is not None:
            self.signal(signal.SIGKILL)
            self.wait()

    def restart(self):
        self.stop()
        self.start()
