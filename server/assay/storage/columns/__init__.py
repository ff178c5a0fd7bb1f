"""The only reader and writer of Arrow, Parquet, CSV and JSON Lines; runs in compute children alone."""

from assay.storage.columns.arrow import encode, read_chunk
from assay.storage.columns.blocks import FileBlock
from assay.storage.columns.chunk import (
    Chunk,
    ClassChunk,
    Floats,
    Rules,
    ValueChunk,
)
from assay.storage.columns.files import READERS, read_file
from assay.storage.columns.labels import slice_codes
from assay.storage.columns.row_ids import RowIds, row_ids_of
from assay.storage.columns.stored import (
    ScoreBlock,
    score_names,
    stored_chunk,
    stored_row_ids,
    stored_rows,
    stored_scores,
    stored_side,
    stored_slices,
    stored_values,
)
from assay.storage.columns.table import THRESHOLD
from assay.storage.columns.values import encode_values

__all__ = [
    "Chunk",
    "THRESHOLD",
    "ClassChunk",
    "FileBlock",
    "Floats",
    "READERS",
    "RowIds",
    "Rules",
    "ScoreBlock",
    "ValueChunk",
    "encode",
    "encode_values",
    "read_chunk",
    "read_file",
    "score_names",
    "slice_codes",
    "row_ids_of",
    "stored_chunk",
    "stored_row_ids",
    "stored_rows",
    "stored_scores",
    "stored_side",
    "stored_slices",
    "stored_values",
]
