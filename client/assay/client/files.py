"""Files that are sent as they are, by the endings of their names; the service alone reads them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import IO

from assay.client.errors import BadInput

CSV, JSON_LINES = "text/csv", "application/x-ndjson"
TEXTS: Mapping[str, str] = {
    ".csv": CSV,
    ".tsv": CSV,
    ".jsonl": JSON_LINES,
    ".ndjson": JSON_LINES,
}
TABLES: Mapping[str, str] = {
    ".parquet": "application/vnd.apache.parquet",
    ".pq": "application/vnd.apache.parquet",
    ".arrow": "application/vnd.apache.arrow.file",
    ".feather": "application/vnd.apache.arrow.file",
    ".arrows": "application/vnd.apache.arrow.stream",
}


def check_file(path: Path, kinds: Mapping[str, str]) -> None:
    """Raise BadInput where `open_file` would, before anything is made for the file."""
    open_file(path, kinds)[1].close()


def open_file(path: Path, kinds: Mapping[str, str]) -> tuple[str, IO[bytes]]:
    """Return the content type of a file, which is one of `kinds`, and the file, opened.

    Raises:
        BadInput: it cannot be opened, or the ending of its name is another one.
    """
    try:
        source = path.open("rb")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}.") from error
    endings = [ending.lower() for ending in path.suffixes]
    if endings[-1:] == [".gz"] and len(endings) > 1 and endings[-2] in TEXTS:
        endings.pop()  # text may be packed
    kind = kinds.get(endings[-1]) if endings else None
    if kind is None:
        source.close()
        packed = ", and .gz behind those of text" if kinds.keys() & TEXTS else ""
        raise BadInput(
            f"{path} is of a format that is not read; allowed: {', '.join(kinds)}{packed}."
        )
    return kind, source
