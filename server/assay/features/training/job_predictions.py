"""Predictions as rows of an evaluation, and the levels on which classes and fields are counted."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assay.features.evaluations.measurement import count_only, count_rows
from assay.features.evaluations.model import ClassScores, EvaluationResult, EvaluationSpec
from assay.features.evaluations.partial_aggregate import PartialAggregate, environment
from assay.features.models.model import TaskType as ModelTask
from assay.features.training.model import TASKS, ClassLevel, FieldLevel
from assay.kernel.jobs.kind import ComputeContext
from assay.learning.artifact import unpack_texts
from assay.learning.feature_block import UNKNOWN, FeatureBlock
from assay.learning.predictions import ClassPredictions, ValuePredictions, WordPredictions
from assay.learning.rows import LABEL, LABELS, OUTSIDE, TARGET, WORDS, TaskType
from assay.learning.word_fields import true_fields
from assay.learning.word_tagger import TEXTS, WORD_OF
from assay.metrics.metric_inputs import MetricInputs
from assay.metrics.ranking import RankCounts
from assay.metrics.spec import classification_spec
from assay.metrics.statistics import ClassificationStatistic
from assay.metrics.tag_counts import TagCounts
from assay.records import encode, sha256_hex
from assay.tabular.values import text_array


def spec_of(
    task_type: TaskType, labels: tuple[str, ...], positive_label: str | None
) -> EvaluationSpec:
    """Return what decides the numbers of a version's evaluations."""
    task = TASKS[task_type]
    if task is not ModelTask.CLASSIFICATION:
        return EvaluationSpec(task_type=task)
    return EvaluationSpec(task_type=task, labels=labels, positive_label=positive_label)


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """A block of rows that was predicted and counted."""

    split: str
    records: PartialAggregate | None  # None: of an extraction
    chunks: PartialAggregate | None = None  # None: no table shows the split's chunks
    words: WordCounts | None = None  # of an extraction


@dataclass(frozen=True, kw_only=True)
class WordCounts:
    """The counts of an extraction, of words and of whole fields."""

    rows: int
    content: int  # sum of row hashes modulo 2**64
    words: TagCounts
    fields: TagCounts

    @classmethod
    def merge_all(cls, parts: Sequence[WordCounts]) -> WordCounts:
        """Add counts."""
        return cls(
            rows=sum(one.rows for one in parts),
            content=sum(one.content for one in parts) % (1 << 64),
            words=TagCounts.merge_all([one.words for one in parts]),
            fields=TagCounts.merge_all([one.fields for one in parts]),
        )


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where predicted rows belong."""

    split: str
    first_row: int  # of the split
    shows_chunks: bool  # whether tables show the chunks of the split


def truths(block: FeatureBlock) -> NDArray[Any]:
    """Return (records,) the targets of a block's records, each of which has a chunk."""
    first = np.searchsorted(block.record_of, np.arange(block.records))
    return block.targets[first]


def truths_of_rows(batch: pa.RecordBatch, labels: Sequence[str]) -> NDArray[Any]:
    """Return (rows,) the codes of classes, or the numbers, that are true of rows."""
    if TARGET in batch.schema.names:
        return np.array(batch.column(TARGET).to_pylist(), np.float64)
    codes = {label: code for code, label in enumerate(labels)}
    return np.array([codes[str(label)] for label in batch.column(LABEL).to_pylist()], np.int32)


def count_predictions(
    found: ClassPredictions | ValuePredictions,
    true: NDArray[Any],
    spec: EvaluationSpec,
    place: Place,
    context: ComputeContext,
) -> Predicted:
    """Store predictions of records, whose truths are given, and count them and their chunks."""
    if isinstance(found, ValuePredictions):
        rows, chunks = _value_rows(found, true), None
    else:
        rows = _class_rows(
            found.labels, true, found.codes, found.probabilities, row_id=found.row_ids
        )
        chunks = _class_rows(
            found.labels, true[found.record_of], found.chunk_codes, found.chunk_probabilities
        )
    counted = count_rows(rows, spec, place.first_row, context)
    shown = count_only(chunks, spec) if chunks is not None and place.shows_chunks else None
    return Predicted(split=place.split, records=counted, chunks=shown)


def count_words(
    found: WordPredictions, true: NDArray[np.int32], texts: Sequence[str], place: Place
) -> Predicted:
    """Count predictions of words, whose true codes are given, and of the fields that they make."""
    fields = [label for label in found.labels if label != OUTSIDE]
    expected = true_fields(true, texts, found.offsets, found.labels)
    hashes = (
        hashlib.blake2b(encode([row_id, dict(values)]), digest_size=8).digest()
        for row_id, values in zip(found.row_ids, found.fields, strict=True)
    )
    counts = WordCounts(
        rows=len(found.row_ids),
        content=sum(int.from_bytes(one, "little") for one in hashes) % (1 << 64),
        words=TagCounts.of_words(true, found.codes, found.labels),
        fields=TagCounts.of_fields(expected, found.fields, fields),
    )
    return Predicted(split=place.split, records=None, words=counts)


def words_of_block(block: FeatureBlock) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Return the (words,) true codes of a block of an extraction, and the words."""
    extras = block.extras
    texts = unpack_texts(extras[f"{TEXTS}.bytes"], extras[f"{TEXTS}.ends"])
    true = np.full(len(texts), UNKNOWN, np.int32)
    true[extras[WORD_OF]] = block.targets
    return true, texts


def words_of_rows(
    batch: pa.RecordBatch, labels: Sequence[str]
) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Return the (words,) true codes of rows of an extraction, and the words."""
    codes = {label: code for code, label in enumerate(labels)}
    texts = tuple(str(word) for word in pc.list_flatten(batch.column(WORDS)).to_pylist())
    given = pc.list_flatten(batch.column(LABELS)).to_pylist()
    return np.array([codes[str(label)] for label in given], np.int32), texts


def calibration_error(
    probabilities: NDArray[np.float64], true: NDArray[Any], labels: tuple[str, ...]
) -> float:
    """Return the expected calibration error of rows of known classes; there is at least one."""
    known = np.flatnonzero(true != UNKNOWN)
    scores = probabilities[known]
    rows = _class_rows(labels, true[known], scores.argmax(axis=1).astype(np.int32), scores)
    spec = spec_of(TaskType.TEXT_CLASSIFICATION, labels, None)
    return _inputs(count_only(rows, spec), spec).calibration.headline.ece


def record_level(result: EvaluationResult) -> ClassLevel:
    """Return how records were classified, from the result of their evaluation."""
    return ClassLevel(
        labels=result.labels,
        confusion=result.confusion or (),
        ece=tuple(one.ece for one in result.per_class),
    )


def chunk_level(merged: PartialAggregate, spec: EvaluationSpec) -> ClassLevel:
    """Return how chunks were classified, from their merged counts."""
    inputs = _inputs(merged, spec)
    labels, statistic = inputs.spec.labels, merged.statistic
    assert isinstance(statistic, ClassificationStatistic)
    matrix = statistic.confusion.onto(labels).matrix
    errors = inputs.calibration.per_class
    return ClassLevel(
        labels=labels,
        confusion=tuple(tuple(row) for row in matrix.tolist()),
        ece=tuple(errors[label].ece for label in labels),
    )


def _inputs(merged: PartialAggregate, spec: EvaluationSpec) -> MetricInputs:
    statistic = merged.statistic
    assert isinstance(statistic, ClassificationStatistic)
    settled = classification_spec(
        declared=spec.labels,
        positive_label=spec.positive_label,
        score_labels=merged.shape.score_labels,
        lone_score=False,
        observed=statistic.confusion.labels,
    )
    return MetricInputs(statistic=statistic, spec=settled, ranks=RankCounts())


def field_levels(counts: TagCounts) -> tuple[FieldLevel, ...]:
    """Return how each field was extracted, in the order of labels."""
    columns = zip(counts.labels, counts.hits, counts.predicted, counts.true, strict=True)
    return tuple(
        FieldLevel(field=label, correct=int(hits), extracted=int(found), expected=int(true))
        for label, hits, found, true in columns
    )


def extraction_result(merged: WordCounts) -> EvaluationResult:
    """Return the result of an evaluation of fields: their micro averages are the headline."""
    counts, averages = merged.fields, {}
    scores = counts.scores
    for name in ("micro", "macro", "weighted"):
        row = counts.average(name)
        if row is not None:
            averages[name] = asdict(row)
    rules = {"task": "extraction", "match": "exact", "labels": list(counts.labels)}
    return EvaluationResult(
        rows=merged.rows,
        task="extraction",
        labels=counts.labels,
        positive_label=None,
        label_set_inferred=False,
        metrics=averages.get("micro", {}),
        undefined={} if averages else dict.fromkeys(("precision", "recall", "f1_score"), "EMPTY"),
        per_class=tuple(
            ClassScores(
                label=label,
                precision=float(scores.precision[at]),
                recall=float(scores.recall[at]),
                f1_score=float(scores.f1_score[at]),
                support=int(counts.true[at]),
                predicted=int(counts.predicted[at]),
            )
            for at, label in enumerate(counts.labels)
        ),
        averages=averages,
        confusion=None,
        clipped_rows=0,
        spec=rules,
        spec_hash=sha256_hex(encode(rules)),
        environment=environment(),
        content_hash=sha256_hex(f"{merged.rows}:{merged.content:016x}".encode()),
    )


def _value_rows(found: ValuePredictions, true: NDArray[Any]) -> pa.Table:
    return pa.table(
        {
            "row_id": text_array(found.row_ids),
            "y_true": _numbers(true, np.float64),
            "y_pred": _numbers(found.values, np.float64),
        }
    )


def _class_rows(
    labels: tuple[str, ...],
    true: NDArray[Any],
    predicted: NDArray[np.int32],
    probabilities: NDArray[np.float64],
    row_id: Sequence[str] | None = None,
) -> pa.Table:
    names = text_array(labels)
    columns: dict[str, pa.Array[Any]] = {} if row_id is None else {"row_id": text_array(row_id)}
    columns["y_true"] = pa.DictionaryArray.from_arrays(_numbers(true, np.int32), names)
    columns["y_pred"] = pa.DictionaryArray.from_arrays(_numbers(predicted, np.int32), names)
    for code, label in enumerate(labels):
        columns[f"score:{label}"] = _numbers(probabilities[:, code], np.float64)
    return pa.table(columns)


def _numbers(values: NDArray[Any], kind: type[np.int32 | np.float64]) -> pa.Array[Any]:
    """Return numbers as an Arrow array, without pyarrow's way from numpy; see tabular.arrays."""
    data = pa.py_buffer(np.ascontiguousarray(values, dtype=kind).tobytes())
    arrow = pa.int32() if kind is np.int32 else pa.float64()
    return pa.Array.from_buffers(arrow, len(values), [None, data])
