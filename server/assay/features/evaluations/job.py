"""The job kind `evaluation`: predictions in, every number of the evaluation out.

Stages, each a set of tasks that may run in any order:

1. what the upload brought as `chunk-…`, or nothing yet for a file;
2. `base` merges their partials, or reads the file and writes such chunks;
3. `rank-…` sorts score columns by key range, `row-ids-…` looks for repeated ids by hash range,
   `residuals-…` finds quantiles, `look-…` gathers mistakes, slices and the bootstrap, `areas-…`
   sorts the scores of each slice value;
4. reduce reads the metrics off and writes the details, then the result that names them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from assay.features.evaluations import duplicates, slice_areas
from assay.features.evaluations.ingest import ingest_file, rules_of
from assay.features.evaluations.job_details import evaluation_details
from assay.features.evaluations.job_results import evaluation_result, live_numbers, measure
from assay.features.evaluations.job_spec import CHUNKS, EVALUATION_KIND, EvaluationJob
from assay.features.evaluations.model import EvaluationResult
from assay.features.evaluations.partial_aggregate import (
    Partial,
    Stored,
    check_environment,
    merge_in_groups,
)
from assay.features.evaluations.second_pass import Look, groups, look, merge_looks
from assay.features.evaluations.store import Evaluations
from assay.features.evaluations.stored_rows import Manifest, ScoreReader, read_values
from assay.features.models.versions_store import Versions
from assay.kernel.errors import Internal
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.job import Job, Task, TaskRecord, chunk_key
from assay.kernel.jobs.kind import JobOutcome, JobView, TaskOutput
from assay.kernel.jobs.states import JobState, VersionStatus
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.metrics.order_statistics import (
    ResidualCounts,
    ResidualRange,
    count_residuals,
    residual_ranges,
)
from assay.metrics.ranking import MAX_ROWS, RankCounts, RankRange, count_range, rank_ranges
from assay.metrics.slice_ranks import SliceRanks
from assay.metrics.statistics import ClassificationStatistic, RegressionStatistic
from assay.records import arrays, decode, encode

CHUNK, BASE = "chunk-", "base"
RANK, IDS, RESIDUALS, LOOK = "rank-", "row-ids-", "residuals-", "look-"
AREAS = "areas-"
ONE_TASK_CELLS = 2_000_000  # scores that are sorted in a single task
LOOK_ROWS = 1_000_000  # of a task that looks at the rows again


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Evaluates a version on a split. The sizes of tasks change no bit of the result.

    But above `slice_cells` slices have no areas and no medians.
    """

    one_task_cells: int = ONE_TASK_CELLS
    max_rows: int = MAX_ROWS  # of a rank task, and of one of row ids
    look_rows: int = LOOK_ROWS
    slice_cells: int = slice_areas.MAX_CELLS
    slice_task_cells: int = slice_areas.TASK_CELLS

    @property
    def name(self) -> str:
        """The name in the ledger."""
        return EVALUATION_KIND

    def plan(
        self, job: JobView, finished: Mapping[str, TaskRecord], blobs: JobBlobs
    ) -> tuple[Task, ...]:
        """Return the base task, and once it is finished those that read the rows again.

        Raises FailedPrecondition when the rows were counted in another numeric environment.
        """
        asked = decode(EvaluationJob, job.spec)
        if BASE not in finished:
            is_upload = asked.source == CHUNKS
            payload = _pack(finished, blobs).encode() if is_upload else b""
            return (Task(key=BASE, payload=payload),)
        base = arrays.decode(Partial, blobs.partial(finished[BASE]))
        check_environment(base.environment, 0)
        manifest = Manifest(
            rules=rules_of(asked.spec),
            score_kind=base.shape.score_kind,
            score_labels=base.shape.score_labels,
            weighted=base.shape.has_weights,
            has_row_ids=base.shape.has_row_ids,
            slices=base.shape.slices,
            stored=base.stored,
        )
        pieces: dict[str, Sequence[Any]] = {
            RANK: self._rank_pieces(base),
            IDS: self._id_pieces(base),
            RESIDUALS: self._residual_pieces(base),
            LOOK: groups(manifest, self.look_rows),
            AREAS: slice_areas.area_groups(manifest, self.slice_cells, self.slice_task_cells),
        }
        address = blobs.put(encode(manifest))
        return tuple(
            Task(
                key=f"{prefix}{number:06d}",
                payload=encode({"manifest": address, "piece": piece}),
            )
            for prefix, ours in pieces.items()
            for number, piece in enumerate(ours)
        )

    def run(self, job: JobView, task: Task, blobs: JobBlobs) -> TaskOutput:
        """Run one task of any stage."""
        if task.key == BASE:
            return self._base(job, task, blobs)
        payload = json.loads(task.payload)
        manifest = decode(Manifest, blobs.read(payload["manifest"]))
        piece: Any = payload["piece"]
        if task.key.startswith(IDS):
            low, high = (int(edge, 16) for edge in piece)
            return TaskOutput(
                partial=arrays.encode(duplicates.find_duplicates(manifest, low, high, blobs))
            )
        if task.key.startswith(RESIDUALS):
            target = msgspec.convert(piece, ResidualRange)
            residuals = count_residuals(
                lambda: read_values(manifest, blobs), target, max_rows=self.max_rows
            )
            return TaskOutput(partial=arrays.encode(residuals))
        if task.key.startswith(AREAS):
            return TaskOutput(
                partial=arrays.encode(slice_areas.slice_ranks(manifest, piece, blobs))
            )
        if task.key.startswith(LOOK):
            return TaskOutput(partial=arrays.encode(look(manifest, piece, blobs)))
        return TaskOutput(partial=arrays.encode(self._rank(manifest, piece, blobs)))

    def reduce(self, job: JobView, finished: Mapping[str, TaskRecord], blobs: JobBlobs) -> bytes:
        """Return an encoded EvaluationResult, its details being written.

        Raises BadPredictions for repeated ids and for slices of too many values.
        """

        def of(prefix: str) -> list[bytes]:
            keys = sorted(key for key in finished if key.startswith(prefix))
            return [blobs.partial(finished[key]) for key in keys]

        duplicates.refuse(arrays.decode(duplicates.Duplicates, data) for data in of(IDS))
        seen = merge_looks(arrays.decode(Look, data) for data in of(LOOK))
        measured = measure(
            arrays.decode(Partial, blobs.partial(finished[BASE])),
            decode(EvaluationJob, job.spec).spec,
            RankCounts.merge_all(arrays.decode(RankCounts, data) for data in of(RANK)),
            ResidualCounts.merge_all(arrays.decode(ResidualCounts, data) for data in of(RESIDUALS)),
        )
        areas = [arrays.decode(SliceRanks, data) for data in of(AREAS)]
        ranks = SliceRanks.merge_all(areas) if areas else None
        details = evaluation_details(measured, seen, ranks, blobs)
        return encode(evaluation_result(measured, blobs.put(details.write())))

    def on_finished(self, uow: UnitOfWork, job: Job, outcome: JobOutcome) -> None:
        """Store the result and make the version ready; a job without one leaves both alone."""
        if outcome.state is not JobState.SUCCEEDED or outcome.result is None:
            return
        asked = decode(EvaluationJob, job.spec)
        result = decode(EvaluationResult, outcome.result)
        uow[Evaluations].finish(job.organization_id, asked.evaluation_id, result)
        version = uow[Versions].get(job.organization_id, asked.version_id)
        if version.status is not VersionStatus.READY:
            uow[Versions].mark_ready(job.organization_id, asked.version_id)

    def _base(self, job: JobView, task: Task, blobs: JobBlobs) -> TaskOutput:
        asked = decode(EvaluationJob, job.spec)
        if asked.source == CHUNKS:
            base = merge_in_groups(_unpack(blobs.read(task.payload.decode())))
        else:
            path = blobs.path(asked.blob or "")
            if path is None:
                raise Internal(f"the blob {asked.blob} has no local file")
            base = ingest_file(path, asked.source, rules_of(asked.spec), blobs)
        return TaskOutput(
            partial=arrays.encode(base),
            status={"metrics": live_numbers(base, asked.spec)},
            stored=() if asked.source == CHUNKS else tuple(_record(one) for one in base.stored),
        )

    def _rank(self, manifest: Manifest, ranges: list[Any], blobs: JobBlobs) -> RankCounts:
        reader = ScoreReader(manifest, blobs)

        def count(one: RankRange) -> RankCounts:
            return count_range(lambda: reader.read(one.column), one, max_rows=self.max_rows)

        return RankCounts.merge_all(count(msgspec.convert(values, RankRange)) for values in ranges)

    def _rank_pieces(self, base: Partial) -> list[list[Any]]:
        """Return groups of ranges of one column each, or a single one for a small evaluation."""
        statistic = base.statistic
        if not isinstance(statistic, ClassificationStatistic) or statistic.histogram is None:
            return []
        columns = len(base.shape.score_labels)
        pieces: list[list[RankRange]] = []
        small = base.rows * columns <= self.one_task_cells
        held = 0
        for one in rank_ranges(
            statistic.histogram,
            max_rows=self.max_rows,
            micro=columns > 1,
            weights=statistic.rank_weights,
        ):
            same = pieces and (small or (pieces[-1][0].column == one.column))
            if same and (small or held + one.rows <= self.max_rows):
                pieces[-1].append(one)
                held += one.rows
            else:
                pieces.append([one])
                held = one.rows
        return [[msgspec.to_builtins(one) for one in group] for group in pieces]

    def _residual_pieces(self, base: Partial) -> list[list[Any]]:
        if not isinstance(base.statistic, RegressionStatistic):
            return []
        ranges = residual_ranges(base.statistic.residuals, max_rows=self.max_rows)
        return [msgspec.to_builtins(one) for one in ranges]

    def _id_pieces(self, base: Partial) -> list[list[str]]:
        if not base.shape.has_row_ids or len(base.stored) < 2:
            return []  # inside one chunk repeated ids were refused already
        ranges = duplicates.id_ranges(base.rows, self.max_rows)
        return [[f"{low:x}", f"{high:x}"] for low, high in ranges]


def _record(place: Stored) -> TaskRecord:
    return TaskRecord(
        key=chunk_key(place.first_row),
        first_row=place.first_row,
        rows=place.rows,
        sha256=place.blob.removeprefix("sha256:"),
        blob=place.blob,
    )


@dataclass(frozen=True, kw_only=True)
class UploadedChunk:
    """An accepted chunk of an upload, and its encoded partial."""

    stored: Stored
    partial: bytes


@dataclass(frozen=True, kw_only=True)
class UploadedChunks:
    """The accepted chunks of an upload."""

    chunks: tuple[UploadedChunk, ...]


def _pack(finished: Mapping[str, TaskRecord], blobs: JobBlobs) -> str:
    """Write what an upload brought into one blob, so that another process can merge it."""
    chunks = tuple(
        UploadedChunk(
            stored=Stored(
                first_row=record.first_row or 0, rows=record.rows or 0, blob=record.blob or ""
            ),
            partial=blobs.partial(record),
        )
        for key, record in sorted(finished.items())
        if key.startswith(CHUNK)
    )
    return blobs.put(arrays.encode(UploadedChunks(chunks=chunks)))


def _unpack(data: bytes) -> Iterator[Partial]:
    for chunk in arrays.decode(UploadedChunks, data).chunks:
        partial = arrays.decode(Partial, chunk.partial)
        check_environment(partial.environment, chunk.stored.first_row)
        yield replace(partial, stored=(chunk.stored,))
