"""Masks of images: which cells of a grid count, and their run lengths at the image's own size."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_SHARE: Final = 0.25  # of the largest region's sum, which another region needs


def mask_of(scores: Floats) -> Mask:
    """Return the (rows, columns) cells that speak for a class.

    Scores count where they are above the mean of Otsu's threshold of the positive scores (Otsu,
    1979) and half of the largest one. Of the regions that these cells make, those whose sum is less
    than a quarter of the largest region's are left out. No positive score is an empty mask.
    """
    positive = np.maximum(scores, 0.0)
    if not positive.any():
        return np.zeros(scores.shape, np.bool_)
    found = positive > (otsu(positive.ravel()) + positive.max() / 2) / 2
    regions, _ = ndimage.label(found)
    sums = np.bincount(regions.ravel(), positive.ravel())
    sums[0] = 0.0
    kept: Mask = found & (sums >= _SHARE * sums.max())[regions]
    return kept


def otsu(values: Floats) -> float:
    """Return the threshold that cuts values into the two parts whose means differ most.

    Both parts are weighted by their sizes; it is half way between the values on both sides.
    """
    ordered = np.sort(values)
    count, sums = np.arange(1, len(ordered)), np.cumsum(ordered)
    share = count / len(ordered)
    below = sums[:-1] / count
    above = (sums[-1] - sums[:-1]) / (len(ordered) - count)
    between = share * (1 - share) * (above - below) ** 2
    at = int(np.argmax(between))
    return float((ordered[at] + ordered[at + 1]) / 2)


def run_lengths(mask: Mask, height: int, width: int) -> list[int]:
    """Return a mask of the cells of a grid as run lengths at the size of an image.

    Runs go down the columns, from left to right, and alternate; the first is of zeros, and may be
    0 long. Their sum is height * width. This is COCO's uncompressed form.
    """
    rows, columns = mask.shape
    heights = np.diff(np.arange(rows + 1) * height // rows)
    column_of = np.repeat(np.arange(columns), np.diff(np.arange(columns + 1) * width // columns))
    lengths = np.tile(heights, width)
    values = mask.T[column_of].ravel()[lengths > 0]
    lengths = lengths[lengths > 0]
    starts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
    runs: list[int] = np.add.reduceat(lengths, starts).tolist()
    return [0, *runs] if values[0] else runs
