"""Files of documents: CSV and JSON Lines, read row by row; runs in compute children alone.

Nothing here is whole in memory but one row. Rows count from 0, lines from 1, and every
refusal names both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from assay.features.imports import documents
from assay.kernel.errors import BadDocument, clip
from assay.kernel.input_errors import input_refused
from assay.records import Record, decode
from assay.tabular.errors import bad_file
from assay.tabular.opening import CSV, JSON_LINES, OpenFile, unpacked
from assay.tabular.suggestion import nearest
from assay.tabular.text_file import CSV_FORMAT, JSON_FORMAT, TextFile, no_object

TYPED = "typed"  # lines that a server made of messages: [document_id, JSON text, more]
LINE_BYTES = 8 * 1024 * 1024  # escapes make a value longer than the text that is kept of it
ID = "document_id"
_ROW = re.compile(r"\[\d*\]", re.ASCII)
CONFIDENCE = "confidence"


@dataclass(frozen=True, kw_only=True)
class RowFormat:
    """What a row of one kind of document has. It crosses into compute processes."""

    data: str  # the member with the document's values: expected_data, or data
    more: str  # the member beside it: CONFIDENCE, or a text such as notes
    # Raises InvalidArgument unless a document id, the values and what stands beside may be kept.
    check: Callable[[str, str, str | None], None]


class TypedRow(Record, array_like=True):
    """One document of a stream of messages; a line of the format TYPED."""

    document_id: str
    data: str  # JSON text of an object, not yet read
    more: str | None  # notes, or JSON text of confidences


@dataclass(frozen=True, kw_only=True)
class SentRow:
    """One row as it was sent; its values are JSON's types and Decimal, not yet checked."""

    row: int  # from 0
    place: str  # `row 3 (line 5)`, for refusals
    document_id: str | None  # None: it has none, or only spaces
    data: Any
    more: Any  # None where there is nothing


def read_rows(open_file: OpenFile, source: str, shape: RowFormat) -> Iterator[SentRow]:
    """Yield the rows of a file of the format `source` in order.

    Raises:
        BadFile: the file is empty, no UTF-8, or not what it claims to be.
        BadDocument: a row's values cannot be kept.
    """
    readers = {CSV: _csv_rows, JSON_LINES: _json_rows, TYPED: _typed_rows}
    allowed = CSV_FORMAT if source == CSV else JSON_FORMAT
    rows = 0
    with input_refused():
        text = TextFile(open=unpacked(open_file), allowed=allowed, line_bytes=LINE_BYTES)
        for row in readers[source](text, shape):
            rows += 1
            yield row
        if rows == 0:
            raise bad_file("The file has no rows", allowed, "Send at least one", rows=0)


def _json_rows(file: TextFile, shape: RowFormat) -> Iterator[SentRow]:
    for row, (line, text) in enumerate(file.rows()):
        place = f"row {row} (line {line})"
        sent = documents.decode(place, text)
        if not isinstance(sent, dict):
            raise no_object(place, text)
        _refuse_unknown(place, sent, shape)
        yield SentRow(
            row=row,
            place=place,
            document_id=_id_of(place, sent.get(ID)),
            data=sent.get(shape.data),
            more=sent.get(shape.more),
        )


def _refuse_unknown(place: str, sent: Mapping[str, Any], shape: RowFormat) -> None:
    known = (ID, shape.data, shape.more)
    for key in sent:
        if key not in known:
            near = nearest(key, known)
            meant = f"did you mean '{near}'? " if near else ""
            raise documents.bad_document(
                place,
                f"the key '{clip(ascii(key)[1:-1], 40)}' is not known; {meant}{', '.join(known)} "
                f"are allowed, and what is known of the document stands in {shape.data}",
            )


def _id_of(place: str, sent: Any) -> str | None:
    """Return a document's id; whole numbers are ids in decimal."""
    if isinstance(sent, int) and not isinstance(sent, bool):
        return str(sent)
    if sent is None or isinstance(sent, str):
        return sent if sent is not None and sent.strip() else None
    raise documents.bad_document(f"{place}, {ID}", "a text or a whole number is allowed")


def _typed_rows(file: TextFile, shape: RowFormat) -> Iterator[SentRow]:
    for row, (_, text) in enumerate(file.rows()):
        place = f"row {row}"
        sent = decode(TypedRow, text)
        more: Any = sent.more
        if shape.more == CONFIDENCE and more is not None:
            more = documents.decode(f"{place}, {shape.more}", more)
        yield SentRow(
            row=row,
            place=place,
            document_id=sent.document_id if sent.document_id.strip() else None,
            data=documents.decode(f"{place}, {shape.data}", sent.data),
            more=more,
        )


def _csv_rows(file: TextFile, shape: RowFormat) -> Iterator[SentRow]:
    separator = file.separator(ID)
    records = file.records(separator)
    _, names = next(records, (0, []))
    columns = _Columns(names, shape)
    for row, (line, record) in enumerate(records):
        if len(record) != len(names):
            raise file.wrong_fields(row, line, len(record), len(names), separator)
        yield columns.row(row, f"row {row} (line {line})", record)


class _Columns:
    """What the columns of a CSV file are: the id, the fields by their path, what stands beside."""

    def __init__(self, names: list[str], shape: RowFormat) -> None:
        if not names:
            raise bad_file("The file is empty", CSV_FORMAT, "Send a header and at least one row")
        if ID not in names:
            near = nearest(ID, names[: documents.MAX_FIELDS])
            raise bad_file(
                f"The header has no column '{ID}', only '{clip(', '.join(names), 40)}'",
                "one is needed, and commas, semicolons or tabs between columns",
                f"Rename '{clip(near, 40)}' to '{ID}'" if near else "Give each document an id",
                columns=clip(", ".join(names)),
            )
        if len(names) > documents.MAX_FIELDS:
            raise bad_file(
                f"The header has {len(names)} columns",
                f"at most {documents.MAX_FIELDS} are allowed",
                "Leave out what is not compared",
                columns=len(names),
            )
        self._shape = shape
        self._id = names.index(ID)
        self._note: int | None = None
        self._fields: list[tuple[int, list[str]]] = []
        self._sure: list[tuple[int, str]] = []
        for at, name in enumerate(names):
            self._place(at, name)
        self._check(names if names[0] else names[1:])

    def _place(self, at: int, name: str) -> None:
        mark = f"{CONFIDENCE}:"
        if at == self._id or (at == 0 and not name):  # without a name: a data frame's index
            return
        if self._shape.more == CONFIDENCE and name.startswith(mark):
            self._sure.append((at, name.removeprefix(mark)))
        elif self._shape.more == name != CONFIDENCE:
            self._note = at
        else:
            path = name.split(".")
            if len(path) > documents.MAX_DEPTH:
                raise bad_file(
                    f"The column '{clip(name, 40)}' is {len(path)} levels deep",
                    f"at most {documents.MAX_DEPTH} are allowed",
                    "Nest the fields less",
                    column=name,
                )
            if _ROW.search(name):
                raise bad_file(
                    f"The column '{clip(name, 40)}' is a place in a list or a table",
                    "a column is one field of each document",
                    "Send documents with lists and tables as JSON Lines",
                    column=name,
                )
            self._fields.append((at, path))

    def _check(self, names: list[str]) -> None:
        seen: set[str] = set()
        for name in names:
            if not name.strip() or name in seen or not all(name.split(".")):
                wrong = "is there twice" if name in seen else "names no field"
                raise bad_file(
                    f"The column '{clip(name, 40)}' {wrong}",
                    "each column has a name of its own",
                    "Name it by its field; 'vendor.name' is the name in the vendor",
                    column=name,
                )
            seen.add(name)
        for _, path in self._fields:
            for end in range(1, len(path)):
                if ".".join(path[:end]) in seen:
                    raise bad_file(
                        f"The column '{'.'.join(path[:end])}' cannot hold a value and "
                        f"'{clip('.'.join(path), 40)}' as well",
                        "a field has a value or fields of its own",
                        "Rename or remove one of them",
                        column=".".join(path),
                    )

    def row(self, row: int, place: str, record: list[str]) -> SentRow:
        """Return a record as a row; an empty cell is null."""
        data: dict[str, Any] = {}
        for at, path in self._fields:
            holder = data
            for name in path[:-1]:
                holder = holder.setdefault(name, {})
            holder[path[-1]] = record[at] or None
        document_id = record[self._id]
        return SentRow(
            row=row,
            place=place,
            document_id=document_id if document_id.strip() else None,
            data=data,
            more=self._more(place, record),
        )

    def _more(self, place: str, record: list[str]) -> Any:
        if self._note is not None:
            return record[self._note] or None
        sure = {name: record[at] for at, name in self._sure if record[at]}
        return {name: _sureness(place, name, text) for name, text in sure.items()} or None


def _sureness(place: str, name: str, text: str) -> Any:
    """Return what a cell of a confidence column says, as JSON would."""
    field = f"{place}, column {CONFIDENCE}:{name}"
    try:
        return documents.decode(field, text)
    except BadDocument:
        raise documents.bad_document(
            field,
            f"the text '{clip(text, 40)}' is no number; a confidence is from 0 to 1, with a decimal"
            " point, as in 0.25",
        ) from None
