# SPDX-License-Identifier: MIT
"""What the integration tests share: daemons, origins, and the count of what was provoked.

One daemon serves all tests of a file; a test that needs flags of its own, or kills,
starts one with `start_daemon`.
"""
import contextlib
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.dont_write_bytecode = True

import contract  # noqa: E402
from daemon import Daemon  # noqa: E402
from origin import Origin  # noqa: E402

LOOPBACK = ("--allow-net", "127.0.0.0/8")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("daemon"), *LOOPBACK) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def jobs(daemon):
    return daemon.client


@pytest.fixture
def start_daemon(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        def start(*flags, **options):
            return stack.enter_context(Daemon(tmp_path_factory.mktemp("daemon"), *flags, **options))
        yield start


@pytest.fixture
def origin():
    with Origin() as origin:
        yield origin


def pytest_terminal_summary(terminalreporter):
    provoked, declared, missing = contract.coverage()
    terminalreporter.write_line(
        f"openapi.yaml: {provoked} of {declared} (operation, status) pairs provoked")
    if terminalreporter.config.option.verbose > 0:
        for operation, status in missing:
            terminalreporter.write_line(f"  not provoked: {operation} {status}")
