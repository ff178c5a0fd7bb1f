"""The only reader and writer of Arrow IPC chunks and CSV; runs in compute children alone."""

from assay.storage.columns.arrow import encode, read_chunk, read_stored
from assay.storage.columns.chunk import (
    Chunk,
    ClassChunk,
    Rules,
    ValueChunk,
)
from assay.storage.columns.csv_file import CsvBlock, read_csv
from assay.storage.columns.row_ids import RowIds

__all__ = [
    "Chunk",
    "ClassChunk",
    "CsvBlock",
    "RowIds",
    "Rules",
    "ValueChunk",
    "encode",
    "read_chunk",
    "read_csv",
    "read_stored",
]
