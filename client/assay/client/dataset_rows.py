"""Rows of a dataset: a file, a table, or rows that come one by one, in bounded memory."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterable, Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import IO, Any, cast

from assay.client import types
from assay.client.errors import BadInput, JobFailed, Refusal
from assay.client.files import JSON_LINES, TABLES, TEXTS, open_file
from assay.client.importing import MEMORY_BYTES
from assay.client.json_text import json_text

ARROW = "application/vnd.apache.arrow.stream"
BATCH_ROWS = 65_536  # of a table, written at a time

SplitRows = Any  # a path, an Arrow table, a data frame, or an iterable of mappings


def opened_rows(rows: SplitRows) -> tuple[str, IO[bytes]]:
    """Return the content type and a file that can be read again.

    Raises:
        BadInput: it is nothing that has rows, or a row cannot be written.
    """
    if isinstance(rows, (str, PathLike)):
        return open_file(Path(fspath(rows)), {**TEXTS, **TABLES})
    is_table = hasattr(rows, "__arrow_c_stream__")
    if isinstance(rows, Mapping) or not (is_table or isinstance(rows, Iterable)):
        raise BadInput("Pass a path, an Arrow table, a data frame, or an iterable of mappings.")
    spool = tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115 — closed by whoever sends it
    try:
        file = cast(IO[bytes], spool)
        if is_table:
            _write_table(rows, file)
        else:
            for number, row in enumerate(rows):
                file.write(_line(number, row))
    except BaseException:
        spool.close()
        raise
    return (ARROW if is_table else JSON_LINES), file


def stored_change(change: types.SplitChange, failure: types.Failure | None) -> types.SplitChange:
    """Return a change whose job made a revision; raises JobFailed for one that did not."""
    if change.revision is not None:
        return change
    message = f"The job {change.job_id} ended as {change.status}."
    raise JobFailed(
        Refusal(
            message=failure.message if failure else message,
            reason=failure.reason if failure else change.status.upper(),
            metadata={**(failure.metadata if failure else {}), "job_id": change.job_id},
        )
    )


def _write_table(rows: Any, file: Any) -> None:
    try:
        import pyarrow as pa  # noqa: PLC0415 — it comes with the extra `arrow`
    except ImportError as error:
        raise BadInput("Sending a table needs PyArrow: pip install pyarrow") from error
    table = pa.table(rows)
    with pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=BATCH_ROWS)


def _line(number: int, row: object) -> bytes:
    if not isinstance(row, Mapping):
        raise BadInput(f"row {number} is {row!r:.100}; send a mapping from columns to values.")
    plain = {
        name: base64.b64encode(value).decode() if isinstance(value, bytes) else value
        for name, value in row.items()
    }
    try:
        return json_text(plain).encode() + b"\n"
    except BadInput as error:
        raise BadInput(f"row {number}: {error}") from error
