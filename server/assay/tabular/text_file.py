"""Text files, read line by line and never whole: the one reader of CSV and of JSON Lines.

Text is UTF-8; a byte order mark is passed over, and so are blank lines. Lines count from 1,
rows from 0, and every refusal names them.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from assay.tabular.errors import InputError, bad_file, truncate

CSV_FORMAT = "a CSV file is UTF-8 text with commas, one header line and one line per row (RFC 4180)"
JSON_FORMAT = "JSON Lines is UTF-8 text with one JSON object per line"
_OTHER_ENCODINGS: Mapping[bytes, str] = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


@dataclass(frozen=True, kw_only=True)
class TextFile:
    """The lines of a file. Iterating opens it anew, so that a refusal can look for its line."""

    open: Callable[[], BinaryIO]  # at its start, at each call
    allowed: str  # CSV_FORMAT or JSON_FORMAT
    line_bytes: int  # of one line at most

    def lines(self) -> Iterator[tuple[int, str]]:
        """Yield (number, text with its end) of each line, blank ones too; raises InputError."""
        offset = number = 0
        with self.open() as file:
            while data := file.readline(self.line_bytes + 1):
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

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (line on which it begins, fields) of each record of a CSV file, header first."""
        csv.field_size_limit(self.line_bytes)
        before = records = 0
        reader = csv.reader((text for _, text in self.lines()), strict=True)
        try:
            for record in reader:
                if record:
                    yield before + 1, record
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

    def wrong_fields(self, row: int, line: int, fields: int, expected: int) -> InputError:
        """Return the error of a record that has not as many fields as the header."""
        return bad_file(
            f"row {row} (line {line}) has {fields} field(s), the header {expected}",
            self.allowed,
            "Give each row a value for each column; quote values that hold commas",
            row=row,
            line=line,
            fields=fields,
            expected=expected,
        )

    def _refuse_other_encodings(self, start: bytes) -> None:
        for mark, name in _OTHER_ENCODINGS.items():
            if start.startswith(mark):
                raise bad_file(
                    f"The file is {name}, as its first two bytes say",
                    self.allowed,
                    "Export the file again as UTF-8, for instance with `iconv -f utf-16 -t utf-8`",
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


def no_object(place: str, text: str) -> InputError:
    """Return the error of a line of JSON that is no object."""
    return bad_file(
        f"{place} is {truncate(text, 40)}, which is no object",
        JSON_FORMAT,
        "Write each row as one object on a line of its own",
    )


def _wrong_csv(error: csv.Error) -> str:
    """Return what is wrong, in words that do not speak of Python."""
    said = str(error)
    if "new-line" in said:
        return "a carriage return stands in a value, or alone at the end of a line"
    if "unexpected end" in said:
        return "a quote is never closed"
    return said if "expected after" in said else "it cannot be split into values"
