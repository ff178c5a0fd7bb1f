"""Segments of images: connected parts of like colour, coarse and fine, as cells of a grid.

Cells, first each a segment of its own, are joined by Ward's rule (1963): of two neighbours the
squares of the distances from their mean colours grow by n * m / (n + m) times the square of the
distance between the means, and those that grow least are joined. Pairs of which each is the other's
best are joined at once, which gives the same tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from assay.learning.randomness import generator

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


def segments(pixels: NDArray[np.uint8], grid: int, counts: Sequence[int]) -> Iterator[Indices]:
    """Yield the (grid, grid) numbers of the segments of an image, once with each of some counts.

    Args:
        pixels: (side, side, 3), of at least `grid` pixels to a side.
        grid: Cells to a side.
        counts: How many segments there are.
    """
    pairs = _joined(cell_means(pixels, grid).reshape(-1, 3), _neighbours(grid))
    cells = grid * grid
    for count in counts:
        first, second = pairs[: max(0, cells - count)].T
        links = sparse.coo_array((np.ones(len(first)), (first, second)), shape=(cells, cells))
        _, numbers = csgraph.connected_components(links, directed=False)
        yield numbers.reshape(grid, grid).astype(np.int64)


def cell_means(pixels: NDArray[np.uint8], grid: int) -> Floats:
    """Return the (grid, grid, 3) mean colours of cells."""
    edges = np.arange(grid + 1) * len(pixels) // grid
    sums = np.add.reduceat(pixels, edges[:-1], axis=0, dtype=np.int64)
    sums = np.add.reduceat(sums, edges[:-1], axis=1)
    sides = np.diff(edges)
    means: Floats = sums / (sides[:, np.newaxis] * sides)[..., np.newaxis]
    return means


def _neighbours(grid: int) -> Indices:
    """Return the (pairs, 2) cells that share a side."""
    cells = np.arange(grid * grid).reshape(grid, grid)
    beside = np.stack([cells[:, :-1], cells[:, 1:]], axis=-1).reshape(-1, 2)
    below = np.stack([cells[:-1], cells[1:]], axis=-1).reshape(-1, 2)
    return np.concatenate([beside, below])


def _joined(means: Floats, edges: Indices) -> Indices:
    """Return the (cells - 1, 2) pairs of cells whose segments are joined, the most alike first."""
    means, sizes = means.copy(), np.ones(len(means))
    draw = generator(0)
    found, costs = [], []
    while len(edges):
        first, second = edges.T
        shares = sizes[first] * sizes[second] / (sizes[first] + sizes[second])
        cost = shares * ((means[first] - means[second]) ** 2).sum(axis=1)
        # Of equal costs chance decides, or areas of one colour would be joined cell by cell.
        rank = np.empty(len(edges), np.int64)
        rank[np.lexsort((draw.random(len(edges)), cost))] = np.arange(len(edges))
        best = np.full(len(means), len(edges))
        np.minimum.at(best, first, rank)
        np.minimum.at(best, second, rank)
        mutual = (best[first] == rank) & (best[second] == rank)
        found.append(edges[mutual])
        costs.append(cost[mutual])
        kept, gone = edges[mutual].T
        whole = (sizes[kept] + sizes[gone])[:, np.newaxis]
        both = means[kept] * sizes[kept, np.newaxis] + means[gone] * sizes[gone, np.newaxis]
        means[kept], sizes[kept] = both / whole, whole[:, 0]
        now = np.arange(len(means))
        now[gone] = kept
        edges = _distinct(now[edges], len(means))
    order = np.argsort(np.concatenate(costs), kind="stable")
    pairs: Indices = np.concatenate(found)[order]
    return pairs


def _distinct(edges: Indices, cells: int) -> Indices:
    """Return each edge between two segments once."""
    low, high = edges.min(axis=1), edges.max(axis=1)
    keys = np.unique((low * cells + high)[low != high])
    return np.stack([keys // cells, keys % cells], axis=1)
