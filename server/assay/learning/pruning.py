"""Pruning: smaller models, by leaving out the weights and features that matter least.

Of a model of weights the ones of the smallest magnitude become zero, over all classes together;
features that have no weight left are not computed any more; what is left is stored and used
sparse. Of an ensemble of trees the last rounds are dropped. A model pruned to a sparsity takes at
most ALLOWANCE · (1 − sparsity) of the bytes that it had, to which end more is left out than was
asked for where labels, frequencies and the like take up their part.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from assay.learning.artifact import Artifact
from assay.learning.errors import DataError
from assay.learning.feature_block import pack_matrix, unpack_matrix
from assay.learning.hyperparameter import HyperparameterError
from assay.learning.learner import EpochLearner, State
from assay.learning.model import Model
from assay.learning.sparse_weights import dense, rounded

ALLOWANCE: Final = 1.2
FIELD: Final = "target_sparsity"
WEIGHTS: Final = "weights"  # of a state: (features, outputs)
_BEFORE: Final = "before_pruning"  # a fact of a pruned state: its weights and bytes when dense


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """A pruned model and what it takes, beside the model before it was first pruned."""

    model: Model
    weights: int  # or trees, in all
    kept: int  # of them, now
    kept_before: int  # of them, by the version that was pruned
    bytes_before: int  # of the artifact when nothing was left out
    bytes_after: int

    @property
    def sparsity(self) -> float:
        """Return the part that was left out, in [0, 1)."""
        return 1.0 - self.kept / self.weights


def check_sparsity(value: object) -> float:
    """Return a target sparsity; raises HyperparameterError for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise HyperparameterError(
            FIELD, f"{FIELD} is {value!r:.100}; allowed is a number from 0 to less than 1"
        )
    return float(value)


def sparsity_of_size(model: Model, most_bytes: int) -> float:
    """Return the target sparsity at which a model takes at most so many bytes."""
    return min(max(0.0, 1 - most_bytes / (ALLOWANCE * _whole(model).bytes)), 1 - 2.0**-53)


def prune(model: Model, target_sparsity: float) -> Pruned:
    """Return a model pruned to a sparsity, or a little beyond it.

    Raises:
        HyperparameterError: no sparsity, or one that the model has already passed.
        DataError: the model cannot be made so small, or has numbers that are not finite.
    """
    target = check_sparsity(target_sparsity)
    whole = _whole(model)
    weights = dense(unpack_matrix(WEIGHTS, model.state))
    if not np.isfinite(weights).all():
        raise DataError("the version has weights that are not finite; train it again")
    present = int(np.count_nonzero(weights))
    keep = max(1, int(whole.weights * (1 - target)))
    if not target:
        return whole.pruned(model, present, present)
    if _BEFORE in model.state.facts and keep >= present:
        raise HyperparameterError(
            FIELD,
            f"{FIELD} is {target:g}; the version is pruned to {1 - present / whole.weights:.4g}"
            " already, so allowed is more than that",
        )
    order = np.argsort(-np.abs(weights), axis=None, kind="stable")
    most_bytes = int(ALLOWANCE * (1 - target) * whole.bytes)
    found = _largest(model, weights, order[: min(keep, present)], whole, most_bytes)
    if found is None:
        least = len(_kept(model, weights, order[:1], whole).encode())
        most = max(0, math.floor(1e4 * (1 - least / (ALLOWANCE * whole.bytes))) / 1e4)
        raise DataError(
            f"{FIELD} {target:g} is out of reach: a version of one weight takes {least} bytes, and"
            f" {most_bytes} would be left of {whole.bytes}. Allowed is up to about {most:g}"
        )
    kept = int(np.count_nonzero(dense(unpack_matrix(WEIGHTS, found.state))))
    return whole.pruned(found, kept, present)


def tuning_start(model: Model, learner: EpochLearner, seed: int) -> State:
    """Return the state from which a pruned model is trained on; weights that are gone stay away."""
    start = learner.start(seed)
    kept = {name: one for name, one in start.arrays.items() if name not in model.state.arrays}
    kept.pop(WEIGHTS, None)
    return replace(start, arrays={**kept, **model.state.arrays})


def tuned(pruned: Model, finished: State) -> Model:
    """Return a pruned model with the weights that it has after it was trained on.

    Raises DataError for numbers that are not finite.
    """
    weights = unpack_matrix(WEIGHTS, finished)
    if not all(np.isfinite(array).all() for array in finished.arrays.values()):
        raise DataError("training on diverged; use a smaller learning_rate")
    assert isinstance(weights, sparse.csr_array)
    same = replace(finished, facts=pruned.state.facts)
    return replace(pruned, state=_with_weights(same, _rounded(weights)))


@dataclass(frozen=True, kw_only=True)
class _Whole:
    """A model before it was first pruned."""

    weights: int
    bytes: int

    def pruned(self, model: Model, kept: int, kept_before: int) -> Pruned:
        return Pruned(
            model=model,
            weights=self.weights,
            kept=kept,
            kept_before=kept_before,
            bytes_before=self.bytes,
            bytes_after=len(model.encode()),
        )


def _whole(model: Model) -> _Whole:
    if _BEFORE in model.state.facts:
        return _Whole(**model.state.facts[_BEFORE])
    shape = unpack_matrix(WEIGHTS, model.state).shape
    return _Whole(weights=math.prod(shape), bytes=len(model.encode()))


def _largest(
    model: Model,
    weights: NDArray[np.float32],
    order: NDArray[np.intp],
    whole: _Whole,
    most_bytes: int,
) -> Model | None:
    """Return the model with as many weights, the first of `order`, as the bytes allow."""
    found = _kept(model, weights, order, whole)
    if len(found.encode()) <= most_bytes:
        return found
    best, few, many = None, 0, len(order)
    while many - few > max(1, few // 64):
        middle = (few + many) // 2
        found = _kept(model, weights, order[:middle], whole)
        if len(found.encode()) <= most_bytes:
            best, few = found, middle
        else:
            many = middle
    return best


def _kept(
    model: Model, weights: NDArray[np.float32], places: NDArray[np.intp], whole: _Whole
) -> Model:
    """Return a model with the weights at these places alone, and the features that have some."""
    kept = np.zeros_like(weights)
    kept.flat[places] = weights.flat[places]
    columns = np.flatnonzero(kept.any(axis=1))
    facts = {**model.state.facts, _BEFORE: {"weights": whole.weights, "bytes": whole.bytes}}
    state = replace(model.state, facts=facts)
    return replace(
        model,
        featurizer=model.featurizer.select(columns),
        state=_with_weights(state, _rounded(sparse.csr_array(kept[columns]))),
    )


def _with_weights(state: Artifact, weights: sparse.csr_array) -> State:
    others = {
        name: array for name, array in state.arrays.items() if name.partition(".")[0] != WEIGHTS
    }
    return replace(state, arrays={**others, **pack_matrix(WEIGHTS, weights)})


def _rounded(weights: sparse.csr_array) -> sparse.csr_array:
    return sparse.csr_array((rounded(weights.data), weights.indices, weights.indptr), weights.shape)
