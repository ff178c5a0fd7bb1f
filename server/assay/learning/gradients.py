"""Histograms of oriented gradients, as in Dalal and Triggs (2005), over a batch of grey images.

Of each pixel the gradient is the central difference of its neighbours, one-sided at the edges. Its
length goes to the two nearest of the `ORIENTATIONS` directions of its cell, by the angle between.
2 × 2 neighbouring cells are a block; each block is divided by its sum, and the root is taken (their
"L1-sqrt"), which is as good as the clipped norm and exact: all sums are of whole numbers, so that
no cut of a batch changes a bit.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

ORIENTATIONS: Final = 9  # unsigned directions, 20 degrees each
BLOCK: Final = 2  # cells to a side
_STEEPEST: Final = 255
_SIDE: Final = 2 * _STEEPEST + 1
_UNIT: Final = 256  # lengths of gradients are whole numbers of 1/256


def gradient_features(images: NDArray[np.uint8], cell: int) -> NDArray[np.float32]:
    """Return the histograms of (n, height, width) grey images as (n, features), in [0, 1].

    A cell has `cell` × `cell` pixels, and an image at least one block of whole cells; pixels of no
    whole cell at the right and below are left out.
    The features are blocks in order of rows, of each its four cells, of each its directions.
    """
    n, height, width = images.shape
    down, right = height // cell, width // cell
    across, along = _differences(images)
    index = (along + _STEEPEST) * _SIDE + (across + _STEEPEST)
    index = index[:, : down * cell, : right * cell]
    cells = np.arange(n * down * right).reshape(n, down, 1, right, 1)
    place = np.broadcast_to(cells, (n, down, cell, right, cell)).reshape(index.shape)
    table = _contributions()
    size = n * down * right * ORIENTATIONS
    histogram = np.zeros(size)
    for side in range(2):
        bins = (place * ORIENTATIONS + table.direction[side][index]).ravel()
        histogram += np.bincount(bins, weights=table.length[side][index].ravel(), minlength=size)
    return _normalized(histogram.reshape(n, down, right, ORIENTATIONS))


def _differences(images: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the differences of (n, height, width) images across and down, in [-255, 255]."""
    wide = np.pad(images, ((0, 0), (1, 1), (1, 1)), mode="edge").astype(np.int32)
    return wide[:, 1:-1, 2:] - wide[:, 1:-1, :-2], wide[:, 2:, 1:-1] - wide[:, :-2, 1:-1]


class _Contributions:
    """To which two directions each gradient goes, and with which length; (2, 511²) each."""

    def __init__(self) -> None:
        steps = np.arange(-_STEEPEST, _STEEPEST + 1)
        along, across = np.meshgrid(steps, steps, indexing="ij")
        angle = np.mod(np.arctan2(along, across), np.pi).ravel() * (ORIENTATIONS / np.pi)
        length = np.sqrt(along**2 + across**2).ravel() * _UNIT
        lower = np.floor(angle)
        upper_share = np.rint(length * (angle - lower))
        self.direction: NDArray[Any] = np.stack([lower, lower + 1]).astype(np.int64) % ORIENTATIONS
        self.length: NDArray[Any] = np.stack([np.rint(length) - upper_share, upper_share])


@cache
def _contributions() -> _Contributions:
    return _Contributions()


def _normalized(cells: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return (n, down, right, directions) cells as blocks that each sum to 1, rooted."""
    n, down, right, _ = cells.shape
    corners = [
        cells[:, y : down - BLOCK + 1 + y, x : right - BLOCK + 1 + x]
        for y in range(BLOCK)
        for x in range(BLOCK)
    ]
    blocks = np.concatenate(corners, axis=3)
    total = blocks.sum(axis=3, keepdims=True)
    # A block as dark as noise stays near zero: one grey level's step over a side of it.
    shares: NDArray[np.float32] = np.sqrt(blocks / (total + 4 * _UNIT)).astype(np.float32)
    return shares.reshape(n, math.prod(shares.shape[1:]))
