"""Runs a job kind without pool, ledger or runner: the same functions, one task after another."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.job import NewEvent, TaskRecord
from assay.kernel.jobs.kind import ComputeContext, JobKind, JobView
from assay.kernel.jobs.stage_progress import StageProgress
from assay.kernel.jobs.work import TaskCall, finish_job, plan_stages, run_task


@dataclass
class InProcessRun:
    """A job that has run to its end."""

    result: bytes
    tasks: list[str]  # keys in the order in which they ran
    events: dict[str, NewEvent] = field(default_factory=dict)  # by the key of the task
    records: list[TaskRecord] = field(default_factory=list)  # in the order in which they ran


def run_in_process(
    kind: JobKind[Any, Any], spec: Any, blobs: JobBlobs, finished: Iterable[TaskRecord] = ()
) -> InProcessRun:
    """Run a job of `kind`; tasks that may run side by side run in a shuffled order.

    What has `finished` before, batches or tasks, is not run again.
    """
    view = JobView(organization_id="acme", job_id="job", spec=spec)
    context = ComputeContext(blobs=blobs)
    progress = StageProgress(kind, view, finished, blobs)
    run = InProcessRun(result=b"", tasks=[])
    while stages := progress.next_stages():
        names = tuple(stage.name for stage in stages)
        waiting = progress.begin(
            plan_stages(kind, view, names, progress.read_by_plans(stages), context)
        )
        while fresh := waiting.take(1_000_000):
            random.Random(7).shuffle(fresh)
            for task in fresh:
                call = TaskCall(
                    kind=kind, job=view, stage=task.stage.name, key=task.key,
                    payload=task.payload, finished=progress.read_by_task(task),
                )  # fmt: skip  # one call
                done = run_task(call, context)
                progress.add(done.records)
                run.records.extend(done.records)
                waiting.finished(task, ends_stage=done.ends_stage)
                waiting.add_next(progress.followers(task, done.records[-1]))
                run.tasks.append(task.key)
                for event in done.events:
                    run.events[task.key] = event
    run.result = finish_job(kind, view, progress.read_by_end(), context)
    return run
