"""Imports of documents: what was staged of a file, which rows were left out, and why."""

from __future__ import annotations

from dataclasses import dataclass, field

from assay.kernel.jobs.blobs import JobDraft
from assay.records import Record

MAX_DOCUMENTS = 100_000  # of one file, and of one dataset or run

NO_ID = "no_document_id"
DUPLICATE = "duplicate_in_upload"  # an earlier row of the same upload has the document
PRESENT = "already_stored"  # the dataset or the run has the document

MAX_SKIPPED = 100  # rows that are told one by one


class SkippedRow(Record):
    """One row that was left out."""

    row: int  # from 0
    document_id: str  # empty: it has none
    reason: str  # NO_ID, DUPLICATE or PRESENT


@dataclass(kw_only=True)
class SkippedRows:
    """How many rows were left out, and the first of them. Grows while a file is read."""

    count: int = 0
    first: list[SkippedRow] = field(default_factory=list)  # at most MAX_SKIPPED, rising rows

    def add(self, row: int, document_id: str, reason: str) -> None:
        """Count a row that was left out."""
        self.count += 1
        self.first.append(SkippedRow(row=row, document_id=document_id, reason=reason))
        # Those that the store leaves out come after those of the file, but may stand before.
        if len(self.first) >= 2 * MAX_SKIPPED:
            self._cut()

    def _cut(self) -> None:
        self.first = sorted(self.first, key=lambda one: one.row)[:MAX_SKIPPED]

    def told(self) -> tuple[SkippedRow, ...]:
        """Return the first rows that were left out, rising."""
        self._cut()
        return tuple(self.first)


class StagedRow(Record, array_like=True):
    """One row that was read and checked."""

    row: int  # from 0
    document_id: str
    data: str  # canonical JSON object
    more: str | None  # notes, or canonical JSON object of confidences


@dataclass(frozen=True, kw_only=True)
class Staged:
    """A file that was read and checked whole."""

    blobs: tuple[str, ...]  # addresses of encoded lists of StagedRow, in the file's order
    skipped: SkippedRows  # rows without an id, or with that of an earlier one
    draft: JobDraft  # takes the blobs back


class Imported(Record):
    """What an import did."""

    imported: int  # documents that were stored
    skipped: int  # rows that were left out
    skipped_rows: tuple[SkippedRow, ...]  # the first MAX_SKIPPED of them
