"""Pruning: smaller models, by leaving out the weights and features that matter least.

Of a model of weights the ones of the smallest magnitude become zero, over all classes together;
features that have no weight left are not computed any more; what is left is stored and used
sparse. Of an ensemble of trees the last rounds are dropped.

A model pruned to a sparsity takes at most ALLOWANCE · (1 − sparsity) of the bytes that it had. Where
frequencies, names and the like take up their part, more is left out than was asked for: single
weights, or whole features, whichever leaves the larger sum of squares.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from assay.learning.artifact import Artifact
from assay.learning.boosting import first_rounds, rounds
from assay.learning.errors import DataError
from assay.learning.feature_block import pack_matrix, unpack_matrix
from assay.learning.hyperparameter import HyperparameterError
from assay.learning.hyperparameter_table import GRADIENT_BOOSTING
from assay.learning.learner import EpochLearner, State
from assay.learning.model import Model
from assay.learning.sparse_weights import dense, rounded

ALLOWANCE: Final = 1.2
FIELD: Final = "target_sparsity"
WEIGHTS: Final = "weights"  # of a state: (features, outputs)
_BEFORE: Final = "before_pruning"  # a fact of a pruned state: what it had when nothing was left out


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """A pruned model and what it takes, beside the model before it was first pruned."""

    model: Model
    weights: int  # or rounds of trees, in all
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
    whole = _whole(model, _parts(model))
    return min(max(0.0, 1 - most_bytes / (ALLOWANCE * whole.bytes)), 1 - 2.0**-53)


def prune(model: Model, target_sparsity: float) -> Pruned:
    """Return a model pruned to a sparsity, or a little beyond it.

    Raises:
        HyperparameterError: no sparsity, or one that the model has already passed.
        DataError: the model cannot be made so small, or has numbers that are not finite.
    """
    target = check_sparsity(target_sparsity)
    parts = _parts(model)
    whole = _whole(model, parts)
    if not target:
        return _pruned(model, whole, parts.present, parts.present)
    keep = max(1, int(whole.parts * (1 - target)))
    if _BEFORE in model.state.facts and keep >= parts.present:
        raise HyperparameterError(
            FIELD,
            f"{FIELD} is {target:g}; the version is pruned to"
            f" {1 - parts.present / whole.parts:.4g} already, so allowed is more than that",
        )
    most_bytes = int(ALLOWANCE * (1 - target) * whole.bytes)
    found = _largest(parts, min(keep, parts.present), whole, most_bytes)
    if isinstance(parts, _Weights) and (found is None or _parts(found).present < keep):
        by_feature = _largest(
            replace(parts, by_feature=True), min(keep, parts.total), whole, most_bytes
        )
        found = max((one for one in (found, by_feature) if one), key=_energy, default=None)
    if found is None:
        least = len(_taken(parts, 1, whole).encode())
        most = max(0, math.floor(1e4 * (1 - least / (ALLOWANCE * whole.bytes))) / 1e4)
        raise DataError(
            f"{FIELD} {target:g} is out of reach: a version of one {parts.noun} takes {least}"
            f" bytes, and {most_bytes} would be left of {whole.bytes}. Allowed is up to about"
            f" {most:g}"
        )
    return _pruned(found, whole, _parts(found).present, parts.present)


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


class _Parts(Protocol):
    """What a model can be made smaller by."""

    @property
    def noun(self) -> str:
        """What one of them is."""

    @property
    def total(self) -> int:
        """How many there are, zeros included."""

    @property
    def present(self) -> int:
        """How many it has."""

    def take(self, count: int) -> Model:
        """Return the model with so many of them, those that matter most."""


@dataclass(frozen=True, kw_only=True)
class _Weights:
    """The weights of a model, the largest first."""

    model: Model
    by_feature: bool = False  # whole features, by the largest length of their weights
    noun: str = "weight"

    @cached_property
    def _dense(self) -> NDArray[np.float32]:
        weights = dense(unpack_matrix(WEIGHTS, self.model.state))
        if not np.isfinite(weights).all():
            raise DataError("the version has weights that are not finite; train it again")
        return weights

    @cached_property
    def _order(self) -> NDArray[np.intp]:
        if not self.by_feature:
            return np.argsort(-np.abs(self._dense), axis=None, kind="stable")
        lengths = np.square(self._dense, dtype=np.float64).sum(axis=1)
        features = np.argsort(-lengths, kind="stable")
        outputs = self._dense.shape[1]
        places: NDArray[np.intp] = features[:, np.newaxis] * outputs + np.arange(outputs)
        return places.reshape(-1)

    @property
    def total(self) -> int:
        return self._dense.size

    @cached_property
    def present(self) -> int:
        return int(np.count_nonzero(self._dense))

    def take(self, count: int) -> Model:
        """Return the model without other weights, and without features that have none left."""
        kept = np.zeros_like(self._dense)
        places = self._order[:count]
        kept.flat[places] = self._dense.flat[places]
        columns = np.flatnonzero(kept.any(axis=1))
        weights = _rounded(sparse.csr_array(kept[columns]))
        return replace(
            self.model,
            featurizer=self.model.featurizer.select(columns),
            state=_with_weights(self.model.state, weights),
        )


@dataclass(frozen=True, kw_only=True)
class _Rounds:
    """The rounds of an ensemble of trees, from the first on."""

    model: Model
    noun: str = "round of trees"

    @property
    def total(self) -> int:
        return rounds(self.model.state)

    @property
    def present(self) -> int:
        return self.total

    def take(self, count: int) -> Model:
        """Return the model without the last rounds."""
        return replace(self.model, state=first_rounds(self.model.state, count))


@dataclass(frozen=True, kw_only=True)
class _Whole:
    """A model before it was first pruned."""

    parts: int
    bytes: int


def _parts(model: Model) -> _Parts:
    if model.hyperparameters.algorithm == GRADIENT_BOOSTING:
        return _Rounds(model=model)
    return _Weights(model=model)


def _whole(model: Model, parts: _Parts) -> _Whole:
    if _BEFORE in model.state.facts:
        return _Whole(**model.state.facts[_BEFORE])
    return _Whole(parts=parts.total, bytes=len(model.encode()))


def _pruned(model: Model, whole: _Whole, kept: int, kept_before: int) -> Pruned:
    return Pruned(
        model=model,
        weights=whole.parts,
        kept=kept,
        kept_before=kept_before,
        bytes_before=whole.bytes,
        bytes_after=len(model.encode()),
    )


def _energy(model: Model) -> float:
    """Return the sum of the squares of a model's weights."""
    weights = dense(unpack_matrix(WEIGHTS, model.state))
    return float(np.square(weights, dtype=np.float64).sum())


def _taken(parts: _Parts, count: int, whole: _Whole) -> Model:
    """Return the model with so many parts, which remembers what it was."""
    model = parts.take(count)
    facts = {**model.state.facts, _BEFORE: {"parts": whole.parts, "bytes": whole.bytes}}
    return replace(model, state=replace(model.state, facts=facts))


def _largest(parts: _Parts, most: int, whole: _Whole, most_bytes: int) -> Model | None:
    """Return the model with as many parts, up to `most`, as the bytes allow; None: not one."""
    found = _taken(parts, most, whole)
    if len(found.encode()) <= most_bytes:
        return found
    best, few, many = None, 0, most
    while many - few > max(1, few // 64):
        middle = (few + many) // 2
        found = _taken(parts, middle, whole)
        if len(found.encode()) <= most_bytes:
            best, few = found, middle
        else:
            many = middle
    return best


def _with_weights(state: Artifact, weights: sparse.csr_array) -> State:
    others = {
        name: array for name, array in state.arrays.items() if name.partition(".")[0] != WEIGHTS
    }
    return replace(state, arrays={**others, **pack_matrix(WEIGHTS, weights)})


def _rounded(weights: sparse.csr_array) -> sparse.csr_array:
    return sparse.csr_array((rounded(weights.data), weights.indices, weights.indptr), weights.shape)
