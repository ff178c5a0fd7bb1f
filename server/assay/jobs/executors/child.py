"""How a compute child prepares itself: it dies with its parent and has a memory limit."""

from __future__ import annotations

import ctypes
import importlib
import os
import resource
import signal
import sys
import time
from dataclasses import dataclass

from assay.storage.blobs import BlobStore, open_blobs

PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, kw_only=True)
class ChildSettings:
    """What every child of a pool is told at its start."""

    parent_pid: int
    memory_bytes: int | None = None  # of data the child may allocate; None: no limit
    blobs_url: str | None = None  # where shards read and write their blobs
    preload: tuple[str, ...] = ()  # modules imported before the first task


class _State:
    blobs: BlobStore | None = None


def prepare(settings: ChildSettings) -> None:
    """Prepare this process to compute; run by the pool in each new child."""
    _die_with_parent(settings.parent_pid)
    # A terminal sends Ctrl-C to every process; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for module in settings.preload:
        importlib.import_module(module)
    if settings.blobs_url is not None:
        _State.blobs = open_blobs(settings.blobs_url)
    if settings.memory_bytes is not None:
        # RLIMIT_DATA, not RLIMIT_AS: allocators reserve address space that they never use.
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (settings.memory_bytes, hard))


def blobs() -> BlobStore:
    """Return the blob store of this child."""
    if _State.blobs is None:
        raise RuntimeError("this pool was started without a blob store")
    return _State.blobs


def hello() -> int:
    """Return the child's pid, slowly enough for another child to take the next task."""
    time.sleep(0.005)
    return os.getpid()


def _die_with_parent(parent_pid: int) -> None:
    """Ask the kernel for SIGKILL when the thread that made us ends, and check that it lives.

    A killed parent cannot stop its children; without this they would stay for ever.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent_pid:
        os._exit(1)  # the parent died before the kernel knew of our wish
