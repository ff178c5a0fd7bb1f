"""Pools that are kept for tasks of one key."""

from __future__ import annotations

import importlib
import os
import pickle
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from assay.kernel.jobs.executors.reserved_pools import Reservation, ReservedPools
from tests.support import job_kinds as tasks

PATIENCE = 30.0
KEY = ("org", "model", "version")
WARM = pickle.dumps((importlib.import_module, "wave"))


@pytest.fixture
def pools() -> Iterator[ReservedPools]:
    """Pools that end with the test."""
    found = ReservedPools()
    yield found
    found.close()


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end


def ready(pools: ReservedPools, key: tuple[str, ...] = KEY) -> int:
    """Return how many processes are ready."""
    found = pools.counts().get(key)
    return 0 if found is None else found.pool.ready


def test_processes_are_warm_before_they_are_ready(pools: ReservedPools):
    """A process that is counted as ready has made its call, and runs tasks of its key alone."""
    assert pools.find(KEY) is None
    pools.keep({KEY: Reservation(least=1, most=1, warm=WARM)})
    until(lambda: ready(pools) == 1)
    executor = pools.find(KEY)
    assert executor is not None
    assert executor.submit(tasks.has_module, "wave").result(PATIENCE)
    assert pools.find(("another",)) is None


def test_what_is_kept_survives_and_changes(pools: ReservedPools):
    """A killed process is replaced, the same wish changes nothing, and another number starts anew."""
    kept = {KEY: Reservation(least=1, most=1, warm=WARM)}
    pools.keep(kept)
    until(lambda: ready(pools) == 1)
    executor = pools.find(KEY)
    assert executor is not None
    first = executor.submit(tasks.pid).result(PATIENCE)
    pools.keep(dict(kept))
    assert pools.find(KEY) is executor
    os.kill(first, signal.SIGKILL)
    until(lambda: pools.counts()[KEY].pool.starting == 1 or ready(pools) == 0)
    until(lambda: ready(pools) == 1)
    assert executor.submit(tasks.pid).result(PATIENCE) != first
    pools.keep({KEY: Reservation(least=2, most=2, warm=WARM)})
    until(lambda: ready(pools) == 2 and pools.counts()[KEY].stopping == 0)
    pools.keep({})
    until(lambda: not pools.counts())
    assert pools.find(KEY) is None


def test_a_process_that_cannot_be_made_warm_is_never_ready(pools: ReservedPools):
    """What fails to load is counted as failed, and its key has no processes to run on."""
    pools.keep({KEY: Reservation(least=1, most=1, warm=pickle.dumps((os._exit, 3)))})
    until(lambda: pools.counts()[KEY].pool.failed > 0)
    assert pools.find(KEY) is None
