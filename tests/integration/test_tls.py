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


@pytest.fixture(scope="module")
def allowing(tmp_path_factory):
    flags = "--allow-net", "127.0.0.0/8", "--allow-insecure-tls"
    with Daemon(tmp_path_factory.mktemp("allowing"), *flags) as daemon:
        yield daemon.client


def item_of(jobs, url, **more):
    job = jobs.run("scrape", {"urls": [url], "retry": {"max_attempts": 1}, **more})
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


def test_verification_stays_on_unless_the_operator_allows_it(believing, site):
    """`tls.verify` false is a mistake at submit, with what to do; true is no more than usual."""
    answer = believing.post("/v1/jobs", {"type": "scrape", "spec": {
        "urls": [site.url("self_signed")], "tls": {"verify": False}}})
    mistake, = answer.json()["errors"]
    assert (answer.status, mistake["pointer"]) == (422, "/spec/tls/verify")
    assert mistake["hint"] == "serve --allow-insecure-tls"
    item = item_of(believing, site.url("self_signed"), tls={"verify": True})
    assert item["error"]["type"] == "tls", item


@pytest.mark.parametrize("name", ["self_signed", "expired", "wrong_host"])
def test_a_job_may_go_without_verification_where_it_is_allowed(allowing, site, name):
    """Only the job that asks for it: the next one to the same host verifies."""
    assert item_of(allowing, site.url(name), tls={"verify": False})["status"] == "success"
    assert item_of(allowing, site.url(name))["error"]["type"] == "tls"


def test_http2_is_spoken_on_request(believing, site):
    """With a server that speaks nothing else; with one that cannot it is HTTP/1.1."""
    assert item_of(believing, site.url("h2"), http2=True)["status"] == "success"
    assert item_of(believing, site.url("right"), http2=True)["status"] == "success"


def test_a_ca_file_that_cannot_be_read_stops_the_start(tmp_path):
    """The daemon says which file, and ends with an error."""
    ended = subprocess.run(
        [BINARY, "serve", "--listen", "127.0.0.1:0", "--data", str(tmp_path / "data"),
         "--ca-file", "/nonexistent/ca.pem"], stderr=subprocess.PIPE, text=True, timeout=60)
    assert ended.returncode != 0
    assert "/nonexistent/ca.pem" in ended.stderr
