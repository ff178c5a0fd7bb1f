"""Sizes of rows: the bytes of their values, the same for equal rows however they are laid out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assay.tabular.arrays import numbers

Sizes = NDArray[np.int64]
Column = Any  # an Arrow array; the stubs of what reads one know too few types
OFFSET_BYTES = 4  # counted for each text and each list


def row_sizes(batch: pa.RecordBatch) -> Sizes:
    """Return (rows,) the bytes of each row's values."""
    total = np.zeros(batch.num_rows, np.int64)
    for column in batch.columns:
        total += value_sizes(column)
    return total


def value_sizes(values: Column) -> Sizes:
    """Return (values,) the bytes of each value: of a text its own, of a list those of its items."""
    kind = values.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return OFFSET_BYTES + sums_of_lists(values, value_sizes(values.flatten()))
    if pa.types.is_fixed_size_list(kind):
        size = kind.list_size * kind.value_type.bit_width // 8
        return np.full(len(values), size, np.int64)
    if pa.types.is_primitive(kind):
        return np.full(len(values), kind.bit_width // 8, np.int64)
    return OFFSET_BYTES + text_sizes(values)


def text_sizes(values: Column) -> Sizes:
    """Return (values,) the bytes of each text, 0 of null."""
    lengths: Column = pc.binary_length(values)
    return numbers(lengths.fill_null(0)).astype(np.int64)


def list_sizes(lists: Column) -> Sizes:
    """Return (lists,) the number of items of each, 0 of null."""
    lengths: Column = pc.list_value_length(lists)
    return numbers(lengths.fill_null(0)).astype(np.int64)


def sums_of_lists(lists: Column, of_items: Sizes) -> Sizes:
    """Return (lists,) the sum over each list's items; `of_items` are those of all, flattened."""
    ends = np.cumsum(list_sizes(lists))
    sums = np.concatenate([[0], np.cumsum(of_items)])
    found: Sizes = sums[ends] - sums[np.concatenate([[0], ends[:-1]])] if len(ends) else ends
    return found
