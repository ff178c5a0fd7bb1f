"""Trained models predict rows."""

from __future__ import annotations

import numpy as np
import pytest

from assay.learning.predictions import Predictions, ValuePredictions, WordPredictions
from assay.learning.rows import TaskType
from tests.support.learning_rows import trained
from tests.support.training_rows import diabetes, digits, texts

SPLITS = {
    TaskType.TABULAR_CLASSIFICATION: digits,
    TaskType.TABULAR_REGRESSION: diabetes,
    TaskType.TEXT_CLASSIFICATION: texts,
}


def numbers(found: Predictions) -> np.ndarray:
    """Return the numbers of predictions of one number or of classes."""
    assert not isinstance(found, WordPredictions)
    return found.values if isinstance(found, ValuePredictions) else found.probabilities


@pytest.mark.parametrize(
    ("task_type", "algorithm"),
    [(task_type, "linear") for task_type in SPLITS]
    + [(task_type, "gradient_boosting") for task_type in SPLITS if task_type.is_tabular],
)
def test_a_row_alone_gets_the_bits_that_it_gets_among_others(task_type, algorithm):
    """How many rows are predicted together changes no bit, of any family."""
    splits = SPLITS[task_type]()
    given = {"algorithm": algorithm} if task_type.is_tabular else {}
    model = trained(task_type, splits["train"].to_batches(), num_train_epochs=2, **given)
    [batch] = splits["test"].combine_chunks().slice(0, 11).to_batches()
    whole = numbers(model.predict(batch))
    alone = [numbers(model.predict(batch.slice(at, 1))) for at in range(batch.num_rows)]
    assert whole.tobytes() == np.concatenate(alone).tobytes()
