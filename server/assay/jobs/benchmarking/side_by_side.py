"""Two benchmarks set side by side in a compute child, a block of documents at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from assay.domain.benchmark import ResultPiece
from assay.domain.benchmark_comparison import MAX_LISTED, Difference, SideBySide
from assay.domain.benchmark_results import Head, ResultBlob
from assay.domain.errors import Internal
from assay.jobs.executors.child import blobs
from assay.metrics.intervals import Interval, mcnemar
from assay.metrics.shares import PairedShares

LEVEL = 0.95
BLOCK_CELLS = 1_000_000  # numbers of one side that are held at once

Counts = NDArray[np.int64]


def side_by_side(
    organization_id: str,
    paths: Sequence[str],
    first: Sequence[ResultPiece],
    second: Sequence[ResultPiece],
) -> SideBySide:
    """Compare the results of the same documents in the same order; `paths` are those compared.

    Fields are the columns, and all of them together one more.
    """
    columns = {path: number for number, path in enumerate(paths)}
    every = len(columns)
    shares = PairedShares(columns=every + 1)
    fixed_in, broken_in = np.zeros((2, every + 1), dtype=np.int64)
    lists: tuple[list[str], list[str]] = ([], [])
    documents = 0
    for a, b in _blocks(organization_id, first, second, max(16, BLOCK_CELLS // (every + 1))):
        sides = [_counts(heads, columns) for heads in (a, b)]
        shares.add(_clusters(a), *sides)
        perfect = [right == all_ for right, all_ in sides]
        fixed, broken = perfect[0] & ~perfect[1], perfect[1] & ~perfect[0]
        fixed_in += fixed.sum(axis=0)
        broken_in += broken.sum(axis=0)
        for listed, flags in zip(lists, (fixed, broken), strict=True):
            listed += [a[place].document_id for place in np.flatnonzero(flags[:, every])]
            del listed[MAX_LISTED:]
        documents += len(a)
    whole = shares.sums[:, 0].astype(np.int64)
    found = [
        _difference(whole[:, column], interval, int(fixed_in[column]), int(broken_in[column]))
        for column, interval in enumerate(shares.differences(LEVEL))
    ]
    return SideBySide(
        documents=documents,
        overall=found[every],
        by_field={path: found[column] for path, column in columns.items()},
        fixed=tuple(lists[0]),
        broken=tuple(lists[1]),
    )


def _blocks(
    organization_id: str, first: Sequence[ResultPiece], second: Sequence[ResultPiece], size: int
) -> Iterator[tuple[list[Head], list[Head]]]:
    """Yield the heads of the same documents of either side."""
    one, other = _heads(organization_id, first), _heads(organization_id, second)
    while True:
        a, b = list(islice(one, size)), list(islice(other, size))
        if [head.document_id for head in a] != [head.document_id for head in b]:
            raise Internal("two benchmarks with the same ground truth have other documents")
        if not a:
            return
        yield a, b


def _heads(organization_id: str, pieces: Sequence[ResultPiece]) -> Iterator[Head]:
    for piece in pieces:
        with closing(blobs().open(organization_id, piece.blob)) as file:
            yield from ResultBlob(file).heads()


def _counts(heads: Sequence[Head], columns: dict[str, int]) -> tuple[Counts, Counts]:
    """Return (documents, columns) right and all comparisons; the last column is of all fields."""
    right, every = np.zeros((2, len(heads), len(columns) + 1), dtype=np.int64)
    for row, head in enumerate(heads):
        for path, hits, count, _ in head.cells:
            right[row, columns[path]] = hits
            every[row, columns[path]] = count
        right[row, -1], every[row, -1] = head.right, head.comparisons
    return right, every


def _clusters(heads: Sequence[Head]) -> NDArray[np.uint64]:
    digests = (hashlib.sha256(head.document_id.encode()).digest()[:8] for head in heads)
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def _difference(sums: Counts, interval: Interval | None, fixed: int, broken: int) -> Difference:
    right_a, all_a, right_b, all_b = (int(one) for one in sums)
    return Difference(
        accuracy_a=right_a / all_a if all_a else None,
        accuracy_b=right_b / all_b if all_b else None,
        low=None if interval is None else interval.low,
        high=None if interval is None else interval.high,
        level=LEVEL,
        fixed=fixed,
        broken=broken,
        p_value=mcnemar(fixed, broken).p_value,
    )
