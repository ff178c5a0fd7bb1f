"""Inference jobs on PostgreSQL."""

from __future__ import annotations

from tests.features.inference.test_job_crashes import check_whole, queued
from tests.fixtures.jobs import JobHarness
from tests.kernel.jobs.test_runner_postgresql import pg, url  # noqa: F401 - fixtures


def test_two_runners_complete_jobs_on_postgresql(pg: JobHarness) -> None:  # noqa: F811 - the fixture
    """Two runners run jobs side by side, and each input has its outcome and its event, once."""
    jobs = [queued(pg) for _ in range(2)]
    pg.runner(name="one")
    pg.runner(name="two")
    for job in jobs:
        pg.signals.wait("ended", job)
        check_whole(pg, job)
