"""Documents of a benchmark that have no counterpart: ids that do not match, or gaps.

An extraction whose id differs from its document's by a blank is compared with nothing, and all that
is seen of it elsewhere is an accuracy that is too low.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

from assay.features.extraction_runs.model import Pair
from assay.records import Record

NAMED = 5  # ids that are named of either kind


class Unmatched(Record):
    """What of a run and of a dataset has no counterpart in the other one."""

    extractions: int  # of the run, of documents that the dataset does not have
    extraction_document_ids: tuple[str, ...]  # the first of these documents by id, NAMED at most
    similar_document_ids: tuple[str, ...]  # of the dataset, which may be meant: see `folded`
    entries: int  # of the dataset, of documents without an extraction
    entry_document_ids: tuple[str, ...]  # the first of these documents by id, NAMED at most


class Matching:
    """Counts what matches while the pairs of a benchmark pass by."""

    def __init__(self, foreign: Iterable[str]) -> None:
        """Take the first documents of the run that the dataset does not have."""
        self._foreign = tuple(foreign)
        self._wanted = {folded(one) for one in self._foreign}
        self._similar: list[str] = []
        self._matched = 0
        self._lacking = 0
        self._named: list[str] = []

    def watched(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        """Yield the pairs as they are."""
        for pair in pairs:
            if pair.data is not None:
                self._matched += 1
            else:
                self._lacking += 1
                if len(self._named) < NAMED:
                    self._named.append(pair.document_id)
            if self._wanted and folded(pair.document_id) in self._wanted:
                self._similar.append(pair.document_id)
            yield pair

    def found(self, extractions: int | None) -> Unmatched | None:
        """Return what does not match of a run of so many extractions, None where all does.

        Without a run there is none of which a document could be foreign.
        """
        foreign = 0 if extractions is None else extractions - self._matched
        if not foreign and not self._lacking:
            return None
        return Unmatched(
            extractions=foreign,
            extraction_document_ids=self._foreign,
            similar_document_ids=tuple(self._similar[:NAMED]),
            entries=self._lacking,
            entry_document_ids=tuple(self._named),
        )


def folded(document_id: str) -> str:
    """Return what ids share that differ by blanks, case or the width of letters alone."""
    return "".join(unicodedata.normalize("NFKC", document_id).split()).casefold()
