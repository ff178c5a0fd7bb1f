"""Where shards are computed: today a pool of local processes, later also a cluster."""

from assay.jobs.executors.child import ChildSettings, blobs
from assay.jobs.executors.local import ChildKilledError, Executor, LocalPool, PoolClosedError

__all__ = [
    "ChildKilledError",
    "ChildSettings",
    "Executor",
    "LocalPool",
    "PoolClosedError",
    "blobs",
]
