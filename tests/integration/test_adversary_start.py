# SPDX-License-Identifier: MIT
"""What fell due while nobody ran is taken up by the start, though the engine comes last."""
import datetime
import time


def test_jobs_that_fell_due_while_down_run_or_fail_at_the_start(start_daemon):
    """The store moves them as it opens; ThreadSanitizer sees an engine told too early."""
    daemon = start_daemon()
    jobs = daemon.client
    late = [jobs.submit("sleep", {"for": "1h"}, delay="500ms", deadline="1ms") for _ in range(50)]
    due = [jobs.submit("math", {"op": "sum", "numbers": [1]}, delay="500ms") for _ in range(50)]
    daemon.kill()
    last = datetime.datetime.fromisoformat(due[-1]["run_at"])
    now = datetime.datetime.now(datetime.timezone.utc)
    time.sleep(max(0.0, (last - now).total_seconds()) + 0.002)  # the hour itself is awaited
    daemon.start()
    for job in due:
        assert daemon.client.ended(job["id"])["state"] == "completed"
    for job in late:
        assert daemon.client.ended(job["id"])["error"]["type"] == "deadline"
