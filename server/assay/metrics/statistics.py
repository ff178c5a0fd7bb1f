"""The statistics of a chunk, and of any union of chunks: rows, and the accumulators of metrics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol, Self, TypeVar, cast, get_args

from assay.metrics.calibration import CalibrationBins
from assay.metrics.counts import ConfusionCounts
from assay.metrics.histogram import RankHistogram, RankWeights
from assay.metrics.losses import BrierSum, LogLossSum
from assay.metrics.regression_sums import RegressionSums
from assay.metrics.residuals import Residuals
from assay.metrics.topk import TopRanks
from assay.metrics.weighted import WeightedConfusion, WeightTotal
from assay.records.predictions import ClassificationChunk, RegressionChunk

ChunkT_contra = TypeVar("ChunkT_contra", contravariant=True)


class Accumulator(Protocol[ChunkT_contra]):
    """A dataclass that merges. `merge_all` is associative and commutative to the bit.

    It is stored as `assay.records.arrays` writes its declared fields. A new metric that needs a
    new accumulator adds one class like this to the union of its task in `statistics`.
    """

    TAG: ClassVar[str]  # names the accumulator in stored statistics; never reused

    @classmethod
    def from_chunk(cls, chunk: ChunkT_contra) -> Self | None:
        """Return the accumulator of one chunk, or None when the chunk cannot feed it (no scores)."""

    @classmethod
    def merge_all(cls, parts: Sequence[Self]) -> Self:
        """Merge one or more. Raises ValueError when they do not belong together."""


AccumulatorT = TypeVar("AccumulatorT", bound=Accumulator[Any])
Kinds = tuple[type[Accumulator[Any]], ...]


@dataclass(frozen=True, kw_only=True)
class Statistic:
    """The number of rows and their accumulators; merged and stored together."""

    KINDS: ClassVar[Kinds]  # classes of accumulators, in their order

    rows: int
    accumulators: tuple[Accumulator[Any], ...]  # at most one of each class

    @classmethod
    def from_chunk(
        cls, chunk: ClassificationChunk | RegressionChunk, *, without: Kinds = ()
    ) -> Self:
        """Accumulate one chunk, but not in the classes of `without`."""
        kinds = [kind for kind in cls.KINDS if kind not in without]
        fed = [kind.from_chunk(chunk) for kind in kinds]
        return cls(rows=chunk.rows, accumulators=tuple(one for one in fed if one is not None))

    def get(self, kind: type[AccumulatorT]) -> AccumulatorT | None:
        """Return the accumulator of a class, or None when the rows did not feed it."""
        for one in self.accumulators:
            if isinstance(one, kind):
                return one
        return None

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
        kinds = [type(one) for one in ours[0].accumulators]
        if any([type(one) for one in each.accumulators] != kinds for each in ours):
            raise ValueError("some chunks have scores or weights and others do not")
        columns = zip(*(each.accumulators for each in ours), strict=True)
        merged = [kind.merge_all(column) for kind, column in zip(kinds, columns, strict=True)]
        return cls(rows=sum(one.rows for one in ours), accumulators=tuple(merged))

    def without(self, kinds: Kinds) -> Self:
        """Return the statistic without the accumulators of some classes."""
        kept = tuple(one for one in self.accumulators if not isinstance(one, kinds))
        return replace(self, accumulators=kept)


ClassificationAccumulator = (
    ConfusionCounts
    | WeightTotal
    | WeightedConfusion
    | LogLossSum
    | BrierSum
    | CalibrationBins
    | TopRanks
    | RankHistogram
    | RankWeights
)


@dataclass(frozen=True, kw_only=True)
class ClassificationStatistic(Statistic):
    """What the metrics of a classifier need to know of its rows."""

    TAG: ClassVar[str] = "classification"
    KINDS: ClassVar[Kinds] = get_args(ClassificationAccumulator)

    accumulators: tuple[ClassificationAccumulator, ...]

    @property
    def confusion(self) -> ConfusionCounts:
        """The confusion counts, which every classification statistic has."""
        counts = self.get(ConfusionCounts)
        if counts is None:
            raise ValueError("the statistic has no confusion counts")
        return counts

    @property
    def histogram(self) -> RankHistogram | None:
        """The rank histogram, from which `rank_ranges` plans; None without scores."""
        return self.get(RankHistogram)

    @property
    def weighted(self) -> ConfusionCounts | None:
        """The confusion counts by weight, in millionths; None where rows have none."""
        weighted = self.get(WeightedConfusion)
        return None if weighted is None else weighted.confusion

    @property
    def rank_weights(self) -> RankWeights | None:
        """The weights that `rank_ranges` needs beside the histogram, where rows have any."""
        return self.get(RankWeights)

    @property
    def clipped_rows(self) -> int:
        """The rows whose probability of the truth was clipped for the log loss."""
        losses = self.get(LogLossSum)
        return losses.clipped if losses else 0


RegressionAccumulator = WeightTotal | RegressionSums | Residuals


@dataclass(frozen=True, kw_only=True)
class RegressionStatistic(Statistic):
    """What the metrics of a regressor need to know of its rows."""

    TAG: ClassVar[str] = "regression"
    KINDS: ClassVar[Kinds] = get_args(RegressionAccumulator)

    accumulators: tuple[RegressionAccumulator, ...]

    @property
    def residuals(self) -> Residuals | None:
        """The histogram of residuals, from which `residual_ranges` plans."""
        return self.get(Residuals)


AnyStatistic = ClassificationStatistic | RegressionStatistic


def merge_statistics(statistics: Sequence[AnyStatistic]) -> AnyStatistic:
    """Merge one or more statistics of one task. Raises ValueError when they do not belong together."""
    kind = type(statistics[0])
    if any(type(one) is not kind for one in statistics):
        raise ValueError("a classification does not merge with a regression")
    return kind.merge_all(cast(Any, statistics))
