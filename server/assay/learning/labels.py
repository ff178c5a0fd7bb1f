"""The classes of training rows: which there are, and the refusals of those that cannot be learned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay.learning.errors import DataError, shortened
from assay.learning.feature_block import UNKNOWN
from assay.learning.rows import LABEL, ROW_ID
from assay.records.predictions import MAX_LABELS

MAX_CLASSES = MAX_LABELS  # more cannot be measured


def label_counts(batch: pa.RecordBatch) -> dict[str, int]:
    """Return how many rows each class has; raises DataError for a row without one."""
    column: Any = batch.column(LABEL)
    if column.null_count:
        row = column.is_null().to_pylist().index(True)
        raise DataError("the row has no label", batch.column(ROW_ID)[row].as_py())
    return {
        str(entry["values"]): int(entry["counts"]) for entry in column.value_counts().to_pylist()
    }


def added(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return the sums of counts by label, in the order of the labels."""
    total: dict[str, int] = {}
    for part in parts:
        for label, count in part.items():
            total[label] = total.get(label, 0) + count
    return dict(sorted(total.items()))


def class_order(found: Mapping[str, int], declared: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the classes of a model: the declared ones, else those of the training rows, sorted.

    Raises DataError when there is nothing to tell apart, or rows and declaration differ.
    """
    if not sum(found.values()):
        raise DataError("the training split has no rows; a model is trained on at least two")
    for label in declared:
        if not found.get(label):
            raise DataError(
                f"class {shortened(label)} has no training rows. Add rows of it, or train a model"
                " that does not declare it"
            )
    for label in found:
        if declared and label not in declared:
            raise DataError(
                f"the training split has rows of class {shortened(label)}, which the model does"
                " not declare. Declare it, or leave the rows out"
            )
    if len(found) < 2:
        raise DataError(
            f"all training rows are of class {shortened(next(iter(found)))}; a classifier needs"
            " rows of at least two"
        )
    if len(found) > MAX_CLASSES:
        raise DataError(
            f"the training split has {len(found)} classes; at most {MAX_CLASSES} are allowed. Is"
            " the label an id?"
        )
    return tuple(declared) or tuple(sorted(found))


def class_codes(batch: pa.RecordBatch, labels: Sequence[str]) -> NDArray[np.int32]:
    """Return the (rows,) numbers of the rows' classes, UNKNOWN for other labels or none."""
    if LABEL not in batch.schema.names:
        return np.full(batch.num_rows, UNKNOWN, np.int32)
    found: Any = batch.column(LABEL).dictionary_encode()
    place = {label: number for number, label in enumerate(labels)}
    codes = [place.get(label, UNKNOWN) for label in found.dictionary.to_pylist()]
    indices = found.indices.fill_null(len(codes)).to_numpy(zero_copy_only=False)
    numbers: NDArray[np.int32] = np.array([*codes, UNKNOWN], np.int32)[indices]
    return numbers
