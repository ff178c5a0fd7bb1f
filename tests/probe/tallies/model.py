"""Values of tallies: what is asked of the job kind `tally`, and what it finds."""

from __future__ import annotations

from collections.abc import Mapping

from assay.records import Record

TALLY_KIND = "tally"


class TallyJob(Record):
    """The spec of one job."""

    tally_id: str
    text: str  # address of the blob


class WordCounts(Record):
    """How often words occur."""

    counts: Mapping[str, int]

    @property
    def total(self) -> int:
        """The number of words."""
        return sum(self.counts.values())


class Tally(Record):
    """A tally as it is stored."""

    tally_id: str
    job_id: str
    result: WordCounts | None = None  # None: not yet counted
