"""Watching a job: ordered, unique, reliable, atomic, resumable, bookmarkable.

A watch is a cursor over the job's log. It never holds what it has not sent: a slow subscriber
costs one parked coroutine and re-reads from the log when it comes back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

from assay.kernel.errors import InvalidArgument, OutOfRange
from assay.kernel.jobs.events import Events, StatusUpdates
from assay.kernel.jobs.job import Event, JobError, StatusUpdate
from assay.kernel.jobs.kind import JobKind, StatusFold
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.turns import Turns
from assay.kernel.storage.change_notifier import ChangeNotifier
from assay.kernel.storage.store import Store
from assay.kernel.threads import RunInThread
from assay.records import plain

MAX_BATCH = 500  # events of one message
MAX_BOOKMARK_SECONDS = 10.0
MIN_BOOKMARK_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What a watch tells at once: whole commits, then the newest status updates."""

    kind: str  # of the job
    events: tuple[Event, ...]
    status: tuple[StatusUpdate, ...]
    bookmark: int  # everything up to this sequence has been told
    is_last: bool  # the terminal event has been told
    has_more: bool = False  # the log already holds more than fits this batch
    error: JobError | None = None  # of a job that has ended without a result
    status_revision: int  # where status updates go on

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self.events or self.status)


class _Position(NamedTuple):
    organization_id: str
    job_id: str
    sequence: int
    revision: int  # of the status updates
    ticks: int  # of the notifier, before it was read


class Watches:
    """Watches of the jobs of an organization; async, as a watch outlives a thread."""

    def __init__(
        self,
        store: Store,
        notifier: ChangeNotifier,
        run_in_thread: RunInThread,
        *,
        kinds: Mapping[str, JobKind[Any, Any]],
    ) -> None:
        self._store = store
        self.kinds = kinds
        self._notifier = notifier
        self._run_in_thread = run_in_thread
        self._reading: dict[_Position, asyncio.Future[Batch]] = {}
        self._turns = Turns()

    async def watch(
        self,
        organization_id: str,
        job_id: str,
        *,
        after_sequence: int,
        bookmark_seconds: float,
    ) -> AsyncGenerator[Batch, None]:
        """Yield what happens to a job after a sequence, until its terminal event was yielded.

        A batch whose events change a value that the job's kind folds from them brings it along,
        with all events up to the batch's bookmark counted.

        Raises, all before the first batch:
            InvalidArgument: the bookmark interval is out of range.
            NotFound: no such job.
            OutOfRange: the sequence lies in the future.
            EventsTrimmed: events after the sequence are no longer held.
        """
        folds: list[StatusFold] | None = None
        batches = self._watch(
            organization_id,
            job_id,
            after_sequence=after_sequence,
            bookmark_seconds=bookmark_seconds,
        )
        async with aclosing(batches):
            async for batch in batches:
                changed: list[StatusFold] = []
                if folds is None:
                    kind = self.kinds.get(batch.kind)
                    folds = [] if kind is None else [fold() for fold in kind.folds]
                    if folds and after_sequence:
                        read = partial(self._fold, organization_id, job_id, after_sequence, folds)
                        changed = await self._run_in_thread(read)
                changed = _changed(folds, batch.events, changed)
                status = tuple(_folded(fold, batch.bookmark) for fold in changed)
                yield replace(batch, status=(*batch.status, *status)) if status else batch

    async def wait(self, organization_id: str, job_id: str, seconds: float) -> None:
        """Return when a job has ended, or some seconds have passed; raises NotFound.

        What has happened before is not read.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                newest = partial(self._newest, organization_id, job_id)
                batches = self._watch(
                    organization_id,
                    job_id,
                    after_sequence=await self._run_in_thread(newest),
                    bookmark_seconds=MAX_BOOKMARK_SECONDS,
                )
                async with aclosing(batches):
                    async for _ in batches:
                        pass

    def _newest(self, organization_id: str, job_id: str) -> int:
        with self._store.read() as uow:
            return uow[Jobs].get(organization_id, job_id).last_sequence

    def _fold(
        self, organization_id: str, job_id: str, sequence: int, folds: list[StatusFold]
    ) -> list[StatusFold]:
        """Add the events up to a sequence; return the folds that they changed.

        They add nothing when the log no longer begins at 1.
        """
        changed: list[StatusFold] = []
        at = 0
        with self._store.read() as uow:
            if uow[Events].oldest(organization_id, job_id) > 1:
                return changed
            while at < sequence:
                events = uow[Events].after(organization_id, job_id, at, limit=MAX_BATCH)
                before = [event for event in events if event.sequence <= sequence]
                changed = _changed(folds, before, changed)
                at = events[-1].sequence if events else sequence
        return changed

    async def _watch(
        self,
        organization_id: str,
        job_id: str,
        *,
        after_sequence: int,
        bookmark_seconds: float,
    ) -> AsyncGenerator[Batch, None]:
        """Yield batches as they are read from the log."""
        if not MIN_BOOKMARK_SECONDS <= bookmark_seconds <= MAX_BOOKMARK_SECONDS:
            raise InvalidArgument.of(
                "bookmark_seconds",
                f"{bookmark_seconds} s was sent; "
                f"{MIN_BOOKMARK_SECONDS} s to {MAX_BOOKMARK_SECONDS} s are allowed",
            )
        time = asyncio.get_running_loop().time
        ticks, told_at = self._notifier.ticks, time()
        first = partial(self._read, organization_id, job_id, after_sequence, 0)
        batch = await self._run_in_thread(first)
        while True:
            if not batch.is_empty or batch.is_last:
                yield batch
                told_at = time()
            if batch.is_last:
                return
            if not batch.has_more:
                # Commits to other jobs wake this watch too, but break no silence of it.
                left = told_at + bookmark_seconds - time()
                if left <= 0 or not await self._notifier.after(ticks, left):
                    yield replace(batch, events=(), status=())
                    told_at = time()
            ticks = self._notifier.ticks
            position = _Position(
                organization_id, job_id, batch.bookmark, batch.status_revision, ticks
            )
            batch = await self._read_once(position)

    async def _read_once(self, position: _Position) -> Batch:
        """Read what follows a position, together with all who ask for the same at the same tick.

        A read that began after a tick has seen what that tick told of; so whoever has counted
        as many ticks misses nothing by sharing it.
        """
        reading = self._reading.get(position)
        if reading is None:
            read = partial(self._read, *position[:4])
            reading = asyncio.ensure_future(self._run_in_thread(read))
            self._reading[position] = reading
            reading.add_done_callback(partial(self._forget, position))
        # The reader may go away; those who share its read must not go with it.
        batch = await asyncio.shield(reading)
        await self._turns.take()
        return batch

    def _forget(self, position: _Position, reading: asyncio.Future[Batch]) -> None:
        self._reading.pop(position, None)
        if not reading.cancelled():
            reading.exception()  # seen: all who wanted it may have gone

    def _read(
        self, organization_id: str, job_id: str, after_sequence: int, status_revision: int
    ) -> Batch:
        with self._store.read() as uow:
            job = uow[Jobs].get(organization_id, job_id)
            if after_sequence > job.last_sequence:
                raise OutOfRange(
                    f"Sequence {after_sequence} lies in the future: the newest event of the job "
                    f"is {job.last_sequence}. Resume after that one, or from 0.",
                    metadata={"newest_sequence": job.last_sequence},
                )
            events = tuple(
                uow[Events].after(organization_id, job_id, after_sequence, limit=MAX_BATCH)
            )
            status = tuple(uow[StatusUpdates].after(organization_id, job_id, status_revision))
        bookmark = events[-1].sequence if events else after_sequence
        return Batch(
            kind=job.kind,
            events=events,
            status=status,
            bookmark=bookmark,
            is_last=job.is_terminal and bookmark >= job.last_sequence,
            has_more=bookmark < job.last_sequence,
            error=job.error,
            status_revision=max([status_revision, *(one.revision for one in status)]),
        )


def _changed(
    folds: list[StatusFold], events: Sequence[Event], before: list[StatusFold]
) -> list[StatusFold]:
    """Add events to folds; return those that they changed, and those of `before`."""
    now = [fold for fold in folds if sum(fold.add(event) for event in events)]
    return [fold for fold in folds if fold in before or fold in now]


def _folded(fold: StatusFold, sequence: int) -> StatusUpdate:
    """Return a fold's value as a status update as of an event."""
    return StatusUpdate(
        key=fold.status.name, revision=0, as_of_sequence=sequence, data=plain(fold.value())
    )
