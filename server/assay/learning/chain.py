"""A linear-chain conditional random field over sequences of words: sums over all paths, best paths.

A path through a sequence of n words has the score

    emissions[0, y0] + transitions[k1, y0, y1] + emissions[1, y1] + … + emissions[n-1, y(n-1)]

where k is what kind of step leads to a word, which is known beforehand; and the probability exp(score) / the sum of exp(score) over all paths. A transition of -inf is on no
path. Sequences are computed side by side, one step for the words at one place of all of them; what
a sequence gives does not hang on which others stand beside it, up to the rounding of sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

_LEAST: Final = -500.0  # an emission counts as no farther below the greatest of its word


@dataclass(frozen=True, eq=False)
class Chains:
    """Sequences that stand one after the other; sequence i is words starts[i] to starts[i + 1]."""

    starts: Indices  # (sequences + 1,)
    kinds: NDArray[np.integer]  # (words,), of the step from the word before; of a first word any

    @cached_property
    def steps(self) -> list[Indices]:
        """Return for each place the words that stand there, of the longest sequences first.

        The words of one step continue those of the step before, in the same order.
        """
        lengths = np.diff(self.starts)
        order = np.argsort(-lengths, kind="stable")
        first, falling = self.starts[:-1][order], lengths[order]
        longest = int(falling[0]) if len(falling) else 0
        counts = np.searchsorted(-falling, -np.arange(longest), side="left")
        return [first[:count] + place for place, count in enumerate(counts.tolist())]


@dataclass(frozen=True, kw_only=True, eq=False)
class Marginals:
    """The probabilities of labels and of pairs of labels, over all paths of some sequences."""

    labels: Floats  # (words, labels), of each word; rows sum to 1
    pairs: Floats  # (kinds, labels, labels): the expected number of each transition
    log_totals: Floats  # (words,): summed over a sequence, the log of the sum over its paths


def marginals(
    emissions: Floats, transitions: Floats, chains: Chains, weights: Floats | None = None
) -> Marginals:
    """Return the marginals of sequences, by the forward-backward algorithm.

    Args:
        emissions: (words, labels) scores.
        transitions: (kinds, labels, labels) scores; from each label at least one is not -inf.
        chains: Where sequences start and end.
        weights: (words,), how much the transition to each word counts in `pairs`; 1 if left out.
    """
    greatest = emissions.max(axis=1, keepdims=True) if emissions.size else emissions[:, :1]
    local = np.exp(np.maximum(emissions - greatest, _LEAST))
    top = transitions.max()
    moves = np.exp(transitions - top)
    kinds, size = len(moves), moves.shape[1]
    onward = moves.transpose(1, 0, 2).reshape(size, kinds * size)
    back = moves.transpose(2, 0, 1).reshape(size, kinds * size)
    forward, totals = np.empty_like(emissions), np.empty(len(emissions))
    steps = chains.steps
    before: Floats | None = None
    for words in steps:
        here = local[words]
        if before is not None:
            here *= _of_kind(before[: len(words)] @ onward, chains.kinds[words], size)
        total = here.sum(axis=1)
        before = here / total[:, np.newaxis]
        forward[words], totals[words] = before, total
    backward = np.ones_like(emissions)
    pairs = np.zeros_like(moves)
    for words, after in zip(reversed(steps[:-1]), reversed(steps[1:]), strict=True):
        weight = local[after] * backward[after] / totals[after][:, np.newaxis]
        continued, kind = words[: len(after)], chains.kinds[after]
        backward[continued] = _of_kind(weight @ back, kind, size)
        if weights is not None:
            weight *= weights[after][:, np.newaxis]
        for number in range(kinds):
            of_kind = kind == number
            pairs[number] += forward[continued[of_kind]].T @ weight[of_kind]
    labels = forward * backward
    labels /= labels.sum(axis=1, keepdims=True)
    log_totals = np.log(totals) + greatest[:, 0]
    if steps:
        inner = np.ones(len(emissions), np.bool_)
        inner[steps[0]] = False
        log_totals[inner] += top
    return Marginals(labels=labels, pairs=pairs * moves, log_totals=log_totals)


def _of_kind(found: Floats, kinds: NDArray[np.integer], labels: int) -> Floats:
    """Return (words, labels) of (words, kinds * labels): those of the kind of each word."""
    chosen: Floats = found.reshape(len(found), -1, labels)[np.arange(len(found)), kinds]
    return chosen


def best_paths(emissions: Floats, transitions: Floats, chains: Chains) -> NDArray[np.int32]:
    """Return the (words,) labels of the best path of each sequence, by the Viterbi algorithm.

    Of paths with one score it is the one whose labels, read from the end, come first.
    """
    codes = np.empty(len(emissions), np.int32)
    pointers = np.zeros(emissions.shape, np.int32)
    steps = chains.steps
    score: Floats = np.empty((0, emissions.shape[1]))
    last = np.empty((len(steps[0]) if steps else 0,), np.int32)
    for place, words in enumerate(steps):
        if place:
            through = score[: len(words), :, np.newaxis] + transitions[chains.kinds[words]]
            pointers[words] = through.argmax(axis=1)
            last[len(words) : len(score)] = score[len(words) :].argmax(axis=1)
            score = through.max(axis=1)
            # Scores relative to the best keep their digits however long a sequence is.
            score -= score.max(axis=1, keepdims=True)
            score += emissions[words]
        else:
            score = emissions[words]
    last[: len(score)] = score.argmax(axis=1)
    for place in range(len(steps) - 1, -1, -1):
        words = steps[place]
        codes[words] = last[: len(words)]
        last[: len(words)] = pointers[words, codes[words]]
    return codes
