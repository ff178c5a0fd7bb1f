"""The protocols of a family of models: summaries of rows, featurizers and learners.

A job trains in this order, block by block, so that its memory does not grow with the rows:

1. `family.summarize(batch)` of each block of the training split, and `family.merge` of all;
2. `family.featurizer(summary)`, and `featurizer.transform(batch)` of each block of each split;
3. `family.learner(featurizer)`: one epoch after the other when it is an EpochLearner, else `fit`;
4. `learner.finish(state)`, and calibration of the validation split's predictions;
5. `Model(family, featurizer, state, calibration)`.

Everything that is handed on between processes is an Artifact, or has a method that makes one.
Equal rows, hyperparameters and seeds give equal bits; neither how rows are cut into blocks nor
how summaries are merged changes any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay.learning.artifact import Artifact
from assay.learning.calibration import Calibration
from assay.learning.feature_block import Blocks, FeatureBlock
from assay.learning.predictions import Predictions

State = Artifact  # of a learner: what it has learned, and until `finish` what it needs to go on
Summary = Artifact  # of a family: counts and exact sums of rows, which merge in any order


class Featurizer(Protocol):
    """The step from rows to features, fitted to the summary of the training split."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the classes in their order; empty for a regression."""

    @property
    def columns(self) -> int:
        """Return the number of features."""

    def transform(self, batch: pa.RecordBatch) -> FeatureBlock:
        """Return the features of rows; targets are UNKNOWN where rows have no label.

        Raises DataError for rows that nothing can be predicted of.
        """

    def select(self, columns: NDArray[np.int64]) -> Featurizer:
        """Return the featurizer that makes these features alone (rising), in their order."""

    def artifact(self) -> Artifact:
        """Return what `Family.read_featurizer` reads."""


class Learner(Protocol):
    """The step from features to predictions."""

    def loss(self, state: State, blocks: Blocks) -> float:
        """Return the mean loss of the chunks that have a target; NaN when none has one."""

    def predict(
        self, state: State, block: FeatureBlock, calibration: Calibration | None = None
    ) -> Predictions:
        """Return the predictions of a block's records."""

    def finish(self, state: State) -> State:
        """Return what of the state predictions need."""

    def check(self, state: State) -> None:
        """Raise DamagedArtifact unless `state`, which was read, is a finished one of this learner."""


@runtime_checkable
class EpochLearner(Learner, Protocol):
    """A learner that goes through the training split once an epoch."""

    def start(self, seed: int) -> State:
        """Return the state before the first epoch."""

    def epoch(self, state: State, blocks: Blocks, number: int) -> tuple[State, float]:
        """Return the state after epoch `number`, from 1, and the mean loss while it ran."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The outcome of training in one go: the state, and losses after each round."""

    state: State
    train_losses: tuple[float, ...]
    validation_losses: tuple[float, ...]  # as many, or none without validation rows


@runtime_checkable
class WholeLearner(Learner, Protocol):
    """A learner that needs all rows at once; its rounds count as epochs."""

    def fit(self, blocks: Blocks, validation: Blocks, seed: int) -> Fit:
        """Return the trained state; raises DataError for more rows than it may hold."""


class Family(Protocol):
    """What trains models of one kind with resolved hyperparameters."""

    def summarize(self, batch: pa.RecordBatch) -> Summary:
        """Return the summary of training rows; raises DataError for rows that break a rule."""

    def merge(self, summaries: Sequence[Summary]) -> Summary:
        """Return the summary of all rows; the order of the summaries changes no bit."""

    def featurizer(self, summary: Summary, labels: Sequence[str] = ()) -> Featurizer:
        """Return the featurizer of the training split.

        `labels` are the declared classes in their order; without them they are those of the
        summary, sorted. Raises DataError when nothing can be learned: no rows, one class alone,
        a declared class without rows, rows of a class that is not declared.
        """

    def learner(self, featurizer: Featurizer) -> EpochLearner | WholeLearner:
        """Return the learner of the featurizer's features."""

    def read_featurizer(self, artifact: Artifact) -> Featurizer:
        """Return the featurizer that an artifact holds; raises DamagedArtifact."""
