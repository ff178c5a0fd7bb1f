"""Calibration of extractions' confidences: exact bins of each field, which merge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.extraction.comparison import DocumentComparison
from assay.features.benchmarks.results_artifact import OUTCOMES, Heads
from assay.metrics.arithmetic.exact_sum import sum_groups
from assay.metrics.calibration import BINS, bins_of
from assay.metrics.reliability import ReliabilityBins, ReliabilityTable

RIGHT = np.array([outcome.right for outcome in OUTCOMES])


@dataclass(frozen=True, kw_only=True)
class Confidences:
    """By path, the 15 bins of metrics.calibration of the confidence that a value is right."""

    slots: Mapping[str, ReliabilityBins]  # of the fields that came with confidences

    @classmethod
    def of(cls, heads: Heads, documents: Sequence[DocumentComparison]) -> Confidences:
        """Bin the comparisons that have a confidence; `heads` are of the same documents."""
        parts: dict[str, list[ReliabilityBins]] = {}
        for shape, places in zip(heads.shapes, heads.members(), strict=True):
            told = [one.confidence for place in places for one in documents[place].comparisons]
            if told.count(None) == len(told):
                continue
            paths, codes = shape.codes
            text = "".join(heads.outcomes[place] for place in places).encode()
            scores = np.array(told, dtype=np.float64)  # None becomes NaN
            known = ~np.isnan(scores)
            right = RIGHT[np.frombuffer(text, dtype=np.uint8) - ord("0")][known]
            fields, scores = np.tile(codes, len(places))[known], scores[known]
            for path, slot in _binned(paths, fields, scores, right):
                parts.setdefault(path, []).append(slot)
        return cls(slots={path: _added(parts[path]) for path in sorted(parts)})

    @classmethod
    def merge_all(cls, parts: Iterable[Confidences]) -> Confidences:
        """Add bins."""
        slots: dict[str, list[ReliabilityBins]] = {}
        for part in parts:
            for path, slot in part.slots.items():
                slots.setdefault(path, []).append(slot)
        return cls(slots={path: _added(slots[path]) for path in sorted(slots)})

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
        for columns in (
            [slot.counts for slot in slots],
            [slot.hits for slot in slots],
            [slot.confidence for slot in slots],
        )
    )
    return ReliabilityBins(counts=counts, hits=hits, confidence=units)
