"""CSV files, read as a stream of blocks; what they may look like is said in `text_file`.

The file is never whole in memory. Arrow parses the blocks; only when something is refused, or
looks like a quote that is never closed, is the file read again, by Python's strict parser, to
say on which line it stands. A line without a character is no row and is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import IO, NoReturn, cast

import pyarrow as pa
import pyarrow.csv as pacsv

from assay.tabular.errors import ErrorLocation, bad_file
from assay.tabular.file_columns import FileColumns, FileTables
from assay.tabular.opening import OpenFile, unpacked
from assay.tabular.roles import refuse_too_many
from assay.tabular.text_file import CSV_FORMAT, SEPARATORS, TextFile

LINE_BYTES = 1 << 24  # columns are many
NO_ROWS = "The file has a header but no rows"


def read_csv(open_file: OpenFile, columns: FileColumns) -> FileTables:
    """Return the file's rows in order, in tables that do not depend on anything but the file.

    Raises InputError when the file is empty, truncated or no CSV, and InputError, naming row,
    line and column, when its rows break a rule.
    """
    open_text = unpacked(open_file)
    text = TextFile(open=open_text, allowed=CSV_FORMAT, line_bytes=LINE_BYTES)
    lines = _Lines(text=text, key=columns.key, block_bytes=columns.block_bytes)
    names = lines.header()
    columns.check(names)
    return FileTables(
        tables=_tables(open_text, names, columns, lines),
        allowed=CSV_FORMAT,
        line_of=lines.of,
        nothing=NO_ROWS,
    )


def _tables(
    open_text: OpenFile, names: list[str], columns: FileColumns, lines: _Lines
) -> Iterator[pa.Table]:
    """Yield the file's blocks with typed columns."""
    rows = 0
    with open_text() as file:
        counted = _Counter(file)
        try:
            for batch in _batches(counted, lines):
                location = ErrorLocation(first_row=rows, line_of=lines.of)
                yield columns.from_texts(names, batch.columns, location)
                rows += batch.num_rows
        except pa.ArrowException as error:
            lines.refuse(len(names), error)
    if counted.quotes and (counted.quotes % 2 or counted.line_ends > rows + 1):
        lines.refuse_open_quote()


class _Counter:
    """A file that counts what tells of open quotes: an odd number of them, or lines in values."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.quotes = self.line_ends = 0
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.quotes += data.count(b'"')
        self.line_ends += max(data.count(b"\n"), data.count(b"\r"))
        return data

    def close(self) -> None:
        self.closed = True

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False


def _batches(file: _Counter, lines: _Lines) -> Iterator[pa.RecordBatch]:
    """Yield the file's blocks with every column as text."""
    return pacsv.open_csv(
        cast(IO[bytes], file),  # Arrow asks for no more than these methods
        read_options=pacsv.ReadOptions(
            use_threads=False,
            block_size=lines.block_bytes,
            skip_rows=1 if lines.text.said_separator() else 0,
        ),
        parse_options=pacsv.ParseOptions(newlines_in_values=True, delimiter=lines.separator),
        convert_options=pacsv.ConvertOptions(
            column_types={name: pa.string() for name in lines.written_names},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


@dataclass(frozen=True, kw_only=True)
class _Lines:
    """The file as Python's own parser sees it; used for the header and to explain refusals."""

    text: TextFile
    key: str  # a column that the file has
    block_bytes: int  # of one row at most

    @cached_property
    def separator(self) -> str:
        """What stands between the columns."""
        return self.text.separator(self.key)

    @cached_property
    def written_names(self) -> list[str]:
        """The names of the columns as Arrow reads them."""
        return next(record for _, record in self.text.records(self.separator, as_written=True))

    def header(self) -> list[str]:
        """Return the column names; raises InputError when there is no header."""
        with self.text.open() as file:
            start = file.read(4096)
        if not start.strip(b"\xef\xbb\xbf \r\n"):
            raise bad_file(
                "The file is empty", CSV_FORMAT, "Send a header and at least one row", bytes=0
            )
        if b"\0" in start and not start.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise bad_file(
                "The file holds zero bytes, so it is not text",
                CSV_FORMAT,
                "Export it as CSV in UTF-8",
            )
        for _, line in self.text.rows():
            if '"' not in line:  # each column becomes an object
                refuse_too_many(max(map(line.count, SEPARATORS)) + 1)
            break
        for _, names in self.text.records(self.separator):
            return names
        raise bad_file("The file has no header", CSV_FORMAT, "Send a header and at least one row")

    def of(self, row: int) -> int:
        """Return the line (1-based) on which the data row number `row` (0-based) begins."""
        for number, (line, _) in enumerate(self.text.records(self.separator)):
            if number == row + 1:
                return line
        raise AssertionError(f"the file has no row {row}, though it was read")

    def refuse(self, fields: int, cause: Exception) -> NoReturn:
        """Raise the InputError that explains why Arrow could not read the file."""
        rows = 0
        for number, (line, record) in enumerate(self.text.records(self.separator)):
            if len(record) != fields:
                raise self.text.wrong_fields(
                    number - 1, line, len(record), fields, self.separator
                ) from cause
            rows = number
        if rows == 0:
            raise bad_file(NO_ROWS, CSV_FORMAT, "Send at least one row", rows=0) from cause
        text = str(cause).splitlines()[0][:200]
        raise bad_file(
            f"The file cannot be read as CSV ({text})",
            CSV_FORMAT,
            f"Keep each row under {self.block_bytes} bytes and close every quote",
        ) from cause

    def refuse_open_quote(self) -> None:
        """Raise InputError if a quoted value never ends; a quote inside plain text is allowed."""
        for _ in self.text.records(self.separator):
            pass
