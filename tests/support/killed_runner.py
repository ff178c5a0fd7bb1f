"""A runner process that kills itself, pool and all, at a given signal."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from pathlib import Path

from assay.kernel.jobs.executors.process_pool import LocalPool
from assay.kernel.jobs.kind import ComputeSettings
from assay.kernel.jobs.runner import Runner
from assay.kernel.jobs.runner import Signal as Told
from assay.kernel.storage.blobs import open_blobs
from assay.kernel.storage.store import open_store
from tests.fixtures.jobs import PATIENCE, TEST_KINDS, JobHarness

NO_SETTINGS = ComputeSettings()


def run_until_killed(
    harness: JobHarness,
    blobs: Path,
    what: str,
    count: int,
    settings: ComputeSettings = NO_SETTINGS,
) -> None:
    """Run a runner process that dies at its `count`-th signal `what`."""
    process = multiprocessing.get_context("forkserver").Process(
        target=_work, args=(harness.folder, blobs, what, count, settings)
    )
    process.start()
    process.join(PATIENCE)
    assert process.exitcode == -signal.SIGKILL


def _work(folder: Path, blobs: Path, what: str, count: int, settings: ComputeSettings) -> None:
    told = 0

    def listener(news: Told) -> None:
        nonlocal told
        told += news.what == what
        if told == count:
            os.kill(os.getpid(), signal.SIGKILL)

    pool = LocalPool(workers=1)
    store = open_store(f"sqlite:///{folder}/assay.db")
    Runner(
        store,
        blobs=open_blobs(str(blobs)),
        executor=pool,
        kinds=TEST_KINDS,
        listener=listener,
        lease_seconds=60,
        settings=settings,
    ).start()
    threading.Event().wait()
