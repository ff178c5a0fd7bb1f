"""Executors, which compute tasks: a pool of local processes."""

from assay.kernel.jobs.executors.base import (
    AbandonedError,
    ChildKilledError,
    Executor,
    PoolBrokenError,
    PoolClosedError,
)
from assay.kernel.jobs.executors.process_pool import LocalPool
from assay.kernel.jobs.executors.worker import ChildSettings

__all__ = [
    "AbandonedError",
    "ChildKilledError",
    "ChildSettings",
    "Executor",
    "LocalPool",
    "PoolBrokenError",
    "PoolClosedError",
]
