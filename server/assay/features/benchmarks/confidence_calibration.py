"""Calibration of extractions' confidences: exact bins of each field, which merge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.extraction.comparison import DocumentComparison
from assay.features.benchmarks.results_artifact import RIGHT, DocumentOutcomes
from assay.metrics.arithmetic.exact_sum import sum_groups
from assay.metrics.calibration import BINS, bins_of
from assay.metrics.reliability import ReliabilityBins, ReliabilityTable


@dataclass(frozen=True, kw_only=True)
class Confidences:
    """By path, the 15 bins of metrics.calibration of the confidence that a value is right."""

    slots: Mapping[str, ReliabilityBins]  # of the fields that came with confidences

    @classmethod
    def of(cls, outcomes: DocumentOutcomes, documents: Sequence[DocumentComparison]) -> Confidences:
        """Bin the comparisons that have a confidence; `outcomes` are of the same documents."""
        parts: dict[str, list[ReliabilityBins]] = {}
        for layout, members in zip(outcomes.layouts, outcomes.members(), strict=True):
            given = [one.confidence for number in members for one in documents[number].comparisons]
            if given.count(None) == len(given):
                continue
            paths, codes = layout.codes
            scores = np.array(given, dtype=np.float64)  # None becomes NaN
            known = ~np.isnan(scores)
            right = RIGHT[outcomes.digits(members)][known]
            fields, scores = np.tile(codes, len(members))[known], scores[known]
            for path, slot in _binned(paths, fields, scores, right):
                parts.setdefault(path, []).append(slot)
        return cls._summed(parts)

    @classmethod
    def merge_all(cls, parts: Iterable[Confidences]) -> Confidences:
        """Add bins."""
        slots: dict[str, list[ReliabilityBins]] = {}
        for part in parts:
            for path, slot in part.slots.items():
                slots.setdefault(path, []).append(slot)
        return cls._summed(slots)

    @classmethod
    def _summed(cls, parts: Mapping[str, list[ReliabilityBins]]) -> Confidences:
        return cls(slots={path: _added(parts[path]) for path in sorted(parts)})

    def table(self, path: str) -> ReliabilityTable:
        """Return the reliability table of a field."""
        return self.slots[path].table()

    def overall(self) -> ReliabilityTable | None:
        """Return the table of all fields together; None without any confidence."""
        return _added(list(self.slots.values())).table() if self.slots else None


def _binned(
    paths: tuple[str, ...],
    fields: NDArray[np.int64],
    scores: NDArray[np.float64],
    right: NDArray[np.bool_],
) -> Iterator[tuple[str, ReliabilityBins]]:
    """Yield each field's bins; `fields`, `scores` and `right` are of the same comparisons."""
    cells = fields * BINS + bins_of(scores)
    size = len(paths) * BINS
    counts = np.bincount(cells, minlength=size).tolist()
    hits = np.bincount(cells[right], minlength=size).tolist()
    sums = sum_groups(scores, cells, size)
    for code, path in enumerate(paths):
        span = slice(code * BINS, (code + 1) * BINS)
        if any(counts[span]):
            yield (
                path,
                ReliabilityBins(
                    counts=tuple(counts[span]),
                    hits=tuple(hits[span]),
                    confidence=tuple(sums[span]),
                ),
            )


def _added(slots: list[ReliabilityBins]) -> ReliabilityBins:
    if len(slots) == 1:
        return slots[0]
    counts, hits, units = (
        tuple(map(sum, zip(*columns, strict=True)))
        for columns in zip(*((one.counts, one.hits, one.confidence) for one in slots), strict=True)
    )
    return ReliabilityBins(counts=counts, hits=hits, confidence=units)
