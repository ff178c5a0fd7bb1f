"""Alignment of extracted rows with expected ones: an optimal assignment, blind to their order.

Of all ways to pair rows, one with the most correct leaves is taken (on the normalised track); of
those, one with the most leaves that are right on the exact track; of those, one with the texts that
are most alike. Rows without a correct leaf in common are paired after these, and only if half of
their letters or more are the same: rows in which every cell was misread. Before an assignment is
solved, rows are put in an order that depends on their contents alone, so permuting either side
changes no count.

Identical rows are paired first. This loses nothing where sameness is transitive: let r and r' be
identical, r be paired with x and r' with s. Each leaf of r that x shares and s shares too is
shared by s and x, so r with r' and s with x have at least as many correct leaves; nested tables
likewise, by composing their pairs. Where sameness is not transitive (fuzzy texts, money with and
without currencies), it loses nothing if one side is used up by it.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from assay.extraction.columns import Column, digest
from assay.extraction.compiled_schema import ArrayField, CompiledFields, rows_at
from assay.extraction.values import JSON

MAX_PAIRS: Final = 4_000_000  # rows × rows that are weighed at once: 2 000 × 2 000
MAX_WORK: Final = 20_000_000  # the same, added up over the nested tables of one document
_CALL = 400  # what weighing one pair of nested tables costs beside its rows
_EXACT = 1 << 53
_LEVELS = (10_000, 1_000, 100, 10)  # of the likeness of two rows, as fine as float64 tells apart

# Leaves are texts, nested tables tuples of rows: the same at the same place in all rows of a table.
_Digest = Any
_Digests = tuple[_Digest, ...]
_Pairs = list[tuple[int, int]]
_Counts = NDArray[np.int64]


class TooManyRows(ValueError):
    """A table has more rows than can be aligned; `path` names it."""

    def __init__(self, path: str, expected: int, extracted: int) -> None:
        super().__init__(
            f"{path}: {expected} expected and {extracted} extracted rows that differ are too many "
            f"to align; at most {MAX_PAIRS} pairs of rows are weighed, such as 2000 × 2000"
        )
        self.path = path


@dataclass(frozen=True, kw_only=True, slots=True)
class _Table:
    """Two lists of rows, taken apart. `digests` holds for each row what it is in raw values."""

    branch: ArrayField
    columns: tuple[Column, ...]
    below: tuple[tuple[ArrayField, tuple[list[Sequence[JSON]], list[Sequence[JSON]]]], ...]
    digests: tuple[list[_Digests], list[_Digests]]


class Aligner:
    """Aligns the tables of one document, and refuses those that would take too long."""

    def __init__(self) -> None:
        self._work = 0

    def align(
        self, branch: ArrayField, expected: Sequence[JSON], extracted: Sequence[JSON]
    ) -> _Pairs:
        """Return the best pairs of row numbers (expected, extracted), by the first.

        Raises TooManyRows where more rows differ than can be weighed.
        """
        if not expected or not extracted:
            return []
        table = _table(branch, expected, extracted)
        pairs = self._pairs(table, alike=True)
        return sorted(pairs + _misread(table, pairs))

    def _pairs(self, table: _Table, *, alike: bool = False) -> _Pairs:
        """Return the best pairs; ties are broken by likeness only with `alike`."""
        rows = list(range(len(table.digests[0]))), list(range(len(table.digests[1])))
        pairs: _Pairs = []
        left = rows
        if not _has(table.branch.rows, default=True):
            rows = _valued(table)
            pairs, left = _alike(table.digests, rows)
            if not left[0] or not left[1]:
                return pairs
            if len(rows[0]) * len(rows[1]) <= MAX_PAIRS and not _transitive(table):
                pairs, left = [], rows
        if len(left[0]) * len(left[1]) > MAX_PAIRS:
            same, left = _alike(_keys(table), left)
            pairs = pairs + same
            if not left[0] or not left[1]:
                return pairs
        return pairs + self._solve(table, left, alike=alike)

    def _solve(self, table: _Table, left: tuple[list[int], list[int]], *, alike: bool) -> _Pairs:
        """Return the best pairs among the rows left."""
        self._spend(table, len(left[0]) * len(left[1]))
        rows, others = (
            sorted(side, key=digests.__getitem__)
            for side, digests in zip(left, table.digests, strict=True)
        )
        correct, exact = self._weigh(table, rows, others)
        top = int(exact.max()) * min(correct.shape) + 1
        if int(correct.max()) * top * min(correct.shape) < _EXACT:
            weights = correct * top + exact
        else:  # float64 could not tell the ties apart
            weights = correct
        weights = np.where(correct > 0, weights, 0)
        if alike and _tied(weights):
            weights = _with_likeness(table, weights, rows, others)
        result = zip(*linear_sum_assignment(weights, maximize=True), strict=True)
        return [(rows[i], others[j]) for i, j in result if correct[i, j]]

    def _weigh(
        self, table: _Table, rows: Sequence[int], others: Sequence[int]
    ) -> tuple[_Counts, _Counts]:
        """Return (rows × others) the leaves that are correct, and that are exactly right."""
        correct = np.zeros((len(rows), len(others)), dtype=np.int64)
        exact = np.zeros_like(correct)
        for column in table.columns:
            if column.by_key:
                keys = column.keys(rows, others)
                correct += keys[0][:, None] == keys[1][None, :]
            else:
                correct += column.correct(rows, others)
            raw = column.raw(rows, others)
            exact += raw[0][:, None] == raw[1][None, :]
        for branch, (expected, extracted) in table.below:
            mine = [_values(branch.rows, expected[row]) for row in rows]
            theirs = [_values(branch.rows, extracted[row]) for row in others]
            for i, row in enumerate(rows):
                for j, other in enumerate(others):
                    if mine[i] and theirs[j] and not mine[i].isdisjoint(theirs[j]):
                        result = self._nested(branch, expected[row], extracted[other])
                        correct[i, j] += result[0]
                        exact[i, j] += result[1]
        return correct, exact

    def _nested(
        self, branch: ArrayField, expected: Sequence[JSON], extracted: Sequence[JSON]
    ) -> tuple[int, int]:
        """Return how many leaves of two nested tables are correct, and exactly right."""
        table = _table(branch, expected, extracted)
        self._spend(table, _CALL)
        correct = exact = 0
        for row, other in self._pairs(table):
            one, two = self._weigh(table, (row,), (other,))
            correct += int(one[0, 0])
            exact += int(two[0, 0])
        return correct, exact

    def _spend(self, table: _Table, work: int) -> None:
        self._work += work
        if work > MAX_PAIRS or self._work > MAX_WORK:
            raise TooManyRows(table.branch.path, len(table.digests[0]), len(table.digests[1]))


def _tied(weights: _Counts) -> bool:
    """Return whether another pairing may weigh as much as the best: a quick test, never wrong."""
    sides = weights if weights.shape[0] <= weights.shape[1] else weights.T
    best = sides.max(axis=1)
    some = best > 0
    if ((sides == best[:, None]).sum(axis=1)[some] > 1).any():
        return True
    partners = sides.argmax(axis=1)[some]
    return len(set(partners.tolist())) < len(partners)


def _with_likeness(
    table: _Table, weights: _Counts, rows: Sequence[int], others: Sequence[int]
) -> _Counts:
    """Return weights in which the likeness of texts breaks ties, and decides nothing else."""
    edits, letters = _letters(table.columns, rows, others)
    share = 1 - edits / np.maximum(letters, 1)
    for levels in _LEVELS:
        likeness = (share * levels).astype(np.int64)
        most = levels * min(weights.shape) + 1
        if int(weights.max()) * most * min(weights.shape) < _EXACT:
            return np.where(weights > 0, weights * most + likeness, 0)
    return weights


def _letters(
    columns: Iterable[Column], rows: Sequence[int], others: Sequence[int]
) -> tuple[_Counts, _Counts]:
    """Return (rows × others) the edits between the texts of two rows, and the letters of both."""
    edits = np.zeros((len(rows), len(others)), dtype=np.int64)
    letters = np.zeros_like(edits)
    for column in columns:
        more, length = column.edits(rows, others)
        edits += more
        letters += length
    return edits, letters


def _misread(table: _Table, pairs: _Pairs) -> _Pairs:
    """Return pairs of rows that are left over and of which half the letters or more are the same."""
    taken = {row for row, _ in pairs}, {other for _, other in pairs}
    rows, others = (
        sorted(set(range(len(digests))) - used, key=digests.__getitem__)
        for digests, used in zip(table.digests, taken, strict=True)
    )
    if not rows or not others or len(rows) * len(others) > MAX_PAIRS:
        return []
    edits, letters = _letters((c for c in table.columns if c.worded), rows, others)
    likeness = np.where(2 * edits <= letters, letters - edits, 0)
    if not likeness.any():
        return []
    result = zip(*linear_sum_assignment(likeness, maximize=True), strict=True)
    return [(rows[i], others[j]) for i, j in result if likeness[i, j]]


def _table(branch: ArrayField, expected: Sequence[JSON], extracted: Sequence[JSON]) -> _Table:
    shape = branch.rows
    columns = tuple(
        Column.of(
            leaf,
            [leaf.keys.get(row) for row in expected],
            [leaf.keys.get(row) for row in extracted],
        )
        for leaf in shape.leaves
    )
    below = tuple(
        (
            inner,
            ([rows_at(row, inner) for row in expected], [rows_at(row, inner) for row in extracted]),
        )
        for inner in shape.branches
    )
    digests: list[list[_Digests]] = []
    for side, rows in enumerate((expected, extracted)):
        cells: list[Sequence[_Digest]] = [column.digests[side] for column in columns]
        cells += [[_below(inner, row) for row in rows] for inner in shape.branches]
        digests.append(list(zip(*cells, strict=True)) if cells else [()] * len(rows))
    return _Table(branch=branch, columns=columns, below=below, digests=(digests[0], digests[1]))


def _below(branch: ArrayField, row: JSON) -> _Digests:
    """Return what the rows of a nested table are, in an order of their own."""
    result: list[_Digests] = []
    for item in rows_at(row, branch):
        cells: list[_Digest] = [digest(leaf.keys.get(item)) for leaf in branch.rows.leaves]
        cells += [_below(inner, item) for inner in branch.rows.branches]
        result.append(tuple(cells))
    return tuple(sorted(result))


def _alike(
    keys: tuple[Sequence[Hashable], Sequence[Hashable]], rows: tuple[list[int], list[int]]
) -> tuple[_Pairs, tuple[list[int], list[int]]]:
    """Pair rows of equal keys, in their order, and return the pairs and the rows left."""
    waiting: dict[Hashable, deque[int]] = defaultdict(deque)
    for other in rows[1]:
        waiting[keys[1][other]].append(other)
    pairs: _Pairs = []
    left: list[int] = []
    for row in rows[0]:
        queue = waiting.get(keys[0][row])
        if queue:
            pairs.append((row, queue.popleft()))
        else:
            left.append(row)
    taken = {other for _, other in pairs}
    return pairs, (left, [other for other in rows[1] if other not in taken])


def _keys(table: _Table) -> tuple[list[Hashable], list[Hashable]]:
    """Return what each row is in normalised values, but for nested tables, which are raw."""
    sides: list[list[Hashable]] = []
    for side, digests in enumerate(table.digests):
        cells = [[reading[:2] for reading in column.readings[side]] for column in table.columns]
        nested = [row[len(cells) :] for row in digests]
        sides.append(list(zip(*cells, nested, strict=True)))
    return sides[0], sides[1]


def _valued(table: _Table) -> tuple[list[int], list[int]]:
    """Return the rows that hold a value at all; no other can have a correct leaf."""
    sides: list[list[int]] = []
    for side, digests in enumerate(table.digests):
        readings = [column.readings[side] for column in table.columns]
        sides.append(
            [
                row
                for row in range(len(digests))
                if any(column[row].key is not None for column in readings)
                or any(_holds(inner.rows, item) for inner, nests in table.below
                       for item in nests[side][row])
            ]
        )  # fmt: skip
    return sides[0], sides[1]


def _values(shape: CompiledFields, rows: Sequence[JSON]) -> frozenset[Hashable]:
    """Return what rows of which none has a correct leaf in common do not share."""
    if any(leaf.fuzzy or leaf.default_reading is not None for leaf in shape.leaves):
        return frozenset(("anything",)) if rows else frozenset()
    result: set[Hashable] = set()
    for row in rows:
        for number, leaf in enumerate(shape.leaves):
            key = leaf.read(leaf.keys.get(row)).key
            if key is not None:
                result.add((number, key))
        for number, inner in enumerate(shape.branches):
            result |= {(-1 - number, value) for value in _values(inner.rows, rows_at(row, inner))}
    return frozenset(result)


def _holds(shape: CompiledFields, row: JSON) -> bool:
    return any(leaf.read(leaf.keys.get(row)).key is not None for leaf in shape.leaves) or any(
        _holds(inner.rows, item) for inner in shape.branches for item in rows_at(row, inner)
    )


def _transitive(table: _Table) -> bool:
    return all(column.by_key for column in table.columns) and not any(
        _has(inner.rows) for inner, _ in table.below
    )


def _has(shape: CompiledFields, *, default: bool = False) -> bool:
    """Return whether a leaf of the shape has a default, or anything else that is not transitive."""
    if any(leaf.default_reading is not None for leaf in shape.leaves):
        return True
    if not default and any(leaf.fuzzy or leaf.money for leaf in shape.leaves):
        return True
    return any(_has(inner.rows, default=default) for inner in shape.branches)
