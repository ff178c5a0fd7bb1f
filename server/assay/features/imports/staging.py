"""Files of documents become staged blobs that the store takes in; runs in compute children.

What a user sent is read here and nowhere else. A file is staged whole before a row of it is
stored, so that a wrong row leaves nothing behind; staged blobs go as soon as the store has taken
them in, or has refused to.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from assay.features.imports import documents
from assay.features.imports.document_files import (
    CONFIDENCE,
    RowFormat,
    SentRow,
    read_rows,
)
from assay.features.imports.model import (
    DUPLICATE,
    MAX_DOCUMENTS,
    NO_ID,
    SkippedRows,
    Staged,
    StagedRow,
)
from assay.kernel.errors import InvalidArgument, TooLarge
from assay.kernel.jobs.blobs import JobDraft
from assay.kernel.jobs.kind import ComputeContext
from assay.records import encode

STAGED_BYTES = 2 * 1024 * 1024  # of one staged blob
STAGED_ROWS = 1_000


def stage_file(context: ComputeContext, address: str, source: str, shape: RowFormat) -> Staged:
    """Read a file, check every row, and stage those that have an id of their own.

    `address` is the file's blob, `source` its format, `shape` what its rows have.

    Raises:
        BadFile, BadDocument, InvalidArgument: a row is wrong; the message names it.
        TooLarge: it has more documents than a dataset or a run may hold.
    """
    with context.blobs.draft() as blobs:
        staging = _Staging(blobs)
        for row in read_rows(partial(blobs.open, address), source, shape):
            if row.document_id is None:
                staging.skip(row, "", NO_ID)
            elif row.document_id in staging.seen:
                staging.skip(row, row.document_id, DUPLICATE)
            else:
                staging.add(_checked(row, row.document_id, shape))
        return staging.done()


class _Staging:
    """What was read of a file so far."""

    def __init__(self, blobs: JobDraft) -> None:
        self.seen: set[str] = set()
        self._blobs = blobs
        self._staged: list[str] = []
        self._held: list[StagedRow] = []
        self._size = 0
        self._skipped = SkippedRows()

    def skip(self, row: SentRow, document_id: str, reason: str) -> None:
        """Leave a row out."""
        self._skipped.add(row.row, document_id, reason)

    def add(self, row: StagedRow) -> None:
        """Keep a row."""
        self.seen.add(row.document_id)
        if len(self.seen) > MAX_DOCUMENTS:
            raise TooLarge(
                f"The file has more than {MAX_DOCUMENTS} documents, which are allowed. Split it.",
                metadata={"limit": MAX_DOCUMENTS},
            )
        self._held.append(row)
        self._size += len(row.data)
        if self._size >= STAGED_BYTES or len(self._held) >= STAGED_ROWS:
            self._put()

    def done(self) -> Staged:
        """Return what was staged."""
        self._put()
        return Staged(blobs=tuple(self._staged), skipped=self._skipped, draft=self._blobs)

    def _put(self) -> None:
        if self._held:
            data = encode(self._held)
            self._staged.append(self._blobs.put(data))
            self._held, self._size = [], 0


def _checked(row: SentRow, document_id: str, shape: RowFormat) -> StagedRow:
    """Return a row as it will be stored; a refusal names its place."""
    data = _object_text(f"{row.place}, {shape.data}", row.data)
    more = _more(row, shape)
    try:
        shape.check(document_id, data, more)
    except InvalidArgument as error:
        wrong = error.violations[0]
        raise documents.bad_document(f"{row.place}, {wrong.field}", wrong.description) from error
    return StagedRow(row=row.row, document_id=document_id, data=data, more=more)


def _object_text(field: str, value: Any) -> str:
    if value is None:
        raise documents.bad_document(field, "nothing was sent; a JSON object is needed")
    return documents.text_of(field, documents.check(field, value))


def _more(row: SentRow, shape: RowFormat) -> str | None:
    field = f"{row.place}, {shape.more}"
    if row.more is None:
        return None
    if shape.more == CONFIDENCE:
        sure = documents.parse_confidence(field, row.more)
        return None if not sure else documents.text_of(field, sure)
    if not isinstance(row.more, str):
        raise documents.bad_document(field, "a text is allowed")
    return row.more
