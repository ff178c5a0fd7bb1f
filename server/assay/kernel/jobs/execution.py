"""One job in the hands of a runner: planned, run shard by shard, reduced, and ended."""

from __future__ import annotations

import itertools
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import Any, ParamSpec, TypeVar

from assay.kernel.clock import Clock
from assay.kernel.errors import Internal, StaleLease, Unavailable
from assay.kernel.jitter import Chance
from assay.kernel.jobs.executors import Executor, PoolClosedError
from assay.kernel.jobs.failure_policy import (
    MOST_RETRIES,
    UNKNOWN,
    Backoff,
    Fault,
    deadly_error,
    own_error,
    unreachable_error,
)
from assay.kernel.jobs.job import Job, JobError, Lease, Shard, ShardRecord
from assay.kernel.jobs.kind import Ending, JobView, Kind
from assay.kernel.jobs.states import JobState
from assay.kernel.jobs.work import Done, plan_shards, reduce_job, run_shard
from assay.kernel.storage.ports import Transaction
from assay.kernel.storage.store import Store

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

WINDOW = 3  # shards in flight for each compute process: enough to keep all of them busy
MOST_STORE_TRIES = 6  # of one commit, while the store cannot be reached: half a minute
LOOK_AT_CLOCK_SECONDS = 1.0  # the wall clock may jump while a run waits for its deadline


class Stop(Enum):
    """Why a run ends before its job does."""

    CANCELED = auto()  # the caller asked
    TIMED_OUT = auto()  # the deadline passed
    LOST = auto()  # another runner holds the lease
    RELEASED = auto()  # this runner is stopping, or has nothing to run shards on


class StoppedError(Exception):
    """Raised inside a run that is told to stop."""

    def __init__(self, why: Stop) -> None:
        super().__init__(why.name)
        self.why = why


class ShardError(Exception):
    """What a piece of the work raised, with the name of the piece."""

    def __init__(self, piece: str, cause: BaseException) -> None:
        super().__init__(piece)
        self.piece, self.cause = piece, cause
        self.fault = Fault.of(cause)


@dataclass(frozen=True, kw_only=True)
class Means:
    """What a run works with; shared by all runs of a runner."""

    store: Store
    executor: Executor
    clock: Clock
    chance: Chance
    backoff: Backoff


class Run:
    """Drives one claimed job on one thread; other threads may call `stop`.

    `tell` is called after each commit with what happened: checkpoint, ended, released, retried, lost.
    """

    def __init__(
        self, job: Job, kind: Kind, means: Means, tell: Callable[[str, Job], None]
    ) -> None:
        self.job = job
        self._kind, self._means, self._tell = kind, means, tell
        self._store, self._executor = means.store, means.executor
        self._view = JobView.of(job)
        self._inbox: queue.SimpleQueue[Future[Any] | Stop] = queue.SimpleQueue()
        self._halted = threading.Event()
        self._finished: dict[str, ShardRecord] = {}
        # A job that took a runner down may do so again: then it is known what ran.
        self._is_suspect = job.attempts > 1 or job.max_attempts == 1
        is_last = 1 < job.attempts == job.max_attempts  # one by one, so that one is to blame
        self._window = 1 if is_last else WINDOW * self._executor.parallelism

    @property
    def lease(self) -> Lease:
        """What is renewed while the run goes on."""
        return Lease(
            organization_id=self.job.organization_id, job_id=self.job.job_id, epoch=self.job.epoch
        )

    def stop(self, why: Stop) -> None:
        """Have the run end soon; from any thread."""
        self._halted.set()
        self._inbox.put(why)

    def drive(self) -> None:
        """Run the job to its end, or until it is stopped."""
        try:
            self._go()
        except StaleLease:
            log.info("job %s: another runner holds it now", self.job.job_id)
            self._tell("lost", self.job)

    def _go(self) -> None:
        try:
            result = self._compute()
        except ShardError as failed:
            self._failed(failed)
        except StoppedError as stopped:
            self._stopped(stopped.why)
        else:
            self._end(Ending(state=JobState.SUCCEEDED, result=result))

    def _compute(self) -> bytes:
        records = self._patiently(
            self._store.read,
            lambda tx: tx.jobs.shards(self.job.organization_id, self.job.job_id),
        )
        self._finished = {record.key: record for record in records}
        while True:
            planned = self._await("its plan", plan_shards, self._kind, self._view, self._finished)
            missing = [shard for shard in planned if shard.key not in self._finished]
            if not missing:
                return self._await("its end", reduce_job, self._kind, self._view, self._finished)
            self._run_all(missing)

    def _run_all(self, missing: Iterable[Shard]) -> None:
        """Run shards, a window of them at a time, and checkpoint them as they finish."""
        waiting = deque(missing)
        run = sum(record.first_row is None for record in self._finished.values())
        total = run + len(waiting)  # chunks came finished and are no work of this job
        running: dict[Future[Any], Shard] = {}
        try:
            while waiting or running:
                room = min(self._window - len(running), len(waiting))
                fresh = [waiting.popleft() for _ in range(room)]
                if fresh:
                    self._note([_named(shard) for shard in (*running.values(), *fresh)])
                for shard in fresh:
                    running[self._submit(run_shard, self._kind, self._view, shard)] = shard
                self._gather(running, total)
        finally:
            self._executor.abandon(running)

    def _gather(self, running: dict[Future[Any], Shard], total: int) -> None:
        """Checkpoint the shards that finish next; raise the gravest of what went wrong."""
        done, failed = [], []
        for future in self._next():
            shard = running.pop(future, None)
            if shard is None:
                continue
            error = future.exception()
            if error is None:
                done.append(future.result())
            else:
                failed.append(ShardError(_named(shard), error))
        self._checkpoint(done, total)
        if failed:
            raise min(failed, key=lambda one: one.fault.value)

    def _checkpoint(self, done: list[Done], total: int) -> None:
        if not done:
            return
        job = self.job
        levels = {key: data for one in done for key, data in one.levels.items()}
        records = [record for one in done for record in (*one.stored, one.record)]
        finished = {**self._finished, **{record.key: record for record in records}}
        levels["progress"] = {
            "done": sum(record.first_row is None for record in finished.values()),
            "total": total,
            "rows": sum(record.rows or 0 for record in finished.values()),
        }
        events = [event for one in done for event in one.events]
        self._commit(
            lambda tx: tx.jobs.checkpoint(
                job.organization_id, job.job_id, job.epoch, records, events=events, levels=levels
            )
        )
        self._finished = finished
        self._tell("checkpoint", job)

    def _note(self, pieces: list[str]) -> None:
        """Have the ledger know what is about to run, where that may end this process."""
        if self._is_suspect:
            job = self.job
            self._commit(
                lambda tx: tx.jobs.note_in_flight(
                    job.organization_id, job.job_id, job.epoch, pieces
                )
            )

    def _await(self, piece: str, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        self._note([piece])
        future = self._submit(fn, *args, **kwargs)
        try:
            while future not in self._next():
                pass
        except BaseException:
            self._executor.abandon([future])
            raise
        error = future.exception()
        if error is not None:
            raise ShardError(piece, error)
        return future.result()

    def _submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        try:
            future = self._executor.submit(fn, *args, **kwargs)
        except PoolClosedError as error:
            raise StoppedError(Stop.RELEASED) from error
        future.add_done_callback(self._inbox.put)
        return future

    def _next(self) -> list[Future[Any]]:
        """Wait for a future to finish; return it with all others that have finished by now.

        Raises StoppedError as soon as the run is told to stop, or its deadline has passed.
        """
        found = [self._hear()]
        while not self._inbox.empty():
            found.append(self._inbox.get())
        futures = [one for one in found if isinstance(one, Future)]
        for one in found:
            if isinstance(one, Stop):
                if one is not Stop.RELEASED or not futures:
                    raise StoppedError(one)
                self._inbox.put(one)  # what has finished need not be run again
        return futures

    def _hear(self) -> Future[Any] | Stop:
        """Wait for news, but not beyond the deadline."""
        deadline = self.job.deadline
        while True:
            left = None
            if deadline is not None:
                left = (deadline - self._means.clock.now()).total_seconds()
                if left <= 0:
                    return Stop.TIMED_OUT
                left = min(left, LOOK_AT_CLOCK_SECONDS)
            try:
                return self._inbox.get(timeout=left)
            except queue.Empty:
                continue

    def _patiently(
        self,
        block: Callable[[], AbstractContextManager[Transaction]],
        work: Callable[[Transaction], R],
    ) -> R:
        """Do `work` in a block of the store, again while the store cannot be reached.

        The lease may run out meanwhile: then whatever is written next is refused as stale.
        """
        for number in itertools.count(1):
            try:
                with block() as tx:
                    return work(tx)
            except Unavailable as error:
                log.warning("job %s waits for the store: %s", self.job.job_id, error)
                seconds = self._means.backoff.seconds(number, self._means.chance)
                if number == MOST_STORE_TRIES or self._halted.wait(seconds):
                    raise
        raise AssertionError("the count has no end")

    def _commit(self, work: Callable[[Transaction], R]) -> R:
        return self._patiently(self._store.write, work)

    def _end(self, ending: Ending) -> None:
        """Commit the end with what it means for other nouns, or the failure to do so."""
        try:
            self._tell("ended", self._commit(lambda tx: self._ended(tx, ending)))
        except (StaleLease, Unavailable):
            raise
        except Exception as error:  # settling is a kind's own code and may raise anything
            if ending.state is not JobState.SUCCEEDED:
                raise
            self._end(self._own_fault("its end", error))

    def _ended(self, tx: Transaction, ending: Ending) -> Job:
        job = self.job
        ended = tx.jobs.end(
            job.organization_id,
            job.job_id,
            job.epoch,
            ending.state,
            result=ending.result,
            error=ending.error,
        )
        settle(tx, self._kind, ended)
        return ended

    def _own_fault(self, piece: str, cause: BaseException) -> Ending:
        error = own_error(cause)
        if error is None:
            log.error("job %s failed in %s", self.job.job_id, piece, exc_info=cause)
            error = JobError(reason=Internal.reason, message=UNKNOWN)
        return Ending(state=JobState.FAILED, error=error)

    def _failed(self, failed: ShardError) -> None:
        """End the job for a fault of its own; for any other have it tried again."""
        if failed.fault is Fault.OWN:
            self._end(self._own_fault(failed.piece, failed.cause))
        elif failed.fault is Fault.POOL:
            self._stopped(Stop.RELEASED)
        else:
            log.warning("job %s: %s failed: %s", self.job.job_id, failed.piece, failed.cause)
            left = self._commit(lambda tx: self._retry(tx, failed))
            self._tell("ended" if left.is_terminal else "retried", left)

    def _retry(self, tx: Transaction, failed: ShardError) -> Job:
        """Put the job off, or fail it when that was done often enough."""
        job = self.job
        retries = tx.jobs.setbacks(job.organization_id, job.job_id).retries
        if failed.fault is Fault.DEADLY and job.attempts >= job.max_attempts:
            error = deadly_error(failed.piece, job.attempts)
            return self._ended(tx, Ending(state=JobState.FAILED, error=error))
        if failed.fault is Fault.STORE and retries >= MOST_RETRIES:
            error = unreachable_error(failed.piece, failed.cause, retries)
            return self._ended(tx, Ending(state=JobState.FAILED, error=error))
        number = job.attempts if failed.fault is Fault.DEADLY else retries + 1
        seconds = self._means.backoff.seconds(number, self._means.chance)
        queued = tx.jobs.retry(
            job.organization_id,
            job.job_id,
            job.epoch,
            not_before=self._means.clock.now() + timedelta(seconds=seconds),
            counts=failed.fault is Fault.DEADLY,
        )
        if queued.is_terminal:  # a cancel that was asked meanwhile
            settle(tx, self._kind, queued)
        return queued

    def _stopped(self, why: Stop) -> None:
        if why is Stop.LOST:
            self._tell("lost", self.job)
        elif why is Stop.RELEASED:
            self._tell("released", self._commit(self._release))
        else:
            self._end(Ending(state=JobState[why.name]))

    def _release(self, tx: Transaction) -> Job:
        job = self.job
        released = tx.jobs.release(job.organization_id, job.job_id, job.epoch)
        if released.is_terminal:  # a cancel that was asked meanwhile
            settle(tx, self._kind, released)
        return released


def _named(shard: Shard) -> str:
    return f"shard {shard.key}"


def settle(tx: Transaction, kind: Kind, ended: Job) -> None:
    """Write what the end of a job means for other nouns, in the commit that ends it."""
    kind.settle(tx, ended, Ending(state=ended.state, result=ended.result, error=ended.error))
