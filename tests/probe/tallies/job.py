"""The job kind `tally`: the words of each line are counted, and then added up."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from assay.kernel.jobs.job import Job
from assay.kernel.jobs.kind import (
    ComputeContext,
    JobKind,
    JobView,
    Stage,
    StageInputs,
    TaskOutput,
)
from assay.kernel.jobs.payloads import EventPayload, StatusPayload
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import Record, decode
from tests.probe.tallies.model import TALLY_KIND, TallyJob, WordCounts
from tests.probe.tallies.store import Tallies

Asked = JobView[TallyJob]


class LineCounted(EventPayload):
    """The words of a line are counted."""

    name: ClassVar[str] = "line_counted"
    message: ClassVar[str | None] = "assay.v1.LineCounted"

    line: int
    words: int


class NewestLine(StatusPayload):
    """The line that was counted last."""

    name: ClassVar[str] = "newest_line"

    text: str


class LinePayload(Record):
    """One line of the text."""

    number: int  # from 0
    text: str


class TotalPayload(Record):
    """The payload of the task that adds up."""


class CountLines(Stage[LinePayload, WordCounts]):
    """Counts the words of each line."""

    name: ClassVar[str] = "lines"
    payload = LinePayload
    partial = WordCounts

    def plan(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> list[LinePayload]:
        """Plan one task a line."""
        lines = context.blobs.read(job.spec.text).decode().splitlines()
        return [LinePayload(number=number, text=text) for number, text in enumerate(lines)]

    def run(
        self, job: Asked, payload: LinePayload, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[WordCounts]:
        """Count one line."""
        counts = WordCounts(counts=Counter(payload.text.split()))
        return TaskOutput(
            partial=counts,
            events=(LineCounted(line=payload.number, words=counts.total),),
            status=(NewestLine(text=payload.text),),
        )


class AddUp(Stage[TotalPayload, WordCounts]):
    """Adds the counts of all lines up."""

    name: ClassVar[str] = "total"
    payload = TotalPayload
    partial = WordCounts
    reads = (CountLines,)
    task_reads = (CountLines,)

    def plan(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> list[TotalPayload]:
        """Plan one task."""
        return [TotalPayload()]

    def run(
        self, job: Asked, payload: TotalPayload, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[WordCounts]:
        """Add up."""
        total: Counter[str] = Counter()
        for line in inputs.partials(CountLines):
            total.update(line.counts)
        return TaskOutput(partial=WordCounts(counts=total))


class TallyKind(JobKind[TallyJob, WordCounts]):
    """Counts the words of a text."""

    name: ClassVar[str] = TALLY_KIND
    spec = TallyJob
    result = WordCounts
    events = (LineCounted,)
    status = (NewestLine,)
    stages = (CountLines(), AddUp())

    def finish(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> WordCounts:
        """Return the total."""
        return inputs.partials(AddUp)[0]

    def on_finished(self, uow: UnitOfWork, job: Job) -> None:
        """Store the result; a job without one leaves the tally alone."""
        if job.result is not None:
            asked = decode(TallyJob, job.spec)
            found = decode(WordCounts, job.result)
            uow[Tallies].finish(job.organization_id, asked.tally_id, found)
