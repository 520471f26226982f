# SPDX-License-Identifier: MIT
"""/metrics: the Prometheus text format, and the right numbers in it."""
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROMTOOL = ROOT / "build" / "tools" / "usr" / "bin" / "promtool"


def metrics(jobs):
    """Sample name with its labels, to value."""
    samples = {}
    for line in jobs.get("/metrics").text.splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            assert name not in samples, f"{name} stands there twice"
            samples[name] = float(value)
    return samples


def test_each_sample_has_help_and_type(jobs):
    """Before the first sample of a family, once."""
    families, text = {}, jobs.get("/metrics").text
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in families
            families[name] = kind
        elif not line.startswith("#"):
            name = re.match(r"[a-z_0-9]+", line)[0]
            family = re.sub(r"_(bucket|sum|count)$", "", name)
            assert name in families or families[family] == "histogram"


def test_jobs_are_counted_by_state(jobs):
    """A job that completed is one more."""
    before = metrics(jobs)['jobmill_jobs{state="completed"}']
    jobs.run("math", {"op": "sum", "numbers": []})
    assert metrics(jobs)['jobmill_jobs{state="completed"}'] == before + 1


def test_requests_are_counted_by_route_and_class(jobs):
    """Ids are not in labels: the route is."""
    jobs.get("/v1/jobs/01890000-0000-7000-8000-000000000000")
    name = 'jobmill_http_requests_total{method="GET",route="/v1/jobs/{id}",class="4xx"}'
    before = metrics(jobs)[name]
    jobs.get("/v1/jobs/01890000-0000-7000-8000-000000000001")
    assert metrics(jobs)[name] == before + 1
    assert not any("01890000" in sample for sample in metrics(jobs))


def test_a_histogram_grows_up_to_its_count(jobs):
    """Buckets are cumulative; +Inf is the count."""
    jobs.get("/livez")
    samples = metrics(jobs)
    labels = 'method="GET",route="/livez"'
    buckets = [value for name, value in samples.items()
               if name.startswith(f"jobmill_http_request_duration_seconds_bucket{{{labels}")]
    assert buckets == sorted(buckets)
    assert buckets[-1] == samples[f"jobmill_http_request_duration_seconds_count{{{labels}}}"] > 0


def test_promtool_finds_nothing_to_say(jobs):
    """Prometheus' own linter."""
    fetched = subprocess.run([ROOT / "tests" / "tools" / "promtool"], capture_output=True,
                             text=True, check=False, timeout=300)
    if not PROMTOOL.exists():
        pytest.skip(f"promtool is not to be had: {fetched.stderr.strip()[-200:]}")
    lint = subprocess.run([PROMTOOL, "check", "metrics"], input=jobs.get("/metrics").text,
                          capture_output=True, text=True, check=False, timeout=60)
    assert (lint.returncode, lint.stdout + lint.stderr) == (0, "")
