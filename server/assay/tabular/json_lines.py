"""JSON Lines: UTF-8, one object a line, all with the keys of the first; read as a stream.

Blank lines are no rows. Every value is typed by the part that its column plays.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from assay.tabular.errors import ErrorLocation, bad_column, bad_file, truncate
from assay.tabular.file_columns import FileColumns, FileTables
from assay.tabular.opening import OpenFile, unpacked
from assay.tabular.text_file import JSON_FORMAT, TextFile, no_object

BLOCK_BYTES = 1 << 20

Row = dict[str, Any]


def read_json_lines(open_file: OpenFile, columns: FileColumns) -> FileTables:
    """Return the file's rows in order, in tables that do not depend on anything but the file.

    Raises InputError, naming the line, when a line is no JSON object, and InputError, naming
    row, line and column, when a row breaks a rule.
    """
    text = TextFile(open=unpacked(open_file), allowed=JSON_FORMAT, line_bytes=columns.line_bytes)

    def line_of(row: int) -> int:
        for number, (line, _) in enumerate(text.rows()):
            if number == row:
                return line
        raise AssertionError(f"the file has no row {row}, though it was read")

    tables = _tables(text, columns, ErrorLocation(line_of=line_of))
    return FileTables(tables=tables, allowed=JSON_FORMAT, line_of=line_of)


def _tables(text: TextFile, columns: FileColumns, location: ErrorLocation) -> Iterator[pa.Table]:
    names: dict[str, None] = {}
    first_row = 0
    for lines in _line_blocks(text):
        if not names:
            names = dict.fromkeys(_row(*lines[0], hook=_columns))
            columns.check(list(names))  # wrong columns are told before rows are read
        rows = _rows(lines)
        here = ErrorLocation(first_row=first_row, line_of=location.line_of)
        for at, row in enumerate(rows):
            if row.keys() != names.keys():
                _refuse_keys(at, row, names, here)
        yield columns.from_values({name: [row.get(name) for row in rows] for name in names}, here)
        first_row += len(rows)


def _line_blocks(text: TextFile) -> Iterator[list[tuple[int, str]]]:
    """Yield the file's lines in blocks of about BLOCK_BYTES."""
    held: list[tuple[int, str]] = []
    size = 0
    for line in text.rows():
        held.append(line)
        size += len(line[1])
        if size >= BLOCK_BYTES:
            yield held
            held, size = [], 0
    if held:
        yield held


def _rows(lines: list[tuple[int, str]]) -> list[Row]:
    """Return the lines' objects; plain ones are parsed all at once, which is twice as fast.

    Where every line has its only braces at its ends, an array of as many values as lines can
    only have one of them in each.
    """
    if all(_is_plain(data) for _, data in lines):
        try:
            rows: list[Row] = json.loads(f"[{','.join(data for _, data in lines)}]")
        except (ValueError, RecursionError):
            rows = []  # one by one it is found out where
        if len(rows) == len(lines):
            return rows
    return [_row(line, data) for line, data in lines]


def _is_plain(data: str) -> bool:
    return data[0] == "{" and data[-1] == "}" and data.count("{") == 1 and data.count("}") == 1


def _columns(pairs: list[tuple[str, Any]]) -> Row:
    """Return an object of the first row; a key that is there twice is no other row's fault."""
    row = dict(pairs)
    if len(row) < len(pairs):
        twice = next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
        raise bad_column(
            twice, "it occurs twice", "each column occurs once", "Rename or remove one of them"
        )
    return row


def _row(line: int, data: str, hook: Callable[[list[tuple[str, Any]]], Row] | None = None) -> Row:
    try:
        row = json.loads(data, object_pairs_hook=hook)
    except (ValueError, RecursionError) as error:
        says = str(error).splitlines()[0][:100]
        raise bad_file(
            f"line {line}: it cannot be read as JSON ({says})",
            JSON_FORMAT,
            "Write each row as one object on a line of its own",
            line=line,
        ) from error
    if not isinstance(row, dict):
        raise no_object(f"line {line}", data)
    return row


def _refuse_keys(at: int, row: Row, names: Mapping[str, None], location: ErrorLocation) -> None:
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
