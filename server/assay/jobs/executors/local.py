"""A pool of spawned processes that survives the death of any of them.

Three traps shape it (each is a test in tests/jobs):

- The kernel's parent-death signal fires when the *thread* that made the child ends, so one
  thread, as long-lived as the pool, makes every child and feeds every task.
- A dead child breaks a whole ProcessPoolExecutor, and every task in flight with it. The pool
  is made anew, and the tasks go one by one through a quarantine of a single child. The one
  that kills its child there too is poison: its caller gets ChildKilledError, all the others
  get their results.
- A child that outlives its parent; see `child.prepare`.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import queue
import threading
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ParamSpec, Protocol, TypeVar

from assay.domain.errors import AssayError, BadFile, TooLarge
from assay.jobs.executors.child import ChildSettings, hello, prepare

KILLED = (
    "A compute process ended twice, without a word, on this input; it is not tried again. Check "
    "that the input is whole and correct, and send it in smaller pieces if it is large."
)
OUT_OF_MEMORY = (
    "This needs more memory than a compute process is given. Send smaller pieces, or raise "
    "ASSAY_COMPUTE_MEMORY_BYTES."
)

SEND_ATTEMPTS = 3  # executors made anew for one task before it is given up

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")


class ChildKilledError(BadFile):
    """The task killed two children, one in the pool and one in quarantine: its input is refused."""


class RemoteError(Exception):
    """A task raised an exception of a library; the text is its traceback."""


class PoolClosedError(Exception):
    """The pool was closed before the task ran; nothing is known of the task itself."""


class Executor(Protocol):
    """Where shards run. A task is a module-level function with picklable arguments."""

    @property
    def parallelism(self) -> int:
        """How many tasks can run at a time."""

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Run the task once, or again when the infrastructure failed under it.

        The future fails with what the task raised, with ChildKilledError when the task itself
        kills its process, and with PoolClosedError when the executor was closed.
        """

    def close(self) -> None:
        """Stop; tasks that have not begun fail with PoolClosedError."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Task:
    call: Callable[[], Any]
    future: Future[Any] = field(default_factory=Future)


class LocalPool:
    """`workers` spawned processes, and one more in quarantine when something kills them."""

    def __init__(
        self,
        *,
        workers: int,
        blobs_url: str | None = None,
        memory_bytes: int | None = None,
        preload: tuple[str, ...] = (),
    ) -> None:
        self._workers = workers
        settings = ChildSettings(
            parent_pid=os.getpid(), memory_bytes=memory_bytes, blobs_url=blobs_url, preload=preload
        )
        # One task more than there are children is sent ahead, so that none of them idles; the
        # others wait here, where the death of a child does not make them suspects.
        self._pool = _Lane(settings, workers, most_running=workers + 1)
        self._quarantine = _Lane(settings, 1, most_running=1)
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._close_lock = threading.Lock()
        self._thread = threading.Thread(target=self._feed, name="assay-pool-feeder", daemon=True)
        self._thread.start()

    @property
    def parallelism(self) -> int:
        """How many tasks can run at a time."""
        return self._workers

    def warm_up(self) -> None:
        """Start every child and wait until each has its modules; the first job is then quick."""
        warm: set[int] = set()
        # A child that is ready early may answer for its siblings, so each is waited for.
        while len(warm) < self._workers or not warm >= self.pids():
            warm |= {one.result() for one in [self.submit(hello) for _ in range(self._workers)]}

    def pids(self) -> frozenset[int]:
        """Return the processes of the pool that now live, without the quarantined one."""
        return self._pool.pids()

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Run the task in a child; see Executor.submit."""
        task = _Task(call=_Call(fn, args, kwargs))
        with self._close_lock:
            if self._closed.is_set():
                raise PoolClosedError("the pool is closed")
            self._inbox.put(lambda: self._launch(task))
        return task.future

    async def run(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the task and await its result."""
        return await asyncio.wrap_future(self.submit(fn, *args, **kwargs))

    def close(self) -> None:
        """Stop all children after their current task; what has not begun is given up."""
        with self._close_lock:
            if not self._closed.is_set():
                self._closed.set()
                self._inbox.put(None)
        self._thread.join()

    # Everything below runs on the feeder thread, except the callbacks of `_send`.

    def _feed(self) -> None:
        while (step := self._inbox.get()) is not None:
            try:
                step()
            except Exception:  # children die with this thread: it outlives all
                log.exception("the pool's feeder failed")
        for lane in (self._pool, self._quarantine):
            lane.stop()
        while not self._inbox.empty():  # what the shutdown itself reported
            step = self._inbox.get()
            if step is not None:
                step()

    def _launch(self, task: _Task) -> None:
        if task.future.set_running_or_notify_cancel():
            self._put(self._pool, task)

    def _put(self, lane: _Lane, task: _Task) -> None:
        lane.waiting.append(task)
        self._pump(lane)

    def _pump(self, lane: _Lane) -> None:
        while lane.waiting and (self._closed.is_set() or lane.running < lane.most_running):
            task = lane.waiting.popleft()
            if self._closed.is_set():
                task.future.set_exception(PoolClosedError("the pool was closed"))
            else:
                lane.running += 1
                lane.send(task.call).add_done_callback(partial(self._ended, lane, task))

    def _ended(self, lane: _Lane, task: _Task, inner: Future[Any]) -> None:
        """Pass the end of a task on; runs on a thread of the executor."""
        self._inbox.put(lambda: self._freed(lane))
        if inner.cancelled():
            task.future.set_exception(PoolClosedError("the pool was closed"))
        elif isinstance(error := inner.exception(), BrokenProcessPool):
            self._inbox.put(lambda: self._died(lane, task))
        elif error is not None:
            task.future.set_exception(error)
        else:
            task.future.set_result(inner.result())

    def _freed(self, lane: _Lane) -> None:
        lane.running -= 1
        self._pump(lane)

    def _died(self, lane: _Lane, task: _Task) -> None:
        if lane is self._quarantine:
            task.future.set_exception(ChildKilledError(KILLED))
        else:
            log.warning("a compute process died; the task in flight is run again on its own")
            self._put(self._quarantine, task)


class _Lane:
    """One ProcessPoolExecutor, made anew whenever it broke; used by the feeder thread alone."""

    def __init__(self, settings: ChildSettings, workers: int, most_running: int) -> None:
        self._settings, self._workers = settings, workers
        self._executor: ProcessPoolExecutor | None = None
        self.most_running = most_running
        self.running = 0
        self.waiting: deque[_Task] = deque()

    def send(self, call: Callable[[], Any]) -> Future[Any]:
        failure: Exception | None = None
        for _ in range(SEND_ATTEMPTS):
            try:
                return self._open().submit(call)
            # It broke before this task, which is not to blame. While it is breaking, its pipes
            # close one by one and a child that is just being made fails in other ways.
            except (BrokenProcessPool, ValueError, OSError, RuntimeError) as error:
                failure = error
                self.stop()
        unsent: Future[Any] = Future()
        unsent.set_exception(failure)
        return unsent

    def pids(self) -> frozenset[int]:
        executor = self._executor
        return frozenset(getattr(executor, "_processes", None) or ())

    def stop(self) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None

    def _open(self) -> ProcessPoolExecutor:
        if self._executor is None:
            self._executor = ProcessPoolExecutor(
                self._workers,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=prepare,
                initargs=(self._settings,),
            )
        return self._executor


class _Call:
    """A picklable call without arguments."""

    def __init__(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self._fn, self._args, self._kwargs = fn, args, kwargs

    def __call__(self) -> Any:
        try:
            return self._fn(*self._args, **self._kwargs)
        except MemoryError:
            raise TooLarge(OUT_OF_MEMORY) from None
        except Exception as error:
            # A library's exception may pickle and then not unpickle, which breaks the pool.
            if isinstance(error, AssayError) or type(error).__module__ == "builtins":
                raise
            raise RemoteError("".join(traceback.format_exception(error))) from None
