"""Runs an evaluation without pool, ledger or runner: the same functions, one after another."""

from __future__ import annotations

import io
from pathlib import Path

from assay.features.evaluations.details_artifact import (
    CELLS,
    CURVE,
    KEPT,
    EvaluationDetails,
    MistakeCell,
    read_section,
)
from assay.features.evaluations.ingest import ingest_chunk
from assay.features.evaluations.job import EvaluationKind
from assay.features.evaluations.job_spec import CHUNKS, EvaluationJob
from assay.features.evaluations.model import EvaluationResult, EvaluationSpec
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.job import TaskRecord
from assay.kernel.storage.blobs import BlobStore, open_blobs
from assay.kernel.storage.indexed_json import SectionIndex
from assay.records import decode, encode
from tests.support.kind_in_process import run_in_process

ORG = "acme"


def read_details(data: bytes) -> EvaluationDetails:
    """Return the details that a document holds, all sections of it."""
    file = io.BytesIO(data)
    index = SectionIndex.of(file)
    found = {name: read_section(index, file, name) for name in index.places}
    cells = [
        MistakeCell(
            true_label=head.true_label,
            predicted_label=head.predicted_label,
            total=head.total,
            kept=found[f"{KEPT}{number}"],
        )
        for number, head in enumerate(found.get(CELLS, ()))
    ]
    return EvaluationDetails(
        **{name: one for name, one in found.items() if ":" not in name and name != CELLS},
        curves={label: found[f"{CURVE}{label}"] for label in index.named(CURVE)},
        mistakes=tuple(cells) if CELLS in found else None,
    )


class InProcess:
    """An evaluation of chunks or of a file; `kind` sets the sizes of its tasks."""

    def __init__(self, blobs: Path | BlobStore, kind: EvaluationKind | None = None) -> None:
        self._blobs = JobBlobs(open_blobs(blobs) if isinstance(blobs, Path) else blobs, ORG)
        self._kind = kind or EvaluationKind()
        self.tasks: list[str] = []  # keys in the order in which they ran

    def chunks(self, spec: EvaluationSpec, chunks: list[bytes]) -> bytes:
        """Return the result of an upload of these chunks."""
        asked = asked_for(spec)
        batches: list[TaskRecord] = []
        first = 0
        for data in chunks:
            taken = ingest_chunk(encode(asked), data, first)
            batches.append(
                TaskRecord.batch(
                    first_row=first,
                    rows=taken.rows,
                    blob=self._blobs.put(data),
                    partial=taken.partial,
                )
            )
            first += taken.rows
        return self._run(asked, batches)

    def file(self, spec: EvaluationSpec, source: str, data: bytes) -> bytes:
        """Return the result of one file."""
        return self._run(asked_for(spec, source, self._blobs.put(data)), [])

    def details(self, data: bytes) -> EvaluationDetails:
        """Return the details that a result names."""
        address = result(data).details
        assert address is not None
        return read_details(self._blobs.read(address))

    def _run(self, asked: EvaluationJob, batches: list[TaskRecord]) -> bytes:
        run = run_in_process(self._kind, asked, self._blobs, batches)
        self.tasks += run.tasks
        return run.result


def result(data: bytes) -> EvaluationResult:
    """Return the result of its bytes."""
    return decode(EvaluationResult, data)


def result_of(folder: Path, spec: EvaluationSpec, chunks: list[bytes]) -> bytes:
    """Return the result of an upload; for a child of a pool."""
    return InProcess(folder).chunks(spec, chunks)


def asked_for(spec: EvaluationSpec, source: str = CHUNKS, blob: str | None = None) -> EvaluationJob:
    """Return a job's spec."""
    return EvaluationJob(
        evaluation_id="evl-1", model_id="mdl-1", version_id="ver-1", dataset_split="test",
        spec=spec, source=source, blob=blob,
    )  # fmt: skip  # one value
