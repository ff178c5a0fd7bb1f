"""The process of which compute children are forks: it has imported what their tasks need.

It is the standard library's, started with the first child of any pool of a process; it ends with
that process, and is started anew when it was killed.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from multiprocessing.context import ForkServerProcess
from typing import Final

CONTEXT: Final = multiprocessing.get_context("forkserver")
WORKER: Final = "assay.kernel.jobs.executors.worker"  # what every child needs
MOST_SECONDS_ENDING: Final = 1.0  # that one which was killed may take to end


def preload(modules: Sequence[str]) -> None:
    """Have the fork server import modules.

    Heard until the first child of any pool; what a later pool adds, its children import.
    """
    if modules:
        CONTEXT.set_forkserver_preload([WORKER, *modules])


def start(child: ForkServerProcess) -> None:
    """Start a child, by another fork server where the one of before is just ending.

    A process that was killed lets go of its socket before it can be seen to have ended.
    """
    end = time.monotonic() + MOST_SECONDS_ENDING
    while True:
        try:
            child.start()
        except ConnectionError:
            if time.monotonic() >= end:
                raise
            time.sleep(0.01)
        else:
            return
