"""Generators of pseudo-random numbers, each made of a seed that was passed in."""

from __future__ import annotations

import numpy as np

Generator = np.random.Generator


def generator(seed: int, *path: int) -> Generator:
    """Return the generator of one purpose: equal seeds and paths give equal numbers.

    `path` tells purposes of one seed apart: an epoch's number, a block's.
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=path)))
