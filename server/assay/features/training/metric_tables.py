"""The tables of a job's metrics, as the metrics route shows them: pure functions of counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from msgspec import UNSET, UnsetType

from assay.features.training.model import (
    ClassLevel,
    Epoch,
    FieldLevel,
    Measured,
    RegressionLevel,
    Tables,
    Trial,
)
from assay.metrics.classification_report import ClassCounts, average_row
from assay.records import Record

NO_VALUE = "N/A"
TOP_TRIALS = 5
Cell = str | int | float

_LEVEL = "Performance of the {model} model measured on the {unit} level. "
_CLASSIFIER = _LEVEL + (
    # The spelling is that of the documented reply.
    "Measure how accurately model is classifing each {unit} to the given class"
)
_REGRESSOR = _LEVEL + "Measure how far predictions are from the target of each {unit}"
_CLASS_HEADERS = ("Class Type", "F1 Score", "Precision", "Recall", "Support", "ECE")
_FIELD_HEADERS = ("Field Name", *_CLASS_HEADERS[1:])
_FIELDS = "Accuracy scores for individual fields learned by the model"
_REGRESSION = {"R2": "r2", "RMSE": "rmse", "MAE": "mae"}


class MetricTable(Record):
    """A table of a job's metrics."""

    title: str  # What the table shows.
    subtitle: str  # What its data are.
    headers: tuple[str, ...]  # The names of the columns.
    rows: tuple[tuple[Cell, ...], ...]  # One value a column.
    show: bool | UnsetType = UNSET  # False: not meant for a list of a job's metrics.


def metric_tables(tables: Tables) -> tuple[MetricTable, ...]:
    """Return the tables of a job, or of what is known of it so far, in their fixed order."""
    return tuple(_tables(tables))


def _tables(tables: Tables) -> Iterator[MetricTable]:
    if tables.records is not None:
        yield class_table("Record", tables.records)
    if tables.chunks is not None:
        yield class_table("Chunk", tables.chunks)
    if tables.fields:
        yield field_table("Individual fields level metrics", _FIELDS, tables.fields)
    if tables.tokens:
        subtitle = f"{_FIELDS} on token level"
        yield field_table("Individual token level metrics", subtitle, tables.tokens)
    if tables.regression:
        yield regression_table(tables.regression)
    if tables.epochs is not None:
        yield curve_table(tables.epochs)
    if tables.records is not None:
        yield confusion_table(tables.records)
    if any(trial.objective is not None for trial in tables.trials):
        yield search_table(tables.trials)
    if tables.calibration:
        yield calibration_table(tables.calibration)
    if tables.pruning:
        yield before_and_after("Pruning", "The version before and after", tables.pruning)


def class_table(unit: str, level: ClassLevel) -> MetricTable:
    """Return the scores of each class, and their averages; `unit` is Record or Chunk."""
    counts = ClassCounts.of(np.array(level.confusion, dtype=np.int64))
    columns = zip(
        level.labels, counts.f1_score, counts.precision, counts.recall, counts.support, strict=True
    )
    rows = [
        _scores(label, (f1, precision, recall), int(support), ece)
        for (label, f1, precision, recall, support), ece in zip(columns, level.ece, strict=True)
    ]
    total = int(counts.support.sum())
    for name in ("macro", "weighted") if total else ():
        average = average_row(counts, name)
        scores = (average.f1_score, average.precision, average.recall)
        rows.append(_scores(f"{name} avg", scores, total, None))
    return MetricTable(
        title=f"{unit}-wise Classifier Metrics",
        subtitle=_CLASSIFIER.format(model="Classifier", unit=unit),
        headers=_CLASS_HEADERS,
        rows=tuple(rows),
    )


def field_table(title: str, subtitle: str, fields: Sequence[FieldLevel]) -> MetricTable:
    """Return the scores of each field, below their averages."""
    scored = [_field_scores(one.correct, one.extracted, one.expected) for one in fields]
    sums = [
        sum(getattr(one, name) for one in fields) for name in ("correct", "extracted", "expected")
    ]
    macro = [float(np.mean(column)) for column in zip(*scored, strict=True)]
    rows = [
        _scores("Micro Average", _field_scores(*sums), sums[2], None),
        _scores("Macro Average", macro, sums[2], None),
    ]
    rows += [
        _scores(one.field, scores, one.expected, one.ece)
        for one, scores in zip(fields, scored, strict=True)
    ]
    return MetricTable(title=title, subtitle=subtitle, headers=_FIELD_HEADERS, rows=tuple(rows))


def regression_table(levels: Iterable[RegressionLevel]) -> MetricTable:
    """Return the errors of each split."""
    rows: list[tuple[Cell, ...]] = [
        (
            one.split,
            *(_decimals(one.metrics.get(name)) for name in _REGRESSION.values()),
            float(one.rows),
        )
        for one in levels
    ]
    return MetricTable(
        title="Record-wise Regressor Metrics",
        subtitle=_REGRESSOR.format(model="Regressor", unit="Record"),
        headers=("Dataset Split", *_REGRESSION, "Support"),
        rows=tuple(rows),
    )


def curve_table(epochs: Sequence[Epoch]) -> MetricTable:
    """Return the losses of the epochs that were run."""
    numbers = [str(number) for number in range(1, len(epochs) + 1)]
    first = [f"Epoch {number}" for number in numbers[:1]]
    return MetricTable(
        title="Train-Validation Curve",
        subtitle="",
        headers=("Dataset Split", *first, *numbers[1:]),
        rows=(
            ("Train", *(one.train_loss for one in epochs)),
            ("Eval", *(_known(one.validation_loss) for one in epochs)),
        ),
        show=False,
    )


def confusion_table(level: ClassLevel) -> MetricTable:
    """Return records by true class, a row each, and predicted class, a column each."""
    rows = zip(level.labels, level.confusion, strict=True)
    return MetricTable(
        title="Confusion Matrix",
        subtitle="",
        headers=("class name", *level.labels),
        rows=tuple((label, *counts) for label, counts in rows),
        show=False,
    )


def search_table(trials: Iterable[Trial]) -> MetricTable:
    """Return the best trials that were not pruned; of equal ones the first comes first."""
    done = [(one.objective, one) for one in trials if one.objective is not None]
    best = sorted(done, key=lambda one: (-one[0], one[1].number))[:TOP_TRIALS]
    names = [setting.name for setting in best[0][1].settings] if best else []
    return MetricTable(
        title="Hyperparameter search results",
        subtitle=f"Top {len(best)} runs from hyperparameter search, sorted by the objective value "
        "on validation dataset",
        headers=("Trial number", *names, "Objective value"),
        rows=tuple(
            (str(trial.number), *(str(one.value) for one in trial.settings), f"{objective:.4f}")
            for objective, trial in best
        ),
    )


def calibration_table(measures: Iterable[Measured]) -> MetricTable:
    """Return the calibration error on held-out rows, which is printed as in the tables above."""
    return MetricTable(
        title="Calibration",
        subtitle="Expected calibration error on validation rows that the calibration was not "
        "fitted to",
        headers=("Measure", "Before", "After"),
        rows=tuple((one.measure, f"{one.before:.3f}", f"{one.after:.3f}") for one in measures),
    )


def before_and_after(title: str, subtitle: str, measures: Iterable[Measured]) -> MetricTable:
    """Return what measures were and are."""
    return MetricTable(
        title=title,
        subtitle=subtitle,
        headers=("Measure", "Before", "After"),
        rows=tuple((one.measure, one.before, one.after) for one in measures),
    )


def _scores(
    name: str, scores: Sequence[float], support: int, ece: float | None
) -> tuple[Cell, ...]:
    """Return a row of F1, precision, recall, support and calibration error."""
    shown = [f"{100 * score:.2f}%" for score in scores]
    return (name, *shown, float(support), NO_VALUE if ece is None else f"{ece:.3f}")


def _field_scores(correct: int, extracted: int, expected: int) -> tuple[float, float, float]:
    """Return F1, precision and recall; 0 where they divide by 0."""
    return (
        2 * correct / (extracted + expected) if extracted + expected else 0.0,
        correct / extracted if extracted else 0.0,
        correct / expected if expected else 0.0,
    )


def _known(value: float | None) -> Cell:
    return NO_VALUE if value is None else value


def _decimals(value: float | None) -> str:
    return NO_VALUE if value is None else f"{value:.4f}"
