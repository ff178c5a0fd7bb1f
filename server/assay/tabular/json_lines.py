"""JSON Lines: UTF-8, one object a line, all with the keys of the first; read as a stream.

Blank lines are no rows. Every value is typed by the part that its column plays.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Any, NoReturn

import pyarrow as pa

from assay.tabular.blocks import FileBlock, blocks
from assay.tabular.chunk import Rules
from assay.tabular.errors import ErrorLocation, bad_file, truncate
from assay.tabular.opening import OpenFile, size_of
from assay.tabular.values import table_of_values

LINE_BYTES = 1 << 20
BLOCK_BYTES = 1 << 20
FORMAT = "JSON Lines is UTF-8 text with one JSON object per line, all with the same keys"
WAY_OUT = "Write each row as one object on a line of its own"

Row = dict[str, Any]


def read_json_lines(open_file: OpenFile, rules: Rules) -> Iterator[FileBlock]:
    """Yield the file's rows in order, in blocks that do not depend on anything but the file.

    Raises InputError, naming the line, when a line is no JSON object, and InputError, naming
    row, line and column, when a row breaks a rule.
    """

    def line_of(row: int) -> int:
        for number, (line, _) in enumerate(_lines(open_file)):
            if number == row:
                return line
        raise AssertionError(f"the file has no row {row}, though it was read")

    tables = _tables(open_file, rules, ErrorLocation(line_of=line_of))
    return blocks(tables, size_of(open_file), rules, allowed=FORMAT, line_of=line_of)


def _tables(open_file: OpenFile, rules: Rules, location: ErrorLocation) -> Iterator[pa.Table]:
    names: list[str] = []
    keys: AbstractSet[str] = frozenset()
    first_row = 0
    for lines in _line_blocks(open_file):
        rows = _rows(lines)
        if not names:
            names, keys = list(rows[0]), rows[0].keys()
        here = ErrorLocation(first_row=first_row, line_of=location.line_of)
        for at, row in enumerate(rows):
            if row.keys() != keys:
                _refuse_keys(at, row, names, here)
        yield _table(rows, names, rules, here)
        first_row += len(rows)


def _line_blocks(open_file: OpenFile) -> Iterator[list[tuple[int, bytes]]]:
    """Yield the file's lines in blocks of about BLOCK_BYTES."""
    held: list[tuple[int, bytes]] = []
    size = 0
    for line in _lines(open_file):
        held.append(line)
        size += len(line[1])
        if size >= BLOCK_BYTES:
            yield held
            held, size = [], 0
    if held:
        yield held


def _rows(lines: list[tuple[int, bytes]]) -> list[Row]:
    """Return the lines' objects; plain ones are parsed all at once, which is twice as fast.

    Where every line has its only braces at its ends, an array of as many values as lines can
    only have one of them in each.
    """
    if all(_is_plain(data) for _, data in lines):
        try:
            rows: list[Row] = json.loads(b"[" + b",".join(data for _, data in lines) + b"]")
        except (ValueError, RecursionError):
            rows = []  # one by one it is found out where
        if len(rows) == len(lines):
            return rows
    return [_row(line, data) for line, data in lines]


def _is_plain(data: bytes) -> bool:
    return (
        data[:1] == b"{" and data[-1:] == b"}" and data.count(b"{") == 1 and data.count(b"}") == 1
    )


def _table(rows: list[Row], names: list[str], rules: Rules, location: ErrorLocation) -> pa.Table:
    columns = {name: [row.get(name) for row in rows] for name in names}
    return table_of_values(columns, rules, location)


def _row(line: int, data: bytes) -> Row:
    try:
        row = json.loads(data.decode())
    except UnicodeDecodeError as error:
        _refuse_line(line, f"it is not UTF-8 ({error.reason})", error)
    except (ValueError, RecursionError) as error:
        says = str(error).splitlines()[0][:100]
        _refuse_line(line, f"it cannot be read as JSON ({says})", error)
    if not isinstance(row, dict):
        _refuse_line(line, f"it holds {truncate(json.dumps(row), 40)}, which is no object", None)
    return row


def _refuse_keys(at: int, row: Row, names: list[str], location: ErrorLocation) -> None:
    """Raise InputError for a key that the first row lacks; an absent one is a null."""
    for name in row:
        if name not in names:
            raise location.bad_value(
                at,
                name,
                "the key is new",
                f"the first row has {truncate(', '.join(names))}",
                "Give every row the same keys, with null where there is no value",
            )


def _lines(open_file: OpenFile) -> Iterator[tuple[int, bytes]]:
    """Yield (number from 1, bytes) of each line that is not blank."""
    with open_file() as file:
        number = 0
        while data := file.readline(LINE_BYTES + 1):
            number += 1
            if number == 1:
                data = data.removeprefix(b"\xef\xbb\xbf")
            if len(data) > LINE_BYTES:
                _refuse_line(number, f"it has more than {LINE_BYTES} bytes", None)
            data = data.strip()
            if data:
                yield number, data


def _refuse_line(line: int, sent: str, cause: Exception | None) -> NoReturn:
    raise bad_file(f"line {line}: {sent}", FORMAT, WAY_OUT, line=line) from cause
