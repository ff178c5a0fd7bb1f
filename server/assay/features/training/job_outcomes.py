"""Outcomes of the splits that a job measured, for evaluations and for tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from assay.features.evaluations.measurement import MeasuredSplit, measure_split
from assay.features.evaluations.model import EvaluationSpec
from assay.features.evaluations.partial_aggregate import merge_in_groups
from assay.features.training.job_events import SplitMeasured
from assay.features.training.job_predictions import (
    Predicted,
    WordCounts,
    chunk_level,
    extraction_result,
    field_levels,
    record_level,
)
from assay.features.training.job_spec import TEST, TRAIN, VALIDATION
from assay.features.training.model import ClassLevel, FieldLevel, RegressionLevel, Tables
from assay.kernel.jobs.kind import ComputeContext, TaskOutput
from assay.records import Record, encode

SHOWN = (TEST, VALIDATION, TRAIN)  # the tables are of the first of these that there is
_NAMES = {TRAIN: "Train", VALIDATION: "Eval", TEST: "Test"}


class SplitOutcome(Record):
    """A split that was measured, for the version's evaluation and for the tables."""

    measured: MeasuredSplit
    chunks: ClassLevel | None = None
    fields: tuple[FieldLevel, ...] = ()
    tokens: tuple[FieldLevel, ...] = ()


class EncodedOutcome(Record):
    """A SplitOutcome as JSON, as which alone an evaluation's result is stored."""

    data: bytes


def shown_split(splits: Iterable[str]) -> str:
    """Return the split whose numbers the tables of a job show."""
    there = set(splits)
    return next(one for one in SHOWN if one in there)


def measured(
    split: str, parts: Sequence[Predicted], spec: EvaluationSpec, context: ComputeContext
) -> TaskOutput[EncodedOutcome]:
    """Measure the predicted blocks of a split."""
    words = [one.words for one in parts if one.words is not None]
    if words:
        outcome = _of_words(split, WordCounts.merge_all(words), spec)
    else:
        records = [one.records for one in parts if one.records is not None]
        chunks = [one.chunks for one in parts if one.chunks is not None]
        outcome = SplitOutcome(
            measured=measure_split(split, spec, records, context),
            chunks=chunk_level(merge_in_groups(chunks), spec) if chunks else None,
        )
    result = outcome.measured.result
    event = SplitMeasured(dataset_split=split, rows=result.rows, metrics=dict(result.metrics))
    return TaskOutput(partial=EncodedOutcome(data=encode(outcome)), events=(event,))


def tables_of(outcomes: Sequence[SplitOutcome]) -> Tables:
    """Return what the tables show of the splits that were measured."""
    by_split = {one.measured.dataset_split: one for one in outcomes}
    shown = by_split[shown_split(by_split)]
    result = shown.measured.result
    if result.confusion is not None:
        return Tables(records=record_level(result), chunks=shown.chunks)
    if shown.fields:
        return Tables(fields=shown.fields, tokens=shown.tokens)
    results = {split: one.measured.result for split, one in by_split.items()}
    return Tables(
        regression=tuple(
            RegressionLevel(split=name, rows=results[split].rows, metrics=results[split].metrics)
            for split, name in _NAMES.items()
            if split in results
        )
    )


def stored_blob(predicted: Predicted) -> str | None:
    """Return the address of the rows that a task stored."""
    return None if predicted.records is None else predicted.records.stored[0].blob


def _of_words(split: str, merged: WordCounts, spec: EvaluationSpec) -> SplitOutcome:
    return SplitOutcome(
        measured=MeasuredSplit(
            dataset_split=split, spec=spec, result=extraction_result(merged), blobs=(), rows=()
        ),
        fields=field_levels(merged.fields),
        tokens=field_levels(merged.words),
    )
