"""The scores of single paths through chains, by their definition."""

from __future__ import annotations

import numpy as np

from assay.learning.chain import Chains, Floats, Indices


def path_score(emissions: Floats, transitions: Floats, chains: Chains, codes: Indices) -> float:
    """Return the summed score of one path through each sequence."""
    inner = np.ones(len(codes), np.bool_)
    inner[chains.starts[:-1][np.diff(chains.starts) > 0]] = False
    at = np.flatnonzero(inner)
    moves = transitions[chains.kinds[at], codes[at - 1], codes[at]]
    return float(emissions[np.arange(len(codes)), codes].sum() + moves.sum())
