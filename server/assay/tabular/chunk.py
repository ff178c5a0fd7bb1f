"""What columns become: frozen blocks of arrays that the metrics can count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay.features.models.model import MAX_LABEL
from assay.metrics.batch import MAX_LABELS
from assay.tabular.row_ids import RowIds

Codes = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.uint32]
Floats = NDArray[np.float64]
Weights = NDArray[np.int64]  # millionths

MAX_LABEL_CHARS = MAX_LABEL
MAX_CHUNK_ROWS = 1 << 22
MAX_COLUMNS = MAX_LABELS + 1_000


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What an upload must obey; taken from the evaluation's spec."""

    regression: bool = False
    labels: tuple[str, ...] | None = None  # declared labels in their order
    positive_label: str | None = None
    renormalize: bool = False  # rows of class scores are divided by their sum


@dataclass(frozen=True, kw_only=True)
class ClassChunk:
    """Rows of a classification.

    `labels` is this block's table: the declared labels, else the labels of the score
    columns sorted, else the observed labels sorted. `scores` holds one float64 column per
    entry of `labels` ("classes"), or one column, the positive class's probability
    ("positive"), or nothing ("none").
    """

    first_row: int
    labels: tuple[str, ...]
    true: Codes  # (rows,) indices into labels
    pred: Codes  # (rows,) of the same type
    score_kind: str  # "none", "positive" or "classes"
    scores: tuple[Floats, ...]
    positive: int | None  # code of the positive label, always known for "positive"
    pred_derived: bool  # y_pred was absent and follows from the scores
    weights: Weights | None  # (rows,); None: each row counts once
    row_ids: RowIds | None
    extras: Mapping[str, pa.ChunkedArray[Any]]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.true)


@dataclass(frozen=True, kw_only=True)
class ValueChunk:
    """Rows of a regression: finite float64 of shape (rows,)."""

    first_row: int
    true: Floats
    pred: Floats
    weights: Weights | None  # (rows,); None: each row counts once
    row_ids: RowIds | None
    extras: Mapping[str, pa.ChunkedArray[Any]]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.true)


Chunk = ClassChunk | ValueChunk


def code_type(labels: int) -> type[np.unsignedinteger[Any]]:
    """Return the narrowest unsigned type that holds a code for each of `labels` labels."""
    if labels <= 1 << 8:
        return np.uint8
    return np.uint16 if labels <= 1 << 16 else np.uint32
