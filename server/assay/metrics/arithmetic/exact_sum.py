"""Sums that do not depend on order: exact totals of float64 values, rounded once at the end.

A total is one Python integer in units of 2**-2148, the product of two smallest
subnormals, so that every float64 and every product of two of them is a whole
number of units. Adding integers is associative and commutative to the bit.

The fast path cuts a block of values at a power of two with one addition and one
subtraction (Rump, Ogita, Oishi: Accurate Floating-Point Summation, 2008): the
upper parts lie on a grid so coarse that numpy may sum them in any order without
rounding, the lower parts are exact and go round again. Blocks that the cut cannot
handle (near overflow, or spread over hundreds of binades) are summed by exponent.

Products use the same cut: factors in slices so narrow that dot products of slices are exact;
where that takes too many slices, two-term products (Veltkamp, Dekker) enter the sum instead.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

UNIT_BITS = 2148  # a unit is 2**-2148
BLOCK = 16_384  # values cut at once: two buffers of 128 KiB stay in the second-level cache
_MAX_FOLDS = 12  # beyond this many cuts, summing by exponent is cheaper
_HUGE = 2.0**960  # above this the cut itself could overflow
_MAX_SLICES = 7  # beyond this many slices, two-term products are cheaper
_SLICE_EXPONENT = 400  # products of slices inside these bounds stay in the range of float64
_PRODUCT_HIGH = 2.0**480  # factors inside these bounds have an exact two-term product
_PRODUCT_LOW = 2.0**-480
_SPLITTER = 2.0**27 + 1.0  # Veltkamp's constant for 53-bit mantissas
_LOW_HALF = (1 << 27) - 1


@dataclass(frozen=True, kw_only=True)
class ExactSum:
    """An exact, mergeable total of float64 values or of products of two of them."""

    units: int = 0  # the total, in units of 2**-2148

    @classmethod
    def of(cls, values: ArrayLike) -> ExactSum:
        """Sum a one-dimensional array. Raises ValueError on NaN or infinity."""
        return cls(units=sum_rows(_vector(values)[np.newaxis])[0])

    @classmethod
    def merge_all(cls, parts: Iterable[ExactSum]) -> ExactSum:
        """Return the total of all parts, whatever their order."""
        return cls(units=sum(part.units for part in parts))

    def fraction(self) -> Fraction:
        """Return the exact total."""
        return Fraction(self.units, 1 << UNIT_BITS)

    def mean(self, rows: int) -> float:
        """Return the correctly rounded total / rows. Raises OverflowError beyond float64."""
        return self.units / (rows << UNIT_BITS)


def sum_rows(matrix: NDArray[np.floating]) -> list[int]:
    """Sum each row of a (rows, n) array exactly; returns units per row.

    Raises ValueError on NaN or infinity.
    """
    rows, n = matrix.shape
    totals = [0] * rows
    for first, last, start, stop in _blocks(rows, n):
        block = matrix[first:last, start:stop].astype(np.float64)  # a copy: the cut consumes it
        for offset, units in enumerate(_fold(block)):
            totals[first + offset] += units
    return totals


def sum_row_products(left: NDArray[np.floating], right: NDArray[np.floating]) -> list[int]:
    """Sum left * right along each row of two (rows, n) arrays, every product exact.

    Products of float32 arrays are exact in float64 and skip the two-term product.
    """
    rows, n = left.shape
    narrow = left.dtype == np.float32 and right.dtype == np.float32
    totals = [0] * rows
    for first, last, start, stop in _blocks(rows, n):
        a = left[first:last, start:stop].astype(np.float64, copy=False)
        b = a if right is left else right[first:last, start:stop].astype(np.float64, copy=False)
        for offset, units in enumerate(_fold(a * b) if narrow else _fold_products(a, b)):
            totals[first + offset] += units
    return totals


def sum_groups(values: Floats, groups: NDArray[np.integer], size: int) -> list[int]:
    """Sum a vector exactly per group code in [0, size); returns units per group."""
    totals = [0] * size
    for start in range(0, len(values), BLOCK):
        block = values[start : start + BLOCK].astype(np.float64)
        codes = groups[start : start + BLOCK]
        for group, units in enumerate(_fold_groups(block, codes, size)):
            totals[group] += units
    return totals


def rounded_sqrt(value: Fraction) -> float:
    """Return the correctly rounded square root of a non-negative rational."""
    if value == 0:
        return 0.0
    excess = value.numerator.bit_length() - value.denominator.bit_length()
    shift = max(0, 140 - excess) // 2 * 2  # an even number of bits: at least 68 in the root
    scaled, rest = divmod(value.numerator << shift, value.denominator)
    root = math.isqrt(scaled)
    sticky = int(rest != 0 or root * root != scaled)  # keeps the final rounding honest
    return float(Fraction(root << 1 | sticky, 1 << shift // 2 + 1))


def _vector(values: ArrayLike) -> Floats:
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"expected one dimension, got shape {array.shape}")
    return array.astype(np.float64, copy=False)


def _blocks(rows: int, n: int) -> Iterable[tuple[int, int, int, int]]:
    """Cut (rows, n) into blocks of at most BLOCK values: long rows alone, short ones together."""
    together = max(1, BLOCK // n) if n else 1
    for first in range(0, rows, together):
        for start in range(0, n, BLOCK):
            yield first, min(first + together, rows), start, min(start + BLOCK, n)


def _magnitude(block: Floats) -> float:
    """Return max(|block|). Raises ValueError on NaN or infinity."""
    top = max(float(block.max()), -float(block.min())) if block.size else 0.0
    if not math.isfinite(top):
        raise ValueError("an exact sum needs finite values, got NaN or infinity")
    return top


def _cut(block: Floats, top: float, upper: Floats) -> int:
    """Move the part of block above a grid into `upper`; returns log2 of the grid.

    Afterwards block + upper is what block was, exactly; sums of `upper` are exact.
    """
    values: int = block.shape[-1]
    return _cut_at(block, math.frexp(top)[1] + (values + 2).bit_length(), upper)


def _cut_at(block: Floats, exponent: int, upper: Floats) -> int:
    """Move into `upper` what of block lies on the grid 2**(exponent - 53); returns its log2."""
    anchor = math.ldexp(1.0, exponent)
    np.add(block, anchor, out=upper)
    np.subtract(upper, anchor, out=upper)
    np.subtract(block, upper, out=block)
    return exponent - 53


def _fold(block: Floats) -> list[int]:
    """Sum each row of a (rows, n) block exactly; the block is consumed."""
    totals = [0] * len(block)
    upper = np.empty_like(block)
    for _ in range(_MAX_FOLDS):
        top = _magnitude(block)
        if top == 0.0:
            return totals
        if top >= _HUGE:
            break
        grid = _cut(block, top, upper)
        _add(totals, upper.sum(axis=1), grid)
    for row, values in enumerate(block):
        mantissa, exponent = np.frexp(values)
        totals[row] += _by_exponent(mantissa, exponent.astype(np.int64))
    return totals


def _fold_groups(block: Floats, codes: NDArray[np.integer], size: int) -> list[int]:
    """Sum a vector exactly per group; the block is consumed."""
    totals = [0] * size
    upper = np.empty_like(block)
    for _ in range(_MAX_FOLDS):
        top = _magnitude(block)
        if top == 0.0:
            return totals
        if top >= _HUGE:
            break
        grid = _cut(block, top, upper)
        sums: Floats = np.bincount(codes, weights=upper, minlength=size)  # type: ignore[assignment] # scipy-stubs and numpy type weighted counts as int
        _add(totals, sums, grid)
    for group in np.unique(codes).tolist():
        mantissa, exponent = np.frexp(block[codes == group])
        totals[group] += _by_exponent(mantissa, exponent.astype(np.int64))
    return totals


def _add(totals: list[int], sums: NDArray[np.floating], grid: int, *, times: int = 1) -> None:
    """Add exact float sums, multiples of 2**grid up to 2**(grid + 53), to totals."""
    shift = UNIT_BITS + grid
    for index, steps in enumerate(np.ldexp(sums, -grid).astype(np.int64).tolist()):
        if steps:
            totals[index] += steps * times << shift


def _two_product(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Return (p, e) with p + e == a * b exactly (Veltkamp, Dekker); factors must be in bounds."""
    product = a * b
    a_high = a * _SPLITTER
    a_high -= a_high - a
    a_low = a - a_high
    b_high, b_low = a_high, a_low
    if b is not a:
        b_high = b * _SPLITTER
        b_high -= b_high - b
        b_low = b - b_high
    error = a_high * b_high
    error -= product
    error += a_high * b_low
    error += a_low * b_high
    error += a_low * b_low
    return product, error


def _fold_products(a: Floats, b: Floats) -> list[int]:
    """Sum a * b along each row of two (rows, n) blocks."""
    a_slices = _slices(a)
    b_slices = a_slices if b is a else _slices(b)
    if a_slices is not None and b_slices is not None:
        return _multiply_slices(a_slices, b_slices, len(a))
    if _splittable(a) and (b is a or _splittable(b)):
        product, error = _two_product(a, b)
        return [x + y for x, y in zip(_fold(product), _fold(error), strict=True)]
    totals = []
    for left, right in zip(a, b, strict=True):
        a_mantissa, a_exponent = np.frexp(left)
        b_mantissa, b_exponent = np.frexp(right)
        product, error = _two_product(a_mantissa, b_mantissa)
        exponent = a_exponent.astype(np.int64) + b_exponent
        # Both terms are below 1, and multiples of 2**-54 and of 2**-106: whole numbers once scaled.
        totals.append(
            _by_exponent(product, exponent) + _by_exponent(error * 2.0**53, exponent - 53)
        )
    return totals


def _slices(block: Floats) -> list[tuple[int, Floats]] | None:
    """Cut a block into slices so narrow that dot products of any two of them are exact.

    Returns (log2 of the grid, values) from the top down, or None when too many would be needed
    or their products could leave the range of float64 (Ozaki et al., Numerical Algorithms 2012).
    """
    values: int = block.shape[-1]
    bits = (53 - values.bit_length()) // 2  # n * 2**(2 * bits) stays below 2**53
    rest = block.copy()
    slices: list[tuple[int, Floats]] = []
    while (top := _magnitude(rest)) != 0.0:
        exponent = math.frexp(top)[1]
        if len(slices) == _MAX_SLICES or abs(exponent) > _SLICE_EXPONENT:
            return None
        upper = np.empty_like(rest)
        slices.append((_cut_at(rest, exponent + 53 - bits, upper), upper))
    return slices


def _multiply_slices(
    left: list[tuple[int, Floats]], right: list[tuple[int, Floats]], rows: int
) -> list[int]:
    """Sum the products of two sliced blocks along each row."""
    totals = [0] * rows
    for i, (a_grid, a) in enumerate(left):
        for j, (b_grid, b) in enumerate(right):
            if left is not right:
                _add(totals, np.vecdot(a, b), a_grid + b_grid)
            elif j >= i:  # a square: each mixed product occurs twice
                _add(totals, np.vecdot(a, b), a_grid + b_grid, times=1 if i == j else 2)
    return totals


def _splittable(block: Floats) -> bool:
    """Tell whether Dekker's product of any two values neither overflows nor underflows."""
    size = np.abs(block)
    if float(size.max(initial=0.0)) >= _PRODUCT_HIGH or not np.isfinite(size).all():
        _magnitude(block)
        return False
    return not bool(((size < _PRODUCT_LOW) & (size != 0.0)).any())


def _by_exponent(mantissa: Floats, exponent: NDArray[np.int64]) -> int:
    """Sum mantissa * 2**exponent for |mantissa| < 1 that are multiples of 2**-54."""
    if not len(mantissa):
        return 0
    steps = np.ldexp(mantissa, 54).astype(np.int64)
    order = np.argsort(exponent, kind="stable")
    steps, exponent = steps[order], exponent[order]
    starts = np.flatnonzero(np.diff(exponent, prepend=exponent[0] - 1))
    high = np.add.reduceat(steps >> 27, starts).tolist()
    low = np.add.reduceat(steps & _LOW_HALF, starts).tolist()
    total = 0
    for power, upper, lower in zip(exponent[starts].tolist(), high, low, strict=True):
        shift = UNIT_BITS - 54 + power
        scaled = (upper << 27) + lower
        total += scaled << shift if shift >= 0 else scaled >> -shift
    return total
