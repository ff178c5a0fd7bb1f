"""Checks of probabilities before they are measured: the first fault, by row and column."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from assay.records.predictions import Scores

_BLOCK = 16_384  # rows checked at once


class ScoreFaultKind(StrEnum):
    """What can be wrong with a score."""

    NOT_FINITE = "NOT_FINITE"  # NaN or infinity
    OUT_OF_RANGE = "OUT_OF_RANGE"  # outside [0, 1]
    SUM_NOT_ONE = "SUM_NOT_ONE"  # the row's columns do not add up to 1
    SUM_ZERO = "SUM_ZERO"  # the row's columns are all 0, so they cannot be renormalised


@dataclass(frozen=True, kw_only=True)
class ScoreFault:
    """The first row that is wrong."""

    kind: ScoreFaultKind
    row: int  # counted from 0 in the array
    column: int | None  # None when the whole row is at fault
    value: float  # the score, or the row's sum


def sum_tolerance(scores: Scores) -> float:
    """Return by how much a row's sum may differ from 1: 1e-6, and 1e-4 for float32 scores."""
    return 1e-4 if scores.dtype == np.float32 else 1e-6


def first_fault(scores: Scores, *, renormalize: bool = False) -> ScoreFault | None:
    """Return the first faulty row of (columns, n) scores, or None.

    With several columns each row must sum to 1 within `sum_tolerance`; with `renormalize` only
    to something above zero. A lone column has no sum to check.
    """
    for start in range(0, scores.shape[1], _BLOCK):
        block = scores[:, start : start + _BLOCK]
        faults = [_bad_score(block, start), _bad_sum(block, start, renormalize=renormalize)]
        result = [fault for fault in faults if fault is not None]
        if result:
            return min(result, key=lambda fault: fault.row)  # a bad score before its bad sum
    return None


def _bad_score(block: Scores, start: int) -> ScoreFault | None:
    if not block.size or (float(block.min()) >= 0.0 and float(block.max()) <= 1.0):
        return None  # NaN fails both comparisons
    inside = (block >= 0) & (block <= 1)
    row = int(np.flatnonzero(~inside.all(axis=0))[0])
    column = int(np.flatnonzero(~inside[:, row])[0])
    value = float(block[column, row])
    finite = bool(np.isfinite(value))
    kind = ScoreFaultKind.OUT_OF_RANGE if finite else ScoreFaultKind.NOT_FINITE
    return ScoreFault(kind=kind, row=start + row, column=column, value=value)


def _bad_sum(block: Scores, start: int, *, renormalize: bool) -> ScoreFault | None:
    if len(block) < 2:
        return None
    with np.errstate(invalid="ignore"):  # infinities of both signs are a bad score already
        sums = block.sum(axis=0, dtype=np.float64)
    off = sums <= 0.0 if renormalize else np.abs(sums - 1.0) > sum_tolerance(block)
    if not off.any():
        return None
    row = int(np.flatnonzero(off)[0])
    kind = ScoreFaultKind.SUM_ZERO if renormalize else ScoreFaultKind.SUM_NOT_ONE
    return ScoreFault(kind=kind, row=start + row, column=None, value=float(sums[row]))


def renormalized(scores: Scores) -> Scores:
    """Return (columns, n) float64 scores divided by each row's sum, at most 1; sums are above 0.

    Columns are added in their order, so that the result does not depend on how rows are chunked.
    """
    wide = scores.astype(np.float64)
    sums = np.zeros(wide.shape[1])
    for column in wide:
        sums += column
    wide /= sums
    np.minimum(wide, 1.0, out=wide)
    return wide
