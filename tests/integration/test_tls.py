# SPDX-License-Identifier: MIT
"""Certificates, from the flag to the item's error."""
import subprocess

import pytest
from daemon import BINARY, Daemon
from tls_site import TlsSite


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with TlsSite(tmp_path_factory.mktemp("certificates")) as site:
        yield site


@pytest.fixture(scope="module")
def believing(site, tmp_path_factory):
    flags = "--allow-net", "127.0.0.0/8", "--ca-file", site.ca_file
    with Daemon(tmp_path_factory.mktemp("daemon"), *flags) as daemon:
        yield daemon.client


def item_of(jobs, url):
    job = jobs.run("scrape", {"urls": [url], "retry": {"max_attempts": 1}})
    item, = jobs.results(job["id"])
    return item


def test_ca_file_is_believed(believing, site):
    """A certificate of that authority for that host, and not expired."""
    assert item_of(believing, site.url("right"))["status"] == "success"


@pytest.mark.parametrize("name", ["self_signed", "expired", "wrong_host"])
def test_other_certificates_are_not(believing, site, name):
    """Each is refused with the reason `tls`."""
    item = item_of(believing, site.url(name))
    assert item["error"]["type"] == "tls", item


def test_a_ca_file_that_cannot_be_read_stops_the_start(tmp_path):
    """The daemon says which file, and ends with an error."""
    ended = subprocess.run(
        [BINARY, "serve", "--listen", "127.0.0.1:0", "--data", str(tmp_path / "data"),
         "--ca-file", "/nonexistent/ca.pem"], stderr=subprocess.PIPE, text=True, timeout=60)
    assert ended.returncode != 0
    assert "/nonexistent/ca.pem" in ended.stderr
