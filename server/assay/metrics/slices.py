"""Statistics of parts of the rows: one for each value of each slice column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.metrics.accumulator import Part
from assay.metrics.batch import ClassificationChunk, RegressionChunk
from assay.metrics.calibration import CalibrationBins
from assay.metrics.codec import CodecError, Reader, Writer
from assay.metrics.counts import ConfusionCounts
from assay.metrics.losses import BrierSum, LogLossSum
from assay.metrics.order_statistics import ResidualCounts
from assay.metrics.rank_counts import RankCounts
from assay.metrics.registry import Measures, measure_part
from assay.metrics.regression import RegressionSums
from assay.metrics.residuals import Residuals
from assay.metrics.spec import MetricSpec
from assay.metrics.statistics import (
    ClassificationStatistic,
    RegressionStatistic,
    Statistic,
    statistic_from_bytes,
)
from assay.metrics.topk import TopRanks
from assay.metrics.weighted import WeightedConfusion, WeightTotal

KIND = b"S"
MOST_VALUES = 200  # of one column

Chunk = ClassificationChunk | RegressionChunk
Value = str | None  # None: the row has no value in this column

_PARTS: tuple[type[Part[Any]], ...] = (
    ConfusionCounts,
    WeightTotal,
    WeightedConfusion,
    LogLossSum,
    BrierSum,
    CalibrationBins,
    TopRanks,
)
_NUMBER_PARTS: tuple[type[Part[Any]], ...] = (WeightTotal, RegressionSums, Residuals)


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

    columns: Mapping[str, Mapping[Value, Statistic]]  # sorted by name and value, None first

    @classmethod
    def of_chunk(cls, chunk: Chunk, slices: Mapping[str, SliceColumn]) -> SliceStatistics:
        """Take one chunk in. Raises TooManyValues, and ValueError where codes do not fit."""
        found: dict[str, dict[Value, Statistic]] = {}
        for name in sorted(slices):
            column = slices[name]
            if column.codes.shape != (chunk.rows,) or len(set(column.table)) != len(column.table):
                raise ValueError(f"the slice column {name!r} does not fit its rows or its table")
            found[name] = dict(_of_column(chunk, name, column))
        return cls(columns=found)

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

        def of(name: str, value: Value, statistic: Statistic) -> Measures:
            ours = ranks[name][value] if ranks else None
            return measure_part(
                statistic, spec, ours, residuals[name][value] if residuals else None
            )

        return {
            name: {value: of(name, value, statistic) for value, statistic in values.items()}
            for name, values in self.columns.items()
        }

    def to_bytes(self) -> bytes:
        """Encode; equal statistics give equal bytes."""
        writer = Writer()
        writer.count(len(self.columns))
        for name, values in self.columns.items():
            writer.text(name)
            writer.count(len(values))
            for value, statistic in values.items():
                writer.count(int(value is not None))
                writer.text(value or "")
                writer.blob(statistic.to_bytes())
        return writer.seal(KIND)

    @classmethod
    def from_bytes(cls, data: bytes) -> SliceStatistics:
        """Decode. Raises CodecError."""
        reader = Reader.unseal(data, KIND)
        columns = {
            reader.text(): dict(_read_value(reader) for _ in range(reader.count()))
            for _ in range(reader.count())
        }
        reader.end()
        if any(len(values) > MOST_VALUES for values in columns.values()):
            raise CodecError("a slice column of the statistic has too many values")
        return cls(columns=columns)


def _of_column(chunk: Chunk, name: str, column: SliceColumn) -> Iterator[tuple[Value, Statistic]]:
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


def _statistic(chunk: Chunk, rows: NDArray[np.intp]) -> Statistic:
    """Measure some rows of a chunk."""
    weights = None if chunk.weights is None else chunk.weights[rows]
    if isinstance(chunk, RegressionChunk):
        numbers = RegressionChunk(
            true=chunk.true[rows], predicted=chunk.predicted[rows], weights=weights
        )
        return RegressionStatistic(rows=len(rows), parts=_parts(_NUMBER_PARTS, numbers))
    some = replace(
        chunk,
        true=chunk.true[rows],
        predicted=chunk.predicted[rows],
        scores=None if chunk.scores is None else np.ascontiguousarray(chunk.scores[:, rows]),
        weights=weights,
    )
    return ClassificationStatistic(rows=len(rows), parts=_parts(_PARTS, some))


def _parts(kinds: tuple[type[Part[Any]], ...], chunk: Chunk) -> dict[type[Part[Any]], Part[Any]]:
    found = {kind: kind.of_chunk(chunk) for kind in kinds}
    return {kind: part for kind, part in found.items() if part is not None}


def _merge(name: str, columns: list[Mapping[Value, Statistic]]) -> dict[Value, Statistic]:
    values = sorted({value for column in columns for value in column}, key=rank_of)
    if len(values) > MOST_VALUES:
        raise TooManyValues(name, len(values))
    merged: dict[Value, Statistic] = {}
    for value in values:
        ours = [column[value] for column in columns if value in column]
        merged[value] = type(ours[0]).merge_all(ours)
    return merged


def _read_value(reader: Reader) -> tuple[Value, Statistic]:
    present, text = reader.count(), reader.text()
    return text if present else None, statistic_from_bytes(reader.blob())


def rank_of(value: Value) -> tuple[bool, str]:
    """Return what orders the values of a column: None comes first."""
    return value is not None, value or ""
