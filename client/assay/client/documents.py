"""Ground truth and extraction runs, and the import of their documents: a file, or rows that come one by one, in bounded memory.

An import is all or nothing and has a request id, so a broken connection is answered by sending
everything again. Rows that come one by one are therefore spooled first, on disk when they are many.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import grpc
from google.api import httpbody_pb2

from assay.client import calls
from assay.client.errors import BadInput, from_rpc
from assay.client.groups import Group
from assay.client.json_text import json_text
from assay.client.messages import from_message
from assay.client.transport import is_cut
from assay.client.types import Imported

BLOCK_BYTES = 256 * 1024
MEMORY_BYTES = 8 * 1024 * 1024  # of spooled rows; more go to disk
CSV, JSON_LINES = "text/csv", "application/x-ndjson"
FORMATS = {CSV: "Csv", JSON_LINES: "JsonLines"}  # content type → end of the method's name
_SUFFIXES: Mapping[str, str] = {".csv": CSV, ".jsonl": JSON_LINES, ".ndjson": JSON_LINES}

Row = Mapping[str, Any] | tuple[Any, ...]
Rows = str | Path | Iterable[Row]


@dataclass(frozen=True, kw_only=True)
class Form:
    """The members of a row, in the order of a tuple's items."""

    names: tuple[str, ...]
    needed: int  # of them

    def line(self, number: int, row: object) -> str:
        """Return a row as a line of JSON.

        Raises:
            BadInput: it is neither a mapping with these members nor a tuple of them.
        """
        if isinstance(row, Mapping):
            sent: dict[Any, Any] = dict(row)
        elif isinstance(row, tuple) and self.needed <= len(row) <= len(self.names):
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


ENTRIES = Form(names=("document_id", "expected_data", "notes"), needed=2)
EXTRACTIONS = Form(names=("document_id", "data", "confidence"), needed=2)


class Imports(Group):
    """A group whose resource takes documents from a file or from rows."""

    def _import(self, method: str, parent: Mapping[str, str], rows: Rows, form: Form) -> Imported:
        """Send rows by the method of their format; all of them are stored, or none."""
        kind, opened = _opened(rows, form)
        rpc = self._rpc(method + FORMATS[kind])
        request_id = self._transport.new_request_id()
        waits = self._transport.retry.waits()
        with opened as file:
            while True:
                file.seek(0)
                requests = (
                    rpc.request({**parent, "file": body}, lambda: request_id)
                    for body in _bodies(iter(lambda: file.read(BLOCK_BYTES), b""), kind)
                )
                try:
                    return from_message(Imported, self._transport.stream(rpc, requests))
                except grpc.RpcError as error:
                    if not (is_cut(error) and self._transport.retry.pause(waits)):
                        raise from_rpc(error) from error


class GroundTruth(calls.GroundTruth, Imports):
    """Ground-truth datasets and their entries."""

    def import_entries(self, dataset_id: str, rows: Rows) -> Imported:
        """Add documents to a dataset: all of them, or none where anything is wrong.

        Args:
            dataset_id: the dataset.
            rows: the path of a .csv or .jsonl file of any size, or an iterable of mappings with
                document_id, expected_data and maybe notes, or of tuples of these.

        Raises:
            BadInput: the rows cannot be sent.
            ServiceError: refused; the message names row and line.
        """
        return self._import("ImportEntries", {"dataset_id": dataset_id}, rows, ENTRIES)


class ExtractionRuns(calls.ExtractionRuns, Imports):
    """Extraction runs and their extractions."""

    def import_extractions(self, run_id: str, rows: Rows) -> Imported:
        """Add extractions to a run: all of them, or none where anything is wrong.

        Args:
            run_id: the run.
            rows: the path of a .csv or .jsonl file of any size, or an iterable of mappings with
                document_id, data and maybe confidence (path → 0 to 1), or of tuples of these.

        Raises:
            BadInput: the rows cannot be sent.
            ServiceError: refused; the message names row and line.
        """
        return self._import("ImportExtractions", {"run_id": run_id}, rows, EXTRACTIONS)


def _opened(rows: Rows, form: Form) -> tuple[str, AbstractContextManager[IO[bytes]]]:
    """Return the content type and a file that can be read again."""
    if isinstance(rows, (str, Path)):
        path = Path(rows)
        kind = _SUFFIXES.get(path.suffix.lower())
        if kind is None:
            raise BadInput(
                f"{path} is of a format that is not read; allowed are .csv and .jsonl (or .ndjson)."
            )
        try:
            return kind, path.open("rb")
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error.strerror or error}.") from error
    if isinstance(rows, Mapping) or not isinstance(rows, Iterable):
        raise BadInput("Pass a path, or rows: mappings, or tuples of an id and its values.")
    spool = tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115 — closed by whoever sends it
    try:
        for number, row in enumerate(rows):
            spool.write(form.line(number, row).encode())
    except BaseException:
        spool.close()
        raise
    return JSON_LINES, spool


def _bodies(blocks: Iterator[bytes], kind: str) -> Iterator[httpbody_pb2.HttpBody]:
    first = True
    for block in blocks:
        yield httpbody_pb2.HttpBody(content_type=kind, data=block)
        first = False
    if first:  # the service says what is wrong with an empty file
        yield httpbody_pb2.HttpBody(content_type=kind)
