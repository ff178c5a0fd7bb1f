"""How far the confidences of extractions are true: exact bins of each field, which merge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from assay.extraction.compare import DocumentComparison
from assay.metrics.calibration import BINS, bins_of
from assay.metrics.codec import Reader, Writer
from assay.metrics.exact import sum_groups
from assay.metrics.reliability import ReliabilityTable, Slot


@dataclass(frozen=True, kw_only=True)
class Confidences:
    """By path, the 15 bins of metrics.calibration of the confidence that a value is right."""

    slots: Mapping[str, Slot]  # of the fields that came with confidences

    @classmethod
    def of(cls, documents: Iterable[DocumentComparison]) -> Confidences:
        """Bin the comparisons of documents that have a confidence."""
        codes: dict[str, int] = {}
        told = [
            (codes.setdefault(one.path, len(codes)), one.confidence, one.normalised.right)
            for document in documents
            for one in document.comparisons
            if one.confidence is not None
        ]
        if not told:
            return cls(slots={})
        fields, scores, right = (np.array(column) for column in zip(*told, strict=True))
        scores = scores.astype(np.float64)
        cells = fields * BINS + bins_of(scores)
        size = len(codes) * BINS
        counts = np.bincount(cells, minlength=size).tolist()
        hits = np.bincount(cells[right], minlength=size).tolist()
        sums = sum_groups(scores, cells, size)
        return cls(
            slots={
                path: Slot(
                    counts=tuple(counts[code * BINS : (code + 1) * BINS]),
                    hits=tuple(hits[code * BINS : (code + 1) * BINS]),
                    confidence=tuple(sums[code * BINS : (code + 1) * BINS]),
                )
                for path, code in sorted(codes.items())
            }
        )

    @classmethod
    def merge_all(cls, parts: Iterable[Confidences]) -> Confidences:
        """Add bins."""
        slots: dict[str, list[Slot]] = {}
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

    def write(self, writer: Writer) -> None:
        """Append to a payload; only bins with values have hits and a sum."""
        writer.count(len(self.slots))
        for path, slot in self.slots.items():
            writer.text(path)
            for count, hits, units in zip(slot.counts, slot.hits, slot.confidence, strict=True):
                writer.count(count)
                if count:
                    writer.count(hits)
                    writer.integer(units)

    @classmethod
    def read(cls, reader: Reader) -> Confidences:
        """Read back."""
        slots = {}
        for _ in range(reader.count()):
            path = reader.text()
            bins = []
            for _ in range(BINS):
                count = reader.count()
                bins.append((count, reader.count(), reader.integer()) if count else (0, 0, 0))
            counts, hits, units = zip(*bins, strict=True)
            slots[path] = Slot(counts=counts, hits=hits, confidence=units)
        return cls(slots=slots)


def _added(slots: list[Slot]) -> Slot:
    counts, hits, units = (
        tuple(map(sum, zip(*columns, strict=True)))
        for columns in (
            [slot.counts for slot in slots],
            [slot.hits for slot in slots],
            [slot.confidence for slot in slots],
        )
    )
    return Slot(counts=counts, hits=hits, confidence=units)
