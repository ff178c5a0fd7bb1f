"""What a kind of job is: tasks planned, run and reduced, and an end that is settled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.job import Job, JobError, NewEvent, Task, TaskRecord
from assay.kernel.jobs.states import JobState
from assay.kernel.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, kw_only=True)
class JobView:
    """What a kind may know of its job; it crosses into compute children."""

    organization_id: str
    job_id: str
    spec: bytes  # JSON that the kind understands
    rows: int  # accepted rows of an upload, else 0

    @classmethod
    def of(cls, job: Job) -> JobView:
        """Return the view of a stored job."""
        return cls(
            organization_id=job.organization_id, job_id=job.job_id, spec=job.spec, rows=job.next_row
        )


@dataclass(frozen=True, kw_only=True)
class TaskOutput:
    """What one task leaves behind; committed together, or not at all."""

    partial: bytes
    status: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # newest wins
    events: tuple[NewEvent, ...] = ()  # logged, never dropped
    # Rows that the task brought to rest: they name its blobs, which otherwise nothing would.
    stored: tuple[TaskRecord, ...] = ()


@dataclass(frozen=True, kw_only=True)
class JobOutcome:
    """How a job ended."""

    state: JobState  # a terminal one
    result: bytes | None = None  # JSON of the kind, when SUCCEEDED
    error: JobError | None = None  # why, otherwise


class Kind(Protocol):
    """A kind of job. Instances have no state; they are pickled into compute children.

    `plan`, `run` and `reduce` are pure but for blobs by content address: the same arguments
    give the same bytes on every machine of one numeric environment, and again after a crash.
    What they raise ends the job: an AssayError as it is, anything else as INTERNAL. Only what says
    nothing of the work, such as Unavailable of a store, has it tried again; see faults.
    """

    @property
    def name(self) -> str:
        """The name in the ledger."""
        ...

    def plan(
        self, job: JobView, finished: Mapping[str, TaskRecord], blobs: JobBlobs
    ) -> tuple[Task, ...]:
        """Return the tasks of the stage that `finished` allows, finished ones included.

        Those that are missing are run, and then it is asked again; when nothing is missing the
        job is reduced.
        """
        ...

    def run(self, job: JobView, task: Task, blobs: JobBlobs) -> TaskOutput:
        """Compute one task."""
        ...

    def reduce(self, job: JobView, finished: Mapping[str, TaskRecord], blobs: JobBlobs) -> bytes:
        """Return the job's result, JSON of this kind."""
        ...

    def on_finished(self, uow: UnitOfWork, job: Job, outcome: JobOutcome) -> None:
        """Write what the end means for other nouns, inside the runner's fenced commit."""
        ...
