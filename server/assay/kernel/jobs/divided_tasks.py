"""Tasks that ended each process that ran them, run again in parts.

A stage that can tell the parts of a task apart has one of them alone given up. What the parts leave
is gathered here and committed as what the task leaves: a runner that dies meanwhile has them all run
again by the next one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from assay.kernel.jobs.job import NewEvent, TaskRecord
from assay.kernel.jobs.kind import JobKind, Stage
from assay.kernel.jobs.stage_progress import Task
from assay.kernel.jobs.work import Done
from assay.records import arrays, decode, encode


@dataclass(frozen=True, kw_only=True)
class PartOfTask(Task):
    """A part of a task; it has the task's key."""

    whole: Task
    place: int  # among the parts, from 0


class DividedTasks:
    """Tasks of one run that are run in parts."""

    def __init__(self, kind: JobKind[Any, Any]) -> None:
        self._kind = kind
        self._left: dict[str, list[Done | None]] = {}  # what each part left, by the task's key

    def divide(self, task: Task) -> list[PartOfTask]:
        """Return the parts of a task; none where it is a part itself, or has no parts."""
        if isinstance(task, PartOfTask):
            return []
        payloads = task.stage.apart(decode(task.stage.payload, task.payload))
        if len(payloads) < 2:
            return []
        self._left[task.key] = [None] * len(payloads)
        return [
            PartOfTask(
                stage=task.stage,
                number=task.number,
                wave=task.wave,
                after=task.after,
                payload=encode(payload),
                whole=task,
                place=place,
            )
            for place, payload in enumerate(payloads)
        ]

    def give_up(self, task: Task) -> Done | None:
        """Return what a task leaves that cannot be run; None: its job fails."""
        output = task.stage.given_up(decode(task.stage.payload, task.payload))
        if output is None:
            return None
        for emitted in output.events:
            self._kind.check_emitted(emitted)
        record = TaskRecord(key=task.key, rows=output.rows, partial=arrays.encode(output.partial))
        return Done(
            records=(record,),
            status={},
            events=tuple(map(NewEvent.of, output.events)),
            ends_stage=False,
            made=(),
            superseded=(),
            writes=output.writes,
        )

    def finished(self, task: Task, done: Done) -> tuple[Task, Done] | None:
        """Take what a task left; return the task that is finished by it, if any, and what that left."""
        if not isinstance(task, PartOfTask):
            return task, done
        left = self._left[task.key]
        left[task.place] = done
        found = [one for one in left if one is not None]
        if len(found) < len(left):
            return None
        del self._left[task.key]
        return task.whole, _together(task.stage, found)


def _together(stage: Stage[Any, Any], parts: list[Done]) -> Done:
    records = [part.records[-1] for part in parts]
    partial = stage.together(
        [arrays.decode(stage.partial, one.partial) for one in records if one.partial is not None]
    )
    rows = [one.rows for one in records if one.rows is not None]
    return Done(
        records=(replace(records[0], partial=arrays.encode(partial), rows=sum(rows) or None),),
        status={name: one for part in parts for name, one in part.status.items()},
        events=tuple(event for part in parts for event in part.events),
        ends_stage=False,
        made=(),
        superseded=(),
        writes=tuple(write for part in parts for write in part.writes),
    )
