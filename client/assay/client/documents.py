"""Ground truth and extraction runs, and the import of their documents."""

# Made by `make generate` from aio/documents.py; never edited.

from __future__ import annotations

from collections.abc import Mapping

from assay.client import calls
from assay.client.concurrency import off_loop
from assay.client.files import CSV, JSON_LINES
from assay.client.importing import ENTRIES, EXTRACTIONS, Form, Rows, opened
from assay.client.sending import FileSender
from assay.client.types import Imported

FORMATS = {CSV: "Csv", JSON_LINES: "JsonLines"}  # content type → end of the method's name


class Imports(FileSender):
    """A group whose resource takes documents from a file or from rows."""

    def _import(self, method: str, parent: Mapping[str, str], rows: Rows, form: Form) -> Imported:
        """Send rows by the method of their format; all of them are stored, or none."""
        kind, source = off_loop(lambda: opened(rows, form))
        return self._send_file(Imported, method + FORMATS[kind], parent, kind, source)


class GroundTruth(calls.GroundTruth, Imports):
    """Ground-truth datasets and their entries."""

    def import_entries(self, dataset_id: str, rows: Rows) -> Imported:
        """Add documents to a dataset: all of them, or none where anything is wrong.

        Args:
            dataset_id: the dataset.
            rows: the path of a .csv, .tsv or .jsonl file, also packed as .gz, or an iterable of mappings with
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
            rows: the path of a .csv, .tsv or .jsonl file, also packed as .gz, or an iterable of mappings with
                document_id, data and maybe confidence (path → 0 to 1), or of tuples of these.

        Raises:
            BadInput: the rows cannot be sent.
            ServiceError: refused; the message names row and line.
        """
        return self._import("ImportExtractions", {"run_id": run_id}, rows, EXTRACTIONS)
