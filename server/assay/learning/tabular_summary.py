"""Summaries of tabular rows: exact sums of numbers, counts of categories and of classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay.learning.artifact import Artifact
from assay.learning.errors import DataError, shortened
from assay.learning.labels import added, label_counts
from assay.learning.learner import Summary
from assay.learning.rows import CATEGORY, ROW_ID, TARGET, TaskType, check_schema, features_of
from assay.metrics.arithmetic.exact_sum import UNIT_BITS, rounded_sqrt, sum_row_products, sum_rows
from assay.records import Record, convert, plain

KIND = "summary"
MAX_CATEGORIES = 100_000  # of a feature, counted; fewer become features
LARGEST = 1e150  # beyond this squares overflow


class Moments(Record):
    """The exact sum and sum of squares of numbers; in hexadecimal, as they have thousands of bits."""

    count: int = 0
    total: str = "0"  # in units of 2**-2148
    squares: str = "0"  # likewise

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Moments:
        """Sum finite values."""
        rows = values[np.newaxis]
        return cls(
            count=len(values),
            total=format(sum_rows(rows)[0], "x"),
            squares=format(sum_row_products(rows, rows)[0], "x"),
        )

    @classmethod
    def merge_all(cls, parts: Sequence[Moments]) -> Moments:
        """Return the sums of all, whatever their order."""
        return cls(
            count=sum(part.count for part in parts),
            total=format(sum(int(part.total, 16) for part in parts), "x"),
            squares=format(sum(int(part.squares, 16) for part in parts), "x"),
        )

    def mean(self) -> float:
        """Return the correctly rounded mean; 0 of no values."""
        return float(self._mean()) if self.count else 0.0

    def deviation(self) -> float:
        """Return the standard deviation, by division by the count; 0 of no values."""
        if not self.count:
            return 0.0
        squares = Fraction(int(self.squares, 16), (1 << UNIT_BITS) * self.count)
        return rounded_sqrt(squares - self._mean() ** 2)

    def _mean(self) -> Fraction:
        return Fraction(int(self.total, 16), (1 << UNIT_BITS) * self.count)


class NumberSummary(Record, tag="number"):
    """A feature of numbers."""

    name: str
    missing: int
    moments: Moments


class CategorySummary(Record, tag="category"):
    """A feature of categories."""

    name: str
    missing: int
    counts: dict[str, int]


FeatureSummary = NumberSummary | CategorySummary


class TableSummary(Record):
    """Everything that is counted of the training rows."""

    rows: int
    features: tuple[FeatureSummary, ...]
    labels: dict[str, int]  # of a classification; of a regression empty
    target: Moments  # of a regression; of a classification zero

    def artifact(self) -> Summary:
        """Return what `read` reads."""
        return Artifact(kind=KIND, facts={"table": plain(self)})

    @classmethod
    def read(cls, summary: Summary) -> TableSummary:
        """Return the summary of an artifact."""
        return convert(TableSummary, summary.facts["table"])


def summarize(task_type: TaskType, batch: pa.RecordBatch) -> TableSummary:
    """Count training rows; raises DataError for rows that break a rule."""
    check_schema(task_type, batch.schema)
    features: list[FeatureSummary] = []
    for field in features_of(batch.schema):
        if field.type == CATEGORY:
            features.append(_categories(batch, field.name))
        else:
            values = numbers(batch, field.name)
            present = values[~np.isnan(values)]
            features.append(
                NumberSummary(
                    name=field.name,
                    missing=len(values) - len(present),
                    moments=Moments.of(present),
                )
            )
    if task_type is TaskType.TABULAR_REGRESSION:
        labels, target = {}, Moments.of(targets(batch))
    else:
        labels, target = label_counts(batch), Moments()
    return TableSummary(rows=batch.num_rows, features=tuple(features), labels=labels, target=target)


def merge(summaries: Sequence[TableSummary]) -> TableSummary:
    """Return the summary of all rows; raises DataError when blocks have different features."""
    names = {tuple((type(one), one.name) for one in summary.features) for summary in summaries}
    if len(names) > 1:
        raise DataError("blocks of the training split have different features")
    columns = zip(*(summary.features for summary in summaries), strict=True)
    return TableSummary(
        rows=sum(summary.rows for summary in summaries),
        features=tuple(_merged(parts) for parts in columns),
        labels=added(summary.labels for summary in summaries),
        target=Moments.merge_all([summary.target for summary in summaries]),
    )


def numbers(batch: pa.RecordBatch, name: str) -> NDArray[np.float64]:
    """Return a feature of numbers, NaN where it is missing; raises DataError for an infinity."""
    column: Any = batch.column(name)
    values: NDArray[np.float64] = column.to_numpy(zero_copy_only=False).astype(np.float64)
    beyond = np.flatnonzero(np.abs(values) > LARGEST)
    if len(beyond):
        row = int(beyond[0])
        raise too_large(name, values[row], batch.column(ROW_ID)[row].as_py())
    return values


def too_large(name: str, value: np.float64, row_id: str) -> DataError:
    """Return the refusal of a number of a feature that is beyond LARGEST, or infinite."""
    return DataError(
        f"feature {shortened(name)} is {float(value)!r}; allowed are numbers up to {LARGEST:g},"
        " and nothing or NaN where it is missing",
        row_id,
    )


def targets(batch: pa.RecordBatch) -> NDArray[np.float64]:
    """Return the numbers that are to be learned; raises DataError where there is none."""
    column: Any = batch.column(TARGET)
    values: NDArray[np.float64] = column.to_numpy(zero_copy_only=False).astype(np.float64)
    wrong = np.flatnonzero(~(np.abs(values) <= LARGEST))
    if len(wrong):
        row = int(wrong[0])
        shown = "missing" if np.isnan(values[row]) else repr(float(values[row]))
        raise DataError(
            f"the target is {shown}; allowed are numbers up to {LARGEST:g}",
            batch.column(ROW_ID)[row].as_py(),
        )
    return values


def _categories(batch: pa.RecordBatch, name: str) -> CategorySummary:
    column: Any = batch.column(name)
    counts = {
        str(entry["values"]): int(entry["counts"])
        for entry in column.drop_null().value_counts().to_pylist()
    }
    return _checked(CategorySummary(name=name, missing=column.null_count, counts=counts))


def _checked(feature: CategorySummary) -> CategorySummary:
    if len(feature.counts) > MAX_CATEGORIES:
        raise DataError(
            f"feature {shortened(feature.name)} has more than {MAX_CATEGORIES} categories. Leave"
            " it out: is it an id?"
        )
    return feature


def _merged(parts: Iterable[FeatureSummary]) -> FeatureSummary:
    found = list(parts)
    missing = sum(part.missing for part in found)
    if isinstance(found[0], NumberSummary):
        moments = [part.moments for part in found if isinstance(part, NumberSummary)]
        return NumberSummary(
            name=found[0].name, missing=missing, moments=Moments.merge_all(moments)
        )
    counts = added(part.counts for part in found if isinstance(part, CategorySummary))
    return _checked(CategorySummary(name=found[0].name, missing=missing, counts=counts))
