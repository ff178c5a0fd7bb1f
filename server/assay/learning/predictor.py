"""The protocol of whatever predicts rows: a model that was trained here, or one from elsewhere."""

from __future__ import annotations

from typing import Any, Protocol

import pyarrow as pa

from assay.learning.predictions import Predictions
from assay.learning.rows import TaskType


class Predictor(Protocol):
    """Canonical rows of one task type in, their predictions out.

    What a row gets does not depend on the rows beside it, to the bit where a predictor says so.
    """

    @property
    def task_type(self) -> TaskType:
        """What is predicted, and of which rows."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes in their order; of an extraction with OUTSIDE; empty of a regression."""

    @property
    def features(self) -> tuple[pa.Field[Any], ...]:
        """The feature columns that tabular rows have, float64 or string; empty: of other rows."""

    def predict(self, batch: pa.RecordBatch) -> Predictions:
        """Return the predictions of canonical rows, with or without answers.

        Raises DataError for rows that nothing can be predicted of; it names the row where one is
        to blame.
        """
