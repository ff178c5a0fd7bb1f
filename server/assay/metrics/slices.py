"""Statistics per slice: one for each value of each slice column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from assay.metrics.histogram import RankHistogram, RankWeights
from assay.metrics.order_statistics import ResidualCounts
from assay.metrics.rank_counts import RankCounts
from assay.metrics.registry import Measures, measure_part
from assay.metrics.spec import MetricSpec
from assay.metrics.statistics import (
    AnyStatistic,
    ClassificationStatistic,
    RegressionStatistic,
    merge_statistics,
)
from assay.records.predictions import ClassificationChunk, RegressionChunk

MOST_VALUES = 200  # of one column

Chunk = ClassificationChunk | RegressionChunk
Value = str | None  # None: the row has no value in this column

_RANKED = (RankHistogram, RankWeights)  # sorted by themselves, if at all


class TooManyValues(ValueError):
    """A slice column has more distinct values than may be kept."""

    def __init__(self, column: str, values: int) -> None:
        super().__init__(
            f"the slice column {column!r} has {values} or more values; at most {MOST_VALUES} are "
            "kept: group them, or send the column as a feature"
        )
        self.column = column
        self.values = values


@dataclass(frozen=True, kw_only=True)
class SliceColumn:
    """A column of a chunk: (n,) codes into a table of distinct values."""

    codes: NDArray[np.integer]
    table: tuple[Value, ...]


@dataclass(frozen=True, kw_only=True)
class SliceStatistics:
    """Per column and value the statistic of its rows: all that metrics need but the rankings."""

    columns: Mapping[str, Mapping[Value, AnyStatistic]]  # sorted by name and value, None first

    @classmethod
    def from_chunk(cls, chunk: Chunk, slices: Mapping[str, SliceColumn]) -> SliceStatistics:
        """Take one chunk in. Raises TooManyValues, and ValueError where codes do not fit."""
        result: dict[str, dict[Value, AnyStatistic]] = {}
        for name in sorted(slices):
            column = slices[name]
            if column.codes.shape != (chunk.rows,) or len(set(column.table)) != len(column.table):
                raise ValueError(f"the slice column {name!r} does not fit its rows or its table")
            result[name] = dict(_of_column(chunk, name, column))
        return cls(columns=result)

    @classmethod
    def merge_all(cls, parts: Sequence[SliceStatistics]) -> SliceStatistics:
        """Merge value by value. Raises TooManyValues, and ValueError when columns differ."""
        names = parts[0].columns.keys()
        if any(part.columns.keys() != names for part in parts):
            raise ValueError("chunks with different slice columns do not merge")
        return cls(columns={name: _merge(name, [p.columns[name] for p in parts]) for name in names})

    def measures(
        self,
        spec: MetricSpec,
        ranks: Mapping[str, Mapping[Value, RankCounts]] | None = None,
        residuals: Mapping[str, Mapping[Value, ResidualCounts]] | None = None,
    ) -> dict[str, dict[Value, Measures]]:
        """Return per column and value every metric; without ranks those undefined that need some."""

        def of(name: str, value: Value, statistic: AnyStatistic) -> Measures:
            ours = ranks[name][value] if ranks else None
            return measure_part(
                statistic, spec, ours, residuals[name][value] if residuals else None
            )

        return {
            name: {value: of(name, value, statistic) for value, statistic in values.items()}
            for name, values in self.columns.items()
        }


def _of_column(
    chunk: Chunk, name: str, column: SliceColumn
) -> Iterator[tuple[Value, AnyStatistic]]:
    """Yield the statistic of each value that occurs, in the order of values."""
    if not chunk.rows:
        return
    order = np.argsort(column.codes, kind="stable")
    codes, starts = np.unique(column.codes[order], return_index=True)
    if len(codes) > MOST_VALUES:
        raise TooManyValues(name, len(codes))
    if not 0 <= int(codes[0]) <= int(codes[-1]) < len(column.table):
        raise ValueError(f"the slice column {name!r} holds a code outside its table")
    parts = np.split(order, starts[1:])
    rows = {column.table[code]: part for code, part in zip(codes.tolist(), parts, strict=True)}
    for value in sorted(rows, key=rank_of):
        yield value, _statistic(chunk, rows[value])


def _statistic(chunk: Chunk, rows: NDArray[np.intp]) -> AnyStatistic:
    """Measure some rows of a chunk."""
    weights = None if chunk.weights is None else chunk.weights[rows]
    if isinstance(chunk, RegressionChunk):
        numbers = RegressionChunk(
            true=chunk.true[rows], predicted=chunk.predicted[rows], weights=weights
        )
        return RegressionStatistic.from_chunk(numbers)
    some = replace(
        chunk,
        true=chunk.true[rows],
        predicted=chunk.predicted[rows],
        scores=None if chunk.scores is None else np.ascontiguousarray(chunk.scores[:, rows]),
        weights=weights,
    )
    return ClassificationStatistic.from_chunk(some, without=_RANKED)


def _merge(name: str, columns: list[Mapping[Value, AnyStatistic]]) -> dict[Value, AnyStatistic]:
    values = sorted({value for column in columns for value in column}, key=rank_of)
    if len(values) > MOST_VALUES:
        raise TooManyValues(name, len(values))
    merged: dict[Value, AnyStatistic] = {}
    for value in values:
        ours = [column[value] for column in columns if value in column]
        merged[value] = merge_statistics(ours)
    return merged


def rank_of(value: Value) -> tuple[bool, str]:
    """Return what orders the values of a column: None comes first."""
    return value is not None, value or ""
