"""Preparation of a compute child: it dies with its parent and has a memory limit."""

from __future__ import annotations

import ctypes
import importlib
import os
import pickle
import resource
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection

from assay.kernel import memory, trace
from assay.kernel.errors import AssayError, TooLarge
from assay.kernel.storage.failures import of_disk

PR_SET_PDEATHSIG = 1
IMPORTED_BY = os.getpid()  # the fork server, unless a child had to import this itself
READY = b"ready"
OUT_OF_MEMORY = (
    "This needs more memory than a compute process is given. Send smaller pieces, or raise "
    "ASSAY_COMPUTE_MEMORY_BYTES."
)


class RemoteError(Exception):
    """A task raised an exception that is no refusal; the text is its traceback."""


LONG_SECONDS = 0.5  # of a task, after which the child gives memory back


@dataclass(frozen=True, kw_only=True)
class ChildSettings:
    """What every child of a pool is told at its start."""

    memory_bytes: int | None = None  # of data the child may allocate; None: no limit
    preload: tuple[str, ...] = ()  # modules imported before the first task
    warm: bytes | None = None  # a pickled call that is made before the first task


def prepare(settings: ChildSettings) -> None:
    """Prepare this process to compute; run by the pool in each new child."""
    _die_with_parent()
    # A terminal sends Ctrl-C to every process; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for module in settings.preload:
        importlib.import_module(module)
    # What the fork server imported stays; a collector that walked it would copy its pages.
    memory.collect_seldom()
    if settings.memory_bytes is not None:
        # RLIMIT_DATA, not RLIMIT_AS: allocators reserve address space that they never use.
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (settings.memory_bytes, hard))


def serve(connection: Connection, settings: ChildSettings) -> None:
    """Be a compute child: prepare, say so, and answer tasks until the pipe ends."""
    prepare(settings)
    if settings.warm is not None:
        function, *arguments = pickle.loads(settings.warm)  # noqa: S301  # from our parent, by its own call
        function(*arguments)
    connection.send_bytes(READY)
    while True:
        try:
            payload = connection.recv_bytes()
        except (EOFError, OSError):
            return
        began = time.monotonic()
        connection.send_bytes(_perform(payload))
        if time.monotonic() - began > LONG_SECONDS:
            memory.trim()


def _perform(payload: bytes) -> bytes:
    """Return the pickled (succeeded, result or exception) of a pickled call."""
    try:
        fn, args, kwargs, traceparent = pickle.loads(payload)  # noqa: S301  # from our parent, by its own pipe
        with trace.using(traceparent):
            return pickle.dumps((True, fn(*args, **kwargs)), pickle.HIGHEST_PROTOCOL)
    except MemoryError:
        return pickle.dumps((False, TooLarge(OUT_OF_MEMORY)))
    except AssayError as error:
        return pickle.dumps((False, error))
    except Exception as error:  # noqa: BLE001  # whatever a task raises is its answer
        if refusal := of_disk(error):
            return pickle.dumps((False, refusal))
        # Another exception may not survive the way; its text does, and is for the log alone.
        return pickle.dumps((False, RemoteError("".join(traceback.format_exception(error)))))


def _die_with_parent() -> None:
    """Ask the kernel for SIGKILL when the fork server ends, and check that it lives.

    It ends with the process whose pool this is, of which it knows by the end of a pipe: our own copy
    of that is closed, or a task would keep it from ending. A killed process cannot stop its children;
    without this they would stay for ever.
    """
    server = vars(forkserver._forkserver)  # there is no public way
    if server["_forkserver_alive_fd"] is not None:
        os.close(server["_forkserver_alive_fd"])
        server["_forkserver_alive_fd"] = None
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getpid() != IMPORTED_BY and os.getppid() != IMPORTED_BY:
        os._exit(1)  # the fork server died before the kernel knew of our wish
