"""Stages that make splits of a stored one: each row is assigned to a split, then each is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay.features.datasets.job_batches import stored_batches
from assay.features.datasets.job_spec import (
    SplitPartition,
)
from assay.features.datasets.partition import MAX_ROWS, Codes, RowKeys, Words, assign
from assay.features.datasets.row_digests import text_digests
from assay.features.datasets.split_writer import SplitWriter
from assay.features.datasets.stored_split import SplitManifest, read_blocks, read_manifest
from assay.kernel.errors import FailedPrecondition
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.kind import (
    ComputeContext,
    JobView,
    Stage,
    StageInputs,
    TaskOutput,
)
from assay.learning.rows import GROUP, LABEL, ROW_ID
from assay.records import Record
from assay.tabular.arrays import numbers
from assay.tabular.row_ids import row_ids_of


class WholeSplit(Record):
    """The payload of a task that reads all there is."""


class TargetSplit(Record):
    """The split that a task writes."""

    place: int  # among the fractions of the job
    name: str


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """Where each row of a split goes."""

    places: NDArray[np.uint8]  # (rows,) among the fractions of the job


class AssignRows(Stage[WholeSplit, Assignment]):
    """Decides where each row of a split goes."""

    name: ClassVar[str] = "assign"
    payload = WholeSplit
    partial = Assignment

    def plan(
        self, job: JobView[SplitPartition], inputs: StageInputs, context: ComputeContext
    ) -> list[WholeSplit]:
        """Plan one task."""
        return [WholeSplit()]

    def run(
        self,
        job: JobView[SplitPartition],
        payload: WholeSplit,
        inputs: StageInputs,
        context: ComputeContext,
    ) -> TaskOutput[Assignment]:
        """Read ids, classes and groups. Raises FailedPrecondition for a split without rows."""
        asked = job.spec
        stored = context.blobs.of("dataset", asked.dataset_id)
        manifest = read_manifest(asked.manifest, stored)
        _refuse_many(manifest)
        fractions = [asked.fractions[name] for name in sorted(asked.fractions)]
        places = assign(_keys(asked, manifest, stored), fractions, asked.seed)
        _refuse_empty(asked, np.bincount(places, minlength=len(fractions)))
        return TaskOutput(partial=Assignment(places=places))


class WriteSplits(Stage[TargetSplit, SplitManifest]):
    """Writes the rows that go to one split."""

    name: ClassVar[str] = "write"
    payload = TargetSplit
    partial = SplitManifest
    reads = (AssignRows,)
    task_reads = (AssignRows,)

    def plan(
        self, job: JobView[SplitPartition], inputs: StageInputs, context: ComputeContext
    ) -> list[TargetSplit]:
        """Plan a task for each split."""
        names = sorted(job.spec.fractions)
        return [TargetSplit(place=place, name=name) for place, name in enumerate(names)]

    def run(
        self,
        job: JobView[SplitPartition],
        payload: TargetSplit,
        inputs: StageInputs,
        context: ComputeContext,
    ) -> TaskOutput[SplitManifest]:
        """Read all rows, and write those of one split in their order."""
        (assignment,) = inputs.partials(AssignRows)
        stored = context.blobs.of("dataset", job.spec.dataset_id)
        source = read_manifest(job.spec.manifest, stored)
        writer = SplitWriter(source.task_type, source.schema, context.blobs)
        at = 0
        for block in read_blocks(source, stored):
            places = assignment.places[at : at + block.num_rows]
            writer.add(block.take(_indices(np.flatnonzero(places == payload.place))))
            at += block.num_rows
        manifest = writer.finish()
        first_row = int((assignment.places < payload.place).sum())
        return TaskOutput(partial=manifest, batches=stored_batches(manifest, first_row))


def _keys(asked: SplitPartition, manifest: SplitManifest, blobs: JobBlobs) -> RowKeys:
    columns = (ROW_ID, *[LABEL] * asked.stratified, *[GROUP] * asked.grouped)
    codes = {label: code for code, label in enumerate(manifest.labels)}
    ids: list[Words] = []
    strata: list[Codes] = []
    groups: list[Words] = []
    for block in read_blocks(manifest, blobs, columns=columns):
        hashes = row_ids_of(pa.chunked_array([block.column(ROW_ID)])).hashes
        ids.append(hashes)
        if asked.stratified:
            strata.append(_codes(block.column(LABEL), codes))
        if asked.grouped:
            names: Any = block.column(GROUP)
            absent = numbers(names.is_null().cast(pa.uint8())).astype(np.bool_)
            groups.append(np.where(absent, hashes, text_digests(names)))
    every = np.concatenate(ids)
    return RowKeys(
        ids=every,
        strata=np.concatenate(strata) if asked.stratified else np.zeros(len(every), np.int64),
        groups=np.concatenate(groups) if asked.grouped else None,
    )


def _codes(labels: Any, codes: Mapping[str, int]) -> Codes:
    coded = labels.dictionary_encode()
    known = np.array([codes[text] for text in coded.dictionary.to_pylist()], np.int64)
    found: Codes = known[numbers(coded.indices)]
    return found


def _indices(places: NDArray[np.int64]) -> Any:
    return pa.Array.from_buffers(pa.int64(), len(places), [None, pa.py_buffer(places.tobytes())])


def _refuse_many(manifest: SplitManifest) -> None:
    if manifest.rows > MAX_ROWS:
        raise FailedPrecondition(
            f"The split has {manifest.rows} rows; splits are made of at most {MAX_ROWS}. Upload "
            "the splits one by one.",
            metadata={"rows": manifest.rows, "limit": MAX_ROWS},
        )


def _refuse_empty(asked: SplitPartition, counts: NDArray[np.int64]) -> None:
    for name, count in zip(sorted(asked.fractions), counts.tolist(), strict=True):
        if not count:
            raise FailedPrecondition(
                f"The split {name} would have no rows: it gets {asked.fractions[name]:g} of the "
                f"{int(counts.sum())} rows of {asked.source}"
                f"{', whose groups stay together' if asked.grouped else ''}. Give it a larger "
                "fraction, or choose another seed.",
                metadata={"split": name, "rows": int(counts.sum())},
            )
