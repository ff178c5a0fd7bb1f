"""Documents on their way in: a file, or rows that come one by one, in bounded memory.

An import is all or nothing and has a request id, so a broken connection is answered by sending
everything again. Rows that come one by one are therefore spooled first, on disk when they are many.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import grpc
from google.api import httpbody_pb2

from assay.client import quality_convert
from assay.client.errors import BadInput, from_rpc
from assay.client.json_text import json_text
from assay.client.quality_types import Imported
from assay.client.transport import Transport, is_cut
from assay.v1 import extraction_service_pb2, ground_truth_service_pb2
from assay.v1.extraction_service_pb2_grpc import ExtractionServiceStub
from assay.v1.ground_truth_service_pb2_grpc import GroundTruthServiceStub

PIECE_BYTES = 256 * 1024
MEMORY_BYTES = 8 * 1024 * 1024  # of spooled rows; more go to disk
CSV, JSON_LINES = "text/csv", "application/x-ndjson"
_FORMATS: Mapping[str, str] = {".csv": CSV, ".jsonl": JSON_LINES, ".ndjson": JSON_LINES}

Row = Mapping[str, Any] | tuple[Any, ...]
Rows = str | Path | Iterable[Row]


@dataclass(frozen=True, kw_only=True)
class Shape:
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


ENTRIES = Shape(names=("document_id", "expected_data", "notes"), needed=2)
EXTRACTIONS = Shape(names=("document_id", "data", "confidence"), needed=2)


def import_entries(transport: Transport, dataset_id: str, rows: Rows, request_id: str) -> Imported:
    """Send ground truth to a dataset; all of it is stored, or nothing.

    Raises:
        BadInput: the rows cannot be sent.
        ServiceError: refused; the message names the row.
    """
    stub = GroundTruthServiceStub(transport.channel)
    pb = ground_truth_service_pb2

    def csv(pieces: Iterator[bytes]) -> Imported:
        sent = (
            pb.ImportEntriesCsvRequest(dataset_id=dataset_id, request_id=request_id, file=body)
            for body in _bodies(pieces, CSV)
        )
        answer = stub.ImportEntriesCsv(sent, metadata=transport.metadata)
        return quality_convert.imported(answer)

    def lines(pieces: Iterator[bytes]) -> Imported:
        sent = (
            pb.ImportEntriesJsonLinesRequest(
                dataset_id=dataset_id, request_id=request_id, file=body
            )
            for body in _bodies(pieces, JSON_LINES)
        )
        answer = stub.ImportEntriesJsonLines(sent, metadata=transport.metadata)
        return quality_convert.imported(answer)

    return _import(transport, rows, ENTRIES, {CSV: csv, JSON_LINES: lines})


def import_extractions(transport: Transport, run_id: str, rows: Rows, request_id: str) -> Imported:
    """Send extractions to a run; all of them are stored, or none. Raises as `import_entries`."""
    stub = ExtractionServiceStub(transport.channel)
    pb = extraction_service_pb2

    def csv(pieces: Iterator[bytes]) -> Imported:
        sent = (
            pb.ImportExtractionsCsvRequest(run_id=run_id, request_id=request_id, file=body)
            for body in _bodies(pieces, CSV)
        )
        answer = stub.ImportExtractionsCsv(sent, metadata=transport.metadata)
        return quality_convert.imported(answer)

    def lines(pieces: Iterator[bytes]) -> Imported:
        sent = (
            pb.ImportExtractionsJsonLinesRequest(run_id=run_id, request_id=request_id, file=body)
            for body in _bodies(pieces, JSON_LINES)
        )
        answer = stub.ImportExtractionsJsonLines(sent, metadata=transport.metadata)
        return quality_convert.imported(answer)

    return _import(transport, rows, EXTRACTIONS, {CSV: csv, JSON_LINES: lines})


def _import(
    transport: Transport,
    rows: Rows,
    shape: Shape,
    senders: Mapping[str, Callable[[Iterator[bytes]], Imported]],
) -> Imported:
    kind, opened = _opened(rows, shape)
    with opened as file:
        for may_retry in transport.patience.attempts():
            file.seek(0)
            try:
                return senders[kind](iter(lambda: file.read(PIECE_BYTES), b""))
            except grpc.RpcError as error:
                if not (may_retry and is_cut(error)):
                    raise from_rpc(error) from error
    raise AssertionError("the last attempt returns or raises")


def _opened(rows: Rows, shape: Shape) -> tuple[str, AbstractContextManager[IO[bytes]]]:
    """Return the content type and a file that can be read again."""
    if isinstance(rows, (str, Path)):
        path = Path(rows)
        kind = _FORMATS.get(path.suffix.lower())
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
            spool.write(shape.line(number, row).encode())
    except BaseException:
        spool.close()
        raise
    return JSON_LINES, spool


def _bodies(pieces: Iterator[bytes], kind: str) -> Iterator[httpbody_pb2.HttpBody]:
    first = True
    for piece in pieces:
        yield httpbody_pb2.HttpBody(content_type=kind, data=piece)
        first = False
    if first:  # the service says what is wrong with an empty file
        yield httpbody_pb2.HttpBody(content_type=kind)
