"""The error of rows and files that break a rule: where it stands, what was sent, the way out.

Every message says where (absolute row, 0-based, and for text files the line), what was sent, what
is allowed and the way out; the same parts are in `metadata` for programs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

LineOf = Callable[[int], int]  # row of the upload, 0-based -> line of the file, 1-based
MAX_VALUE_CHARS = 100


class InputErrorCode(StrEnum):
    """What of the input is wrong."""

    BAD_FILE = "bad_file"  # truncated, corrupt, or not of the format that it is said to have
    BAD_ROWS = "bad_rows"  # rows or columns break a rule
    TOO_LARGE = "too_large"  # it unpacks to more than is allowed


class InputError(Exception):
    """The input is refused, for a reason that its sender can mend."""

    def __init__(
        self,
        code: InputErrorCode,
        message: str,
        metadata: Mapping[str, object],
        location: str = "",
        description: str = "",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.metadata = metadata
        self.location = location  # `row 17, column score`; empty for whole files
        self.description = description  # what was sent and what is allowed there

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders, with all of their parts.
        parts = (self.code, self.message, self.metadata, self.location, self.description)
        return type(self), parts


@dataclass(frozen=True, kw_only=True)
class ErrorLocation:
    """Where a block of rows stands in the whole upload."""

    first_row: int = 0  # absolute number of the block's first row, 0-based
    line_of: LineOf | None = None  # only text files have lines

    def bad_value(
        self, index: int, column: str, sent: str, allowed: str, way_out: str, *, count: int = 1
    ) -> InputError:
        """Return the error of the value at `index` of the block (and `count` - 1 more)."""
        row = self.first_row + index
        where: dict[str, object] = {"row": row, "column": column, "sent": sent, "count": count}
        text = f"row {row}"
        if self.line_of is not None:
            where["line"] = line = self.line_of(row)
            text += f" (line {line})"
        text += f", column {truncate(column)}"
        more = f" ({count - 1} more rows of this block are wrong in the same way.)" * (count > 1)
        says = f"{truncate(sent)}; {allowed}."
        message = f"{text}: {says} {way_out}.{more}"
        return InputError(InputErrorCode.BAD_ROWS, message, where, text, says)


def bad_column(column: str, sent: str, allowed: str, way_out: str) -> InputError:
    """Return the error of a whole column."""
    says = f"{sent}; {allowed}."
    location = f"column {truncate(column)}"
    message = f"{location}: {says} {way_out}."
    metadata = {"column": column, "sent": sent}
    return InputError(InputErrorCode.BAD_ROWS, message, metadata, location, says)


def bad_file(sent: str, allowed: str, way_out: str, **metadata: object) -> InputError:
    """Return the error of bytes that are not what they claim to be."""
    return InputError(InputErrorCode.BAD_FILE, f"{sent}; {allowed}. {way_out}.", metadata)


def truncate(value: object, limit: int = MAX_VALUE_CHARS) -> str:
    """Return `value` as text of at most `limit` characters, for use in a message."""
    text = str(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
