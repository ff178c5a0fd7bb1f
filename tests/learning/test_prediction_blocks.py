"""Predictions in blocks of a fixed number of rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from assay.learning.model import Model
from assay.learning.prediction_blocks import predict_blocks
from assay.learning.predictions import ClassPredictions, ValuePredictions, WordPredictions
from assay.learning.rows import TaskType
from tests.support.learning_rows import trained
from tests.support.training_rows import diabetes, digits, invoices, texts

SPLITS = {
    TaskType.TABULAR_CLASSIFICATION: digits,
    TaskType.TABULAR_REGRESSION: diabetes,
    TaskType.TEXT_CLASSIFICATION: texts,
    TaskType.EXTRACTION: invoices,
}


@pytest.fixture(scope="module", params=SPLITS, ids=str)
def model_and_rows(request) -> tuple[Model, pa.RecordBatch]:
    """A model of a task type, and rows that it predicts."""
    splits = SPLITS[request.param]()
    model = trained(request.param, splits["train"].to_batches(), num_train_epochs=1)
    [batch] = splits["test"].combine_chunks().slice(0, 11).to_batches()
    return model, batch


def numbers(found) -> np.ndarray:
    """Return all numbers of predictions, as bytes compare them."""
    if isinstance(found, ValuePredictions):
        return found.values
    return found.probabilities if isinstance(found, ClassPredictions) else found.confidences


def test_a_row_alone_gets_the_bits_that_it_gets_among_others(model_and_rows):
    """How many rows are asked for together changes no bit."""
    model, batch = model_and_rows
    whole = predict_blocks(model, batch, 8)
    alone = [predict_blocks(model, batch.slice(at, 1), 8) for at in range(batch.num_rows)]
    assert list(whole.row_ids) == [row_id for one in alone for row_id in one.row_ids]
    assert numbers(whole).tobytes() == np.concatenate([numbers(one) for one in alone]).tobytes()


def test_blocks_are_put_together_as_one(model_and_rows):
    """What is predicted in blocks is what is predicted at once, but for the last bits."""
    model, batch = model_and_rows
    blocks, once = predict_blocks(model, batch, 4), model.predict(batch)
    np.testing.assert_allclose(numbers(blocks), numbers(once), rtol=1e-4, atol=1e-6)
    if isinstance(once, WordPredictions):
        assert isinstance(blocks, WordPredictions)
        assert (blocks.fields, blocks.labels) == (once.fields, once.labels)
        assert blocks.codes.tolist() == once.codes.tolist()
        assert blocks.offsets.tolist() == once.offsets.tolist()
    if isinstance(once, ClassPredictions):
        assert isinstance(blocks, ClassPredictions)
        assert blocks.record_of.tolist() == once.record_of.tolist()
        np.testing.assert_allclose(
            blocks.chunk_probabilities, once.chunk_probabilities, rtol=1e-4, atol=1e-6
        )
