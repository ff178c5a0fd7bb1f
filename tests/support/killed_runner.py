"""A runner process that dies at one of its signals."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.fixtures.jobs import PATIENCE, JobHarness

ROOT = Path(__file__).parents[2]

# A runner process that kills itself, pool and all, at the given signal.
RUNNER = """
import os, signal, sys, threading
from assay.settings import prepare_compute_environment
prepare_compute_environment()
from assay.kernel.jobs.executors.process_pool import LocalPool
from assay.kernel.jobs.runner import Runner
from assay.kernel.storage.blobs import open_blobs
from assay.kernel.storage.store import open_store
from tests.fixtures.jobs import TEST_KINDS

if __name__ == "__main__":
    folder, blobs, what, count = sys.argv[1:]
    told = 0

    def listener(news):
        global told
        told += news.what == what
        if told == int(count):
            os.kill(os.getpid(), signal.SIGKILL)

    pool = LocalPool(workers=1)
    store = open_store(f"sqlite:///{folder}/assay.db")
    Runner(store, blobs=open_blobs(blobs), executor=pool, kinds=TEST_KINDS, listener=listener, lease_seconds=60).start()
    threading.Event().wait()
"""


def run_until_killed(harness: JobHarness, blobs: Path, what: str, count: int) -> None:
    """Run a runner process that dies at its `count`-th signal `what`."""
    script = harness.folder / "runner.py"
    script.write_text(RUNNER)
    path = f"{ROOT / 'client'}:{ROOT / 'server'}:{ROOT}"
    arguments = [sys.executable, str(script), str(harness.folder), str(blobs), what, str(count)]
    process = subprocess.Popen(arguments, env={**os.environ, "PYTHONPATH": path})
    assert process.wait(PATIENCE) == -9
