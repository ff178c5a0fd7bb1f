"""The runner: takes jobs from the ledger, keeps their leases, and drives each to its end.

It runs inside a server process or as a process of its own, beside any number of others.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from assay.kernel import owner, trace
from assay.kernel.clock import Clock
from assay.kernel.errors import Unavailable
from assay.kernel.jobs.execution import JobExecution, RunContext, Stop
from assay.kernel.jobs.executors.base import Executor
from assay.kernel.jobs.executors.reserved_pools import ReservedPools
from assay.kernel.jobs.failure_policy import Backoff, Jitter, system_jitter
from assay.kernel.jobs.job import Job
from assay.kernel.jobs.kind import ComputeSettings, JobKind
from assay.kernel.jobs.leases import this_process
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.storage.blobs import BlobStore
from assay.kernel.storage.store import Store
from assay.kernel.storage.unit_of_work import UnitOfWork

log = logging.getLogger(__name__)

POLL_SECONDS = 0.05  # how soon a commit of another process is noticed
LOOK_SECONDS = 1.0  # how often time alone, without a commit, may bring work: a lease runs out

JobKey = tuple[str, str]
NO_SETTINGS = ComputeSettings()
MOST_WAITING_JOBS = 32  # beside those that compute: each holds a thread that waits


@dataclass(frozen=True, kw_only=True)
class Signal:
    """Something that a runner did; tests wait for these instead of sleeping."""

    what: str  # claimed, checkpoint, ended, released, retried, lost
    organization_id: str
    job_id: str


class Runner:
    """Claims jobs and runs up to `most_jobs` at a time on one executor, beside those that wait.

    A job whose tasks all wait for another machine, on `network`, holds none of these places.
    """

    def __init__(
        self,
        store: Store,
        *,
        blobs: BlobStore,
        executor: Executor,
        network: Executor | None = None,
        reserved: ReservedPools | None = None,
        kinds: Mapping[str, JobKind[Any, Any]],
        clock: Clock | None = None,
        jitter: Jitter | None = None,
        backoff: Backoff | None = None,
        settings: ComputeSettings = NO_SETTINGS,
        lease_seconds: float = 4.0,
        most_jobs: int = 4,
        name: str = "runner",
        listener: Callable[[Signal], None] = lambda _: None,
    ) -> None:
        self._store, self._executor, self._kinds = store, executor, kinds
        self._clock = clock or Clock()
        self._context = RunContext(
            store=store,
            blobs=blobs,
            executor=executor,
            network=network or executor,
            reserved=reserved,
            settings=settings,
            clock=self._clock,
            jitter=jitter or system_jitter(),
            backoff=backoff or Backoff(),
        )
        self._lease_seconds, self._most_jobs = lease_seconds, most_jobs
        self._listener = listener
        self._owner = this_process(name)
        # Not by job: one that was let go may be claimed again before its first run has left.
        self._runs: set[JobExecution] = set()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._stopped = threading.Event()
        self._is_behind = False  # leases could not be renewed in time
        self._drivers = ThreadPoolExecutor(
            most_jobs + MOST_WAITING_JOBS, thread_name_prefix="assay-job"
        )
        self._threads = [
            threading.Thread(target=self._claim_loop, name="assay-runner", daemon=True),
            threading.Thread(target=self._heartbeat_loop, name="assay-heartbeat", daemon=True),
        ]
        self._forget: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Free the leases that died with their processes, and begin to claim jobs."""
        with self._store.write() as uow:
            freed = uow[Jobs].free_dead_leases(ended=self._settler(uow))
        if freed:
            log.info("%d job(s) of dead processes are queued again", freed)
        self._forget = self._store.on_commit(self._hear)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Give every lease back, unharmed, and return when nothing runs any more."""
        self._stopping.set()
        self._wake.set()
        self._forget()
        self._threads[0].join()
        for run in self._current():
            run.stop(Stop.RELEASED)
        self._drivers.shutdown(wait=True)
        self._stopped.set()
        self._threads[1].join()

    def running(self) -> int:
        """Return how many jobs this runner now drives."""
        return len(self._current())

    def _hear(self, touched: frozenset[JobKey]) -> None:
        """Wake up for a commit of this process that changed a job."""
        if touched:
            self._wake.set()

    def _claim_loop(self) -> None:
        seen: Hashable = None
        looked = 0.0
        while not self._stopping.is_set():
            hinted = self._wake.wait(POLL_SECONDS)
            self._wake.clear()
            try:
                token = self._store.changes.token()
                now = self._clock.monotonic()
                if hinted or token != seen or now - looked >= LOOK_SECONDS:
                    # The token is taken before the look, so that no commit falls in between.
                    seen, looked = token, now
                    self._look()
            except Unavailable as error:
                log.warning("the runner could not look for jobs; it tries again: %s", error)
                self._stopping.wait(LOOK_SECONDS)
            except Exception:
                log.exception("the runner could not look for jobs; it tries again")
                self._stopping.wait(LOOK_SECONDS)

    def _look(self) -> None:
        if self._is_behind:
            # After a time in which the store took nothing: what runs here is not to be lost to
            # ourselves, which would cost it an attempt.
            self._beat()
        self._notice_cancels()
        self._sweep()
        while self._has_room():
            with self._store.read() as uow:
                if not uow[Jobs].claimable(tuple(self._kinds)):
                    return
            with self._store.write() as uow:
                job = uow[Jobs].claim(
                    self._owner, self._lease_seconds, tuple(self._kinds), ended=self._settler(uow)
                )
            if job is None:
                return
            self._begin(job)

    def _has_room(self) -> bool:
        """Whether another job may be taken, and could be run here."""
        runs = self._current()
        computing = sum(not run.is_waiting for run in runs)
        is_free = computing < self._most_jobs and len(runs) < self._most_jobs + MOST_WAITING_JOBS
        return is_free and not self._stopping.is_set() and self._executor.is_usable

    def _sweep(self) -> None:
        """End what nobody will run any more: jobs past their deadline."""
        while not self._stopping.is_set():
            with self._store.read() as uow:
                if not uow[Jobs].overdue():
                    return
            with self._store.write() as uow:
                if not uow[Jobs].expire(ended=self._settler(uow)):
                    return  # another runner ended them

    def _begin(self, job: Job) -> None:
        run = JobExecution(job, self._kinds[job.kind], self._context, self._tell)
        with self._lock:
            self._runs.add(run)
        self._tell("claimed", job)
        self._drivers.submit(self._drive, run)

    def _drive(self, run: JobExecution) -> None:
        try:
            with trace.using(run.job.trace):
                owner.work_for(run.job.organization_id)
                run.drive()
        except Exception:
            # The store failed us: the lease runs out, and the job is claimed again.
            log.exception("job %s was dropped", run.job.job_id)
            self._tell("lost", run.job)
        finally:
            with self._lock:
                self._runs.discard(run)
            self._wake.set()  # a place is free

    def _notice_cancels(self) -> None:
        runs = self._current()
        if not runs:
            return
        with self._store.read() as uow:
            for run in runs:
                job = uow[Jobs].get(run.job.organization_id, run.job.job_id)
                if job.cancel_requested and job.epoch == run.job.epoch:
                    run.stop(Stop.CANCELED)

    def _heartbeat_loop(self) -> None:
        while not self._stopped.wait(self._lease_seconds / 4):
            try:
                self._beat()
            except Exception as error:  # noqa: BLE001  # whatever it is, the next may succeed
                log.warning("leases could not be renewed: %s", error)

    def _beat(self) -> None:
        """Renew the leases of what runs here; without it every lease is lost."""
        runs = {run.lease: run for run in self._current()}
        self._is_behind = bool(runs)
        if not runs:
            return
        with self._store.write() as uow:
            held = uow[Jobs].renew(self._owner, list(runs), self._lease_seconds)
        self._is_behind = False
        kept = {(one.organization_id, one.job_id, one.epoch): one for one in held}
        for lease, run in runs.items():
            now = kept.get((lease.organization_id, lease.job_id, lease.epoch))
            if now is None:
                run.stop(Stop.LOST)
            elif now.cancel_requested:
                run.stop(Stop.CANCELED)

    def _settler(self, uow: UnitOfWork) -> Callable[[Job], None]:
        """Return what settles a job that the ledger itself ended, in the same commit."""

        def ended(job: Job) -> None:
            kind = self._kinds.get(job.kind)
            if kind is not None:
                kind.on_finished(uow, job)

        return ended

    def _current(self) -> list[JobExecution]:
        with self._lock:
            return list(self._runs)

    def _tell(self, what: str, job: Job) -> None:
        self._listener(Signal(what=what, organization_id=job.organization_id, job_id=job.job_id))
