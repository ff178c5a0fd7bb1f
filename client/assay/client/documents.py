"""Ground truth and extraction runs, and the import of their documents."""

# Made by `make generate` from aio/documents.py; never edited.

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import IO

import grpc
from google.api import httpbody_pb2

from assay.client import calls
from assay.client.concurrency import off_loop
from assay.client.connection import is_cut
from assay.client.errors import from_rpc
from assay.client.groups import Group
from assay.client.importing import CSV, ENTRIES, EXTRACTIONS, JSON_LINES, Form, Rows, opened
from assay.client.messages import from_message
from assay.client.types import Imported

BLOCK_BYTES = 256 * 1024
FORMATS = {CSV: "Csv", JSON_LINES: "JsonLines"}  # content type → end of the method's name


class Imports(Group):
    """A group whose resource takes documents from a file or from rows."""

    def _import(self, method: str, parent: Mapping[str, str], rows: Rows, form: Form) -> Imported:
        """Send rows by the method of their format; all of them are stored, or none."""
        kind, source = off_loop(lambda: opened(rows, form))
        rpc = self._rpc(method + FORMATS[kind])
        request_id = self._transport.new_request_id()
        waits = self._transport.retry.waits()
        with source as file:
            while True:
                file.seek(0)
                requests = (
                    rpc.request({**parent, "file": body}, lambda: request_id)
                    for body in _bodies(file, kind)
                )
                try:
                    return from_message(Imported, self._transport.stream(rpc, requests))
                except grpc.RpcError as error:
                    if not (is_cut(error) and self._transport.pause(waits)):
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


def _bodies(file: IO[bytes], kind: str) -> Iterator[httpbody_pb2.HttpBody]:
    block = off_loop(lambda: file.read(BLOCK_BYTES))
    while True:  # of an empty file too: the service says what is wrong with it
        yield httpbody_pb2.HttpBody(content_type=kind, data=block)
        block = off_loop(lambda: file.read(BLOCK_BYTES))
        if not block:
            return
