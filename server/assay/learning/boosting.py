"""Histogram gradient boosting by scikit-learn, kept as arrays.

scikit-learn makes the trees. Their nodes, bitsets of categories and the baseline are stored as plain
arrays, checked when they are read, and handed to scikit-learn's own predictor, so that the bits of
a prediction are those of the estimator that was trained.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from threadpoolctl import threadpool_limits

from assay.learning.artifact import Artifact
from assay.learning.calibration import Calibration
from assay.learning.class_scores import class_predictions, softmax
from assay.learning.errors import DamagedArtifact, DataError
from assay.learning.feature_block import UNKNOWN, Blocks, FeatureBlock
from assay.learning.hyperparameters import Hyperparameters
from assay.learning.learner import Fit, State
from assay.learning.predictions import Predictions, ValuePredictions

if TYPE_CHECKING:
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

KIND = "state"
MAX_VALUES = 20_000_000  # rows times features, which are in memory at once
_NODE: Final = {
    "value": "<f8",
    "feature_idx": "<i4",
    "num_threshold": "<f8",
    "missing_go_to_left": "|u1",
    "left": "<u4",
    "right": "<u4",
    "is_leaf": "|u1",
    "is_categorical": "|u1",
    "bitset_idx": "<u4",
}
_BITSET = 8  # words of 32 bits

Floats = NDArray[np.float64]
_Rows = tuple[Floats, NDArray[Any]]  # features and targets


@dataclass(frozen=True, kw_only=True)
class BoostingLearner:
    """Gradient boosting of classes, or without labels of a number."""

    hyperparameters: Hyperparameters
    categorical: NDArray[np.bool_]  # (features,), which hold numbers of categories
    labels: tuple[str, ...] = ()
    class_weights: NDArray[np.float64] = field(default_factory=lambda: np.ones(0))  # (classes,)

    @property
    def outputs(self) -> int:
        """Return the trees of a round."""
        return len(self.labels) if len(self.labels) > 2 else 1

    def fit(self, blocks: Blocks, validation: Blocks, seed: int) -> Fit:
        """Return the trees of the rounds up to the one of the lowest validation loss.

        Without early stopping, or rows to validate on, all rounds are kept. Raises DataError for
        more rows than fit into memory.
        """
        # One thread: sums do not depend on the machine, and no pool of processes is started.
        with threadpool_limits(limits=1, user_api="openmp"):
            return self._fit(self._gathered(blocks), self._gathered(validation), seed)

    def _fit(self, train: _Rows, held_out: _Rows, seed: int) -> Fit:
        features, targets = train
        if not len(targets):
            raise DataError("no row of the training split has a known label")
        patience = self.hyperparameters.integer("early_stopping_patience")
        stops = patience > 0 and len(held_out[1]) > 0
        estimator = self._estimator(seed, patience if stops else 0)
        weights = self._weights(targets)
        if stops:
            estimator.fit(
                features,
                targets,
                sample_weight=weights,
                X_val=held_out[0],
                y_val=held_out[1],
                sample_weight_val=self._weights(held_out[1]),
            )
        else:
            estimator.fit(features, targets, sample_weight=weights)
        trained = self._losses(estimator, features, targets)
        validated = self._losses(estimator, *held_out) if len(held_out[1]) else ()
        rounds = int(np.argmin(validated)) + 1 if stops else len(trained)
        return Fit(
            state=_state(estimator, rounds),
            train_losses=trained,
            validation_losses=validated,
        )

    def _estimator(self, seed: int, patience: int) -> Any:
        from sklearn import ensemble  # noqa: PLC0415  # a second and 80 MB, which a server does without

        given = self.hyperparameters
        classifier = ensemble.HistGradientBoostingClassifier
        kind = classifier if self.labels else ensemble.HistGradientBoostingRegressor
        return kind(
            learning_rate=given.number("learning_rate"),
            max_iter=given.integer("num_train_epochs"),
            max_leaf_nodes=given.integer("max_leaf_nodes"),
            max_depth=given.integer("max_depth") or None,
            min_samples_leaf=given.integer("min_samples_leaf"),
            l2_regularization=given.number("l2_regularization"),
            max_bins=given.integer("max_bins"),
            categorical_features=self.categorical,
            early_stopping=patience > 0,
            n_iter_no_change=max(1, patience),
            scoring="loss",
            random_state=seed,
        )

    def _gathered(self, blocks: Blocks) -> _Rows:
        """Return the features and targets of all rows that have one."""
        rows = sum(block.chunks for block in blocks)
        columns = len(self.categorical)
        if rows * columns > MAX_VALUES:
            raise DataError(
                f"gradient boosting holds all rows in memory: {rows} rows times {columns} features"
                f" are {rows * columns} values; at most {MAX_VALUES} are allowed. Use the algorithm"
                " linear, or fewer rows"
            )
        features = np.empty((rows, columns))
        targets = np.empty(rows, np.int32 if self.labels else np.float64)
        at = 0
        for block in blocks:
            features[at : at + block.chunks] = np.asarray(block.features)
            targets[at : at + block.chunks] = block.targets
            at += block.chunks
        known = targets != UNKNOWN if self.labels else ~np.isnan(targets)
        return (features, targets) if known.all() else (features[known], targets[known])

    def _weights(self, targets: NDArray[Any]) -> Floats | None:
        """Return the rows' weights; None when all are alike."""
        if not self.labels or (self.class_weights == 1).all():
            return None
        weights: Floats = self.class_weights[targets]
        return weights

    def _losses(self, estimator: Any, features: Floats, targets: NDArray[Any]) -> tuple[float, ...]:
        """Return the mean loss after each round."""
        staged = estimator.staged_predict_proba if self.labels else estimator.staged_predict
        return tuple(self._mean_loss(found, targets) for found in staged(features))

    def _mean_loss(self, found: Floats, targets: NDArray[Any]) -> float:
        if not self.labels:
            return float(np.mean((found - targets) ** 2))
        weights = self.class_weights[targets]
        right = np.maximum(found[np.arange(len(targets)), targets], np.finfo(np.float32).tiny)
        return float((-np.log(right) * weights).sum() / weights.sum())

    def loss(self, state: State, blocks: Blocks) -> float:
        """Return the mean loss of the rows that have a target; NaN when none has one."""
        features, targets = self._gathered(blocks)
        if not len(targets):
            return math.nan
        found = raw_predictions(state, features)
        return self._mean_loss(self._probabilities(found) if self.labels else found[:, 0], targets)

    def predict(
        self, state: State, block: FeatureBlock, calibration: Calibration | None = None
    ) -> Predictions:
        """Return probabilities of classes, or numbers, with the bits of scikit-learn's."""
        found = raw_predictions(state, np.asarray(block.features, np.float64))
        if not self.labels:
            return ValuePredictions(row_ids=tuple(block.row_ids), values=found[:, 0].copy())
        probabilities = self._probabilities(found)
        return class_predictions(
            self.labels, probabilities, block.row_ids, block.record_of, calibration
        )

    def _probabilities(self, found: Floats) -> Floats:
        if self.outputs > 1 and len(found) == 1:
            # Contiguous either way, it would be summed in another order than a row among others.
            return softmax(np.asfortranarray(np.repeat(found, 2, axis=0)))[:1]
        if self.outputs > 1:
            return softmax(found)
        positive: Floats = expit(found[:, 0])
        return np.column_stack([1 - positive, positive])

    def finish(self, state: State) -> State:
        """Return the state, all of which predictions need."""
        return state

    def check(self, state: State) -> None:
        """Raise DamagedArtifact unless the trees are whole: no walk leaves them, or never ends."""
        arrays, nodes = state.arrays, len(state.arrays["value"])
        ends = arrays["node_ends"]
        whole = (
            all(arrays[name].shape == (nodes,) for name in _NODE)
            and _cover(ends, nodes)
            and _cover(arrays["bitset_ends"], len(arrays["bitsets"]))
            and len(ends) == len(arrays["bitset_ends"])
            and len(ends) % self.outputs == 0
            and arrays["baseline"].shape == (self.outputs,)
            and arrays["bitsets"].shape[1:] == arrays["known"].shape[1:] == (_BITSET,)
            and arrays["places"].shape == self.categorical.shape
        )
        if not whole or not _walkable(arrays, len(self.categorical)):
            raise DamagedArtifact("the trees of the artifact are damaged")


def raw_predictions(state: State, features: Floats) -> Floats:
    """Return (rows, outputs) sums of the baseline and all trees, added up round by round."""
    arrays = state.arrays
    baseline = arrays["baseline"]
    found = np.zeros((len(features), len(baseline)), order="F")
    found += baseline
    matrix = np.ascontiguousarray(features, np.float64)
    known = np.ascontiguousarray(arrays["known"], np.uint32)
    places = np.ascontiguousarray(arrays["places"], np.uint32)
    for number, predictor in enumerate(_predictors(state)):
        found[:, number % len(baseline)] += predictor.predict(matrix, known, places, 1)
    return found


def rounds(state: State) -> int:
    """Return how many rounds of trees a state has."""
    return len(state.arrays["node_ends"]) // len(state.arrays["baseline"])


def first_rounds(state: State, count: int) -> State:
    """Return a state with its first rounds alone."""
    arrays = state.arrays
    trees = count * len(arrays["baseline"])
    nodes, sets = (int(arrays[name][trees - 1]) for name in ("node_ends", "bitset_ends"))
    return replace(
        state,
        arrays={
            **arrays,
            **{name: arrays[name][:nodes] for name in _NODE},
            "node_ends": arrays["node_ends"][:trees],
            "bitsets": arrays["bitsets"][:sets],
            "bitset_ends": arrays["bitset_ends"][:trees],
        },
    )


def _state(estimator: Any, count: int) -> State:
    """Return the trees of an estimator's first rounds as arrays."""
    # scikit-learn has no public way to its trees; the lock file names the version of these names.
    trees = [tree for one in estimator._predictors[:count] for tree in one]
    known, places = estimator._bin_mapper.make_known_categories_bitsets()
    nodes = np.concatenate([tree.nodes for tree in trees])
    bitsets = [tree.raw_left_cat_bitsets.reshape(-1, _BITSET) for tree in trees]
    return Artifact(
        kind=KIND,
        arrays={
            **{name: nodes[name].astype(kind) for name, kind in _NODE.items()},
            "node_ends": np.cumsum([len(tree.nodes) for tree in trees], dtype=np.int64),
            "bitsets": np.concatenate(bitsets).astype(np.uint32),
            "bitset_ends": np.cumsum([len(one) for one in bitsets], dtype=np.int64),
            "baseline": np.asarray(estimator._baseline_prediction, np.float64).reshape(-1),
            "known": known.reshape(-1, _BITSET).astype(np.uint32),
            "places": places.astype(np.uint32),
        },
    )


def _cover(ends: NDArray[Any], length: int) -> bool:
    bounds = np.concatenate([[0], ends])
    return ends.ndim == 1 and bool((np.diff(bounds) >= 0).all()) and int(bounds[-1]) == length


def _walkable(arrays: Any, columns: int) -> bool:
    """Say whether each inner node has two children behind it, a feature, and its bitset."""
    ends = arrays["node_ends"]
    sizes = np.diff(ends, prepend=0)
    if not (sizes > 0).all():
        return False
    place = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - sizes, sizes)
    last = np.repeat(sizes, sizes)
    sets = np.repeat(np.diff(arrays["bitset_ends"], prepend=0), sizes)
    inner = arrays["is_leaf"] == 0
    by_category = inner & (arrays["is_categorical"] != 0)
    feature = arrays["feature_idx"]
    if not ((feature[inner] >= 0) & (feature[inner] < columns)).all():
        return False
    children = [arrays[side][inner] for side in ("left", "right")]
    return bool(
        all(((child > place[inner]) & (child < last[inner])).all() for child in children)
        and (arrays["bitset_idx"][by_category] < sets[by_category]).all()
        and (arrays["places"][feature[by_category]] < max(1, len(arrays["known"]))).all()
        and (not by_category.any() or len(arrays["known"]))
    )


def _predictors(state: State) -> Iterator[TreePredictor]:
    """Yield scikit-learn's predictor of each tree."""
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE  # noqa: PLC0415  # as above
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor  # noqa: PLC0415  # as above

    arrays = state.arrays
    start, first = 0, 0
    for end, last in zip(arrays["node_ends"].tolist(), arrays["bitset_ends"].tolist(), strict=True):
        nodes = np.zeros(end - start, PREDICTOR_RECORD_DTYPE)
        for name in _NODE:
            nodes[name] = arrays[name][start:end]
        bitsets = np.ascontiguousarray(arrays["bitsets"][first:last], np.uint32)
        yield TreePredictor(nodes, bitsets, bitsets)
        start, first = end, last
