"""Where tasks are computed: today a pool of local processes, later also a cluster."""

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
