"""Documents of an import: a file, or rows that come one by one, in bounded memory.

An import is all or nothing and has a request id, so a broken connection is answered by sending
everything again. Rows that come one by one are therefore spooled first, on disk when they are many.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from assay.client.errors import BadInput
from assay.client.files import JSON_LINES, TEXTS, open_file
from assay.client.json_text import json_text

MEMORY_BYTES = 8 * 1024 * 1024  # of spooled rows; more go to disk

Row = Mapping[str, Any] | tuple[Any, ...]
Rows = str | Path | Iterable[Row]


@dataclass(frozen=True, kw_only=True)
class Form:
    """The members of a row, in the order of a tuple's items."""

    names: tuple[str, ...]  # of which a row has the first two at least

    def line(self, number: int, row: object) -> str:
        """Return a row as a line of JSON.

        Raises:
            BadInput: it is neither a mapping with these members nor a tuple of them.
        """
        if isinstance(row, Mapping):
            sent: dict[Any, Any] = dict(row)
        elif isinstance(row, tuple) and 2 <= len(row) <= len(self.names):
            sent = dict(zip(self.names, row, strict=False))
        else:
            raise BadInput(
                f"row {number} is {row!r:.100}; send a mapping with {', '.join(self.names)},"
                " or a tuple of these."
            )
        try:
            return json_text(sent) + "\n"
        except BadInput as error:
            raise BadInput(f"row {number}: {error}") from error


ENTRIES = Form(names=("document_id", "expected_data", "notes"))
EXTRACTIONS = Form(names=("document_id", "data", "confidence"))


def opened(rows: Rows, form: Form) -> tuple[str, IO[bytes]]:
    """Return the content type and a file that can be read again."""
    if isinstance(rows, (str, Path)):
        return open_file(Path(rows), TEXTS)
    if isinstance(rows, Mapping) or not isinstance(rows, Iterable):
        raise BadInput("Pass a path, or rows: mappings, or tuples of an id and its values.")
    spool = tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115 — closed by whoever sends it
    try:
        for number, row in enumerate(rows):
            spool.write(form.line(number, row).encode())
    except BaseException:
        spool.close()
        raise
    return JSON_LINES, cast(IO[bytes], spool)
