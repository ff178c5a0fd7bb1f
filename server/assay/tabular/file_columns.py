"""Columns of a file as its reader needs to know them, whatever the rows mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from assay.tabular.errors import ErrorLocation, LineOf


class FileColumns(Protocol):
    """Which columns a file may have, and how their values become typed tables.

    Every method raises InputError for what breaks a rule.
    """

    @property
    def key(self) -> str:
        """A column that every file has: by it the separator of a CSV file is known."""
        ...

    @property
    def line_bytes(self) -> int:
        """The most bytes of one line of JSON."""
        ...

    @property
    def block_bytes(self) -> int:
        """The most bytes of one row of CSV; Arrow reads 32 times as many ahead."""
        ...

    @property
    def batch_bytes(self) -> int:
        """About the bytes of one batch of Parquet."""
        ...

    def check(self, names: Sequence[str]) -> None:
        """Refuse columns that are wrong, before a row is decoded."""
        ...

    def coded(self, schema: pa.Schema) -> list[str]:
        """Return the columns of a Parquet file that are read as dictionaries."""
        ...

    def from_texts(
        self, names: Sequence[str], texts: Sequence[pa.Array[Any]], location: ErrorLocation
    ) -> pa.Table:
        """Return columns of CSV as a typed table; null is a field without a character."""
        ...

    def from_values(
        self, columns: Mapping[str, Sequence[object]], location: ErrorLocation
    ) -> pa.Table:
        """Return columns of decoded JSON, all of one length, as a typed table."""
        ...


@dataclass(frozen=True, kw_only=True)
class FileTables:
    """The rows of a file in their order, and the words of what is refused of it."""

    tables: Iterator[pa.Table]
    allowed: str  # what the format is
    line_of: LineOf | None = None  # only text files have lines
    nothing: str = "The file holds no rows"
    is_numbered: bool = False  # the last column of the tables is each row's number in the file
