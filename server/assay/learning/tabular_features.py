"""Features of tabular rows, for linear models and for trees.

Linear: a number is standardized, and 0 where it is missing; a category is a column of its own,
categories that are rare or were never seen share one. Where training rows lack a value there is a
column that says so. Numbers that are all alike in training have no column.

Features without any value in training are not read.

Trees: numbers stay as they are, NaN where they are missing; categories are numbered, and those
that were never seen are missing. Columns of categories come first, as scikit-learn orders them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay import records
from assay.learning.artifact import Artifact
from assay.learning.errors import DamagedArtifact, DataError, shortened
from assay.learning.feature_block import UNKNOWN, FeatureBlock
from assay.learning.labels import class_codes
from assay.learning.rows import CATEGORY, NUMBER, TARGET, TaskType, features_of, row_ids
from assay.learning.tabular_summary import (
    LARGEST,
    FeatureSummary,
    NumberSummary,
    numbers,
    targets,
    too_large,
)
from assay.records import Record
from assay.records import replace as replace_record

KIND = "featurizer"
MAX_COLUMNS = 2048
FARTHEST = 1e30  # standard deviations from a mean, so that sums of weighted features are finite
MAX_TREE_CATEGORIES = 255  # what a byte can number, less one for what is missing
MAX_COLUMN_CATEGORIES = 255


class NumberColumn(Record, tag="number"):
    """How a number becomes features."""

    name: str
    mean: float
    deviation: float  # 0: of a linear model without a column
    missing: bool  # whether a linear model has a column for it

    def width(self, *, trees: bool) -> int:
        """Return the number of columns."""
        return 1 if trees else (self.deviation > 0) + self.missing


class CategoryColumn(Record, tag="category"):
    """How a category becomes features."""

    name: str
    categories: tuple[str, ...]  # with a number of their own, sorted
    rare: bool  # whether others share one
    missing: bool  # whether a linear model has a column for none

    def width(self, *, trees: bool) -> int:
        """Return the number of columns."""
        return 1 if trees else len(self.categories) + self.rare + self.missing

    def values(self, batch: pa.RecordBatch, *, trees: bool) -> NDArray[np.float64]:
        """Return the (rows, width) columns."""
        codes = self._codes(batch)
        if trees:
            return np.where(codes < 0, np.nan, codes)[:, np.newaxis]
        if self.missing:
            codes = np.where(codes == _MISSING, len(self.categories) + self.rare, codes)
        one_hot: NDArray[np.float64] = np.zeros((len(codes), self.width(trees=False)))
        known = np.flatnonzero(codes >= 0)
        one_hot[known, codes[known]] = 1.0
        return one_hot

    def _codes(self, batch: pa.RecordBatch) -> NDArray[np.int64]:
        """Return the (rows,) numbers of categories, negative where there is none."""
        column: Any = batch.column(self.name)
        encoded = column.dictionary_encode()
        other = len(self.categories) if self.rare else _UNKNOWN
        place = {category: code for code, category in enumerate(self.categories)}
        codes = [place.get(category, other) for category in encoded.dictionary.to_pylist()]
        indices = encoded.indices.fill_null(len(codes)).to_numpy(zero_copy_only=False)
        found: NDArray[np.int64] = np.array([*codes, _MISSING], np.int64)[indices]
        return found


Column = NumberColumn | CategoryColumn
_UNKNOWN, _MISSING = -1, -2


class TableColumns(Record):
    """The columns of a table, and whether they are for trees."""

    columns: tuple[Column, ...]
    trees: bool

    @classmethod
    def of(
        cls, features: Sequence[FeatureSummary], *, trees: bool, min_count: int, most: int
    ) -> TableColumns:
        """Return the columns of features.

        Args:
            features: Their summaries.
            trees: Whether they are for trees.
            min_count: Rows that a category of its own needs.
            most: The largest number of categories of a feature, with the rare ones.
        """
        made = [_column(feature, min_count, most) for feature in features if _has_values(feature)]
        if trees:
            made.sort(key=lambda column: isinstance(column, NumberColumn))
        return cls(columns=tuple(made), trees=trees)

    @property
    def width(self) -> int:
        """Return the number of features."""
        return sum(column.width(trees=self.trees) for column in self.columns)

    @property
    def categorical(self) -> NDArray[np.bool_]:
        """Return which columns of trees hold categories."""
        return np.array([isinstance(column, CategoryColumn) for column in self.columns])

    def values(self, batch: pa.RecordBatch) -> NDArray[np.float64]:
        """Return the (rows, width) features; raises DataError when a column is not there."""
        self._check(batch.schema)
        numeric = [column for column in self.columns if isinstance(column, NumberColumn)]
        raw = np.empty((batch.num_rows, len(numeric)))
        for at, one in enumerate(numeric):
            found: Any = batch.column(one.name)
            raw[:, at] = found.to_numpy(zero_copy_only=False)
        if len(_beyond(raw)):
            for one in numeric:
                numbers(batch, one.name)  # raises at the first that is too large
        block = self.of_numbers(numeric, raw)
        if len(numeric) == len(self.columns):
            return block
        made = np.empty((batch.num_rows, self.width))
        place = taken = 0
        for column in self.columns:
            width = column.width(trees=self.trees)
            if isinstance(column, CategoryColumn):
                made[:, place : place + width] = column.values(batch, trees=self.trees)
            else:
                made[:, place : place + width] = block[:, taken : taken + width]
                taken += width
            place += width
        return made

    def of_numbers(
        self, columns: Sequence[NumberColumn], raw: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the (rows, width) features of columns of numbers, all at once.

        Args:
            columns: Of the table.
            raw: (rows, columns), NaN where it is missing, none larger than LARGEST.
        """
        if self.trees:
            return raw
        deviations = np.array([column.deviation for column in columns])
        wide = deviations > 0
        found: NDArray[np.float64] = raw if wide.all() else raw[:, wide]
        found = np.subtract(found, np.array([column.mean for column in columns])[wide])
        found /= deviations[wide]
        np.copyto(found, 0.0, where=np.isnan(found))
        missing = np.array([column.missing for column in columns], bool)
        if not missing.any():
            return found
        ends = np.cumsum(wide.astype(np.int64) + missing)
        made = np.empty((len(raw), int(ends[-1])))
        made[:, (ends - missing - 1)[wide]] = found
        made[:, (ends - 1)[missing]] = np.isnan(raw[:, missing])
        return made

    def _check(self, schema: pa.Schema) -> None:
        types = {field.name: field.type for field in features_of(schema)}
        for column in self.columns:
            wanted = NUMBER if isinstance(column, NumberColumn) else CATEGORY
            if types.get(column.name) != wanted:
                found = types.get(column.name, "not there")
                raise DataError(
                    f"feature {shortened(column.name)} is {found}; the model was trained on {wanted}"
                )


_FEW: Final = tuple(map(str, range(4096)))


def _beyond(raw: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return row and column of each number that is larger than LARGEST."""
    largest = np.abs(raw).max(initial=0.0)
    if largest <= LARGEST:  # NaN, where one is missing, is not
        return np.empty((0, 2), np.int64)
    return np.argwhere(np.abs(raw) > LARGEST)


def _row_numbers(rows: int) -> tuple[str, ...]:
    """Return the ids of rows that have none."""
    return _FEW[:rows] if rows <= len(_FEW) else tuple(map(str, range(rows)))


def _has_values(feature: FeatureSummary) -> bool:
    return bool(feature.moments.count if isinstance(feature, NumberSummary) else feature.counts)


def _column(feature: FeatureSummary, min_count: int, most: int) -> Column:
    if isinstance(feature, NumberSummary):
        return NumberColumn(
            name=feature.name,
            mean=feature.moments.mean(),
            deviation=feature.moments.deviation(),
            missing=feature.missing > 0,
        )
    by_count = sorted(feature.counts, key=lambda category: (-feature.counts[category], category))
    kept = [category for category in by_count if feature.counts[category] >= min_count]
    if len(kept) > most or len(kept) < len(by_count):
        kept = kept[: most - 1]
    return CategoryColumn(
        name=feature.name,
        categories=tuple(sorted(kept)),
        rare=len(kept) < len(by_count),
        missing=feature.missing > 0,
    )


@dataclass(frozen=True, kw_only=True)
class TableFeaturizer:
    """The features of tabular rows."""

    task_type: TaskType
    table: TableColumns
    labels: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()  # training rows of each class
    target_mean: float = 0.0
    target_deviation: float = 1.0
    kept: tuple[int, ...] | None = None  # columns of the table, rising; None is all

    def __post_init__(self) -> None:
        if self.table.width > MAX_COLUMNS:
            raise DataError(
                f"the features make {self.table.width} columns; at most {MAX_COLUMNS} are allowed."
                " Leave features out, or use a larger min_category_count"
            )

    @property
    def columns(self) -> int:
        """Return the number of features."""
        return self.table.width if self.kept is None else len(self.kept)

    def feature_of(self) -> NDArray[np.int64]:
        """Return the (columns,) numbers of the table's columns that the features are made of."""
        widths = [column.width(trees=self.table.trees) for column in self.table.columns]
        whole = np.repeat(np.arange(len(widths)), widths)
        return whole if self.kept is None else whole[list(self.kept)]

    def transform(self, batch: pa.RecordBatch) -> FeatureBlock:
        """Return the features of rows, float64 for trees and else float32.

        Raises DataError for a number that is larger than LARGEST, or further than FARTHEST.
        """
        values = self.table.values(batch)
        if self.kept is not None:
            values = values[:, list(self.kept)]
        ids = row_ids(batch)
        return FeatureBlock(
            row_ids=ids,
            features=self._features(values, ids),
            record_of=np.arange(batch.num_rows, dtype=np.int32),
            targets=self._targets(batch),
        )

    def transform_numbers(self, raw: NDArray[np.float64]) -> FeatureBlock:
        """Return the features of (rows, columns) numbers, of a table that has no category.

        Rows are called by their numbers, and have no targets. Raises DataError for a number that
        is larger than LARGEST, or further than FARTHEST.
        """
        beyond = _beyond(raw)
        if len(beyond):
            row, column = beyond[0].tolist()
            raise too_large(self.table.columns[column].name, raw[row, column], str(row))
        numeric = [one for one in self.table.columns if isinstance(one, NumberColumn)]
        values = self.table.of_numbers(numeric, raw)
        if self.kept is not None:
            values = values[:, list(self.kept)]
        ids = _row_numbers(len(raw))
        return FeatureBlock(
            row_ids=ids,
            features=self._features(values, ids),
            record_of=np.arange(len(raw), dtype=np.int32),
            targets=np.full(len(raw), UNKNOWN) if self.labels else np.full(len(raw), np.nan),
        )

    def _features(self, values: NDArray[np.float64], ids: Sequence[str]) -> NDArray[Any]:
        """Return features in the type that is computed with; raises DataError beyond FARTHEST."""
        if self.table.trees:
            return values
        if values.max(initial=0.0) > FARTHEST or values.min(initial=0.0) < -FARTHEST:
            row, column = np.argwhere(np.abs(values) > FARTHEST)[0].tolist()
            name = self.table.columns[self.feature_of()[column]].name
            raise DataError(
                f"feature {shortened(name)} is {values[row, column]:.3g} standard deviations from"
                f" its mean in training; at most {FARTHEST:g} are computed with",
                ids[row],
            )
        return values.astype(np.float32)

    def _targets(self, batch: pa.RecordBatch) -> NDArray[Any]:
        if self.task_type is not TaskType.TABULAR_REGRESSION:
            return class_codes(batch, self.labels)
        if TARGET not in batch.schema.names:
            return np.full(batch.num_rows, np.nan)
        return targets(batch)

    def select(self, columns: NDArray[np.int64]) -> TableFeaturizer:
        """Return the featurizer of these columns alone; features without any are not read."""
        before = range(self.table.width) if self.kept is None else self.kept
        wanted = {before[column] for column in columns.tolist()}
        used, kept, start, now = [], [], 0, 0
        for column in self.table.columns:
            width = column.width(trees=self.table.trees)
            within = [at for at in range(width) if start + at in wanted]
            if within:
                used.append(column)
                kept += [now + at for at in within]
                now += width
            start += width
        table = replace_record(self.table, columns=tuple(used))
        return replace(self, table=table, kept=None if len(kept) == now else tuple(kept))

    def artifact(self) -> Artifact:
        """Return what `read` reads."""
        return Artifact(kind=KIND, facts=records.plain(_Stored.of(self)))

    @classmethod
    def read(cls, task_type: TaskType, artifact: Artifact) -> TableFeaturizer:
        """Return the featurizer of an artifact; raises DamagedArtifact."""
        try:
            stored = records.convert(_Stored, artifact.facts)
        except records.DamagedRecord as error:
            raise DamagedArtifact(f"the featurizer has another form: {error}") from error
        if len(stored.labels) != len(stored.counts):
            raise DamagedArtifact("the featurizer has classes without counts")
        if any(not 0 <= column < stored.table.width for column in stored.kept or ()):
            raise DamagedArtifact("the featurizer keeps columns that it does not have")
        return cls(
            task_type=task_type,
            table=stored.table,
            labels=stored.labels,
            counts=stored.counts,
            target_mean=stored.target_mean,
            target_deviation=stored.target_deviation,
            kept=stored.kept,
        )


class _Stored(Record):
    """A featurizer as it is stored."""

    table: TableColumns
    labels: tuple[str, ...]
    counts: tuple[int, ...]
    target_mean: float
    target_deviation: float
    kept: tuple[int, ...] | None

    @classmethod
    def of(cls, featurizer: TableFeaturizer) -> _Stored:
        return cls(
            table=featurizer.table,
            labels=featurizer.labels,
            counts=featurizer.counts,
            target_mean=featurizer.target_mean,
            target_deviation=featurizer.target_deviation,
            kept=featurizer.kept,
        )
