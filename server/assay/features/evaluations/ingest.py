"""The intake of rows: decoded, checked and counted once. Runs in compute children alone.

Typed rows of a small request become one chunk, which then goes the way of all chunks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from assay.features.evaluations.job_spec import EvaluationJob
from assay.features.evaluations.model import EvaluationSpec, TruthSplit
from assay.features.evaluations.partial_aggregate import (
    ColumnLayout,
    PartialAggregate,
    Stored,
    environment_hash,
    merge_in_groups,
)
from assay.features.evaluations.truth_join import PredictionFile, TruthJoin
from assay.features.models.model import TaskType
from assay.kernel.errors import BadPredictions
from assay.kernel.input_errors import input_refused
from assay.kernel.jobs.blobs import JobBlobs
from assay.metrics.resampling.bootstrap import mix
from assay.metrics.statistics import (
    AnyStatistic,
    ClassificationStatistic,
    RegressionStatistic,
)
from assay.records import decode
from assay.records.arrays import encode
from assay.records.predictions import ClassificationChunk, Predictions
from assay.tabular.arrow import read_chunk
from assay.tabular.chunk import Chunk, Rules
from assay.tabular.files import read_file
from assay.tabular.values import encode_values

Words = NDArray[np.uint64]


@dataclass(frozen=True, kw_only=True)
class IngestedChunk:
    """A chunk that was accepted."""

    rows: int
    partial: bytes  # an encoded PartialAggregate


def rules_of(spec: EvaluationSpec) -> Rules:
    """Return what the columns must obey under a spec."""
    return Rules(
        regression=spec.task_type is TaskType.REGRESSION,
        labels=spec.labels,
        positive_label=spec.positive_label,
        renormalize=spec.renormalize,
    )


def ingest_chunk(job_spec: bytes, data: bytes, first_row: int) -> IngestedChunk:
    """Decode, check and count one chunk of an upload that starts at `first_row`.

    `job_spec` is an encoded EvaluationJob. Raises BadFile and BadPredictions.
    """
    rules = rules_of(decode(EvaluationJob, job_spec).spec)
    with input_refused():
        partial = count(read_chunk(data, rules, first_row))
    return IngestedChunk(rows=partial.rows, partial=encode(partial))


def rows_to_chunk(spec: EvaluationSpec, columns: Mapping[str, Sequence[object]]) -> bytes:
    """Return columns of Python values (str, bool, int, float, None for null) as an Arrow IPC stream.

    Columns are named as in any upload. Runs in a compute child, for a value's way into Arrow is
    decoding too. Raises BadPredictions naming row and column, as an upload of the rows would.
    """
    sizes = {name: len(values) for name, values in columns.items()}
    if len(set(sizes.values())) > 1:
        shown = ", ".join(f"{name} has {size}" for name, size in list(sizes.items())[:10])
        raise BadPredictions(
            f"The columns have different numbers of rows: {shown}. Give each row a value for "
            "each column, or null.",
            metadata={"rows": shown},
        )
    if not sum(sizes.values()):
        raise BadPredictions("There are no rows. Send at least one.", metadata={"rows": 0})
    with input_refused():
        return encode_values(columns, rules_of(spec))


def ingest_file(
    address: str, source: str, rules: Rules, blobs: JobBlobs, truth: TruthSplit | None = None
) -> PartialAggregate:
    """Take the file of a blob in, block by block; its rows come to rest as Arrow chunks.

    The truth is in the rows or, with `truth`, joined to them by their ids. Raises BadFile,
    BadPredictions and TooLarge.
    """
    file = PredictionFile(open=lambda: blobs.open(address), source=source, rules=rules)
    join = None if truth is None else TruthJoin(file, truth, blobs)

    def counted() -> Iterator[PartialAggregate]:
        for block in read_file(file.open, source, rules) if join is None else join.blocks():
            partial = count(block.chunk)
            place = Stored(
                first_row=partial.first_row, rows=partial.rows, blob=blobs.put(block.encoded)
            )
            yield replace(partial, stored=(place,))

    with input_refused():
        merged = merge_in_groups(counted())
        return merged if join is None else replace(merged, coverage=join.coverage())


def count(chunk: Chunk) -> PartialAggregate:
    """Return the partial of a chunk's rows."""
    statistic = _statistic(chunk.predictions)
    return PartialAggregate(
        first_row=chunk.first_row,
        rows=chunk.rows,
        shape=_layout(chunk),
        content=_content(chunk, statistic),
        environment=environment_hash(),
        statistic=statistic,
    )


def _layout(chunk: Chunk) -> ColumnLayout:
    prefix = "slice:"
    predictions = chunk.predictions
    classes = predictions if isinstance(predictions, ClassificationChunk) else None
    return ColumnLayout(
        score_kind="none" if classes is None else classes.score_kind,
        score_labels=() if classes is None else classes.score_labels,
        pred_derived=chunk.pred_derived,
        has_row_ids=chunk.row_ids is not None,
        has_weights=predictions.weights is not None,
        has_clusters="cluster_id" in chunk.extras,
        slices=tuple(sorted(n.removeprefix(prefix) for n in chunk.extras if n.startswith(prefix))),
    )


def _statistic(predictions: Predictions) -> AnyStatistic:
    if isinstance(predictions, ClassificationChunk):
        return ClassificationStatistic.from_chunk(predictions)
    return RegressionStatistic.from_chunk(predictions)


def _content(chunk: Chunk, statistic: AnyStatistic) -> tuple[int, int]:
    """Return two sums of row hashes modulo 2**64; rows of labels alone are hashed by cell."""
    if (
        isinstance(statistic, ClassificationStatistic)
        and statistic.weighted is None
        and chunk.row_ids is None
        and statistic.histogram is None
    ):
        confusion = statistic.confusion
        names = np.array([_text_hash(label) for label in confusion.labels], np.uint64)
        true, predicted = np.divmod(confusion.sparse.cells, max(1, len(names)))
        lanes = mix(mix(names[true]) ^ names[predicted])
        times = confusion.sparse.counts.astype(np.uint64)
        return int((lanes * times).sum()), int((mix(lanes) * times).sum())
    lanes = row_hashes(chunk)
    return int(lanes.sum(dtype=np.uint64)), int(mix(lanes).sum(dtype=np.uint64))


def row_hashes(chunk: Chunk) -> Words:
    """Return (rows,) hashes of what is scored of each row, and of its id."""
    predictions = chunk.predictions
    if isinstance(predictions, ClassificationChunk):
        names = np.array([_text_hash(label) for label in predictions.labels], np.uint64)
        words = [names[predictions.true], names[predictions.predicted]]
        words += [] if predictions.scores is None else list(predictions.scores.view(np.uint64))
    else:
        words = [predictions.true.view(np.uint64), predictions.predicted.view(np.uint64)]
    if predictions.weights is not None:
        words.append(predictions.weights.view(np.uint64))
    if chunk.row_ids is not None:
        words.append(chunk.row_ids.hashes)
    state = np.zeros(chunk.rows, np.uint64)
    for word in words:
        state = mix(state ^ word)
    return state


def _text_hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
