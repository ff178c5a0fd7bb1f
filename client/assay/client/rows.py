"""The rows of an evaluation as a caller passes them; needs NumPy and PyArrow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from assay.client.batches import EncodedBatch, encode_batches
from assay.client.columns import Source, Values, from_columns, from_data
from assay.client.errors import BadInput


def encoded(
    data: object, columns: Mapping[str, Values | None], *, numeric_targets: bool, limit: int
) -> tuple[Iterator[EncodedBatch], int | None]:
    """Return the rows as they travel, and their number where it is known.

    Args:
        data: all columns in one; None where they come by name.
        columns: the arguments of `from_columns`.
        numeric_targets: True for a regression; otherwise y_true and y_pred are labels.
        limit: bytes of one batch.

    Raises:
        BadInput: the rows cannot be sent.
    """
    source = _source(data, columns)
    batches = encode_batches(source.tables, text_labels=not numeric_targets, limit=limit)
    return batches, source.rows


def _source(data: object, columns: Mapping[str, Values | None]) -> Source:
    if data is None:
        if columns["y_true"] is None:
            raise BadInput("There is no ground truth; pass y_true, or `data` with that column.")
        return from_columns(**columns)
    if any(column is not None for column in columns.values()):
        raise BadInput("Pass either `data` or columns by keyword, not both.")
    return from_data(data)
