# SPDX-License-Identifier: MIT
"""The data directory has one daemon at a time; wrong starts say what is wrong."""
import subprocess

from daemon import BINARY, Daemon


def serve(*flags):
    return subprocess.run([BINARY, "serve", *map(str, flags)], capture_output=True, text=True,
                          timeout=60, check=False)


def test_a_second_daemon_is_refused_and_told_the_pid(start_daemon):
    """Exit 1, naming who has the directory; the first goes on as if nothing had been."""
    first = start_daemon()
    second = serve("--listen", "127.0.0.1:0", "--data", first.data)
    assert second.returncode == 1
    assert f"pid {first.process.pid}" in second.stderr
    assert first.client.run("math", {"op": "sum", "numbers": [1]})["state"] == "completed"


def test_after_a_kill_the_directory_is_free(start_daemon):
    """A lock that died with its daemon holds nobody up."""
    daemon = start_daemon()
    job = daemon.client.run("math", {"op": "sum", "numbers": [1, 2]})
    daemon.kill()
    daemon.start()
    assert daemon.client.job(job["id"]) == job


def test_a_port_that_is_taken(start_daemon, tmp_path):
    """Exit 1, naming the address."""
    first = start_daemon()
    second = serve("--listen", first.client.address.netloc, "--data", tmp_path / "other")
    assert second.returncode == 1
    assert first.client.address.netloc in second.stderr


def test_a_newer_database_is_refused(start_daemon):
    """A schema of the future is left as it is."""
    import sqlite3
    daemon = start_daemon()
    daemon.stop()
    with sqlite3.connect(daemon.data / "jobmill.db") as database:
        database.execute("PRAGMA user_version = 9999")
    database.close()
    refused = serve("--listen", "127.0.0.1:0", "--data", daemon.data)
    assert refused.returncode == 1
    assert "9999" in refused.stderr
    database = sqlite3.connect(daemon.data / "jobmill.db")
    assert database.execute("PRAGMA user_version").fetchone() == (9999,)
    database.close()


def test_wrong_flags_are_usage_mistakes(tmp_path):
    """Exit 2, with the nearest flag, or what the value must be."""
    for flags, word in ((["--lisen", "x"], "listen"), (["--workers-max", "many"], "workers-max"),
                        (["--drain-timeout", "8"], "drain-timeout"), (["--data"], "DIR"),
                        (["--log-level", "loud"], "debug"), (["extra"], "extra")):
        run = serve("--data", tmp_path / "d", *flags)
        assert run.returncode == 2, flags
        assert word in run.stderr
    assert not (tmp_path / "d").exists()


def test_check_config_tells_where_each_value_comes_from(tmp_path, monkeypatch):
    """Flags over environment over file over defaults."""
    config = tmp_path / "jobmill.conf"
    config.write_text("listen = 127.0.0.1:1 # a comment\nfetch-max = 7\nactive-max = 3\n")
    monkeypatch.setenv("JOBMILL_FETCH_MAX", "8")
    run = serve("--check-config", "--config", config, "--active-max", "9")
    values = {line.split()[0]: line.split()[1:] for line in run.stdout.splitlines()}
    assert run.returncode == 0
    assert values["listen"] == ["127.0.0.1:1", "(file)"]
    assert values["fetch-max"] == ["8", "(environment)"]
    assert values["active-max"] == ["9", "(flag)"]
    assert values["connections-max"] == ["12000", "(default)"]


def test_health_asks_the_daemon(tmp_path):
    """jobmill health: 0 when it answers, 3 when nobody does."""
    with Daemon(tmp_path) as daemon:
        address = daemon.client.address.netloc
        ask = [BINARY, "health", "--listen", address]
        assert subprocess.run(ask, timeout=60, check=False).returncode == 0
    gone = subprocess.run(ask, capture_output=True, text=True, timeout=60, check=False)
    assert gone.returncode == 3
    assert address in gone.stderr
