"""The words of a batch of extraction rows as flat arrays, checked, and cut into windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assay.learning import rows
from assay.learning.errors import DataError

MAX_WORDS: Final = 200_000  # of a record
MAX_BYTES: Final = 10_000_000  # of a record's words

Indices = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class WordRows:
    """The words of some records, one record after the other.

    `boxes` are x0, y0, x1, y1, each pair in order, in the unit of their record; of words without
    one they are zero, and `boxed` is false.
    """

    row_ids: tuple[str, ...]
    offsets: Indices  # (records + 1,), where each record's words start
    vocabulary: tuple[str, ...]  # distinct words, in the order of their first use
    codes: Indices  # (words,), the place of each word in `vocabulary`
    boxes: NDArray[np.float32]  # (words, 4)
    boxed: NDArray[np.bool_]  # (records,)

    @property
    def texts(self) -> list[str]:
        """Return the words."""
        return [self.vocabulary[code] for code in self.codes.tolist()]


def read_words(batch: pa.RecordBatch) -> WordRows:
    """Return the words and boxes of canonical rows.

    Raises DataError, naming the row, where there are more or fewer boxes than words, a word or a
    number of a box is missing, a number is not finite, or a record is too long.
    """
    ids = rows.row_ids(batch)
    offsets, words = _flat(batch.column(rows.WORDS))
    _refuse_long(offsets, words, ids)
    if words.null_count:
        raise DataError("a word is null; leave it out", _owner(words.is_null(), offsets, ids))
    encoded: Any = words.dictionary_encode()
    boxes, boxed = _boxes(batch, offsets, ids)
    return WordRows(
        row_ids=ids,
        offsets=offsets,
        vocabulary=tuple(encoded.dictionary.to_pylist()),
        codes=encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64),
        boxes=boxes,
        boxed=boxed,
    )


def read_labels(batch: pa.RecordBatch) -> tuple[tuple[str, ...], Indices] | None:
    """Return the distinct labels of words and the (words,) places of each word's in them.

    None where the rows have no labels. Raises DataError, naming the row, where there are more or
    fewer labels than words, or a label is null or empty.
    """
    if batch.schema.get_field_index(rows.LABELS) < 0:
        return None
    ids = rows.row_ids(batch)
    starts, _ = _flat(batch.column(rows.WORDS))
    offsets, labels = _flat(batch.column(rows.LABELS))
    _same_lengths(starts, offsets, ids, "labels")
    empty = pc.or_kleene(labels.is_null(), pc.equal(labels, pa.scalar("")))
    if pc.any(empty).as_py():
        message = f'a label is empty; a word of no field has the label "{rows.OUTSIDE}"'
        raise DataError(message, _owner(empty, offsets, ids))
    encoded: Any = labels.dictionary_encode()
    return (
        tuple(encoded.dictionary.to_pylist()),
        encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64),
    )


def _refuse_long(offsets: Indices, words: Any, ids: Sequence[str]) -> None:
    """Raise DataError for a record of more words or bytes than are read at a time."""
    size = pc.fill_null(pc.binary_length(words), 0).to_numpy(zero_copy_only=False)
    bytes_ = np.diff(np.concatenate([[0], np.cumsum(size, dtype=np.int64)])[offsets])
    for counts, most, name in (
        (np.diff(offsets), MAX_WORDS, "words"),
        (bytes_, MAX_BYTES, "bytes"),
    ):
        long = np.flatnonzero(counts > most)
        if len(long):
            message = f"the record has {counts[long[0]]:,} {name}; at most {most:,} are allowed"
            raise DataError(f"{message}. Cut it into several rows", ids[int(long[0])])


def _flat(column: Any) -> tuple[Indices, Any]:
    """Return where each list of a column starts and ends, and the values of all of them."""
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]), column.flatten()


def _boxes(
    batch: pa.RecordBatch, offsets: Indices, ids: Sequence[str]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    count = int(offsets[-1])
    if batch.schema.get_field_index(rows.BOXES) < 0:
        return np.zeros((count, 4), np.float32), np.zeros(len(ids), np.bool_)
    column = batch.column(rows.BOXES)
    starts, values = _flat(column)
    # A record without boxes has none at all: null, or an empty list.
    boxed = np.diff(starts) > 0
    expected = np.concatenate([[0], np.cumsum(np.where(boxed, np.diff(offsets), 0))])
    _same_lengths(expected, starts, ids, "boxes")
    if values.null_count:
        raise DataError(
            "a box is null; a record has a box for each word or none",
            _owner(values.is_null(), starts, ids),
        )
    numbers = pc.fill_null(values.flatten(), np.nan).to_numpy(zero_copy_only=False)
    given = numbers.reshape(-1, 4).astype(np.float32)
    broken = ~np.isfinite(given).all(axis=1)
    if broken.any():
        message = "a box has a number that is missing or not finite; a box is x0, y0, x1, y1"
        raise DataError(message, _owner(pa.array(broken), starts, ids))
    boxes = np.zeros((count, 4), np.float32)
    boxes[np.repeat(boxed, np.diff(offsets))] = np.concatenate(
        [np.minimum(given[:, :2], given[:, 2:]), np.maximum(given[:, :2], given[:, 2:])], axis=1
    )
    return boxes, boxed


def _same_lengths(words: Indices, other: Indices, ids: Sequence[str], name: str) -> None:
    wrong = np.flatnonzero(np.diff(words) != np.diff(other))
    if len(wrong):
        row = int(wrong[0])
        counts = int(np.diff(words)[row]), int(np.diff(other)[row])
        message = f"{counts[0]} words and {counts[1]} {name}; there is one for each word"
        raise DataError(message, ids[row])


def _owner(flags: Any, offsets: Indices, ids: Sequence[str]) -> str:
    """Return the id of the record that holds the first value that is flagged."""
    first = pc.index(flags, True).as_py()
    return ids[int(np.searchsorted(offsets, first, side="right")) - 1]


@dataclass(frozen=True, kw_only=True, eq=False)
class Windows:
    """Records cut into windows of at most `max_length` words, of which neighbours share some.

    The words of all windows stand one after the other; a word that two windows share stands there
    twice.
    """

    starts: Indices  # (windows + 1,), where each window's words start
    word_of: Indices  # (entries,), the number of each entry's word
    record_of: Indices  # (entries,), the number of each entry's record, rising

    @classmethod
    def cut(cls, offsets: Indices, max_length: int, overlap: int) -> Windows:
        """Cut records whose words start at `offsets`; `overlap` is less than `max_length`.

        A record without words has no window.
        """
        lengths = np.diff(offsets)
        step = max_length - overlap
        more = -(-np.maximum(lengths - max_length, 0) // step)
        count = np.where(lengths > 0, 1 + more, 0)
        record = np.repeat(np.arange(len(lengths)), count)
        number = np.arange(len(record)) - np.repeat(np.cumsum(count) - count, count)
        first = number * step
        size = np.minimum(lengths[record] - first, max_length)
        starts = np.concatenate([[0], np.cumsum(size)])
        within = np.arange(starts[-1]) - np.repeat(starts[:-1], size)
        return cls(
            starts=starts,
            word_of=within + np.repeat(offsets[:-1][record] + first, size),
            record_of=np.repeat(record, size),
        )


def label_codes(
    found: tuple[tuple[str, ...], Indices], classes: Sequence[str], unknown: int
) -> NDArray[np.int32]:
    """Return the (words,) numbers of labels in `classes`, `unknown` where one is not among them."""
    names, codes = found
    index = {label: number for number, label in enumerate(classes)}
    places = np.array([index.get(name, unknown) for name in names], dtype=np.int32)
    return places[codes] if len(places) else np.empty(0, np.int32)
