"""How a wrong row, column or file is refused: one voice for every reader of columns.

Every message says where (absolute row, 0-based, and for text files the line), what was
sent, what is allowed and the way out; the same parts are in `metadata` for programs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from assay.kernel.errors import BadFile, BadPredictions, Violation, clip

LineOf = Callable[[int], int]  # row of the upload, 0-based -> line of the file, 1-based


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a block of rows stands in the whole upload."""

    first_row: int = 0  # absolute number of the block's first row, 0-based
    line_of: LineOf | None = None  # only text files have lines

    def bad_value(
        self, index: int, column: str, sent: str, allowed: str, way_out: str, *, count: int = 1
    ) -> BadPredictions:
        """Return the refusal of the value at `index` of the block (and `count` - 1 more)."""
        row = self.first_row + index
        where: dict[str, object] = {"row": row, "column": column, "sent": sent, "count": count}
        text = f"row {row}"
        if self.line_of is not None:
            where["line"] = line = self.line_of(row)
            text += f" (line {line})"
        text += f", column {clip(column)}"
        more = f" ({count - 1} more rows of this block are wrong in the same way.)" * (count > 1)
        says = f"{clip(sent)}; {allowed}."
        return BadPredictions(
            f"{text}: {says} {way_out}.{more}",
            metadata=where,
            violations=(Violation(field=text, description=says),),
        )


def bad_column(column: str, sent: str, allowed: str, way_out: str) -> BadPredictions:
    """Return the refusal of a whole column."""
    says = f"{sent}; {allowed}."
    field = f"column {clip(column)}"
    return BadPredictions(
        f"{field}: {says} {way_out}.",
        metadata={"column": column, "sent": sent},
        violations=(Violation(field=field, description=says),),
    )


def bad_file(sent: str, allowed: str, way_out: str, **metadata: object) -> BadFile:
    """Return the refusal of bytes that are not what they claim to be."""
    return BadFile(f"{sent}; {allowed}. {way_out}.", metadata=metadata)
