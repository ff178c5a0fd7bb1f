"""Files of documents: CSV and JSON Lines, read row by row; runs in compute children alone.

Nothing here is whole in memory but one row. Rows count from 0, lines from 1, and every
refusal names both.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from assay.features.imports import documents
from assay.kernel.errors import BadFile, clip
from assay.records import Record, decode
from assay.tabular.formats import CSV, JSON_LINES

TYPED = "typed"  # lines that a server made of messages: [document_id, JSON text, more]
LINE_BYTES = 8 * 1024 * 1024  # escapes make a value longer than the text that is kept of it
CSV_FORMAT = "a CSV file is UTF-8 text with commas, one header line and one line per row (RFC 4180)"
JSON_FORMAT = "JSON Lines is UTF-8 text with one JSON object per line"
ID = "document_id"
CONFIDENCE = "confidence"
_BOMS: Mapping[bytes, str] = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


@dataclass(frozen=True, kw_only=True)
class Shape:
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


def read_rows(file: BinaryIO, source: str, shape: Shape) -> Iterator[SentRow]:
    """Yield the rows of a file of the format `source` in order.

    Raises:
        BadFile: the file is empty, no UTF-8, or not what it claims to be.
        BadDocument: a row's values cannot be kept.
    """
    readers = {CSV: _csv_rows, JSON_LINES: _json_rows, TYPED: _typed_rows}
    rows = 0
    for row in readers[source](file, shape):
        rows += 1
        yield row
    if rows == 0:
        allowed = CSV_FORMAT if source == CSV else JSON_FORMAT
        raise BadFile(f"The file has no rows; {allowed}. Send at least one.", metadata={"rows": 0})


def _lines(file: BinaryIO, allowed: str) -> Iterator[tuple[int, str]]:
    """Yield (number from 1, text with its end) of each line."""
    offset = 0
    number = 0
    while data := file.readline(LINE_BYTES + 1):
        number += 1
        if number == 1:
            _refuse_other_encodings(data)
        if len(data) > LINE_BYTES:
            raise _bad(f"line {number} has more than {LINE_BYTES} bytes", allowed, line=number)
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            at = offset + error.start
            raise _bad(
                f"line {number} is not UTF-8: byte {at} of the file is "
                f"0x{data[error.start]:02x} ({error.reason})",
                f"{allowed}. Export the file again as UTF-8, for instance with "
                "`iconv -f windows-1252 -t utf-8`",
                line=number,
                byte=at,
            ) from error
        offset += len(data)
        yield number, text.removeprefix("\ufeff") if number == 1 else text


def _refuse_other_encodings(start: bytes) -> None:
    for mark, name in _BOMS.items():
        if start.startswith(mark):
            raise _bad(
                f"The file is {name}, as its first two bytes say",
                "UTF-8 is allowed. Export the file again as UTF-8, for instance with "
                "`iconv -f utf-16 -t utf-8`",
                byte=0,
            )


def _json_rows(file: BinaryIO, shape: Shape) -> Iterator[SentRow]:
    row = 0
    for line, text in _lines(file, JSON_FORMAT):
        if not text.strip():
            continue
        place = f"row {row} (line {line})"
        sent = documents.decode(place, text)
        if not isinstance(sent, dict):
            shown = clip(text.strip(), 40)
            raise _bad(f"{place} is {shown}, which is no object", JSON_FORMAT, row=row, line=line)
        _refuse_unknown(place, sent, shape)
        yield SentRow(
            row=row,
            place=place,
            document_id=_id_of(place, sent.get(ID)),
            data=sent.get(shape.data),
            more=sent.get(shape.more),
        )
        row += 1


def _refuse_unknown(place: str, sent: Mapping[str, Any], shape: Shape) -> None:
    known = (ID, shape.data, shape.more)
    for key in sent:
        if key not in known:
            raise documents.bad_document(
                place,
                f"the key '{clip(ascii(key)[1:-1], 40)}' is not known; {', '.join(known)} are "
                f"allowed, and what is known of the document stands in {shape.data}",
            )


def _id_of(place: str, sent: Any) -> str | None:
    """Return a document's id; whole numbers are ids in decimal."""
    if isinstance(sent, int) and not isinstance(sent, bool):
        return str(sent)
    if sent is None or isinstance(sent, str):
        return sent if sent is not None and sent.strip() else None
    raise documents.bad_document(f"{place}, {ID}", "a text or a whole number is allowed")


def _typed_rows(file: BinaryIO, shape: Shape) -> Iterator[SentRow]:
    for row, (_, text) in enumerate(_lines(file, JSON_FORMAT)):
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


def _csv_rows(file: BinaryIO, shape: Shape) -> Iterator[SentRow]:
    csv.field_size_limit(LINE_BYTES)
    records = _csv_records(file)
    _, names = next(records, (0, []))
    columns = _Columns(names, shape)
    for row, (line, record) in enumerate(records):
        place = f"row {row} (line {line})"
        if len(record) != len(names):
            raise _bad(
                f"{place} has {len(record)} field(s), the header {len(names)}",
                f"{CSV_FORMAT}. Give each row a value for each column; quote values with commas",
                row=row,
                line=line,
            )
        yield columns.row(row, place, record)


def _csv_records(file: BinaryIO) -> Iterator[tuple[int, list[str]]]:
    """Yield (line on which it begins, fields) of each record, header first; blank lines are none."""
    before = records = 0
    reader = csv.reader((text for _, text in _lines(file, CSV_FORMAT)), strict=True)
    try:
        for record in reader:
            if record:
                yield before + 1, record
                records += 1
            before = reader.line_num
    except csv.Error as error:
        what = f"row {records - 1} (line {before + 1})" if records else "The header"
        raise _bad(
            f"{what} is no CSV: {_wrong_csv(error)}",
            f"{CSV_FORMAT}. Close every quote, and double the quotes inside quoted values",
            line=before + 1,
            **({"row": records - 1} if records else {}),
        ) from error


def _wrong_csv(error: csv.Error) -> str:
    """Return what is wrong, in words that do not speak of Python."""
    said = str(error)
    if "new-line" in said:
        return "a carriage return stands in a value, or alone at the end of a line"
    if "unexpected end" in said:
        return "a quote is never closed"
    return said if "expected after" in said else "it cannot be split into values"


class _Columns:
    """What the columns of a CSV file are: the id, the fields by their path, what stands beside."""

    def __init__(self, names: list[str], shape: Shape) -> None:
        if not names:
            raise _bad("The file is empty", f"{CSV_FORMAT}. Send a header and at least one row")
        if ID not in names:
            only = f". It has one column, '{clip(names[0], 40)}'" if len(names) == 1 else ""
            raise _bad(
                f"The header has no column '{ID}'",
                f"one is needed, and commas between columns{only}",
                columns=clip(", ".join(names)),
            )
        if len(names) > documents.MAX_FIELDS:
            raise _bad(
                f"The header has {len(names)} columns",
                f"at most {documents.MAX_FIELDS} are allowed",
                columns=len(names),
            )
        self._shape = shape
        self._id = names.index(ID)
        self._note: int | None = None
        self._fields: list[tuple[int, list[str]]] = []
        self._sure: list[tuple[int, str]] = []
        for at, name in enumerate(names):
            self._place(at, name)
        self._check(names)

    def _place(self, at: int, name: str) -> None:
        mark = f"{CONFIDENCE}:"
        if at == self._id:
            return
        if self._shape.more == CONFIDENCE and name.startswith(mark):
            self._sure.append((at, name.removeprefix(mark)))
        elif self._shape.more == name != CONFIDENCE:
            self._note = at
        else:
            path = name.split(".")
            if len(path) > documents.MAX_DEPTH:
                raise _bad(
                    f"The column '{clip(name, 40)}' is {len(path)} levels deep",
                    f"at most {documents.MAX_DEPTH} are allowed",
                    column=name,
                )
            self._fields.append((at, path))

    def _check(self, names: list[str]) -> None:
        seen: set[str] = set()
        for name in names:
            if not name.strip() or name in seen or not all(name.split(".")):
                wrong = "is there twice" if name in seen else "names no field"
                raise _bad(
                    f"The column '{clip(name, 40)}' {wrong}",
                    "each column has a name of its own; 'vendor.name' is the name in the vendor",
                    column=name,
                )
            seen.add(name)
        for _, path in self._fields:
            for end in range(1, len(path)):
                if ".".join(path[:end]) in seen:
                    raise _bad(
                        f"The column '{'.'.join(path[:end])}' cannot hold a value and "
                        f"'{clip('.'.join(path), 40)}' as well",
                        "a field has a value or fields of its own",
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
        return {
            name: documents.decode(f"{place}, column {CONFIDENCE}:{name}", text)
            for name, text in sure.items()
        } or None


def _bad(sent: str, allowed: str, **metadata: object) -> BadFile:
    return BadFile(f"{sent}; {allowed}.", metadata=metadata)
