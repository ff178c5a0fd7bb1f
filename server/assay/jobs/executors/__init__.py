"""Where shards are computed: today a pool of local processes, later also a cluster."""

from assay.jobs.executors.child import ChildSettings, blobs
from assay.jobs.executors.executor import (
    AbandonedError,
    ChildKilledError,
    Executor,
    PoolBrokenError,
    PoolClosedError,
)
from assay.jobs.executors.local import LocalPool

__all__ = [
    "AbandonedError",
    "ChildKilledError",
    "ChildSettings",
    "Executor",
    "LocalPool",
    "PoolBrokenError",
    "PoolClosedError",
    "blobs",
]
