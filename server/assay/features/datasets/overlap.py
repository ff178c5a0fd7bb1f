"""Overlaps of splits: rows, ids and groups that stand in two of them, counted by ranges of a hash."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.features.datasets.model import SPLITS
from assay.features.datasets.row_digests import group_digests
from assay.features.datasets.stored_split import (
    SplitBlobs,
    SplitManifest,
    read_block,
    read_blocks,
    read_digests,
)
from assay.learning.rows import GROUP, ROW_ID
from assay.records import Record
from assay.tabular.repeated_ids import id_ranges
from assay.tabular.row_ids import row_ids_of

RANGE_ROWS = 6_000_000  # hashes of a range, in all splits
MOST_EXAMPLES = 3

Words = NDArray[np.uint64]
Read = Callable[[SplitManifest], Iterator[Words]]


class SplitOverlap(Record):
    """What two splits have in common."""

    first: str  # the split that is seen earlier, such as train
    second: str  # the split whose rows are counted
    equal_rows: int = 0  # rows of the second whose content is that of a row of the first
    row_ids: int = 0  # rows of the second whose id a row of the first has
    groups: int = 0  # groups that stand in both
    examples: tuple[str, ...] = ()  # ids of some of the equal rows


def overlaps(
    splits: Mapping[str, SplitManifest], blobs: SplitBlobs, *, range_rows: int = RANGE_ROWS
) -> tuple[SplitOverlap, ...]:
    """Return what each two splits have in common, in the order of SPLITS.

    One range of hashes is in memory at a time, and one block.
    """
    names = [name for name in SPLITS if name in splits]
    if len(names) < 2:
        return ()
    counted = [
        _shared(splits, read, range_rows)
        for read in (
            lambda one: read_digests(one, blobs),
            lambda one: _row_ids(one, blobs),
            lambda one: _groups(one, blobs),
        )
    ]
    equal, ids, groups = counted
    return tuple(
        SplitOverlap(
            first=first,
            second=second,
            equal_rows=equal[first, second].rows,
            row_ids=ids[first, second].rows,
            groups=groups[first, second].different,
            examples=_examples(splits[second], equal[first, second].places, blobs),
        )
        for first, second in itertools.combinations(names, 2)
    )


def repeated_rows(
    manifest: SplitManifest, blobs: SplitBlobs, *, range_rows: int = RANGE_ROWS
) -> int:
    """Return how many rows of a split have the content of a row before them."""
    repeated = 0
    for low, high in id_ranges(manifest.rows, range_rows):
        found = np.concatenate(
            [one[_inside(one, low, high)] for one in read_digests(manifest, blobs)]
        )
        repeated += len(found) - len(np.unique(found))
    return repeated


class _Shared:
    """The hashes of a second split that a first one has."""

    def __init__(self) -> None:
        self.rows = 0
        self.different = 0
        self.places: list[int] = []  # the first rows of the second split

    def add(self, first: Words, second: Words, places: NDArray[np.int64]) -> None:
        """Take in the hashes of one range; `first` are different ones, in order."""
        at = np.searchsorted(first, second)
        hits = np.flatnonzero(at < len(first))
        hits = hits[first[at[hits]] == second[hits]]
        self.rows += len(hits)
        self.different += len(np.unique(second[hits]))
        earliest = sorted([*self.places, *places[hits[:MOST_EXAMPLES]].tolist()])
        self.places = earliest[:MOST_EXAMPLES]


def _shared(
    splits: Mapping[str, SplitManifest], read: Read, range_rows: int
) -> dict[tuple[str, str], _Shared]:
    names = [name for name in SPLITS if name in splits]
    found = {pair: _Shared() for pair in itertools.combinations(names, 2)}
    for low, high in id_ranges(sum(splits[name].rows for name in names), range_rows):
        hashes = {name: _collect(read(splits[name]), low, high) for name in names}
        known = {name: np.unique(hashes[name][0]) for name in names[:-1]}
        for (first, second), shared in found.items():
            shared.add(known[first], *hashes[second])
    return found


def _collect(parts: Iterator[Words], low: int, high: int) -> tuple[Words, NDArray[np.int64]]:
    hashes: list[Words] = [np.empty(0, np.uint64)]
    places: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    before = 0
    for part in parts:
        inside = np.flatnonzero(_inside(part, low, high))
        hashes.append(part[inside])
        places.append(inside + before)
        before += len(part)
    return np.concatenate(hashes), np.concatenate(places)


def _inside(words: Words, low: int, high: int) -> NDArray[np.bool_]:
    # `high` may be 2**64, which a uint64 does not hold.
    inside: NDArray[np.bool_] = (words >= np.uint64(low)) & (words <= np.uint64(high - 1))
    return inside


def _row_ids(manifest: SplitManifest, blobs: SplitBlobs) -> Iterator[Words]:
    for block in read_blocks(manifest, blobs, columns=(ROW_ID,)):
        ids: Any = block.column(0)
        yield row_ids_of(ids).hashes


def _groups(manifest: SplitManifest, blobs: SplitBlobs) -> Iterator[Words]:
    if manifest.has_groups:
        for block in read_blocks(manifest, blobs, columns=(GROUP,)):
            yield group_digests(block.column(0))


def _examples(manifest: SplitManifest, places: list[int], blobs: SplitBlobs) -> tuple[str, ...]:
    """Return the ids of some rows."""
    found: list[str] = []
    before = number = 0
    for place in places:
        while place >= before + manifest.blocks[number].rows:
            before += manifest.blocks[number].rows
            number += 1
        ids = read_block(manifest, number, blobs, columns=(ROW_ID,)).column(0)
        found.append(str(ids[place - before].as_py()))
    return tuple(found)
