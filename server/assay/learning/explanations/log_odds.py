"""Log-odds of classes, as sums over what decision values are sums of.

A classifier adds up decision values z, one a class, for each chunk of a record; their softmax is
the chunk's probabilities, and the mean over chunks the record's, p. What explanations explain is

    log(p / (1 - p)),

of a calibrated model the same times the class's slope plus its intercept: what its sigmoid is
taken of, before probabilities are scaled to a sum of 1. In two classes and one chunk it is the
difference of two decision values. In general it is no sum of them, so the gradient by each is
averaged on the straight way from the base to the input (Aumann and Shapley, 1974; known as
integrated gradients): times how far each decision value went, it adds up to the difference of the
log-odds. The average is taken at a few points; what they miss is spread in proportion.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from assay.learning.calibration import Sigmoids, log_odds
from assay.learning.class_scores import softmax
from assay.learning.predictions import ClassPredictions, Predictions, ValuePredictions

Floats = NDArray[np.float64]

TOP_CLASSES: Final = 5  # explained of each input, the most probable first
NEAR: Final = 2.0**-24  # what is nearer to 0 counts as this: float32 is no finer near 1
_POINTS: Final = 6
_FAR: Final = 300.0  # of decision values: differences further on leave no trace in float64
_TINY: Final = np.finfo(np.float64).tiny


@dataclass(frozen=True, kw_only=True)
class ClassLogOdds:
    """The log-odds of the explained classes of records, and their gradients by decision values."""

    classes: NDArray[np.int64]  # (records, explained), the most probable first
    bases: Floats  # (records, explained), of a record that holds nothing
    totals: Floats  # (records, explained)
    gradients: Floats  # (chunks, explained, classes), averaged on the way from base to total


def top_classes(probabilities: Floats, count: int) -> NDArray[np.int64]:
    """Return the (records, explained) most probable classes, of equal ones the first."""
    order: NDArray[np.int64] = np.argsort(-probabilities, axis=1, kind="stable")[:, :count]
    return order


def class_log_odds(
    values: Floats,
    start: Floats,
    record_of: NDArray[np.integer],
    sigmoids: Sigmoids | None,
    count: int,
) -> ClassLogOdds:
    """Return the log-odds of the `count` most probable classes of each record.

    Args:
        values: (chunks, classes) decision values.
        start: (classes,) those of a chunk that holds nothing.
        record_of: (chunks,) the number of each chunk's record, rising; each has one at least.
        sigmoids: The calibration of records.
        count: How many classes are explained.
    """
    found = _means(softmax(values), record_of)
    first = np.broadcast_to(softmax(start[np.newaxis]), found.shape)
    classes = top_classes(found if sigmoids is None else sigmoids.apply(found), count)
    slopes = np.ones(len(start)) if sigmoids is None else sigmoids.slopes
    intercepts = np.zeros(len(start)) if sigmoids is None else sigmoids.intercepts
    gradients = _gradients(values, start, record_of, classes)
    gradients *= slopes[classes][record_of][..., np.newaxis]
    bases, totals = (
        np.take_along_axis(log_odds(p) * slopes + intercepts, classes, axis=1)
        for p in (first, found)
    )
    return ClassLogOdds(classes=classes, bases=bases, totals=totals, gradients=gradients)


def decision_log_odds(values: Floats, codes: NDArray[np.int64]) -> Floats:
    """Return the (rows, codes) log-odds of some classes by (rows, classes) decision values."""
    found = np.empty((len(values), len(codes)))
    for place, code in enumerate(codes.tolist()):
        others = np.delete(values, code, axis=1)
        most = others.max(axis=1)
        rest = np.log(np.exp(others - most[:, np.newaxis]).sum(axis=1))
        found[:, place] = values[:, code] - most - rest
    return found


def sampled_log_odds(found: Predictions) -> Floats:
    """Return the (rows, classes) log-odds of any predictor, or its numbers as (rows, 1).

    Probabilities near 1 are often rounded to it, those near 0 are not: so what is against the most
    probable class is the sum of the others.
    """
    if isinstance(found, ValuePredictions):
        return found.values[:, np.newaxis]
    assert isinstance(found, ClassPredictions)
    chances = found.probabilities
    rows, most = np.arange(len(chances)), np.argmax(chances, axis=1)
    others = chances.copy()
    others[rows, most] = 0.0
    against = 1.0 - chances
    against[rows, most] = others.sum(axis=1)
    odds: Floats = np.log(np.maximum(chances, NEAR)) - np.log(np.maximum(against, NEAR))
    return odds


def settled(scores: Floats, record_of: NDArray[np.integer], differences: Floats) -> Floats:
    """Return scores that add up to the differences, spreading what is missing in proportion.

    Args:
        scores: (explained, parts of all records).
        record_of: (parts,), the record of each.
        differences: (records, explained), what the parts of each are to add up to.
    """
    count = len(differences)
    sizes = np.abs(scores)
    found = np.empty_like(scores)
    for place, difference in enumerate(differences.T):
        missing = difference - np.bincount(record_of, scores[place], count)
        whole = np.bincount(record_of, sizes[place], count)
        share = np.divide(missing, whole, where=whole > 0, out=np.zeros(count))
        found[place] = scores[place] + sizes[place] * share[record_of]
    return found


def settled_row(scores: Floats, difference: Floats) -> Floats:
    """Return the (explained, parts) scores of one record, as `settled` does."""
    return settled(scores, np.zeros(scores.shape[1], np.int64), difference[np.newaxis])


def _means(probabilities: Floats, record_of: NDArray[np.integer]) -> Floats:
    """Return (records, …) means over the chunks of each record."""
    if record_of[-1:].sum() + 1 == len(record_of):
        return probabilities
    counts = np.bincount(record_of)
    sums = np.add.reduceat(probabilities, np.cumsum(counts) - counts, axis=0)
    means: Floats = sums / counts.reshape(-1, *[1] * (sums.ndim - 1))
    return means


def _gradients(
    values: Floats, start: Floats, record_of: NDArray[np.integer], classes: NDArray[np.int64]
) -> Floats:
    """Return (chunks, explained, classes) gradients of log(p / (1 - p)) by decision values.

    Where a chunk's values go further than _FAR, nothing changes on the rest of the way.
    """
    way = values - start
    part = _FAR / np.maximum(np.abs(way).max(axis=1, keepdims=True, initial=0.0), _FAR)
    way *= part
    sizes = np.bincount(record_of)[record_of][:, np.newaxis]
    own = classes[record_of]
    found = np.zeros((*own.shape, values.shape[1]))
    steepest = np.zeros(own.shape)
    for at, weight in _points():
        shares = softmax(start + at * way)
        others = np.repeat(shares[:, np.newaxis], own.shape[1], axis=1)
        np.put_along_axis(others, own[..., np.newaxis], 0.0, axis=2)
        chance = np.take_along_axis(shares, own, axis=1)
        rest = others.sum(axis=2)  # 1 - chance would cancel
        p, q = (_means(part, record_of)[record_of] for part in (chance, rest))
        chance *= weight / np.maximum(sizes * p * q, _TINY)
        steepest += chance * rest
        others *= chance[..., np.newaxis]
        found -= others
    np.put_along_axis(found, own[..., np.newaxis], steepest[..., np.newaxis], axis=2)
    found *= part[..., np.newaxis]
    return found


@cache
def _points() -> tuple[tuple[float, float], ...]:
    """Return places in [0, 1] and weights that sum to 1 (Gauss and Legendre's)."""
    places, weights = np.polynomial.legendre.leggauss(_POINTS)
    return tuple(zip(((places + 1) / 2).tolist(), (weights / 2).tolist(), strict=True))
