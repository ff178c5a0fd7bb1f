"""Reliability tables of calibration bins, their errors, and the Brier score's decomposition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from assay.metrics.arithmetic.exact_sum import UNIT_BITS
from assay.metrics.calibration import BINS, EDGES, CalibrationBins


@dataclass(frozen=True, kw_only=True)
class ReliabilityBin:
    """One bin, low < score <= high (the first holds 0 too). An empty bin has no means."""

    low: float
    high: float
    count: int | float  # rows, or their weight
    mean_confidence: float | None
    accuracy: float | None  # the share of its rows that were right
    gap: float | None  # mean_confidence - accuracy: positive is over-confident


@dataclass(frozen=True, kw_only=True)
class BrierDecomposition:
    """Murphy's decomposition over the bins: brier = reliability - resolution + uncertainty + rest.

    `within_bin`, the rest, is what scores vary inside their bins; 0 if each bin has one score.
    """

    reliability: float
    resolution: float
    uncertainty: float
    within_bin: float


@dataclass(frozen=True, kw_only=True)
class ReliabilityTable:
    """Bins in ascending order and the errors read off them."""

    bins: tuple[ReliabilityBin, ...]
    ece: float  # the mean of |gap| over rows
    mce: float  # the largest |gap| of a bin with rows
    ece_signed: float  # the mean of gap over rows
    brier: BrierDecomposition | None  # None for the top label, which has no Brier score


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The headline's table, and each class's own, one against the rest."""

    target: str  # of the headline: "positive" or "top_label"
    headline: ReliabilityTable
    per_class: Mapping[str, ReliabilityTable]


@dataclass(frozen=True, kw_only=True)
class ReliabilityBins:
    """The 15 bins of one column; counts and hits in rows or millionths, `unit` of them to a row."""

    counts: tuple[int, ...]
    hits: tuple[int, ...]
    confidence: tuple[int, ...]  # sums of scores, in units of 2**-UNIT_BITS
    unit: int = 1

    @classmethod
    def of(cls, bins: CalibrationBins, slot: int, unit: int = 1) -> ReliabilityBins:
        """Return the bins of one column."""
        first, last = slot * BINS, (slot + 1) * BINS
        return cls(
            counts=tuple(bins.counts.dense()[first:last].tolist()),
            hits=tuple(bins.hits.dense()[first:last].tolist()),
            confidence=bins.confidence[first:last],
            unit=unit,
        )

    @property
    def gaps(self) -> list[int]:
        """Per bin the sum of scores less the hits, in units."""
        pairs = zip(self.confidence, self.hits, strict=True)
        return [units - (hits << UNIT_BITS) for units, hits in pairs]

    def ece(self) -> float:
        """Return the expected calibration error; there is at least one row."""
        return sum(map(abs, self.gaps)) / (sum(self.counts) << UNIT_BITS)

    def ece_signed(self) -> float:
        """Return the mean of score less hit."""
        return sum(self.gaps) / (sum(self.counts) << UNIT_BITS)

    def mce(self) -> float:
        """Return the largest gap of a bin."""
        # Division rounds correctly and so keeps the order: the largest quotient is the largest.
        pairs = zip(self.gaps, self.counts, strict=True)
        return max(abs(gap) / (count << UNIT_BITS) for gap, count in pairs if count)

    def table(self, brier: Fraction | None = None) -> ReliabilityTable:
        """Return the table; `brier` is the exact Brier score of the same scores."""
        return ReliabilityTable(
            bins=tuple(self._bin(index) for index in range(BINS)),
            ece=self.ece(),
            mce=self.mce(),
            ece_signed=self.ece_signed(),
            brier=None if brier is None else self._decompose(brier),
        )

    def _bin(self, index: int) -> ReliabilityBin:
        count, hits = self.counts[index], self.hits[index]
        whole = count << UNIT_BITS
        return ReliabilityBin(
            low=float(EDGES[index]),
            high=float(EDGES[index + 1]),
            count=count if self.unit == 1 else count / self.unit,
            mean_confidence=self.confidence[index] / whole if count else None,
            accuracy=hits / count if count else None,
            gap=self.gaps[index] / whole if count else None,
        )

    def _decompose(self, brier: Fraction) -> BrierDecomposition:
        rows = sum(self.counts)
        base = Fraction(sum(self.hits), rows)
        reliability = resolution = Fraction()
        for count, hits, gap in zip(self.counts, self.hits, self.gaps, strict=True):
            if count:
                reliability += Fraction(gap, 1 << UNIT_BITS) ** 2 / count
                resolution += (Fraction(hits, count) - base) ** 2 * count
        reliability, resolution = reliability / rows, resolution / rows
        uncertainty = base * (1 - base)
        return BrierDecomposition(
            reliability=float(reliability),
            resolution=float(resolution),
            uncertainty=float(uncertainty),
            within_bin=float(brier - reliability + resolution - uncertainty),
        )
