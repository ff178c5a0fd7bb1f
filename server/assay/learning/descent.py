"""Steps of a linear model's weights while an epoch runs: of gradient descent, or of Adam.

On sparse features a step is one of gradient descent and touches only the columns that its batch
has; the decay of all weights is one factor. On dense features it is one of AdamW.

    step = learning_rate * factor of the schedule * 2e5   (sparse)   or   * 200   (dense)
    decay = learning_rate * factor of the schedule * 200 * weight_decay, of each weight a step
"""

from __future__ import annotations

import math
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from assay.learning.adam import Adam
from assay.learning.artifact import Artifact
from assay.learning.feature_block import Matrix, pack_matrix, unpack_matrix
from assay.learning.hyperparameters import Hyperparameters
from assay.learning.learner import State
from assay.learning.schedule import Schedule

KIND = "state"
SPARSE_STEP: Final = 2e5  # of gradient descent, at learning_rate 1
DENSE_STEP: Final = 200.0  # of Adam, and of decay
_SMALL = 1e-3  # below this the factor of decay is moved into the weights

Floats = NDArray[np.float32]


class Descent(Protocol):
    """The weights of a state, as copies that steps change.

    Of a pruned model, whose weights are sparse, only those that it kept are trained.
    """

    def outputs(self, features: Matrix) -> Floats:
        """Return (chunks, outputs) sums of the weighted features of a batch."""

    def step(self, features: Matrix, errors: Floats, schedule: Schedule) -> None:
        """Move the weights against the gradient of the batch whose outputs were asked for last.

        Args:
            features: Of the batch.
            errors: (chunks, outputs), the gradient of the mean loss by the outputs.
            schedule: The course of the learning rate.
        """

    @property
    def is_finite(self) -> bool:
        """Return whether all weights are finite."""

    def state(self) -> State:
        """Return what the next epoch starts from."""


def descent_of(hyperparameters: Hyperparameters, state: State, features: Matrix) -> Descent:
    """Return the steps that suit the features."""
    kind = SparseDescent if sparse.issparse(features) else DenseDescent
    return kind(hyperparameters, state)


class SparseDescent:
    """Gradient descent on sparse features."""

    def __init__(self, hyperparameters: Hyperparameters, state: State) -> None:
        self._given = hyperparameters
        self._before = state
        self._weights, self._pattern = trainable(state)
        self._mask = None if self._pattern is None else mask_of(self._pattern)
        self._intercepts: Floats = state.arrays["intercepts"].copy()
        self._steps = int(state.facts.get("steps", 0))
        self._decay = 1.0  # the weights are this times `_weights`
        self._columns: NDArray[np.int64] = np.empty(0, np.int64)  # that the last batch has
        self._touched: Floats = self._weights[:0]  # their weights
        self._batch: Any = None  # its features in these columns

    def outputs(self, features: Matrix) -> Floats:
        """Return (chunks, outputs) sums of the weighted features of a batch."""
        assert sparse.issparse(features)
        has = np.zeros(features.shape[1], np.bool_)
        has[features.indices] = True
        self._columns = np.flatnonzero(has)
        place = np.cumsum(has, dtype=np.int32) - np.int32(1)
        self._touched = self._weights[self._columns]
        self._batch = sparse.csr_array(
            (features.data, place[features.indices], features.indptr),
            shape=(features.shape[0], len(self._columns)),
        )
        found = np.asarray(self._batch @ self._touched, np.float32)
        if self._decay != 1.0:
            found *= np.float32(self._decay)
        found += self._intercepts
        return found

    def step(self, features: Matrix, errors: Floats, schedule: Schedule) -> None:  # noqa: ARG002 — in the columns that it has they were kept
        """Move the weights of the columns that the batch has."""
        rate = self._given.number("learning_rate") * schedule.factor(self._steps)
        self._steps += 1
        gradient = np.asarray(self._batch.T @ errors, np.float32)
        of_intercepts = errors.sum(axis=0)
        size = rate * SPARSE_STEP * self._clipping(gradient, of_intercepts)
        self._decay *= 1.0 - min(1.0, rate * DENSE_STEP * self._given.number("weight_decay"))
        if self._decay < _SMALL:
            self._weights *= np.float32(self._decay)
            self._touched *= np.float32(self._decay)
            self._decay = 1.0
        gradient *= np.float32(size / self._decay)
        if self._mask is not None:
            gradient *= self._mask[self._columns]
        self._touched -= gradient
        self._weights[self._columns] = self._touched
        self._intercepts -= np.float32(size) * of_intercepts

    def _clipping(self, *gradients: Floats) -> float:
        """Return the factor that brings the gradient down to max_grad_norm."""
        most = self._given.number("max_grad_norm")
        norm = math.sqrt(sum(float(np.vdot(one, one)) for one in gradients))
        return most / norm if 0 < most < norm else 1.0

    @property
    def is_finite(self) -> bool:
        """Return whether all weights are finite."""
        return bool(np.isfinite(self._weights).all() and np.isfinite(self._intercepts).all())

    def state(self) -> State:
        """Return what the next epoch starts from."""
        whole = np.asarray(self._weights * np.float32(self._decay), np.float32)
        arrays = {**stored(whole, self._pattern), "intercepts": self._intercepts}
        return _state(self._before, self._steps, arrays)


class DenseDescent:
    """AdamW on dense features."""

    def __init__(self, hyperparameters: Hyperparameters, state: State) -> None:
        self._rate = hyperparameters.number("learning_rate") * DENSE_STEP
        self._before = state
        weights, self._pattern = trainable(state)
        self._adam = Adam(
            hyperparameters,
            {"weights": weights, "intercepts": state.arrays["intercepts"]},
            moments=state.arrays,
            steps=int(state.facts.get("steps", 0)),
            decayed=frozenset({"weights"}),
            masks={} if self._pattern is None else {"weights": mask_of(self._pattern)},
        )

    def outputs(self, features: Matrix) -> Floats:
        """Return (chunks, outputs) sums of the weighted features of a batch."""
        found = np.asarray(features @ self._adam.values["weights"], np.float32)
        found += self._adam.values["intercepts"]
        return found

    def step(self, features: Matrix, errors: Floats, schedule: Schedule) -> None:
        """Move all weights."""
        rate = self._rate * schedule.factor(self._adam.steps)
        gradients = {
            "weights": np.asarray(features.T @ errors, np.float32),
            "intercepts": errors.sum(axis=0),
        }
        self._adam.step(gradients, dict.fromkeys(gradients, rate))

    @property
    def is_finite(self) -> bool:
        """Return whether all weights are finite."""
        return self._adam.is_finite

    def state(self) -> State:
        """Return what the next epoch starts from."""
        arrays = {
            **stored(self._adam.values["weights"], self._pattern),
            "intercepts": self._adam.values["intercepts"],
            **self._adam.moments,
        }
        return _state(self._before, self._adam.steps, arrays)


def _state(before: State, steps: int, arrays: dict[str, NDArray[Any]]) -> State:
    return Artifact(kind=KIND, facts={**before.facts, "steps": steps}, arrays=arrays)


def trainable(state: State) -> tuple[Floats, sparse.csr_array | None]:
    """Return a state's weights as a dense copy, and of a pruned model those that it kept."""
    weights = unpack_matrix("weights", state)
    if sparse.issparse(weights):
        return np.asarray(weights.toarray(), np.float32), weights
    return np.array(weights, np.float32), None


def stored(whole: Floats, kept: sparse.csr_array | None) -> dict[str, NDArray[Any]]:
    """Return the weights as arrays: all, or those that a pruned model kept."""
    if kept is None:
        return pack_matrix("weights", whole)
    rows = np.repeat(np.arange(kept.shape[0]), np.diff(kept.indptr))
    data: Floats = whole[rows, kept.indices]
    return pack_matrix(
        "weights", sparse.csr_array((data, kept.indices, kept.indptr), shape=kept.shape)
    )


def mask_of(pattern: sparse.csr_array) -> Floats:
    """Return 1 where a pruned model kept a weight, else 0."""
    kept = np.ones(len(pattern.data), np.float32)
    whole = sparse.csr_array((kept, pattern.indices, pattern.indptr), shape=pattern.shape)
    return np.asarray(whole.toarray(), np.float32)
