"""The progress of a job's stages: which have finished, which may begin, and which task is next."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.job import TaskRecord, TaskRole
from assay.kernel.jobs.kind import JobKind, JobView, Stage, StageMode
from assay.kernel.jobs.work import Finished
from assay.records import arrays, encode

AnyStage = Stage[Any, Any]


@dataclass(frozen=True, kw_only=True)
class Task:
    """A planned task of a stage."""

    stage: AnyStage
    number: int  # in its stage, or among those that follow one task, from 0
    payload: bytes  # encoded
    wave: int | None = None  # of a stage in waves, from 0
    after: Task | None = None  # the task of another stage that it follows

    @property
    def key(self) -> str:
        """Its key in the ledger; it says of which wave the task is, or after which one it comes."""
        group = self.wave if self.after is None else self.after.number
        if group is None:
            return self.stage.key(self.number)
        return f"{self.stage.name}-{group:06d}-{self.number:06d}"


class StageProgress:
    """What of a job has finished, from the ledger's rows on."""

    def __init__(
        self,
        kind: JobKind[Any, Any],
        job: JobView[Any],
        records: Iterable[TaskRecord],
        blobs: JobBlobs,
    ) -> None:
        self._kind, self._job, self._blobs = kind, job, blobs
        self._readers: dict[str, set[str]] = {}  # unfinished tasks that follow the one of a blob
        self._tasks: dict[str, TaskRecord] = {}
        self._batches: dict[str, TaskRecord] = {}
        self._keys: dict[str, list[str]] = {}  # of each stage that has begun: its planned tasks
        self._waves: dict[str, int] = {}  # of each stage in waves: how many were planned
        self._planned: set[str] = set()  # stages of which no more tasks will be planned
        self._expected = {stage.name: stage.expected(job) for stage in kind.stages}
        self.rows = 0  # durable, as progress tells them
        self.add(records)
        self._resume_waves()

    @property
    def done(self) -> int:
        """Return how many tasks have finished; an upload's batches came finished."""
        return len(self._tasks)

    @property
    def expected(self) -> int:
        """Return how many tasks stages expect beside those that are planned."""
        return sum(
            max(0, count - len(self._keys.get(name, ())))
            for name, count in self._expected.items()
            if name not in self._planned
        )

    def add(self, records: Iterable[TaskRecord]) -> None:
        """Take finished tasks in."""
        for record in records:
            ours = self._batches if record.role is TaskRole.BATCH else self._tasks
            if record.key not in ours:
                ours[record.key] = record
                self.rows += record.rows or 0

    def next_stages(self) -> list[AnyStage]:
        """Return the stages to plan now: their inputs have finished, and they may have more tasks.

        It is asked when all planned tasks have finished.
        """
        return [
            stage
            for stage in self._kind.stages
            if stage.name not in self._planned
            and stage.follows is None
            and all(one.name in self._planned for one in stage.reads + stage.task_reads)
        ]

    def begin(self, plans: Mapping[str, Sequence[bytes]]) -> WaitingTasks:
        """Take the plans of stages in; return their tasks, and those that follow, that have not finished."""
        waiting = WaitingTasks()
        following: list[Task] = []
        for name, payloads in plans.items():
            stage = self._kind.stage(name)
            tasks = self._take_plan(stage, payloads)
            finished = [self._tasks.get(task.key) for task in tasks]
            if not any(record is not None and record.ends_stage for record in finished):
                rest = [task for task, one in zip(tasks, finished, strict=True) if one is None]
                waiting.add(stage, rest)
            for task, record in zip(tasks, finished, strict=True):
                if record is not None:
                    following += self.followers(task, record)
        waiting.add_next(following)
        return waiting

    def followers(self, task: Task, record: TaskRecord) -> list[Task]:
        """Return the unfinished tasks that follow a finished one; from now on they are planned.

        Raises what the kind's own code and the store of blobs raise.
        """
        found: list[Task] = []
        for stage in self._kind.followers(task.stage):
            partial = arrays.decode(task.stage.partial, self._blobs.partial(record))
            payloads = stage.following(self._job, partial)
            tasks = [
                Task(stage=stage, number=number, payload=encode(payload), after=task)
                for number, payload in enumerate(payloads)
            ]
            self._keys.setdefault(stage.name, []).extend(one.key for one in tasks)
            found += [one for one in tasks if one.key not in self._tasks]
        if found and record.blob is not None:
            self._readers.setdefault(record.blob, set()).update(one.key for one in found)
        return found

    def let_go(self, task: Task) -> tuple[str, ...]:
        """Return the blob that no task reads any more, now that one has finished.

        Tasks of equal contents share a blob.
        """
        blob = None if task.after is None else self._tasks[task.after.key].blob
        if blob is None:
            return ()
        readers = self._readers[blob]
        readers.discard(task.key)
        if readers:
            return ()
        del self._readers[blob]
        return (blob,)

    def read_by_plans(self, stages: Iterable[AnyStage]) -> Finished:
        """Return what the plans of stages read; one in waves reads its own waves so far too."""
        read: dict[type[AnyStage], None] = {}
        for stage in stages:
            own = (type(stage),) if stage.mode is StageMode.WAVES else ()
            read |= dict.fromkeys((*stage.reads, *own))
        return self._finished(read)

    def read_by_task(self, task: Task) -> Finished:
        """Return what a task reads; of a chain the last result alone, whatever its length."""
        last = None
        if task.stage.mode is StageMode.CHAIN and task.number:
            last = self._tasks[task.stage.key(task.number - 1)]
        reads = self._finished(task.stage.task_reads)
        stored = sorted(self._batches) if task.stage.reads_batches else ()
        batches = tuple(self._batches[key] for key in stored)
        return Finished(records=reads.records, batches=batches, last=last)

    def read_by_end(self) -> Finished:
        """Return what the end of the job reads: all stages."""
        return self._finished(type(stage) for stage in self._kind.stages)

    def _resume_waves(self) -> None:
        """Take in as planned the waves before the newest one of which a task has finished."""
        for stage in self._kind.stages:
            if stage.mode is not StageMode.WAVES:
                continue
            split = [key.rsplit("-", 2) for key in sorted(self._tasks)]
            own = [parts for parts in split if parts[0] == stage.name]
            if own:
                newest = own[-1][1]
                self._waves[stage.name] = int(newest)
                self._keys[stage.name] = ["-".join(key) for key in own if key[1] < newest]

    def _take_plan(self, stage: AnyStage, payloads: Sequence[bytes]) -> list[Task]:
        """Return the tasks of a plan, from now on known as planned."""
        keys = self._keys.setdefault(stage.name, [])
        wave = None
        if stage.mode is StageMode.WAVES:
            wave = self._waves.get(stage.name, 0)
            self._waves[stage.name] = wave + 1
        if wave is None or not payloads:
            self._planned |= {stage.name, *(one.name for one in self._kind.followers(stage))}
        tasks = [
            Task(stage=stage, number=number, payload=payload, wave=wave)
            for number, payload in enumerate(payloads, start=len(keys))
        ]
        keys.extend(task.key for task in tasks)
        return tasks

    def _finished(self, stages: Iterable[type[AnyStage]]) -> Finished:
        return Finished(records={stage.name: self._of(stage.name) for stage in stages})

    def _of(self, name: str) -> tuple[TaskRecord, ...]:
        keys = self._keys.get(name, [])
        if self._kind.stage(name).follows is not None:
            keys = sorted(keys)  # they were planned as the tasks before them finished
        records = (self._tasks.get(key) for key in keys)
        return tuple(record for record in records if record is not None)  # a chain may end early


class WaitingTasks:
    """Tasks that may run now, and those that follow them in stages that run one by one."""

    def __init__(self) -> None:
        self._ready: deque[Task] = deque()
        self._following: dict[str, deque[Task]] = {}
        self.unfinished = 0

    def __bool__(self) -> bool:
        return bool(self._ready)

    def add(self, stage: AnyStage, tasks: list[Task]) -> None:
        """Add the tasks of a stage, in order."""
        self.unfinished += len(tasks)
        if stage.mode in (StageMode.PARALLEL, StageMode.WAVES):
            self._ready.extend(tasks)
        elif tasks:
            self._ready.append(tasks[0])
            self._following[stage.name] = deque(tasks[1:])

    def add_next(self, tasks: list[Task]) -> None:
        """Add tasks that run side by side, before all others."""
        self.unfinished += len(tasks)
        self._ready.extendleft(reversed(tasks))

    def take(self, most: int) -> list[Task]:
        """Return up to `most` tasks that may run now, and take them out."""
        return [self._ready.popleft() for _ in range(min(most, len(self._ready)))]

    def finished(self, task: Task, *, ends_stage: bool) -> None:
        """Let the task that follows run, unless this one was its stage's last."""
        self.unfinished -= 1
        following = self._following.get(task.stage.name)
        if following and ends_stage:
            self.unfinished -= len(following)
            following.clear()
        elif following:
            self._ready.append(following.popleft())
