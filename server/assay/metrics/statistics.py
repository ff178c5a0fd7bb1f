"""The statistic of a chunk, and of any union of chunks: rows, and the parts that metrics read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from assay.metrics.accumulator import Part
from assay.metrics.batch import ClassificationChunk, Codes, RegressionChunk, Scores, as_scores
from assay.metrics.calibration import CalibrationBins
from assay.metrics.codec import CodecError, Reader, Writer
from assay.metrics.counts import ConfusionCounts
from assay.metrics.histogram import RankHistogram, RankWeights
from assay.metrics.losses import BrierSum, LogLossSum
from assay.metrics.regression import RegressionSums
from assay.metrics.residuals import Residuals
from assay.metrics.topk import TopRanks
from assay.metrics.weighted import WeightedConfusion, WeightTotal
from assay.metrics.weights import Weights

PartT = TypeVar("PartT", bound=Part[Any])
PartKinds = tuple[type[Part[Any]], ...]


@dataclass(frozen=True, kw_only=True)
class Statistic:
    """Rows and parts, merged and encoded together; the parts of a kind are listed in PARTS."""

    KIND: ClassVar[bytes]
    PARTS: ClassVar[PartKinds]

    rows: int
    parts: Mapping[type[Part[Any]], Part[Any]]

    def get(self, kind: type[PartT]) -> PartT | None:
        """Return the part of a kind, or None when the rows did not feed it."""
        part = self.parts.get(kind)
        return part if isinstance(part, kind) else None

    @property
    def weight(self) -> int | None:
        """The weights of all rows together, in millionths; None where rows have none."""
        total = self.get(WeightTotal)
        return None if total is None else total.total

    @classmethod
    def merge_all(cls, statistics: Iterable[Self]) -> Self:
        """Merge one or more statistics, in any order and grouping, to the same bits.

        Raises ValueError when they do not belong together: other label set, other score
        columns, scores in some chunks only.
        """
        ours = tuple(statistics)
        if not ours:
            raise ValueError("there is nothing to merge")
        if len(ours) == 1:
            return ours[0]
        kinds = ours[0].parts.keys()
        if any(one.parts.keys() != kinds for one in ours):
            raise ValueError("some chunks have scores or weights and others do not")
        parts = {kind: kind.merge_all([one.parts[kind] for one in ours]) for kind in kinds}
        return cls(rows=sum(one.rows for one in ours), parts=parts)

    def merge(self, other: Self) -> Self:
        """Merge two statistics."""
        return self.merge_all((self, other))

    def to_bytes(self) -> bytes:
        """Encode; equal statistics give equal bytes."""
        writer = Writer()
        writer.count(self.rows)
        writer.count(len(self.parts))
        for kind in self.PARTS:
            part = self.parts.get(kind)
            if part is not None:
                section = Writer()
                part.write(section)
                writer.text(kind.TAG)
                writer.blob(section.payload())
        return writer.seal(self.KIND)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Decode. Raises CodecError on other kinds, unknown versions and corrupt bytes."""
        reader = Reader.unseal(data, cls.KIND)
        tags = {kind.TAG: kind for kind in cls.PARTS}
        rows = reader.count()
        parts: dict[type[Part[Any]], Part[Any]] = {}
        for _ in range(reader.count()):
            kind = tags.get(reader.text())
            if kind is None or kind in parts:
                raise CodecError("the statistic holds a part that this code does not know")
            section = Reader(reader.blob())
            parts[kind] = kind.read(section)
            section.end()
        reader.end()
        return cls(rows=rows, parts=parts)

    @classmethod
    def _of(cls, rows: int, chunk: object) -> Self:
        parts: dict[type[Part[Any]], Part[Any]] = {}
        for kind in cls.PARTS:
            part = kind.of_chunk(chunk)
            if part is not None:
                parts[kind] = part
        return cls(rows=rows, parts=parts)


@dataclass(frozen=True, kw_only=True)
class ClassificationStatistic(Statistic):
    """What the metrics of a classifier need to know of its rows."""

    KIND: ClassVar[bytes] = b"C"
    PARTS: ClassVar[PartKinds] = (
        ConfusionCounts,
        WeightTotal,
        WeightedConfusion,
        LogLossSum,
        BrierSum,
        CalibrationBins,
        TopRanks,
        RankHistogram,
        RankWeights,
    )

    @classmethod
    def of_chunk(
        cls,
        *,
        labels: Sequence[str],
        true: Codes,
        predicted: Codes,
        scores: Scores | Sequence[Scores] | None = None,
        positive_label: str | None = None,
        labels_fixed: bool = True,
        weights: Weights | None = None,
    ) -> ClassificationStatistic:
        """Take one chunk in.

        labels        the table that codes point into: the declared label set, or with
                      `labels_fixed=False` any table, of which the observed labels are kept
        true          (n,) integer codes, uint8 | uint16 | uint32 or wider
        predicted     (n,) integer codes
        scores        (columns, n) float32 | float64 in [0, 1], or one (n,) array per column:
                      one column per label in their order, or the positive label's alone
        positive_label  what a lone score column is the probability of; needed for one only
        weights       (n,) int64 millionths, as `weights.millionths` makes them, or None

        Raises ValueError where the arrays break these rules; callers refuse bad rows before.
        """
        table = tuple(labels)
        matrix = None if scores is None else as_scores(scores)
        score_labels = table if matrix is not None else ()
        if matrix is not None and len(matrix) == 1:
            if positive_label is None:
                raise ValueError("a lone score column needs a positive_label")
            score_labels = (positive_label,)
        chunk = ClassificationChunk(
            labels=table,
            fixed=labels_fixed,
            true=np.asarray(true),
            predicted=np.asarray(predicted),
            scores=matrix,
            score_labels=score_labels,
            weights=weights,
        )
        return cls._of(chunk.rows, chunk)

    @property
    def confusion(self) -> ConfusionCounts:
        """The confusion counts, which every classification statistic has."""
        counts = self.get(ConfusionCounts)
        if counts is None:
            raise CodecError("the statistic has no confusion counts")
        return counts

    @property
    def histogram(self) -> RankHistogram | None:
        """The rank histogram, from which `rank_ranges` plans; None without scores."""
        return self.get(RankHistogram)

    @property
    def weighted(self) -> ConfusionCounts | None:
        """The confusion counts by weight, in millionths; None where rows have none."""
        part = self.get(WeightedConfusion)
        return None if part is None else part.confusion

    @property
    def rank_weights(self) -> RankWeights | None:
        """The weights that `rank_ranges` needs beside the histogram, where rows have any."""
        return self.get(RankWeights)

    @property
    def clipped_rows(self) -> int:
        """The rows whose probability of the truth was clipped for the log loss."""
        losses = self.get(LogLossSum)
        return losses.clipped if losses else 0


@dataclass(frozen=True, kw_only=True)
class RegressionStatistic(Statistic):
    """What the metrics of a regressor need to know of its rows."""

    KIND: ClassVar[bytes] = b"V"
    PARTS: ClassVar[PartKinds] = (WeightTotal, RegressionSums, Residuals)

    @classmethod
    def of_chunk(
        cls, *, true: ArrayLike, predicted: ArrayLike, weights: Weights | None = None
    ) -> RegressionStatistic:
        """Take one chunk in: (n,) finite numbers each, read as float64. Raises ValueError.

        `weights` are (n,) int64 millionths, as `weights.millionths` makes them, or None.
        """
        chunk = RegressionChunk(
            true=np.asarray(true).astype(np.float64, copy=False),
            predicted=np.asarray(predicted).astype(np.float64, copy=False),
            weights=weights,
        )
        return cls._of(chunk.rows, chunk)

    @property
    def residuals(self) -> Residuals | None:
        """The histogram of residuals, from which `residual_ranges` plans."""
        return self.get(Residuals)


def statistic_from_bytes(data: bytes) -> ClassificationStatistic | RegressionStatistic:
    """Decode a statistic of either kind. Raises CodecError."""
    if data[3:4] == RegressionStatistic.KIND:
        return RegressionStatistic.from_bytes(data)
    return ClassificationStatistic.from_bytes(data)
