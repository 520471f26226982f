# SPDX-License-Identifier: MIT
"""Measures of named files: a large one up and down, beside what copies and sums it up."""
import os
import subprocess
import tempfile
import time

import peers
from peers import Jobmill

FILE_BYTES = 1 << 30
BLOCK_BYTES = 16 << 20


def timed(command):
    """Milliseconds of a shell command."""
    start = time.monotonic()
    subprocess.run(command, shell=True, check=True, stdout=subprocess.DEVNULL)
    return (time.monotonic() - start) * 1e3


def files(_):
    """1 GiB up, durable and with its SHA-256, and down again by curl; cp with sha256sum, and
    with OpenSSL's sum, of the same file on the same disk. Growth: of the daemon's peak."""
    with tempfile.TemporaryDirectory(dir=peers.BUILD) as folder, Jobmill() as server:
        with open(f"{folder}/file", "wb") as file:
            for _ in range(FILE_BYTES // BLOCK_BYTES):
                file.write(os.urandom(BLOCK_BYTES))
            file.flush()
            os.fsync(file.fileno())
        url = f"http://127.0.0.1:{server.port}/v1/files/file"
        copy = f"cd {folder} && cp file copy"
        server.ask("PUT", "/v1/files/warm", b"x" * (4 << 20), expect=(201,))
        before, cpu_s = server.rss_mib()[1], server.cpu_s()
        figures = {"upload": timed(f"curl -sSf -T {folder}/file {url}")}
        figures["upload CPU"] = (server.cpu_s() - cpu_s) * 1e3
        cpu_s = server.cpu_s()
        figures["download"] = timed(f"curl -sSf -o {folder}/copy {url}")
        figures["download CPU"] = (server.cpu_s() - cpu_s) * 1e3
        figures["growth"] = server.rss_mib()[1] - before
        os.remove(f"{folder}/copy")
        figures["cp and sha256sum"] = timed(f"{copy} && sha256sum copy")
        os.remove(f"{folder}/copy")
        figures["cp and openssl"] = timed(f"{copy} && openssl dgst -sha256 copy")
    return figures
