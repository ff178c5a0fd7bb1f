"""Fields put together from the labels of words.

A field's value is a run of neighbouring words with its label, joined by blanks. Where a record has
several runs of one label, the value is that of the run whose least confident word is the most
confident; of equal ones it is the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.learning.rows import OUTSIDE


@dataclass(frozen=True, kw_only=True, eq=False)
class Runs:
    """Runs of words of one record that have one label, which is not OUTSIDE; (runs,) each."""

    record_of: NDArray[np.int64]
    starts: NDArray[np.int64]  # the first word
    ends: NDArray[np.int64]  # the word after the last
    codes: NDArray[np.int64]  # of the label

    @classmethod
    def of(cls, codes: NDArray[np.integer], offsets: NDArray[np.int64], outside: int) -> Runs:
        """Return the runs in (words,) codes of labels; `offsets` say where records start."""
        count = len(codes)
        new = np.ones(count, np.bool_)
        new[1:] = codes[1:] != codes[:-1]
        inner = offsets[1:-1]
        new[inner[inner < count]] = True
        starts = np.flatnonzero(new)
        ends = np.append(starts[1:], count)[: len(starts)]
        kept = codes[starts] != outside
        starts, ends = starts[kept], ends[kept]
        return cls(
            record_of=np.searchsorted(offsets, starts, side="right") - 1,
            starts=starts,
            ends=ends,
            codes=codes[starts].astype(np.int64),
        )


def predicted_fields(
    codes: NDArray[np.integer],
    confidences: NDArray[np.float64],
    texts: Sequence[str],
    offsets: NDArray[np.int64],
    labels: Sequence[str],
) -> tuple[dict[str, str], ...]:
    """Return the fields of each record, by their names in the order in which they are found.

    Args:
        codes: (words,) numbers of labels.
        confidences: (words,) of those labels.
        texts: The words.
        offsets: (records + 1,) where each record's words start.
        labels: The labels that codes are numbers of.
    """
    found: tuple[dict[str, str], ...] = tuple({} for _ in range(len(offsets) - 1))
    runs = Runs.of(codes, offsets, _outside(labels))
    if not len(runs.starts):
        return found
    sure = np.minimum.reduceat(
        np.append(confidences, np.inf), np.stack([runs.starts, runs.ends], axis=1).ravel()
    )[::2]
    best: dict[tuple[int, str], float] = {}
    for record, start, end, code, value in _rows(runs, sure):
        key = record, labels[code]
        if key not in best or value > best[key]:
            best[key] = value
            found[record][labels[code]] = " ".join(texts[start:end])
    return found


def true_fields(
    codes: NDArray[np.integer],
    texts: Sequence[str],
    offsets: NDArray[np.int64],
    labels: Sequence[str],
) -> tuple[Mapping[str, frozenset[str]], ...]:
    """Return the values of each record's fields: all of its runs, any of which is right."""
    found: tuple[dict[str, frozenset[str]], ...] = tuple({} for _ in range(len(offsets) - 1))
    runs = Runs.of(codes, offsets, _outside(labels))
    for record, start, end, code, _ in _rows(runs, np.zeros(len(runs.starts))):
        fields, text = found[record], frozenset((" ".join(texts[start:end]),))
        fields[labels[code]] = fields.get(labels[code], frozenset()) | text
    return found


def _outside(labels: Sequence[str]) -> int:
    return labels.index(OUTSIDE) if OUTSIDE in labels else -1


def _rows(runs: Runs, values: NDArray[np.float64]) -> Iterator[tuple[int, int, int, int, float]]:
    columns = (runs.record_of, runs.starts, runs.ends, runs.codes, values)
    return zip(*(column.tolist() for column in columns), strict=True)
