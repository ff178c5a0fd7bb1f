"""The learner of extraction: a linear-chain conditional random field, trained by minibatches.

The emissions of a word are its weighted features; transitions into a new cell of the page are
others than those inside of one, so that values side by side stay two; both have a part in common,
which is all that words without boxes have. What is minimised is the negative log-likelihood
of the windows' labels, divided by their words; what is reported is the mean of -log p over words,
p being the marginal probability of the true label. Under loss_type "ce_ins" a window counts as
much as its words do on average. Steps are those of AdamW:

    step = learning_rate * factor of the schedule * 2000

A word of several windows has the mean of its emissions; labels are the best path through the
whole record, and confidences its marginal probabilities.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from assay.learning.adam import Adam
from assay.learning.artifact import Artifact, unpack_texts
from assay.learning.calibration import Calibration
from assay.learning.chain import Chains, Floats, Indices, Marginals, best_paths, marginals
from assay.learning.descent import KIND, mask_of, stored, trainable
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
from assay.learning.linear import MAX_WEIGHTS, check_weights, product
from assay.learning.predictions import WordPredictions
from assay.learning.schedule import Schedule
from assay.learning.window_order import STEPS, WINDOWS, WindowSample, window_batches, window_count
from assay.learning.word_features import NEXT_CELL
from assay.learning.word_fields import predicted_fields

# Of a block's extras, beside those of `window_order`:
WORD_OF: Final = "word_of"  # (entries,), the number of each entry's word
OFFSETS: Final = "offsets"  # (records + 1,), where each record's words start
TEXTS: Final = "texts"  # the words, packed

KINDS: Final = 3  # of transitions: of all words, and what those of INSIDE and NEXT_CELL add
STEP: Final = 2000.0  # of Adam, at learning_rate 1
_TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, kw_only=True, eq=False)
class WordTagger:
    """A chain of labels."""

    hyperparameters: Hyperparameters
    columns: int
    labels: tuple[str, ...]
    possible: NDArray[np.bool_]  # (labels, labels), which may follow which
    class_weights: Floats  # (labels,)

    def __post_init__(self) -> None:
        weights = self.columns * len(self.labels)
        if weights > MAX_WEIGHTS:
            raise DataError(
                f"{len(self.labels)} labels times {self.columns} features are {weights} weights; at"
                f" most {MAX_WEIGHTS} are allowed. Use fewer labels, or raise min_document_frequency"
            )

    def start(self, seed: int) -> State:
        """Return weights of zero."""
        size = len(self.labels)
        return Artifact(
            kind=KIND,
            facts={"seed": seed, "steps": 0},
            arrays={
                "weights": np.zeros((self.columns, size), np.float32),
                "intercepts": np.zeros(size, np.float32),
                "transitions": np.zeros((KINDS, size, size), np.float32),
            },
        )

    @np.errstate(invalid="ignore", over="ignore", divide="ignore")  # found when it ends
    def epoch(self, state: State, blocks: Blocks, number: int) -> tuple[State, float]:
        """Return the state after one pass over the blocks, and the mean loss while it ran.

        Raises Diverged when the weights are no longer finite, DataError when no word has a label.
        """
        given = self.hyperparameters
        size = given.integer("batch_size") * given.integer("gradient_accumulation_steps")
        schedule = Schedule.of(given, -(-window_count(blocks) // size))
        adam, pattern = self._optimizer(state)
        loss, weight = 0.0, 0.0
        seed = int(state.facts["seed"])
        for batch in window_batches(blocks, size=size, seed=seed, epoch=number):
            sample = _labelled(batch)
            if not len(sample.targets):
                continue
            rate = given.number("learning_rate") * STEP * schedule.factor(adam.steps)
            columns, compact = _used(sample.features)
            sample = replace(sample, features=compact)
            gradients, losses, weights = self._gradients(adam, sample, columns)
            adam.step(gradients, dict.fromkeys(gradients, rate), {"weights": columns})
            loss += float((losses * weights).sum())
            weight += float(weights.sum())
        if not weight:
            raise DataError("no word of the training split has a known label")
        if not (math.isfinite(loss) and adam.is_finite):
            raise Diverged(number)
        return self._state(state, adam, pattern), loss / weight

    def loss(self, state: State, blocks: Blocks) -> float:
        """Return the mean loss of the words that have a known label; NaN when none has one."""
        losses: list[float] = []
        weights: list[float] = []
        for block in blocks:
            known = np.flatnonzero(block.targets != UNKNOWN)
            chains = Chains(block.extras[WINDOWS], block.extras[STEPS])
            found = self._marginals(state, _emissions(state, block.features), chains)
            targets = block.targets[known]
            theirs = self.class_weights[targets]
            right = found.labels[known, targets]
            losses += (-np.log(np.maximum(right, _TINY)) * theirs).tolist()
            weights += theirs.tolist()
        return math.fsum(losses) / math.fsum(weights) if losses else math.nan

    def probabilities(self, state: State, block: FeatureBlock) -> Floats:
        """Return the (words, labels) marginal probabilities of a block's words."""
        return self._marginals(state, _of_words(state, block), _records(block)).labels

    def predict(
        self, state: State, block: FeatureBlock, calibration: Calibration | None = None
    ) -> WordPredictions:
        """Return the labels and fields of a block's records.

        A calibration, of the probabilities of words, changes confidences and no label.
        """
        emissions = _of_words(state, block)
        offsets = block.extras[OFFSETS]
        chains = _records(block)
        codes = best_paths(emissions, self._transitions(state), chains)
        shares = self._marginals(state, emissions, chains).labels
        if calibration is not None:
            shares = calibration.chunks.apply(shares)
        confidences = shares[np.arange(len(codes)), codes]
        texts = unpack_texts(block.extras[f"{TEXTS}.bytes"], block.extras[f"{TEXTS}.ends"])
        return WordPredictions(
            row_ids=tuple(block.row_ids),
            labels=self.labels,
            codes=codes,
            offsets=offsets,
            confidences=confidences,
            fields=predicted_fields(codes, confidences, texts, offsets, self.labels),
        )

    def finish(self, state: State) -> State:
        """Return the weights alone."""
        keep = {
            name: array
            for name, array in state.arrays.items()
            if name.partition(".")[0] in {"weights", "intercepts", "transitions"}
        }
        return Artifact(kind=KIND, arrays=keep, libraries=state.libraries)

    def check(self, state: State) -> None:
        """Raise DamagedArtifact unless the state has weights of these features and labels."""
        size = len(self.labels)
        check_weights(state, self.columns, size)
        if state.arrays["transitions"].shape != (KINDS, size, size):
            raise DamagedArtifact("the model's transitions are not those of its labels")

    def _transitions(self, state: State) -> Floats:
        return self._possible(state.arrays["transitions"])

    def _possible(self, transitions: NDArray[Any]) -> Floats:
        """Return those of each kind of step; those that are not possible are -inf."""
        wide = transitions.astype(np.float64)
        wide[1:] += wide[0]
        found: Floats = np.where(self.possible, wide, -np.inf)
        return found

    def _marginals(self, state: State, emissions: Floats, chains: Chains) -> Marginals:
        return marginals(emissions, self._transitions(state), chains)

    def _gradients(
        self, adam: Adam, sample: WindowSample, columns: Indices
    ) -> tuple[dict[str, NDArray[Any]], Floats, Floats]:
        """Return the gradients of a batch, and the losses and weights of its words.

        The batch has the features `columns` alone, and so has the gradient of the weights.
        """
        values, targets = adam.values, sample.targets
        words, lengths = np.arange(len(targets)), np.diff(sample.starts)
        emissions = np.asarray(sample.features @ values["weights"][columns]) + values["intercepts"]
        allowed = self._possible(values["transitions"])
        weights = self.class_weights[targets]
        of_window = np.add.reduceat(weights, sample.starts[:-1]) / lengths
        scale = np.repeat(of_window, lengths)
        found = marginals(
            emissions.astype(np.float64), allowed, Chains(sample.starts, sample.steps), scale
        )
        losses = -np.log(np.maximum(found.labels[words, targets], _TINY))
        errors = found.labels.copy()
        errors[words, targets] -= 1.0
        errors *= (scale / len(words))[:, np.newaxis]
        follows = np.ones(len(words), np.bool_)
        follows[sample.starts[:-1]] = False
        second = np.flatnonzero(follows)
        pairs = found.pairs
        places = (sample.steps[second], targets[second - 1], targets[second])
        np.subtract.at(pairs, places, scale[second])
        pairs[0] = pairs.sum(axis=0)
        narrow = errors.astype(np.float32)
        gradients = {
            "weights": np.asarray(sample.features.T @ narrow),
            "intercepts": errors.sum(axis=0).astype(np.float32),
            "transitions": (np.where(self.possible, pairs, 0) / len(words)).astype(np.float32),
        }
        return gradients, losses, weights

    def _optimizer(self, state: State) -> tuple[Adam, sparse.csr_array | None]:
        """Return Adam where a state left off, and of a pruned model the weights that it kept."""
        weights, pattern = trainable(state)
        values: dict[str, NDArray[Any]] = {
            "weights": weights,
            "intercepts": state.arrays["intercepts"],
            "transitions": state.arrays["transitions"],
        }
        adam = Adam(
            self.hyperparameters,
            values,
            moments=state.arrays,
            steps=int(state.facts.get("steps", 0)),
            decayed=frozenset({"weights"}),
            masks={} if pattern is None else {"weights": mask_of(pattern)},
        )
        return adam, pattern

    def _state(self, state: State, adam: Adam, pattern: sparse.csr_array | None) -> State:
        others = {name: array for name, array in adam.values.items() if name != "weights"}
        return Artifact(
            kind=KIND,
            facts={**state.facts, "steps": adam.steps},
            arrays={**stored(adam.values["weights"], pattern), **others, **adam.moments},
        )


def _used(features: Matrix) -> tuple[Indices, sparse.csr_array]:
    """Return which columns of a batch are not empty, and the batch with these alone."""
    matrix = sparse.csr_array(features)
    used = np.zeros(matrix.shape[1], np.bool_)
    used[matrix.indices] = True
    columns = np.flatnonzero(used)
    place = np.cumsum(used, dtype=np.int32) - np.int32(1)
    compact = (matrix.data, place[matrix.indices], matrix.indptr)
    return columns, sparse.csr_array(compact, shape=(matrix.shape[0], len(columns)))


def _emissions(state: State, features: Matrix) -> Floats:
    """Return (entries, labels) weighted features; a row's bits do not depend on others."""
    found = product(features, unpack_matrix("weights", state)) + state.arrays["intercepts"]
    wide: Floats = found.astype(np.float64)
    return wide


def _of_words(state: State, block: FeatureBlock) -> Floats:
    """Return the (words, labels) means of each word's emissions over its windows."""
    emissions = _emissions(state, block.features)
    word_of: Indices = block.extras[WORD_OF]
    count = int(block.extras[OFFSETS][-1])
    if len(word_of) == count:  # no record has a second window
        return emissions
    sums = np.zeros((count, emissions.shape[1]))
    np.add.at(sums, word_of, emissions)
    return sums / np.bincount(word_of, minlength=count)[:, np.newaxis]


def _records(block: FeatureBlock) -> Chains:
    """Return the chains of whole records; a word that starts a window alone starts no cell."""
    steps = np.full(int(block.extras[OFFSETS][-1]), NEXT_CELL, np.uint8)
    np.minimum.at(steps, block.extras[WORD_OF], block.extras[STEPS])
    return Chains(block.extras[OFFSETS], steps)


def _labelled(sample: WindowSample) -> WindowSample:
    """Return the windows whose words all have a known label."""
    unknown = sample.targets == UNKNOWN
    if not unknown.any():
        return sample
    bad = np.add.reduceat(unknown, sample.starts[:-1], dtype=np.int64) > 0
    return sample.chosen(np.flatnonzero(~bad))
