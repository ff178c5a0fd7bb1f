"""Formats of files by the content types that they are sent with."""

from __future__ import annotations

from collections.abc import Mapping

from assay.kernel.errors import BadContentType, clip
from assay.tabular.opening import ARROW_FILE, ARROW_STREAM, CSV, JSON_LINES, PARQUET

FORMATS: Mapping[str, str] = {
    "text/csv": CSV,
    "application/csv": CSV,
    "text/tab-separated-values": CSV,
    "application/vnd.apache.parquet": PARQUET,
    "application/x-parquet": PARQUET,
    "application/vnd.apache.arrow.stream": ARROW_STREAM,
    "application/vnd.apache.arrow.file": ARROW_FILE,
    "application/x-ndjson": JSON_LINES,
    "application/jsonl": JSON_LINES,
}
ALLOWED = (
    "text/csv, application/x-ndjson and application/vnd.apache.(parquet|arrow.stream|arrow.file)"
)


def file_format(content_type: str) -> str:
    """Return the format, one of assay.tabular.opening, that a content type names.

    Raises BadContentType for one that is not read.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in FORMATS:
        raise BadContentType(
            f"The content type '{clip(kind) or 'none'}' was sent; allowed are {ALLOWED}. "
            "Send the file as what it is, such as 'Content-Type: text/csv'.",
            metadata={"content_type": kind, "allowed": ALLOWED},
        )
    return FORMATS[kind]
