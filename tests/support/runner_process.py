"""A runner as a process of its own, like `assay work`, that also knows the kinds for tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

from assay.app import Backend, RunnerProcess
from assay.features.registry import FEATURES
from assay.kernel.feature import Feature
from assay.settings import Settings, prepare_compute_environment
from tests.support.job_kinds import Steps

ROOT = Path(__file__).parents[2]


def start(
    data_dir: Path, blobs: Path, *, errors: IO[bytes] | None = None, **settings: object
) -> subprocess.Popen[str]:
    """Start one on a migrated store and wait until it claims jobs."""
    values = {"data_dir": data_dir, "blobs_url": blobs, "workers": 2, **settings}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.runner_process"],
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT / 'client'}:{ROOT / 'server'}:{ROOT}",
            **{f"ASSAY_{name.upper()}": str(value) for name, value in values.items()},
        },
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.stdout.close()
    return process


def main() -> None:
    """Run jobs until SIGTERM."""
    prepare_compute_environment()
    steps = Feature(name="steps", kinds=(Steps(),))
    backend = Backend(Settings(), features=(*FEATURES, steps))
    runner = RunnerProcess(backend)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    runner.start()
    print("ready", flush=True)
    stop.wait()
    runner.stop()
    backend.close()


if __name__ == "__main__":
    main()
