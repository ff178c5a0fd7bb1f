"""Row weights: decimals of at most six places, held as whole millionths so that sums stay exact."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

UNIT = 1_000_000  # millionths in a weight of one
MOST = 1_000_000  # the largest weight of a row
MOST_TOTAL = 1 << 53  # millionths: up to here totals, and what divides them, are exact in float64

Weights = NDArray[np.int64]


class WeightError(ValueError):
    """A row's weight cannot be used."""

    def __init__(self, row: int, value: float, why: str) -> None:
        super().__init__(f"the weight {value!r} of row {row} {why}")
        self.row = row  # counted from 0 in the array
        self.value = value


def millionths(values: NDArray[np.floating]) -> Weights:
    """Return (n,) float64 weights as whole millionths.

    A weight is a decimal from 0 to 1 000 000 with at most six places, such as 0.25. Raises
    WeightError, naming the first row that is not.
    """
    wide = values.astype(np.float64, copy=False)
    with np.errstate(invalid="ignore"):  # NaN fails the comparisons
        inside = (wide >= 0) & (wide <= MOST)
    _refuse(wide, ~inside, f"is not between 0 and {MOST}")
    steps = np.rint(wide * UNIT)
    _refuse(wide, steps / UNIT != wide, "has more than six decimal places")
    whole: Weights = steps.astype(np.int64)
    return whole


def check_weights(weights: Weights, rows: int) -> None:
    """Raise ValueError where an array is not (rows,) millionths in their range."""
    if weights.shape != (rows,) or weights.dtype != np.int64:
        raise ValueError(f"weights are {rows} int64 millionths, not {weights.dtype}{weights.shape}")
    if rows and (int(weights.min()) < 0 or int(weights.max()) > MOST * UNIT):
        raise ValueError(f"weights lie between 0 and {MOST}")
    check_total(sum(int(part.sum()) for part in np.array_split(weights, rows // (1 << 20) + 1)))


def check_total(total: int) -> None:
    """Raise ValueError where weights add up to more than their sums may hold."""
    if total > MOST_TOTAL:
        raise ValueError(f"the weights add up to more than {MOST_TOTAL // UNIT}")


def _refuse(values: NDArray[np.float64], bad: NDArray[np.bool_], why: str) -> None:
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise WeightError(row, float(values[row]), why)
