"""A chunk of validated rows, and the rules that its columns obey."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay.records.predictions import MAX_LABELS, Predictions
from assay.tabular.row_ids import RowIds

Codes = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.uint32]
Floats = NDArray[np.float64]
Weights = NDArray[np.int64]  # millionths

MAX_CHUNK_ROWS = 1 << 22
MAX_COLUMNS = MAX_LABELS + 1_000


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What an upload must obey; taken from the evaluation's spec."""

    regression: bool = False
    labels: tuple[str, ...] | None = None  # declared labels in their order
    positive_label: str | None = None
    renormalize: bool = False  # rows of class scores are divided by their sum
    joined: bool = False  # the truth is not in the rows: it is joined to them by `row_id`


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Validated rows: what is scored, and what is kept with them.

    The label table of a classification is the declared labels, else the labels of the score
    columns sorted, else the observed labels sorted. Scores are float64 columns in its order, or
    the positive label's alone.
    """

    first_row: int
    predictions: Predictions
    pred_derived: bool  # y_pred was absent and follows from the scores
    row_ids: RowIds | None
    extras: Mapping[str, pa.ChunkedArray[Any]]  # slices, features and cluster_id, by column

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.predictions.rows


def code_type(labels: int) -> type[np.unsignedinteger[Any]]:
    """Return the narrowest unsigned type that holds a code for each of `labels` labels."""
    if labels <= 1 << 8:
        return np.uint8
    return np.uint16 if labels <= 1 << 16 else np.uint32
