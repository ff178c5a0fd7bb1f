"""The only reader and writer of Arrow, Parquet, CSV and JSON Lines; runs in compute children alone."""

from assay.tabular.arrow import encode, read_chunk
from assay.tabular.blocks import FileBlock
from assay.tabular.chunk import Chunk, Floats, Rules
from assay.tabular.files import READERS, read_file
from assay.tabular.labels import slice_codes
from assay.tabular.row_ids import RowIds, row_ids_of
from assay.tabular.stored import (
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
from assay.tabular.table import THRESHOLD
from assay.tabular.values import encode_values

__all__ = [
    "Chunk",
    "THRESHOLD",
    "FileBlock",
    "Floats",
    "READERS",
    "RowIds",
    "Rules",
    "ScoreBlock",
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
