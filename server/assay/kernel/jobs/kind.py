"""Job kinds: a typed specification, stages of typed tasks, typed events, and a typed result.

A kind is a subclass of `JobKind` in its feature's job.py. A stage begins when its inputs have
finished, beside all others of which that is true. It plans its tasks at once or in waves, or each as
soon as the task of another stage that it follows has finished. A task has a typed payload, runs in
any process, reads blobs by address alone and leaves a typed partial result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, ClassVar, Generic, TypeVar, cast

from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.job import Event, Job, TaskRecord
from assay.kernel.jobs.payloads import (
    KERNEL_PAYLOADS,
    EventPayload,
    Payload,
    StatusPayload,
)
from assay.kernel.sealing import Sealer
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import Record, arrays, decode

T = TypeVar("T")
Spec = TypeVar("Spec")
Result = TypeVar("Result")
TaskPayload = TypeVar("TaskPayload", bound=Record)
Partial = TypeVar("Partial")


@dataclass(frozen=True, kw_only=True)
class ComputeSettings:
    """Settings that tasks may read; they travel with each task."""

    memory_bytes: int | None = None  # of data that a task's process may allocate; None: no limit
    sealer: Sealer | None = None  # opens the secrets that specifications hold; None: there are none
    allowed_networks: tuple[str, ...] = ()  # CIDR ranges that may be reached though not public


@dataclass(frozen=True, kw_only=True)
class ComputeContext:
    """Everything that a task may use beside its arguments; it crosses into other processes."""

    blobs: JobBlobs
    settings: ComputeSettings = ComputeSettings()
    trace: str | None = None  # traceparent of the call that submitted the work


@dataclass(frozen=True, kw_only=True)
class JobView(Generic[Spec]):
    """What stages may know of their job."""

    organization_id: str
    job_id: str
    spec: Spec
    rows: int = 0  # accepted rows of an upload, else 0


@dataclass(frozen=True, kw_only=True)
class StoredBatch:
    """Rows that a task brought to rest, as an upload would have."""

    first_row: int
    rows: int
    blob: str  # address


@dataclass(frozen=True, kw_only=True)
class TaskOutput(Generic[Partial]):
    """What one task leaves behind; committed together, or not at all."""

    partial: Partial
    status: tuple[StatusPayload, ...] = ()  # newest wins
    events: tuple[EventPayload, ...] = ()  # logged, never dropped
    batches: tuple[StoredBatch, ...] = ()  # rows that came to rest: they name their blobs
    blob: str | None = None  # address of what the task wrote beside its partial
    superseded: tuple[str, ...] = ()  # blobs of earlier tasks that nobody will read any more
    rows: int | None = None  # durable with this task, as progress tells them
    ends_stage: bool = False  # of stages one by one: no task follows, although more were planned
    writes: tuple[Record, ...] = ()  # what `JobKind.on_tasks_finished` makes rows of


class StageMode(Enum):
    """In which order the tasks of a stage run."""

    PARALLEL = auto()  # any, many at a time
    ORDERED = auto()  # one after another
    CHAIN = auto()  # one after another, each given the last one's partial
    WAVES = auto()  # many at a time; those of a wave are planned from what the waves before it left


class Stage(Generic[TaskPayload, Partial]):
    """A step of a kind. Instances are values; they are pickled into compute processes.

    `plan` and `run` are pure but for blobs by content address: the same arguments give the same
    bytes on every machine of one numeric environment, and again after a crash. What they raise
    ends the job: an AssayError as it is, anything else as INTERNAL. Only what says nothing of the
    work, such as Unavailable of a store, has it tried again; see failure_policy.
    """

    name: ClassVar[str]  # unique in the kind
    payload: ClassVar[type[Record]]
    partial: ClassVar[type[Any]]
    mode: ClassVar[StageMode] = StageMode.PARALLEL
    reads: ClassVar[tuple[type[Stage[Any, Any]], ...]] = ()  # stages whose results `plan` reads
    task_reads: ClassVar[tuple[type[Stage[Any, Any]], ...]] = ()  # those that each task reads
    reads_batches: ClassVar[bool] = False  # whether each task reads the stored batches
    follows: ClassVar[type[Stage[Any, Any]] | None] = None  # the stage whose tasks its own follow

    def plan(
        self, job: JobView[Any], inputs: StageInputs, context: ComputeContext
    ) -> Iterable[TaskPayload]:
        """Return the payloads of all tasks in order; the same ones each time it is asked.

        A stage in WAVES returns those of its next wave, and none at its end. It reads the partials of
        its own waves so far, whole: what a plan costs grows with them, so make waves large.
        """
        raise NotImplementedError

    def following(self, job: JobView[Any], partial: Any) -> Iterable[TaskPayload]:
        """Return the payloads of the tasks that follow one of the stage `follows`, from its partial.

        They run as soon as that has finished, before other tasks that wait; this stage has no `plan`.
        The blob that the task left is theirs: when the last of them has finished it is let go.
        """
        raise NotImplementedError

    def waits(self, job: JobView[Any]) -> bool:  # noqa: ARG002  # for stages that can tell
        """Return whether its tasks wait for the network: they run in a pool of their own."""
        return False

    def reserved(self, job: JobView[Any]) -> tuple[str, ...]:  # noqa: ARG002  # for stages that can tell
        """Return the key of the processes that may be kept for its tasks; empty: none are."""
        return ()

    def expected(self, job: JobView[Any]) -> int:  # noqa: ARG002  # for stages that can tell
        """Return about how many tasks there will be, for progress before they are planned; 0: unknown."""
        return 0

    def run(
        self, job: JobView[Any], payload: TaskPayload, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[Partial]:
        """Compute one task."""
        raise NotImplementedError

    def apart(self, payload: TaskPayload) -> Sequence[TaskPayload]:  # noqa: ARG002  # for stages that can
        """Return the parts of a task that ended each process that ran it; none: it has no parts.

        They are run on their own; what they leave is put together, and recorded as what the task
        leaves. For tasks that run side by side and leave small partials.
        """
        return ()

    def together(self, partials: Sequence[Partial]) -> Partial:
        """Return what the parts of a task leave, as what the task leaves."""
        raise NotImplementedError

    def given_up(self, payload: TaskPayload) -> TaskOutput[Partial] | None:  # noqa: ARG002  # likewise
        """Return what a task without parts leaves that ended each process; None: its job fails."""
        return None

    def key(self, number: int) -> str:
        """Return the key of a task in the ledger; keys sort as tasks do."""
        return f"{self.name}-{number:06d}"


class StageInputs:
    """Results of finished stages, for a stage that reads them; decoded once each."""

    def __init__(
        self,
        blobs: JobBlobs,
        records: Mapping[str, tuple[TaskRecord, ...]],
        batches: tuple[TaskRecord, ...] = (),
        last: TaskRecord | None = None,
    ) -> None:
        self._blobs = blobs
        self._records = records
        self._shared: dict[Any, Any] = {}
        self.batches = batches  # stored batches, by their rows
        self._last = last

    def records(self, stage: type[Stage[Any, Any]]) -> tuple[TaskRecord, ...]:
        """Return the finished tasks of a stage, in order."""
        return self._records[stage.name]

    def partials(self, stage: type[Stage[Any, Partial]]) -> list[Partial]:
        """Return the partial results of a stage's tasks, in order."""
        read = self._blobs.partial
        return self.shared(
            stage, lambda: [arrays.decode(stage.partial, read(one)) for one in self.records(stage)]
        )

    def last(self, stage: type[Stage[Any, Partial]]) -> Partial | None:
        """Return the partial of a chain's task before this one; None for the first."""
        if self._last is None:
            return None
        return cast(Partial, arrays.decode(stage.partial, self._blobs.partial(self._last)))

    def shared(self, key: object, make: Callable[[], T]) -> T:
        """Return what `make` returns, made once for all stages that are planned together."""
        if key not in self._shared:
            self._shared[key] = make()
        return cast(T, self._shared[key])


class StatusFold:
    """A status value that follows from a job's events alone, so that nobody needs to store it."""

    status: ClassVar[type[StatusPayload]]

    def add(self, event: Event) -> bool:
        """Take an event in; return whether the value changed."""
        raise NotImplementedError

    def value(self) -> StatusPayload:
        """Return the value after the events so far."""
        raise NotImplementedError


class JobKind(Generic[Spec, Result]):
    """A kind of job. Instances are values; they are pickled into compute processes."""

    name: ClassVar[str]  # in the ledger
    spec: ClassVar[type[Any]]
    result: ClassVar[type[Any]]
    events: ClassVar[tuple[type[EventPayload], ...]] = ()
    status: ClassVar[tuple[type[StatusPayload], ...]] = ()
    folds: ClassVar[tuple[type[StatusFold], ...]] = ()
    stages: tuple[Stage[Any, Any], ...] = ()

    def finish(self, job: JobView[Spec], inputs: StageInputs, context: ComputeContext) -> Result:
        """Return the result from the partials of all stages; runs in a compute process."""
        raise NotImplementedError

    def on_tasks_started(self, uow: UnitOfWork, job: Job, payloads: Sequence[Record]) -> None:
        """Write what it means that these tasks were handed out, all in one commit of their own.

        They run meanwhile. A kind that does not override it costs no commit. It may be told of one
        task again, by a later runner, and never of one that has finished.
        """

    def on_tasks_finished(self, uow: UnitOfWork, job: Job, writes: Sequence[Record]) -> None:
        """Write rows of what tasks gave as `writes`, inside the commit that records the tasks.

        It is told of each task exactly once, however often runners die.
        """

    def on_finished(self, uow: UnitOfWork, job: Job) -> None:
        """Write what the end of a job means for other rows, inside the commit that ends it."""

    def result_blobs(self, result: Result) -> Iterable[str]:  # noqa: ARG002  # for kinds that name some
        """Return the addresses of the blobs that a result names: they are kept with the job."""
        return ()

    def blobs_of(self, result: bytes) -> tuple[str, ...]:
        """Return `result_blobs` of an encoded result."""
        return tuple(self.result_blobs(cast(Result, decode(self.result, result))))

    def followers(self, stage: Stage[Any, Any]) -> list[Stage[Any, Any]]:
        """Return the stages whose tasks follow those of a stage."""
        return [one for one in self.stages if one.follows is type(stage)]

    @property
    def writes_started(self) -> bool:
        """Whether anything is written when tasks are handed out."""
        return type(self).on_tasks_started is not JobKind.on_tasks_started

    def view(self, job: Job) -> JobView[Spec]:
        """Return what stages may know of a stored job."""
        return JobView(
            organization_id=job.organization_id,
            job_id=job.job_id,
            spec=cast(Spec, decode(self.spec, job.spec)),
            rows=job.next_row,
        )

    def stage(self, name: str) -> Stage[Any, Any]:
        """Return a stage by its name."""
        return next(stage for stage in self.stages if stage.name == name)

    def check_emitted(self, payload: Payload) -> None:
        """Raise TypeError unless the payload's class is registered with this kind."""
        if type(payload) not in (*self.events, *self.status):
            raise TypeError(
                f"the kind '{self.name}' has not registered {type(payload).__name__}: add it to "
                "its events or status"
            )


def register_kinds(kinds: Iterable[JobKind[Any, Any]]) -> dict[str, JobKind[Any, Any]]:
    """Return kinds by name; raises TypeError for one that declares itself wrongly."""
    registered: dict[str, JobKind[Any, Any]] = {}
    for kind in kinds:
        if kind.name in registered:
            raise TypeError(f"two kinds are called '{kind.name}'")
        _check_payloads(kind)
        _check_stages(kind)
        registered[kind.name] = kind
    return registered


def _check_payloads(kind: JobKind[Any, Any]) -> None:
    names = {one.name for one in KERNEL_PAYLOADS}
    groups: tuple[tuple[Iterable[type[Payload]], type[Payload]], ...] = (
        (kind.events, EventPayload),
        (kind.status, StatusPayload),
        ({fold.status for fold in kind.folds} - set(kind.status), StatusPayload),
    )
    for payloads, base in groups:
        for payload in payloads:
            if not issubclass(payload, base):
                raise TypeError(f"{payload.__name__} of '{kind.name}' is no {base.__name__}")
            if payload.name in names:
                raise TypeError(f"'{kind.name}' has two payloads called '{payload.name}'")
            names.add(payload.name)


def _check_stages(kind: JobKind[Any, Any]) -> None:
    before: set[type[Stage[Any, Any]]] = set()
    names: set[str] = set()
    for stage in kind.stages:
        if stage.name in names:
            raise TypeError(f"'{kind.name}' has two stages called '{stage.name}'")
        missing = set(stage.reads + stage.task_reads) - before
        if missing:
            listed = ", ".join(sorted(one.__name__ for one in missing))
            raise TypeError(f"stage '{stage.name}' of '{kind.name}' reads {listed}, not before it")
        if stage.follows is not None:
            _check_following(stage, stage.follows, before)
        before.add(type(stage))
        names.add(stage.name)


def _check_following(
    stage: Stage[Any, Any], followed: type[Stage[Any, Any]], before: set[type[Stage[Any, Any]]]
) -> None:
    if followed not in before or followed.follows or followed.mode is StageMode.WAVES:
        raise TypeError(
            f"stage '{stage.name}' cannot follow {followed.__name__}: no planned one before"
        )
    if stage.reads or stage.task_reads or stage.mode is not StageMode.PARALLEL:
        raise TypeError(f"stage '{stage.name}' follows another: it reads no stage and is PARALLEL")
