"""A pool of forked processes that survives the death of any of them.

One thread, as long-lived as the pool, makes every child, hands each one task at a time and
reads the answers. That shape comes from traps (each is a test in tests/kernel/jobs):

- A fork of a process with threads may hang for ever, and a new interpreter imports for seconds.
  So children are forks of one small process that has imported what they need and has no threads
  of its own: the fork server of the standard library, which ends with its parent.
- A child that outlives its parent; see `worker.prepare`.
- `concurrent.futures.ProcessPoolExecutor` breaks as a whole when one child dies, blames every
  task in flight, and may hang when it breaks while it makes a child. Here a death is that of
  one task: it is run once more in a new child, and when it kills that too it is poison: its
  caller gets ChildKilledError. Nobody else notices.
- Tasks that take minutes, of one owner: owners take turns, and one who waits while others hold
  all children gets one more, up to twice the workers. No owner ever holds more than the workers.
- Tasks that only wait, for another machine: their pool starts its children when tasks come, and
  lets them go when none have come for a while.
- Processes that cannot be started for a while, for want of memory or of handles: what waits is
  told so, and they are tried again, ever more rarely, until one is ready.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import queue
import threading
from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import chain, count, islice
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from typing import Any, ParamSpec, TypeVar

from assay.kernel import owner, trace
from assay.kernel.clock import Clock
from assay.kernel.errors import Unavailable
from assay.kernel.jobs.executors import fork_server
from assay.kernel.jobs.executors.base import (
    AbandonedError,
    ChildKilledError,
    PoolBrokenError,
    PoolClosedError,
)
from assay.kernel.jobs.executors.fair_line import FairLine
from assay.kernel.jobs.executors.worker import ChildSettings, RemoteError, serve

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

MOST_DEATHS = 2  # children that one task may kill before it is refused
MOST_FAILED_STARTS = 3  # children in a row that may end before they are ready
MOST_SECONDS_BROKEN = 30.0  # until a pool that cannot start children tries it again
SPARE_AFTER_SECONDS = 1.0  # of waiting while others hold all children, until one more is started
SPARE_SECONDS = 30.0  # for which it is kept
IDLE_SECONDS = 60.0  # for which children that were started on demand are kept without a task
ABANDON_SECONDS = 0.5  # in which an abandoned task may end without harm to its child

KILLED = (
    "A compute process ended twice, without a word, on this input; it is not tried again. Check "
    "that the input is whole and correct, and send it in smaller pieces if it is large."
)


@dataclass(kw_only=True, eq=False)
class _Task:
    payload: bytes  # the pickled call
    owner: str  # the organization for which it is done
    sent_at: float  # monotonic seconds
    future: Future[Any] = field(default_factory=Future)
    is_awaited: bool = False  # a caller waits for it: it is handed out before all others
    deaths: int = 0  # children that died while they ran it
    kill_at: float | None = None  # abandoned: its child is killed then


_Abandoned = frozenset[Future[Any]]  # what those who asked for them have given up


@dataclass(kw_only=True, eq=False)
class _Child:
    process: ForkServerProcess
    connection: Connection
    ready: bool = False  # its modules are imported
    task: _Task | None = None


@dataclass(frozen=True, kw_only=True)
class PoolCounts:
    """What the children of a pool do at one moment."""

    ready: int = 0  # that could run a task, or do
    running: int = 0  # that run one
    queued: int = 0  # tasks that wait for a child
    failed: int = 0  # starts in a row that ended before the child was ready
    starting: int = 0


class LocalPool:
    """Up to `workers` forked processes.

    All are started at once and kept; with `least` these are, and the others when tasks come.
    """

    def __init__(
        self,
        *,
        workers: int,
        memory_bytes: int | None = None,
        preload: tuple[str, ...] = (),
        least: int | None = None,
        warm: bytes | None = None,
        name: str = "pool",
        clock: Clock | None = None,
    ) -> None:
        self._workers = workers
        self._numbered = (f"{name}-{number}" for number in count(1))  # names of children
        self._least = workers if least is None else least
        self._clock = clock or Clock()
        self._settings = ChildSettings(memory_bytes=memory_bytes, preload=preload, warm=warm)
        fork_server.preload(preload)
        self._inbox: queue.SimpleQueue[_Task | _Abandoned | None] = queue.SimpleQueue()
        self._rung = False
        self._bell, self._ring = fork_server.CONTEXT.Pipe(duplex=False)
        self._awaited = FairLine[_Task]()
        self._waiting = FairLine[_Task]()
        self._wanted = self._least  # children, beside the spares
        self._busy_at = 0.0  # when all of them were last needed
        self._spares = 0  # children beyond the workers, now wanted
        self._needed_at = 0.0  # when the last of them was
        self._children: tuple[_Child, ...] = ()
        self._failed_starts = 0
        self._start_at = 0.0  # when a pool that cannot start children tries it again
        self._news = threading.Condition()  # a child is ready, or none can be started
        self._lock = threading.Lock()  # guards closing against submitting
        self._closing = False
        self._closed = False  # nothing listens any more
        self._thread = threading.Thread(target=self._feed, name="assay-pool", daemon=True)
        self._thread.start()

    @property
    def parallelism(self) -> int:
        """How many tasks can run at a time."""
        return self._workers

    @property
    def is_usable(self) -> bool:
        """Whether children can be started; see Executor.is_usable."""
        return not self._hopeless or self._ready() > 0

    def warm_up(self) -> None:
        """Wait until each child has imported its modules; the first job is then quick.

        Raises RuntimeError when children end before they are ready.
        """
        with self._news:
            self._news.wait_for(lambda: self._hopeless or self._ready() == self._workers)
        if self._hopeless:
            raise RuntimeError("compute processes end before they are ready; see their output")

    def pids(self) -> frozenset[int]:
        """Return the children that now live."""
        return frozenset(child.process.pid or 0 for child in self._children)

    def counts(self) -> PoolCounts:
        """Return what its children do now, and how many tasks wait for one."""
        children = self._children
        ready = sum(child.ready for child in children)
        return PoolCounts(
            ready=ready,
            running=sum(child.task is not None for child in children),
            queued=self._queued(),
            failed=self._failed_starts,
            starting=len(children) - ready,
        )

    def _queued(self) -> int:
        return self._inbox.qsize() + len(self._awaited) + len(self._waiting)

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Run the task in a child; see Executor.submit."""
        return self._send(self._task(_pickled(fn, args, kwargs), is_awaited=False))

    def abandon(self, futures: Collection[Future[Any]]) -> None:
        """Give tasks up; see Executor.abandon."""
        with self._lock:
            if futures and not self._closed:
                self._send_to_feeder(frozenset(futures))

    async def run(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the task before all that was submitted, and await its result.

        Raises what the task raised, and Unavailable where no process can run it.
        """
        task = self._task(_pickled(fn, args, kwargs), is_awaited=True)
        try:
            return await asyncio.wrap_future(self._send(task))
        except asyncio.CancelledError:
            self.abandon([task.future])  # nobody is left to whom a result could be told
            raise
        except (PoolBrokenError, PoolClosedError) as error:
            raise Unavailable(
                "This server has no process that can compute now. Try again.", retry_after=1.0
            ) from error

    def _task(self, payload: bytes, *, is_awaited: bool) -> _Task:
        now = self._clock.monotonic()
        return _Task(payload=payload, owner=owner.current(), sent_at=now, is_awaited=is_awaited)

    def close(self) -> None:
        """Stop all children after their current task; what has not begun is given up."""
        with self._lock:
            if not self._closing:
                self._closing = True
                self._send_to_feeder(None)
        self._thread.join()

    @property
    def _hopeless(self) -> bool:
        return self._failed_starts >= MOST_FAILED_STARTS

    def _ready(self) -> int:
        return sum(child.ready for child in self._children)

    def _send(self, task: _Task) -> Future[Any]:
        with self._lock:
            if self._closing:
                raise PoolClosedError("the pool is closed")
            self._send_to_feeder(task)
        return task.future

    def _send_to_feeder(self, sent: _Task | _Abandoned | None) -> None:
        self._inbox.put(sent)
        if not self._rung:  # one ring is heard for all that lies in the inbox
            self._rung = True
            self._ring.send_bytes(b"!")

    # Everything below runs on the feeder thread.

    def _feed(self) -> None:
        while not self._closing or any(child.task for child in self._children):
            self._start_children()
            self._hand_out()
            by_handle: dict[Any, _Child] = {}
            for child in self._children:
                by_handle[child.connection] = by_handle[child.process.sentinel] = child
            heard = wait([self._bell, *by_handle], self._seconds_to_wait())
            if self._bell in heard:
                self._bell.recv_bytes()
                self._rung = False
                while not self._inbox.empty():
                    self._take(self._inbox.get())
            self._kill_abandoned()
            for child in {by_handle[one] for one in heard if one in by_handle}:
                self._listen(child)
        self._shut_down()

    def _take(self, sent: _Task | _Abandoned | None) -> None:
        if isinstance(sent, _Task):
            self._line(sent).append(sent)
        elif sent is not None:
            for line in (self._awaited, self._waiting):
                for task in line.remove(lambda one: one.future in sent):
                    _fail(task, AbandonedError())
            for child in self._children:
                if child.task is not None and child.task.future in sent:
                    child.task.kill_at = self._clock.monotonic() + ABANDON_SECONDS

    def _line(self, task: _Task) -> FairLine[_Task]:
        """Return where a task waits. Uploads must not wait behind the tasks of every job."""
        return self._awaited if task.is_awaited else self._waiting

    def _kill_abandoned(self) -> None:
        now = self._clock.monotonic()
        for child in self._children:
            task = child.task
            if task is not None and task.kill_at is not None and task.kill_at <= now:
                child.process.kill()  # heard as its end, like any other death

    def _seconds_to_wait(self) -> float | None:
        """Return when the feeder has to look again though nothing is heard; None: never."""
        now = self._clock.monotonic()
        times = [child.task.kill_at or 0.0 for child in self._children if child.task is not None]
        if self._hopeless and len(self._children) < self._wanted and not self._closing:
            times.append(self._start_at)
        times += [task.sent_at + SPARE_AFTER_SECONDS for task in self._starved()]
        if self._spares:
            times.append(self._needed_at + SPARE_SECONDS)
        if self._wanted > self._least:
            times.append(self._busy_at + IDLE_SECONDS)
        # What is past has been done, and is heard of as soon as it has its effect.
        return min((time - now for time in times if time > now), default=None)

    def _start_children(self) -> None:
        if self._least < self._workers:
            self._count_demand()
        self._count_spares()
        while len(self._children) < self._wanted + self._spares and self._may_start():
            try:
                self._start_child()
            except (OSError, EOFError):  # no memory, no handles, no more processes
                log.exception("a compute process could not be started")
                self._count_failed_start()
        if self._hopeless and not self._children:
            self._give_up(PoolBrokenError("compute processes cannot be started"))

    def _starved(self) -> list[_Task]:
        """Return the first task of each owner who waits and holds no child."""
        held = self._held()
        heads = [*self._awaited.heads(), *self._waiting.heads()]
        return [task for task in heads if task.owner not in held]

    def _held(self) -> Counter[str]:
        return Counter(child.task.owner for child in self._children if child.task is not None)

    def _count_demand(self) -> None:
        """Find how many children the tasks keep busy that run or wait."""
        running = sum(child.task is not None for child in self._children)
        waiting = sum(1 for _ in islice(chain(self._awaited, self._waiting), self._workers))
        demand = max(self._least, min(self._workers, running + waiting))
        now = self._clock.monotonic()
        if demand >= self._wanted:
            self._wanted, self._busy_at = demand, now
        elif self._busy_at + IDLE_SECONDS <= now:
            self._wanted = demand

    def _count_spares(self) -> None:
        """Find how many children are wanted for owners whom others' long tasks keep waiting."""
        now = self._clock.monotonic()
        starved = {one.owner for one in self._starved() if one.sent_at + SPARE_AFTER_SECONDS <= now}
        free = sum(child.task is None for child in self._children)  # or soon ready
        wanted = len(self._children) - free + len(starved) - self._workers
        if starved and wanted >= self._spares:
            self._spares = min(self._workers, wanted)
            self._needed_at = now
        elif self._spares and self._needed_at + SPARE_SECONDS <= now:
            self._spares = 0
        surplus = max(0, len(self._children) - self._wanted - self._spares)
        for child in [one for one in self._children if one.ready and one.task is None][:surplus]:
            self._bury(child)

    def _may_start(self) -> bool:
        return not self._closing and (
            not self._hopeless or self._start_at <= self._clock.monotonic()
        )

    def _start_child(self) -> None:
        ours, theirs = fork_server.CONTEXT.Pipe()
        try:
            process = fork_server.CONTEXT.Process(
                target=serve, args=(theirs, self._settings), name=next(self._numbered), daemon=True
            )
            fork_server.start(process)
        except (OSError, EOFError):
            ours.close()
            raise
        finally:
            theirs.close()  # so that the end of the child is the end of the pipe
        self._children = (*self._children, _Child(process=process, connection=ours))

    def _count_failed_start(self) -> None:
        self._failed_starts += 1
        if self._hopeless:
            rounds = min(self._failed_starts - MOST_FAILED_STARTS, 10)
            wait_seconds = min(MOST_SECONDS_BROKEN, 2.0**rounds)
            self._start_at = self._clock.monotonic() + wait_seconds
        with self._news:
            self._news.notify_all()

    def _hand_out(self) -> None:
        idle = [child for child in self._children if child.ready and child.task is None]
        held = self._held()
        while idle and not self._closing:
            # The spares are never of those who hold the workers.
            task = self._awaited.take(held, self._workers) or self._waiting.take(
                held, self._workers
            )
            if task is None:
                return
            # A task that is run again has been told so before.
            if not task.future.running() and not task.future.set_running_or_notify_cancel():
                continue
            child = idle.pop()
            child.task = task
            held[task.owner] += 1
            try:
                child.connection.send_bytes(task.payload)
            except OSError:  # it died idle, so the task is not to blame
                task.deaths -= 1

    def _listen(self, child: _Child) -> None:
        """Take an answer from a child, or notice that it is dead."""
        try:
            # A child may have answered before it died.
            if not child.connection.poll():
                if child.process.is_alive():
                    return
                raise EOFError
            answer = child.connection.recv_bytes()
        except (EOFError, OSError):
            self._bury(child)
            return
        task, child.task = child.task, None
        if task is not None:
            _answer(task.future, answer)
            return
        child.ready = True  # its first message has no task
        self._failed_starts = 0
        with self._news:
            self._news.notify_all()

    def _bury(self, child: _Child) -> None:
        child.process.kill()  # it may have lost its pipe and live on
        child.process.join()
        child.connection.close()
        self._children = tuple(one for one in self._children if one is not child)
        if not child.ready:
            self._count_failed_start()
        if child.task is None:
            return
        if child.task.kill_at is not None:
            _fail(child.task, AbandonedError())
            return
        child.task.deaths += 1
        log.warning("a compute process died (exit code %s)", child.process.exitcode)
        if child.task.deaths >= MOST_DEATHS:
            _fail(child.task, ChildKilledError(KILLED))
        elif self._closing:
            _fail(child.task, PoolClosedError("the pool was closed"))
        else:
            self._line(child.task).appendleft(child.task)

    def _give_up(self, error: Exception) -> None:
        for line in (self._awaited, self._waiting):
            for task in line.remove(lambda _: True):
                _fail(task, error)

    def _shut_down(self) -> None:
        with self._lock:
            self._closed = True
        while not self._inbox.empty():
            self._take(self._inbox.get())
        self._give_up(PoolClosedError("the pool was closed"))
        for child in self._children:
            child.connection.close()  # an idle child ends with its pipe
            if not child.ready:
                child.process.kill()
        for child in self._children:
            child.process.join()
        self._children = ()
        self._bell.close()
        self._ring.close()


def _pickled(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    """Return a call with the trace context of its caller."""
    return pickle.dumps((fn, args, kwargs, trace.current()), pickle.HIGHEST_PROTOCOL)


def _fail(task: _Task, error: Exception) -> None:
    # A task that runs, or has run, was told so; one that waits may have been canceled.
    if task.future.running() or task.future.set_running_or_notify_cancel():
        task.future.set_exception(error)


def _answer(future: Future[Any], data: bytes) -> None:
    try:
        succeeded, value = pickle.loads(data)  # noqa: S301  # from our own child, by our own pipe
    except Exception as error:  # noqa: BLE001  # an exception may pickle and then not unpickle
        future.set_exception(RemoteError(f"the answer cannot be read: {error!r}"))
        return
    if succeeded:
        future.set_result(value)
    else:
        future.set_exception(value)
