"""Text files, read line by line and never whole: the one reader of CSV and of JSON Lines.

Text is UTF-8, packed by gzip or not. Lines end as on any system; a byte order mark and blank
lines are passed over. Columns stand between commas, semicolons or tabs, whichever the header has,
or a first line `sep=;` before it says, as spreadsheets write it; blanks around their names are no
part of them. Lines count from 1, rows from 0, and every
refusal names them.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from assay.tabular.errors import InputError, bad_file, truncate
from assay.tabular.opening import OpenFile

BLOCK_BYTES = 1 << 20
CSV_FORMAT = "a CSV file is UTF-8 text with one header line and one line per row (RFC 4180)"
JSON_FORMAT = "JSON Lines is UTF-8 text with one JSON object per line"
SEPARATORS: Mapping[str, str] = {",": "comma", ";": "semicolon", "\t": "tab"}
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[\r\n]*', re.IGNORECASE)
_OTHER_ENCODINGS: Mapping[bytes, str] = {
    b"\xff\xfe\0\0": "UTF-32", b"\0\0\xfe\xff": "UTF-32", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"
}  # fmt: skip
# What nobody sees around a name: blanks of any kind, marks without a width.
_UNSEEN = " \t\r\n\x0b\x0c\x00\x85\xa0\u2000\u2007\u2009\u200b\u200c\u200d\u202f\u2060\u3000\ufeff"


@dataclass(frozen=True, kw_only=True)
class TextFile:
    """The lines of a file. Iterating opens it anew, so that a refusal can look for its line."""

    open: OpenFile  # as `opening.unpacked` returns it
    allowed: str  # CSV_FORMAT or JSON_FORMAT
    line_bytes: int  # of one line at most

    def lines(self) -> Iterator[tuple[int, str]]:
        """Yield (number, text with its end) of each line, blank ones too; raises InputError."""
        offset = number = 0
        with self.open() as file:
            for data in _lines(file, self.line_bytes):
                number += 1
                if number == 1:
                    self._refuse_other_encodings(data)
                if len(data) > self.line_bytes:
                    raise bad_file(
                        f"line {number} has more than {self.line_bytes} bytes",
                        self.allowed,
                        "Split it, or leave out what is not needed",
                        line=number,
                    )
                try:
                    text = data.decode()
                except UnicodeDecodeError as error:
                    raise self._not_utf8(number, offset + error.start, data, error) from error
                offset += len(data)
                yield number, text.removeprefix("\ufeff") if number == 1 else text

    def rows(self) -> Iterator[tuple[int, str]]:
        """Yield (number, text without blanks around it) of each line that is not blank."""
        for number, line in self.lines():
            text = line.strip(" \t\r\n")
            if text:
                yield number, text

    def separator(self, needed: str) -> str:
        """Return what stands between the columns of a CSV file; `needed` is one of their names.

        Raises InputError where the first line says what is none of SEPARATORS.
        """
        said = self.said_separator()
        if said:
            return said
        for _, line in self.rows():
            for mark in SEPARATORS:
                if needed in (clean_name(name).strip('"') for name in line.split(mark)):
                    return mark
            break
        return ","

    def said_separator(self) -> str:
        """Return what the first line of a CSV file, which is no header, says of columns, or ""."""
        said = next((_SEPARATOR_LINE.fullmatch(line) for _, line in self.lines()), None)
        if said and said[1] not in SEPARATORS:
            raise bad_file(
                f"The first line says that '{said[1]}' stands between columns",
                f"allowed are {', '.join(SEPARATORS.values())}",
                "Save the file again with one of these",
                line=1,
            )
        return said[1] if said else ""

    def records(
        self, separator: str, *, as_written: bool = False
    ) -> Iterator[tuple[int, list[str]]]:
        """Yield (line on which it begins, fields) of each record of a CSV file, header first.

        Names in the header are clean, unless they are asked for as they are written.
        """
        csv.field_size_limit(self.line_bytes)
        before = records = 0
        lines = (
            "\n" if number == 1 and _SEPARATOR_LINE.fullmatch(text) else text
            for number, text in self.lines()
        )
        reader = csv.reader(lines, strict=True, delimiter=separator)
        try:
            for record in reader:
                if record:
                    clean = not records and not as_written
                    yield before + 1, [clean_name(one) for one in record] if clean else record
                    records += 1
                before = reader.line_num
        except csv.Error as error:
            what = f"row {records - 1} (line {before + 1})" if records else "The header"
            raise bad_file(
                f"{what} is no CSV: {_wrong_csv(error)}",
                self.allowed,
                "Close every quote, and double the quotes inside quoted values",
                line=before + 1,
                **({"row": records - 1} if records else {}),
            ) from error

    def wrong_fields(
        self, row: int, line: int, fields: int, expected: int, separator: str
    ) -> InputError:
        """Return the error of a record that has not as many fields as the header."""
        return bad_file(
            f"row {row} (line {line}) has {fields} field(s), the header {expected}, "
            f"with a {SEPARATORS[separator]} between them",
            self.allowed,
            f"Give each row a value for each column; quote values with a {SEPARATORS[separator]}",
            row=row,
            line=line,
            fields=fields,
            expected=expected,
        )

    def _refuse_other_encodings(self, start: bytes) -> None:
        for mark, name in _OTHER_ENCODINGS.items():
            if start.startswith(mark):
                raise bad_file(
                    f"The file is {name}, as its first bytes say",
                    self.allowed,
                    "Export the file again as UTF-8, for instance with "
                    f"`iconv -f {name.lower()} -t utf-8`",
                    byte=0,
                )

    def _not_utf8(self, line: int, byte: int, data: bytes, error: UnicodeDecodeError) -> InputError:
        return bad_file(
            f"line {line} is not UTF-8: byte {byte} of the file is "
            f"0x{data[error.start]:02x} ({error.reason})",
            self.allowed,
            "Export the file again as UTF-8, for instance with `iconv -f windows-1252 -t utf-8`",
            line=line,
            byte=byte,
        )


def clean_name(name: str) -> str:
    """Return a column's name without what nobody sees around it."""
    return name.strip(_UNSEEN)


def no_object(place: str, text: str) -> InputError:
    """Return the error of a line of JSON that is no object."""
    return bad_file(
        f"{place} is {truncate(text, 40)}, which is no object",
        JSON_FORMAT,
        "Write each row as one object on a line of its own",
    )


def _lines(file: BinaryIO, most: int) -> Iterator[bytes]:
    r"""Yield lines with their ends, which are \n, \r\n or \r; one of more than `most` is cut."""
    rest = b""
    while block := file.read(BLOCK_BYTES):
        lines = (rest + block).splitlines(keepends=True)
        rest = lines.pop()  # it may go on, and \n may follow on \r
        yield from lines
        if len(rest) > most:
            break
    if rest:
        yield rest


def _wrong_csv(error: csv.Error) -> str:
    """Return what is wrong, in words that do not speak of Python."""
    said = str(error)
    if "unexpected end" in said:
        return "a quote is never closed"
    return said if "expected after" in said else "it cannot be split into values"
