"""Digests of rows: 64 bits of what a model would see of each, to find rows that are alike.

The id, the group and the answer are no part of it: a row that stands in two splits gives one of
them away, whatever it is called there.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assay.features.datasets.row_sizes import Column, list_sizes, sums_of_lists, text_sizes
from assay.learning.rows import IMAGE, NUMBER, PAGES, WORDS, TaskType, features_of
from assay.metrics.resampling.bootstrap import mix
from assay.tabular.arrays import numbers

Digests = NDArray[np.uint64]

_MISSING = np.uint64(0x9E3779B97F4A7C15)  # of a feature without a value
_CONTENT = {
    TaskType.TEXT_CLASSIFICATION: PAGES,
    TaskType.IMAGE_CLASSIFICATION: IMAGE,
    TaskType.EXTRACTION: WORDS,
}


def row_digests(task_type: TaskType, batch: pa.RecordBatch) -> Digests:
    """Return (rows,) digests, the same in every process and in every batch."""
    if not task_type.is_tabular:
        return _of_values(batch.column(_CONTENT[task_type]))
    state = np.zeros(batch.num_rows, np.uint64)
    for field in features_of(batch.schema):
        column = batch.column(field.name)
        state = mix(state ^ (_of_numbers(column) if field.type == NUMBER else text_digests(column)))
    return state


def group_digests(groups: Column) -> Digests:
    """Return (rows,) digests of the groups' names; rows without one are left out."""
    return text_digests(groups.drop_null())


def _of_values(column: Column) -> Digests:
    """Return the digests of texts, of bytes, or of lists of texts one after the other."""
    if not pa.types.is_list(column.type):
        return _hashed(_cut(column, text_sizes(column)))
    items = column.flatten()
    state = _hashed(_cut(items, sums_of_lists(column, text_sizes(items))))
    return mix(state ^ list_sizes(column).astype(np.uint64))


def _of_numbers(column: Column) -> Digests:
    values = numbers(pc.fill_null(column, 0.0)).astype(np.float64) + 0.0  # -0.0 becomes 0.0
    bits = mix(values.view(np.uint64) ^ np.uint64(1))
    missing = numbers(pc.cast(column.is_null(), pa.uint8())).astype(np.bool_)
    return np.where(missing, _MISSING, bits)


def text_digests(column: Column) -> Digests:
    """Return (rows,) digests of texts: each different one is hashed once; null has one too."""
    coded = column.dictionary_encode()
    texts = coded.dictionary
    known = np.concatenate([_hashed(_cut(texts, text_sizes(texts))), [_MISSING]])
    codes = numbers(pc.fill_null(coded.indices, len(texts))).astype(np.int64)
    found: Digests = known[codes]
    return found


def _hashed(values: Iterable[memoryview]) -> Digests:
    words = b"".join(hashlib.blake2b(one, digest_size=8).digest() for one in values)
    return np.frombuffer(words, "<u8").astype(np.uint64)


def _cut(texts: Column, sizes: NDArray[np.int64]) -> Iterable[memoryview]:
    """Yield the bytes of an array of texts, which lie one behind the other, in parts of `sizes`."""
    data = texts.buffers()[2]
    if data is None:
        return (memoryview(b"") for _ in sizes)
    wide = pa.types.is_large_string(texts.type) or pa.types.is_large_binary(texts.type)
    offsets = np.frombuffer(memoryview(texts.buffers()[1]), np.int64 if wide else np.int32)
    start = offsets[texts.offset] if len(texts) else 0
    edges = (start + np.concatenate([[0], np.cumsum(sizes)])).tolist()
    whole = memoryview(data)
    return (whole[begin:end] for begin, end in itertools.pairwise(edges))
