"""Extractions of documents that the ground truth does not have."""

from __future__ import annotations

from dataclasses import dataclass

from assay.client.types import BenchmarkReport


@dataclass(frozen=True, kw_only=True)
class Unmatched:
    """How many extractions of a run have no ground truth, and the first of them."""

    unmatched: int
    extractions: int
    document_ids: tuple[str, ...]
    meant: tuple[str, ...]  # ids of the ground truth that differ by blanks or case alone

    def __str__(self) -> str:
        text = (
            f"{self.unmatched:,} of {self.extractions:,} extractions are of documents that the"
            " ground truth does not have"
        )
        if self.document_ids:
            more = ", …" if self.unmatched > len(self.document_ids) else ""
            text += f": {', '.join(map(repr, self.document_ids))}{more}"
        if self.meant:
            text += f"; it has {', '.join(map(repr, self.meant))}, which differ by blanks or case"
        return f"{text}."


def unmatched(report: BenchmarkReport) -> Unmatched | None:
    """Return what of a benchmark's run has no ground truth; None where all has."""
    told, measures = report.benchmark.unmatched, report.measures
    if told is None or measures is None or not told.extractions:
        return None
    return Unmatched(
        unmatched=told.extractions,
        extractions=told.extractions + measures.extracted_documents,
        document_ids=told.extraction_document_ids,
        meant=told.similar_document_ids,
    )
