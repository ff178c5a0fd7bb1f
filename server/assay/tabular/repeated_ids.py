"""Row ids that occur more than once in many blocks: found by hash ranges, proved by the ids."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.tabular.errors import InputError, InputErrorCode, truncate
from assay.tabular.row_ids import RowIds

MAX_ROWS = 6_000_000  # ids of one task; 48 MB of hashes, as much as a rank task holds of keys
MOST_NAMED = 20
_PROVED_AT_ONCE = 256  # repeated hashes whose ids are looked up together

Hashes = NDArray[np.uint64]
Blocks = Iterator[tuple[int, RowIds]]  # the first row of each block, and its ids


@dataclass(frozen=True, kw_only=True)
class Duplicate:
    """An id that two rows have."""

    row: int  # the later row
    first: int  # the earliest row with the id
    row_id: str


@dataclass(frozen=True, kw_only=True)
class Duplicates:
    """The repeated ids of one hash range."""

    count: int  # rows whose hash occurred before
    named: tuple[Duplicate, ...] = ()  # the earliest, by row


def id_ranges(rows: int, max_rows: int = MAX_ROWS) -> tuple[tuple[int, int], ...]:
    """Return (low, high) ranges of the 64-bit hash that hold about `max_rows` rows each."""
    pieces = -(-rows // max_rows)
    edges = [(1 << 64) * piece // pieces for piece in range(pieces + 1)]
    return tuple(itertools.pairwise(edges))


@dataclass(frozen=True, kw_only=True)
class StoredIds:
    """The ids of rows that are stored."""

    rows: int  # how many there are
    read: Callable[[], Blocks]  # reads them in order, anew at each call


def find_duplicates(ids: StoredIds, low: int, high: int) -> Duplicates:
    """Return the ids with a hash in [low, high) that more than one row has."""
    if not _any_twice(ids, low, high):
        return Duplicates(count=0)
    # Which rows they are takes twice the memory, so it is found out in halves.
    middle = (low + high) // 2
    halves = [_find(ids, *half) for half in ((low, middle), (middle, high))]
    named = sorted((one for half in halves for one in half.named), key=lambda one: one.row)
    return Duplicates(count=sum(half.count for half in halves), named=tuple(named[:MOST_NAMED]))


def _find(ids: StoredIds, low: int, high: int) -> Duplicates:
    hashes, rows = _collect(ids, low, high)
    order = np.argsort(hashes, kind="stable")  # rows ascend among equal hashes
    hashes, rows = hashes[order], rows[order]
    again = np.flatnonzero(hashes[1:] == hashes[:-1]) + 1
    again = again[np.argsort(rows[again], kind="stable")]
    named: list[Duplicate] = []
    for at in range(0, len(again), _PROVED_AT_ONCE):
        named += _prove(ids, hashes[again[at : at + _PROVED_AT_ONCE]])
        if len(named) >= MOST_NAMED:
            break
    unique = {(one.row, one.row_id): one for one in named}
    earliest = sorted(unique.values(), key=lambda one: one.row)[:MOST_NAMED]
    return Duplicates(count=len(again) if named else 0, named=tuple(earliest))


def refuse(found: Iterable[Duplicates], holder: str) -> None:
    """Raise InputError naming up to MOST_NAMED repeated ids of `holder`, if there are any."""
    every = list(found)
    named = sorted((one for part in every for one in part.named), key=lambda one: one.row)
    if not named:
        return
    named = named[:MOST_NAMED]
    count = sum(part.count for part in every)
    first = named[0]
    ids = ", ".join(
        f"'{truncate(one.row_id, 40)}' (rows {one.first} and {one.row})" for one in named
    )
    raise InputError(
        InputErrorCode.BAD_ROWS,
        f"row {first.row}, column row_id: the id '{truncate(first.row_id)}' is that of row "
        f"{first.first} too, and {count} row(s) repeat an id; each id occurs once in "
        f"{holder}. Remove the repeated rows, or give each its own id. Repeated: {ids}.",
        {
            "row": first.row,
            "column": "row_id",
            "count": count,
            "row_ids": ", ".join(one.row_id for one in named),
        },
    )


def _any_twice(ids: StoredIds, low: int, high: int) -> bool:
    """Say whether a hash in [low, high) occurs twice; holds nothing but the hashes."""
    share = (high - low) / (1 << 64)
    room = int(ids.rows * share * 1.01) + 10_000  # hashes are spread evenly
    every, filled = np.empty(room, np.uint64), 0
    for _, block in ids.read():
        found = block.hashes if share == 1 else block.hashes[_inside(block.hashes, low, high)]
        if filled + len(found) > len(every):  # unless somebody chose them
            every.resize(2 * len(every) + len(found), refcheck=False)
        every[filled : filled + len(found)] = found
        filled += len(found)
    every = every[:filled]
    every.sort()
    return bool((every[1:] == every[:-1]).any())


def _inside(hashes: Hashes, low: int, high: int) -> NDArray[np.bool_]:
    # `high` may be 2**64, which a uint64 does not hold.
    inside: NDArray[np.bool_] = (hashes >= np.uint64(low)) & (hashes <= np.uint64(high - 1))
    return inside


def _collect(ids: StoredIds, low: int, high: int) -> tuple[Hashes, NDArray[np.int64]]:
    hashes: list[Hashes] = []
    rows: list[NDArray[np.int64]] = []
    for first_row, block in ids.read():
        found = block.hashes
        inside = np.flatnonzero(_inside(found, low, high))
        hashes.append(found[inside])
        rows.append(inside.astype(np.int64) + first_row)
    return np.concatenate(hashes), np.concatenate(rows)


def _prove(ids: StoredIds, wanted: Sequence[int] | Hashes) -> list[Duplicate]:
    """Return the rows whose id, not only its hash, occurred before."""
    seen: dict[str, int] = {}
    proved: list[Duplicate] = []
    for first_row, block in ids.read():
        hits = np.flatnonzero(np.isin(block.hashes, wanted))
        for hit, text in zip(hits.tolist(), block.at(hits), strict=True):
            row = first_row + hit
            if text in seen:
                proved.append(Duplicate(row=row, first=seen[text], row_id=text))
            else:
                seen[text] = row
    return proved
