"""Two benchmarks set side by side in a compute child, a block of documents at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.features.benchmarks.comparison import MAX_LISTED, Difference, SideBySide
from assay.features.benchmarks.model import ResultBlobRef
from assay.features.benchmarks.results_artifact import DocumentOutcomes, ResultBlob
from assay.kernel.errors import Internal
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.kind import ComputeContext
from assay.metrics.intervals import Interval, mcnemar
from assay.metrics.paired_proportions import PairedShares

LEVEL = 0.95
BLOCK_CELLS = 1_000_000  # numbers of one side that are held at once

Counts = NDArray[np.int64]
Side = tuple[Counts, Counts]  # (documents, columns) right and all comparisons
EMPTY = DocumentOutcomes(documents=(), layouts=(), layout_of=(), texts=())


@dataclass(frozen=True, kw_only=True)
class StoredResults:
    """Where the results of a benchmark are."""

    benchmark_id: str
    blobs: Sequence[ResultBlobRef]  # in the order of the documents


def side_by_side(
    context: ComputeContext,
    paths: Sequence[str],
    first: StoredResults,
    second: StoredResults,
) -> SideBySide:
    """Compare the results of the same documents in the same order; `paths` are those compared.

    Fields are the columns, and all of them together one more. Raises DataDamaged, which names the
    benchmark.
    """
    columns = {path: number for number, path in enumerate(paths)}
    every = len(columns)
    shares = PairedShares(columns=every + 1)
    fixed_in, broken_in = np.zeros((2, every + 1), dtype=np.int64)
    lists: tuple[list[str], list[str]] = ([], [])
    documents = 0
    size = max(16, BLOCK_CELLS // (every + 1))
    for ids, *sides in _blocks(context.blobs, first, second, columns, size):
        shares.add(_clusters(ids), *sides)
        perfect = [right == all_ for right, all_ in sides]
        fixed, broken = perfect[0] & ~perfect[1], perfect[1] & ~perfect[0]
        fixed_in += fixed.sum(axis=0)
        broken_in += broken.sum(axis=0)
        for listed, flags in zip(lists, (fixed, broken), strict=True):
            listed += [ids[place] for place in np.flatnonzero(flags[:, every])]
            del listed[MAX_LISTED:]
        documents += len(ids)
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
    blobs: JobBlobs,
    first: StoredResults,
    second: StoredResults,
    columns: dict[str, int],
    size: int,
) -> Iterator[tuple[list[str], Side, Side]]:
    """Yield the ids of up to `size` documents, and their counts on either side."""
    one, other = (_Reader(_outcomes(blobs, one), columns) for one in (first, second))
    while True:
        count = min(size, one.ready(), other.ready())
        a, b = one.take(count), other.take(count)
        if a[0] != b[0]:
            raise Internal("two benchmarks with the same ground truth have other documents")
        if not count:
            return
        yield a[0], a[1], b[1]


class _Reader:
    """Counts of documents, blob by blob."""

    def __init__(self, blobs: Iterator[DocumentOutcomes], columns: dict[str, int]) -> None:
        self._blobs = blobs
        self._columns = columns
        self._ids: list[str] = []
        self._side: Side = _counts(EMPTY, columns)
        self._at = 0

    def ready(self) -> int:
        """Return how many documents can be taken at once; 0 at the end."""
        while self._at == len(self._ids):
            outcomes = next(self._blobs, None)
            if outcomes is None:
                return 0
            self._ids = [document_id for _, document_id in outcomes.documents]
            self._side, self._at = _counts(outcomes, self._columns), 0
        return len(self._ids) - self._at

    def take(self, count: int) -> tuple[list[str], Side]:
        """Return the next documents, of which so many are ready."""
        span = slice(self._at, self._at + count)
        self._at += count
        right, every = self._side
        return self._ids[span], (right[span], every[span])


def _outcomes(blobs: JobBlobs, results: StoredResults) -> Iterator[DocumentOutcomes]:
    of_benchmark = blobs.of("benchmark", results.benchmark_id)
    for ref in results.blobs:
        with closing(of_benchmark.open(ref.blob)) as file:
            yield ResultBlob(file).outcomes


def _counts(outcomes: DocumentOutcomes, columns: dict[str, int]) -> Side:
    """Return (documents, columns) right and all comparisons; the last column is of all fields."""
    right, every = np.zeros((2, len(outcomes.documents), len(columns) + 1), dtype=np.int64)
    for group in outcomes.groups:
        numbers = np.array([columns[path] for path in group.paths], dtype=np.int64)
        cells = np.ix_(group.documents, numbers)
        right[cells] = group.right
        every[cells] = group.comparisons
    right[:, -1], every[:, -1] = outcomes.right, outcomes.comparisons
    return right, every


def _clusters(ids: Sequence[str]) -> NDArray[np.uint64]:
    digests = (hashlib.sha256(one.encode()).digest()[:8] for one in ids)
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
