"""Predictions of a file's rows by a version; run in compute children alone.

The file is read and predicted batch by batch; predictions come to rest as staged blobs, which
whoever asked sends on and takes back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from assay.features.artifacts.model import Artifact
from assay.features.artifacts.predictors import open_predictor
from assay.features.datasets.dataset_columns import kinds_of_types
from assay.features.datasets.ingest import SplitFile, read_rows
from assay.features.training.prediction_rows import Format, RowWriter
from assay.kernel.errors import BadFile, TooLarge
from assay.kernel.input_errors import input_refused
from assay.kernel.jobs.blobs import JobDraft
from assay.kernel.jobs.kind import ComputeContext
from assay.learning.errors import DataError
from assay.learning.predictions import Predictions
from assay.learning.predictor import Predictor

MAX_ROWS = 100_000  # of a file
MAX_SCORES = 10_000_000  # probabilities of one answer, some 20 bytes each
BATCH_SCORES = 500_000  # probabilities that are computed at once
STAGED_BYTES = 1 << 20  # of a staged blob


@dataclass(frozen=True, kw_only=True)
class PredictionWork:
    """What is predicted by what, and how it is written."""

    file: str  # address of the rows
    source: str  # a format of assay.tabular.opening
    artifact: Artifact  # that predicts
    format: Format
    scores: bool  # whether each class's probability is told


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """Predictions at rest, until they are sent."""

    blobs: tuple[str, ...]  # addresses, in the order of the rows
    draft: JobDraft  # takes them back


def predict_file(context: ComputeContext, work: PredictionWork) -> Predicted:
    """Predict the rows of a file.

    Raises:
        BadFile, BadPredictions: a row is wrong, or nothing can be predicted of it; the message
            names it.
        TooLarge: there are too many rows, or too many probabilities.
    """
    predictor = open_predictor(work.artifact, context)
    writer = RowWriter(
        format=work.format,
        labels=predictor.labels,
        has_scores=work.scores and predictor.task_type.has_label,
    )
    with context.blobs.draft() as draft, input_refused():
        staging = _Staging(draft)
        rows = 0
        for batch in _batches(work, draft, predictor):
            rows += batch.num_rows
            check_size(rows, len(predictor.labels) if writer.has_scores else 0)
            found = _predicted(predictor, batch)
            if rows == batch.num_rows:
                staging.add(writer.header(batch, found))
            staging.add(writer.rows(batch, found))
        return Predicted(blobs=staging.done(), draft=draft)


def _batches(
    work: PredictionWork, blobs: JobDraft, predictor: Predictor
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file, cut so that the probabilities of a batch are bounded."""
    file = SplitFile(
        open=partial(blobs.open, work.file),
        source=work.source,
        task_type=predictor.task_type,
        answers=False,
        kinds=kinds_of_types(
            [one.name for one in predictor.features], pa.schema(predictor.features)
        ),
    )
    step = max(1, BATCH_SCORES // max(len(predictor.labels), 1))
    for batch in read_rows(file):
        for at in range(0, batch.num_rows, step):
            yield batch.slice(at, step)


def _predicted(predictor: Predictor, batch: pa.RecordBatch) -> Predictions:
    try:
        return predictor.predict(batch)
    except DataError as error:
        raise BadFile(
            f"Nothing can be predicted of a row: {error}.",
            metadata={} if error.row_id is None else {"row_id": error.row_id},
        ) from error


def check_size(rows: int, labels: int) -> None:
    """Raise TooLarge for more rows, or more probabilities of `labels` classes, than are told at once."""
    if rows > MAX_ROWS:
        raise TooLarge(
            f"The file has more than {MAX_ROWS} rows, which are allowed at once. Split it.",
            metadata={"limit": MAX_ROWS},
        )
    if rows * labels > MAX_SCORES:
        raise TooLarge(
            f"{rows} rows have {rows * labels} probabilities; at most {MAX_SCORES} are told at "
            "once. Split the file, or leave the scores out.",
            metadata={"limit": MAX_SCORES},
        )


class _Staging:
    """Bytes on their way to staged blobs."""

    def __init__(self, blobs: JobDraft) -> None:
        self._blobs = blobs
        self._held: list[bytes] = []
        self._size = 0
        self._staged: list[str] = []

    def add(self, data: bytes) -> None:
        """Keep bytes."""
        self._held.append(data)
        self._size += len(data)
        if self._size >= STAGED_BYTES:
            self._put()

    def done(self) -> tuple[str, ...]:
        """Return the addresses of all bytes, in order."""
        if self._held:
            self._put()
        return tuple(self._staged)

    def _put(self) -> None:
        self._staged.append(self._blobs.put(b"".join(self._held)))
        self._held, self._size = [], 0
