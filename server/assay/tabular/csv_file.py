"""CSV files, read as a stream of blocks: RFC 4180, UTF-8 (a BOM is accepted), with a header.

The file is never whole in memory. Arrow parses the blocks; only when something is refused
is the file read again, by Python's strict parser, to say on which line it stands. A line
without a character is no row and is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, NoReturn, cast

import pyarrow as pa
import pyarrow.csv as pacsv

from assay.tabular.blocks import FileBlock, blocks
from assay.tabular.chunk import Rules
from assay.tabular.errors import ErrorLocation, bad_file, truncate
from assay.tabular.numbers import SCORE, WEIGHT, parse_floats
from assay.tabular.opening import OpenFile, size_of
from assay.tabular.roles import Roles, assign_roles, refuse_too_many
from assay.tabular.text_file import CSV_FORMAT, TextFile

BLOCK_BYTES = 1 << 20
LINE_BYTES = 1 << 24  # columns are many
NO_ROWS = "The file has a header but no rows"


def read_csv(open_file: OpenFile, rules: Rules) -> Iterator[FileBlock]:
    """Yield the file's rows in order, in blocks that do not depend on anything but the file.

    Raises InputError when the file is empty, truncated or no CSV, and InputError, naming row,
    line and column, when its rows break a rule.
    """
    lines = _Lines(open_file=open_file)
    names = lines.header()
    roles = assign_roles(names, rules)
    with open_file() as file:
        counted = _QuoteCounter(file)
        try:
            tables = _tables(counted, names, roles, rules, lines)
            yield from blocks(
                tables,
                size_of(open_file),
                rules,
                allowed=CSV_FORMAT,
                line_of=lines.of,
                nothing=NO_ROWS,
            )
        except pa.ArrowException as error:
            lines.refuse(len(names), error)
    if counted.quotes % 2:
        lines.refuse_open_quote()


class _QuoteCounter:
    """A file that counts the double quotes read: an odd number is an open quote somewhere."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.quotes = 0
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.quotes += data.count(b'"')
        return data

    def close(self) -> None:
        self.closed = True

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False


def _tables(
    file: _QuoteCounter, names: list[str], roles: Roles, rules: Rules, lines: _Lines
) -> Iterator[pa.Table]:
    """Yield the file's blocks with typed columns."""
    reader = pacsv.open_csv(
        cast(IO[bytes], file),  # Arrow asks for no more than these methods
        read_options=pacsv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
        parse_options=pacsv.ParseOptions(newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(
            column_types={name: pa.string() for name in names},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    first_row = 0
    for batch in reader:
        yield _typed(batch, roles, rules, ErrorLocation(first_row=first_row, line_of=lines.of))
        first_row += batch.num_rows


def _typed(batch: pa.RecordBatch, roles: Roles, rules: Rules, location: ErrorLocation) -> pa.Table:
    """Return a block with numbers as float64 and labels as dictionaries."""
    numbers = {*roles.score_columns, "weight"}
    if rules.regression:
        numbers |= {"y_true", "y_pred"}
    value = "a regression's value is a finite number" if rules.regression else SCORE
    columns = {}
    for name, sent in zip(batch.schema.names, batch.columns, strict=True):
        if name.startswith("slice:"):
            columns[name] = sent  # a field without a character is no value, "" is the empty text
            continue
        column = sent.fill_null("")
        if name in numbers:
            allowed = WEIGHT if name == "weight" else value
            columns[name] = parse_floats(column, name, location, allowed)
        elif name in ("y_true", "y_pred"):
            columns[name] = column.dictionary_encode()
        else:
            columns[name] = column
    return pa.table(columns)


@dataclass(frozen=True, kw_only=True)
class _Lines:
    """The file as Python's own parser sees it; used for the header and to explain refusals."""

    open_file: OpenFile

    @property
    def _text(self) -> TextFile:
        return TextFile(open=self.open_file, allowed=CSV_FORMAT, line_bytes=LINE_BYTES)

    def header(self) -> list[str]:
        """Return the column names; raises InputError when there is no header."""
        with self.open_file() as file:
            start = file.read(4096)
        if not start.strip(b"\xef\xbb\xbf \r\n"):
            raise bad_file(
                "The file is empty", CSV_FORMAT, "Send a header and at least one row", bytes=0
            )
        if b"\0" in start:
            raise bad_file(
                "The file holds zero bytes, so it is not text",
                CSV_FORMAT,
                "Export it as CSV in UTF-8",
            )
        self._refuse_many()
        for _, names in self._text.records():
            if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
                raise bad_file(
                    f"The header '{truncate(names[0])}' has no comma",
                    CSV_FORMAT,
                    "Separate the columns with commas, not semicolons or tabs",
                )
            return names
        raise bad_file("The file has no header", CSV_FORMAT, "Send a header and at least one row")

    def _refuse_many(self) -> None:
        """Count the columns of a plain header before each becomes an object."""
        with self.open_file() as file:
            line = file.readline()
        if b'"' not in line:
            refuse_too_many(line.count(b",") + 1)

    def of(self, row: int) -> int:
        """Return the line (1-based) on which the data row number `row` (0-based) begins."""
        for number, (line, _) in enumerate(self._text.records()):
            if number == row + 1:
                return line
        raise AssertionError(f"the file has no row {row}, though it was read")

    def refuse(self, fields: int, cause: Exception) -> NoReturn:
        """Raise the InputError that explains why Arrow could not read the file."""
        rows = 0
        for number, (line, record) in enumerate(self._text.records()):
            if len(record) != fields:
                raise self._text.wrong_fields(number - 1, line, len(record), fields) from cause
            rows = number
        if rows == 0:
            raise bad_file(NO_ROWS, CSV_FORMAT, "Send at least one row", rows=0) from cause
        text = str(cause).splitlines()[0][:200]
        raise bad_file(
            f"The file cannot be read as CSV ({text})",
            CSV_FORMAT,
            f"Keep each row under {BLOCK_BYTES} bytes and close every quote",
        ) from cause

    def refuse_open_quote(self) -> None:
        """Raise InputError if a quoted value never ends; a quote inside plain text is allowed."""
        for _ in self._text.records():
            pass
