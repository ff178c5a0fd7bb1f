"""The only reader and writer of Arrow IPC chunks and CSV; runs in compute children alone."""

from assay.storage.columns.arrow import encode, read_chunk
from assay.storage.columns.chunk import (
    Chunk,
    ClassChunk,
    Rules,
    ValueChunk,
)
from assay.storage.columns.csv_file import CsvBlock, read_csv
from assay.storage.columns.row_ids import RowIds
from assay.storage.columns.stored import score_names, stored_row_ids, stored_scores
from assay.storage.columns.table import THRESHOLD

__all__ = [
    "Chunk",
    "THRESHOLD",
    "ClassChunk",
    "CsvBlock",
    "RowIds",
    "Rules",
    "ValueChunk",
    "encode",
    "read_chunk",
    "read_csv",
    "score_names",
    "stored_row_ids",
    "stored_scores",
]
