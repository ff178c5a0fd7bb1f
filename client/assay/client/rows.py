"""The rows of an evaluation as a caller passes them; needs NumPy and PyArrow."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from assay.client.batches import EncodedBatch, encode_batches
from assay.client.columns import Source, Values, from_columns, from_data
from assay.client.errors import BadInput
from assay.client.files import from_file


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What the caller passed: all columns in one, or columns by name."""

    data: object
    y_true: Values | None
    y_pred: Values | None
    scores: Values | None
    labels: Sequence[object] | None
    row_id: Values | None
    slices: Mapping[str, Values] | None
    weight: Values | None = None
    features: Mapping[str, Values] | None = None
    cluster_id: Values | None = None

    def source(self, *, numeric_targets: bool) -> Source:
        """Return the rows to be sent; raises BadInput."""
        if self.data is not None:
            by_name = (getattr(self, each.name) for each in fields(self) if each.name != "data")
            if any(column is not None for column in by_name):
                raise BadInput("Pass either `data` or columns by keyword, not both.")
            if isinstance(self.data, (str, os.PathLike)):
                return from_file(Path(self.data), numeric_targets=numeric_targets)
            return from_data(self.data)
        if self.y_true is None:
            raise BadInput("There is no ground truth; pass y_true, or `data` with that column.")
        return from_columns(
            y_true=self.y_true,
            y_pred=self.y_pred,
            scores=self.scores,
            labels=self.labels,
            row_id=self.row_id,
            slices=self.slices,
            weight=self.weight,
            features=self.features,
            cluster_id=self.cluster_id,
        )

    @staticmethod
    def batches(source: Source, *, numeric_targets: bool, limit: int) -> Iterator[EncodedBatch]:
        """Return the rows as they travel, in batches of at most `limit` bytes."""
        return encode_batches(source.tables, text_labels=not numeric_targets, limit=limit)
