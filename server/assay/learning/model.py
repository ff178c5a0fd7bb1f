"""A trained model: rows in, predictions out; one artifact, content-hashed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay import records
from assay.learning import artifact as artifacts
from assay.learning.artifact import Artifact
from assay.learning.calibration import Calibration
from assay.learning.errors import DamagedArtifact
from assay.learning.families import family_of
from assay.learning.hyperparameters import Hyperparameters
from assay.learning.learner import Featurizer, State
from assay.learning.predictions import Predictions
from assay.learning.rows import CATEGORY, NUMBER, TaskType
from assay.learning.sparse_weights import compact, expanded
from assay.learning.tabular_features import NumberColumn, TableColumns, TableFeaturizer

KIND = "model"


@dataclass(frozen=True, kw_only=True)
class Model:
    """Everything that a prediction needs."""

    hyperparameters: Hyperparameters
    featurizer: Featurizer
    state: State  # finished
    calibration: Calibration | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the classes in their order; empty for a regression."""
        return self.featurizer.labels

    @property
    def task_type(self) -> TaskType:
        """Return what is predicted."""
        return self.hyperparameters.task_type

    @property
    def features(self) -> tuple[pa.Field[Any], ...]:
        """Return the feature columns of tabular rows; empty of others."""
        table = getattr(self.featurizer, "table", None)
        if not isinstance(table, TableColumns):
            return ()
        return tuple(
            pa.field(one.name, NUMBER if isinstance(one, NumberColumn) else CATEGORY)
            for one in table.columns
        )

    def predict(self, batch: pa.RecordBatch) -> Predictions:
        """Return the predictions of canonical rows, with or without answers.

        Raises DataError for rows that nothing can be predicted of.
        """
        learner = family_of(self.hyperparameters).learner(self.featurizer)
        return learner.predict(self.state, self.featurizer.transform(batch), self.calibration)

    def predict_numbers(self, raw: NDArray[np.float64]) -> Predictions:
        """Return the predictions of (rows, features) numbers, with the bits that `predict` has.

        It is of tables without a category; rows are called by their numbers. Raises DataError as
        `predict` does.
        """
        assert isinstance(self.featurizer, TableFeaturizer), "of tables alone"
        learner = family_of(self.hyperparameters).learner(self.featurizer)
        block = self.featurizer.transform_numbers(raw)
        return learner.predict(self.state, block, self.calibration)

    def encode(self) -> bytes:
        """Return the model as the canonical bytes of an artifact."""
        parts = {"featurizer": self.featurizer.artifact(), "state": compact(self.state)}
        if self.calibration is not None:
            parts["calibration"] = self.calibration.artifact()
        facts = {
            "task_type": self.hyperparameters.task_type,
            "hyperparameters": self.hyperparameters.values,
        }
        return artifacts.encode(artifacts.merged(KIND, facts, parts))

    @classmethod
    def decode(cls, data: bytes | memoryview) -> Model:
        """Return the model that `encode` wrote; its arrays are views of `data`.

        Raises DamagedArtifact when the bytes are no model, of whatever form.
        """
        whole = artifacts.decode(data, KIND)
        try:
            return cls._read(whole)
        except (KeyError, ValueError, TypeError, IndexError, records.DamagedRecord) as error:
            raise DamagedArtifact(f"the artifact is no model: {error}") from error

    @classmethod
    def _read(cls, whole: Artifact) -> Model:
        hyperparameters = records.convert(
            Hyperparameters,
            {"task_type": whole.facts["task_type"], "values": whole.facts["hyperparameters"]},
        )
        family = family_of(hyperparameters)
        calibration = None
        if "calibration" in whole.facts:
            calibration = Calibration.read(whole.part("calibration", "calibration"))
        model = cls(
            hyperparameters=hyperparameters,
            featurizer=family.read_featurizer(whole.part("featurizer", "featurizer")),
            state=expanded(whole.part("state", "state")),
            calibration=calibration,
        )
        family.learner(model.featurizer).check(model.state)
        return model
