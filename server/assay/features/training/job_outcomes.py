"""Outcomes of the splits that a job measured, for evaluations and for tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from assay.features.evaluations.measurement import MeasuredSplit, measure_split
from assay.features.evaluations.model import EvaluationSpec
from assay.features.evaluations.partial_aggregate import PartialAggregate, merge_in_groups
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

T = TypeVar("T")

SHOWN = (TEST, VALIDATION, TRAIN)  # the tables are of the first of these that there is
HELD = 16  # parts of a split that are in memory before they are merged
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
    split: str, parts: Iterable[Predicted], spec: EvaluationSpec, context: ComputeContext
) -> TaskOutput[EncodedOutcome]:
    """Measure the predicted blocks of a split, of which some are in memory at a time."""
    records: list[PartialAggregate] = []
    chunks: list[PartialAggregate] = []
    words: list[WordCounts] = []
    for one in parts:
        _take(records, one.records, merge_in_groups)
        _take(chunks, one.chunks, merge_in_groups)
        _take(words, one.words, WordCounts.merge_all)
    if words:
        outcome = _of_words(split, WordCounts.merge_all(words), spec)
    else:
        outcome = SplitOutcome(
            measured=measure_split(split, spec, records, context),
            chunks=chunk_level(merge_in_groups(chunks), spec) if chunks else None,
        )
    result = outcome.measured.result
    event = SplitMeasured(dataset_split=split, rows=result.rows, metrics=dict(result.metrics))
    return TaskOutput(partial=EncodedOutcome(data=encode(outcome)), events=(event,))


def _take(held: list[T], one: T | None, merge: Callable[[list[T]], T]) -> None:
    """Add a part to those that are held, which are merged when they are many."""
    if one is not None:
        held.append(one)
    if len(held) == HELD:
        held[:] = [merge(held)]


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
