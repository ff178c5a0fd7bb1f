"""The execution of one claimed job: its tasks planned, run, reduced, and its end committed."""

from __future__ import annotations

import itertools
import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum, auto
from typing import Any, ParamSpec, TypeVar

from assay.kernel.clock import Clock
from assay.kernel.errors import (
    DataDamaged,
    Internal,
    QuotaExceeded,
    StaleLease,
    StorageUnavailable,
    Unavailable,
)
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.divided_tasks import DividedTasks, PartOfTask
from assay.kernel.jobs.executors.base import ChildKilledError, Executor, PoolClosedError
from assay.kernel.jobs.executors.choice import ExecutorChoice
from assay.kernel.jobs.executors.reserved_pools import ReservedPools
from assay.kernel.jobs.failure_policy import (
    MOST_RETRIES,
    UNKNOWN,
    Backoff,
    FailureCause,
    Jitter,
    TaskError,
    deadly_error,
    own_error,
    told_as,
    unreachable_error,
)
from assay.kernel.jobs.job import Job, JobError, Lease
from assay.kernel.jobs.kind import ComputeContext, ComputeSettings, JobKind, JobView
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.payloads import Progress
from assay.kernel.jobs.stage_progress import StageProgress, Task, WaitingTasks
from assay.kernel.jobs.states import JobState
from assay.kernel.jobs.work import Done, Finished, TaskCall, finish_job, plan_stages, run_task
from assay.kernel.storage.blobs import BlobMark, BlobStore
from assay.kernel.storage.store import Store
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import decode

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

WINDOW = 3  # tasks in flight for each compute process: enough to keep all of them busy
MOST_STORE_TRIES = 6  # of one commit, while the store cannot be reached: half a minute
LOOK_AT_CLOCK_SECONDS = 1.0  # the wall clock may jump while a run waits for its deadline


class Stop(Enum):
    """Why a run ends before its job does."""

    CANCELED = auto()  # the caller asked
    TIMED_OUT = auto()  # the deadline passed
    LOST = auto()  # another runner holds the lease
    RELEASED = auto()  # this runner is stopping, or has nothing to run tasks on


class StoppedError(Exception):
    """Raised inside a run that is told to stop."""

    def __init__(self, why: Stop) -> None:
        super().__init__(why.name)
        self.why = why


@dataclass(frozen=True, kw_only=True)
class RunContext:
    """What a run works with; shared by all runs of a runner."""

    store: Store
    blobs: BlobStore
    executor: Executor
    network: Executor  # of tasks that wait for another machine
    reserved: ReservedPools | None = None  # of tasks for which processes are kept
    settings: ComputeSettings
    clock: Clock
    jitter: Jitter
    backoff: Backoff


class JobExecution:
    """Drives one claimed job on one thread; other threads may call `stop`.

    `tell` is called after each commit with what happened: checkpoint, ended, released, retried, lost.
    """

    def __init__(
        self,
        job: Job,
        kind: JobKind[Any, Any],
        context: RunContext,
        tell: Callable[[str, Job], None],
    ) -> None:
        self.job = job
        self._held = job.organization_id, job.job_id, job.epoch  # what a write is fenced by
        self._kind, self._context, self._tell = kind, context, tell
        self._store, self._executor = context.store, context.executor
        self._view: JobView[Any]
        self._compute_with = ComputeContext(
            blobs=JobBlobs(context.blobs, job.organization_id),
            settings=context.settings,
            trace=job.trace,
        )
        self._inbox: queue.SimpleQueue[Future[Any] | Stop] = queue.SimpleQueue()
        self._halted = threading.Event()
        self._executors = ExecutorChoice(context.executor, context.network, context.reserved)
        self._divided = DividedTasks(kind)
        self._made: dict[str, BlobMark] = {}  # blobs of this run to be superseded, by address
        # A job that took a runner down may do so again: then it is known what ran.
        self._is_suspect = job.attempts > 1 or job.max_attempts == 1
        is_last = 1 < job.attempts == job.max_attempts  # one by one, so that one is to blame
        self._window = 1 if is_last else WINDOW * self._executor.parallelism
        self.is_waiting = False  # all that runs of it now waits for the network

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
            self._view = self._read_spec()
            result = self._compute()
        except TaskError as failed:
            self._failed(failed)
        except StoppedError as stopped:
            self._stopped(stopped.why)
        else:
            self._end(JobState.SUCCEEDED, result=result)

    def _read_spec(self) -> JobView[Any]:
        with told_as("its specification"):
            return self._kind.view(self.job)

    def _compute(self) -> bytes:
        """Plan and run what can be planned, all stages whose inputs have finished, until none is left."""
        progress = self._read_progress()
        while stages := progress.next_stages():
            names = tuple(stage.name for stage in stages)
            finished = progress.read_by_plans(stages)
            plans = self._await(
                "its plan", plan_stages, self._kind, self._view, names, finished, self._compute_with
            )
            with told_as("its plan"):
                waiting = progress.begin(plans)
            self._run_planned(progress, waiting)
        return self._await(
            "its end",
            finish_job,
            self._kind,
            self._view,
            progress.read_by_end(),
            self._compute_with,
        )

    def _read_progress(self) -> StageProgress:
        org, job_id = self.job.organization_id, self.job.job_id
        records = self._patiently(self._store.read, lambda uow: uow[Jobs].tasks(org, job_id))
        with told_as("its specification"):
            return StageProgress(self._kind, self._view, records, self._compute_with.blobs)

    def _run_planned(self, progress: StageProgress, waiting: WaitingTasks) -> None:
        """Run tasks, a window of them at a time, and checkpoint them as they finish."""
        running: dict[Future[Any], Task] = {}
        try:
            while waiting or running:
                fresh = waiting.take(self._window - len(running))
                if fresh:
                    self._note([_named(task) for task in (*running.values(), *fresh)])
                for task in fresh:
                    finished = progress.read_by_task(task)
                    running[self._submit_task(task, finished)] = task
                self._write_started(fresh)
                self.is_waiting = all(self._waits(task) for task in running.values())
                self._gather(running, progress, waiting)
        finally:
            self.is_waiting = False
            self._executors.abandon(running)

    def _waits(self, task: Task) -> bool:
        return task.stage.waits(self._view)

    def _submit_task(self, task: Task, finished: Finished) -> Future[Done]:
        call = TaskCall(
            kind=self._kind,
            job=self._view,
            stage=task.stage.name,
            key=task.key,
            payload=task.payload,
            finished=finished,
        )
        return self._submit_to(
            self._executors.of(task.stage, self._view), run_task, call, self._compute_with
        )

    def _gather(
        self, running: dict[Future[Any], Task], progress: StageProgress, waiting: WaitingTasks
    ) -> None:
        """Checkpoint the tasks that finish next; raise the gravest of what went wrong."""
        done: list[Done] = []
        failed: list[TaskError] = []
        for future in self._next():
            task = running.pop(future, None)
            if task is None:
                continue
            parts = self._parts(task, future)
            for part in parts:
                running[self._submit_task(part, progress.read_by_task(part))] = part
            ended = None if parts else self._task_ended(task, future, failed)
            if ended is not None:
                done.append(self._hand_on(*ended, progress, waiting, failed))
        self._checkpoint(done, progress, waiting)
        if failed:
            raise min(failed, key=lambda one: one.cause_kind.value)

    def _hand_on(
        self,
        task: Task,
        done: Done,
        progress: StageProgress,
        waiting: WaitingTasks,
        failed: list[TaskError],
    ) -> Done:
        """Let the tasks run that follow a finished one; return what it left, and lets go."""
        waiting.finished(task, ends_stage=done.ends_stage)
        try:
            with told_as(f"what follows {_named(task)}"):
                waiting.add_next(progress.followers(task, done.records[-1]))
        except TaskError as error:
            failed.append(error)
        return replace(done, superseded=(*done.superseded, *progress.let_go(task)))

    def _parts(self, task: Task, future: Future[Done]) -> list[PartOfTask]:
        """Return the parts to run in place of a task that ended each process; none: it has none."""
        is_killed = isinstance(future.exception(), ChildKilledError)
        return self._divided.divide(task) if is_killed else []

    def _task_ended(
        self, task: Task, future: Future[Done], failed: list[TaskError]
    ) -> tuple[Task, Done] | None:
        """Return the task that has come to its end and what it left; None: it failed, or is in parts."""
        error = future.exception()
        done: Done | None = None
        if error is None:
            done = future.result()
        elif isinstance(error, ChildKilledError):
            done = self._divided.give_up(task)
        if done is not None:
            return self._divided.finished(task, done)
        assert error is not None
        failed.append(TaskError(_named(task), error))
        return None

    def _checkpoint(self, done: list[Done], progress: StageProgress, waiting: WaitingTasks) -> None:
        if not done:
            return
        records = [record for one in done for record in one.records]
        progress.add(records)
        status: dict[str, Any] = {name: one for each in done for name, one in each.status.items()}
        status[Progress.name] = Progress(
            done=progress.done,
            total=progress.done + waiting.unfinished + progress.expected,
            rows=progress.rows,
        )
        events = [event for one in done for event in one.events]
        superseded = [address for one in done for address in one.superseded]
        writes = [write for one in done for write in one.writes]

        def record(uow: UnitOfWork) -> None:
            is_new = uow[Jobs].checkpoint(
                *self._held, records, events=events, status=status, superseded=superseded
            )
            if is_new and writes:
                self._kind.on_tasks_finished(uow, self.job, writes)

        try:
            self._commit(record)
        except QuotaExceeded as error:  # the caller's to mend, as what a task itself refuses
            raise TaskError("what its tasks stored", error) from error
        self._made.update((mark.address, mark) for one in done for mark in one.made)
        # Of those that another run made nobody knows who else put them: they wait for the collector.
        known = [self._made.pop(address) for address in superseded if address in self._made]
        self._context.blobs.discard(known)
        self._tell("checkpoint", self.job)

    def _write_started(self, tasks: list[Task]) -> None:
        """Have the kind write that tasks were handed out."""
        if not tasks or not self._kind.writes_started:
            return
        payloads = [decode(task.stage.payload, task.payload) for task in tasks]

        def write(uow: UnitOfWork) -> None:
            uow[Jobs].check_lease(*self._held)
            self._kind.on_tasks_started(uow, self.job, payloads)

        self._commit(write)

    def _note(self, names: list[str]) -> None:
        """Have the ledger know what is about to run, where that may end this process."""
        if self._is_suspect:
            self._commit(lambda uow: uow[Jobs].note_in_flight(*self._held, names))

    def _await(self, task_name: str, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        self._note([task_name])
        future = self._submit_to(self._executor, fn, *args, **kwargs)
        try:
            while future not in self._next():
                pass
        except BaseException:
            self._executor.abandon([future])
            raise
        error = future.exception()
        if error is not None:
            raise TaskError(task_name, error)
        return future.result()

    def _submit_to(
        self, executor: Executor, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[R]:
        try:
            future = executor.submit(fn, *args, **kwargs)
        except PoolClosedError as error:
            raise StoppedError(Stop.RELEASED) from error
        future.add_done_callback(self._inbox.put)
        return future

    def _next(self) -> list[Future[Any]]:
        """Wait for a future to finish; return it with all others that have finished by now.

        Raises StoppedError as soon as the run is told to stop, or its deadline has passed.
        """
        heard = [self._hear()]
        while not self._inbox.empty():
            heard.append(self._inbox.get())
        futures = [one for one in heard if isinstance(one, Future)]
        for one in heard:
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
                left = (deadline - self._context.clock.now()).total_seconds()
                if left <= 0:
                    return Stop.TIMED_OUT
                left = min(left, LOOK_AT_CLOCK_SECONDS)
            try:
                return self._inbox.get(timeout=left)
            except queue.Empty:
                continue

    def _patiently(
        self,
        block: Callable[[], AbstractContextManager[UnitOfWork]],
        work: Callable[[UnitOfWork], R],
    ) -> R:
        """Do `work` in a block of the store, again while the store cannot be reached.

        A full disk is waited for as long as it takes: nobody else could write anything either. The lease may run out meanwhile: then whatever is written next is refused as stale.
        """
        for number in itertools.count(1):
            try:
                with block() as uow:
                    return work(uow)
            except Unavailable as error:
                log.warning("job %s waits for the store: %s", self.job.job_id, error)
                seconds = self._context.backoff.seconds(
                    min(number, MOST_STORE_TRIES), self._context.jitter
                )
                is_hopeless = number >= MOST_STORE_TRIES
                if is_hopeless and not isinstance(error, StorageUnavailable):
                    raise
                if self._halted.wait(seconds):
                    raise
        raise AssertionError("the count has no end")

    def _commit(self, work: Callable[[UnitOfWork], R]) -> R:
        return self._patiently(self._store.write, work)

    def _end(
        self, state: JobState, *, result: bytes | None = None, error: JobError | None = None
    ) -> None:
        """Commit the end with what it means for other nouns, or the failure to do so."""
        try:
            ended = self._commit(lambda uow: self._ended(uow, state, result, error))
        except (StaleLease, Unavailable):
            raise
        except Exception as cause:  # settling is a kind's own code and may raise anything
            if state is not JobState.SUCCEEDED:
                raise
            self._fail("its end", cause)
        else:
            self._tell("ended", ended)

    def _ended(
        self, uow: UnitOfWork, state: JobState, result: bytes | None, error: JobError | None
    ) -> Job:
        blobs = () if result is None else self._kind.blobs_of(result)
        ended = uow[Jobs].end(*self._held, state, result=result, error=error, blobs=blobs)
        self._kind.on_finished(uow, ended)
        return ended

    def _fail(self, task_name: str, cause: BaseException) -> None:
        """End the job for a fault of its own."""
        if isinstance(cause, DataDamaged):
            log.error("job %s: %s", self.job.job_id, cause.message)
            cause = cause.of(self.job.kind, self.job.resource or self.job.job_id).published
        error = own_error(cause)
        if error is None:
            log.error("job %s failed in %s", self.job.job_id, task_name, exc_info=cause)
            error = JobError(reason=Internal.reason, message=UNKNOWN)
        self._end(JobState.FAILED, error=error)

    def _failed(self, failed: TaskError) -> None:
        """End the job for a fault of its own; for any other have it tried again."""
        if failed.cause_kind is FailureCause.OWN:
            self._fail(failed.task_name, failed.cause)
        elif failed.cause_kind is FailureCause.POOL:
            self._stopped(Stop.RELEASED)
        else:
            log.warning("job %s: %s failed: %s", self.job.job_id, failed.task_name, failed.cause)
            left = self._commit(lambda uow: self._retry(uow, failed))
            self._tell("ended" if left.is_terminal else "retried", left)

    def _retry(self, uow: UnitOfWork, failed: TaskError) -> Job:
        """Put the job off, or fail it when that was done often enough."""
        job = self.job
        retries = uow[Jobs].retry_state(job.organization_id, job.job_id).retries
        if failed.cause_kind is FailureCause.DEADLY and job.attempts >= job.max_attempts:
            error = deadly_error(failed.task_name, job.attempts)
            return self._ended(uow, JobState.FAILED, None, error)
        if failed.cause_kind is FailureCause.STORE and retries >= MOST_RETRIES:
            error = unreachable_error(failed.task_name, failed.cause, retries)
            return self._ended(uow, JobState.FAILED, None, error)
        number = job.attempts if failed.cause_kind is FailureCause.DEADLY else retries + 1
        seconds = self._context.backoff.seconds(number, self._context.jitter)
        queued = uow[Jobs].retry(
            *self._held,
            not_before=self._context.clock.now() + timedelta(seconds=seconds),
            counts=failed.cause_kind is FailureCause.DEADLY,
        )
        return self._settled(uow, queued)

    def _stopped(self, why: Stop) -> None:
        if why is Stop.LOST:
            self._tell("lost", self.job)
        elif why is Stop.RELEASED:
            self._tell(
                "released",
                self._commit(lambda uow: self._settled(uow, uow[Jobs].release(*self._held))),
            )
        else:
            self._end(JobState[why.name])

    def _settled(self, uow: UnitOfWork, queued: Job) -> Job:
        """Write what it means where a cancel that was asked meanwhile ended a job let go."""
        if queued.is_terminal:
            self._kind.on_finished(uow, queued)
        return queued


def _named(task: Task) -> str:
    return f"task {task.key}"
