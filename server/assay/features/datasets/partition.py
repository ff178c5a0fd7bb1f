"""The partition of rows into splits: seeded, by strata, and with the rows of a group together.

Who goes where follows from the ids of the rows and the seed, not from the order of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.metrics.resampling.bootstrap import mix

MAX_ROWS = 20_000_000  # some 50 bytes of each are in memory

Words = NDArray[np.uint64]
Codes = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class RowKeys:
    """What a partition needs to know of rows."""

    ids: Words  # (rows,) hashes of the rows' ids
    strata: Codes  # (rows,) from 0; all 0 where there are no strata
    groups: Words | None  # (rows,) hashes of the rows' groups; None: each row goes by itself


@dataclass(frozen=True, kw_only=True)
class _Units:
    """What goes to one split as a whole: a row, or the rows of a group."""

    keys: Words  # (units,)
    strata: Codes  # (units,)
    sizes: Codes  # (units,) rows
    of_rows: Codes  # (rows,) the unit of each row


def assign(rows: RowKeys, fractions: Sequence[float], seed: int) -> NDArray[np.uint8]:
    """Return (rows,) the split of each row, as a place in `fractions`, which sum to 1.

    Each stratum is shared out by the fractions as nearly as whole rows allow, what is rounded
    being made up for in the strata after it, and gives at least one row to the largest split.
    """
    units = _units(rows)
    salt = mix(np.array([seed], np.uint64))
    order = np.lexsort((units.keys, mix(units.keys ^ salt), units.strata))
    strata, sizes = units.strata[order], units.sizes[order]
    starts = np.flatnonzero(np.concatenate([[True], strata[1:] != strata[:-1]]))
    splits = np.empty(len(order), np.uint8)
    owed = np.zeros(len(fractions))
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        inside = sizes[start:end]
        counts, owed = _share(int(inside.sum()), np.asarray(fractions), owed)
        middles = np.cumsum(inside) - inside / 2
        splits[start:end] = np.searchsorted(np.cumsum(counts), middles, side="right").clip(
            max=len(fractions) - 1
        )
    found = np.empty(len(order), np.uint8)
    found[order] = splits
    return found[units.of_rows]


def _share(
    total: int, fractions: NDArray[np.float64], owed: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return how many of `total` rows each split gets, and what it is owed afterwards."""
    wanted = total * fractions + owed
    counts = np.floor(np.maximum(wanted, 0)).astype(np.int64)
    while counts.sum() > total:  # what others were owed is more than there is
        counts[np.argmax(counts - wanted)] -= 1
    rest = np.argsort(counts - wanted, kind="stable")
    for at in range(total - int(counts.sum())):
        counts[rest[at % len(rest)]] += 1
    largest = int(np.argmax(fractions))
    if total and not counts[largest]:
        counts[int(np.argmax(counts))] -= 1
        counts[largest] += 1
    return counts, wanted - counts


def _units(rows: RowKeys) -> _Units:
    count = len(rows.ids)
    if rows.groups is None:
        ones = np.ones(count, np.int64)
        return _Units(keys=rows.ids, strata=rows.strata, sizes=ones, of_rows=np.arange(count))
    keys, of_rows, sizes = np.unique(rows.groups, return_inverse=True, return_counts=True)
    return _Units(keys=keys, strata=_commonest(of_rows, rows.strata), sizes=sizes, of_rows=of_rows)


def _commonest(units: Codes, strata: Codes) -> Codes:
    """Return (units,) the stratum that most rows of each have, the first of equals."""
    span = int(strata.max(initial=0)) + 1
    pairs, counts = np.unique(units * span + strata, return_counts=True)
    owners, found = np.divmod(pairs, span)
    order = np.lexsort((found, -counts, owners))
    firsts = np.concatenate([[True], owners[order][1:] != owners[order][:-1]])
    commonest: Codes = found[order][firsts]
    return commonest
