"""One job in the hands of a runner: planned, run shard by shard, reduced, and ended."""

from __future__ import annotations

import logging
import queue
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from enum import Enum, auto
from typing import Any, ParamSpec, TypeVar

from assay.domain.errors import AssayError, Internal, StaleLease
from assay.domain.job import Job, JobError, Lease, Shard, ShardRecord
from assay.domain.states import JobState
from assay.jobs.executors import Executor, PoolClosedError
from assay.jobs.kinds.kind import Ending, JobView, Kind
from assay.jobs.work import Done, plan_shards, reduce_job, run_shard
from assay.storage.ports import Transaction
from assay.storage.store import Store

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

WINDOW = 3  # shards in flight for each compute process: enough to keep all of them busy

UNKNOWN = "The job failed for a reason of our own, which was logged. Submit it again."


class Stop(Enum):
    """Why a run ends before its job does."""

    CANCELED = auto()  # the caller asked
    TIMED_OUT = auto()  # the deadline passed
    LOST = auto()  # another runner holds the lease
    RELEASED = auto()  # this runner is stopping


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


class Run:
    """Drives one claimed job on one thread; other threads may call `stop`.

    `tell` is called after each commit with what happened: checkpoint, ended, released, lost.
    """

    def __init__(
        self,
        job: Job,
        kind: Kind,
        store: Store,
        executor: Executor,
        tell: Callable[[str, Job], None],
    ) -> None:
        self.job = job
        self._kind, self._store, self._executor, self._tell = kind, store, executor, tell
        self._view = JobView.of(job)
        self._inbox: queue.SimpleQueue[Future[Any] | Stop] = queue.SimpleQueue()
        self._finished: dict[str, ShardRecord] = {}

    @property
    def lease(self) -> Lease:
        """What is renewed while the run goes on."""
        return Lease(
            organization_id=self.job.organization_id, job_id=self.job.job_id, epoch=self.job.epoch
        )

    def stop(self, why: Stop) -> None:
        """Have the run end soon; from any thread."""
        self._inbox.put(why)

    def drive(self) -> None:
        """Run the job to its end, or until it is stopped."""
        try:
            self._end(self._outcome())
        except StoppedError as stopped:
            self._stopped(stopped.why)
        except StaleLease:
            log.info("job %s: another runner holds it now", self.job.job_id)
            self._tell("lost", self.job)

    def _outcome(self) -> Ending:
        """Return how the job ends; whatever goes wrong with the work itself is a FAILED."""
        try:
            return Ending(state=JobState.SUCCEEDED, result=self._compute())
        except ShardError as failed:
            if isinstance(failed.cause, PoolClosedError):
                raise StoppedError(Stop.RELEASED) from failed
            return self._failed(failed.piece, failed.cause)

    def _compute(self) -> bytes:
        with self._store.read() as tx:
            records = tx.jobs.shards(self.job.organization_id, self.job.job_id)
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
                while waiting and len(running) < WINDOW * self._executor.parallelism:
                    shard = waiting.popleft()
                    running[self._submit(run_shard, self._kind, self._view, shard)] = shard
                done = [
                    self._result(f"shard {running.pop(future).key}", future)
                    for future in self._next()
                    if future in running
                ]
                self._checkpoint(done, total)
        finally:
            for future in running:
                future.cancel()

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
        with self._store.write() as tx:
            tx.jobs.checkpoint(
                job.organization_id,
                job.job_id,
                job.epoch,
                records,
                events=[event for one in done for event in one.events],
                levels=levels,
            )
        self._finished = finished
        self._tell("checkpoint", job)

    def _await(self, piece: str, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        future = self._submit(fn, *args, **kwargs)
        while future not in self._next():
            pass
        return self._result(piece, future)

    def _submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        try:
            future = self._executor.submit(fn, *args, **kwargs)
        except PoolClosedError as error:
            raise StoppedError(Stop.RELEASED) from error
        future.add_done_callback(self._inbox.put)
        return future

    def _next(self) -> list[Future[Any]]:
        """Wait for a future to finish; return it with all others that have finished by now.

        Raises StoppedError as soon as the run is told to stop.
        """
        found = [self._inbox.get()]
        while not self._inbox.empty():
            found.append(self._inbox.get())
        for one in found:
            if isinstance(one, Stop):
                raise StoppedError(one)
        return [one for one in found if isinstance(one, Future)]

    @staticmethod
    def _result(piece: str, future: Future[R]) -> R:
        error = future.exception()
        if error is not None:
            raise ShardError(piece, error)
        return future.result()

    def _failed(self, piece: str, cause: BaseException) -> Ending:
        if isinstance(cause, AssayError) and not isinstance(cause, Internal):
            error = JobError.of(cause)
        else:
            log.error("job %s failed in %s", self.job.job_id, piece, exc_info=cause)
            error = JobError(reason=Internal.reason, message=UNKNOWN)
        return Ending(state=JobState.FAILED, error=error)

    def _end(self, ending: Ending) -> None:
        """Commit the end with what it means for other nouns, or the failure to do so."""
        try:
            self._commit(ending)
        except StaleLease:
            raise
        except Exception as error:  # settling is a kind's own code and may raise anything
            if ending.state is not JobState.SUCCEEDED:
                raise
            self._commit(self._failed("its end", error))

    def _commit(self, ending: Ending) -> None:
        job = self.job
        with self._store.write() as tx:
            ended = tx.jobs.end(
                job.organization_id,
                job.job_id,
                job.epoch,
                ending.state,
                result=ending.result,
                error=ending.error,
            )
            settle(tx, self._kind, ended)
        self._tell("ended", ended)

    def _stopped(self, why: Stop) -> None:
        job = self.job
        if why is Stop.LOST:
            self._tell("lost", job)
        elif why is Stop.RELEASED:
            with self._store.write() as tx:
                released = tx.jobs.release(job.organization_id, job.job_id, job.epoch)
                if released.is_terminal:  # a cancel that was asked meanwhile
                    settle(tx, self._kind, released)
            self._tell("released", released)
        else:
            self._end(Ending(state=JobState[why.name]))


def settle(tx: Transaction, kind: Kind, ended: Job) -> None:
    """Write what the end of a job means for other nouns, in the commit that ends it."""
    kind.settle(tx, ended, Ending(state=ended.state, result=ended.result, error=ended.error))
