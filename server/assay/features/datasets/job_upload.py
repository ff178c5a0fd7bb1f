"""Stages that make a split of a file: its rows are read and stored, and repeated ids sought."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from assay.features.datasets.ingest import SplitFile, ingest_split
from assay.features.datasets.job_batches import stored_batches
from assay.features.datasets.job_spec import (
    SplitUpload,
)
from assay.features.datasets.stored_split import SplitManifest, read_blocks, read_manifest
from assay.kernel.errors import BadRows
from assay.kernel.input_errors import input_refused
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.kind import (
    ComputeContext,
    JobView,
    Stage,
    StageInputs,
    TaskOutput,
)
from assay.learning.rows import ROW_ID
from assay.records import Record
from assay.tabular import repeated_ids
from assay.tabular.row_ids import RowIds, row_ids_of


class WholeFile(Record):
    """The payload of a task that reads all there is."""


class HashRange(Record):
    """A range of hashes of row ids."""

    low: str  # hex
    high: str  # hex, exclusive


class ReadRows(Stage[WholeFile, SplitManifest]):
    """Reads a file and stores its rows as blocks."""

    name: ClassVar[str] = "read"
    payload = WholeFile
    partial = SplitManifest

    def plan(
        self, job: JobView[SplitUpload], inputs: StageInputs, context: ComputeContext
    ) -> list[WholeFile]:
        """Plan one task."""
        return [WholeFile()]

    def run(
        self,
        job: JobView[SplitUpload],
        payload: WholeFile,
        inputs: StageInputs,
        context: ComputeContext,
    ) -> TaskOutput[SplitManifest]:
        """Read the file. Raises BadFile, BadRows and TooLarge."""
        asked, blobs = job.spec, context.blobs
        stored = blobs.of("dataset", asked.dataset_id)
        like = None if asked.like is None else read_manifest(asked.like, stored).features
        file = SplitFile(
            open=lambda: blobs.open(asked.blob),
            source=asked.source,
            task_type=asked.task_type,
            like=like,
        )
        with input_refused(rows=BadRows):
            manifest = ingest_split(file, blobs)
        return TaskOutput(partial=manifest, batches=stored_batches(manifest, 0))


@dataclass(frozen=True, kw_only=True)
class FindRepeatedIds(Stage[HashRange, repeated_ids.Duplicates]):
    """Finds ids that rows of different blocks have, by ranges of their hash."""

    name: ClassVar[str] = "row-ids"
    payload = HashRange
    partial = repeated_ids.Duplicates
    reads = (ReadRows,)
    task_reads = (ReadRows,)
    max_rows: int = repeated_ids.MAX_ROWS  # of a task

    def plan(
        self, job: JobView[SplitUpload], inputs: StageInputs, context: ComputeContext
    ) -> list[HashRange]:
        """Plan ranges that hold about as many rows each."""
        (manifest,) = inputs.partials(ReadRows)
        return [
            HashRange(low=f"{low:x}", high=f"{high:x}")
            for low, high in repeated_ids.id_ranges(manifest.rows, self.max_rows)
        ]

    def run(
        self,
        job: JobView[SplitUpload],
        payload: HashRange,
        inputs: StageInputs,
        context: ComputeContext,
    ) -> TaskOutput[repeated_ids.Duplicates]:
        """Return the repeated ids of a range."""
        (manifest,) = inputs.partials(ReadRows)
        ids = repeated_ids.StoredIds(
            rows=manifest.rows, read=lambda: _row_ids(manifest, context.blobs)
        )
        low, high = int(payload.low, 16), int(payload.high, 16)
        return TaskOutput(partial=repeated_ids.find_duplicates(ids, low, high))


def _row_ids(manifest: SplitManifest, blobs: JobBlobs) -> Iterator[tuple[int, RowIds]]:
    first_row = 0
    for block in read_blocks(manifest, blobs, columns=(ROW_ID,)):
        yield first_row, row_ids_of(pa.chunked_array([block.column(0)]))
        first_row += block.num_rows
