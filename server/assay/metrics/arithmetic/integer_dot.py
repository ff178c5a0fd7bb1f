"""Sums of products of whole numbers that int64 could not hold."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_LIMB = 18  # bits: products of limbs have 36, and 2**26 of them fit int64
_MASK = (1 << _LIMB) - 1
_BLOCK = 1 << 18


def exact_dot(left: NDArray[np.int64], right: NDArray[np.int64]) -> int:
    """Return sum(left * right) of two (n,) arrays of integers in [0, 2**62], exactly."""
    if len(left) * int(left.max(initial=0)) * int(right.max(initial=0)) < 1 << 63:
        return int(left @ right)
    total = 0
    for start in range(0, len(left), _BLOCK):
        ours = list(_limbs(left[start : start + _BLOCK]))
        theirs = ours if right is left else list(_limbs(right[start : start + _BLOCK]))
        for a, (one, low) in enumerate(ours):
            for b, (other, high) in enumerate(theirs):
                if right is not left:
                    total += int(one @ other) << low + high
                elif b >= a:  # a square: each mixed product occurs twice
                    total += int(one @ other) << low + high + (a != b)
    return total


def _limbs(values: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], int]]:
    """Yield (limb, its offset in bits) of non-negative integers, from the lowest."""
    top = int(values.max(initial=0))
    for index in range(0, top.bit_length(), _LIMB):
        yield (values >> index) & _MASK, index
