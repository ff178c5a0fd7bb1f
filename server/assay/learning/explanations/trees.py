"""Exact Shapley values of features of tabular rows, for the trees trained here.

The base is a row that lacks every value: where training rows lacked none, trees send it where most
of them went. Of a coalition of features the others are missing, and a feature's value is the mean
of what it adds over all orders (Shapley, 1953). A leaf is reached where each feature on the way to
it is one of those that the row, or the base, or both agree with; with a features that only the row
does and b that only the base does, it adds

    value / (a * binomial(a + b, a))   to each of the a, and
    -value / (b * binomial(a + b, b))  to each of the b,

which needs one pass over the ways to all leaves (Lundberg et al., 2020, "interventional").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import binom

from assay.learning.boosting import raw_predictions
from assay.learning.explanations.log_odds import class_log_odds, settled_row
from assay.learning.explanations.values import TabularExplanation, feature_values
from assay.learning.learner import State
from assay.learning.model import Model
from assay.learning.tabular_features import TableFeaturizer

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


def explain_rows(
    model: Model, featurizer: TableFeaturizer, batch: pa.RecordBatch, classes: int
) -> Iterator[TabularExplanation]:
    """Yield the explanation of each tabular row, by a model of gradient boosting.

    Args:
        model: The model.
        featurizer: That of the model.
        batch: Canonical rows.
        classes: How many classes of each row are explained.
    """
    block = featurizer.transform(batch)
    features = np.asarray(block.features, np.float64)
    missing = np.full((1, features.shape[1]), np.nan)
    values = raw_predictions(model.state, features)
    start = raw_predictions(model.state, missing)[0]
    columns = featurizer.table.columns
    names = [columns[at].name for at in featurizer.feature_of()]
    ways = Ways.of(model.state)
    labels: list[tuple[str, ...]] = [()] * len(values)
    gradients, bases, totals = np.ones((len(values), 1, 1)), start, values
    if model.labels:
        if values.shape[1] == 1:  # of two classes, the second one's
            values, start = np.insert(values, 0, 0.0, axis=1), np.insert(start, 0, 0.0)
        sigmoids = None if model.calibration is None else model.calibration.records
        found = class_log_odds(values, start, block.record_of, sigmoids, classes)
        gradients, bases, totals = found.gradients, found.bases, found.totals
        labels = [tuple(model.labels[code] for code in row) for row in found.classes]
    bases = np.broadcast_to(bases, totals.shape)
    for row, gradient in enumerate(gradients):
        shares = gradient[:, -ways.outputs :] @ ways.shapley(features[row], missing[0])
        yield TabularExplanation(
            labels=labels[row],
            features=tuple(names),
            values=feature_values(batch, names, row),
            scores=settled_row(shares, totals[row] - bases[row]),
            bases=bases[row],
            totals=totals[row],
        )


@dataclass(frozen=True, kw_only=True)
class Ways:
    """The ways from roots to leaves: their steps, in the order of leaves and features."""

    outputs: int
    columns: int
    left: NDArray[np.bool_]  # (steps,), whether the step goes left
    node: Indices  # (steps,), that it goes from
    groups: Indices  # where the steps of each leaf's each feature start
    feature: Indices  # (groups,)
    leaf: Indices  # (groups,), rising
    leaves: Indices  # where the groups of each leaf start
    value: Floats  # (leaves,)
    output: Indices  # (leaves,)
    turns: Turns

    @classmethod
    def of(cls, state: State) -> Ways:
        """Return the ways of all trees of a state."""
        arrays = state.arrays
        outputs, columns = len(arrays["baseline"]), len(arrays["places"])
        ends = arrays["node_ends"].astype(np.int64)
        sizes = _sizes(ends)
        shift = np.repeat(ends - sizes, sizes)
        inner = np.flatnonzero(arrays["is_leaf"] == 0)
        parent = np.full(len(shift), -1)
        is_left = np.zeros(len(shift), np.bool_)
        for side in ("left", "right"):
            child = arrays[side][inner].astype(np.int64) + shift[inner]
            parent[child] = inner
            is_left[child] = side == "left"
        found = np.flatnonzero((arrays["is_leaf"] != 0) & (parent >= 0))
        leaf, child = _climbed(found, parent)
        node, left = parent[child], is_left[child]
        key = leaf * columns + arrays["feature_idx"][node]
        order = np.argsort(key, kind="stable")
        keys, groups = np.unique(key[order], return_index=True)
        tree = np.repeat(np.arange(len(ends)), sizes)
        return cls(
            outputs=outputs,
            columns=columns,
            left=left[order],
            node=node[order],
            groups=groups,
            feature=keys % columns,
            leaf=keys // columns,
            leaves=np.searchsorted(keys // columns, np.arange(len(found))),
            value=arrays["value"][found].astype(np.float64),
            output=tree[found] % outputs,
            turns=Turns.of(state),
        )

    def shapley(self, row: Floats, base: Floats) -> Floats:
        """Return the (outputs, columns) Shapley values of a row against a base, (columns,) each."""
        if not len(self.leaves):
            return np.zeros((self.outputs, self.columns))
        agrees, bare = (self._agreeing(self.turns.left(values)) for values in (row, base))
        reached = np.logical_and.reduceat(agrees | bare, self.leaves)
        mine, its = agrees & ~bare, bare & ~agrees
        a, b = (np.add.reduceat(which.astype(np.int64), self.leaves) for which in (mine, its))
        ways = binom(a + b, a)
        gain = np.divide(self.value, a * ways, where=reached & (a > 0), out=np.zeros(len(a)))
        loss = np.divide(self.value, b * ways, where=reached & (b > 0), out=np.zeros(len(b)))
        shares = mine * gain[self.leaf] - its * loss[self.leaf]
        place = self.output[self.leaf] * self.columns + self.feature
        found: Floats = np.bincount(place, shares, self.outputs * self.columns).astype(np.float64)
        return found.reshape(self.outputs, self.columns)

    def _agreeing(self, left: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return the groups all of whose steps go where the nodes, given as (nodes,), send."""
        found: NDArray[np.bool_] = np.logical_and.reduceat(
            left[self.node] == self.left, self.groups
        )
        return found


def _sizes(ends: Indices) -> Indices:
    return np.diff(np.concatenate([np.zeros(1, np.int64), ends]))


def _climbed(leaves: Indices, parent: Indices) -> tuple[Indices, Indices]:
    """Return of each step from a root to a leaf the number of the leaf, and the node it leads to."""
    leaf, at = np.arange(len(leaves)), leaves
    numbers, nodes = [leaf], [at]
    while len(at):
        at = parent[at]
        climbs = parent[at] >= 0
        leaf, at = leaf[climbs], at[climbs]
        numbers.append(leaf)
        nodes.append(at)
    return np.concatenate(numbers), np.concatenate(nodes)


@dataclass(frozen=True, kw_only=True)
class Turns:
    """Which way each node of some trees sends a row, as scikit-learn's predictor does."""

    arrays: dict[str, NDArray[Any]]
    bitset: Indices  # (nodes,), of the node's categories, in all bitsets

    @classmethod
    def of(cls, state: State) -> Turns:
        """Return the turns at the nodes of all trees of a state."""
        arrays = dict(state.arrays)
        sizes = _sizes(arrays["node_ends"].astype(np.int64))
        firsts = np.concatenate([[0], arrays["bitset_ends"][:-1]]).astype(np.int64)
        bitset = np.repeat(firsts, sizes) + arrays["bitset_idx"]
        return cls(arrays=arrays, bitset=bitset)

    def left(self, row: Floats) -> NDArray[np.bool_]:
        """Return the (nodes,) nodes that send a row, (columns,), to the left."""
        arrays = self.arrays
        feature = np.where(arrays["is_leaf"] == 0, arrays["feature_idx"], 0)
        value = row[feature]
        left = value <= arrays["num_threshold"]
        lost = np.isnan(value)
        by_category = np.flatnonzero((arrays["is_categorical"] != 0) & ~lost)
        if len(by_category):
            code = value[by_category].astype(np.int64)
            known = _holds(arrays["known"], arrays["places"][feature[by_category]], code)
            left[by_category] = _holds(arrays["bitsets"], self.bitset[by_category], code)
            lost[by_category] = ~left[by_category] & ~known
        found: NDArray[np.bool_] = np.where(lost, arrays["missing_go_to_left"] != 0, left)
        return found


def _holds(bitsets: NDArray[Any], which: NDArray[Any], code: Indices) -> NDArray[np.bool_]:
    """Return whether each of some bitsets holds a number from 0 to 255."""
    words = bitsets[which, code // 32].astype(np.int64)
    found: NDArray[np.bool_] = (words >> (code % 32)) & 1 > 0
    return found
