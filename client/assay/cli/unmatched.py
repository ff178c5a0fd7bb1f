"""Extractions of documents that the ground truth does not have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from assay.client import Client, NotFound, PermissionDenied
from assay.client.types import BenchmarkReport

SHOWN = 5  # documents that are named
MAX_DOCUMENTS = 50_000  # that are read to name them


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


def unmatched(client: Client, report: BenchmarkReport) -> Unmatched | None:
    """Return what of a benchmark's run has no ground truth; None where all has, or nobody may see.

    Documents are read only where numbers differ.
    """
    one, measures = report.benchmark, report.measures
    if measures is None or not one.run_id:
        return None
    try:
        extractions = client.extraction_runs.get(one.run_id).document_count
        missing = extractions - measures.extracted_documents
        if missing <= 0:
            return None
        named: tuple[str, ...] = ()
        meant: tuple[str, ...] = ()
        if max(extractions, measures.documents) <= MAX_DOCUMENTS:
            known = {each.document_id for each in client.ground_truth.list_entries(one.dataset_id)}
            named, meant = _named(
                (each.document_id for each in client.extraction_runs.list_extractions(one.run_id)),
                known,
            )
    except (NotFound, PermissionDenied):
        return None
    return Unmatched(unmatched=missing, extractions=extractions, document_ids=named, meant=meant)


def _named(ids: Iterable[str], known: set[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    folded = {_folded(one): one for one in known}
    foreign = sorted(one for one in ids if one not in known)[:SHOWN]
    meant = [folded[_folded(one)] for one in foreign if _folded(one) in folded]
    return tuple(foreign), tuple(meant)


def _folded(document_id: str) -> str:
    return "".join(document_id.split()).casefold()
