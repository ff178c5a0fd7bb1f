"""Linear models, trained by minibatches: softmax for classes, least squares for numbers.

Sparse rows are expected to have a length near 1, dense columns to be standardized; then the default
learning rate suits both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from assay.learning.artifact import Artifact
from assay.learning.calibration import Calibration
from assay.learning.class_scores import class_predictions, softmax
from assay.learning.descent import KIND, descent_of
from assay.learning.errors import DamagedArtifact, DataError, Diverged
from assay.learning.feature_block import (
    UNKNOWN,
    Blocks,
    FeatureBlock,
    Matrix,
    unpack_matrix,
)
from assay.learning.hyperparameters import Hyperparameters
from assay.learning.learner import State
from assay.learning.predictions import Predictions, ValuePredictions
from assay.learning.row_order import Sample, batches
from assay.learning.schedule import Schedule

MAX_WEIGHTS = 1 << 25
_ROWS = 256  # dense rows are multiplied so many at a time, so that a row's bits are its own

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class LinearLearner:
    """A linear model of classes, or without labels of a number."""

    hyperparameters: Hyperparameters
    columns: int
    labels: tuple[str, ...] = ()
    class_weights: NDArray[np.float64] = field(default_factory=lambda: np.ones(0))  # (classes,)
    priors: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))  # first intercepts
    target_mean: float = 0.0
    target_scale: float = 1.0

    def __post_init__(self) -> None:
        weights = self.columns * self.outputs
        if weights > MAX_WEIGHTS:
            raise DataError(
                f"{self.outputs} classes times {self.columns} features are {weights} weights; at"
                f" most {MAX_WEIGHTS} are allowed. Use fewer classes or fewer features"
            )

    @property
    def outputs(self) -> int:
        """Return the number of columns of weights."""
        return len(self.labels) or 1

    def start(self, seed: int) -> State:
        """Return weights of zero; the intercepts are the classes' frequencies."""
        shape = (self.columns, self.outputs)
        return Artifact(
            kind=KIND,
            facts={"seed": seed, "steps": 0},
            arrays={
                "weights": np.zeros(shape, np.float32),
                "intercepts": self.priors.astype(np.float32),
            },
        )

    def epoch(self, state: State, blocks: Blocks, number: int) -> tuple[State, float]:
        """Return the state after one pass over the blocks, and the mean loss while it ran.

        Raises DataError when the weights are no longer finite, or no chunk has a target.
        """
        size = self.hyperparameters.integer("batch_size")
        size *= self.hyperparameters.integer("gradient_accumulation_steps")
        chunks = sum(block.chunks for block in blocks)
        schedule = Schedule.of(self.hyperparameters, -(-chunks // size))
        if not chunks:
            raise DataError("the training split has no rows")
        descent = descent_of(self.hyperparameters, state, blocks[0].features)
        loss, weight = 0.0, 0.0
        seed = int(state.facts["seed"])
        for sample in batches(blocks, size=size, seed=seed, epoch=number):
            part = self._known(sample)
            if not len(part.targets):
                continue
            errors, losses, weights = self._errors(descent.outputs(part.features), part.targets)
            loss += float(losses.sum())
            weight += float(weights.sum())
            descent.step(part.features, errors / np.float32(len(errors)), schedule)
        if not weight:
            raise DataError("no row of the training split has a known label")
        if not math.isfinite(loss) or not descent.is_finite:
            raise Diverged(number)
        return descent.state(), loss / weight

    def loss(self, state: State, blocks: Blocks) -> float:
        """Return the mean loss of the chunks that have a target; NaN when none has one."""
        losses: list[float] = []
        weights: list[float] = []
        for block in blocks:
            part = self._known(Sample(features=block.features, targets=block.targets))
            _, some, theirs = self._errors(outputs(state, part.features), part.targets)
            losses += some.tolist()
            weights += theirs.tolist()
        return math.fsum(losses) / math.fsum(weights) if losses else math.nan

    def predict(
        self, state: State, block: FeatureBlock, calibration: Calibration | None = None
    ) -> Predictions:
        """Return probabilities of classes, or numbers in the unit of the target."""
        found = outputs(state, block.features).astype(np.float64)
        if self.labels:
            return class_predictions(
                self.labels, softmax(found), block.row_ids, block.record_of, calibration
            )
        values = found[:, 0] * self.target_scale + self.target_mean
        return ValuePredictions(row_ids=tuple(block.row_ids), values=values)

    def finish(self, state: State) -> State:
        """Return the weights and intercepts alone."""
        keep = {
            name: array
            for name, array in state.arrays.items()
            if name.partition(".")[0] in {"weights", "intercepts"}
        }
        return Artifact(kind=KIND, arrays=keep, libraries=state.libraries)

    def check(self, state: State) -> None:
        """Raise DamagedArtifact unless the state has weights of these features and classes."""
        check_weights(state, self.columns, self.outputs)

    def _known(self, sample: Sample) -> Sample:
        """Return the chunks that have a target."""
        known = sample.targets != UNKNOWN if self.labels else ~np.isnan(sample.targets)
        return sample if known.all() else sample.rows(np.flatnonzero(known))

    def _errors(
        self, found: Floats, targets: NDArray[Any]
    ) -> tuple[Floats, NDArray[np.float64], NDArray[np.float64]]:
        """Return the loss's gradient by each output, the losses, and the weights in them."""
        if not self.labels:
            wanted = (targets - self.target_mean) / self.target_scale
            errors = found.astype(np.float64)[:, 0] - wanted
            return errors[:, np.newaxis].astype(np.float32), errors**2, np.ones(len(errors))
        probabilities = softmax(found)
        rows = np.arange(len(targets))
        weights = self.class_weights[targets]
        right = probabilities[rows, targets].astype(np.float64)
        losses = -np.log(np.maximum(right, np.finfo(np.float32).tiny)) * weights
        probabilities[rows, targets] -= np.float32(1)
        probabilities *= weights[:, np.newaxis].astype(np.float32)
        return probabilities, losses, weights


def outputs(state: State, features: Matrix) -> Floats:
    """Return (chunks, outputs) sums of weighted features; a row's bits do not depend on others."""
    weights = unpack_matrix("weights", state)
    found: Floats = product(features, weights) + state.arrays["intercepts"]
    return found


def check_weights(state: State, columns: int, outputs: int) -> None:
    """Raise DamagedArtifact unless a state has (columns, outputs) weights, and intercepts."""
    found = unpack_matrix("weights", state).shape
    if found != (columns, outputs) or state.arrays["intercepts"].shape != (outputs,):
        raise DamagedArtifact(
            f"the model has {found} weights; its features and classes need {(columns, outputs)}"
        )


def product(features: Matrix, weights: Matrix) -> Floats:
    """Return features @ weights, each row as if it were alone."""
    if sparse.issparse(weights):
        return np.asarray((sparse.csr_array(features) @ weights).todense(), np.float32)
    if sparse.issparse(features):
        return np.asarray(features @ weights, np.float32)
    found = np.empty((len(features), weights.shape[1]), np.float32)
    for start in range(0, len(features), _ROWS):
        rows = features[start : start + _ROWS]
        if len(rows) == _ROWS and rows.dtype == np.float32 and rows.flags.c_contiguous:
            np.matmul(rows, weights, out=found[start : start + _ROWS])
            continue
        padded = np.zeros((_ROWS, features.shape[1]), np.float32)
        padded[: len(rows)] = rows
        found[start : start + _ROWS] = (padded @ weights)[: len(rows)]
    return found


def class_weights(
    hyperparameters: Hyperparameters, counts: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Return each class's weight in the loss; of all chunks together their mean is 1.

    Args:
        hyperparameters: loss_type and class_weights_ins_power.
        counts: (classes,), training chunks of each class, at least 1.
    """
    if hyperparameters.text("loss_type") != "ce_ins":
        return np.ones(len(counts))
    # By logarithms of ratios: powers of large counts would be 0.
    power = hyperparameters.number("class_weights_ins_power")
    weights = np.exp(-power * np.log(counts / counts.min()))
    scaled: NDArray[np.float64] = weights * (counts.sum() / (weights * counts).sum())
    return scaled


def priors(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the logarithms of the classes' frequencies."""
    logarithms: NDArray[np.float64] = np.log(counts / counts.sum())
    return logarithms
