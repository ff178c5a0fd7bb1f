"""The kernel: what every feature is built on, made once a process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, Protocol, TypeVar

from assay.kernel.clock import Clock
from assay.kernel.ids import Ids
from assay.kernel.jobs.executors.reserved_pools import ReservedPools
from assay.kernel.jobs.kind import ComputeSettings
from assay.kernel.jobs.watch import Watches
from assay.kernel.sealing import Sealer
from assay.kernel.storage.blobs import BlobStore
from assay.kernel.storage.store import Store
from assay.kernel.threads import RunInThread

P = ParamSpec("P")
R = TypeVar("R")


class Compute(Protocol):
    """Compute children that work while a caller waits."""

    async def run(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what a module-level function returns; its arguments are pickled."""
        ...


class Limits(Protocol):
    """The settings that features read."""

    max_attempts: int  # how often a job is tried
    max_chunk_bytes: int  # of one chunk of an upload
    max_file_bytes: int  # of one uploaded file
    max_body_bytes: int  # of the body of any other REST call
    max_engines: int  # processes that are kept for versions, of all organizations

    @property
    def worker_count(self) -> int:
        """Compute processes that serve everybody."""
        ...

    remote_allow: tuple[str, ...]  # CIDR ranges that may be reached though not public


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """What a feature's services are made from."""

    store: Store
    blobs: BlobStore
    clock: Clock
    ids: Ids
    compute: Compute
    network: Compute  # children of tasks that wait for another machine
    sealer: Sealer
    compute_settings: ComputeSettings
    run_in_thread: RunInThread
    watches: Watches
    limits: Limits


@dataclass(frozen=True, kw_only=True)
class RunnerParts:
    """What a companion of a runner is made from."""

    store: Store
    blobs: BlobStore
    clock: Clock
    ids: Ids
    reserved: ReservedPools
    settings: ComputeSettings
    limits: Limits


class Companion(Protocol):
    """What runs beside a runner as long as that does."""

    def start(self) -> None:
        """Begin, on threads of its own."""

    def stop(self) -> None:
        """End, and return when nothing runs any more."""
