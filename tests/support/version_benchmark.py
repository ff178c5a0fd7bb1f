"""Benchmarks of a small model on printed invoices, as jobs without a service."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from assay.features.artifacts.model import Artifact, ArtifactKind
from assay.features.benchmarks.job_spec import VersionBenchmarkJob
from assay.features.benchmarks.snapshot_artifact import take_snapshot
from assay.features.extraction_runs.model import Pair
from assay.kernel.jobs.blobs import JobBlobs
from assay.learning.rows import TaskType
from assay.records import replace
from tests.support.trained_versions import model_of
from tests.support.training_rows import Rows, invoices

EXTRACTION = TaskType.EXTRACTION


def split() -> pa.Table:
    """The rows of the test split, in an order that is not that of their ids."""
    table = invoices()["test"].combine_chunks()
    return table.take(pa.array(range(table.num_rows - 1, -1, -1))).combine_chunks()


def spec_of(
    blobs: JobBlobs, truths: Sequence[Pair], *, documents: int = 100, block_rows: int = 50_000
) -> VersionBenchmarkJob:
    """Return the job of a small model on the test split, cut into blobs and blocks."""
    bare = [replace(one, data=None, confidence=None) for one in truths]
    snapshot = take_snapshot(bare, blobs.put, most_documents=documents)
    rows = Rows(EXTRACTION, {"test": split()}, blobs, block_rows=block_rows)
    model = model_of(EXTRACTION)
    data = model.encode()
    return VersionBenchmarkJob(
        benchmark_id="00000000-0000-4000-8000-000000000000",
        schema=None,
        documents=snapshot.documents,
        truth=snapshot.truth,
        blobs=snapshot.blobs,
        run_id="run",
        artifact=Artifact(
            kind=ArtifactKind.TRAINED,
            blob=blobs.put(data),
            bytes=len(data),
            task_type=EXTRACTION,
            labels=model.labels,
        ),
        manifest=rows.stored["test"].manifest,
        split_blobs=rows.manifests["test"].addresses,
    )
